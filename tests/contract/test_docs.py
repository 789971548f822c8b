"""The documents: links lead somewhere, examples parse, commands exist and are the ones that are run."""

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


def anchors(path: Path) -> set[str]:
    """The fragments that the headings of a document can be linked by."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_to_a_heading_find_it(path: Path) -> None:
    links = [link.split("#") for link in LINK.findall(path.read_text(encoding="utf-8")) if "#" in link]

    lost = [
        f"{target}#{fragment}"
        for target, fragment in links
        if "://" not in target and fragment not in anchors(path.parent / target if target else path)
    ]

    assert lost == []


def test_every_document_is_reachable_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md" or not path.exists():
            continue
        reached.add(path)
        waiting += [(path.parent / link.split("#")[0]).resolve() for link in LINK.findall(path.read_text("utf-8"))]

    missed = [place(path) for path in DOCUMENTS if path.parent == ROOT / "docs" and path not in reached]

    assert missed == []


TWO_LINES = (
    "-m venv .venv && .venv/bin/pip install -q . && .venv/bin/codex-plus demo",
    "-m venv .venv && .venv/bin/pip install -q -r requirements-dev.txt && .venv/bin/python -m pytest -n auto",
)


def test_the_readme_has_the_two_lines_each_alone_on_its_line() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if "-m venv" in line] == [f"    python3 {command}" for command in TWO_LINES]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", ".ci/run"])
def test_the_documented_set_up_is_the_one_that_is_run(name: str) -> None:
    assert TWO_LINES[1] in (ROOT / name).read_text(encoding="utf-8")


def shown_commands(path: Path) -> list[tuple[str, list[str]]]:
    """Each `codex-plus COMMAND` in code (fenced, indented or in backticks) with the options behind it."""
    text = path.read_text(encoding="utf-8")
    code = [block for _, block in FENCE.findall(text)] + re.findall(r"^ {4}.*$", text, re.MULTILINE)
    code += re.findall(r"`([^`\n]+)`", text)
    return [
        (found[1], re.findall(r"--[a-z-]+", found[2].split(" -- ")[0].split("#")[0]))
        for line in "\n".join(code).splitlines()
        if (found := re.search(r"(?<![\w-])codex-plus ([a-z]+)\b(.*)", line))
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_command_that_is_shown_exists(path: Path) -> None:
    # docs/command-line.md itself is held against the code in test_docs_reference.py; plugins document their own.
    listed = "\n".join(document.read_text(encoding="utf-8") for document in sorted((ROOT / "docs").rglob("*.md")))
    known = {
        title.partition(" ")[0]: set(re.findall(r"^\| `(--[a-z-]+)", text, re.MULTILINE)) | {"--help"}
        for title, text in re.findall(r"^## codex-plus (.+?)\n(.*?)(?=^## |\Z)", listed, re.MULTILINE | re.DOTALL)
    }

    wrong = [
        f"codex-plus {command} {' '.join(options)}"
        for command, options in shown_commands(path)
        if command not in known or not set(options) <= known[command]
    ]

    assert wrong == []


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
