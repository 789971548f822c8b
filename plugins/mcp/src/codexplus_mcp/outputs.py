"""Answers that are too long for the model: a beginning for it, the whole in a file, and a tool to read on with."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from codexplus_core import ActionDenied, CannotOpen, Core, Problem, state_dir

from .results import Answer

TOKENS = 25_000
"""Tokens of an answer that go to the model at once (``MAX_MCP_OUTPUT_TOKENS``)."""
CHARACTERS = 4
"""Characters that are counted as one token, as Claude Code does."""
READ_TOOL = "mcp__codexplus__read_output"
"""The tool with which the model reads on."""
KEPT_S = 7 * 24 * 3600.0
"""Seconds after which a kept answer is removed."""
MOST_KEPT = 8_000_000
"""Bytes of one answer that are kept."""
PERSISTED = 50_000
"""Characters of an answer above which Claude Code shows a preview of it."""
PREVIEW = 2000
"""Characters of such a preview."""
_CUT = (
    "The tool output was truncated. If this MCP server provides pagination or filtering tools, use them to retrieve"
    " specific portions of the data. If pagination is not available, inform the user that you are working with"
    " truncated output and results may be incomplete."
)
_NAME = re.compile(r"out-[0-9a-f]{32}\.txt")


class CannotRead(Problem):
    """There is no such answer, or not that much of it."""


def limit_of(env: Mapping[str, str], setting: object = None) -> int:
    """Characters of an answer that go to the model: by the variable, else by the setting ``mcp.maxOutputTokens``.

    What is no whole number above 0 does not count, as in Claude Code.
    """
    for value in (env.get("MAX_MCP_OUTPUT_TOKENS"), setting):
        text = "" if value is None or isinstance(value, bool) else str(value).strip()
        if re.fullmatch(r"[0-9]{1,9}", text) and int(text) > 0:
            return int(text) * CHARACTERS
    return TOKENS * CHARACTERS


def output_folder(env: Mapping[str, str]) -> Path:
    """Where long answers are kept."""
    return state_dir(env) / "mcp" / "outputs"


class Outputs:
    """The folder of long answers: one file each, for this user alone, removed after a week."""

    def __init__(self, core: Core, folder: Path) -> None:
        self._core = core
        self._folder = folder
        self._swept = 0.0

    async def fitting(self, answer: Answer, limit: int) -> Answer:
        """The answer where it is short enough; else its beginning, where the whole is and how to read on.

        Where no file can be written the model is told how much it does not see.
        """
        if sum(map(len, answer.texts)) <= limit:
            return answer
        whole = "\n".join(answer.texts)
        head = whole[:limit]
        line_end = head.rfind("\n") + 1
        # A whole last line, if that does not cost much of what can be shown.
        head = head[:line_end] if line_end > limit * 3 // 4 else head
        note = await self._kept(whole, answer.format, len(head))
        return replace(answer, texts=(f"{head}\n\n[{len(head):,} of {len(whole):,} characters are shown; {note}]",))

    async def strictly(self, answer: Answer, limit: int, *, files: bool = True) -> Answer:
        """What Claude Code 2.1.197 makes of an answer, as recorded: a long one is named and not begun.

        ``files`` False (``ENABLE_MCP_LARGE_OUTPUT_FILES``): its beginning, and a word that it was cut.
        """
        text = "\n".join(answer.texts)
        if len(text) > limit and not files:
            cut = f"{text[:limit]}\n\n[OUTPUT TRUNCATED - exceeded {limit // CHARACTERS} token limit]\n\n{_CUT}"
            return replace(answer, texts=(cut,))
        if len(text) > limit:
            lines = (
                "" if answer.format == "json" else f" across {text.count(chr(10)) + 1} line{'s' * (chr(10) in text)}"
            )
            kind = answer.schema if answer.format == "json" else "Plain text"
            path, id = await self._saved(text)
            where = f"Output has been saved to {path}.\nFormat: {kind}\nRead it with {READ_TOOL} (id {id})."
            said = f"Error: result ({len(text):,} characters{lines}) exceeds maximum allowed tokens. {where}"
            return replace(answer, texts=(said,))
        if len(text) <= PERSISTED:
            return answer
        if answer.format != "json":
            text = json.dumps([{"type": "text", "text": each} for each in answer.texts], indent=2, ensure_ascii=False)
        path, _ = await self._saved(text)
        size = f"{len(text.encode('utf-8', 'replace')) / 1024:.1f}".removesuffix(".0")
        head = (
            f"<persisted-output>\nOutput too large ({size}KB). Full output saved to: {path}\n\nPreview (first 2KB):\n"
        )
        return replace(answer, texts=(f"{head}{text[:PREVIEW]}\n...\n</persisted-output>",))

    async def read(self, id: str, offset: int, limit: int) -> str:
        """``limit`` characters of a kept answer from ``offset`` on, and what comes behind them. Raises CannotRead."""
        if not _NAME.fullmatch(id):
            raise CannotRead(f"{id!r}: no id of a kept answer; use the one that the shortened answer names")
        try:
            path = str(self._folder / id)
            opened = await self._core.files.open(path, session=None, source="the MCP tool read_output")
        except (CannotOpen, ActionDenied):
            raise CannotRead(f"{id}: cannot be read any more; call the tool again") from None
        text = opened.data.decode("utf-8", "replace")
        if not 0 <= offset < len(text):
            raise CannotRead(f"{id}: has {len(text):,} characters, so there is nothing at offset {offset}")
        piece = text[offset : offset + limit]
        end = offset + len(piece)
        more = "this is the end" if end == len(text) else f'go on with "offset": {end}'
        return f"{piece}\n\n[characters {offset:,} to {end:,} of {len(text):,}; {more}]"

    async def _kept(self, text: str, format: str, offset: int) -> str:
        try:
            path, id = await self._saved(text)
        except (Problem, ActionDenied, OSError) as error:
            return f"the rest could not be kept ({error}); ask for less at a time"
        lost = f", but for what comes after its first {MOST_KEPT:,} bytes" if len(text.encode()) > MOST_KEPT else ""
        call = f'{READ_TOOL} {{"id": "{id}", "offset": {offset}}}'
        return f"all of it is in {path} ({format}){lost}; read on with {call}"

    async def _saved(self, text: str) -> tuple[Path, str]:
        """The file that holds the text now, and its id. Raises Problem, ActionDenied or OSError."""
        data = text.encode("utf-8", "replace")[:MOST_KEPT].decode("utf-8", "ignore").encode()
        id = f"out-{uuid4().hex}.txt"
        await asyncio.to_thread(self._sweep)
        return await self._core.files.save_new(self._folder, id, data, source="an MCP tool's long answer"), id

    def _sweep(self) -> None:
        """Remove old answers, once an hour at most."""
        now = time.time()
        if now - self._swept < 3600 or not self._folder.is_dir():
            return
        self._swept = now
        for entry in os.scandir(self._folder):
            if _NAME.fullmatch(entry.name) and entry.stat(follow_symlinks=False).st_mtime < now - KEPT_S:
                Path(entry.path).unlink(missing_ok=True)
