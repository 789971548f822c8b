"""A dry run in words: Markdown for the conversation, lines for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from codexplus_core import code_block, code_span, plain_text, printable, short_path

from .rehearsal import Fate, Rehearsal, outcome_words

_FEW = 400


def in_markdown(shown: Rehearsal, project: Path | None, home: Path) -> Iterator[str]:
    """A dry run to read in the conversation."""
    yield f"**{shown.event}, a dry run.** The hooks would read:"
    yield ""
    yield code_block(json.dumps(shown.payload, indent=2, ensure_ascii=False))
    yield ""
    for fate in shown.fates:
        where = f"{code_span(fate.row.key)} in {code_span(short_path(fate.row.file, project, home))}"
        yield f"- {code_span(fate.row.command)} ({where}): {plain_text(_fate(fate), 300)}"
        for name, text in _printed(fate):
            yield f"  - {name}: {code_span(' '.join(text.split())[:_FEW])}"
    if not shown.fates:
        yield "No hook is there for this event."
    yield ""
    yield "**It would come to**"
    yield ""
    yield code_block(json.dumps(outcome_words(shown.outcome), indent=2, ensure_ascii=False))
    yield ""
    yield "Nothing of it has any effect."


def in_lines(shown: Rehearsal) -> Iterator[str]:
    """The same for a terminal."""
    yield f"{shown.event}, a dry run; the hooks would read:"
    yield from _indented(json.dumps(shown.payload, indent=2, ensure_ascii=False))
    for fate in shown.fates:
        yield printable(f"{fate.row.id} {fate.row.command} ({fate.row.key} in {fate.row.file}): {_fate(fate)}")
        for name, text in _printed(fate):
            yield f"  {name}:"
            yield from _indented(text.rstrip("\n"))
    if not shown.fates:
        yield "no hook is there for this event"
    yield "it would come to:"
    yield from _indented(json.dumps(outcome_words(shown.outcome), indent=2, ensure_ascii=False))
    yield "nothing of it has any effect"


def _fate(fate: Fate) -> str:
    if fate.ran is None:
        return f"does not run: {fate.why_not}" if fate.why_not else "runs, and nobody waits for it"
    if fate.ran.problem:
        return fate.ran.problem
    return f"exit code {fate.ran.code}, {1000 * fate.ran.seconds:.0f} ms"


def _printed(fate: Fate) -> list[tuple[str, str]]:
    if fate.ran is None:
        return []
    return [(name, text) for name, text in (("output", fate.ran.stdout), ("errors", fate.ran.stderr)) if text.strip()]


def _indented(text: str) -> Iterator[str]:
    return (f"    {printable(line)}" for line in text.split("\n"))
