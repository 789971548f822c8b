"""How settings files are read: never for ever, and a fault costs as little as it can."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from services.config.world import World, said

from codexplus_core.services.config.parsing import Unparsable, _object

# -- what may stand in them


@pytest.mark.abuse("B15")
@pytest.mark.parametrize(
    ("name", "text", "said_of_it"),
    [
        ("json", '{"model": "a", "model": "b"}', "key 'model' twice"),
        ("yaml", "model: a\nmodel: b\n", "key 'model' twice"),
        ("yaml", "a: &a [x, x]\n" + "".join(f"a{n}: &a{n} [{'*a, ' * 9}]\n".replace("*a", f"*a{n - 1}" if n else "*a")
                                             for n in range(9)), "more than 20000 values"),
        ("yaml", "a: &a [*a]\n", "nested more than"),
        ("yaml", "a: !!python/object/apply:os.system ['touch evil']\n", "tag"),
        ("yaml", "a: !!binary aGk=\n", "tag"),
        ("yaml", "a: &a {x: 1}\nb:\n  <<: *a\n", "no plain text"),
        ("yaml", "? [a]\n: b\n", "no plain text"),
        ("yaml", "a: 1\n---\nb: 2\n", "no YAML"),
        ("yaml", "%YAML 1.999\n---\na: b\n", "no YAML"),
        ("yaml", "- a\n", "no mapping"),
        ("yaml", "[" * 30_000, "nested more than"),
        ("yaml", "? " * 20_000, "nested more than"),
        ("yaml", "a: " + "x" * 70_000, "larger than"),
        ("json", '{"a": "' + "x" * (1 << 20) + '"}', "larger than"),
        ("json", '{"a": ' * 50 + "1" + "}" * 50, "nested more than"),
        ("json", '{"a": ' + "[" * 100_000, "nested more than"),
        ("json", '{"a": NaN}', "no number"),
        ("json", '{"a": ' + "9" * 5000 + "}", "no JSON"),
        ("json", "[]", "no object"),
        ("json", '{"a": 1,}', "no JSON"),
        ("json", '{"a": 1} // comment', "no JSON"),
        ("json", "", "no JSON"),
    ],
)  # fmt: skip
def test_an_ambiguous_or_outsized_file_is_lost_and_named(world: World, name: str, text: str, said_of_it: str) -> None:
    path = world.write(f"home/.codex/settings.{name}", text)
    world.write("home/.claude/settings.json", {"model": "mine"})

    settings = world.settings()

    assert [value.key for value in settings.list()] == ["model"] and settings.get("model") == "mine"
    assert str(path) in said(settings.warnings) and said_of_it in said(settings.warnings)
    assert not Path("evil").exists()


@pytest.mark.abuse("B15", "B18")
def test_a_project_has_so_much_to_say_and_no_more_but_for_its_deny_rules(world: World) -> None:
    filler = {"x": "y" * 100_000}
    for folder in (".codexplus", ".claude", ".codex"):
        world.write(f"project/{folder}/settings.json", {"permissions": {"deny": [folder[1:]]}, **filler})
    world.write("project/.claude/settings.local.yaml", "model: x\n")

    settings = world.settings()

    assert [file.state for file in settings.files] == ["read", "read", "read", "broken"]
    assert settings.get("permissions.deny") == ["codexplus", "claude", "codex"]
    assert settings.get("model") == "x"
    assert "makes the project's settings larger than" in said(settings.warnings)


def test_of_many_keys_the_one_that_stands_twice_is_found_in_one_pass() -> None:
    asked = 0

    class Name(str):
        def __eq__(self, other: object) -> bool:
            nonlocal asked
            asked += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    names = [*(Name(f"key{number}") for number in range(12_000)), Name("twice"), Name("twice")]
    with pytest.raises(Unparsable, match="'twice' twice"):
        _object([(name, 0) for name in names])
    assert asked < len(names)


@pytest.mark.parametrize("bytes_", [b"\xff\xfe{}", b'{"a": "\xff"}', "{}".encode("utf-16")])
def test_what_is_no_utf_8_is_named(world: World, bytes_: bytes) -> None:
    world.write("project/.claude/settings.json", bytes_)

    assert "settings file is UTF-8" in said(world.settings().warnings)


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(world: World) -> None:
    world.write("project/.claude/settings.json", b'\xef\xbb\xbf{\r\n"model":\r\n"x"}')
    value = world.settings().value("model")

    assert value is not None and (value.value, value.origin.line) == ("x", 2)


def test_yaml_means_what_json_means(world: World) -> None:
    world.write(
        "project/.codexplus/settings.yaml",
        "# ours\nmodel: x\npermissions:\n  deny: [Bash(rm:*), 'Read(./.env)']\n  ask:\n    - Bash(git push:*)\n"
        "env: {DAY: 2024-01-01, ON: yes, N: 010, OCT: 0o10, F: 1.5, T: true, NAN: .nan, NONE: ~}\n"
        "extra: [1, null, {a: b}]\n",
    )

    settings = world.settings()

    assert settings.get("permissions") == {"deny": ["Bash(rm:*)", "Read(./.env)"], "ask": ["Bash(git push:*)"]}
    assert settings.get("env") == {"DAY": "2024-01-01", "ON": "yes", "N": "10", "OCT": "8", "F": "1.5", "T": "true",
                                   "NAN": ".nan"}  # fmt: skip
    assert settings.get("extra") == [1, None, {"a": "b"}]
    deny = settings.items("permissions.deny")
    assert [(rule.key, rule.origin.line) for rule in deny] == [("permissions.deny[0]", 4), ("permissions.deny[1]", 4)]
    assert settings.items("permissions.ask")[0].origin.line == 6
    assert "env.NONE: expected a text, got nothing" in said(settings.warnings)


def test_an_empty_yaml_file_says_nothing(world: World) -> None:
    world.write("project/.claude/settings.yaml", "# nothing yet\n")

    assert world.settings().warnings == ()


def test_the_line_of_a_value_is_the_one_it_stands_on(world: World) -> None:
    world.write(
        "project/.claude/settings.json",
        '{\n "a": {"b": [\n  1,\n  {"c": "}],:"},\n  [2]\n ]},\n'
        ' "model":\n  "x", "permissions": {"deny": [\n"A", "B",\n"C"]}\n}\n',
    )

    settings = world.settings()

    lines = {value.key: value.origin.line for value in settings.list()}
    assert lines == {"a.b": 2, "model": 7, "permissions.deny": 8}
    assert [rule.origin.line for rule in settings.items("permissions.deny")] == [9, 9, 10]
    assert [item.origin.line for item in settings.items("a.b")] == [3, 4, 5]


# -- what a fault costs


@pytest.mark.req("C2", "X3")
@pytest.mark.parametrize(
    ("data", "place", "kept"),
    [
        ({"model": 5}, "model: expected a text, got a number", None),
        ({"hooks": []}, "hooks: expected an object", None),
        ({"hooks": {"Stop": {}}}, "hooks.Stop: expected a list", None),
        ({"hooks": {"Stop": ["x", {"command": "ok"}]}}, "hooks.Stop[0]: expected an object", [{"command": "ok"}]),
        ({"hooks": {"Stop": [{"matcher": 5, "command": "x"}]}}, "hooks.Stop[0].matcher: expected a text", []),
        ({"hooks": {"Stop": [{"command": "x", "timeout": "5s"}]}}, "hooks.Stop[0].timeout: expected a number", []),
        ({"hooks": {"Stop": [{"command": "x", "timeout": 0}]}}, "hooks.Stop[0].timeout: expected a number", []),
        ({"hooks": {"Stop": [{"command": "x", "permissions": "net"}]}}, "hooks.Stop[0].permissions: expected a list",
         []),
        (
            {"hooks": {"Stop": [{"hooks": [{"type": "command"}, {"type": "command", "command": "ok"}, {}]}]}},
            "hooks.Stop[0].hooks[0].command: a command is missing",
            [{"hooks": [{"type": "command", "command": "ok"}]}],
        ),
        ({"mcpServers": {"x": {"args": []}}}, "mcpServers.x: has neither command nor url", None),
        ({"mcpServers": {"x": {"command": "x", "args": "-y"}}}, "mcpServers.x.args: expected a list of texts", None),
        ({"permissions": {"ask": ["", 5]}}, "permissions.ask[0]: is empty", None),
        ({"permissions": "none"}, "permissions: expected an object, got a text", None),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_lost_alone_and_named(world: World, data: dict[str, Any], place: str, kept: Any) -> None:
    path = world.write("home/.claude/settings.json", {**data, "env": {"STAYS": "1"}})
    world.write("home/.codex/settings.json", {"permissions": {"deny": ["Read(x)"]}})

    settings = world.settings()

    assert f"{path}:1: {place}" in said(settings.warnings)
    assert settings.get("env") == {"STAYS": "1"}
    assert settings.get("permissions.deny") == ["Read(x)"]
    if kept is not None:
        assert settings.get("hooks.Stop") == kept


@pytest.mark.req("X3")
@pytest.mark.parametrize(
    ("deny", "kept"),
    [
        ("Bash(rm:*)", ["Bash(rm:*)"]),
        (["Bash(rm:*)", 5, None, "Read(x)"], ["Bash(rm:*)", "Read(x)"]),
        ([{"Bash(rm": "*)"}], ["Bash(rm: *)"]),
    ],
)
def test_a_deny_list_is_read_as_far_as_it_can_be(world: World, deny: Any, kept: list[str]) -> None:
    world.write("project/.claude/settings.json", {"permissions": {"deny": deny}})

    settings = world.settings()

    assert settings.get("permissions.deny") == kept
    assert len(settings.warnings) == (1 if isinstance(deny, str) else 2 if 5 in deny else 0)


@pytest.mark.req("X3")
def test_a_broken_file_loses_everything_but_its_deny_rules(world: World) -> None:
    world.write(
        "project/.claude/settings.json",
        '{"model": "x", "permissions": {"allow": ["Bash"], "deny": ["Bash(rm:*)", "Read(./.env)",]}, // oh\n',
    )

    settings = world.settings()

    assert [(value.key, value.value) for value in settings.list()] == [
        ("permissions.deny", ["Bash(rm:*)", "Read(./.env)"])
    ]
    assert "2 deny rules are still counted" in said(settings.warnings)


def test_unknown_keys_are_kept_and_a_near_miss_is_pointed_out(world: World) -> None:
    world.write("home/.codexplus/settings.json", {"permision": {"deny": ["x"]}, "statusLine": {"type": "command"}})

    settings = world.settings()

    assert settings.get("statusLine") == {"type": "command"}
    assert settings.get("permision") == {"deny": ["x"]}
    assert "permision: is no key that is known; did you mean permissions?" in said(settings.warnings)
    assert len(settings.warnings) == 1


def test_a_copy_is_handed_out(world: World) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"deny": ["x"]}})
    settings = world.settings()

    settings.get("permissions")["deny"].clear()

    assert settings.get("permissions.deny") == ["x"]


def test_keys_with_dots_in_their_names_are_found(world: World) -> None:
    world.write("home/.claude/settings.json", {"mcpServers": {"a.b": {"command": "x", "args": ["-y", "z"]}}})
    settings = world.settings()

    assert settings.get("mcpServers.a.b.args[1]") == "z"
    assert settings.get("mcpServers.a.b.args[2]", "none") == settings.get("mcpServers.a.c", "none") == "none"


@pytest.mark.skipif(sys.platform != "linux", reason="counts on /proc")
def test_no_file_stays_open(world: World) -> None:
    for place in ("project/.claude/settings.json", "project/.claude/settings.yaml", "home/.claude/settings.json"):
        world.write(place, json.dumps({"model": "x"}))
    (world.project / ".codex").mkdir()
    os.mkfifo(world.project / ".codex/settings.json")
    world.settings()
    before = len(list(Path("/proc/self/fd").iterdir()))

    world.settings()

    assert len(list(Path("/proc/self/fd").iterdir())) == before
