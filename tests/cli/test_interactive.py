"""How Codex is started: on a terminal of its own, or plainly."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli import stand_ins
from terminal.on_a_terminal import on_a_terminal

from codexplus_core.cli import interactive
from codexplus_core.cli.interactive import has_composer, start, working_directory
from codexplus_core.cli.main import main

NAMED = {"TERM": "xterm-256color"}
posix = pytest.mark.skipif(os.name != "posix", reason="terminals are POSIX's here")


@pytest.fixture
def on_terminals(monkeypatch):
    """Standard input and output are terminals, as far as anybody asks."""
    monkeypatch.setattr(interactive, "on_a_terminal", lambda: True)


@pytest.fixture
def ways(monkeypatch, on_terminals):
    """What was chosen, instead of it being done."""
    chosen: list[str] = []

    def choose(way: str) -> Callable[..., int]:
        def start(*_: object, **__: object) -> int:
            chosen.append(way)
            return 0

        return start

    monkeypatch.setattr(interactive, "hand_over", choose("plain"))
    monkeypatch.setattr(interactive, "terminal_is_ours", lambda: True)
    if os.name == "posix":
        monkeypatch.setattr("codexplus_core.terminal.launcher.launch", choose("launcher"))
    return chosen


def started(*arguments: str, plain: bool = False, version: str = "0.169.0", env: dict[str, str] = NAMED) -> int:
    return start(Path("codex"), arguments, env, port=3000, token="", version=version, plain=plain)


@posix
@pytest.mark.parametrize("arguments", [(), ("resume", "--last"), ("fix the tests",), ("-m", "gpt-5"), ("--cd", "/x")])
def test_an_interactive_codex_gets_the_launcher(ways, arguments):
    started(*arguments)

    assert ways == ["launcher"]


@pytest.mark.parametrize("arguments", [("exec", "hi"), ("mcp", "list"), ("app-server",), ("apply",)])
def test_what_shows_no_composer_is_started_plainly(ways, arguments):
    started(*arguments)

    assert ways == ["plain"]


@posix
@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": ""}, {}])
def test_a_terminal_that_can_do_nothing_gets_no_launcher(ways, env):
    started(env=env)

    assert ways == ["plain"]


def test_without_a_terminal_codex_is_started_plainly(ways, monkeypatch):
    monkeypatch.setattr(interactive, "on_a_terminal", lambda: False)

    started()

    assert ways == ["plain"]


@posix
def test_in_the_background_codex_is_started_plainly(ways, monkeypatch):
    monkeypatch.setattr(interactive, "terminal_is_ours", lambda: False)

    started()

    assert ways == ["plain"]


def test_a_codex_that_rejects_nothing_needs_no_launcher(ways):
    started(version="0.29.0")

    assert ways == ["plain"]


def test_it_is_switched_off_by_an_option(ways):
    started(plain=True)

    assert ways == ["plain"]


@posix
@pytest.mark.parametrize(("value", "way"), [(False, "plain"), (True, "launcher")])
def test_it_is_switched_off_by_a_setting_of_the_user(ways, private_home, value, way):
    folder = private_home / ".codexplus"
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps({"slash": {"launcher": value}}))

    started(env=NAMED | {"HOME": str(private_home)})

    assert ways == [way]


def test_windows_is_told_which_door_to_use(ways, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")

    started(env={})

    assert ways == ["plain"]
    assert "type a space before the slash" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((), "."), (("-C", "sub"), "sub"), (("--cd", "/x"), "/x"), (("--cd=/y", "hi"), "/y"), (("-C",), ".")],
)
def test_the_names_are_those_of_the_folder_that_codex_works_in(tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)

    assert working_directory(arguments) == tmp_path / expected


def test_no_composer_without_a_terminal(on_terminals):
    assert has_composer((), NAMED, "") is True
    assert has_composer((), {"TERM": "dumb"}, "") is (sys.platform == "win32")


@posix
@pytest.mark.req("P16")
@pytest.mark.parametrize(("options", "inside"), [((), True), (("--plain",), False)])
async def test_run_puts_codex_on_a_terminal_of_its_own(private_home, tmp_path, monkeypatch, options, inside):
    codex = stand_ins.codex(tmp_path)
    codex.write_text(codex.read_text().replace("print(json", "print(os.getppid()); print(json"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with stand_ins.listening(stand_ins.HEALTHY) as port:
        main(["init", "--yes", "--port", str(port)])
        words = (sys.executable, "-m", "codexplus_core.cli", "run", *options, "--", "hello")
        async with on_a_terminal(tmp_path / "log", *words) as one:
            assert await one.code() == 7
            await one.until(lambda: b'["hello"]' in one.output)

    # Between the launcher and Codex stands the leader of the new session.
    assert (int(one.output.split()[0]) != one.pid) is inside
