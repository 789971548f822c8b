"""Keeping the proxy running: a systemd user unit with socket activation, or a launchd agent."""

from __future__ import annotations

import os
import plistlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .paths import write_atomic
from .problem import Problem
from .run import CannotStart, capture

MARK = "written by codex-plus init; codex-plus init --undo removes it"
LABEL = "io.codexplus.proxy"
NETWORK_NAMES = (
    "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy",
    "SSL_CERT_FILE",
)  # fmt: skip
SETTINGS_NAMES = ("CLAUDE_CONFIG_DIR", "CODEX_HOME")
"""What moves the folders with the user's settings, which the service reads as well."""
_SYSTEMD = ("codex-plus.socket", "codex-plus.service")


@dataclass(frozen=True, slots=True)
class Service:
    """The files to write, and the commands that make them count (``start``) and cease to (``stop``)."""

    files: dict[Path, bytes]
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]
    after_removal: tuple[tuple[str, ...], ...] = ()


def service(
    argv: tuple[str, ...], *, port: int, home: Path, env: Mapping[str, str], platform: str, user_home: Path, uid: int
) -> Service:
    """What keeps ``argv`` (a ``serve`` command) running on this platform. Raises Problem where we know no way."""
    # Hooks and MCP servers are the user's programs: they are looked for where the user's shell looks.
    variables = {name: env[name] for name in SETTINGS_NAMES if env.get(name)}
    variables |= {"CODEX_PLUS_HOME": str(home), "PATH": env.get("PATH", "/usr/local/bin:/usr/bin:/bin")}
    # What the way to the backend needs, as init found it; a service does not see the shell's environment.
    variables |= {name: env[name] for name in NETWORK_NAMES if env.get(name)}
    if platform == "linux":
        return _systemd(argv, port, variables, Path(env.get("XDG_CONFIG_HOME") or user_home / ".config"))
    if platform == "darwin":
        return _launchd(argv, variables, home, user_home, uid)
    raise Problem(f"no service manager is known for {platform}; start it at login yourself: {shlex.join(argv)}")


def _systemd(argv: tuple[str, ...], port: int, variables: Mapping[str, str], config: Path) -> Service:
    directory = config / "systemd" / "user"
    socket, unit = _SYSTEMD
    command = " ".join(_unit_word(word, command=True) for word in argv)
    settings = "\n".join(f"Environment={_unit_word(f'{name}={value}')}" for name, value in variables.items())
    texts = {
        socket: f"""# {MARK}
[Unit]
Description=codex-plus, the proxy between Codex and its backend (socket)

[Socket]
ListenStream=127.0.0.1:{port}

[Install]
WantedBy=sockets.target
""",
        unit: f"""# {MARK}
[Unit]
Description=codex-plus, the proxy between Codex and its backend
Requires={socket}
After={socket}

[Service]
ExecStart={command}
{settings}
Restart=on-failure
RestartSec=1
""",
    }
    control = ("systemctl", "--user")
    return Service(
        {directory / name: text.encode("utf-8") for name, text in texts.items()},
        start=((*control, "daemon-reload"), (*control, "enable", "--now", socket)),
        stop=((*control, "disable", "--now", *_SYSTEMD),),
        after_removal=((*control, "daemon-reload"),),
    )


def _unit_word(word: str, *, command: bool = False) -> str:
    """A word as systemd reads it: quoted, with its specifiers (and in commands its variables) taken literally."""
    if any(ord(character) < 0x20 for character in word):
        raise Problem(f"{word!r}: cannot be written to a systemd unit; use a path without control characters")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped.replace("$", "$$") if command else escaped}"'


def _launchd(argv: tuple[str, ...], variables: Mapping[str, str], home: Path, user_home: Path, uid: int) -> Service:
    file = user_home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    log = str(home / "log" / "serve.log")
    agent = {
        "Label": LABEL,
        "Comment": MARK,
        "ProgramArguments": list(argv),
        "EnvironmentVariables": dict(variables),
        "RunAtLoad": True,
        "KeepAlive": True,
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    return Service(
        {file: plistlib.dumps(agent)},
        start=(("launchctl", "bootstrap", f"gui/{uid}", str(file)),),
        stop=(("launchctl", "bootout", f"gui/{uid}/{LABEL}"),),
    )


def missing_folders(found: Service) -> list[Path]:
    """The folders that `write` will have to make, outer ones first."""
    wanted = {folder for path in found.files for folder in path.parents if not folder.exists()}
    return sorted(wanted, key=lambda folder: len(folder.parts))


def write(found: Service) -> bool:
    """Write the files, for the user's eyes only: a network proxy's password may be among the variables.

    False when they are there already. A file of that name that is not ours is left alone.
    """
    changed = {path: text for path, text in found.files.items() if _current(path) != text or _is_open(path)}
    for path in changed:
        old = _current(path)
        if old is not None and MARK.encode() not in old:
            raise Problem(f"{path}: was not written by codex-plus; move it away, then run the command again")
    for path, text in changed.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Problem(f"{path.parent}: cannot be created ({error.strerror}); make it writable") from error
        write_atomic(path, text, mode=0o600)
    return bool(changed)


def ours(found: Service) -> list[Path]:
    """The files that are there and that we wrote."""
    return [path for path in found.files if MARK.encode() in (_current(path) or b"")]


def remove(paths: list[Path]) -> None:
    """Remove files that `ours` named."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Problem(f"{path}: cannot be removed ({error.strerror}); remove it by hand") from error


def carry_out(commands: tuple[tuple[str, ...], ...], *, timeout: float = 20.0) -> str:
    """Run the commands; ``""`` when all went well, else what the first failing one said."""
    for command in commands:
        try:
            result = capture(command, timeout)
        except CannotStart as error:
            return str(error)
        if result.timed_out:
            return f"{shlex.join(command)}: no answer within {timeout:g} s"
        if result.returncode != 0:
            said = result.stderr.decode("utf-8", "replace").strip().splitlines()
            return f"{shlex.join(command)}: {said[0] if said else f'ended with {result.returncode}'}"
    return ""


def _is_open(path: Path) -> bool:
    return os.name == "posix" and bool(path.stat().st_mode & 0o077)


def _current(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Problem(f"{path}: cannot be read ({error.strerror}); make it readable") from error
