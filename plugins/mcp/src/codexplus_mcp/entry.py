"""One entry under ``mcpServers``, in Claude Code's keys or the specification's, as the fields of a Server."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .server import Transport
from .url import settled

LONGEST_S = 24 * 3600.0
"""The longest time that anybody may ask for one call."""
TRANSPORTS: Mapping[str, Transport] = {
    "stdio": "stdio", "http": "http", "streamable-http": "http", "streamable_http": "http", "sse": "sse",
}  # fmt: skip
# They belong to the protocol and to the connection; said twice, servers take one or the other.
_OWN_HEADERS = frozenset({
    "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive",
    "mcp-session-id", "mcp-protocol-version", "last-event-id", "accept", "content-type", "accept-encoding",
})  # fmt: skip


@dataclass(slots=True)
class Entry:
    """What an entry says. ``broken`` says that it cannot be used, the last of ``problems`` why."""

    transport: Transport = "stdio"
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    oauth: dict[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    permissions: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)
    broken: bool = False

    def digest(self, name: str, project: Path | None) -> str:
        """The SHA-256 over everything that decides what would happen."""
        decides = [
            name, self.transport, self.command, self.args, self.env, self.url, self.headers, self.oauth,
            sorted(self.permissions), None if project is None else os.path.realpath(project),
        ]  # fmt: skip
        text = json.dumps(decides, sort_keys=True, ensure_ascii=True, default=str)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def read_entry(value: Mapping[str, Any], *, strict: bool = False) -> Entry:
    """Read an entry whose fields have the right types. ``strict`` reads it as Claude Code 2.1 does, and no more."""
    entry = Entry()
    said = value.get("type") if strict else value.get("type") or value.get("transport")
    if not isinstance(said, str):
        said = "stdio" if strict or value.get("command") else guessed(str(value.get("url", "")))
    entry.transport = TRANSPORTS.get(said, "stdio")
    entry.permissions = tuple(value.get("permissions") or ())
    entry.timeout = _seconds(value.get("timeout"), entry)
    oauth = value.get("oauth") if strict else value.get("oauth") or value.get("auth")
    entry.oauth = dict(oauth) if isinstance(oauth, dict) else {}
    if entry.transport == "stdio":
        _read_command(value, entry, strict=strict)
    else:
        _read_url(value, entry)
    for key in ("env", "headers") if strict else ():
        if odd := [name for name, item in (value.get(key) or {}).items() if not isinstance(item, str)]:
            _break(entry, f"{key}.{odd[0][:40]}: expected a text")
    return entry


def guessed(url: str) -> Transport:
    """What an entry that says nothing else means by a URL; the old transport's addresses end so by custom."""
    try:
        return "sse" if urlsplit(url).path.rstrip("/").endswith("/sse") else "http"
    except ValueError:
        return "http"


def _read_command(value: Mapping[str, Any], entry: Entry, *, strict: bool) -> None:
    command, args = str(value.get("command") or ""), tuple(str(arg) for arg in value.get("args") or ())
    if not command.strip():
        _break(entry, 'has a url and says stdio; write "type": "http"' if value.get("url") else "has no command")
        return
    if not strict and any(char.isspace() for char in command) and not Path(command).expanduser().is_file():
        try:
            words = shlex.split(command, posix=os.name == "posix")
        except ValueError as error:
            _break(entry, f"its command cannot be taken apart ({error}); put the arguments into args")
            return
        command, args = words[0], (*words[1:], *args)
    if command.startswith("~/"):
        command = str(Path(command).expanduser())
    entry.command, entry.args = command, args
    entry.env = {name: _text(item) for name, item in (value.get("env") or {}).items()}
    for name in [name for name in entry.env if not name or "=" in name or "\0" in name + entry.env[name]]:
        _break(entry, f"its environment has a name that is none ({name[:40]!r})")
    if any("\0" in word for word in (command, *args)):
        _break(entry, "its command holds a NUL character")


def _read_url(value: Mapping[str, Any], entry: Entry) -> None:
    url = str(value.get("url") or "").strip()
    try:
        parts = urlsplit(url)
        well = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well = False
    if not well or any(char.isspace() or not char.isprintable() for char in url):
        _break(entry, "its url is no http or https URL")
        return
    if parts.username is not None or parts.password is not None:
        _break(entry, "its url holds a user name or password; put them into headers")
        return
    # What lists compare is then what is asked for, however it was spelled.
    entry.url = settled(url)
    for name, item in (value.get("headers") or {}).items():
        text = _text(item)
        if not name or not name.isascii() or not name.replace("-", "a").replace("_", "a").isalnum():
            _break(entry, f"the header {name[:40]!r} is no header name")
        elif not text.isprintable():
            _break(entry, f"the header {name} holds a line break or another control character")
        elif name.lower() in _OWN_HEADERS:
            entry.problems.append(f"the header {name} belongs to the protocol and is left out")
        else:
            entry.headers[name] = text.strip()
    if value.get("headersHelper"):
        entry.problems.append("its headersHelper is not run; write the headers, with ${VARIABLES} in them, or sign in")
    away = parts.hostname not in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "http" and away and any(name.lower() == "authorization" for name in entry.headers):
        entry.problems.append("sends a credential over http, where others can read it; use https")


def _seconds(value: Any, entry: Entry) -> float | None:
    """Claude Code has milliseconds and ignores what is below a second of them; smaller numbers are seconds here."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        entry.problems.append("its timeout is no number above 0 and does not count")
        return None
    return min(value / 1000 if value >= 1000 else float(value), LONGEST_S)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _break(entry: Entry, why: str) -> None:
    entry.broken = True
    entry.problems.append(why)
