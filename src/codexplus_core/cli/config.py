"""`codex-plus config`: the settings that count, the file that each comes from, and what does not count."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..loader import load_plugins
from ..services.config import Config, Explanation, Notice, Origin, Settings, Value, policy_place
from ..services.config.overview import asks_first, listing, masked, notice_row, value_row
from ..services.config.schema import KEYS
from ..services.config.settings import is_about
from ..services.plugins_allowed import plugins_allowed_here
from ..services.problem import Problem
from ..services.reviewed import ignored_here
from ..services.rules import rule_notices
from ..services.wording import printable
from .table import as_json, columns

_WIDTH = 100
ASKS = " (asks first)"
NOT_USED = " (not used)"


def configure(parser: ArgumentParser) -> None:
    """The arguments of `config`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    text = "list every setting, with the file and line that it comes from"
    _common(actions.add_parser("list", help=text, description=text))
    text = "tell where the value of KEY comes from, what it hides, and what was ignored"
    explain = actions.add_parser("explain", help=text, description=text)
    explain.add_argument("key", metavar="KEY", help="dotted, such as permissions.deny or mcpServers.github")
    _common(explain)


def _common(parser: ArgumentParser) -> None:
    parser.add_argument("--project", metavar="DIR", type=Path, help="the project's directory (default: this one)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: Namespace) -> int:
    """Show it."""
    settings = open_settings(os.environ, Path.cwd() if args.project is None else args.project)
    short = Shorter(settings.project, Path(os.environ.get("HOME") or Path.home()))
    unused = Unused.of(settings)
    if args.action == "list":
        print(as_json(_listing(settings, unused)) if args.json else as_text(settings, short, unused))
        return 0
    explained = settings.explain(args.key)
    rules = rule_notices(settings, within=args.key)
    explained = replace(explained, warnings=(*explained.warnings, *rules))
    here = unused.within(args.key)
    if explained.value is None and explained.known is None and not (explained.ignored or explained.warnings):
        near = get_close_matches(args.key, [key.name.removesuffix(".*").removesuffix(".**") for key in KEYS], n=1)
        hint = f"did you mean {near[0]}?" if near else "codex-plus config list shows what is set"
        raise Problem(f"{printable(args.key)}: is not set, and no key that is known; {hint}")
    print(as_json(explanation(explained, here)) if args.json else explanation_text(explained, short, here))
    return 0


def open_settings(env: Mapping[str, str], project: Path) -> Settings:
    """The settings that count in a directory. Raises Problem where it is none, or the policy cannot be relied on."""
    if not project.is_dir():
        raise Problem(f"{project}: is no directory; name the project's", exit_code=2)
    home = Path(env.get("HOME") or Path.home())
    return Config(home, env=env, policy=policy_place()).for_project(project.absolute())


@dataclass(frozen=True, slots=True)
class Unused:
    """The values that the plugins which read them cannot use as they stand, each with why.

    ``failed`` are the plugins that could not say, a sentence each.
    """

    values: Mapping[str, tuple[Value, str]]
    failed: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Unused:
        """Ask every plugin that may be loaded."""
        found, failed = load_plugins(None, allowed=plugins_allowed_here()).unused(settings)
        values = {key: (value, why) for key, why in found.items() if (value := settings.value(key)) is not None}
        return cls(values, tuple(failed))

    @property
    def notices(self) -> list[Notice]:
        """What there is to say about them."""
        return [Notice(value.origin, key, why) for key, (value, why) in self.values.items()]

    def within(self, key: str) -> Unused:
        """Those of them that a key has to do with."""
        return replace(self, values={name: said for name, said in self.values.items() if is_about(name, key)})


# -- for programs


def _listing(settings: Settings, unused: Unused) -> dict[str, Any]:
    found = listing(settings)
    for row in found["settings"]:
        if row["key"] in unused.values:
            row["unused"] = True
    return {**found, **_unused_rows(unused)}


def _unused_rows(unused: Unused) -> dict[str, Any]:
    return {"unused": [notice_row(notice) for notice in unused.notices], "failed": list(unused.failed)}


def explanation(explained: Explanation, unused: Unused) -> dict[str, Any]:
    """All about one key; ``unused`` are those values that it has to do with."""
    found: dict[str, Any] = {"key": explained.key, "set": explained.value is not None}
    if explained.value is not None:
        found |= value_row(explained.value)
    if explained.known is not None:
        known = explained.known
        found |= {"takes": known.takes, "meaning": known.text, "merge": known.merge, "project": known.project}
    found["ignored"] = [notice_row(notice) for notice in explained.ignored]
    found["warnings"] = [notice_row(notice) for notice in explained.warnings]
    return {**found, **_unused_rows(unused)}


# -- for people


class Shorter:
    """Writes origins as a person reads them: relative to the project, or to the home directory."""

    def __init__(self, project: Path | None, home: Path) -> None:
        self._starts = [(f"{project}{os.sep}", "")] if project is not None else []
        self._starts.append((f"{home}{os.sep}", f"~{os.sep}"))

    def __call__(self, text: object) -> str:
        """``text`` with what it begins with shortened, and without what a terminal would obey."""
        words = str(text)
        for start, instead in self._starts:
            if words.startswith(start):
                return printable(instead + words.removeprefix(start))
        return printable(words)


def as_text(settings: Settings, short: Shorter, unused: Unused) -> str:
    """Everything that counts, and what does not."""
    blocks = ["\n".join(short(remark) for remark in settings.remarks)] if settings.remarks else []
    if settings.files:
        files = [(file.layer, file.state, short(file.path)) for file in settings.files]
        blocks.append(columns(("layer", "state", "file"), files))
    rows = [
        (printable(value.key), brief(value), _sources(value, short) + (NOT_USED if value.key in unused.values else ""))
        for value in settings.list()
    ]
    blocks.append(columns(("key", "value", "from"), rows) if rows else "nothing is set; everything is at its default")
    blocks += _notices("ignored", ignored_here(settings), short)
    blocks += _notices("to correct", [*settings.warnings, *rule_notices(settings)], short)
    blocks += _unused(unused, short)
    return "\n\n".join(blocks)


def brief(value: Value) -> str:
    """A value on one line."""
    text = printable(json.dumps(masked(value.key, value.written), ensure_ascii=False))
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _sources(value: Value, short: Shorter) -> str:
    found = (f"{short(part.origin)}{ASKS if asks_first(part) else ''}" for part in value.parts or [value])
    return ", ".join(dict.fromkeys(found))


def _notices(title: str, notices: Iterable[Notice], short: Shorter) -> list[str]:
    lines = [f"  {short(notice)}" for notice in notices]
    return ["\n".join([f"{title}:", *lines])] if lines else []


def _unused(unused: Unused, short: Shorter) -> list[str]:
    return [*_notices("not used", unused.notices, short), *map(printable, unused.failed)]


def explanation_text(explained: Explanation, short: Shorter, unused: Unused) -> str:
    """All about one key; ``unused`` are those values that it has to do with."""
    lines = []
    value = explained.value
    if value is None:
        lines.append(f"{printable(explained.key)}: not set")
    else:
        asks = ASKS if asks_first(value) else ""
        lines += [f"{printable(value.key)} = {brief(value)}", f"  from {_places(value, short)}{asks}"]
        if value.reads:
            lines.append(f"  reads {', '.join(value.reads)} from the environment")
        for part in value.parts:
            asks = ASKS if asks_first(part) else ""
            # Of an object the members have names, without which two values look alike.
            name = f"{printable(part.key)} = " if isinstance(value.value, dict) else ""
            lines.append(f"  {name}{brief(part)}  from {_places(part, short)}{asks}")
            lines += [f"    also in {_place(other.origin, short)}" for other in part.overrides]
        lines += [f"  hides {brief(other)}  from {_place(other.origin, short)}" for other in value.overrides]
    if explained.known is not None:
        lines.append(f"  takes: {explained.known.takes.replace('`', '')} ({explained.known.text.replace('`', '')})")
    more = _notices("ignored", explained.ignored, short) + _notices("to correct", explained.warnings, short)
    more += _unused(unused, short)
    return "\n\n".join(["\n".join(lines), *more])


def _places(value: Value, short: Shorter) -> str:
    """Where all of it stands: what was put together comes from several files."""
    return ", ".join(dict.fromkeys(_place(origin, short) for origin in _origins(value)))


def _origins(value: Value) -> Iterator[Origin]:
    if not value.parts:
        yield value.origin
    for part in value.parts:
        yield from _origins(part)


def _place(origin: Origin, short: Shorter) -> str:
    layer = "" if origin.file is None else f" ({origin.layer})"
    return f"{short(origin)}{layer}"
