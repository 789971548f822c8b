"""The examples of docs/permissions.md, tried."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from services.permissions.rules import edit, request_for, rules, shell
from services.permissions.test_recorded import CASES, NEWEST

from codexplus_core.services.permissions import Layer, RuleSet, read_rule

TEXT = (Path(__file__).parents[3] / "docs/permissions.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (.+?) \| (.+?) \| (allow|ask|deny) \| (allow|ask|deny) \|$", re.MULTILINE)


def words_in_code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def rows() -> list[tuple[str, ...]]:
    return [found.groups() for found in ROW.finditer(TEXT)]


def test_the_example_is_good() -> None:
    example = json.loads(re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)[0])
    found = RuleSet([Layer.of(example["permissions"], "example", grants=True)])

    assert found.problems == ()
    assert found.ignored == ()
    assert found.judge(shell("git status -s && npm run build")).decision == "allow"
    assert found.judge(shell("git push")).decision == "ask"
    assert found.judge(shell("rm -rf x")).decision == "deny"


def test_every_rule_in_the_table_is_a_rule() -> None:
    table = TEXT.partition("## Rules")[2].partition("\nPaths begin")[0]
    named = [name for line in table.splitlines() for name in words_in_code(line.split(" | ")[0])]

    assert len(named) > 10
    for name in named:
        assert read_rule(name, "docs")


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1])
def test_the_differences_are_as_they_are_written(row: tuple[str, ...]) -> None:
    given, asked, theirs, ours = row
    allow = [rule for part in given.split(", ") if part.startswith("allow") for rule in words_in_code(part)]
    deny = [rule for part in given.split(", ") if part.startswith("deny") for rule in words_in_code(part)]
    found = rules(allow=allow, deny=deny)
    tool, _, path = asked.partition(" of ")
    request = edit(words_in_code(path)[0]) if path else request_for("Bash", words_in_code(tool)[0])

    recorded = [
        case["observed"][NEWEST]
        for case in CASES
        if NEWEST in case["observed"]
        and case["input"] == words_in_code(path or tool)[0]
        and sorted(rule for layer in case["layers"] for key in ("allow", "deny") for rule in listed(layer.get(key)))
        == sorted(allow + deny)
    ]

    assert found.judge(request).decision == ours
    assert recorded == [theirs]
    assert theirs != ours


def listed(entries: str | list[str] | None) -> list[str]:
    return [entries] if isinstance(entries, str) else entries or []


def test_the_table_of_differences_is_found() -> None:
    assert len(rows()) >= 7
