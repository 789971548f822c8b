"""An entry that is given as JSON: Claude Code's, the specification's, or the whole file that it was copied with."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Any

from codexplus_core import Problem

from .entry import TRANSPORTS, guessed
from .shown import one_line

_SHAPES: tuple[tuple[str, type, str], ...] = (
    ("command", str, "a text"), ("url", str, "a text"), ("args", list, "a list of texts"), ("env", dict, "an object"),
    ("headers", dict, "an object"), ("oauth", dict, "an object"), ("auth", dict, "an object"),
)  # fmt: skip


def entry_of(name: str, text: str, *, strict: bool = False) -> tuple[dict[str, Any], list[str]]:
    """The entry in a JSON text, and notes about what was taken from it; ``strict`` takes what Claude Code 2.1 takes.

    Raises Problem.
    """
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problem(f"Invalid configuration: it is not valid JSON ({error})") from None
    notes = []
    # What people copy is often the whole of a file.
    for _ in range(0 if strict else 2):
        inner = entry.get("mcpServers", entry.get(name)) if isinstance(entry, dict) else None
        if isinstance(inner, dict) and "command" not in entry and "url" not in entry:
            only = next(iter(inner.values())) if "mcpServers" in entry and len(inner) == 1 else inner
            entry, notes = only, ["the entry was taken out of the object around it"]
    if not isinstance(entry, dict) or ("command" not in entry and "url" not in entry):
        names = entry if isinstance(entry, dict) else ()
        near = [name for name in names if get_close_matches(name, ("command", "url"), n=1)]
        hint = f' There is "{one_line(near[0], 40)}": is that a slip?' if near else ""
        raise Problem(
            'Invalid configuration: it needs a "command" for a local server, or a "type" and a "url" for a remote one.'
            + hint
        )
    for key, shape, words in _SHAPES:
        if key in entry and not isinstance(entry[key], shape):
            raise Problem(f"Invalid configuration: {key}: expected {words}")
    if any(not isinstance(arg, str) for arg in entry.get("args", [])):
        raise Problem("Invalid configuration: args: expected a list of texts")
    if "command" in entry and not entry["command"].strip():
        raise Problem("Invalid configuration: command: it is empty; name the program to start")
    for key in ("env", "headers") if strict else ():
        if odd := [one_line(name, 40) for name, value in entry.get(key, {}).items() if not isinstance(value, str)]:
            raise Problem(f"Invalid configuration: {key}.{odd[0]}: expected a text")
    written = entry.get("type", None if strict else entry.get("transport"))
    if written is None and "command" not in entry:
        if strict:
            raise Problem('Invalid configuration: it has a "url" but no "type". Add "type": "http" (or "sse").')
        entry = {"type": guessed(entry["url"]), **entry}
        notes.append(f"it has a url but no type, and was taken as {entry['type']}")
    elif written is not None and (not isinstance(written, str) or written not in TRANSPORTS):
        raise Problem(f"Invalid configuration: type: {one_line(written)}. Must be one of: stdio, sse, http")
    if written is not None and (TRANSPORTS[written] == "stdio") != ("command" in entry):
        raise Problem(
            f"Invalid configuration: type {written} needs a {'command' if TRANSPORTS[written] == 'stdio' else 'url'}"
        )
    # Claude Code writes the list of arguments in any case.
    return ({**entry, "args": []} if "command" in entry and "args" not in entry else entry), notes
