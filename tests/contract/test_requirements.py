"""Requirement ids and tests name each other."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from contract.source_tree import ROOT, files_of_tests, place, tree

LISTED = tomllib.loads((ROOT / "tests/requirements.toml").read_text(encoding="utf-8"))
MARKS = ("req", "wire")


def marks(path: Path, kind: str) -> list[tuple[str, str]]:
    """Every (id, place) that ``pytest.mark.<kind>(...)`` names in the file, wherever the mark stands."""
    found = []
    for node in ast.walk(tree(path)):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) in (f"pytest.mark.{kind}", f"mark.{kind}")):
            continue
        for arg in node.args:
            found.append((str(arg.value) if isinstance(arg, ast.Constant) else ast.unparse(arg), place(path, node)))
    return found


@pytest.mark.parametrize("kind", MARKS)
def test_every_id_that_a_test_names_is_listed(kind: str) -> None:
    known = {**LISTED[kind]["shown"], **LISTED[kind]["later"]}

    unknown = [
        f"{where} names {name}" for path in files_of_tests() for name, where in marks(path, kind) if name not in known
    ]

    assert unknown == []


@pytest.mark.parametrize("kind", MARKS)
def test_every_id_that_is_claimed_has_a_test(kind: str) -> None:
    named = {name for path in files_of_tests() for name, _ in marks(path, kind)}

    missing = [f"{name}: {text}" for name, text in LISTED[kind]["shown"].items() if name not in named]

    assert missing == []


@pytest.mark.parametrize("kind", MARKS)
def test_no_id_is_both_claimed_and_put_off(kind: str) -> None:
    assert set(LISTED[kind]["shown"]) & set(LISTED[kind]["later"]) == set()


def test_abuse_cases_are_named_by_a_letter_and_two_digits() -> None:
    wrong = [
        f"{where} names {name}"
        for path in files_of_tests()
        for name, where in marks(path, "abuse")
        if not re.fullmatch(r"[A-I]\d\d", name)
    ]

    assert wrong == []
