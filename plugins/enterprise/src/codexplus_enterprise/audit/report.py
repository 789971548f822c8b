"""The account as a report for people: text, Markdown, or a page that needs nothing else."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .account import Account

MOST_ROWS = 50

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A table with a title, or the words for there being nothing."""

    title: str
    columns: Row
    rows: Sequence[Row]
    nothing: str
    more: int = 0


def sections(account: Account) -> list[Section]:
    """What a report shows, most important first."""
    denied = [
        (_time(one.at), str(one.times), one.user, one.action, one.what, one.reason, one.by)
        for one in account.denied.values()
    ]
    new = [(_time(one.at), one.user, one.kind, one.name, one.source) for one in account.new]
    made = [
        _section("Trouble with the log", ("when", "what"), _timed(account.trouble), "none"),
        _section(
            "Refused", ("first", "times", "user", "what", "of what", "why", "by"), denied, "nothing was refused",
            account.more_denied,
        ),
        _section("New here", ("when", "user", "kind", "name", "from"), new, "no new program, hook, server or pack"),
        _section("Programs that ran", ("user", "program", "times"), _counted(account.programs), "none"),
        _section("Programs that failed", ("user", "program", "times"), _counted(account.failed), "none"),
        _section("Hooks", ("user", "hook", "runs"), _counted(account.hooks), "none ran"),
        _section("Slash commands", ("user", "command", "uses"), _counted(account.commands), "none was used"),
        _section("Tools", ("user", "tool", "calls"), _counted(account.tools), "none was called"),
        _section("Questions answered", ("when", "user", "answer", "about"), _timed(account.answers), "none"),
        _section("Changes of policy and settings", ("when", "user", "what", "keys"), _timed(account.changes), "none"),
        _section("Models", ("user", "model", "requests", "input", "cached", "output"), _spent(account), "none"),
    ]  # fmt: skip
    return made if account.trouble else made[1:]


def title(account: Account) -> str:
    """What the report is about."""
    if not account.records:
        return "codex-plus audit report: no records"
    records = "1 record" if account.records == 1 else f"{account.records} records"
    return f"codex-plus audit report: {records} from {_time(account.first)} to {_time(account.last)} UTC"


def as_text(account: Account) -> str:
    """For a terminal."""
    parts = [title(account)]
    for one in sections(account):
        lines = [one.title.upper()]
        if not one.rows:
            lines.append(f"  {one.nothing}")
        else:
            table = [one.columns, *(tuple(map(_plain, row)) for row in one.rows)]
            widths = [min(60, max(len(row[at]) for row in table)) for at in range(len(one.columns))]
            lines += [
                "  " + "  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
                for row in table
            ]
        if one.more > 0:
            lines.append(f"  … and {one.more} more")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def as_markdown(account: Account) -> str:
    """For a wiki or a ticket."""
    parts = [f"# {title(account)}"]
    for one in sections(account):
        lines = [f"## {one.title}", ""]
        if one.rows:
            lines += [f"| {' | '.join(one.columns)} |", f"|{' --- |' * len(one.columns)}"]
            lines += [f"| {' | '.join(_in_markdown(cell) for cell in row)} |" for row in one.rows]
        else:
            lines.append(one.nothing)
        if one.more > 0:
            lines += ["", f"… and {one.more} more"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def as_html(account: Account) -> str:
    """One page: no script, no picture, nothing from elsewhere."""
    body = [f"<h1>{html.escape(title(account))}</h1>"]
    for one in sections(account):
        body.append(f"<h2>{html.escape(one.title)}</h2>")
        if one.rows:
            head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in one.columns)
            rows = "".join(
                f"<tr>{''.join(f'<td>{html.escape(_plain(cell))}</td>' for cell in row)}</tr>\n" for row in one.rows
            )
            body.append(f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table>")
        else:
            body.append(f"<p>{html.escape(one.nothing)}</p>")
        if one.more > 0:
            body.append(f"<p>… and {one.more} more</p>")
    return _PAGE.format(title=html.escape(title(account)), body="\n".join(body))


RENDERERS: dict[str, Callable[[Account], str]] = {"text": as_text, "markdown": as_markdown, "html": as_html}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.4rem; }}
h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8886; }}
td {{ overflow-wrap: anywhere; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def _section(name: str, columns: Row, rows: Sequence[Row], nothing: str, more: int = 0) -> Section:
    return Section(name, columns, rows[:MOST_ROWS], nothing, more + max(0, len(rows) - MOST_ROWS))


def _counted(found: Counter[tuple[str, str]]) -> list[Row]:
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [(user, name, str(count)) for (user, name), count in ordered]


def _timed(found: Sequence[tuple[str, ...]]) -> list[Row]:
    return [(_time(row[0]), *row[1:]) for row in found]


def _spent(account: Account) -> list[Row]:
    return [
        (user, model, str(one.requests), f"{one.input:,}", f"{one.cached:,}", f"{one.output:,}")
        for (user, model), one in sorted(account.spent.items(), key=lambda item: -item[1].input)
    ]


def _time(stamp: str) -> str:
    return stamp[:19].replace("T", " ")


def _plain(cell: str) -> str:
    """Nothing that a terminal or a line of a table would take for its own."""
    return "".join(one if one.isprintable() else " " for one in cell)


def _padded(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else f"{cell[: width - 1]}…"


def _in_markdown(cell: str) -> str:
    escaped = "".join(f"\\{one}" if one in "\\`*_[]<>|#!~" else one for one in _plain(cell))
    return escaped or " "
