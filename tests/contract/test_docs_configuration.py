"""docs/configuration.md says what the schema says, and its examples are read without a warning."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from contract.test_docs_reference import kib, mib, rows, section, words

from codexplus_core.services.config import Config, PolicyPlace
from codexplus_core.services.config.config import EVERY_S
from codexplus_core.services.config.documents import BUDGET, YAML_WEIGHT
from codexplus_core.services.config.parsing import JSON_LIMIT, YAML_LIMIT, parse_yaml
from codexplus_core.services.config.places import project_places, user_places
from codexplus_core.services.config.policy import policy_place
from codexplus_core.services.config.schema import KEYS

NAME = "configuration.md"
LAYERS = {
    "first": "the highest",
    "add": "joined",
    "any": "true if one says so",
    "strictest": "the strictest",
    "restrict": "what all allow",
}


def test_the_table_of_keys_is_the_schema() -> None:
    table = rows(section(NAME, "Keys"))

    assert table == [
        [f"`{key.name}`", key.takes, LAYERS[key.merge], key.project if key.only is None else "no; nor you", key.text]
        for key in KEYS
    ]


def test_every_file_that_is_read_is_named() -> None:
    project, home = Path("/p"), Path("/h")
    listed = section(NAME, "Files")

    read = [place.path for place in project_places(project) if not place.yaml]
    assert [str(path) for path in read if f"`{path.relative_to(project)}`" not in listed] == []
    folders = {place.path.parent.relative_to(home) for place in user_places(home, {})}
    assert [str(folder) for folder in folders if f"`~/{folder}`" not in listed] == []
    assert str(policy_place().path) in listed


def test_the_limits_are_the_codes() -> None:
    text = section(NAME, "Files")

    assert f"up to {mib(JSON_LIMIT)}, a YAML file up to {kib(YAML_LIMIT)}" in text
    assert f"together up to {kib(BUDGET)}, YAML\n  counted {YAML_WEIGHT} times" in text
    assert f"at most every {EVERY_S:g} s" in text


@pytest.mark.parametrize("language", ["json", "yaml"])
def test_the_examples_are_read_without_a_warning(tmp_path: Path, language: str) -> None:
    examples = re.findall(rf"^```{language}\n(.*?)^```", words(NAME), re.MULTILINE | re.DOTALL)

    for example in examples:
        data = json.loads(example) if language == "json" else parse_yaml(example).data
        settings = Config(None, data, env={"GITHUB_TOKEN": "x"}, policy=PolicyPlace(tmp_path / "none")).user
        assert [str(notice) for notice in (*settings.warnings, *settings.ignored)] == []
        assert settings.list()
    assert examples
