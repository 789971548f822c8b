"""`codex-plus config`: what it shows, and what it does not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codexplus_core.cli.main import main
from codexplus_core.loader import load_plugins
from codexplus_core.services.config import PolicyPlace
from codexplus_core.services.config.overview import masked


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with settings of its own, below a home with others; the current directory."""
    write(private_home / ".claude/settings.json", {"model": "mine", "permissions": {"deny": ["Read(./.env)"]}})
    folder = tmp_path / "project"
    write(
        folder / ".claude/settings.json",
        {"model": "theirs", "permissions": {"allow": ["Bash"], "deny": ["Bash(rm:*)"]}, "hooks": 5},
    )
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.req("C3")
def test_the_list_says_what_counts_where_it_stands_and_what_does_not(project: Path, capsys: Any) -> None:
    assert main(["config", "list"]) == 0

    said = capsys.readouterr().out
    assert '"theirs"' in said and '"mine"' not in said
    assert ".claude/settings.json:1, ~/.claude/settings.json:1" in said
    assert "permissions.allow: a project cannot allow itself anything" in said
    assert "hooks: expected an object, got a number" in said


@pytest.mark.req("C3")
def test_the_list_for_programs(project: Path, private_home: Path, capsys: Any) -> None:
    assert main(["config", "list", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["project"] == str(project)
    settings = {row["key"]: row for row in found["settings"]}
    assert settings["model"]["file"] == str(project / ".claude/settings.json")
    assert settings["model"]["overrides"][0]["file"] == str(private_home / ".claude/settings.json")
    assert [part["layer"] for part in settings["permissions.deny"]["parts"]] == ["project", "user"]
    assert [(row["key"], row["line"]) for row in found["ignored"]] == [("permissions.allow", 1)]
    assert [row["key"] for row in found["warnings"]] == ["hooks"]
    assert [(row["layer"], row["state"], row["trusted"]) for row in found["files"]] == [
        ("project", "read", False),
        ("user", "read", True),
    ]


def test_another_project_is_looked_into_when_asked_for(project: Path, tmp_path: Path, capsys: Any) -> None:
    write(tmp_path / "other/.codex/settings.json", {"model": "other"})

    assert main(["config", "explain", "model", "--project", "../other", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["value"] == "other"


@pytest.mark.req("C3")
@pytest.mark.parametrize(
    "words", [["list"], ["list", "--json"], ["explain", "permissions.deny"], ["explain", "permissions"]]
)
def test_a_rule_that_is_none_is_to_be_corrected(project: Path, private_home: Path, capsys: Any, words: Any) -> None:
    write(private_home / ".claude/settings.json", {"permissions": {"deny": ["Bash("]}})

    assert main(["config", *words]) == 0

    said = capsys.readouterr().out
    if "--json" in words:
        wrong = json.loads(said)["warnings"][-1]
        assert (wrong["key"], wrong["layer"], wrong["line"]) == ("permissions.deny", "user", 1)
    else:
        assert "to correct:" in said and "~/.claude/settings.json:1: permissions.deny: 'Bash('" in said
        assert "(until then taken for Bash)" in said


@pytest.mark.req("C3")
def test_an_explanation_names_what_is_hidden_and_what_is_ignored(project: Path, capsys: Any) -> None:
    assert main(["config", "explain", "model"]) == 0
    assert main(["config", "explain", "permissions"]) == 0

    said = capsys.readouterr().out
    assert 'model = "theirs"\n  from .claude/settings.json:1 (project)\n  hides "mine"' in said
    assert "~/.claude/settings.json:1 (user)" in said
    assert "a project cannot allow itself anything" in said
    both = "from .claude/settings.json:1 (project), ~/.claude/settings.json:1 (user)"
    assert f'  permissions.deny = ["Bash(rm:*)", "Read(./.env)"]  {both}' in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["explain", "sandbox.minimum"], 0, "sandbox.minimum: not set\n  takes: process, lsm or full"),
        (["explain", "permisions.deny"], 1, "did you mean permissions.deny?"),
        (["explain", "zzz"], 1, "codex-plus config list shows what is set"),
        (["explain"], 2, "KEY"),
        ([], 2, "ACTION"),
        (["list", "--project", "nowhere"], 2, "is no directory"),
    ],
)
def test_what_is_not_set_and_what_is_used_wrongly(
    project: Path, capsys: Any, words: list[str], code: int, said: str
) -> None:
    assert main(["config", *words]) == code

    output = capsys.readouterr()
    assert said in output.out + output.err


def judged_by(monkeypatch: pytest.MonkeyPatch, **plugins: object) -> None:
    loaded = load_plugins((), extra=plugins)
    monkeypatch.setattr("codexplus_core.cli.config.load_plugins", lambda selection, **_: loaded)


@pytest.mark.req("C3")
def test_a_value_that_a_plugin_cannot_use_is_marked_and_told_with_its_file(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    judge = SimpleNamespace(UNUSED=lambda settings: [("model", f"no {settings.get('model')} here\x1b"), ("gone", "x")])
    judged_by(monkeypatch, judge=judge)

    assert main(["config", "list"]) == 0
    listed = capsys.readouterr().out
    assert main(["config", "explain", "model"]) == 0
    explained = capsys.readouterr().out
    assert main(["config", "explain", "permissions"]) == 0

    assert '"theirs"' in (row := next(line for line in listed.splitlines() if line.startswith("model ")))
    assert row.endswith(".claude/settings.json:1 (not used)")
    said = "not used:\n  .claude/settings.json:1: model: no theirs here\\u{1b}\n"
    assert listed.endswith(said) and explained.endswith(said)
    assert "not used" not in capsys.readouterr().out


def test_a_plugin_that_fails_to_judge_is_named_and_the_others_are_heard(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    bad = SimpleNamespace(UNUSED=lambda settings: ["key"])
    judged_by(monkeypatch, bad=bad, good=SimpleNamespace(UNUSED=lambda settings: [("model", "odd")]))

    assert main(["config", "list", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert [row["key"] for row in found["unused"]] == ["model"]
    (failed,) = found["failed"]
    assert failed.startswith("plugin 'bad': UNUSED failed: ValueError")


@pytest.mark.parametrize("name", ["s", "a.b"])
def test_a_server_of_a_repository_asks_first_whatever_it_is_called(project: Path, capsys: Any, name: str) -> None:
    write(project / ".mcp.json", {"mcpServers": {name: {"command": "env"}}})

    assert main(["config", "explain", f"mcpServers.{name}"]) == 0

    assert "(asks first)" in capsys.readouterr().out


def test_nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["config", "list"]) == 0

    assert "everything is at its default" in capsys.readouterr().out


@pytest.mark.req("X2")
@pytest.mark.parametrize(
    "action", [["list"], ["list", "--json"], ["explain", "mcpServers.s"], ["explain", "env", "--json"]]
)
def test_secrets_are_not_shown(project: Path, private_home: Path, monkeypatch: Any, capsys: Any, action: Any) -> None:
    monkeypatch.setenv("MY_KEY", "s3cret-env")
    servers = {
        "s": {
            "url": "https://x",
            "headers": {"Authorization": "s3cret-1", "X": "${MY_KEY}"},
            "env": {"A_TOKEN": "s3cret-2"},
        }
    }
    write(private_home / ".codex/settings.json", {"mcpServers": servers, "env": {"OTHER_API_KEY": "s3cret-3"}})

    assert main(["config", *action]) == 0

    assert "s3cret" not in capsys.readouterr().out


def test_names_that_only_sound_like_secrets_are_shown() -> None:
    assert masked("x", {"a": [1, {"b": None}], "token": {"n": 1}}) == {"a": [1, {"b": None}], "token": {"n": 1}}
    assert masked("mcp.maxOutputTokens", 25_000) == 25_000
    assert masked("permissions.deny", ["Read(secrets/**)"]) == ["Read(secrets/**)"]
    assert masked("enableAllProjectMcpServers", True) is True
    key = "ghp_" + "aB3dE5gH7j" * 4
    assert masked("mcpServers.x.args", ["--key", key[:40]]) == ["--key", "[REDACTED:github]"]


def test_that_the_home_directory_is_no_project_is_a_remark_and_nothing_to_correct(
    project: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(private_home)

    main(["config", "list"])
    said = capsys.readouterr().out
    main(["config", "list", "--json"])
    found = json.loads(capsys.readouterr().out)

    assert said.startswith(f"{private_home}: is your home directory") and "to correct" not in said
    assert (len(found["remarks"]), found["warnings"]) == (1, [])


@pytest.mark.abuse("B19")
def test_what_a_terminal_would_obey_is_written_out(project: Path, capsys: Any) -> None:
    write(project / ".claude/settings.json", {"a\u202eb": "\x1b[31m", "\x1b]0;x": {"url": 1}})

    main(["config", "list"])
    main(["config", "explain", "a\u202eb"])

    said = capsys.readouterr().out
    assert "a\\u{202e}b" in said
    assert not {character for character in said if not character.isprintable()} - {"\n"}


@pytest.mark.skipif(os.name != "posix", reason="owners and modes as POSIX has them")
@pytest.mark.req("E5")
def test_a_policy_that_cannot_be_relied_on_is_a_failure(
    project: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    path = write(tmp_path / "etc/policy.yaml", "model: x\n")
    path.chmod(0o666)
    place = PolicyPlace(path, owner=os.getuid(), top=path.parent)
    monkeypatch.setattr("codexplus_core.cli.config.policy_place", lambda: place)

    assert main(["config", "list"]) == 1

    assert "can be written by others" in capsys.readouterr().err


@pytest.mark.req("C3")
@pytest.mark.abuse("B01", "B03")
def test_what_of_a_repository_asks_first_is_marked(project: Path, private_home: Path, capsys: Any) -> None:
    hook = {"hooks": [{"type": "command", "command": "x"}]}
    write(project / ".codex/settings.json", {"env": {"DEBUG": "1"}, "hooks": {"Stop": [hook]}})
    write(private_home / ".codex/settings.json", {"env": {"MINE": "1"}, "hooks": {"Stop": [{"command": "mine"}]}})

    main(["config", "list"])
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    main(["config", "explain", "hooks.Stop"])
    explained = capsys.readouterr().out.splitlines()
    main(["config", "list", "--json"])
    rows = {row["key"]: row for row in json.loads(capsys.readouterr().out)["settings"]}

    assert lines["env.DEBUG"].endswith(".codex/settings.json:1 (asks first)")
    assert "asks first" not in lines["env.MINE"] and "asks first" not in lines["model"]
    assert lines["hooks.Stop"].endswith(".codex/settings.json:1 (asks first), ~/.codex/settings.json:1")
    assert [line.endswith("(asks first)") for line in explained if line.startswith("  {")] == [True, False]
    assert [row.get("asks", False) for row in (rows["env.DEBUG"], rows["env.MINE"], rows["model"])] == [
        True,
        False,
        False,
    ]


def test_an_explanation_says_what_a_key_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["config", "explain", "log.level"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "log.level: not set",
        "  takes: debug, info, warning or error (the least severe level that is logged)",
    ]
