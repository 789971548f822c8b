"""Libcurl without curl_cffi's general ways, and with them where it cannot be reached."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
from curl_cffi import CurlError
from proxy.upstream_requests import post, rest
from raw_http import CHUNKED_HEAD, END, Connection, always, chunk, ok, serving

from codexplus_core.proxy import upstream_libcurl, upstream_multi
from codexplus_core.proxy.transport import UpstreamCut, UpstreamError, UpstreamRequest
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.proxy.upstream_libcurl import Easy


class NoCallbacks:
    """Libcurl on a system that allows no functions that are made while it runs."""

    class Ffi:
        def __getattr__(self, name: str) -> Any:
            return getattr(_REAL.ffi, name)

        def callback(self, *_: object, **__: object) -> object:
            raise MemoryError

    ffi = Ffi()

    @property
    def lib(self) -> Any:
        return _REAL.lib


_REAL = upstream_libcurl.C


@pytest.fixture(params=["libcurl", "no callbacks", "curl_cffi"])
async def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CurlUpstream]:
    library = {"libcurl": _REAL, "no callbacks": NoCallbacks(), "curl_cffi": None}[request.param]
    for module in (upstream_libcurl, upstream_multi):
        monkeypatch.setattr(module, "C", library)
    upstream = CurlUpstream(environ={})
    async with asyncio.timeout(30):
        yield upstream
    await upstream.aclose()


async def test_a_request_goes_up_and_its_answer_comes_down_on_each_way(either: CurlUpstream) -> None:
    headers = [(b"X-One", b"1"), (b"x-empty", b""), (b"X-One", b"2")]
    large = bytes(range(256)) * 5000
    async with serving(always(ok(b"whole", b"X-Back: a", b"x-back: b"))) as server:
        for body in (b"{}", large, b""):
            answer = await either.open(UpstreamRequest("POST", server.url + "/a", headers, body))
            assert (answer.status, answer.headers[1:]) == (200, [(b"X-Back", b"a"), (b"x-back", b"b")])
            assert await rest(answer) == b"whole"
        answer = await either.open(UpstreamRequest("GET", server.url + "/b", [], None))
        assert await rest(answer) == b"whole"

    assert server.bodies == [b"{}", large, b"", b""]
    assert [b"X-One: 1\r\nx-empty:\r\nX-One: 2\r\n" in head for head in server.heads] == [True] * 3 + [False]
    assert len(server.connections) == 1


async def test_the_end_of_an_answer_is_told_on_each_way(either: CurlUpstream) -> None:
    async def script(connection: Connection) -> None:
        if connection.head.startswith(b"POST /cut"):
            await connection.send(CHUNKED_HEAD + chunk(b"half"))
            connection.writer.close()
        elif connection.head.startswith(b"POST /none"):
            connection.writer.close()
        elif connection.head.startswith(b"POST /101"):
            await connection.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")
        else:
            await connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED_HEAD + chunk(b"all") + END)

    async with serving(script) as server:
        for _ in range(2):
            assert await rest(await either.open(post(server.url + "/"))) == b"all"
            answer = await either.open(post(server.url + "/cut"))
            with pytest.raises(UpstreamCut, match="broke off"):
                await rest(answer)
            with pytest.raises(UpstreamError, match="without an answer"):
                await either.open(post(server.url + "/none"))
            with pytest.raises(UpstreamError, match="another protocol"):
                await either.open(post(server.url + "/101"))


async def test_what_breaks_in_a_callback_breaks_its_own_transfer_off(
    either: CurlUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = Easy.take

    def broken(_: bytes) -> int:
        raise ValueError("no room")

    async with serving(always(CHUNKED_HEAD + chunk(b"x") + END)) as server:
        monkeypatch.setattr(Easy, "take", lambda self, line, body: taken(self, line, broken))
        answer = await either.open(post(server.url))
        with pytest.raises(UpstreamCut, match="no room"):
            await rest(answer)
        monkeypatch.setattr(Easy, "take", taken)
        for _ in range(3):
            assert await rest(await either.open(post(server.url))) == b"x"


async def test_a_handle_that_waits_for_its_next_request_keeps_nothing_of_the_last(either: CurlUpstream) -> None:
    async with serving(always(ok(b"x"))) as server:
        gc.collect()
        gc.disable()
        try:
            answer: Any = await either.open(post(server.url))
            assert await rest(answer) == b"x"
            kept = weakref.ref(answer._on_end)  # the transfer's own
            del answer
            assert kept() is None
        finally:
            gc.enable()


def test_what_libcurl_refuses_is_an_error_with_its_words() -> None:
    handle = Easy("")
    try:
        with pytest.raises(CurlError, match="setopt 999999"):
            handle._put(999_999, _REAL.ffi.NULL)
    finally:
        handle.close()
