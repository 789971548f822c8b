"""How tests run here: property tests the same every time, relay tests over every transport that they name.

A change is judged by what it does, not by the luck of a draw or by the clock of a busy machine. To go and look for new
examples there is `HYPOTHESIS_PROFILE=thorough` (and `CODEXPLUS_TWO_VIEWS=300` for conversations).
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from codexplus_core.testing import Harness
from codexplus_core.testing.codex_versions import VERSIONS

BOUND_S = 120.0
"""Seconds that a test may take at the very most; real terminals of Codex need some of it."""


@pytest.fixture(autouse=True)
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What Codex and the harness speak in this test, unless it says so itself: HTTP, or what its mark names."""
    chosen: str = getattr(request, "param", "http")
    if chosen != "http":
        defaults: Any = Harness.__init__.__kwdefaults__
        monkeypatch.setitem(defaults, "transport", chosen)
    return chosen


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each transport of its nearest ``transports`` mark: the function's, else the module's."""
    mark = metafunc.definition.get_closest_marker("transports")
    if mark is not None and mark.args != ("http",):
        metafunc.parametrize("transport", mark.args, indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what does not exist (Codex before 0.120 speaks no WebSocket), and let no test wait for ever."""
    items[:] = [item for item in items if not _impossible(getattr(item, "callspec", None))]
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _bounded(item.obj)


def _bounded(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    # A fixture that yields within a timeout bounds itself alone: pytest-asyncio runs it in a task of its own.
    @functools.wraps(test)
    async def bounded(*given: Any, **named: Any) -> None:
        async with asyncio.timeout(BOUND_S):
            await test(*given, **named)

    return bounded


def _impossible(callspec: Any) -> bool:
    if callspec is None or callspec.params.get("transport") != "websocket":
        return False
    given: Iterable[Any] = callspec.params.values()
    named = [VERSIONS[value] for value in given if isinstance(value, str) and value in VERSIONS]
    return any(not version.websocket for version in named)
