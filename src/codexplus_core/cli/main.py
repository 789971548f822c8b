"""The `codex-plus` program: finds the command, imports only that, runs it. Exit 0 well, 1 failure, 2 usage."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from ..services.problem import Problem

if TYPE_CHECKING:
    from ..contributions import CliCommand

# Start-up is felt at every use: the table holds names, and the module of a command is imported when it runs.
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("serve", "run the proxy", "codexplus_core.cli.serve"),
    ("run", "run Codex behind the proxy", "codexplus_core.cli.run"),
    ("stop", "end the proxy that runs, wherever it was started", "codexplus_core.cli.stop"),
    ("init", "put Codex behind the proxy, or take it off again (--undo)", "codexplus_core.cli.init"),
    ("doctor", "check the installation and say what to do", "codexplus_core.cli.doctor"),
    ("config", "show settings, and which file each comes from", "codexplus_core.cli.config"),
    ("approvals", "answer what a project asks to run, and see what is allowed", "codexplus_core.cli.approvals"),
    ("demo", "show what it does, without an account", "codexplus_core.cli.demo"),
    ("plugin", "start a plugin of your own", "codexplus_core.cli.plugin"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (default: this process's) and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    # What is typed by habit; `codex-plus help serve` is `codex-plus serve --help`.
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    elif words == ["-v"] or words == ["-V"]:
        words = ["--version"]
    try:
        code = _main(words)
        # Here and not at exit, where a full disk would be a traceback.
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except SystemExit as stop:
        # argparse leaves this way, after --help (0) and after usage errors (2).
        return stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
    except Problem as problem:
        print(f"codex-plus: {problem}", file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has enough (`codex-plus doctor | head`); Python must not complain at exit.
        _give_up_output()
        return 141
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"codex-plus: {error.filename or 'the output'}: {error.strerror}; make room there", file=sys.stderr)
        _give_up_output()
        return 1


def _give_up_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _main(words: list[str]) -> int:
    if not words or words[0].startswith("-"):
        return _without_command(words)
    name, rest = words[0], words[1:]
    for known, text, module in COMMANDS:
        if name == known:
            command = import_module(module)
            return _run(name, text, command.configure, command.run, rest)
    added = _of_a_plugin(name)
    return _run(name, added.help, added.configure, added.run, rest)


def _run(
    name: str,
    text: str,
    configure: Callable[[argparse.ArgumentParser], None] | None,
    run: Callable[[argparse.Namespace], int],
    words: list[str],
) -> int:
    parser = argparse.ArgumentParser(prog=f"codex-plus {name}", description=text, allow_abbrev=False)
    if configure is not None:
        configure(parser)
    return run(parser.parse_args(words))


def _without_command(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="codex-plus",
        description="A proxy between the Codex CLI and its backend, extended by plugins.",
        epilog="codex-plus COMMAND --help explains a command.",
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="store_true", help="print the version and exit")
    if words != ["--version"]:
        _list_commands(parser)
    if parser.parse_args(words).version:
        from ..services.version import own_version

        print(f"codex-plus {own_version()}")
        return 0
    parser.print_help(sys.stderr)
    return 2


def _list_commands(parser: argparse.ArgumentParser) -> None:
    from .plugin_commands import listed

    listing = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=argparse.ArgumentParser)
    found, unknown = listed()
    core = {name for name, _, _ in COMMANDS}
    for name, text in [(name, text) for name, text, _ in COMMANDS] + [row for row in found if row[0] not in core]:
        # The usage line of a sub-parser is never shown; naming it spares argparse the work of making one.
        listing.add_parser(name, help=text.replace("%", "%%"), prog=name, add_help=False)
    if unknown:
        parser.epilog = f"{parser.epilog} Commands of {', '.join(unknown)} are listed after: codex-plus doctor"


def _of_a_plugin(name: str) -> CliCommand:
    from .plugin_commands import load

    found, left_out = load()
    if name in found:
        return found[name]
    from difflib import get_close_matches

    near = get_close_matches(name, [*(known for known, _, _ in COMMANDS), *found], n=1)
    hint = f"did you mean {near[0]!r}?" if near else "codex-plus --help lists them"
    if left_out:
        hint += f"; not loaded, because plugins.allowed does not name them: {', '.join(left_out)}"
    raise Problem(f"{name}: no such command; {hint}", exit_code=2)
