"""Answers that never came from a model: local replies, refusals and plain bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..dispatch import FailedClosed
from ..exchange import LocalReply, Refusal
from ..protocol import replies
from ..protocol.body import encode_item
from ..protocol.errors import error_body, failed_response
from ..protocol.splice import Splicer
from .downstream import STREAM_HEADERS, Downstream
from .transport import Headers

if TYPE_CHECKING:
    from .passage import Passage

_JSON = b"application/json"


async def plain(down: Downstream, status: int, kind: bytes, body: bytes) -> None:
    """Answer with a status and a body."""
    headers: Headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await down.start(status, headers)
    await down.raw(body)


async def reply(answer: LocalReply, passage: Passage, ids: replies.IdSource) -> None:
    """Answer a model request in the model's place, and keep both sides of the exchange from the model.

    What the ledger needs is written before the event that makes the client keep the message.
    """
    down, exchange, reading = passage.down, passage.exchange, passage.reading
    model = passage.body.text("model")
    told = Splicer() if exchange.news is None else exchange.news.splicer
    build = replies.Reply(ids, model, begun=down.begun, sent=told.sent, place=told.places)
    emission = reading.emission
    streams = passage.body.value("stream") is True
    if streams:
        await down.start(200, STREAM_HEADERS)
        await down.write(build.begin())
    if isinstance(answer.text, str):
        events = build.text(answer.text)
        if streams:
            await down.write(events)
    else:
        texts = aiter(answer.text)
        try:
            while (text := await down.wait(_next(texts))) is not None:
                events = build.text(text)
                if streams:
                    await down.write(events)
        except FailedClosed as failure:
            await _break_off(build, failure, down, streams=streams)
            passage.error = "failed"
            return
        finally:
            # A client that left between two texts must not leave the plugin's generator half done.
            if (close := getattr(texts, "aclose", None)) is not None:
                await close()
    if reading.origin != "title":  # that thread ends here
        reading.ledger.record(emission.add(build.item), "reply", turn=exchange.turn.id, replace=())
    prompt = reading.key
    if prompt is not None and not isinstance(answer.text, str):
        text = build.item["content"][0]["text"]
        reading.ledger.record(prompt, "local", replace=(), reply=text)
    if not streams:
        await plain(down, 200, _JSON, encode_item(build.json()))
        return
    await down.write(build.end())


async def _break_off(build: replies.Reply, failure: FailedClosed, down: Downstream, *, streams: bool) -> None:
    words = f"the plugin {failure.plugin!r} failed before its answer was complete; see the log of codex-plus"
    if streams:
        await down.write(build.fail("invalid_prompt", words))
    else:
        await plain(down, 500, _JSON, error_body("plugin_failed", words, type="server_error"))


async def _next(texts: object) -> str | None:
    try:
        return await anext(texts)  # type: ignore[call-overload,no-any-return]
    except StopAsyncIteration:
        return None


async def refuse(refusal: Refusal, passage: Passage, ids: replies.IdSource) -> None:
    """Say no in the words that the client shows: a failed response for Codex, a status for everybody else."""
    down, model = passage.down, passage.body.text("model")
    speaker = passage.incoming.speaker
    if (speaker.codex or down.started) and passage.body.value("stream") is True:
        if not replies.gives_up(speaker.version):
            await reply(LocalReply(refusal.message), passage, ids)
            return
        await down.start(200, STREAM_HEADERS)
        if down.begun:
            await down.write([replies.failure(down.begun, "invalid_prompt", refusal.message, model)])
        else:
            await down.write(replies.refusal(ids, refusal.message, model))
        return
    await refuse_plainly(down, refusal)


async def refuse_plainly(down: Downstream, refusal: Refusal) -> None:
    """Say no with a status and the API's JSON error."""
    if down.started:
        await down.raw(msgspec.json.encode(failed_response("", refusal.code, refusal.message)))
        return
    body = error_body(refusal.code, refusal.message, type="codex_plus_refused")
    await plain(down, refusal.status, _JSON, body)
