"""What `init --hooks` writes: the programs that Codex starts for its events, and the entries that name them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codexplus_core import InitStep

from . import bridge_client

NATIVE_EVENTS = (
    "SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse", "SubagentStart",
    "SubagentStop", "PreCompact", "PostCompact", "Stop", "Interrupt", "SessionEnd",
)  # fmt: skip
"""The events that Codex 0.169 knows itself; it ignores others in its configuration without a word."""

HINT = """\
Codex asks once, at its next start in a terminal, whether to trust these hooks ("Hooks need review"): choose to trust
them. Until then it does not run them, and codex exec leaves them out without a word. codex-plus doctor looks at it."""

BRIEF = frozenset({"Interrupt", "SessionEnd"})
"""Events for which Codex waits 1 s unless told otherwise, and never more than 3 s; for the others it is 600 s."""

_BRIEF_S = 3
_DEFAULT_PORT = 3000
_BASE_URL = re.compile(r"http://127\.0\.0\.1:(\d{1,5})(/[A-Za-z0-9_-]+)?/v1/?")
# What bash has in it only if it was built to open TCP connections.
_HAS_TCP = b"/dev/tcp/*"
_SCRIPT = "event.bash"
_CLIENT = "event.py"
_STARTER = "event.sh"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the bridge's programs lie, where Codex has its configuration, and where the proxy is."""

    folder: Path
    codex: Path
    port: int
    prefix: str
    """``/TOKEN`` where the proxy cannot tell its users apart, else ``""``."""

    @property
    def hooks_file(self) -> Path:
        """Codex's hooks, the user's own among them."""
        return self.codex / "hooks.json"


def places(env: Mapping[str, str]) -> Places:
    """The places for this environment; nothing is looked at."""
    home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    state = Path(env["CODEX_PLUS_HOME"]).expanduser() if env.get("CODEX_PLUS_HOME") else home / ".codexplus"
    codex = Path(env["CODEX_HOME"]).expanduser() if env.get("CODEX_HOME") else home / ".codex"
    found = _BASE_URL.fullmatch(env.get("CODEX_PLUS_BASE_URL", ""))
    port, prefix = (int(found[1]), found[2] or "") if found else (_DEFAULT_PORT, "")
    return Places(state.absolute() / "bridge", codex.absolute(), port, prefix)


def step() -> InitStep:
    """What `init --hooks` does."""
    return InitStep("hooks", files, HINT, entries)


def files(env: Mapping[str, str]) -> dict[Path, str]:
    """The programs. All of them, because which one Codex starts was settled when its configuration was written."""
    here = places(env)
    client = Path(bridge_client.__file__).read_text(encoding="utf-8")
    client = client.replace("PORT = 0\n", f"PORT = {here.port}\n").replace(
        'PREFIX = ""\n', f'PREFIX = "{here.prefix}"\n'
    )
    start = " ".join(shlex.quote(part) for part in _python(here.folder / _CLIENT))
    return {
        here.folder / _SCRIPT: script(here.port, here.prefix),
        here.folder / _CLIENT: client,
        here.folder / _STARTER: f'exec {start} "$1"\n',
    }


def entries(env: Mapping[str, str]) -> dict[Path, dict[str, Sequence[Any]]]:
    """The entries in Codex's hooks, one for each event."""
    here = places(env)
    return {here.hooks_file: {f"hooks.{event}": [entry(here, event, env)] for event in NATIVE_EVENTS}}


def entry(here: Places, event: str, env: Mapping[str, str]) -> dict[str, Any]:
    """One entry. It names no port and no version: Codex asks its user again whenever an entry changes."""
    program = command(here, event, env, windows=sys.platform == "win32")
    limit = {"timeout": _BRIEF_S} if event in BRIEF else {}
    return {"hooks": [{"type": "command", "command": program, **limit}]}


def command(here: Places, event: str, env: Mapping[str, str], *, windows: bool) -> str:
    """What Codex hands to the user's shell (``$SHELL -lc``, or ``cmd /C``)."""
    if windows:
        return " ".join(f'"{part}"' if " " in part else part for part in (*_python(here.folder / _CLIENT), event))
    bash = bash_with_tcp(env)
    program = [bash, "-p", str(here.folder / _SCRIPT)] if bash else ["/bin/sh", str(here.folder / _STARTER)]
    # sh, bash, zsh and fish read this alike. Without the file, of a codex-plus removed by hand, nothing is said.
    there = shlex.quote(program[-1])
    return f"test ! -f {there} || exec {' '.join(map(shlex.quote, program))} {event}"


def bash_with_tcp(env: Mapping[str, str]) -> str:
    """A bash that can open connections itself, ``""`` where there is none."""
    found = shutil.which("bash", path=env.get("PATH") or os.defpath)
    try:
        return found if found and _HAS_TCP in Path(found).read_bytes() else ""
    except OSError:
        return ""


def script(port: int, prefix: str) -> str:
    """The program for bash: a few ms an event, a third of what Python needs."""
    return f"""\
# Hands an event of Codex to codex-plus and prints the decision. Written by codex-plus init --hooks and kept up to date;
# codex-plus init --undo removes it. Whatever goes wrong: no output, exit code 0, and Codex goes on as without it.
LC_ALL=C
trap 'exit 0' 0
trap '' PIPE
exec 2>/dev/null
event=$(</dev/stdin) || event=$(cat)
exec 3<>/dev/tcp/127.0.0.1/{port} || exit 0
send() {{
  printf '%s\\r\\n' "POST {prefix}/_codexplus/hooks/$1 HTTP/1.0" 'Host: 127.0.0.1:{port}' \\
    'Content-Type: application/json' "Content-Length: ${{#event}}" '' >&3
  printf '%s' "$event" >&3
}}
# A proxy that hangs takes no more than a socket holds; what is longer must not be waited for.
if [ ${{#event}} -lt 32768 ]; then send "$1"; else send "$1" & trap 'kill -9 %1; exit 0' 0; fi
IFS= read -r -t {bridge_client.CONNECT_S:.0f} line <&3
case $line in 'HTTP/1.'?' 200'*) ;; *) exit 0 ;; esac
while IFS= read -r -t {bridge_client.CONNECT_S:.0f} line <&3 && [ "$line" != $'\\r' ]; do :; done
IFS= read -r -t {bridge_client.CONNECT_S:.0f} line <&3
[ "$line" = '{bridge_client.HELLO.decode()}' ] || exit 0
# It lives and has the event: from here on its hooks take their own time.
IFS=' ' read -r -t {bridge_client.DECIDE_S:.0f} word size <&3
[ "$word" = answer ] || exit 0
answer=$(cat <&3)
[ ${{#answer}} = "$size" ] && printf '%s\\n' "$answer"
"""


def _python(client: Path) -> list[str]:
    # The base interpreter starts without looking for a virtual environment, and outlives it.
    program = getattr(sys, "_base_executable", "") or sys.executable
    return [os.path.realpath(program), "-I", "-S", "-E", str(client)]
