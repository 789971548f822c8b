"""The documents: links lead somewhere, examples parse, commands are the ones that are run."""

from __future__ import annotations

import ast
import json
import re
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from contract.source_tree import ROOT, place, repository_files

DOCUMENTS = [path for path in repository_files() if path.suffix == ".md"]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name_of(path: Path) -> str:
    return place(path)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_within_the_repository_lead_somewhere(path: Path) -> None:
    targets = [link.split("#")[0] for link in LINK.findall(path.read_text(encoding="utf-8"))]

    dead = [target for target in targets if target and "://" not in target and not (path.parent / target).exists()]

    assert dead == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_fenced_examples_parse(path: Path) -> None:
    parsers: dict[str, Callable[[str], object]] = {"python": ast.parse, "toml": tomllib.loads, "json": json.loads}

    for language, text in FENCE.findall(path.read_text(encoding="utf-8")):
        if language in parsers:
            parsers[language](textwrap.dedent(text))


def test_the_documented_set_up_is_the_one_that_is_run() -> None:
    command = "-m venv .venv && .venv/bin/pip install -q -r requirements-dev.txt && .venv/bin/python -m pytest"

    for name in ("CONTRIBUTING.md", ".ci/run"):
        assert command in (ROOT / name).read_text(encoding="utf-8"), name


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
