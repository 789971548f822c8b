"""/hooks: every hook and how it fares; adding, removing, switching and rehearsing them, in the conversation."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from codexplus_core import Command, Exchange, LocalReply, Problem, code_span, plain_text, short_path

from .desk import Change, Desk
from .editing import PLACES, NewHook, Where
from .hook import EVENTS
from .listing import HookRow
from .matcher import names_of
from .rehearsal_words import in_markdown

HINT = "[list|add|remove|enable|disable|test]"
USAGE = f"""\
- `/hooks add EVENT [MATCHER] COMMAND` adds one of your own, such as `/hooks add PreToolUse Bash ~/check.sh`.
  Before `EVENT` may stand `--scope user|project|local`, `--timeout SECONDS`, `--permission run:prettier`
- `/hooks remove ID`, `/hooks disable ID`, `/hooks enable ID`; `all` in place of an id switches all of them
- `/hooks test EVENT [TOOL] [JSON]` shows what an event would come to, such as
  `/hooks test PreToolUse Bash {{"command": "ls"}}`; the hooks that may run do run, what they say has no effect

Events: {", ".join(EVENTS)}.
MATCHER is a tool (`Bash`, `Edit|Write`, `mcp__.*`, `*`) and only there for events that have one. Nothing is written
before you have said yes."""

MORE = "`/hooks help` shows how to add, remove, switch and test them."

_OPTION = re.compile(r"--(scope|timeout|permission)[ =](\S+)\s*")
_WORD = re.compile(r"\"([^\"]*)\"\s*|'([^']*)'\s*|(\S+)\s*")


class HooksCommand:
    """The slash command; it can answer once ``open`` was called."""

    def __init__(self) -> None:
        self._desk: Desk | None = None

    def open(self, desk: Desk) -> None:
        """Get to work."""
        self._desk = desk

    def command(self) -> Command:
        """For ``add_commands``."""
        return Command("hooks", "lifecycle hooks: list, add, remove, switch, test", HINT, answer=self.answer)

    async def answer(self, exchange: Exchange, args: str) -> LocalReply:
        """Answer ``/hooks ARGS``."""
        if self._desk is None:
            return LocalReply("Hooks are not ready yet; try again in a moment.")
        name, _, rest = args.strip().partition(" ")
        handler = _HANDLERS.get(name)
        if handler is None:
            return LocalReply(f"{plain_text(name, 300)}: no such word behind /hooks.\n\n{USAGE}")
        if name in _NEED_THE_USER and rest.strip() and not typed_by_the_user(exchange, args):
            return LocalReply("Only you can change or test hooks, by typing it yourself; a command's text cannot.")
        try:
            return await handler(_Call(self._desk, exchange, rest.strip()))
        except Problem as problem:
            return LocalReply(plain_text(problem, 1000))


def typed_by_the_user(exchange: Exchange, args: str) -> bool:
    """Whether the human typed these very words, not a command file or a hook that put them in the place of others."""
    typed = (exchange.prompt_as_typed or "").strip()
    return re.fullmatch(r"/+(?:plus\s+)?hooks\s+" + re.escape(args.strip()), typed) is not None


@dataclass(frozen=True, slots=True)
class _Call:
    desk: Desk
    exchange: Exchange
    rest: str


async def _list(call: _Call) -> LocalReply:
    session = call.exchange.session
    found = await call.desk.listing(session)
    count = len(found.rows)
    lines = [f"**{count} hook{'' if count == 1 else 's'}**" if count else "**There are no hooks here.**", ""]
    for row in found.rows:
        lines += _row(row, call)
    if found.disabled:
        lines += ["", f"**They do not run**: {plain_text(found.disabled, 300)}"]
    if found.warnings:
        lines += ["", "**To correct**", "", *(f"- {plain_text(_short(each, call), 400)}" for each in found.warnings)]
    return LocalReply("\n".join([*lines, "", MORE]))


async def _help(call: _Call) -> LocalReply:
    return LocalReply(USAGE)


def _row(row: HookRow, call: _Call) -> Iterator[str]:
    matcher = f" {code_span(row.matcher)}" if row.matcher else ""
    yield f"- {code_span(row.id)} **{row.event}**{matcher}: {code_span(row.command)}"
    where = f"{_short(row.file, call)}{f':{row.line}' if row.line else ''}"
    words = [f"{code_span(row.key)} in {code_span(where)}", row.scope, row.trust]
    if row.timeout is not None:
        words.append(f"at most {row.timeout:g} s")
    if row.permissions is not None:
        words.append("permissions " + (", ".join(map(code_span, row.permissions)) or "none"))
    if row.last_run is None:
        words.append("has not run yet")
    yield f"  {'; '.join(words)}"
    if row.last_run is not None:
        # A line of its own: behind the place it would be broken up in a narrow terminal.
        yield f"  {row.last_words}, {plain_text(row.result, 300)}"


def _short(text: str, call: _Call) -> str:
    return short_path(text, call.exchange.session.cwd, call.desk.home)


async def _add(call: _Call) -> LocalReply:
    if not call.rest:
        return LocalReply(USAGE)
    new, where = parsed(call.rest)
    return await _change(call, call.desk.adding(new, where, call.exchange.session.cwd))


async def _remove(call: _Call) -> LocalReply:
    if not call.rest:
        return await _choices(call, "remove")
    return await _change(call, call.desk.removing(call.rest, call.exchange.session.cwd))


async def _enable(call: _Call) -> LocalReply:
    if not call.rest:
        return await _choices(call, "enable")
    return await _change(call, call.desk.switching("enable", call.rest, call.exchange.session.cwd))


async def _disable(call: _Call) -> LocalReply:
    if not call.rest:
        return await _choices(call, "disable")
    return await _change(call, call.desk.switching("disable", call.rest, call.exchange.session.cwd))


async def _test(call: _Call) -> LocalReply:
    event, tool, given = rehearsed(call.rest)
    if not event:
        return LocalReply(USAGE)
    shown = await call.desk.rehearse(event, call.exchange.session, tool=tool, given=given)
    return LocalReply("\n".join(in_markdown(shown, call.exchange.session.cwd, call.desk.home)))


async def _choices(call: _Call, verb: str) -> LocalReply:
    rows = (await call.desk.listing(call.exchange.session)).rows
    if not rows:
        return LocalReply("There are no hooks here.")
    lines = [f"- `/hooks {verb} {row.id}`: **{row.event}** {code_span(row.command)}, {row.trust}" for row in rows]
    return LocalReply("\n".join(["Which one? Type one of these lines:", "", *lines]))


async def _change(call: _Call, change: Change) -> LocalReply:
    project = call.exchange.session.cwd
    proposals = call.desk.proposals(change, project)
    if not proposals:
        return LocalReply("Nothing to change: it is so already.")
    answer = await call.desk.core.approvals.require(call.exchange, proposals)
    if isinstance(answer, LocalReply):
        return answer
    written = await call.desk.carry_out(change, project)
    lines = [f"Done: {code_span(change.words)}", ""]
    for one in written:
        kept = f"; as it was: {code_span(_short(str(one.backup), call))}" if one.backup else ""
        lines.append(f"- {'removed' if one.removed else 'written'}: {code_span(_short(str(one.path), call))}{kept}")
    if change.note:
        lines += ["", f"Note: {plain_text(change.note, 400)}"]
    if change.of_project:
        lines += ["", "Hooks of a project run once you have allowed them; the next prompt asks."]
    return LocalReply("\n".join(lines))


def parsed(text: str) -> tuple[NewHook, Where]:
    """What is typed behind ``/hooks add``: options, the event, its matcher, the command as it stands.

    Raises Problem.
    """
    where: Where = "user"
    timeout, permissions = None, list[str]()
    while (option := _OPTION.match(text)) is not None:
        text = text[option.end() :]
        if option[1] == "scope":
            where = scope_of(option[2])
        elif option[1] == "timeout":
            timeout = seconds_of(option[2])
        else:
            permissions.append(option[2])
    event, text = _word(text)
    matcher = ""
    if event in EVENTS and names_of(event, {}) is not None:
        matcher, text = _word(text)
        if not text:
            raise Problem(f"{event}: a matcher and a command, such as: /hooks add {event} Bash ~/check.sh", exit_code=2)
    return NewHook(event, text.strip(), matcher, timeout, tuple(permissions) or None).checked(), where


def rehearsed(text: str) -> tuple[str, str, str]:
    """What is typed behind ``/hooks test``: an event, a tool, JSON."""
    head, brace, rest = text.partition("{")
    words = head.split()
    return (words[0] if words else "", words[1] if len(words) > 1 else "", f"{brace}{rest}")


def scope_of(word: str) -> Where:
    """The scope of that name. Raises Problem."""
    found = next((each for each in PLACES if each == word), None)
    if found is None:
        raise Problem(f"{word}: no scope; one of {', '.join(PLACES)}", exit_code=2)
    return found


def seconds_of(word: str) -> float:
    """A number of seconds. Raises Problem."""
    try:
        return float(word)
    except ValueError:
        raise Problem(f"{word}: no number of seconds", exit_code=2) from None


def _word(text: str) -> tuple[str, str]:
    found = _WORD.match(text)
    if found is None:
        return "", ""
    return next((group for group in found.groups() if group is not None), ""), text[found.end() :]


_NEED_THE_USER = frozenset({"add", "remove", "enable", "disable", "test"})
_HANDLERS: Mapping[str, Callable[[_Call], Awaitable[LocalReply]]] = {
    "": _list, "list": _list, "help": _help, "add": _add, "remove": _remove, "enable": _enable, "disable": _disable,
    "test": _test,
}  # fmt: skip
