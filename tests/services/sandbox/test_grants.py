"""Declared permissions: what they grant, and what cannot be declared."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.services.problem import Problem
from codexplus_core.services.sandbox.grants import PROTECTED, BadPermission, Grants, grants_for, permission_fault

PROJECT, HOME = Path("/p"), Path("/home/me")


@pytest.mark.req("H7")
def test_each_permission_grants_what_it_says() -> None:
    found = grants_for(
        ["run:prettier", "run:git", "read_repo", "read:~/notes/**", "write:dist/**", "write:*.log", "net",
         "read_env:GITHUB_TOKEN"],
        PROJECT,
        HOME,
    )  # fmt: skip

    assert found == Grants(
        project=PROJECT, home=HOME, run=("prettier", "git"), read=("~/notes/**",), write=("dist/**", "*.log"),
        read_repo=True, environment=("GITHUB_TOKEN",), net=True,
    )  # fmt: skip


def test_nothing_declared_is_nothing_granted() -> None:
    assert grants_for([], PROJECT, HOME) == Grants(project=PROJECT, home=HOME)


def test_writing_the_repository_includes_reading_it() -> None:
    assert grants_for(["write_repo"], PROJECT, HOME).read_repo


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("everything", "not known; use run:PROGRAM"),
        ("run:", "not known"),
        ("run", "not known"),
        ("net:example.com", "not known"),
        ("READ_REPO", "not known"),
        ("read:/", "the whole disk or home"),
        ("read:/**", "the whole disk or home"),
        ("write:~/", "the whole disk or home"),
        ("read:~/**", "the whole disk or home"),
        ("read:../other", "'..'"),
        ("write:src/../../x", "'..'"),
        ("read:~root/.ssh", "'~user'"),
        ("read:a\nb", "line break"),
        ("read_env:LD_PRELOAD", "changes what programs load"),
        ("read_env:PATH", "changes what programs load"),
        ("read_env:A B", "changes what programs load"),
    ],
)
def test_what_means_nothing_or_too_much_is_refused_with_its_text(text: str, why: str) -> None:
    with pytest.raises(BadPermission, match=r"^permission ") as caught:
        grants_for([text], PROJECT, HOME)

    assert why in str(caught.value)
    assert repr(text) in str(caught.value)
    assert isinstance(caught.value, Problem)


@pytest.mark.abuse("B14")
@pytest.mark.parametrize("name", PROTECTED)
@pytest.mark.parametrize("shape", ["{}", "{}/settings.json", "sub/{}/**", "~/{}/x", "/p/{}"])
def test_protected_names_cannot_be_declared_writable(name: str, shape: str) -> None:
    for text in (shape.format(name), shape.format(name.upper())):
        with pytest.raises(BadPermission, match="may never be written"):
            grants_for([f"write:{text}"], PROJECT, HOME)
        grants_for([f"read:{text}"], PROJECT, HOME)


@pytest.mark.parametrize("text", ["read_repo", "write_repo", "read:docs", "write:*.log"])
def test_without_a_project_nothing_of_it_can_be_declared(text: str) -> None:
    with pytest.raises(BadPermission, match="no project here"):
        grants_for([text], None, HOME)


@given(st.lists(st.text(max_size=30), max_size=4))
def test_any_text_is_a_grant_or_a_bad_permission(permissions: list[str]) -> None:
    try:
        found = grants_for(permissions, PROJECT, HOME)
    except BadPermission:
        return
    assert len(found.run) + len(found.read) + len(found.write) + len(found.environment) <= len(permissions)


@pytest.mark.parametrize("permission", ["run:x", "read_repo", "read:a/**", "write:a", "read_env:TOKEN", "net"])
def test_what_may_be_declared_has_no_fault(permission: str) -> None:
    assert permission_fault(permission) == ""


def test_a_permission_that_nobody_grants_is_told_with_those_that_there_are() -> None:
    assert "not known; use run:PROGRAM" in (said := permission_fault("frob")) and "notify" in said
    assert "changes what programs load" in permission_fault("read_env:HOME")
