"""One model request from decision to last byte, the same for every transport."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import zstandard

from ..conversation.reading import Reading, read_request
from ..conversation.record import Record
from ..conversation.speaker import Speaker, titled_prompt
from ..dispatch import Dispatcher, FailedClosed
from ..exchange import Exchange, LocalReply, Outcome, Refusal, Session, Turn
from ..protocol import calls, replies
from ..protocol.body import RequestBody, encode_item
from ..protocol.errors import error_message, upstream_failure
from ..protocol.tools import ToolResult, Usage
from ..services.commands import Commands
from ..services.sessions import Sessions, Thread
from ..services.titles import Titles, title_for
from . import local
from .downstream import Downstream
from .headers import client_headers, upstream_headers, view
from .rounds import Rounds
from .target import Targets, endpoint
from .transport import Answer, Headers, Upstream, UpstreamCut, UpstreamError, UpstreamRequest

_ABOUT_REQUESTS = frozenset(
    ("on_session", "on_request", "on_tool_use", "on_tool_result", "on_chunk", "on_turn_end", "on_exchange_end")
)
_ERROR_BYTES = 64 * 1024
MAX_ROUNDS = 100
"""Upstream rounds that one exchange may take; a plugin that goes on for ever ends here."""
_INTERRUPTED = (
    "This was interrupted before its answer was complete, and it has not been run again. "
    "Send it once more to repeat it."
)


@dataclass(slots=True)
class Incoming:
    """A guarded request: head, wire bytes, and who speaks. ``path`` and ``query`` are as on the wire, without token."""

    method: str
    path: bytes
    query: bytes
    headers: Headers
    wire: bytes
    speaker: Speaker
    chatgpt: bool
    received_at: float
    transport: Any = "http"


@dataclass(slots=True)
class Passage:
    """What is known of one request while it goes through."""

    incoming: Incoming
    body: RequestBody
    thread: Thread
    reading: Reading
    exchange: Exchange
    down: Downstream
    answered_by: str = "upstream"
    error: str | None = None
    complete: bool = False
    sent: list[bytes] | None = None
    usage: Usage = field(default_factory=Usage)
    rounds: int = 0


class Relay:
    """Takes model requests through the plugins and the ledger to the upstream and back."""

    def __init__(
        self,
        *,
        dispatcher: Dispatcher,
        sessions: Sessions,
        upstream: Upstream,
        targets: Targets,
        commands: Commands,
        log: Any,
        ids: replies.IdSource,
        clock: Callable[[], float],
    ) -> None:
        self._dispatch = dispatcher
        self._sessions = sessions
        self._upstream = upstream
        self._targets = targets
        self._commands = commands
        self._log = log
        self._ids = ids
        self._clock = clock
        self._titles = Titles()

    @property
    def idle(self) -> bool:
        """True where no request at all needs reading: no plugin asks for any, and no thread was ever edited."""
        return not self._active and not self._sessions.any_edited

    def looks_at(self, speaker: Speaker) -> bool:
        """False where a request of this speaker can pass unread: nobody asks for it and nothing was edited."""
        return self._active or self._sessions.edited(speaker)

    @property
    def _active(self) -> bool:
        return not self._dispatch.hooks.isdisjoint(_ABOUT_REQUESTS) or len(self._commands) > 0

    def begin(self, incoming: Incoming, body: RequestBody, down: Downstream) -> Passage:
        """Read a request against its thread. Raises MalformedBody for broken items."""
        thread = self._sessions.thread(incoming.speaker, body.input or b"")
        reading = read_request(thread.ledger, incoming.speaker, body)
        self._sessions.trim()
        return Passage(incoming, body, thread, reading, self._exchange(incoming, body, thread, reading), down)

    async def answer(self, passage: Passage) -> None:
        """Answer a request, all but the message that ends it. Raises UpstreamCut where the client is to see a cut."""
        try:
            await self._answer(passage)
        except UpstreamCut:
            passage.error = "cut"
            raise
        except BaseException:
            # Codex hangs up as soon as it has read `response.completed`; nothing was lost then.
            passage.error = passage.error or (None if passage.complete else "client_gone")
            raise

    async def close(self, passage: Passage) -> None:
        """Note how it ended, after the last byte; call it once for every passage."""
        reading = passage.reading
        if (
            passage.error is None
            and not reading.speaker.turn
            and reading.prompt is not None
            and reading.key is not None
        ):
            reading.ledger.finish(reading.key)
        if self._dispatch.has("on_exchange_end"):
            await self._dispatch.exchange_end(passage.exchange, self._outcome(passage))

    def _exchange(self, incoming: Incoming, body: RequestBody, thread: Thread, reading: Reading) -> Exchange:
        prompt = reading.new_prompt
        origin = reading.origin
        return Exchange(
            session=thread.session,
            turn=Turn(incoming.speaker.turn, origin),
            prompt=None if prompt is None else prompt.text,
            model=self._turns_model(reading) or body.text("model"),
            transport=incoming.transport,
            method=incoming.method,
            path=endpoint(incoming.path).decode("latin-1"),
            headers=view(incoming.headers),
            parse=body.parsed,
        )

    @staticmethod
    def _turns_model(reading: Reading) -> str | None:
        if reading.origin == "user":
            return reading.record.model if reading.record is not None else None
        return reading.ledger.model_of(reading.speaker.turn) if reading.origin == "tool" else None

    async def _answer(self, passage: Passage) -> None:
        decision = await passage.down.wait(self._decide(passage)) if self._active else None
        decision = decision or self._repeated(passage)
        if isinstance(decision, Refusal):
            passage.answered_by = "refused"
            await local.refuse(decision, passage, self._ids)
        elif decision is not None:
            passage.answered_by = "local"
            await local.reply(decision, passage, self._ids)
        else:
            await self._ask(passage)

    # -- before anything is sent

    async def _decide(self, passage: Passage) -> LocalReply | Refusal | None:
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

    def _repeated(self, passage: Passage) -> LocalReply | Refusal | None:
        record: Record | None = passage.reading.record
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

    # -- the model's answer

    async def _ask(self, passage: Passage) -> None:
        down = passage.down
        rounds = Rounds(passage.exchange, passage.reading, self._dispatch, down)
        try:
            while True:
                answer = await self._open(passage, rounds.added)
                if answer is None:
                    return
                try:
                    if not await self._head(passage, answer, rounds):
                        return
                    again = await rounds.read(answer)
                finally:
                    answer.close()
                    passage.usage, passage.rounds = rounds.usage, max(passage.rounds, rounds.rounds)
                    passage.complete = rounds.ended == "response.completed"
                if not again:
                    break
                if rounds.rounds >= MAX_ROUNDS:
                    await rounds.fail(
                        "invalid_prompt", f"codex-plus stopped after {MAX_ROUNDS} rounds without an answer"
                    )
                    break
        except UpstreamCut:
            if rounds.ended != "response.completed":
                raise
        except FailedClosed as failure:
            words = f"the plugin {failure.plugin!r} failed and must not be skipped; see the log of codex-plus"
            await rounds.fail("invalid_prompt", words)
        if rounds.ended in ("", "response.failed", "error"):
            passage.error = "failed"

    async def _open(self, passage: Passage, added: list[bytes]) -> Answer | None:
        request = self._compose(passage, added)
        try:
            opening = self._upstream.open(request)
            return await (passage.down.wait(opening) if passage.down.started else opening)
        except UpstreamError as error:
            passage.error = "timeout" if error.kind == "timeout" else "connect"
            failure = upstream_failure(error.kind, str(error))
            self._log.warning("upstream_unreachable", kind=error.kind, message=str(error))
            if passage.down.started:
                # The head is out, so the status cannot say it; a cut makes the client ask again, and then it will.
                raise UpstreamCut(str(error)) from error
            await local.plain(passage.down, failure.status, b"application/json", failure.body())
            return None

    def _compose(self, passage: Passage, added: list[bytes]) -> UpstreamRequest:
        incoming, exchange, reading = passage.incoming, passage.exchange, passage.reading
        if not added:
            passage.sent = reading.ledger.project(reading.view, reading.count)
        items = passage.sent
        if added:
            # On top of what the first round was sent: the ledger by now holds this exchange's own hidden items too.
            items = [*(items if items is not None else reading.raw_items()), *added]
        requested = passage.body.text("model")
        model = exchange.model if exchange.model != requested else None
        tools = list(exchange.added_tools.values())
        changed = items is not None or model is not None or bool(tools)
        data = passage.body.changed(items=items, model=model, tools=tools) if changed else incoming.wire
        replace: dict[bytes, bytes | None] = {}
        if model is not None:
            replace[b"x-codex-routing-hint"] = b"model=" + model.encode()
        headers = upstream_headers(incoming.headers, body_changed=changed, replace=replace)
        if changed and _was_zstd(incoming.headers):
            data = zstandard.ZstdCompressor(level=1).compress(data)
            headers.append((b"content-encoding", b"zstd"))
        url = self._targets.url(incoming.path, incoming.query, chatgpt=incoming.chatgpt)
        return UpstreamRequest(incoming.method, url, headers, data)

    async def _head(self, passage: Passage, answer: Answer, rounds: Rounds) -> bool:
        """Send the head; False where the answer is no event stream and has been sent as it is, or cannot be."""
        down = passage.down
        streams = answer.status == 200 and _is_event_stream(answer.headers)
        if down.started:
            if streams:
                return True
            # 401, 429 and 5xx have a meaning that only a status carries: cut, the client asks again and gets it.
            if answer.status in (401, 403, 408, 429) or answer.status >= 500:
                raise UpstreamCut(f"upstream answered {answer.status} after the head was sent")
            await rounds.fail("invalid_prompt", await _words(answer) or f"upstream answered {answer.status}")
            passage.error = "failed"
            return False
        replace: dict[bytes, bytes | None] = {}
        requested = passage.body.text("model")
        if passage.exchange.model != requested:
            # Codex tells its user of an account problem when the answering model is not the one it asked for.
            replace[b"openai-model"] = requested.encode()
        await down.start(answer.status, client_headers(answer.headers, body_changed=streams, replace=replace))
        if streams:
            return True
        passage.rounds = 1
        while data := await answer.read():
            await down.raw(data)
        if answer.status >= 400:
            passage.error = "failed"
        return False

    # -- afterwards

    def _outcome(self, passage: Passage) -> Outcome:
        now, down, began = self._clock(), passage.down, passage.incoming.received_at
        return Outcome(
            status=down.status,
            answered_by=passage.answered_by,
            error=passage.error,
            usage=passage.usage,
            rounds=passage.rounds,
            first_byte_s=None if down.first_byte_at is None else down.first_byte_at - began,
            total_s=now - began,
            bytes_in=len(passage.incoming.wire),
            bytes_out=down.bytes_out,
        )

    def ended_sessions(self, *, all: bool = False) -> list[Session]:
        """Sessions to report as ended."""
        return self._sessions.ended(all=all)


def _is_event_stream(headers: Headers) -> bool:
    encoded = False
    streams = False
    for name, value in headers:
        key = name.lower()
        if key == b"content-type":
            streams = value.lower().startswith(b"text/event-stream")
        elif key == b"content-encoding" and value.lower() not in (b"", b"identity"):
            encoded = True
    return streams and not encoded


async def _words(answer: Answer) -> str:
    data = b""
    while len(data) < _ERROR_BYTES and (more := await answer.read()):
        data += more
    return error_message(data)


def _was_zstd(headers: Headers) -> bool:
    return any(name.lower() == b"content-encoding" and value.strip().lower() == b"zstd" for name, value in headers)
