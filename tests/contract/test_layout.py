"""The repository's shape: distributions, versions, file sizes, and that it stands alone."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from contract.source_tree import PLUGINS, ROOT, core_files, place, plugin_files, repository_files

LONGEST = 300
LONG_FOR_A_REASON: dict[str, int] = {}
"""File: the length it may have. Each needs a word about why it is one noun all the same."""


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def test_most_files_stay_short() -> None:
    wrong = []
    for path in core_files() + [path for name in PLUGINS for path in plugin_files(name)]:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines >= LONG_FOR_A_REASON.get(place(path), LONGEST):
            wrong.append(f"{place(path)} has {lines} lines")

    assert wrong == []


@pytest.mark.req("D4")
def test_the_top_level_is_the_agreed_one() -> None:
    agreed = ["src/codexplus_core/__init__.py", "plugins", "tests", "pyproject.toml", "noxfile.py"]

    missing = [name for name in agreed if not (ROOT / name).exists()]

    assert missing == []


@pytest.mark.req("D4")
def test_the_core_is_built_on_the_agreed_packages() -> None:
    declared = {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in project(ROOT)["project"]["dependencies"]}

    assert {"starlette", "hypercorn", "curl_cffi", "pluggy", "ruamel.yaml", "structlog"} <= declared


@pytest.mark.req("D2")
@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_is_a_distribution_of_its_own(name: str) -> None:
    declared = project(ROOT / "plugins" / name)["project"]

    assert declared["name"] == f"codex-plus-{name}"
    assert declared["entry-points"] == {"codexplus.plugins": {name: f"codexplus_{name}.plugin"}}
    assert any(line.startswith("codex-plus>=") for line in declared["dependencies"])
    assert (ROOT / "plugins" / name / "README.md").is_file()
    assert (ROOT / "plugins" / name / f"src/codexplus_{name}/py.typed").is_file()


@pytest.mark.req("D2")
def test_the_core_depends_on_no_plugin() -> None:
    declared = project(ROOT)["project"]["dependencies"]

    assert [line for line in declared if line.startswith("codex-plus")] == []


def test_all_distributions_have_one_version_and_the_extras_pin_it() -> None:
    root = project(ROOT)["project"]
    versions = {name: project(ROOT / "plugins" / name)["project"]["version"] for name in PLUGINS}

    assert versions == dict.fromkeys(PLUGINS, root["version"])
    for name in PLUGINS:
        assert root["optional-dependencies"][name] == [f"codex-plus-{name}=={root['version']}"]
    assert root["optional-dependencies"]["all"] == [f"codex-plus[{','.join(PLUGINS)}]"]


# Written apart so that this file does not find itself.
FOREIGN = {
    "a workspace's path": r"(?<![\w.~-])/(?:"
    + "|".join(("tmp/" + "lab", "wo" + "rk/(?:main|shared)", "ro" + r"ot/(?!NAME|helper|task|[{])", "mnt/" + "data"))
    + ")",
    "a path out of the repository": r"(?:\.\./)+" + "shared/",
    "somebody's home": r"/(?:home|Users)/(?!(?:user|me|you|someone|ann|bob|dev|x|u)\b)[a-z][\w.-]*",
    "a package index": "|".join(
        (
            "py" + r"pi\.org",
            "python" + r"hosted\.org",
            "registry" + r"\.npm",
            "npm" + r"mirror",
            "arti" + "factory",
            "py" + "pi-mirror",
        )
    ),
    "talk about how it was written": r"(?i)"
    + "|".join(
        (
            r"\bas an a" + r"i\b",
            r"\bmy (?:br" + r"ief|task)\b",
            r"\bthe br" + r"ief (?:says|asks|wants)\b",
            r"\bin this ses" + r"sion i\b",
            r"\b(?:next|previous) iss" + r"ue\b",
            r"\bissues? show" + r" \d",
            r"\bhelper a" + r"gent",
            r"\bclaude\.ai/" + r"code\b",
            r"\bgenerated (?:with|by) (?:cla" + r"ude|chat" + r"gpt|an? (?:ai|llm))\b",
        )
    ),
}


@pytest.mark.parametrize("what", sorted(FOREIGN))
def test_the_repository_stands_alone(what: str) -> None:
    pattern = re.compile(FOREIGN[what])
    found = []

    for path in repository_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{place(path)}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        ]

    assert found == []
