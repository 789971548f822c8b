"""What each hook's answers mean: which one wins, which is refused, and what a failure comes to."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any

from .action import Action
from .command import CommandRow
from .dispatch_account import about_action, judged_call, refused_request
from .dispatch_chunk import FailedClosed, must_wait
from .dispatch_faults import FAILED, Hook
from .dispatch_telling import Telling, reason_of, refusal_of
from .exchange import Exchange, LocalReply, Phase, Refusal, Session, is_text
from .outcome import Outcome
from .protocol.tools import ToolCall, ToolResult

Judged = tuple[ToolCall, Refusal | ToolResult | None, str]
"""A call as it is now, what ends it here, and whose verdict that is."""
_Asked = tuple[Hook, tuple[Any, ...], Any]
"""A plugin that was asked, the edits before that, and what its function gave."""


class Answers(Telling):
    """The hooks of a running proxy, asked in order."""

    async def session(self, session: Session, phase: Phase) -> None:
        """Tell the plugins of a thread's start, return, compaction or end."""
        for hook in self._table["on_session"]:
            await self._calls.ask(hook, session, phase)

    async def request(self, exchange: Exchange) -> LocalReply | Refusal | None:
        """The first plugin's answer to a request, None if it may go up."""
        answer = self.request_now(exchange)
        return None if answer is None else await answer

    def request_now(self, exchange: Exchange) -> Coroutine[Any, Any, LocalReply | Refusal | None] | None:
        """None at once where every plugin lets the request go up without a wait, else something to await for it.

        The loop of ``_request``, for as long as nobody says or makes anything: most requests need no more.
        """
        enforced: tuple[str, bool] | None = None
        table, at = self._table["on_request"], 0
        hooks = iter(table)
        if self._noted:
            return self._request(exchange, hooks, enforced)
        while True:
            hook, answer, before = self._calls.request(hooks, exchange)
            if hook is None:
                break
            since, at = at, table.index(hook) + 1
            if _enforces(table[since : at - 1]):
                enforced = before[1], exchange._is_answered_here(before[0])
            if answer is not None or exchange._unsendable(before) is not None:
                return self._request(exchange, hooks, enforced, (hook, before, answer))
            if hook.record.plugin.enforces_policy:
                enforced = exchange.model, exchange.answered_here
        # Whoever came behind the last edit has judged the request as it is now.
        if enforced is None or enforced == (exchange.model, exchange.answered_here) or _enforces(table[at:]):
            return None
        return self.enforced(exchange)

    async def _request(
        self, exchange: Exchange, hooks: Iterator[Hook], enforced: tuple[str, bool] | None, asked: _Asked | None = None
    ) -> LocalReply | Refusal | None:
        """``asked`` is the plugin whose answer is to be waited for or looked at, those of ``hooks`` come after it."""
        if asked is None and self._noted:
            await self._tell_noted()
        while True:
            if asked is None:
                if (following := next(hooks, None)) is None:
                    break
                edits = exchange._edits()
                asked = following, edits, self._calls.now(following, exchange)
            (hook, before, answer), asked = asked, None
            if answer is not None:
                answer = self._reply(hook, await self._waited_for(hook, answer))
            if answer is None and (bad := exchange._unsendable(before)) is not None:
                answer = self._calls.faults.wrong_answer(hook, bad, "edits that are texts")
            if isinstance(answer, LocalReply):
                return answer
            if answer is FAILED:
                exchange._undo(before)
                answer = refusal_of(hook) if hook.closed else None
            enforces = hook.record.plugin.enforces_policy
            if enforces:
                enforced = (exchange.model, exchange.answered_here)
            if isinstance(answer, Refusal):
                if not (enforces and exchange.answered_here):
                    return await self._refused(exchange, answer, hook)
                # Nothing is to go up, and whoever is refused may see why.
                exchange.barred = answer.message
        if enforced is not None and enforced != (exchange.model, exchange.answered_here):
            return await self.enforced(exchange)
        return None

    async def enforced(self, exchange: Exchange) -> Refusal | None:
        """What those who enforce a policy say to a request that is another one than when they were asked.

        Its model was chosen since, or what was to be answered here goes up. They are asked by ``on_request`` once more;
        what they change now does not count.
        """
        for hook in self._table["on_request"]:
            if hook.record.plugin.enforces_policy:
                before = exchange._edits()
                answer = await self._calls.ask(hook, exchange)
                exchange._undo(before)
                if answer is FAILED and hook.closed:
                    answer = refusal_of(hook)
                if isinstance(answer, Refusal):
                    return await self._refused(exchange, answer, hook)
        return None

    async def _refused(self, exchange: Exchange, refusal: Refusal, hook: Hook) -> Refusal:
        if self._table["on_audit"]:
            await self.audit(refused_request(exchange, refusal, hook.plugin))
        return refusal

    def _reply(self, hook: Hook, answer: object) -> object:
        """An answer as it may be used: a LocalReply, a Refusal, None, or FAILED for anything else."""
        if answer is None or answer is FAILED:
            return answer
        if isinstance(answer, Refusal):
            sound = is_text(answer.message) and is_text(answer.code)
            return answer if sound else self._calls.faults.wrong_answer(hook, answer.message, "a text in Refusal")
        if not isinstance(answer, LocalReply):
            return self._calls.faults.wrong_answer(hook, answer, "LocalReply, Refusal or None")
        if is_text(answer.text):
            return answer
        if hasattr(answer.text, "__aiter__"):
            return LocalReply(self._pieces(hook, aiter(answer.text)))
        return self._calls.faults.wrong_answer(hook, answer.text, "a text or an async iterator in LocalReply")

    async def command(self, plugin: str, call: Callable[[], Any]) -> object:
        """What a plugin's slash command gives: a text, a LocalReply, a Refusal, or something else where it failed."""
        hook = self._hook_of(plugin, call)
        answer = FAILED if hook is None else await self._calls.ask(hook)
        if hook is None or isinstance(answer, str):
            return answer
        return self._reply(hook, answer)

    async def rows(self, plugin: str, call: Callable[[], Any]) -> list[CommandRow]:
        """What a plugin's provider of commands gives; none where it failed."""
        hook = self._hook_of(plugin, call)
        answer = FAILED if hook is None else await self._calls.ask(hook)
        if isinstance(answer, list | tuple) and all(isinstance(row, CommandRow) for row in answer):
            return list(answer)
        if hook is not None and answer is not FAILED:
            self._calls.faults.wrong_answer(hook, answer, "a list of CommandRow")
        return []

    def _hook_of(self, plugin: str, call: Callable[[], Any]) -> Hook | None:
        raise NotImplementedError

    async def _pieces(self, hook: Hook, texts: AsyncIterator[str]) -> AsyncIterator[str]:
        """A plugin's streamed answer; where it fails, FailedClosed tells that the answer is not whole."""
        end = object()
        try:
            while True:
                piece = await self._calls.finish(hook, anext(texts, end), limit=None)
                if piece is end:
                    return
                if not isinstance(piece, str):
                    if piece is not FAILED:
                        self._calls.faults.wrong_answer(hook, piece, "texts in a LocalReply")
                    raise FailedClosed(hook.plugin, hook.name)
                yield piece
        finally:
            close = getattr(texts, "aclose", None)
            if close is not None:
                await self._calls.finish(hook, close(), limit=self._calls.limit)

    async def tool_use(self, exchange: Exchange, call: ToolCall) -> tuple[ToolCall, Refusal | ToolResult | None]:
        """The call as plugins changed it, and what ends it here, if anything does.

        The plugin that added the tool comes last: nothing runs before everybody else has had a say.
        """
        changed, verdict, plugin = await self._judged(exchange, call)
        if self._table["on_audit"]:
            await self.audit(judged_call(exchange, call, changed, verdict, plugin))
        return changed, verdict

    async def _judged(self, exchange: Exchange, call: ToolCall) -> Judged:
        hooks = self._table["on_tool_use"]
        if not exchange.adders or call.namespace not in (None, "", "functions"):
            return await self._tool_use(hooks, exchange, call)
        adder = exchange.adders.get(call.name)
        if call.name in exchange.indirect:
            # Others judge by the tool that is meant, and know nothing of the one that stands for it.
            own = [hook for hook in hooks if hook.plugin == adder]
            call, verdict, plugin = await self._tool_use(own, exchange, call)
            if verdict is not None:
                return call, verdict, plugin
        return await self._tool_use(sorted(hooks, key=lambda hook: hook.plugin == adder), exchange, call)

    async def _tool_use(self, hooks: Iterable[Hook], exchange: Exchange, call: ToolCall) -> Judged:
        for hook in hooks:
            # Each plugin gets its own copy: an edit counts when it is returned, and only then.
            given = copy.deepcopy(call)
            answer = await self._calls.ask(hook, exchange, given)
            if isinstance(answer, Refusal | ToolResult):
                return call, answer, hook.plugin
            if isinstance(answer, ToolCall) and answer.id == call.id:
                call = call if answer == call else answer
                continue
            if answer is not None and answer is not FAILED:
                expected = "Refusal, ToolResult, None or a ToolCall of the same id"
                answer = self._calls.faults.wrong_answer(hook, answer, expected)
            if answer is FAILED and hook.closed:
                return call, refusal_of(hook), hook.plugin
        return call, None, ""

    async def tool_result(self, exchange: Exchange, call: ToolCall, result: ToolResult) -> ToolResult:
        """The result as plugins changed it; withheld where one that must not be skipped failed."""
        for hook in self._table["on_tool_result"]:
            answer = await self._calls.ask(hook, exchange, call, copy.deepcopy(result))
            if isinstance(answer, ToolResult):
                result = result if answer == result else answer
                continue
            if answer is not None and answer is not FAILED:
                answer = self._calls.faults.wrong_answer(hook, answer, "ToolResult or None")
            if answer is FAILED and hook.closed:
                return ToolResult(f"output withheld: {reason_of(hook)}", is_error=True)
        return result

    def turn_end(self, exchange: Exchange) -> str | Coroutine[Any, Any, str | None] | None:
        """The first prompt that makes the model go on, None if the turn is over; or something to await for either."""
        hooks = iter(self._table["on_turn_end"])
        for hook in hooks:
            answer = self._calls.now(hook, exchange)
            if must_wait(answer):
                return self._turn_end(exchange, hook, answer, hooks)
            if words := self._words(hook, answer):
                return words
        return None

    async def _turn_end(
        self, exchange: Exchange, hook: Hook, answer: Awaitable[Any], others: Iterable[Hook]
    ) -> str | None:
        words = self._words(hook, await self._calls.finish(hook, answer, limit=self._calls.limit))
        for other in others:
            if words:
                break
            words = self._words(other, await self._calls.ask(other, exchange))
        return words

    def _words(self, hook: Hook, answer: object) -> str | None:
        if isinstance(answer, str) and answer:
            return answer
        if answer and answer is not FAILED:
            self._calls.faults.wrong_answer(hook, answer, "str or None")
        return None

    async def exchange_end(self, exchange: Exchange, outcome: Outcome) -> None:
        """Tell the plugins how an exchange ended."""
        if self._noted:
            await self._tell_noted()
        hooks = iter(self._table["on_exchange_end"])
        while (found := self._calls.first(hooks, exchange, outcome)) is not None:
            await self._waited_for(*found)

    async def action(self, action: Action) -> Refusal | None:
        """The first veto against an action, None if every plugin agrees."""
        no, plugin = await self._veto(action)
        if no is not None and self._table["on_audit"]:
            await self.audit(about_action(action, "denied", reason=no.message, plugin=plugin))
        return no

    async def _veto(self, action: Action) -> tuple[Refusal | None, str]:
        for hook in self._table["on_action"]:
            answer = await self._calls.ask(hook, action)
            if isinstance(answer, str):
                answer = Refusal(answer)
            if isinstance(answer, Refusal):
                return answer, hook.plugin
            if answer is not None and answer is not FAILED:
                answer = self._calls.faults.wrong_answer(hook, answer, "Refusal, str or None")
            if answer is FAILED and hook.closed:
                return refusal_of(hook), hook.plugin
        return None, ""


def _enforces(hooks: Iterable[Hook]) -> bool:
    return any(hook.record.plugin.enforces_policy for hook in hooks)
