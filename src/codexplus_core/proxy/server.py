"""The process around the application: listening, signals, and a drain that lets streams end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Protocol

from hypercorn.config import Config

from ..services.settings import ServeSettings
from .leaving import Leaving
from .limits import hypercorn_limits, raise_open_files
from .memory import keep_memory
from .passthrough import Receive, Send
from .worker import Worker

DRAIN_S = 30.0
"""Seconds that running exchanges get to end once the proxy is told to stop."""
_COLLECT_AFTER = 10_000
"""Objects made and still there after which the collector looks at the young ones; Python's 700 is a dozen requests."""
_NOTHING_S = 0.3
"""What ends within this, as idle WebSockets do, is not worth a word about waiting for it."""

LEAVE_S = 10.0
"""Seconds that shutting down gets once no exchange is to run any more; the process is left then, whatever runs."""


class App(Protocol):
    """What is served: an ASGI application with a beginning and an end."""

    async def __call__(self, scope: Any, receive: Receive, send: Send, /) -> None:
        """One exchange or WebSocket."""
        ...

    async def start(self) -> None:
        """Get ready; called before the first connection is accepted. An exception ends the server."""
        ...

    async def drain(self, seconds: float, /) -> object:
        """Report not ready from now on; exchanges that still run in ``seconds`` are ended then."""
        ...

    async def stop(self) -> None:
        """Release everything; no exchange runs any more."""
        ...


async def serve_app(
    app: App,
    settings: ServeSettings,
    *,
    ready: Callable[[str], None] | None = None,
    stop: asyncio.Event,
    abort: asyncio.Event | None = None,
    drain_s: float = DRAIN_S,
    waiting: Callable[[int], None] | None = None,
) -> None:
    """Serve until ``stop`` is set, then drain: no new connection, running exchanges end or are ended after ``drain_s``.

    ``ready`` gets the base URL once connections are accepted. ``abort`` cuts a drain short. ``waiting`` is told how
    many exchanges a drain waits for, unless there are none. Raises OSError (with its errno and a message for people)
    when the address cannot be listened on.
    """
    abort = abort or asyncio.Event()
    listener = _bind(settings)
    try:
        await app.start()
    except BaseException:
        listener.close()
        raise
    try:
        host, port = listener.getsockname()[:2]
        worker = Worker(app, _config())
        await worker.listen(listener)
        try:
            if ready is not None:
                ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/v1")
            await stop.wait()
            await worker.stop_accepting()
            await _drained(app, worker, abort, drain_s, waiting)
        finally:
            await worker.close()
    finally:
        await app.stop()


def serve(settings: ServeSettings, *, drain_s: float = DRAIN_S, leave_s: float = LEAVE_S) -> int:
    """Run the proxy in this process until a signal ends it; the exit code. Raises OSError as ``serve_app`` does.

    Once a signal came the process is left with code 0 after ``drain_s`` and ``leave_s``, after a second one in
    ``leave_s``, even where a task or thread of a plugin goes on.
    """
    raise_open_files()
    keep_memory()
    leaving = Leaving()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.get_loop().set_exception_handler(_log_loop_error)
            return runner.run(_until_signal(settings, drain_s, leave_s, leaving))
    except BaseException:
        leaving.never()
        raise


async def _until_signal(settings: ServeSettings, drain_s: float, leave_s: float, leaving: Leaving) -> int:
    from .build import build

    stop, abort = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    events = [abort, stop]

    typed = False

    def told(number: int, _: object) -> None:
        nonlocal typed
        typed = typed or number == signal.SIGINT
        # Not the loop's own kind of handler: this one runs even while a plugin holds the loop, or within itself.
        event = events.pop() if events else abort
        leaving.within(leave_s if event is abort else drain_s + leave_s)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            loop.call_soon_threadsafe(event.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)

    def waiting(running: int) -> None:
        if typed:
            _say_who_is_waited_for(running, drain_s)

    await serve_app(
        build(settings), settings, ready=_announce, stop=stop, abort=abort, drain_s=drain_s, waiting=waiting
    )
    return 0


def _announce(url: str) -> None:
    # What is loaded by now stays: the collector need not look through it again and again. Nor at what dozens of
    # requests hold, after every few of them: an exchange leaves no cycles behind, however it ends.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    with contextlib.suppress(OSError, ValueError, AttributeError):  # started without a standard output
        sys.stdout.write(f"codex-plus listening on {url}\n")
        sys.stdout.flush()


def _say_who_is_waited_for(running: int, drain_s: float) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # started without a standard error
        # In a terminal somebody wonders; elsewhere there is the log, whose lines are JSON.
        if sys.stderr.isatty():
            answers = "1 answer under way gets" if running == 1 else f"{running} answers under way get"
            sys.stderr.write(f"codex-plus stops: {answers} {drain_s:g} s; Ctrl-C again ends at once\n")
            sys.stderr.flush()


async def _drained(
    app: App, worker: Worker, abort: asyncio.Event, drain_s: float, waiting: Callable[[int], None] | None
) -> None:
    now = asyncio.get_running_loop().time()
    deadline = now + drain_s
    draining = asyncio.create_task(app.drain(drain_s), name="codexplus-drain")
    await asyncio.sleep(0)  # it is told even where nothing runs
    try:
        await worker.exchanges_ended(min(deadline, now + _NOTHING_S), abort)
        if waiting is not None and worker.running and not abort.is_set():
            waiting(len(worker.running))
        await worker.exchanges_ended(deadline, abort)
    finally:
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)


def _bind(settings: ServeSettings) -> socket.socket:
    if settings.listen_fd is not None:
        return socket.socket(fileno=settings.listen_fd)
    host = settings.host.strip("[]")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, settings.port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"{host}:{settings.port}: {_why_not(error)}") from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _why_not(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "in use by another program; end that program or choose another --port"
    if error.errno == errno.EACCES:
        return "only an administrator may use this port; choose one above 1023"
    return f"cannot be listened on ({os.strerror(error.errno or 0).lower()}); choose another --host or --port"


def _config() -> Config:
    config = Config.from_mapping(hypercorn_limits())
    # A megabyte of history comes in some twenty pieces: the reader need not stop for the application in between.
    config.max_app_queue_size = 32
    log = logging.getLogger("codexplus.server")
    log.setLevel(logging.ERROR)
    config.errorlog = log
    return config


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    logging.getLogger("codexplus.server").error(
        "loop_error message=%r", context.get("message", ""), exc_info=context.get("exception")
    )
