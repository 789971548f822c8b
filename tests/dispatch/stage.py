"""A dispatcher over objects, a log that remembers, and clocks that only tests move."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from codexplus_core import Event, Exchange, Session, Turn
from codexplus_core.dispatch import Dispatcher
from codexplus_core.loader import load_plugins

T = TypeVar("T")


class Journal:
    def __init__(self) -> None:
        self.entries: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.entries.append((event, fields))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.entries if name == event]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class _Jumping(selectors.SelectSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everybody waits and nothing will ever happen")
        if not ready and timeout:
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer as soon as everybody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def dispatcher(log: Journal | None = None, /, *, settings: Any = None, **plugins: Any) -> Dispatcher:
    found = load_plugins("none", extra=plugins)
    assert [plugin.error for plugin in found.plugins] == [None] * len(plugins)
    return Dispatcher(found, log=log or Journal(), **{"stolen": lambda: 0.0, **(settings or {})})


def exchange(prompt: str | None = "hello", **more: Any) -> Exchange:
    return Exchange(session=Session("s", "t"), turn=Turn("1", "user"), prompt=prompt, model="m", **more)


def delta(text: str, type: str = "response.output_text.delta") -> Event:
    return Event(type, {"delta": text})


def health_of(dispatcher: Dispatcher, name: str) -> dict[str, Any]:
    return next(entry for entry in dispatcher.health() if entry["name"] == name)
