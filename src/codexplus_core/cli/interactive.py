"""How `codex-plus run` starts Codex: on a terminal of its own where the launcher is of use, else plainly."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..services import codex
from ..services.run import hand_over, terminal_is_ours

REJECTS_SINCE = (0, 60, 0)
"""From here on Codex's composer rejects a ``/name`` that it does not know; older ones send it to the model."""

# These show no composer.
_WITHOUT_COMPOSER = """
a app app-server apply cloud completion debug e exec exec-server execpolicy features help login logout mcp mcp-server
plugin responses-api-proxy review sandbox stdio-to-uds update
"""
DOOR = "type a space before the slash to use your own commands: Codex itself would reject /name"


def start(
    program: Path, arguments: Sequence[str], env: Mapping[str, str], *, port: int, token: str, version: str, plain: bool
) -> int:
    """Run Codex (``version``, "" if it is not known) in this terminal; its exit code, 128+n after signal n.

    ``port`` and ``token`` are the proxy's, which knows the names of our commands. Raises CannotStart.
    """
    argv = [str(program), *arguments]
    if plain or not has_composer(arguments, env, version) or not is_wanted(env):
        return hand_over(argv, env)
    if sys.platform == "win32":
        print(f"codex-plus: {DOOR}", file=sys.stderr, flush=True)
        return hand_over(argv, env)
    if not terminal_is_ours():
        return hand_over(argv, env)
    # Not above: Windows has no termios.
    from ..terminal.launcher import launch
    from ..terminal.names import of_proxy

    return launch(argv, env, of_proxy(port, working_directory(arguments), token=token), version=version)


def has_composer(arguments: Sequence[str], env: Mapping[str, str], version: str) -> bool:
    """Whether this Codex will show a composer on a terminal, and one that rejects our names."""
    if not on_a_terminal():
        return False
    # Windows gives its terminals no name.
    if sys.platform != "win32" and env.get("TERM", "") in ("", "dumb"):
        return False
    if version and codex.version_numbers(version) < REJECTS_SINCE:
        return False
    return not (arguments and arguments[0] in _WITHOUT_COMPOSER.split())


def on_a_terminal() -> bool:
    """Whether somebody sits there."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def is_wanted(env: Mapping[str, str]) -> bool:
    """Whether the user's settings leave the launcher on (``slash.launcher``)."""
    # It brings the readers of JSON and YAML, which the other ways do without.
    from ..services.config import Config

    settings = Config(Path(env.get("HOME") or Path.home()), env=env).user
    return settings.get("slash.launcher", True) is not False


def working_directory(arguments: Sequence[str]) -> Path:
    """Where this Codex works: ``-C``/``--cd``, else here."""
    here = Path.cwd()
    for at, word in enumerate(arguments):
        if word in ("-C", "--cd") and at + 1 < len(arguments):
            return here / arguments[at + 1]
        if word.startswith("--cd="):
            return here / word.removeprefix("--cd=")
    return here
