"""Curl's sockets and its timer on the loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from curl_cffi import CurlOpt
from proxy.upstream_requests import post, rest
from raw_http import always, ok, serving

from codexplus_core.proxy import upstream_libcurl
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.proxy.upstream_easy import Handle
from codexplus_core.proxy.upstream_multi import Multi
from codexplus_core.proxy.upstream_watch import Watch

IN, OUT, BOTH, REMOVE = 1, 2, 3, 4


class Loop:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.calls: dict[int, Any] = {}

    def add_reader(self, fd: int, call: Any, *args: object) -> None:
        self.asked.append(("+in", fd))
        self.calls[fd] = lambda: call(*args)

    def add_writer(self, fd: int, call: Any, *args: object) -> None:
        self.asked.append(("+out", fd))

    def remove_reader(self, fd: int) -> None:
        self.asked.append(("-in", fd))

    def remove_writer(self, fd: int) -> None:
        self.asked.append(("-out", fd))

    def take(self) -> list[tuple[object, ...]]:
        asked, self.asked = self.asked, []
        return asked


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def watching(loop: Any, steps: list[tuple[int, int]] | None = None) -> Watch:
    taken = [] if steps is None else steps
    return Watch(loop, lambda fd, ready: taken.append((fd, ready)))


def say(watch: Watch, fd: int, what: int) -> None:
    assert watch.on_socket(None, fd, what, None, None) == 0


def test_only_what_changes_is_asked_of_the_loop(pair: tuple[socket.socket, socket.socket]) -> None:
    loop, fd = Loop(), pair[0].fileno()
    watch = watching(loop)

    say(watch, fd, BOTH)
    assert loop.take() == [("+in", fd), ("+out", fd)]
    say(watch, fd, BOTH)
    assert loop.take() == []
    say(watch, fd, IN)
    assert loop.take() == [("-out", fd)]
    say(watch, fd, REMOVE)
    assert loop.take() == [("-in", fd)]
    say(watch, fd, IN)  # another socket has got the number
    assert loop.take() == [("+in", fd)]


def test_what_curl_wakes_itself_with_stays_on_the_loop_from_transfer_to_transfer() -> None:
    loop, steps = Loop(), list[tuple[int, int]]()
    watch = watching(loop, steps)
    read, write = os.pipe()
    try:
        for _ in range(3):
            say(watch, read, IN)
            loop.calls[read]()
            say(watch, read, REMOVE)
    finally:
        os.close(read)
        os.close(write)

    assert loop.take() == [("+in", read)]
    assert steps == [(read, IN)] * 3


def test_what_curl_wakes_itself_with_is_taken_off_where_no_transfer_is_left_to_read_it() -> None:
    loop, steps = Loop(), list[tuple[int, int]]()
    watch = watching(loop, steps)
    read, write = os.pipe()
    try:
        say(watch, read, IN)
        say(watch, read, REMOVE)
        loop.calls[read]()
        assert (loop.take(), steps) == ([("+in", read), ("-in", read)], [])
        say(watch, read, IN)
        assert loop.take() == [("+in", read)]
    finally:
        os.close(read)
        os.close(write)


async def test_a_timer_that_curl_takes_back_takes_no_step() -> None:
    taken: list[tuple[int, int]] = []
    loop = asyncio.get_running_loop()
    watch = watching(loop, taken)

    watch.on_timer(None, 0, None)
    watch.on_timer(None, -1, None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert taken == []
    watch.on_timer(None, 10_000, None)
    watch.on_timer(None, 0, None)
    while not taken:
        await asyncio.sleep(0)
    assert taken == [(-1, 0)]
    watch.close()


def test_nothing_is_watched_after_the_end(pair: tuple[socket.socket, socket.socket]) -> None:
    loop, fd = Loop(), pair[0].fileno()
    watch = watching(loop)
    say(watch, fd, IN)
    watch.close()
    assert ("-in", fd) in loop.take()

    say(watch, fd, REMOVE)
    say(watch, fd, IN)
    watch.on_timer(None, 0, None)

    assert loop.take() == []


async def test_a_transfer_that_ends_in_a_step_nobody_asked_for_is_noticed() -> None:
    multi = Multi("")
    handle = Handle(https=False, impersonate=None, no_proxy=True, proxy=None, ca="", connect_timeout=1)
    handle.curl.setopt(CurlOpt.URL, "http://127.0.0.1:99999/")
    ended: list[BaseException | None] = []

    class Transfer:
        def ended(self, error: BaseException | None) -> None:
            ended.append(error)

    multi.begin(handle.curl, Transfer())

    multi.socket_action(-1, 0)  # as curl_cffi does ten times a second
    async with asyncio.timeout(30):
        while not ended:
            await asyncio.sleep(0)

    assert ended[0] is not None
    await multi.close()
    handle.curl.close()


async def test_curls_end_is_the_watchs_too(upstream: CurlUpstream) -> None:
    async with serving(always(ok(b"x"))) as server:
        assert await rest(await upstream.open(post(server.url))) == b"x"
        assert upstream._multi is not None
        watch = upstream._multi._watch
        assert watch is not None and watch._wakers and not watch._closed
        await upstream.aclose()

    assert watch._closed


async def test_a_socket_that_the_loop_cannot_watch_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    multi = Multi("")
    watch = multi._watch
    assert watch is not None
    on_socket: Any = multi.kept[0]
    one, other = socket.socketpair()
    with one, other, pytest.MonkeyPatch.context() as patched:
        patched.setattr(watch, "_loop", None)
        null = upstream_libcurl.C.ffi.NULL
        assert on_socket(null, one.fileno(), IN, null, null) == 0
    await multi.close()

    assert "upstream_unwatched error=AttributeError" in caplog.text
    assert not watch._asked


@pytest.mark.parametrize("busy", [False, True])
async def test_a_piece_that_cannot_be_passed_on_is_a_cut_for_its_client_and_takes_no_other_with_it(busy: bool) -> None:
    loop = asyncio.get_running_loop()
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: told.append(context))
    passed: list[str] = []
    failed: list[tuple[str, str]] = []

    class Piece:
        def __init__(self, name: str) -> None:
            self.name = name

        def pass_on(self) -> None:
            if self.name == "bad":
                raise ValueError(self.name)
            passed.append(self.name)

        def fail(self, error: Exception) -> None:
            failed.append((self.name, str(error)))

    multi = Multi("")
    multi.coalescing.busy = busy
    try:
        multi.loaded += [Piece(name) for name in ("a", "bad", "b")]
        loop.call_soon(multi.process_data, -1, 0)
        while len(passed) < 2:
            await asyncio.sleep(0)
    finally:
        await multi.close()
        loop.set_exception_handler(None)

    assert passed == ["a", "b"]
    assert failed == [("bad", "a fault in codex-plus")]
    assert [type(context["exception"]) for context in told] == [ValueError]
