"""Asking the model: the request as it goes up, and the head of what comes down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import zstandard

from ..dispatch import Dispatcher, FailedClosed
from ..exchange import Refusal
from ..protocol.body import RequestBody
from ..protocol.errors import upstream_failure
from ..protocol.limits import limits_of_headers
from ..protocol.messages import items_text
from ..protocol.spent import usage_of_body
from . import local
from .downstream import Downstream
from .headers import client_headers, upstream_headers
from .kinds import is_event_stream, is_json, is_plain_json, is_zstd
from .link import Link, SocketAnswer
from .outgoing import Outgoing, compose
from .passage import Passage
from .quiet import Quiet, is_quiet
from .rounds import Rounds
from .sources import BodyEvents, EventSource, FirstTimed, OtherModel
from .tap import Tap
from .target import Targets
from .transport import Answer, Upstream, UpstreamCut, UpstreamError, UpstreamRequest
from .unreachable import Unreachable
from .whole import MOST_BYTES, beginning, judged, words_of

MAX_ROUNDS = 100
"""Upstream rounds that one exchange may take; a plugin that goes on for ever ends here."""
_FAILED = ("", "response.failed", "error")  # how a response ends, or does not, that is no success
# Where Codex before 0.120 has a conversation compacted: JSON that is one again, in which no call is a new one.
_COMPACT = "/responses/compact"


class Asking:
    """Takes a request that nobody answered here to the upstream, in as many rounds as it needs."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        upstream: Upstream,
        targets: Targets,
        log: Any,
        unreachable: Unreachable,
        clock: Callable[[], float],
    ) -> None:
        self._dispatch = dispatcher
        self._upstream = upstream
        self._targets = targets
        self._log = log
        self._unreachable = unreachable
        self._clock = clock

    async def ask(self, passage: Passage) -> None:
        """Send a request up, show the answer, and send up further rounds as long as the model has to be asked again."""
        down = passage.down
        if is_quiet(passage, self._dispatch):
            quiet = Quiet(passage)
            if (tap := down.tap(quiet.types(), quiet.note)) is not None:
                await self._let_by(passage, quiet, tap)
                return
        rounds = Rounds(passage.exchange, passage.reading, self._dispatch, down)
        passage.added = rounds.added
        try:
            while True:
                answer = await self._open(passage, rounds.added, reads=rounds.reads)
                if answer is None:
                    return
                try:
                    if isinstance(answer, SocketAnswer):
                        await passage.down.start(answer.status, answer.headers)
                        answer.watch(rounds.seen())
                        again = await rounds.read(self._told(passage, answer))
                        passage.down.status = answer.status
                    elif not await self._head(passage, answer, rounds):
                        return
                    else:
                        source: EventSource = BodyEvents(answer, rounds.types(), passage.down.passing)
                        if passage.interrupting is not None:
                            source = passage.interrupting.events(answer, source)
                        again = await rounds.read(self._told(passage, source))
                finally:
                    answer.close()
                    passage.usage = rounds.usage if rounds.rounds else passage.usage
                    passage.rounds = max(passage.rounds, rounds.rounds)
                    passage.limits.update(rounds.limits)
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
        if rounds.ended in _FAILED:
            passage.error = "failed"

    async def _open(self, passage: Passage, added: list[bytes], *, reads: bool) -> Answer | SocketAnswer | None:
        outgoing = compose(passage, added)
        try:
            opening: Coroutine[Any, Any, Answer | SocketAnswer]
            if passage.link is not None:
                opening = self._tell(passage.link, passage, outgoing)
            else:
                opening = self._upstream.open(self._request(passage, outgoing, reads=reads))
                if passage.interrupting is not None:
                    opening = passage.interrupting.opened(opening)
            since = self._clock()
            try:
                if not passage.down.started:
                    return await opening
                return await _waited_for(passage.down, asyncio.ensure_future(opening))
            finally:
                passage.upstream_s += max(0.0, passage.first_byte_by(self._clock()) - since)
        except UpstreamError as error:
            passage.error = "timeout" if error.kind == "timeout" else "connect"
            failure = upstream_failure(error.kind, str(error))
            self._unreachable(error)
            if passage.down.started:
                # The head is out, so the status cannot say it; a cut makes the client ask again, and then it will.
                raise UpstreamCut(str(error)) from error
            await local.plain(passage.down, failure.status, b"application/json", failure.body())
            return None

    @staticmethod
    async def _tell(link: Link, passage: Passage, outgoing: Outgoing) -> SocketAnswer:
        asked = passage.asked
        if not outgoing.changed and asked is not None:
            return await link.ask(passage.body.data, asked.items, asked)
        items, body = outgoing.items, passage.body
        if outgoing.tools and "tools" not in body.top:
            # They may stand in an item, so what is said differs from what the client said.
            body = RequestBody(bytes(body.changed(items=items, model=outgoing.model, tools=outgoing.tools)))
            return await link.ask(body.data, items_text(body.input))
        data = bytes(body.changed(items=[], model=outgoing.model, tools=outgoing.tools))
        if items is not None:
            return await link.ask(data, items.text())
        return await link.ask(data, asked.items if asked is not None else items_text(body.input))

    def _request(self, passage: Passage, outgoing: Outgoing, *, reads: bool) -> UpstreamRequest:
        incoming, changed, model = passage.incoming, outgoing.changed, outgoing.model
        data: bytes | memoryview = incoming.wire
        if changed:
            data = passage.body.changed(items=outgoing.items, model=model, tools=outgoing.tools)
        replace: dict[bytes, bytes | None] = {}
        if model is not None:
            replace[b"x-codex-routing-hint"] = b"model=" + model.encode()
        if reads:
            replace[b"accept-encoding"] = None
        headers = upstream_headers(incoming.headers, body_changed=changed, replace=replace)
        if changed and is_zstd(incoming.headers):
            data = zstandard.ZstdCompressor(level=1).compress(data)
            headers.append((b"content-encoding", b"zstd"))
        url = self._targets.url(incoming.path, incoming.query, chatgpt=incoming.chatgpt)
        return UpstreamRequest(incoming.method, url, headers, data)

    async def _head(self, passage: Passage, answer: Answer, rounds: Rounds | None) -> bool:
        """Send the head; False where the answer is no event stream and has been sent as it is, or cannot be.

        ``rounds`` is who shows the answer, None where it goes by and the client has got nothing before.
        """
        down = passage.down
        passage.limits.update(limits_of_headers(answer.headers))
        streams = answer.status == 200 and is_event_stream(answer.headers)
        begun, changed = b"", streams
        reads = rounds is not None and rounds.reads
        if answer.status == 200 and not streams and reads and passage.exchange.path != _COMPACT:
            looked_at = await self._looked_at(passage, answer)
            if looked_at is None:
                return False
            begun, changed = looked_at
        if rounds is not None and down.started:
            if streams:
                return True
            # 401, 429 and 5xx have a meaning that only a status carries: cut, the client asks again and gets it.
            if answer.status in (401, 403, 408, 429) or answer.status >= 500:
                raise UpstreamCut(f"upstream answered {answer.status} after the head was sent")
            await rounds.fail("invalid_prompt", await words_of(answer) or f"upstream answered {answer.status}")
            passage.error = "failed"
            return False
        replace: dict[bytes, bytes | None] = {}
        requested = passage.body.text("model")
        if passage.exchange.model != requested:
            # Codex tells its user of an account problem when the answering model is not the one it asked for.
            replace[b"openai-model"] = requested.encode()
        headers = client_headers(answer.headers, body_changed=changed, replace=replace)
        if changed and not streams:
            headers.append((b"content-length", str(len(begun)).encode()))
        await down.start(answer.status, headers)
        if streams:
            return True
        passage.rounds = 1
        whole, tells = bytearray(), answer.status == 200 and is_json(answer.headers)
        while data := begun or await answer.read():
            begun = b""
            await down.raw(data)
            if tells and len(whole) <= MOST_BYTES:
                whole += data
        passage.usage = usage_of_body(whole)
        if answer.status >= 400:
            passage.error = "failed"
        return False

    async def _let_by(self, passage: Passage, quiet: Quiet, tap: Tap) -> None:
        """Ask once, and let the answer go by. Raises as ``ask``."""
        passage.added = []
        answer = await self._open(passage, passage.added, reads=False)
        if answer is None:
            return
        assert not isinstance(answer, SocketAnswer)  # no answer that comes on a WebSocket is quiet
        try:
            if not await self._head(passage, answer, None):
                return
            passage.rounds = 1
            since = self._clock()
            try:
                await tap.pipe(answer)
            finally:
                passage.upstream_s += max(0.0, passage.first_byte_by(self._clock()) - since)
                passage.usage = quiet.usage
                passage.limits.update(quiet.limits)
                passage.complete = quiet.ended == "response.completed"
        except UpstreamCut:
            if not passage.complete:
                raise
        finally:
            answer.close()
        if quiet.ended in _FAILED:
            passage.error = "failed"

    def _told(self, passage: Passage, source: EventSource) -> EventSource:
        asked = passage.body.text("model")
        source = source if passage.exchange.model == asked else OtherModel(source, asked)
        return source if passage.down.first_byte_at is not None else FirstTimed(source, passage, self._clock)

    async def _looked_at(self, passage: Passage, answer: Answer) -> tuple[bytes, bool] | None:
        """What an answer that is no stream begins with, and whether that is ours: read, since plugins want to see it.

        None where it has been refused: a call in it may not be made, or somebody must see what nobody can show.
        """
        down, exchange, data = passage.down, passage.exchange, b""
        found: bytes | Refusal | None = None
        if passage.incoming.transport == "http" and not down.started and is_plain_json(answer.headers):
            data = await beginning(answer)
            found = await down.wait(judged(data, exchange, passage.reading, self._dispatch))
        unseen = ["on_turn_end"]
        unseen += ["on_chunk"] if self._dispatch.watched_types(exchange) != frozenset() else []
        unseen += ["on_tool_use"] if found is None else []
        plugin = self._dispatch.must_not_skip(*unseen)
        if found is None or plugin:
            self._log.warning("stream_not_readable", path=exchange.path, refused_for=plugin)
        if plugin and not isinstance(found, Refusal):
            words = f"the plugin {plugin!r} must see the model's answer, and this one is no plain event stream"
            found = Refusal(words, status=502, code="stream_not_readable")
        if isinstance(found, Refusal):
            passage.error = "failed"
            await local.refuse_plainly(down, found)
            return None
        return (data, False) if found is None or found is data else (found, True)


async def _waited_for(down: Downstream, opening: asyncio.Task[Answer | SocketAnswer]) -> Answer | SocketAnswer:
    try:
        return await down.wait(opening)
    except asyncio.CancelledError:
        # It may have come in the very moment in which the client left.
        if opening.done() and not opening.cancelled() and opening.exception() is None:
            opening.result().close()
        raise
