"""What differs between two runs of the same Codex by its nature: ids, times, ports, paths."""

from __future__ import annotations

import re

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# On resume it is drawn anew or found in the session's file, whichever comes first: Codex does both at once.
_WINDOW = re.compile(rf"(context_window_id\W+){_ID.pattern}")
_RULES = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?"), "TIME"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"(create_time\W+)[\d.]+"), r"\1TIME"),
    (re.compile(r"(_at_unix_ms\W+|-start-ms\W+)\d+"), r"\1TIME"),
    (re.compile(r"(sec-websocket-key: )\S+"), r"\1KEY"),
    # Codex looks at the repository in the background and says what it knows by then.
    (re.compile(r',?\\?"workspaces\\?":\{.*?\}\}'), ""),
    (re.compile(r"(Wall time:? )[\d.]+"), r"\1TIME"),
    (re.compile(r"((?:wall_time|duration)_seconds\W+)[\d.e-]+"), r"\1TIME"),
    (re.compile(r'("nanos":)\d+'), r"\g<1>0"),
    (re.compile(r"(Chunk ID: |chunk_id\W+)[0-9a-f]{6}"), r"\1CHUNK"),
    (re.compile(r"( in )[\d.]+(?:ms|s)\b"), r"\1TIME"),
)


def normal(text: str, *places: str) -> str:
    """The text with ids numbered in order of appearance, and times, ports and these ``places`` named alike."""
    for place in places:
        text = text.replace(place, "PLACE")
    seen: dict[str, str] = {}
    text = _WINDOW.sub(r"\1WINDOW", text)
    text = _ID.sub(lambda found: seen.setdefault(found[0], f"id-{len(seen)}"), text)
    for pattern, word in _RULES:
        text = pattern.sub(word, text)
    return text
