"""The application as `serve` builds it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.proxy.app import App
from codexplus_core.proxy.build import build
from codexplus_core.proxy.guard import Guard
from codexplus_core.proxy.peer import peer_uid
from codexplus_core.services import paths
from codexplus_core.services.problem import Problem
from codexplus_core.services.settings import ServeSettings


def settings(home: Path, **more: Any) -> ServeSettings:
    given: dict[str, Any] = {"upstream": None, "plugins": (), **more}
    return ServeSettings(host="127.0.0.1", port=3000, home=home, **given)


@asynccontextmanager
async def built(home: Path, **more: Any) -> AsyncIterator[App]:
    app = build(settings(home, **more))
    try:
        yield app
    finally:
        await app.stop()


async def health(app: App) -> dict[str, Any]:
    app.guard = Guard(port=3000, uid_of=lambda *_: 1, own_uid=1)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": "/_codexplus/health", "query_string": b"",
        "raw_path": b"/_codexplus/health", "headers": [(b"host", b"127.0.0.1:3000")], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 3000),
    }  # fmt: skip
    await app(scope, receive, send)
    found: dict[str, Any] = json.loads(sent[1]["body"])
    return found


def of_somebody_else(*_: Any, **__: Any) -> Path:
    raise Problem("the state directory belongs to user 1001, not to you")


@pytest.mark.abuse("A21")
async def test_nothing_is_kept_in_a_directory_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if (peer := peer_uid()) is None:
        pytest.skip("without the token nobody could be told here, and nothing is served")
    peer.close()
    monkeypatch.setattr(paths, "private_dir", of_somebody_else)

    async with built(tmp_path) as app:
        app.store.keep("any", "key", b"value")
        told = await health(app)

        assert "belongs to user 1001" in told["store"] and "in memory" in told["store"]
        assert app.store.value("any", "key") == b"value"
        assert list(tmp_path.iterdir()) == []


async def test_what_is_kept_in_a_directory_of_our_own_is_on_disk(tmp_path: Path) -> None:
    async with built(tmp_path / "home") as app:
        app.store.keep("any", "key", b"value")

    async with built(tmp_path / "home") as app:
        assert app.store.value("any", "key") == b"value"
        assert (await health(app))["store"] == "ok"


@pytest.mark.abuse("A21")
def test_where_no_user_and_no_token_is_known_nothing_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "private_dir", of_somebody_else)

    with pytest.raises(Problem, match="belongs to user 1001"):
        build(settings(tmp_path, listen_public=True))


@pytest.mark.abuse("I15")
def test_a_plugin_that_was_asked_for_and_is_missing_is_not_served_without(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no plugin 'polcy-gate' is installed") as raised:
        build(settings(tmp_path, plugins=("polcy-gate",)))

    assert raised.value.exit_code == 2


@pytest.mark.parametrize(("upstream", "said"), [(None, "by login"), ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1")])
async def test_health_tells_where_requests_go(tmp_path: Path, upstream: str | None, said: str) -> None:
    async with built(tmp_path, upstream=upstream) as app:
        assert (await health(app))["upstream"] == said
