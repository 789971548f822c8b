"""/save [file]: this session's transcript as Markdown or JSON, in a new file."""

from __future__ import annotations

from pathlib import Path

from codexplus_core import ActionDenied, Exchange, LocalReply, Problem, code_span, plain_text, short_path

from ..read_only import PROTECTED
from .desk import Desk

USAGE = (
    "`/save` keeps a copy of the transcript beside the others, `/save notes.md` or `/save notes.json` makes a new"
    " file in this project. The ending decides the form; without one it is Markdown."
)

# A transcript is a document, whatever it is called: no script, no setting of another program.
_ENDINGS = (".md", ".markdown", ".txt", ".json")


async def answer(desk: Desk, exchange: Exchange, args: str) -> LocalReply:
    """Write it, and say where. Nothing is ever overwritten but the session's own unnamed copy."""
    transcripts, session = desk.core.transcripts, exchange.session
    known = session.id or session.thread_id
    if transcripts is None or not transcripts.on:
        return desk.answer("Transcripts are switched off: set `transcripts.enabled` to true in your own settings.")
    if not known:
        return desk.answer("This client names no session, so there is no transcript of it.")
    name = args.strip().strip("\"'")
    if name in ("-h", "--help", "?"):
        return desk.answer(USAGE)
    form = "json" if name.lower().endswith(".json") else "markdown"
    try:
        # What was said so far: this exchange itself is written down after its answer.
        if name.startswith("~"):
            return desk.answer("Not saved: a name counts from this project, so `~` leads nowhere; choose another.")
        if any(part.casefold() in PROTECTED for part in Path(name).parts):
            return desk.answer("Not saved: programs read their settings and commands there; choose another folder.")
        if name and session.cwd is not None:
            data = (await transcripts.export(known, form)).encode()
            name = name if Path(name).suffix.lower() in _ENDINGS else f"{name}.md"
            path = await desk.core.files.save_new(session.cwd, name, data, session=session, source="/save")
        else:
            path = await transcripts.save(known, name, form)
    except (Problem, ActionDenied) as problem:
        return desk.answer(f"Not saved: {plain_text(short_path(problem, session.cwd, desk.home), 300)}.")
    return desk.answer(
        f"Saved in {code_span(short_path(path, session.cwd, desk.home))}, readable by you alone, without secrets."
    )
