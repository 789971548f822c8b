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

from codexplus_core.protocol.pieces import Growing
from codexplus_core.proxy import upstream_libcurl, upstream_multi
from codexplus_core.proxy.transport import UpstreamCut, UpstreamError, UpstreamRequest
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.proxy.upstream_libcurl import Easy

_REAL = upstream_libcurl.C


class Double:
    """Libcurl, but for some of its functions."""

    def __init__(self, **functions: Any) -> None:
        self.lib = self.ffi = self
        self._functions = functions

    def __getattr__(self, name: str) -> Any:
        own = self._functions.get(name)
        return own or getattr(_REAL.lib, name, None) or getattr(_REAL.ffi, name)


def no_callback(*_: object, **__: object) -> object:
    raise MemoryError  # as on a system that allows no functions that are made while it runs


def put(monkeypatch: pytest.MonkeyPatch, library: Any) -> None:
    """Let this be libcurl from now on."""
    for module in (upstream_libcurl, upstream_multi):
        monkeypatch.setattr(module, "C", library)


@pytest.fixture(params=["libcurl", "no callbacks", "curl_cffi"])
async def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CurlUpstream]:
    put(monkeypatch, {"libcurl": _REAL, "no callbacks": Double(callback=no_callback), "curl_cffi": None}[request.param])
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


async def test_a_text_that_goes_on_is_sent_as_it_was_and_let_go_with_its_answer_on_each_way(
    either: CurlUpstream,
) -> None:
    async def script(connection: Connection) -> None:
        if connection.head.startswith(b"POST /none"):
            connection.writer.close()
        else:
            await connection.send(ok(b"whole"))

    growing, wanted = Growing([b"x" * 1_000_000]), list[bytes]()
    async with serving(script) as server:
        for path in ("/", "/none", "/"):
            pieces = growing.first(len(growing))
            wanted.append(b"[" + b",".join(pieces) + b"]")
            opening = asyncio.ensure_future(either.open(post(server.url + path, pieces.between(b"[", b"]"))))
            await asyncio.sleep(0)
            # Another request of the same thread, while libcurl still reads what the first one says.
            growing.add(path.encode() * 1000)
            wanted.append(b"{" + b",".join(growing.first(9)) + b"}")
            other = await either.open(post(server.url + "/", growing.first(9).between(b"{", b"}")))
            assert await rest(other) == b"whole"
            if path == "/none":
                with pytest.raises(UpstreamError):
                    await opening
            else:
                assert await rest(await opening) == b"whole"
            del opening, other
            gc.collect()
            # Nobody holds it any more, so that it is written behind, and not copied.
            text = growing._text
            growing.first(9).between(b"{", b"}")
            assert growing._text is text

    assert sorted(set(server.bodies)) == sorted(set(wanted))


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

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(b"x") + (b"" if b"/cut" in connection.head else END))
        if b"/cut" in connection.head:
            connection.writer.close()

    async with serving(script) as server:
        monkeypatch.setattr(Easy, "take", lambda self, line, body: taken(self, line, broken))
        for _ in range(2):
            answer = await either.open(post(server.url))
            with pytest.raises(UpstreamCut, match="no room"):
                await rest(answer)
        monkeypatch.setattr(Easy, "take", taken)
        answer = await either.open(post(server.url + "/cut"))
        with pytest.raises(UpstreamCut) as cut:
            await rest(answer)
        assert "no room" not in str(cut.value)
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


@pytest.mark.parametrize("begins", [b"\r\n", b"HTTP/1.1 100 C\r\n\r\n\r\n"])
async def test_an_answer_that_begins_with_an_empty_line_is_none(either: CurlUpstream, begins: bytes) -> None:
    async with serving(always(begins + ok(b"z"), close=True)) as server:
        with pytest.raises(UpstreamError, match=r"HTTP/0\.9|status line|HTTP version"):
            await either.open(post(server.url))


async def test_lines_may_end_with_a_line_feed_alone(either: CurlUpstream) -> None:
    async with serving(always(b"HTTP/1.1 200 OK\nA: b\nContent-Length: 1\n\nz")) as server:
        answer = await either.open(post(server.url))

        assert (answer.status, answer.headers) == (200, [(b"A", b"b"), (b"Content-Length", b"1")])
        assert await rest(answer) == b"z"


async def test_a_handle_keeps_body_and_headers_as_long_as_its_transfer_runs(
    upstream: CurlUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed: list[Any] = []

    def free(lines: Any) -> None:
        freed.append(lines)
        _REAL.lib.curl_slist_free_all(lines)

    put(monkeypatch, Double(curl_slist_free_all=free))
    asked = asyncio.Event()

    async def script(connection: Connection) -> None:
        asked.set()
        await connection.gone()

    async with serving(script) as server:
        body = b"x" * 1000
        opening = asyncio.create_task(upstream.open(post(server.url, body, [(b"a", b"b")])))
        await asked.wait()
        (transfer,) = upstream._running
        assert transfer._handle is not None
        curl = transfer._handle.curl
        headers = curl._headers
        assert (curl._body_handle, freed) == (body, [])
        opening.cancel()
        await asyncio.wait([opening])

    assert curl._body_handle is None
    assert freed == [headers]
    assert curl._headers == _REAL.ffi.NULL


async def test_who_has_ended_or_was_broken_off_is_counted_no_more(either: CurlUpstream) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(b"x") + (b"" if b"/on" in connection.head else END))

    async with serving(script) as server:
        for path in ("/on", "/"):
            answer = await either.open(post(server.url + path))
            assert await answer.read() == b"x"
            if path == "/":
                assert await answer.read() == b""
            answer.close()
        multi = either._multi
        assert multi is not None

        assert (multi._active, multi._running) == (0, {})


async def test_a_transfer_that_cannot_begin_is_an_error_and_the_next_one_begins(
    upstream: CurlUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = [True]

    def add(multi: Any, easy: Any) -> int:
        return 4 if refuses.pop() else _REAL.lib.curl_multi_add_handle(multi, easy)

    put(monkeypatch, Double(curl_multi_add_handle=add))
    async with serving(always(ok(b"x"))) as server:
        with pytest.raises(CurlError, match=r"multi: \(4\)"):
            await upstream.open(post(server.url))
        refuses.append(False)
        assert await rest(await upstream.open(post(server.url))) == b"x"


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_handle_that_curl_does_not_let_go_of_serves_no_other_request(
    upstream: CurlUpstream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, leaves: bool
) -> None:
    refuses = [True]

    def remove(multi: Any, easy: Any) -> int:
        return 3 if refuses and refuses.pop() else _REAL.lib.curl_multi_remove_handle(multi, easy)

    monkeypatch.setattr("curl_cffi.aio.lib", Double(curl_multi_remove_handle=remove))
    put(monkeypatch, Double(curl_multi_remove_handle=remove))
    async with serving(always(CHUNKED_HEAD + chunk(b"x") + (b"" if leaves else END))) as server:
        answer = await upstream.open(post(server.url))
        assert await answer.read() == b"x"
        if leaves:
            answer.close()
        else:
            assert await answer.read() == b""
        assert [route.free for route in upstream._routes.values()] == [[]]
        assert "upstream_stuck" in caplog.text
        for _ in range(2):
            assert await (await upstream.open(post(server.url))).read() == b"x"


async def test_what_has_come_is_passed_on_also_where_the_step_itself_fails() -> None:
    multi = upstream_multi.Multi("")
    passed: list[int] = []

    class Piece:
        def pass_on(self) -> None:
            passed.append(1)

        def fail(self, error: Exception) -> None:
            raise AssertionError

    multi.loaded.append(Piece())
    multi._act = lambda *_: 99
    try:
        with pytest.raises(CurlError, match=r"multi: \(99\)"):
            multi.process_data(-1, 0)
    finally:
        await multi.close()

    assert (passed, multi.stepping) == ([1], False)


async def test_the_end_of_all_transfers_can_come_before_theirs(either: CurlUpstream) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(b"x"))
        await connection.gone()

    async with serving(script) as server:
        answer = await either.open(post(server.url))
        multi = either._multi
        assert multi is not None
        await multi.close()

        assert (multi._active, multi._running) == (0, {})
        if multi._left is not None:
            multi.process_data(-1, 0)  # one that was asked for before
        answer.close()
        either._multi = None
