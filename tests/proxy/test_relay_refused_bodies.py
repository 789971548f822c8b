"""Requests that cannot be read are answered in words, and harm nobody."""

from __future__ import annotations

import json

import pytest
import zstandard
from proxy.looking import Looks

from codexplus_core.testing import (
    Harness,
)

BROKEN = {
    "no json": b"{",
    "no object": b"[1]",
    "an item that is no object": b'{"model":"m","input":[1],"stream":true}',
    "items cut in the middle": b'{"model":"m","input":[{"type":"message"},"stream":true}',
    "bytes that are no text": b'{"model":"\xff","input":[{"type":"message","role":"user","content":"\xff"}]}',
    "input of a wrong type": b'{"model":"m","input":7}',
    "nothing": b"",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
async def test_a_broken_body_is_an_answer_and_never_a_crash(body: bytes) -> None:
    async with Harness([Looks()], strict=False) as proxy:
        headers = [(b"content-type", b"application/json"), (b"session_id", b"s")]

        reply = await proxy.request("POST", "/v1/responses", headers, body)

        assert reply.ended
        assert 400 <= reply.status < 500
        assert json.loads(reply.body)["error"]["message"]
        assert not proxy.log.events("relay_failed")


async def test_a_request_that_is_broken_in_its_middle_leaves_the_thread_as_it_was() -> None:
    async with Harness([Looks()]) as proxy:
        await proxy.say("hello")
        request = proxy.codex.say("more")
        items = json.dumps(request.json["input"])[:-1]
        broken = json.dumps({**request.json, "input": None}).replace("null", items + ", 7]", 1)
        headers = [line for line in request.headers if line[0] not in (b"content-encoding", b"content-length")]
        refused = await proxy.request("POST", request.path, headers, broken.encode())

        reply = await proxy.send(request)

        assert refused.status == 400
        assert reply.text == "Hello from the script."
        assert proxy.upstream.turns[-1].raw == request.body


@pytest.mark.abuse("A18", "A19")
@pytest.mark.parametrize("plugins", [[], [Looks()]], ids=["no plugin", "a plugin that looks"])
async def test_bombs_and_unknown_encodings_are_refused_and_nothing_is_forwarded(plugins: list[object]) -> None:
    bomb = zstandard.ZstdCompressor().compress(b"\0" * (80 << 20))
    wide = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True, compression_level=1)
    ).compressobj()
    window = wide.compress(b"{}" * 1000) + wide.flush()
    async with Harness(plugins) as proxy:
        answers = []
        for body, encoding in ((bomb, b"zstd"), (window, b"zstd"), (b"x", b"br"), (b"not gzip", b"gzip")):
            headers = [(b"content-encoding", encoding), (b"content-type", b"application/json")]
            answers.append(await proxy.request("POST", "/v1/responses", headers, body))

        assert [answer.status for answer in answers] == [413, 400, 415, 400]
        assert not proxy.upstream.requests


HUGE = [(b"content-length", b"100000000"), (b"content-type", b"application/json")]


async def test_a_body_larger_than_the_limit_is_refused_by_its_length_alone() -> None:
    async with Harness() as proxy:
        reply = await proxy.request("POST", "/v1/responses", HUGE, b"x")

    assert reply.status == 413
    assert not proxy.upstream.requests
