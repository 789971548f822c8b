"""The built-ins besides /help: each answers here, on both transports, and the model hears of none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from codexplus_core import Command, Core, LocalReply, PackFile, Refusal, hookimpl
from codexplus_core.services.packs import RefusedFile
from codexplus_core.testing import Harness, text

Start = Callable[..., Harness]
pytestmark = pytest.mark.req("S13")


@pytest.mark.parametrize("transport", ["http", "websocket"])
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("/status", "**Plugins**, in their order"),
        (" /status", "40 `slash`"),
        ("/plus status", "Codex 0.169.0 is tested"),
        ("//status", "Compatibility: default"),
        ("/plus", "**codex-plus "),
        ("/plus nonsense", "/plus preview NAME [ARGS]"),
        ("/plus init", "codex-plus init --skills"),
        ("/plus help fix", "/fix [number]"),
        ("/plus version", "codex-plus 0.1.0, Codex 0.169.0"),
        ("/version", "It works with this codex-plus."),
        ("/config list", "is at its default"),
        ("/config", "/config list"),
        ("/hooks", "codex-plus-hooks"),
        ("/hooks list", "codex-plus-hooks"),
        ("/mcp", "codex-plus-mcp"),
        ("/plus mcp list", "codex-plus-mcp"),
        ("/plus usage", "codex-plus-enterprise"),
    ],
)
async def test_a_built_in_answers_and_the_model_is_not_asked(
    transport: str, typed: str, words: str, start: Start
) -> None:
    async with start(transport) as proxy:
        answer = await proxy.say(typed)
        later = await proxy.say("hello")

    assert words in answer.text, answer.text
    assert max(map(len, answer.text.splitlines())) <= 330
    (turn,) = proxy.upstream.turns
    assert later.text and typed.strip() not in json.dumps(turn.body["input"])


@pytest.mark.parametrize("transport", ["http", "websocket"])
@pytest.mark.parametrize("typed", ["/status", "/plus status"])
async def test_whoever_is_refused_by_a_policy_reads_why_in_the_status(transport: str, typed: str, start: Start) -> None:
    class Enforcer:
        ORDER, FAIL_CLOSED, ENFORCES_POLICY = 90, True, True

        @hookimpl
        def on_request(self) -> Refusal:
            return Refusal("Nobody may ask *anything* here.")

    async with start(transport, others={"enforcer": Enforcer()}) as proxy:
        refused, status = await proxy.say("hello"), await proxy.say(typed)

    assert refused.error == "Nobody may ask *anything* here."
    assert "- Requests: refused. Nobody may ask `*anything*` here." in status.text
    assert proxy.upstream.turns == []


@pytest.mark.req("C3")
async def test_settings_are_shown_with_the_file_and_line_of_each_and_no_secret(start: Start, place: Path) -> None:
    folder = place / "home/.codexplus"
    folder.mkdir(mode=0o700)
    (folder / "settings.json").write_text(
        '{\n  "model": "x",\n  "env": {"A_TOKEN": "sk-1234"}, "permissions": {"deny": ["Bash()"]},\n'
        '  "mcpServers": {"git": {"command": "g", "env": {"K": "hid"}}}\n}'
    )
    async with start() as proxy:
        listed = await proxy.say("/config list")
        status = await proxy.say("/status")

    for answer in (listed, status):
        assert '- `model` is `"x"`, from `~/.codexplus/settings.json:2`' in answer.text
        assert "~/.codexplus/settings.json:3: permissions.deny" in answer.text and "parentheses" in answer.text
        assert "sk-1234" not in answer.text and "hid" not in answer.text
    assert "- `git` from `~/.codexplus/settings.json:4`" in status.text
    assert "install `codex-plus-mcp`" in status.text


async def test_a_hook_is_shown_by_its_command_and_a_long_value_breaks_off_in_no_text(start: Start, place: Path) -> None:
    folder = place / "home/.codexplus"
    folder.mkdir(mode=0o700)
    long = "grep -q 'rm ' && { echo 'no rm here, and none of its relatives either' >&2; exit 2; }; exit 0"
    hooks = {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": long}]}]}
    hooks["Stop"] = [{"hooks": [{"type": "command", "command": "true"}]}]
    server = {"command": "/opt/a/very/long/way/to/a/program/that/has/a/name", "args": ["one", "two"], "env": {"A": "b"}}
    (folder / "settings.json").write_text(json.dumps({"hooks": hooks, "mcpServers": {"one": server}}))

    async with start() as proxy:
        status = await proxy.say("/plus status")
        listed = await proxy.say("/config list")

    origin = "from `~/.codexplus/settings.json:1`"
    assert f"- `hooks.PreToolUse` runs `{long[:79]}…` for `Bash`, {origin}" in status.text
    assert f"- `hooks.Stop` runs `true`, {origin}" in status.text
    value = '{"command": "/opt/a/very/long/way/to/a/program/that/…", "args": […], "env": {…}}'
    assert f"- `mcpServers.one` is `{value}`, {origin}" in listed.text


@pytest.mark.req("S13")
async def test_the_status_names_each_mcp_server_once_and_those_that_cannot_be_used(start: Start, place: Path) -> None:
    folder = place / "home/.codexplus"
    folder.mkdir(mode=0o700)
    (folder / "mcp.json").write_text('{"mcpServers": {"git": {"command": "g"},\n"bad": {"comand": "x"}}}')

    async with start() as proxy:
        status = await proxy.say("/plus status")

    assert status.text.count("git") == 1
    assert "- `git` from `~/.codexplus/mcp.json:1`" in status.text
    assert "- `bad` from `~/.codexplus/mcp.json:2`: not used, see below" in status.text
    assert "mcpServers.bad.comand: is no key that is known; did you mean command?" in status.text
    assert "**Nothing else is set**" in status.text


class Hooks:
    """A plugin that brings /hooks."""

    ORDER = 20

    @hookimpl
    def add_commands(self) -> list[Command]:
        async def answer(exchange: object, args: str) -> LocalReply:
            return LocalReply(f"hooks: {args}")

        return [Command("hooks", "the hooks", answer=answer)]


@pytest.mark.parametrize("typed", ["/hooks list", "/plus hooks list", " /plus hooks   list"])
async def test_hooks_are_left_to_their_plugin_once_it_is_there(typed: str, start: Start) -> None:
    async with start(others={"hooks": Hooks()}) as proxy:
        answer = await proxy.say(typed)
        listed = await proxy.say("/help hooks")

    assert answer.text == "hooks: list"
    assert "does not" not in listed.text


async def test_other_words_after_a_slash_go_to_the_model_as_they_are(start: Start) -> None:
    async with start() as proxy:
        await proxy.say("/plusses are nice")

    assert "/plusses are nice" in json.dumps(proxy.upstream.turns[0].body["input"])


@pytest.mark.req("T1")
async def test_save_keeps_a_copy_beside_the_transcript(start: Start, place: Path) -> None:
    async with start() as proxy:
        proxy.upstream.script = [text("A first answer.")]
        await proxy.say("hello")
        answer = await proxy.say("/save")

    (saved,) = (place / "home/.codexplus/sessions").glob("*.md")
    assert "A first answer." in saved.read_text()
    assert f"~/.codexplus/sessions/{saved.name}" in answer.text


@pytest.mark.parametrize(("name", "begins"), [("notes.md", "# Session"), ("out/n.json", "{"), ("bare", "# Session")])
async def test_save_writes_a_new_file_of_the_project(name: str, begins: str, start: Start, place: Path) -> None:
    async with start() as proxy:
        await proxy.say("hello")
        answer = await proxy.say(f"/save {name}")
        again = await proxy.say(f"/save {name}")

    path = place / "project" / (name if "." in name else f"{name}.md")
    assert path.read_text().startswith(begins) and "hello" in path.read_text()
    assert "Saved in" in answer.text
    assert "is not overwritten" in again.text


@pytest.mark.abuse("E09")
@pytest.mark.parametrize(
    "name", ["../x.md", "/tmp/x.md", "~/x.md", ".git/../../x.md", ".claude/commands/x.md", ".GIT/x.md", "link/x.md"]
)
async def test_save_neither_leaves_the_project_nor_makes_a_command_in_it(name: str, start: Start, place: Path) -> None:
    (place / "project/link").symlink_to(place)
    before = set(place.rglob("x.md"))
    async with start() as proxy:
        await proxy.say("hello")
        answer = await proxy.say(f"/save {name}")

    assert answer.text.startswith("Not saved")
    assert set(place.rglob("x.md")) == before


async def test_save_says_when_nothing_is_kept(start: Start) -> None:
    async with start(settings={"transcripts": {"enabled": False}}) as proxy:
        answer = await proxy.say("/save")

    assert "transcripts.enabled" in answer.text


class OnePack:
    """A plugin that provides the servers of one verified pack."""

    problems: tuple[tuple[str, str], ...] = ()
    refused: tuple[RefusedFile, ...] = ()

    def __init__(self, root: Path) -> None:
        self._files = (PackFile("acme", "1", "mcp", ".mcp.json", b"{}", "0" * 64, root / ".mcp.json", root),)

    @hookimpl
    def on_startup(self, core: Core) -> None:
        core.packs.provide(self)

    def files(self) -> tuple[PackFile, ...]:
        return self._files

    def holds(self, file: PackFile) -> bool:
        return True


@pytest.mark.req("S13")
async def test_the_status_names_the_packs_that_bring_mcp_servers(start: Start, place: Path) -> None:
    async with start(others={"pack": OnePack(place)}) as proxy:
        status = await proxy.say("/plus status")

    assert "- those of the signed pack `acme`" in status.text
    assert "none is configured" not in status.text
