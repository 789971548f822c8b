"""The specification's command modules: which of them a command is for, and what they make of it.

A module is ``modules/*_module.py`` with ``create_module()``. It runs like every command in code, in a process of its
own; which commands it may be for is read from its text, so that nobody is asked about one that has nothing to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from codexplus_core import ActionDenied, CannotStart, Core, Exchange, LocalReply, Proposal, programs_of

from .code_commands import Made, Task, asked_about, attempt, failure, made_of, proposal, variable
from .code_results import WentWrong
from .command_file import CommandFile
from .module_text import ModuleText, read_module
from .surroundings import Surroundings

_REMEMBERED = 256

Call = Literal["answer", "enhance"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a module made of a command, and which module it was."""

    file: CommandFile
    answer: Made | LocalReply


class Modules:
    """Reads modules once, and calls those that a command is for."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._read: dict[str, ModuleText] = {}

    async def answer(
        self, exchange: Exchange, files: Sequence[CommandFile], name: str, args: str, where: Surroundings
    ) -> Answered | None:
        """What the first module that handles ``/name`` makes of it: before Markdown commands are looked at.

        ``files`` are the catalogue's modules. None where none handles it, a question where one may not run yet.
        """
        request = {"call": "answer", "command": f"/{name}", "args": args}
        return await self._first(exchange, "answer", files, name, request, where)

    async def enhance(
        self,
        exchange: Exchange,
        files: Sequence[CommandFile],
        name: str,
        args: str,
        content: str,
        frontmatter: Mapping[str, object],
        where: Surroundings,
    ) -> Made | LocalReply | None:
        """What the first module that handles ``/name`` makes of ``content``, a Markdown command's expanded text."""
        request = {
            "call": "enhance", "command": f"/{name}", "args": args, "content": content,
            "frontmatter": dict(frontmatter),
        }  # fmt: skip
        found = await self._first(exchange, "enhance", files, name, request, where)
        return None if found is None else found.answer

    async def asks(self, files: Sequence[CommandFile], name: str, where: Surroundings) -> list[Proposal]:
        """What the user has to allow before ``enhance`` can run: modules of others."""

        def look() -> list[CommandFile]:
            return [file for file in self.candidates(files, name, "enhance") if file.scope != "user"]

        tasks = [_task(file, self.text_of(file), {"args": "", "raw": ""}) for file in await asyncio.to_thread(look)]
        try:
            return [await asked_about(self._core, task, where) for task in tasks]
        except (CannotStart, ActionDenied):
            return []  # it is told where it would run

    def candidates(self, files: Sequence[CommandFile], name: str, call: Call) -> list[CommandFile]:
        """The modules that may handle ``/name``, in the order in which they are called: lower priority first.

        A module of the user's may decide by anything; somebody else's only answers names that stand in its text.
        """
        found = []
        for file in files:
            text = self.text_of(file)
            if not (text.answers if call == "answer" else text.enhances):
                continue
            if name in text.mentions or (text.is_open and file.scope == "user"):
                found.append((text.priority, file))
        return [file for _, file in sorted(found, key=lambda each: each[0])]

    def text_of(self, file: CommandFile) -> ModuleText:
        """What a module's text says; may be asked from any thread."""
        found = self._read.get(file.digest)
        if found is None:
            found = read_module(file.body)
            if len(self._read) >= _REMEMBERED:
                self._read.clear()
            self._read[file.digest] = found
        return found

    def listed(self, files: Sequence[CommandFile]) -> list[CommandFile]:
        """Every name that modules answer to, as commands for listings."""
        rows = []
        for file in files:
            text = self.text_of(file)
            described = text.described
            rows += [
                replace(file, name=name, description=described.description, argument_hint=described.argument_hint)
                for name in sorted(text.names)
            ]
        return rows

    async def _first(
        self,
        exchange: Exchange,
        call: Call,
        files: Sequence[CommandFile],
        name: str,
        request: Mapping[str, object],
        where: Surroundings,
    ) -> Answered | None:
        for file in await asyncio.to_thread(self.candidates, files, name, call):
            text = self.text_of(file)
            task = _task(file, text, {**request, "raw": variable(str(request["args"]))})
            try:
                answer = await attempt(self._core, exchange, task, where)
            except WentWrong as error:
                if name in text.mentions:
                    return Answered(file, failure(task, where, error))
                # One that might handle anything must not get in the way of everything.
                self._core.log.warning("module_failed", module=file.path.name, line=error.line)
                continue
            made = answer if isinstance(answer, LocalReply) else made_of(answer)
            if made is not None:
                return Answered(file, made)
        return None


def proposed_module(file: CommandFile, cwd: Path) -> Proposal:
    """What a module would ask in a project. Reads the interpreter, so call it in a thread."""
    task = _task(file, read_module(file.body), {})
    return proposal(task, cwd, programs_of([task.argv], cwd=cwd))


def _task(file: CommandFile, text: ModuleText, request: Mapping[str, object]) -> Task:
    return Task(
        file,
        title=f"module {file.path.name}",
        text=f"{file.path.name} as Python, with the words typed after the commands that it handles",
        described=text.described,
        request=request,
    )
