"""What is decided about a request before anything is sent: by plugins, commands, or an earlier request of its turn."""

from __future__ import annotations

from ..conversation.speaker import titled_prompt
from ..dispatch import Dispatcher
from ..exchange import LocalReply, Refusal
from ..protocol import calls, replies
from ..protocol.body import encode_item
from ..protocol.tools import ToolResult
from ..services.commands import Commands
from ..services.sessions import Sessions
from ..services.titles import Titles, title_for
from .passage import Passage

_INTERRUPTED = (
    "This was interrupted before its answer was complete, and it has not been run again. "
    "Send it once more to repeat it."
)


class Decisions:
    """Asks whoever may answer, and writes the outcome down before it takes effect."""

    def __init__(self, dispatcher: Dispatcher, sessions: Sessions, commands: Commands) -> None:
        self._dispatch = dispatcher
        self._sessions = sessions
        self._commands = commands
        self._titles = Titles()

    async def decide(self, passage: Passage) -> LocalReply | Refusal | None:
        """What plugins and commands say to a request; None lets it go up. Their edits are in the ledger afterwards."""
        reading, exchange = passage.reading, passage.exchange
        phase = self._sessions.phase(passage.thread, reading)
        if phase is not None and self._dispatch.has("on_session"):
            await self._dispatch.session(exchange.session, phase)
        if reading.origin == "warmup":
            return None
        if reading.origin == "title" and (named := titled_prompt(reading.view)):
            speaker = passage.incoming.speaker
            if self._sessions.withheld(speaker, named) or await self._titles.local(named):
                return LocalReply(replies.title_text(title_for(named)))
        if self._dispatch.has("on_tool_result"):
            await self._judge_outputs(passage)
        typed = exchange.prompt
        decision = await self._dispatch.request(exchange) if self._dispatch.has("on_request") else None
        if decision is None and typed is not None:
            decision = await self._commands.answer(exchange, self._dispatch.command)
        self._keep(passage, decision, typed)
        return decision

    def _keep(self, passage: Passage, decision: LocalReply | Refusal | None, typed: str | None) -> None:
        reading, exchange = passage.reading, passage.exchange
        if typed is None:
            if decision is None:
                reading.add_context(exchange.context)
            return
        if isinstance(decision, LocalReply):
            reading.withhold_prompt("local", decision.text if isinstance(decision.text, str) else None)
        elif isinstance(decision, Refusal):
            if decision.withhold:
                reading.withhold_prompt("refused", decision.message)
        else:
            model = exchange.model if exchange.model_changed else None
            reading.keep_prompt(text=exchange.prompt, context=exchange.context, model=model)
        self._titles.decided(typed, local=decision is not None)

    @staticmethod
    def repeated(passage: Passage) -> LocalReply | Refusal | None:
        """The answer again that an earlier request of this turn got here; nothing runs a second time."""
        record = passage.reading.record
        if record is not None and record.kind == "refused":
            return Refusal(record.reply or "")
        if record is None or record.kind != "local":
            return None
        return LocalReply(_INTERRUPTED if record.reply is None else record.reply)

    async def _judge_outputs(self, passage: Passage) -> None:
        reading = passage.reading
        for index, call_item, output in reading.new_outputs():
            call = calls.call_of(call_item)
            if call is None:
                continue
            result = ToolResult(output.get("output") or "")
            changed = await self._dispatch.tool_result(passage.exchange, call, result)
            replace = None if changed == result else [encode_item({**output, "output": changed.output})]
            reading.ledger.record(
                reading.view.keys[index], "output", turn=passage.incoming.speaker.turn, replace=replace
            )
        reading.outputs_judged()
