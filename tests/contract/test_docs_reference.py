"""What the documents list is what the code has: hooks, fields, options, limits, events, files."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import re
import runpy
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from contract.source_tree import CORE, ROOT, python_files

import codexplus_core
from codexplus_core import action, dispatch, dispatch_faults, hookspecs, testing
from codexplus_core.cli import main, run, start
from codexplus_core.proxy import ask, decode, downstream, guard, http, server, silence, upstream, upstream_handle
from codexplus_core.proxy.limits import hypercorn_limits
from codexplus_core.services import background, codex, codex_config, files, sessions, settings, store, titles
from codexplus_core.services.run import run_program

DOCS = ROOT / "docs"
ROW = re.compile(r"^\|(.*)\|$", re.MULTILINE)
MIB = 1024 * 1024


def words(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(name: str, title: str) -> str:
    """The text below a heading, up to the next one of the same depth or a higher one."""
    text = words(name)
    found = re.search(rf"^(#+) {re.escape(title)}\n", text, re.MULTILINE)
    assert found is not None, f"{name} has no section {title!r}"
    end = re.search(rf"^#{{1,{len(found[1])}}} ", text[found.end() :], re.MULTILINE)
    return text[found.end() : found.end() + end.start()] if end else text[found.end() :]


def rows(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without heads and rules."""
    cells = [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row[1])] for row in ROW.finditer(text)
    ]
    rules = {number for number, row in enumerate(cells) if all(re.fullmatch("-+", cell) for cell in row)}
    return [row for number, row in enumerate(cells) if number not in rules and number + 1 not in rules]


def ticked(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


# -- the reference


def test_the_reference_is_what_the_docstrings_say() -> None:
    built = runpy.run_path(str(DOCS / "build_reference.py"))["build"]()

    assert words("plugin-reference.md") == built, "run: python docs/build_reference.py"


@pytest.mark.parametrize("package", [codexplus_core, testing], ids=lambda package: str(package.__name__))
def test_every_public_name_is_in_the_reference(package: Any) -> None:
    missing = [name for name in package.__all__ if f"### `{name}`\n" not in words("plugin-reference.md")]

    assert missing == []


def hooks() -> dict[str, list[str]]:
    marked = {name: value for name, value in vars(hookspecs).items() if hasattr(value, "codexplus_spec")}
    return {name: list(inspect.signature(value).parameters) for name, value in marked.items()}


def test_the_table_of_hooks_has_every_hook_with_its_arguments_and_order() -> None:
    table = {row[0].strip("`"): row[2] for row in rows(section("plugins.md", "The hooks"))}

    assert set(table) == {f"{name}({', '.join(given)})" for name, given in hooks().items()}
    for call, order in table.items():
        assert order == ("down" if call.partition("(")[0] in dispatch.DOWN else "up"), call


def test_the_table_of_objects_names_fields_that_are_there_and_forgets_none() -> None:
    for name, described in rows(section("plugins.md", "What hooks are handed")):
        value = getattr(codexplus_core, name.strip("`"))
        named = {re.split(r"\W", word)[0] for word in ticked(described)} - {"expand", "answer", "text"}
        if dataclasses.is_dataclass(value):
            fields = {field.name for field in dataclasses.fields(value)}
            assert fields - {"text"} <= named, name
        known = set(dir(value)) | set(inspect.signature(value).parameters) | set(getattr(value, "__annotations__", ()))
        assert named <= known, name


def test_the_declarations_have_the_defaults_of_the_loader() -> None:
    from codexplus_core.loader import Plugin

    table = {row[0].strip("`"): row[1].strip("`") for row in rows(section("plugins.md", "What a plugin declares"))}

    given = {field.name: field.default for field in dataclasses.fields(Plugin)}
    assert table.pop("API_VERSION") == "the current one"
    assert {table.pop(name) for name in ("PROPOSALS", "PACKS", "ACCOUNT", "OBJECTIONS", "UNUSED")} == {"none"}
    assert table == {
        "ORDER": str(given["order"]),
        "FAIL_CLOSED": str(given["fail_closed"]),
        "WATCHES": str(given["watches"]),
        "ENFORCES_POLICY": str(given["enforces_policy"]),
    }


def test_the_api_version_in_the_text_is_the_codes() -> None:
    assert f"`codexplus_core.API_VERSION` is {codexplus_core.API_VERSION}." in words("plugins.md")


# -- limits


def default(function: Any, name: str) -> Any:
    return inspect.signature(function).parameters[name].default


def seconds(value: float) -> str:
    return f"{value:g} s"


def mib(value: int) -> str:
    assert value % MIB == 0
    return f"{value // MIB} MiB"


def kib(value: int) -> str:
    return f"{value // 1024} KiB"


def limits() -> dict[str, str]:
    served = hypercorn_limits()
    return {
        "request body, compressed or not": mib(decode.LIMIT),
        "request head": kib(served["h11_max_incomplete_size"]),
        "header lines of a request": str(guard._MAX_HEADERS),
        "receiving a request body": seconds(http.BODY_S),
        "idle connection of a client": seconds(served["keep_alive_timeout"]),
        "connecting to the upstream": seconds(default(upstream.CurlUpstream, "connect_timeout")),
        "upstream's silence before its answer": seconds(default(upstream.CurlUpstream, "head_timeout")),
        "upstream's silence within its answer": seconds(default(upstream.CurlUpstream, "idle_timeout")),
        "both, on a WebSocket that plugins read or behind `ws://`": seconds(silence.SILENCE_S),
        "answer as a whole": "no limit",
        "bytes that wait for a slow client": kib(upstream_handle.QUEUE_LIMIT),
        "keep-alive while plugins work, every": seconds(downstream.KEEPALIVE_S),
        "upstream rounds of one exchange": str(ask.MAX_ROUNDS),
        "a plugin's call": seconds(default(dispatch.Dispatcher, "limit")),
        "a plugin's `on_startup`": seconds(dispatch.STARTUP_LIMIT_S),
        "a plugin's step on the event loop": seconds(default(dispatch.Dispatcher, "block_limit")),
        "`core.run`, unless the action says otherwise": seconds(default(action.Action, "timeout")),
        "output kept of `core.run`": kib(default(run_program, "output_limit")),
        "file read by `core.open`": mib(files.LIMIT),
        "a title request's wait for its turn": seconds(titles.WAIT_S),
        "drain after SIGTERM": seconds(server.DRAIN_S),
        "start of the proxy by `run`": seconds(start.START_SECONDS),
        "session counts as ended after": seconds(sessions.IDLE_S),
        "threads in memory": str(sessions.KEEP_THREADS),
        "conversations in memory": mib(sessions.VIEW_BYTES),
        "threads kept in the ledger": f"{store.KEEP_DAYS} days",
    }


def test_the_table_of_limits_is_the_codes() -> None:
    table = {row[0]: row[1] for row in rows(section("operating.md", "Limits and time-outs"))}

    assert table == limits()


def test_the_words_about_blocking_are_the_codes() -> None:
    text = section("plugins.md", "Time and faults")

    assert "half a second" in text and default(dispatch.Dispatcher, "block_limit") == 0.5
    assert "Three times within an hour" in text
    assert (dispatch_faults.STRIKES, dispatch_faults.FORGET_AFTER_S) == (3, 3600.0)


def test_the_documented_versions_of_codex_are_the_tested_ones() -> None:
    *first, last = codex.TESTED

    assert f"{', '.join(first)} and {last} are tested" in words("how-it-works.md")


# -- the command line


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Every command and action with its parser."""
    found = {}
    for name, _, module in main.COMMANDS:
        parser = found[f"codex-plus {name}"] = argparse.ArgumentParser(prog=f"codex-plus {name}")
        import_module(module).configure(parser)
        for argument in parser._actions:
            if isinstance(argument, argparse._SubParsersAction):
                found.update({f"codex-plus {name} {child}": made for child, made in argument.choices.items()})
    return found


def options(parser: argparse.ArgumentParser) -> set[str]:
    shown = [action for action in parser._actions if action.help is not argparse.SUPPRESS]
    named = {action.option_strings[-1] for action in shown if action.option_strings} - {"--help"}
    plain = {
        str(action.metavar or action.dest)
        for action in shown
        if not action.option_strings and not isinstance(action, argparse._SubParsersAction)
    }
    return named | plain


def documented_commands() -> set[str]:
    return set(re.findall(r"^#+ (codex-plus .+)$", words("command-line.md"), re.MULTILINE))


def test_every_command_is_documented_and_no_other() -> None:
    assert documented_commands() == set(parsers())


@pytest.mark.parametrize("command", sorted(parsers()))
def test_every_option_is_documented_and_no_other(command: str) -> None:
    text = section("command-line.md", command).split("\n### ")[0]

    given = {row[0].strip("`").split()[0] for row in rows(text)}

    expected = options(parsers()[command])
    if "-- CODEX ARGS" in expected:
        expected.remove("-- CODEX ARGS")
        assert "[-- CODEX ARGS]" in text
    assert given == expected


def test_the_program_itself_has_the_documented_option(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["--help"])

    shown = set(re.findall(r"--[a-z-]+", capsys.readouterr().out.partition("commands:")[0])) - {"--help"}
    assert shown == {row[0].strip("`") for row in rows(section("command-line.md", "codex-plus"))}


def test_the_documented_defaults_are_the_codes() -> None:
    text = section("command-line.md", "codex-plus serve")

    assert f"(default {settings.DEFAULT_HOST})" in text and f"(default {settings.DEFAULT_PORT})" in text
    assert f"else {settings.DEFAULT_PORT})" in section("command-line.md", "codex-plus run")


def test_the_commands_that_run_passes_on_are_documented() -> None:
    text = section("command-line.md", "codex-plus run")

    assert {word for word in run.WITHOUT_MODEL if len(word) > 2 and word != "help"} <= set(ticked(text))


def test_documented_variables_are_read_somewhere() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in python_files(CORE))

    named = [name for row in rows(section("command-line.md", "Environment")) for name in ticked(row[0])]

    assert [name for name in named if name not in code] == []


# -- logs and files

EVENT = re.compile(r"\b(?:warning|error|_?report)\(\s*\"(\w+)\"")


def logged() -> set[str]:
    """Every event that the proxy writes as a warning or an error."""
    skipped = (CORE / "testing", CORE / "cli")
    texts = [
        path.read_text(encoding="utf-8")
        for path in python_files(CORE)
        if not any(path.is_relative_to(folder) for folder in skipped)
    ]
    return {name for text in texts for name in EVENT.findall(text)}


def test_every_logged_event_is_documented_and_no_other() -> None:
    table = rows(section("operating.md", "Logs")) + rows(section("plugins.md", "Time and faults"))
    named = {name for row in table for name in ticked(" ".join(row)) if re.fullmatch(r"[a-z]+(_[a-z]+)+", name)}

    fields = {"last_error", "refused_for"}
    assert named - fields == logged()


def test_every_file_of_the_state_directory_is_documented() -> None:
    from codexplus_core.cli import doctor_checks

    checked = re.search(r"for name in \((.*?)\)\)", inspect.getsource(doctor_checks.state_directory))
    assert checked is not None
    named = " ".join(row[0] for row in rows(section("operating.md", "State")))

    assert [name for name in re.findall(r'"([\w.]+)"', checked[1]) if name not in named] == []


async def test_health_says_what_is_documented(tmp_path: Path) -> None:
    async with testing.Harness() as proxy:
        answer = await proxy.request("GET", "/_codexplus/health")

    text = section("operating.md", "Health")
    assert [key for key in json.loads(answer.body) if f"`{key}`" not in text] == []


def test_the_messages_in_the_troubleshooting_table_are_the_ones_that_are_sent() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in python_files(CORE))
    symptoms = [row[0] for row in rows(section("operating.md", "Troubleshooting"))]

    quoted = [phrase for symptom in symptoms for phrase in ticked(symptom) if " " in phrase or "_" in phrase]

    # This one is Codex's own.
    assert [phrase for phrase in quoted if phrase not in code] == ["workspace routing discovery failed"]


def test_the_files_of_the_service_are_documented() -> None:
    text = section("operating.md", "Running it")

    assert [name for name in (*background._SYSTEMD, f"{background.LABEL}.plist") if name not in text] == []


def test_the_documented_key_is_the_one_that_init_writes() -> None:
    text = section("operating.md", "Putting Codex behind the proxy")

    assert f'{codex_config.KEY} = "{codex_config.base_url(settings.DEFAULT_PORT)}"' in text
    assert codex_config.base_url(settings.DEFAULT_PORT, "TOKEN") in text
