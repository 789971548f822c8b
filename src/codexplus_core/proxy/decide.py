"""What is decided about a request before anything is sent: by plugins, commands, or an earlier request of its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..conversation.reading import output_digest
from ..conversation.record import Key
from ..conversation.speaker import titled_prompt
from ..dispatch import Dispatcher
from ..dispatch_account import used_command
from ..exchange import Exchange, LocalReply, Phase, Refusal
from ..protocol import calls, replies
from ..protocol.body import encode_item
from ..protocol.items import tools_of
from ..protocol.tools import ToolCall, ToolResult
from ..services.approvals.service import Approvals
from ..services.commands import Commands
from ..services.sessions import Sessions
from ..services.titles import Titles, title_for
from .passage import Passage
from .questions import Questions

_INTERRUPTED = (
    "This was interrupted before its answer was complete, and it has not been run again. "
    "Send it once more to repeat it."
)


class Decisions:
    """Asks whoever may answer, and writes the outcome down before it takes effect."""

    def __init__(
        self, dispatcher: Dispatcher, sessions: Sessions, commands: Commands, approvals: Approvals, log: Any
    ) -> None:
        self._log = log
        self._dispatch = dispatcher
        self._sessions = sessions
        self._commands = commands
        self._questions = Questions(approvals)
        self._titles = Titles()
        self._under_way: dict[tuple[str, Key], asyncio.Event] = {}

    def decide(self, passage: Passage) -> Coroutine[Any, Any, LocalReply | Refusal | None] | None:
        """What plugins and commands say to a request; None lets it go up. Their edits are in the ledger afterwards.

        None at once where nobody has to be waited for, else a coroutine to run in the context that this was called in.
        """
        phase = self._sessions.phase(passage.thread, passage.reading)
        if not self._goes_on(passage, phase):
            return self._decide(passage, phase)
        # As most requests: the model's turn goes on, with no new words and no output to judge.
        self._note_if_answered_here(passage)
        waiting = self._dispatch.request_now(passage.exchange) if self._dispatch.has("on_request") else None
        if waiting is not None or passage.exchange.added_tools:
            return self._decided(passage, waiting)
        self._settle(passage, None, None)
        return None

    def _goes_on(self, passage: Passage, phase: Phase | None) -> bool:
        reading = passage.reading
        if phase is not None or passage.exchange.prompt is not None or reading.origin in ("warmup", "title"):
            return False
        if self._dispatch.has("on_tool_result"):
            if reading.new_outputs():
                return False
            reading.outputs_judged()
        return True

    async def _decided(
        self, passage: Passage, waiting: Coroutine[Any, Any, LocalReply | Refusal | None] | None
    ) -> LocalReply | Refusal | None:
        decision = None if waiting is None else await waiting
        if passage.exchange.added_tools:
            self._drop_taken_tools(passage.exchange)
        self._settle(passage, decision, None)
        return decision

    async def _decide(self, passage: Passage, phase: Phase | None) -> LocalReply | Refusal | None:
        reading, exchange = passage.reading, passage.exchange
        if phase is not None and self._dispatch.has("on_session"):
            await self._dispatch.session(exchange.session, phase)
        if reading.origin == "warmup":
            # It names a model as well, and what is not allowed is not to be warmed up either.
            return await self._dispatch.enforced(exchange) if self._dispatch.has("on_request") else None
        named = titled_prompt(reading.view) if reading.origin == "title" else None
        if named and await self._titles.local(named, reading.speaker.parent):
            return LocalReply(replies.title_text(title_for(named)))
        if self._dispatch.has("on_tool_result"):
            await self._judge_outputs(passage)
        key = reading.key
        if exchange.prompt is None or key is None:
            return await self._ask_plugins(passage)
        place = (reading.ledger.thread, key)
        while (other := self._under_way.get(place)) is not None:
            # The same prompt twice at once, on two connections: the first one's decision holds for both.
            await other.wait()
        # It may also be decided already, since this one was read.
        reading.look_again()
        if reading.new_prompt is None:
            exchange.prompt = exchange.prompt_as_typed = None
            return await self._ask_plugins(passage)
        self._under_way[place] = asyncio.Event()
        try:
            return await self._ask_plugins(passage)
        finally:
            self._under_way.pop(place).set()

    async def _ask_plugins(self, passage: Passage) -> LocalReply | Refusal | None:
        exchange = passage.exchange
        typed = exchange.prompt
        answered = self._questions.before(passage) if typed is not None else None
        self._note_if_answered_here(passage)
        decision: LocalReply | Refusal | None = answered
        if answered is None and self._dispatch.has("on_request"):
            decision = await self._dispatch.request(exchange)
        if exchange.added_tools:
            self._drop_taken_tools(exchange)
        # What a plugin made of the prompt is for the model, even where it looks like a command.
        if decision is None and typed is not None and exchange.prompt == exchange.prompt_as_typed:
            judged, spared = exchange.model, exchange.answered_here
            decision = await self._commands.answer(exchange, self._dispatch.command)
            if decision is not None:
                self._dispatch.note(used_command(exchange))
            elif spared or exchange.model != judged:
                exchange._answerable = False
                decision = await self._dispatch.enforced(exchange)
        self._settle(passage, decision, typed)
        return decision

    def _note_if_answered_here(self, passage: Passage) -> None:
        passage.exchange._answerable = self._is_answered_here(passage)

    def _settle(self, passage: Passage, decision: LocalReply | Refusal | None, typed: str | None) -> None:
        self._questions.after(passage, decision)
        self._keep(passage, decision, typed)

    def _is_answered_here(self, passage: Passage) -> bool:
        prompt = passage.exchange.prompt
        return self._commands.answers(prompt) if prompt is not None else isinstance(self.repeated(passage), LocalReply)

    def _drop_taken_tools(self, exchange: Exchange) -> None:
        # Two tools of one name are no legal request, and calls of the client's own one are the client's.
        theirs = {str(tool.get("name")) for tool in tools_of(exchange.body) if "namespace" not in tool}
        for name in theirs & exchange.added_tools.keys():
            del exchange.added_tools[name]
            self._log.warning("tool_name_taken", tool=name)

    def _keep(self, passage: Passage, decision: LocalReply | Refusal | None, typed: str | None) -> None:
        reading, exchange = passage.reading, passage.exchange
        if typed is None:
            if decision is None:
                reading.add_context(exchange.context)
                if exchange.model_changed and reading.origin in ("user", "tool"):
                    reading.ledger.set_model(reading.speaker.turn, exchange.model)
            return
        if isinstance(decision, LocalReply):
            reading.withhold_prompt("local", decision.text if isinstance(decision.text, str) else None)
        elif isinstance(decision, Refusal):
            if decision.withhold or reading.meant is not None:
                reading.withhold_prompt("refused", decision.message)
        else:
            model = exchange.model if exchange.model_changed else None
            reading.keep_prompt(text=exchange.prompt, before=exchange.attached, context=exchange.context, model=model)
        # The answer to a question is no name for anything.
        local = decision is not None or reading.meant is not None
        self._titles.decided(typed, reading.speaker.thread, local=local)

    def repeated(self, passage: Passage) -> LocalReply | Refusal | None:
        """What earlier requests decided, for a request that asks again; nothing runs a second time.

        A title request asks for words that may have been kept from the model long ago, by plugins that are gone.
        """
        reading = passage.reading
        named = titled_prompt(reading.view) if reading.origin == "title" else None
        if named and self._sessions.withheld(reading.speaker, named):
            return LocalReply(replies.title_text(title_for(named)))
        record = passage.reading.record
        if record is not None and record.kind == "refused":
            return Refusal(record.reply or "")
        if record is None or record.kind != "local":
            return None
        return LocalReply(_INTERRUPTED if record.reply is None else record.reply)

    async def _judge_outputs(self, passage: Passage) -> None:
        reading = passage.reading
        for index, call_item, output in reading.new_outputs():
            call = None if call_item is None else calls.call_of(call_item)
            if call is None and call_item is not None:
                continue
            # Without its call in the request nobody knows which tool it was; the words are judged all the same.
            call = call or ToolCall(str(output.get("call_id") or ""), "", {})
            result = ToolResult(output.get("output") or "")
            changed = await self._dispatch.tool_result(passage.exchange, call, result)
            replace = None if changed == result else [encode_item({**output, "output": changed.output})]
            key, seen = reading.view.keys[index], output_digest(output)
            known = reading.ledger.find(key)
            other = known is not None and known.kind == "output"  # another answer to the same call
            turn = reading.speaker.turn
            reading.ledger.record(key, "output", turn=turn, replace=replace, reply=seen, renew=other)
        reading.outputs_judged()
