"""What a server's settings and texts look like to people: on one line, without secrets and without tricks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from codexplus_core import code_span, printable

HIDDEN = "[REDACTED]"
"""In the place of a value that its name calls a secret."""

_SECRET = re.compile(r"(?i)token|secret|passw|passphrase|api_?-?key|_key$|auth|cookie|credential|bearer|private|_pat$")
_LOOKS = re.compile(r"(?:sk|pk|ghp|gho|ghs|xox[abp]|glpat|AKIA)[-_A-Za-z0-9]{12,}|eyJ[A-Za-z0-9_-]{10,}\.\S+")
_MARKS = re.compile(r"[\\`*_\[\]<>|#~&]|://")


def value_of(name: str, value: object) -> str:
    """A value, or `HIDDEN` where its name or its looks say that it is a secret; a bare ``${VAR}`` is none."""
    text = str(value)
    if re.fullmatch(r"\$\{[A-Za-z_]\w*\}", text):
        return text
    return HIDDEN if _SECRET.search(name) else printable(_LOOKS.sub(HIDDEN, text))


def values_of(values: Mapping[str, Any]) -> dict[str, str]:
    """A mapping of variables or headers, to be shown."""
    return {printable(name): value_of(name, value) for name, value in values.items()}


def args_of(args: Iterable[object]) -> list[str]:
    """Arguments to be shown: what follows ``--token`` or stands behind ``--api-key=`` is hidden."""
    shown: list[str] = []
    hide = False
    for arg in map(str, args):
        name, equals, _ = arg.partition("=")
        if hide:
            shown.append(HIDDEN)
        elif equals and _SECRET.search(name):
            shown.append(f"{printable(name)}={HIDDEN}")
        else:
            shown.append(url_of(arg) if "://" in arg else printable(_LOOKS.sub(HIDDEN, arg)))
        hide = not hide and not equals and arg.startswith("-") and bool(_SECRET.search(arg))
    return shown


def oauth_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry says about signing in, to be shown."""
    return {printable(str(name)): _member(str(name), item) for name, item in said.items()}


def _member(name: str, item: Any) -> Any:
    if isinstance(item, int | float | None):
        return item
    if isinstance(item, list):
        return [_member(name, each) for each in item]
    if isinstance(item, dict):
        return oauth_of(item)
    # Its name has the word by which others are taken for secrets.
    return url_of(item) if name.replace("_", "").lower() == "authservermetadataurl" else value_of(name, item)


def url_of(url: object) -> str:
    """A URL without user name and password, and without the values of its query that are secrets."""
    text = str(url)
    try:
        parts = urlsplit(text)
    except ValueError:
        return printable(text)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{HIDDEN}@{host}" if "@" in parts.netloc else host
    query = "&".join(_pair(pair) for pair in parts.query.split("&")) if parts.query else ""
    return printable(_LOOKS.sub(HIDDEN, urlunsplit((parts.scheme, netloc, parts.path, query, parts.fragment))))


def _pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={HIDDEN}" if equals and _SECRET.search(name) else pair


def plain(text: object, most: int = 160) -> str:
    """A text of a server's on one line, in which no mark of Markdown does anything.

    With any it stands between backticks: where nothing renders Markdown (`codex exec`), backslashes would be read.
    """
    words = one_line(text, most)
    return code_span(words) if _MARKS.search(words) else words


def one_line(text: object, most: int = 160) -> str:
    """A text of a server's on one line of a terminal."""
    words = printable(" ".join(str(text).split()))
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"


def quoted(text: object) -> str:
    """A word of a command that is shown to be copied, for a shell and fit for a terminal."""
    return shlex.quote(printable(str(text)))
