"""`codex-plus hooks` in a terminal: what it prints, what it writes, and what the proxy tells it."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hook_world import HookWorld, nested

from codexplus_core import Problem, Session
from codexplus_core.cli.main import main
from codexplus_core.testing import Harness
from codexplus_hooks import cli, last_runs
from codexplus_hooks.asking import Asking
from codexplus_hooks.hook import EVENTS, POST_OUTPUT, PRE_INPUT
from codexplus_hooks.plugin import HooksPlugin
from codexplus_hooks.rehearsal import NAMES, payload_of


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HookWorld:
    world = HookWorld(tmp_path)
    monkeypatch.setenv("HOME", str(world.home))
    monkeypatch.setenv("CODEX_PLUS_HOME", str(world.home / ".codexplus"))
    monkeypatch.chdir(world.project)
    monkeypatch.setattr(cli, "ask_proxy", lambda *_: None)
    return world


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(["hooks", *words]) == status
    out = capsys.readouterr()
    return out.out if status == 0 else out.err


@pytest.mark.req("H2")
def test_a_hook_is_added_listed_switched_and_removed(world: HookWorld, capsys: pytest.CaptureFixture[str]) -> None:
    done = said(
        capsys, "add", "PreToolUse", "echo hi", "--matcher", "Bash", "--timeout", "3", "--permission", "run:echo"
    )
    assert str(world.home / ".claude/settings.json") in done

    (row,) = json.loads(said(capsys, "list", "--json"))["hooks"]
    assert (row["event"], row["matcher"], row["command"]) == ("PreToolUse", "Bash", "echo hi")
    assert (row["timeout"], row["permissions"], row["trust"]) == (3, ["run:echo"], "trusted")
    assert row["key"] == "PreToolUse[0].hooks[0]" and row["file"] == str(world.home / ".claude/settings.json")
    text = said(capsys, "list", "--event", "PreToolUse")
    assert f"{row['id']}  PreToolUse Bash: echo hi" in text and "no proxy answers on port 3000" in text

    said(capsys, "disable", row["id"])
    assert "switched off" in said(capsys, "list")
    assert "nothing to change" in said(capsys, "disable", row["id"])
    said(capsys, "enable", row["key"])
    assert "trusted" in said(capsys, "list")
    said(capsys, "disable", "all")
    assert "disableAllHooks" in said(capsys, "list")
    said(capsys, "enable", "all")
    removed = json.loads(said(capsys, "remove", row["id"], "--json"))
    assert removed["written"][0]["backup"]
    assert "no hook was found" in said(capsys, "list")


@pytest.mark.req("H4")
def test_a_dry_run_shows_what_the_hooks_read_and_say(world: HookWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.hooks(
        "home/.claude/settings.json",
        {"PreToolUse": [*nested("cat > got; echo no >&2; exit 2", matcher="Bash"), *nested("true", matcher="Read")]},
    )

    shown = json.loads(said(capsys, "test", "PreToolUse", "--tool", "Bash", "--input", '{"command": "rm x"}', "--json"))

    assert json.loads((world.project / "got").read_text()) == shown["payload"]
    assert shown["payload"]["tool_input"] == {"command": "rm x"}
    assert [(hook["ran"], hook.get("exit_code")) for hook in shown["hooks"]] == [(True, 2), (False, None)]
    assert "does not mean Bash" in shown["hooks"][1]["why_not"]
    assert shown["outcome"]["decision"] == "deny" and "no" in shown["outcome"]["reason"]
    text = said(capsys, "test", "PreToolUse")
    assert "exit code 2" in text and "nothing of it has any effect" in text


@pytest.mark.req("H5")
def test_a_dry_run_runs_nothing_of_a_project_that_nobody_allowed(
    world: HookWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.hooks("project/.claude/settings.json", {"Stop": nested("touch ran")})

    assert "you have not allowed it" in said(capsys, "test", "Stop")
    assert not (world.project / "ran").exists()


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("add",), 2, "name an event and a command"),
        (("add", "Nope", "x"), 2, "no event"),
        (("remove", "abcd"), 1, "names no hook"),
        (("test", "Nope"), 2, "no event"),
        (("test", "Stop", "--tool", "Bash"), 2, "has no tool"),
        (("test", "PreToolUse", "--input", "{"), 2, "no JSON"),
        (("test", "PreToolUse", "--input", "[]"), 2, "no JSON object"),
        (("list", "--project", "nowhere"), 2, "no directory"),
    ],
)
def test_what_cannot_be_done_is_said(
    world: HookWorld, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, says: str
) -> None:
    assert says in said(capsys, *words, status=status)


def test_one_hook_in_two_files_is_told_apart_by_its_file(world: HookWorld, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [world.hooks(f"home/{folder}/settings.json", {"Stop": nested("same", f"{folder}")})
             for folder in (".claude", ".codex")]  # fmt: skip
    id = json.loads(said(capsys, "list", "--json"))["hooks"][0]["id"]

    assert "means several hooks" in said(capsys, "remove", id, status=1)
    said(capsys, "remove", id, "--file", str(paths[1]))

    assert [path.read_text().count("same") for path in paths] == [1, 0]


def answers(*lines: str) -> Asking:
    left: Iterator[str] = iter(lines)
    return Asking(lambda _question: next(left))


def test_what_is_missing_is_asked_for_in_a_terminal(
    world: HookWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(cli, "Asking", lambda: answers("nope", "PreToolUse", "Bash", "echo hi", "local", "y"))

    said(capsys, "add")

    found = json.loads((world.project / ".claude/settings.local.json").read_text())
    assert found["hooks"] == {"PreToolUse": nested("echo hi", matcher="Bash")}


def test_nothing_is_written_without_a_yes(
    world: HookWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(cli, "Asking", lambda: answers("Stop", "echo hi", "", "n"))

    assert main(["hooks", "add"]) == 1
    assert not (world.home / ".claude").exists()


def test_an_answer_that_cannot_be_meant_ends_the_questions() -> None:
    with pytest.raises(Problem, match="one of"):
        answers("a", "b", "c").event()


@pytest.mark.parametrize("event", NAMES)
def test_every_event_can_be_rehearsed(event: str) -> None:
    payload = payload_of(event, Session(cwd=Path("/p")))

    assert payload["cwd"] == "/p" and set(NAMES) == {*EVENTS, PRE_INPUT, POST_OUTPUT}
    assert payload.get("hook_event_name", event) == event


async def test_the_proxy_tells_how_hooks_fared(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {"UserPromptSubmit": nested("exit 3")})
    async with Harness({"hooks": HooksPlugin()}, config=world.config(), cwd=str(world.project)) as proxy:
        await proxy.say("hello")
        told = await proxy.request("GET", f"/_codexplus/hooks?project={world.project}")

    (run,) = json.loads(told.body)["runs"].values()
    assert told.status == 200 and (run["count"], run["result"]) == (1, "exit code 3")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the proxy wants its token")
@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b'{"runs": {"d": {"count": 1}, "odd": 5}}', 200, {"d": {"count": 1}}),
        (b'{"runs": []}', 200, None),
        (b"[[[", 200, None),
        (b"{}", 404, None),
    ],
)
async def test_odd_answers_of_a_proxy_are_none(body: bytes, status: int, expected: Any, tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        told = await asyncio.to_thread(last_runs.ask_proxy, port, tmp_path, tmp_path / "token")

    assert told == expected
    assert await asyncio.to_thread(last_runs.ask_proxy, port, tmp_path, tmp_path / "token") is None


def test_the_list_says_of_a_projects_hook_whether_it_was_allowed(
    world: HookWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.hooks("project/.claude/settings.json", {"Stop": nested("true")})
    before = said(capsys, "list")
    main(["approvals", "allow", "--project", str(world.project)])
    after, tested = said(capsys, "list"), said(capsys, "test", "Stop")

    assert "(project, asks)" in before and "(project, allowed)" in after
    assert "exit code 0" in tested


def test_the_list_asks_the_proxy_that_codex_is_told_to_use(
    world: HookWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    config = world.home / ".codex/config.toml"
    monkeypatch.setenv("CODEX_HOME", str(config.parent))
    config.parent.mkdir(exist_ok=True)
    config.write_text(f'openai_base_url = "http://127.0.0.1:{unused_tcp_port}/v1"\n', encoding="utf-8")
    said(capsys, "add", "Stop", "true")

    assert f"no proxy answers on port {unused_tcp_port}," in said(capsys, "list")
    config.write_text("openai_base_url = ]\n", encoding="utf-8")
    assert "no proxy answers on port 3000," in said(capsys, "list")


def test_a_bridge_without_a_proxy_says_nothing(
    world: HookWorld, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setattr(cli, "ask", _nobody)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}")))

    assert main(["hooks", "bridge", "Stop", "--port", str(unused_tcp_port)]) == 0
    assert capfd.readouterr().out == ""


def _nobody(*_: object) -> bytes:
    raise ConnectionRefusedError


@pytest.mark.req("H2")
def test_a_permission_that_nobody_grants_is_not_written_and_listed_where_a_file_has_it(
    world: HookWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = said(capsys, "add", "Stop", "echo x", "--permission", "frob", status=2)
    said(capsys, "add", "Stop", "echo x", "--permission", "notify", "--permission", "run:echo")
    clean = said(capsys, "list")
    (group,) = nested("echo y", matcher="Edit")
    group["hooks"][0]["permissions"] = ["frob", "run:echo"]
    world.hooks("home/.codexplus/settings.json", {"PostToolUse": [group]})

    assert "permission 'frob': not known; use run:PROGRAM" in refused and "notify" in refused
    assert "to correct" not in clean
    assert "PostToolUse[0].hooks[0].permissions: permission 'frob': not known" in said(capsys, "list")


@pytest.mark.req("H2")
def test_a_relative_program_in_ones_own_settings_is_warned_of(
    world: HookWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    relative = said(capsys, "add", "Stop", "./check.sh --now")
    whole = said(capsys, "add", "Stop", "~/bin/check.sh")
    of_project = said(capsys, "add", "Stop", "./check.sh", "--scope", "project")

    assert "note: ./check.sh is looked for in whichever project Codex is in" in relative
    assert "note:" not in whole + of_project


@pytest.mark.req("H4")
async def test_a_dry_run_is_no_last_run(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {"Stop": nested("true")})
    plugin = HooksPlugin()
    async with Harness({"hooks": plugin}, config=world.config(), cwd=str(world.project)) as proxy:
        tried = await proxy.say("/hooks test Stop")
        if "Allow?" in tried.text:
            tried = await proxy.say("y")
        listed = await proxy.say("/hooks list")

    assert "exit code 0" in tried.text
    assert "1 run" not in listed.text


@pytest.mark.req("H4")
def test_a_dry_run_prints_its_answer_and_no_log(world: HookWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.hooks("home/.claude/settings.json", {"Stop": [{"hooks": [{"type": "command", "command": "x", "args": []}]}]})
    world.hooks("project/.claude/settings.json", {"Stop": nested("true")})

    assert main(["hooks", "test", "Stop"]) == 0
    out = capsys.readouterr()

    assert out.out.startswith("Stop, a dry run") and "did not start" in out.out
    assert out.err == ""
    assert f"approvals allow --project {world.project}" in out.out


@pytest.mark.req("H2")
def test_a_list_of_an_event_that_is_none_is_refused(world: HookWorld, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Foo: is no event" in said(capsys, "list", "--event", "Foo", status=2)
