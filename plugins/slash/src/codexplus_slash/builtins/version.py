"""/version: ours, Codex's, and whether the two go together."""

from __future__ import annotations

from codexplus_core import Exchange, LocalReply, plain_text

from .desk import Desk


async def answer(desk: Desk, exchange: Exchange, args: str) -> LocalReply:
    """Both, and the verdict."""
    about, version = desk.core.about, exchange.session.codex_version
    verdict = about.codex(version)
    advice = {
        "ok": "It works with this codex-plus.",
        "warning": "`codex-plus doctor` checks what can be checked.",
        "error": "Update Codex: `npm install -g @openai/codex`.",
    }
    return desk.answer(
        f"codex-plus {about.version}, Codex {plain_text(version) or 'of an unknown version'}\n\n"
        f"{plain_text(verdict.text, 300)}. {advice[verdict.status]}"
    )
