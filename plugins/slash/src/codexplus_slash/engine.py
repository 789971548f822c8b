"""What happens to a prompt: nothing in most cases, else the command that it names is looked up and expanded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from codexplus_core import AuditEvent, CommandRow, Core, Event, Exchange, LocalReply, with_message

from . import local_shell
from .builtins.listing import BUILT_IN
from .catalogue import Ambiguous, Catalogue, Found, Unusable
from .code_commands import call
from .command_file import CommandFile
from .expand import Expansion, expand, expand_made
from .invocation import Invocation, invocation_of
from .mentions import Attachment, attach_files, mentions_in
from .modules import Modules
from .notice import BEGINNING, Notices, not_attached, together
from .replacing import REACHED_BY_PLUS, replaces
from .signed import signed_of
from .stops import said, stopped
from .surroundings import Surroundings, is_strict, model_of, surroundings_of

FILE_PRIORITY = 100
"""A command of a plugin with a number up to this one wins over a file of the same name; a built-in always does.

In Claude Code's profile there are exceptions: `replacing`.
"""

_NOTICE = "notice"


class Unknown:
    """No command has this name: the prompt is like any other."""


class Engine:
    """Answers ``on_request`` for the command files of ``catalogue``."""

    def __init__(self, core: Core, catalogue: Catalogue) -> None:
        self._core = core
        self._catalogue = catalogue
        self._modules = Modules(core)
        self._notices = Notices(core)

    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        """Expand the command that a prompt names; every other prompt stays as it is."""
        prompt = exchange.prompt
        if not prompt:
            return None
        # Long prompts come with every turn; one look at their beginning is all that most of them get.
        named = prompt[0] in "/ \t"
        if not named and "@" not in prompt:
            return None
        strict = is_strict(self._core)
        invocation = invocation_of(prompt, strict=strict, doors=not strict) if named else None
        if invocation is not None and not await self._is_taken(invocation.name, exchange, strict=strict):
            where = surroundings_of(self._core, exchange.session, strict=strict)
            called = await self._called(exchange, invocation, where)
            if not isinstance(called, Unknown):
                return called
        if strict and "@" in prompt:
            mentions = mentions_in(prompt)
            attached = await attach_files(self._core, exchange.session, mentions, source="the prompt", notes=False)
            _attach(exchange, attached.attachments)
        return None

    def on_chunk(self, exchange: Exchange, event: Event) -> list[Event] | None:
        """Put the line about a command's origin in front of the answer."""
        notice = exchange.state.pop(_NOTICE, None) if event.type == BEGINNING else None
        if notice is None:
            return None
        self._notices.told(notice)
        return with_message(event, notice.text)

    async def rows(self, project: Path | None) -> list[CommandRow]:
        """The command files of a project, for lists of all commands."""
        strict = is_strict(self._core)
        signed = signed_of(self._core, project)

        def look() -> list[CommandRow]:
            view = self._catalogue.of(project, strict=strict, signed=signed)
            # Modules come before files of the same name.
            modules = [] if strict else self._modules.listed(view.modules())
            taken = {each.name for each in modules}
            files = [*modules, *(each for each in view.all() if each.name not in taken)]
            return [_row(each, view.aliases(each), strict=strict) for each in files if each.user_invocable]

        return await asyncio.to_thread(look)

    async def _is_taken(self, name: str, exchange: Exchange, *, strict: bool) -> bool:
        command = self._core.commands.get(name)
        if command is None or (command.scope != BUILT_IN and command.priority > FILE_PRIORITY):
            return False
        if not strict or name not in REACHED_BY_PLUS:
            return True
        found, _ = await self._find(name, exchange.session.cwd, strict=True)
        return not replaces(name, found)

    async def _called(
        self, exchange: Exchange, invocation: Invocation, where: Surroundings
    ) -> LocalReply | Unknown | None:
        """Answer a command, or expand it and give None."""
        found, modules = await self._find(invocation.name, exchange.session.cwd, strict=where.strict)
        for file in (found, *modules):
            if isinstance(file, CommandFile) and file.pack is not None and not self._core.packs.holds(file.pack):
                # Between the last look and now; what it would run from its folder is not what was signed.
                return said(f"/{invocation.name} cannot be used: its pack {file.pack.pack} was changed", where)
        if modules:
            made = await self._modules.answer(exchange, modules, invocation.name, invocation.args, where)
            if made is not None:
                await self._core.report(_use(exchange, made.file))
                module = replace(made.file, name=invocation.name)
                if isinstance(made.answer, LocalReply):
                    return self._introduced(made.answer, module, where)
                return await self._by_code(exchange, module, made.answer.prompt, invocation, where)
        if found is None:
            return Unknown()
        if isinstance(found, Ambiguous):
            names = "\n".join(f"- `/{name}`" for name in found.names)
            return said(f"/{invocation.name} may mean several commands; say which:\n\n{names}", where)
        if isinstance(found, Unusable):
            return said(f"/{invocation.name} cannot be used: {found.problem}", where)
        if not found.user_invocable:
            return stopped(found, where, "only the model may use this command (`user-invocable: false`)")
        await self._core.report(_use(exchange, found))
        if found.kind in ("javascript", "python"):
            answer = await call(self._core, exchange, found, invocation.args)
            if isinstance(answer, LocalReply):
                return self._introduced(answer, found, where)
            return await self._by_code(exchange, found, answer.prompt, invocation, where)
        expanded = await self._expanded(exchange, found, invocation, modules, where)
        if isinstance(expanded, LocalReply):
            return expanded
        enhanced = await self._enhanced(exchange, found, invocation, expanded, modules, where)
        return (
            enhanced if isinstance(enhanced, LocalReply) else self._sent(exchange, found, enhanced, invocation, where)
        )

    async def _find(
        self, name: str, project: Path | None, *, strict: bool
    ) -> tuple[Found | None, Sequence[CommandFile]]:
        signed = signed_of(self._core, project)

        def look() -> tuple[Found | None, Sequence[CommandFile]]:
            view = self._catalogue.of(project, strict=strict, signed=signed)
            return view.find(name), () if strict else view.modules()

        return await asyncio.to_thread(look)

    async def _enhanced(
        self,
        exchange: Exchange,
        command: CommandFile,
        invocation: Invocation,
        made: Expansion,
        modules: Sequence[CommandFile],
        where: Surroundings,
    ) -> Expansion | LocalReply:
        """The same after a module of the specification's has had its say."""
        if not modules or command.kind not in ("markdown", "skill"):
            return made
        said = {
            "description": command.description,
            "argument-hint": command.argument_hint,
            "model": command.model,
            "allowed-tools": list(command.allowed_tools),
        }
        name, args = invocation.name, invocation.args
        answer = await self._modules.enhance(exchange, modules, name, args, made.prompt, said, where)
        if answer is None or isinstance(answer, LocalReply):
            return made if answer is None else answer
        return replace(made, prompt=answer.prompt)

    async def _expanded(
        self,
        exchange: Exchange,
        command: CommandFile,
        invocation: Invocation,
        modules: Sequence[CommandFile],
        where: Surroundings,
    ) -> Expansion | LocalReply:
        core, args = self._core, invocation.args
        if not where.strict:
            answered = await local_shell.answer(core, exchange, command, args, where)
            if isinstance(answered, local_shell.Printed):
                return self._introduced(LocalReply(answered.text), command, where)
            if answered is not None:
                return answered
        # A module that works on the result afterwards is asked about now: what ran before a question would run again.
        besides = await self._modules.asks(modules, invocation.name, where) if modules else ()
        return await expand(core, exchange, command, args, where, besides=besides)

    async def _by_code(
        self, exchange: Exchange, command: CommandFile, prompt: str, invocation: Invocation, where: Surroundings
    ) -> LocalReply | None:
        """Send the prompt that a command's code has made, with what its own shell commands print."""
        expanded = await expand_made(self._core, exchange, command, prompt, invocation.args, where)
        if isinstance(expanded, LocalReply):
            return expanded
        # Somebody else's code has been asked about before it ran.
        asked = expanded.asked or command.scope != "user"
        return self._sent(exchange, command, replace(expanded, asked=asked), invocation, where)

    def _introduced(self, reply: LocalReply, command: CommandFile, where: Surroundings) -> LocalReply:
        """An answer of one of the user's own commands, at its first run with the line that says which file it is."""
        notice = self._notices.due(command, where)
        if command.scope != "user" or where.strict or notice is None or not isinstance(reply.text, str):
            return reply  # somebody else's is asked about, and the question says it
        self._notices.told(notice)
        return LocalReply(f"{notice.text}\n\n{reply.text}")

    def _sent(
        self,
        exchange: Exchange,
        command: CommandFile,
        made: Expansion,
        invocation: Invocation,
        where: Surroundings,
    ) -> LocalReply | None:
        meta = _meta(invocation) if where.strict else ""
        if not made.prompt.strip() and not meta:
            return stopped(command, where, "the command is empty; write a prompt below its frontmatter")
        _attach(exchange, made.attachments)
        if meta and made.prompt.strip():
            exchange.attach(meta)
        exchange.prompt = made.prompt if made.prompt.strip() else meta
        model = model_of(command.model, where)
        if model:
            exchange.model, exchange.model_source = model, str(command.path)
        origin = None if where.strict or made.asked else self._notices.due(command, where)
        passed_over = self._notices.passed_over(command, where)
        notice = together([origin, passed_over, not_attached(made.missed, where)])
        if notice is not None:
            exchange.state[_NOTICE] = notice
            exchange.watch(BEGINNING)
        return None


def _use(exchange: Exchange, command: CommandFile) -> AuditEvent:
    fields = {"command": command.name, "scope": command.scope, "kind": command.kind}
    return AuditEvent(
        "command.use", "success", source=str(command.path), plugin="slash", session=exchange.session,
        turn=exchange.turn.id, fields=fields,
    )  # fmt: skip


def _row(command: CommandFile, aliases: tuple[str, ...], *, strict: bool) -> CommandRow:
    scope, source = command.label.strip("()"), str(command.path)
    first = strict and any(replaces(name, command) for name in (command.name, *aliases))
    return CommandRow(command.name, command.description, command.argument_hint, scope, source, aliases, first)


def _attach(exchange: Exchange, attachments: Sequence[Attachment]) -> None:
    for at, each in enumerate(attachments, start=1):
        if each.image:
            exchange.attach_image(each.media_type, each.image)
        else:
            # As recorded: the last one is parted from the prompt.
            exchange.attach(each.text + ("\n" if at == len(attachments) else ""))


def _meta(invocation: Invocation) -> str:
    args = f"<command-args>{invocation.args}</command-args>\n" if invocation.args else ""
    return (
        f"<command-message>{invocation.name}</command-message>\n<command-name>/{invocation.name}</command-name>\n{args}"
    )
