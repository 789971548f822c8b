"""/config list: the settings that count here, and the file that each comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from codexplus_core import Exchange, LocalReply, code_span, counted, plain_text, short_path

from .desk import Desk

_HIDDEN = "…"
_WIDTH = 80
_HOOKS = 5
USAGE = "`/config list` shows every setting and its file. `codex-plus config explain KEY` tells more, in a terminal."


async def answer(desk: Desk, exchange: Exchange, args: str) -> LocalReply:
    """The list."""
    if args.strip() not in ("", "list"):
        return desk.answer(USAGE)
    return desk.answer("\n".join([*lines(desk, exchange.session.cwd), "", USAGE]))


def lines(desk: Desk, project: Path | None, *, servers: bool = True) -> Iterator[str]:
    """Every setting with its value and origin, then what does not count and what is to be corrected.

    Without ``servers`` MCP servers are left out, for whoever has listed them already.
    """
    found = desk.core.config.overview(project)
    rows = [row for row in found["settings"] if servers or not row["key"].startswith("mcpServers.")]
    for remark in found["remarks"]:
        yield from (plain_text(short_path(_notice(remark), project, desk.home), 300), "")
    nothing = f"**Nothing {'' if servers else 'else '}is set**; everything is at its default."
    yield f"**{counted(len(rows), 'setting')}**" if rows else nothing
    if rows:
        yield ""
    for row in rows:
        yield f"- {code_span(row['key'])} {_said(row)}, from {_origins(row, desk, project)}"
    for title, notices in (("Ignored", found["ignored"]), ("To correct", found["warnings"])):
        if notices:
            yield from ("", f"**{title}**", "")
            yield from (f"- {plain_text(short_path(_notice(each), project, desk.home), 300)}" for each in notices)


def _said(row: Mapping[str, Any]) -> str:
    value = _without_variables(row["key"], row["value"])
    hooks = _hooks_in(value) if row["key"].startswith("hooks.") else None
    if not hooks:
        return f"is {code_span(_brief(value))}"
    shown = [f"{code_span(_cut(command))}{_where(matcher)}" for matcher, command in hooks[:_HOOKS]]
    more = f" and {len(hooks) - _HOOKS} more" if len(hooks) > _HOOKS else ""
    return f"runs {', '.join(shown)}{more}"


def _hooks_in(value: Any, matcher: str = "") -> list[tuple[str, str]] | None:
    """The matchers and commands of an event's hooks in either shape, None where there is another thing in it."""
    if isinstance(value, list):
        parts = [part for part in (_hooks_in(each, matcher) for each in value) if part is not None]
        return [hook for part in parts for hook in part] if len(parts) == len(value) else None
    if not isinstance(value, dict):
        return None
    matcher = str(value.get("matcher", matcher))
    if "hooks" in value:
        return _hooks_in(value["hooks"], matcher)
    command = value.get("command")
    words = [word for word in (command if isinstance(command, list) else [command]) if isinstance(word, str)]
    return [(matcher, " ".join(words))] if words else None


def _where(matcher: str) -> str:
    return f" for {code_span(_cut(matcher))}" if matcher else ""


def _cut(text: str, most: int = _WIDTH) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _brief(value: Any) -> str:
    """A value as JSON; of a long one the outermost names, and no text or list that breaks off in its middle."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= _WIDTH:
        return text
    if isinstance(value, str):
        return json.dumps(_cut(value), ensure_ascii=False)
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    shown: list[str] = []
    for name, item in pairs:
        words = _leaf(item)
        shown.append(f"{json.dumps(name, ensure_ascii=False)}: {words}" if isinstance(value, dict) else words)
        if len(", ".join(shown)) > _WIDTH:
            shown[-1] = "…"
            break
    inside = ", ".join(shown)
    return f"{{{inside}}}" if isinstance(value, dict) else f"[{inside}]" if isinstance(value, list) else _cut(text)


def _leaf(item: Any) -> str:
    if isinstance(item, dict):
        return "{…}" if item else "{}"
    if isinstance(item, list):
        return "[…]" if item else "[]"
    return json.dumps(_cut(item, _WIDTH // 2) if isinstance(item, str) else item, ensure_ascii=False)


def _without_variables(key: str, value: Any) -> Any:
    """``value`` without the values of variables and headers: a conversation is kept and shown elsewhere."""
    if isinstance(value, dict):
        return {name: _without_variables(f"{key}.{name}", item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_variables(key, item) for item in value]
    steps = re.split(r"[.\[]", key)
    return _HIDDEN if isinstance(value, str) and {"env", "headers"} & set(steps[:-1]) else value


def _notice(row: Mapping[str, Any]) -> str:
    where = f"{_origin(row)}: {row['key']}" if row["key"] else _origin(row)
    return f"{where}: {row['text']}; {row['fix']}" if row["fix"] else f"{where}: {row['text']}"


def _origins(row: Mapping[str, Any], desk: Desk, project: Path | None) -> str:
    origins = (_origin(part) for part in row.get("parts") or [row])
    return ", ".join(dict.fromkeys(code_span(short_path(origin, project, desk.home)) for origin in origins))


def _origin(row: Mapping[str, Any]) -> str:
    if row["file"] is None:
        return str(row["layer"])
    return f"{row['file']}:{row['line']}" if row["line"] else str(row["file"])
