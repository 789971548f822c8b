"""/plus init: what is set up here, and what to run next. Nothing is written: that is for `codex-plus init`."""

from __future__ import annotations

from collections.abc import Iterator

from codexplus_core import Exchange, LocalReply, code_span, counted, plain_text, short_path

from .desk import Desk

_FOLDERS = (".codexplus", ".claude", ".codex")


async def answer(desk: Desk, exchange: Exchange, args: str) -> LocalReply:
    """Both."""
    project = exchange.session.cwd
    _, files = await desk.files(project)
    blocks = ["\n".join(["**Found**", "", *_found(desk, exchange, files)]), "\n".join(["**Next**", "", *_NEXT])]
    return desk.answer("\n\n".join(blocks))


_NEXT = (
    "- `codex-plus init` puts Codex behind the proxy for good; `--undo` takes it off again",
    "- `codex-plus init --service` keeps the proxy running",
    "- `codex-plus init --skills` offers your commands as Codex skills, with a popup after `$`",
    "- `codex-plus init --migrate` copies settings and commands from `.codex` to `.claude`",
    "- `codex-plus doctor` checks everything and says what to do",
)


def _found(desk: Desk, exchange: Exchange, files: tuple[object, ...]) -> Iterator[str]:
    project, session = exchange.session.cwd, exchange.session
    yield f"- {plain_text(desk.core.about.codex(session.codex_version).text, 300)}"
    yield "- This conversation goes through the proxy"
    for base, whose in ((project, "this project's"), (desk.home, "yours")):
        there = [base / name for name in _FOLDERS if (base / name).is_dir()] if base is not None else []
        if there:
            yield f"- {', '.join(code_span(short_path(folder, project, desk.home)) for folder in there)} ({whose})"
    yield f"- {counted(len(files), 'command file')}, {counted(len(desk.core.about.plugins()), 'plugin')}"
