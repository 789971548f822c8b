"""What a value must look like: each check gives what can be used of it, and complaints about the rest."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import urlsplit

from .origin import KeyPath

BAD: Final = object()
"""The value cannot be used at all."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is left of a value (or BAD), and what is wrong with it: (where inside it, what)."""

    value: Any
    complaints: tuple[tuple[KeyPath, str], ...] = ()


Check = Callable[[Any], Checked]


def shown(value: Any) -> str:
    """A value in a complaint: its kind, never its text, which may be a secret."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    kinds = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), type(value).__name__)


def _bad(expected: str, value: Any) -> Checked:
    return Checked(BAD, (((), f"expected {expected}, got {shown(value)}"),))


def anything(value: Any) -> Checked:
    """Any JSON value."""
    return Checked(value)


def text(value: Any) -> Checked:
    """A text that is not empty."""
    if isinstance(value, str) and value.strip():
        return Checked(value)
    return _bad("a text", value) if not isinstance(value, str) else Checked(BAD, (((), "is empty"),))


def amount(value: Any) -> Checked:
    """A whole number from 1 on."""
    whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1_000_000
    return Checked(value) if whole else _bad("a whole number from 1 on", value)


def flag(value: Any) -> Checked:
    """True or false."""
    return Checked(value) if isinstance(value, bool) else _bad("true or false", value)


def choice(*words: str) -> Check:
    """One of these words."""

    def check(value: Any) -> Checked:
        if value in words and isinstance(value, str):
            return Checked(value)
        said = repr(value) if isinstance(value, str) and len(value) < 40 else shown(value)
        return Checked(BAD, (((), f"expected {' or '.join(words)}, got {said}"),))

    return check


def flag_or_object(value: Any) -> Checked:
    """True, false or an object."""
    return Checked(value) if isinstance(value, bool | dict) else _bad("true, false or an object", value)


def variable(value: Any) -> Checked:
    """The value of an environment variable; numbers and booleans become text, as Claude Code 2.1 has it."""
    if isinstance(value, bool):
        return Checked("true" if value else "false")
    if isinstance(value, int | float):
        return Checked(str(value))
    if not isinstance(value, str):
        return _bad("a text", value)
    return Checked(BAD, (((), "holds a NUL character"),)) if "\0" in value else Checked(value)


def address(value: Any) -> Checked:
    """A base URL: http(s) or ws(s), without user name, query and fragment."""
    if not isinstance(value, str):
        return _bad("a URL", value)
    try:
        parts = urlsplit(value)
        well = parts.scheme in ("http", "https", "ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well = False
    if not well or parts.username is not None or parts.query or parts.fragment:
        return Checked(BAD, (((), "expected an http, https, ws or wss URL without user name, query and fragment"),))
    return Checked(value.rstrip("/"))


def text_or_object(value: Any) -> Checked:
    """A text or an object."""
    return Checked(value) if isinstance(value, dict) else text(value)


def pattern(value: Any) -> Checked:
    """What redaction is told to look for: a regular expression, or an object with ``pattern`` and ``kind``."""
    if not isinstance(value, dict):
        return text(value)
    if text(value.get("pattern")).value is BAD or text(value.get("kind", "custom")).value is BAD:
        return Checked(BAD, (((), 'expected {"kind": TEXT, "pattern": TEXT}'),))
    return Checked(value)


def pack_keys(value: Any) -> Checked:
    """The public keys that sign packs of one name: minisign's, alone, with a day and a serial, or a list of those."""
    if not isinstance(value, list):
        return _pack_key(value)
    if not value:
        return Checked(BAD, (((), "is empty"),))
    # A list with a wrong key in it is wrong: nobody knows which key was meant.
    wrong = [((number, *where), what) for number, one in enumerate(value) for where, what in _pack_key(one).complaints]
    return Checked(BAD, tuple(wrong)) if wrong else Checked(value)


def _pack_key(value: Any) -> Checked:
    if isinstance(value, str):
        return Checked(value) if _is_public_key(value) else Checked(BAD, (((), _KEY_WANTED),))
    if not isinstance(value, dict):
        return _bad("a public key of minisign, or an object with one", value)
    unknown = sorted(str(name) for name in value if name not in ("key", "notAfter", "minSerial"))
    if unknown:
        return Checked(BAD, (((unknown[0],), "is unknown; key, notAfter and minSerial are known"),))
    if not _is_public_key(value.get("key")):
        return Checked(BAD, ((("key",), _KEY_WANTED),))
    if "notAfter" in value and not _is_day(value["notAfter"]):
        return Checked(BAD, ((("notAfter",), 'expected a day such as "2027-12-31"'),))
    serial = value.get("minSerial", 1)
    if not isinstance(serial, int) or isinstance(serial, bool) or serial < 1:
        return Checked(BAD, ((("minSerial",), f"expected a whole number from 1 on, got {shown(serial)}"),))
    return Checked(value)


_KEY_WANTED = "expected a public key of minisign: the second line of its .pub file, which begins with RW"


def _is_public_key(value: Any) -> bool:
    try:
        raw = base64.b64decode(value.strip(), validate=True) if isinstance(value, str) else b""
    except ValueError:
        return False
    return len(raw) == 42 and raw.startswith(b"Ed")


def _is_day(value: Any) -> bool:
    try:
        return (
            isinstance(value, str)
            and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None
            and bool(date.fromisoformat(value))
        )
    except ValueError:
        return False


def server(value: Any) -> Checked:
    """One MCP server, in Claude Code's keys (``type``) or the specification's (``transport``, one-text ``command``)."""
    if not isinstance(value, dict):
        return _bad("an object", value)
    wrong: list[tuple[KeyPath, str]] = [
        ((name,), f"expected {words}, got {_word(name, value[name])}")
        for name, words, fits in _SERVER_FIELDS
        if name in value and not fits(value[name])
    ]
    # A sandbox that is asked for under `permision` is none.
    wrong += [((name,), f"is no key that is known; did you mean {near}?") for name, near in _slips(value)]
    if not wrong and "command" not in value and "url" not in value:
        wrong.append(((), "has neither command nor url"))
    # Half a server must not be started: what is wrong in it may be what kept it harmless.
    return Checked(BAD, tuple(wrong)) if wrong else Checked(value)


def _word(name: str, value: Any) -> str:
    return repr(value) if name in ("type", "transport") and isinstance(value, str) and len(value) < 40 else shown(value)


def _slips(value: dict[str, Any]) -> list[tuple[str, str]]:
    """Names that are nearly a known one. Those that go on where a known one ends (``headersHelper``) are others'."""
    known = [*(name for name, _, _ in _SERVER_FIELDS), "timeout"]
    found = []
    for name in [name for name in value if name not in known and len(name) <= 20]:
        near = get_close_matches(name.lower(), known, n=1, cutoff=0.8)
        rest = name.removeprefix(near[0]) if near else ""
        if near and (rest == name or rest[0].islower()):
            found.append((name, near[0]))
    return found


def hook_group(value: Any) -> Checked:
    """One entry of a hook event: Claude Code's ``{matcher, hooks: [...]}`` or the flat ``{matcher, command, …}``."""
    if not isinstance(value, dict):
        return _bad("an object", value)
    if "matcher" in value and not isinstance(value["matcher"], str):
        return Checked(BAD, ((("matcher",), f"expected a text, got {shown(value['matcher'])}"),))
    if "hooks" not in value:
        wrong = _hook_faults(value, flat=True)
        return Checked(BAD, tuple(wrong)) if wrong else Checked(value)
    if not isinstance(value["hooks"], list):
        return Checked(BAD, ((("hooks",), f"expected a list, got {shown(value['hooks'])}"),))
    kept: list[Any] = []
    complaints: list[tuple[KeyPath, str]] = []
    for number, hook in enumerate(value["hooks"]):
        wrong = _hook_faults(hook, flat=False)
        complaints += [(("hooks", number, *where), what) for where, what in wrong]
        if not wrong:
            kept.append(hook)
    if complaints and not kept:
        return Checked(BAD, tuple(complaints))
    return Checked({**value, "hooks": kept}, tuple(complaints))


def _hook_faults(hook: Any, *, flat: bool) -> list[tuple[KeyPath, str]]:
    if not isinstance(hook, dict):
        return [((), f"expected an object, got {shown(hook)}")]
    faults: list[tuple[KeyPath, str]] = []
    if hook.get("type", "command" if flat else None) == "command" and text(hook.get("command")).value is BAD:
        faults.append((("command",), "a command is missing"))
    if not flat and text(hook.get("type")).value is BAD:
        faults.append((("type",), 'expected a text such as "command"'))
    timeout = hook.get("timeout", 1)
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or not 0 < timeout < float("inf"):
        faults.append((("timeout",), "expected a number of seconds above 0"))
    for name in ("permissions", "args"):
        if name in hook and not _texts(hook[name]):
            faults.append(((name,), f"expected a list of texts, got {shown(hook[name])}"))
    return faults


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str | int | float) for item in value.values())


_TRANSPORTS = ("stdio", "http", "sse", "streamable-http", "streamable_http")
_SERVER_FIELDS: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("command", "a text", lambda value: isinstance(value, str) and bool(value.strip())),
    ("args", "a list of texts", _texts),
    ("env", "an object of texts", _text_map),
    ("url", "a text", lambda value: isinstance(value, str) and bool(value.strip())),
    ("headers", "an object of texts", _text_map),
    ("type", f"one of {', '.join(_TRANSPORTS)}", lambda value: value in _TRANSPORTS),
    ("transport", f"one of {', '.join(_TRANSPORTS)}", lambda value: value in _TRANSPORTS),
    ("permissions", "a list of texts", _texts),
    ("auth", "an object", lambda value: isinstance(value, dict)),
    ("oauth", "an object", lambda value: isinstance(value, dict)),
)
