"""/config list: the settings that count here, and the file that each comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from codexplus_core import Exchange, LocalReply

from .desk import Desk
from .wording import code, number, place, plain

_HIDDEN = "…"
_WIDTH = 80
USAGE = "`/config list` shows every setting and its file. `codex-plus config explain KEY` tells more, in a terminal."


async def answer(desk: Desk, exchange: Exchange, args: str) -> LocalReply:
    """The list."""
    if args.strip() not in ("", "list"):
        return desk.answer(USAGE)
    return desk.answer("\n".join([*lines(desk, exchange.session.cwd), "", USAGE]))


def lines(desk: Desk, project: Path | None) -> Iterator[str]:
    """Every setting with its value and origin, then what does not count and what is to be corrected."""
    found = desk.core.config.overview(project)
    rows = found["settings"]
    for remark in found["remarks"]:
        yield from (plain(place(_notice(remark), project, desk.home), 300), "")
    yield f"**{number(len(rows), 'setting')}**" if rows else "**Nothing is set**; everything is at its default."
    if rows:
        yield ""
    for row in rows:
        yield f"- {code(row['key'])} is {code(_shown(row))}, from {_origins(row, desk, project)}"
    for title, notices in (("Ignored", found["ignored"]), ("To correct", found["warnings"])):
        if notices:
            yield from ("", f"**{title}**", "")
            yield from (f"- {plain(place(_notice(each), project, desk.home), 300)}" for each in notices)


def _shown(row: Mapping[str, Any]) -> str:
    text = json.dumps(_without_variables(row["key"], row["value"]), ensure_ascii=False)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


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
    return ", ".join(dict.fromkeys(code(place(origin, project, desk.home)) for origin in origins))


def _origin(row: Mapping[str, Any]) -> str:
    if row["file"] is None:
        return str(row["layer"])
    return f"{row['file']}:{row['line']}" if row["line"] else str(row["file"])
