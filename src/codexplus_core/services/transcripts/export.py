"""A transcript to hand on: as one JSON document, or as Markdown to read."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ..approvals.show import TURNS, block, visible

Format = Literal["json", "markdown"]


def read_lines(data: bytes) -> tuple[list[dict[str, Any]], int]:
    """The exchanges of a transcript, and how many lines were torn off by a crash or a full disk."""
    found, torn = [], 0
    for line in data.splitlines():
        if not line:
            continue
        try:
            entry = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            entry = None
        if isinstance(entry, dict):
            found.append(entry)
        else:
            torn += 1
    return found, torn


def as_json(session: str, data: bytes) -> str:
    """All of a transcript as one document."""
    exchanges, torn = read_lines(data)
    document = {"session": session, "torn_lines": torn, "exchanges": exchanges}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def as_markdown(session: str, data: bytes) -> str:
    """What the user saw, to read; what only the model got is named."""
    exchanges, torn = read_lines(data)
    parts = [f"# Session {visible(session)}"]
    for exchange in exchanges:
        parts += _exchange(exchange)
    if torn:
        parts.append(f"*{torn} lines were torn off and are left out.*")
    return "\n\n".join(parts) + "\n"


def _exchange(exchange: dict[str, Any]) -> Iterator[str]:
    origin, outcome = exchange.get("origin"), exchange.get("outcome")
    if origin not in (None, "user", "tool", "review", "subagent"):
        return
    thread = str(exchange.get("thread") or "")
    yield f"## {visible(str(exchange.get('at')))} · {visible(str(origin or ''))} · thread {visible(thread[-12:])}"
    if exchange.get("lost"):
        yield "*This exchange could not be written down.*"
    prompt = exchange.get("prompt")
    if isinstance(prompt, str):
        yield "**You**"
        yield _quoted(prompt)
    shown = exchange.get("shown")
    for item in shown if isinstance(shown, list) else ():
        yield from _item(item if isinstance(item, dict) else {})
    if isinstance(outcome, dict) and (outcome.get("error") or outcome.get("answered_by") != "upstream"):
        words = outcome.get("error") or f"answered by codex-plus ({outcome.get('answered_by')})"
        yield f"*{visible(str(words))}*"


def _item(item: dict[str, Any]) -> Iterator[str]:
    kind = str(item.get("type"))
    content = item.get("content")
    if kind == "message":
        yield "**Codex**"
        parts = content if isinstance(content, list) else [{"text": content}]
        yield _readable("\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text")))
    elif kind == "reasoning":
        return
    elif item.get("call_id"):
        yield f"**Tool call** {visible(str(item.get('name') or kind))}"
        words = item.get("arguments") or item.get("input") or item.get("action")
        yield block((words if isinstance(words, str) else msgspec.json.encode(words).decode()).splitlines() or [""])
    else:
        yield f"**{visible(kind)}**"
        yield block(msgspec.json.encode(item).decode().splitlines())


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in _readable(text).splitlines() or [""])


def _readable(text: str) -> str:
    """The text in any language, without what a terminal obeys or what turns the direction that others are read in."""
    return "".join(visible(char) if _acts(char) else char for char in text)


def _acts(char: str) -> bool:
    if char in "\n\t":
        return False
    # Joiners belong to the writing of some languages and to some pictures.
    return unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") or char in TURNS
