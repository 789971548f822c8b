"""Servers at a URL: streamable HTTP and SSE, lost and found again, and held to their own origin."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from mcp_http import Remote
from mcp_world import BOUND, Place

from codexplus_mcp import remote_transport
from codexplus_mcp.connection import Connection
from codexplus_mcp.failure import Failure, NeedsLogin, Unavailable
from codexplus_mcp.reach import Reach

KINDS = pytest.mark.parametrize("kind", ["http", "sse"])


@pytest.fixture
def place(tmp_path: Path, private_home: Path) -> Place:
    return Place(tmp_path, private_home)


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with Remote() as made:
        yield made


def configure(place: Place, remote: Remote, kind: str = "http", **more: Any) -> None:
    place.mine(odd={"type": kind, "url": remote.url if kind == "http" else remote.sse} | more)


async def echo(connection: Connection, **given: Any) -> str:
    async with asyncio.timeout(BOUND):
        result = await connection.call_tool("echo", given)
    return str(result.content[0].text)  # type: ignore[union-attr]


@pytest.mark.req("M1")
@KINDS
async def test_a_remote_server_is_listed_and_called(place: Place, remote: Remote, kind: str) -> None:
    configure(place, remote, kind)
    async with place.connections() as connections:
        connection = connections.get(place.server())

        assert [tool.name for tool in await connection.list_tools()] == ["echo", "slow"]
        assert await echo(connection, a=1) == '{"a": 1}'
        assert await asyncio.gather(*(echo(connection, n=n) for n in range(9))) == [f'{{"n": {n}}}' for n in range(9)]
        assert connection.status.starts == 1


@pytest.mark.abuse("G13")
@KINDS
async def test_it_gets_the_entrys_headers_and_none_of_codex(place: Place, remote: Remote, kind: str) -> None:
    configure(place, remote, kind, headers={"Authorization": "Bearer mine", "X-Team": "a"})
    async with place.connections() as connections:
        await echo(connections.get(place.server()))

    for _, _, headers, _ in remote.requests:
        assert (headers["authorization"], headers["x-team"]) == ("Bearer mine", "a")
        assert headers["user-agent"].startswith("codex-plus/")
        assert not [name for name in headers if name.startswith(("x-codex", "chatgpt", "openai", "cookie"))]


@pytest.mark.abuse("D01")
@KINDS
async def test_no_log_holds_its_address_or_its_headers(
    place: Place, remote: Remote, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    for logger in ("", "httpx2", "httpcore2", "mcp"):
        caplog.set_level(logging.DEBUG, logger)
    url = remote.url if kind == "http" else remote.sse
    configure(place, remote, kind, url=f"{url}?key=s3cret", headers={"Authorization": "Bearer s3cret"})
    async with place.connections() as connections:
        await echo(connections.get(place.server()), a=1)

    assert not [each for each in caplog.records if each.name.startswith(("http", "mcp"))]
    assert "s3cret" not in caplog.text


@KINDS
async def test_the_connection_is_asked_about_first_and_a_veto_holds(place: Place, remote: Remote, kind: str) -> None:
    configure(place, remote, kind)
    place.keeper.veto = "connect"
    async with place.connections() as connections:
        with pytest.raises(Unavailable, match=r"may not be used \(not here\)"):
            await connections.get(place.server()).connect()

    assert remote.requests == []
    assert [action.kind for action in place.keeper.seen] == ["connect"]


async def test_a_deny_rule_for_its_host_holds(place: Place, remote: Remote) -> None:
    configure(place, remote)
    async with place.connections(permissions={"deny": ["WebFetch(domain:127.0.0.1)"]}) as connections:
        with pytest.raises(Unavailable, match="may not be used"):
            await connections.get(place.server()).connect()

    assert remote.requests == []


@pytest.mark.parametrize("status", [404, 400])
async def test_a_session_that_the_server_forgot_is_made_anew_for_the_same_call(
    place: Place, remote: Remote, status: int
) -> None:
    configure(place, remote)
    remote.forgotten = status
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await echo(connection)
        remote.forget()

        assert await echo(connection, again=True) == '{"again": true}'
        assert connection.status.starts == 2


@pytest.mark.req("M8")
@KINDS
async def test_a_server_that_was_away_is_used_again(place: Place, remote: Remote, kind: str) -> None:
    configure(place, remote, kind)
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await echo(connection)
        await remote.stop()
        with pytest.raises(Unavailable):
            await echo(connection)
        await remote.start()

        assert await echo(connection, back=1) == '{"back": 1}'


@pytest.mark.req("M8")
@KINDS
async def test_a_server_that_stays_away_rests(place: Place, remote: Remote, kind: str) -> None:
    configure(place, remote, kind)
    await remote.stop()
    async with place.connections() as connections:
        connection = connections.get(place.server())
        for _ in range(3):
            with pytest.raises(Unavailable):
                await connection.list_tools()

        with pytest.raises(Unavailable, match="rests after 3 failures"):
            await connection.list_tools()
        assert connection.status.state == "resting"


@KINDS
async def test_a_server_that_goes_away_in_a_call_is_told_at_once(place: Place, remote: Remote, kind: str) -> None:
    configure(place, remote, kind)
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await connection.connect()
        if kind == "http":
            asking = asyncio.create_task(connection.call_tool("slow", timeout=BOUND * 2))
            await remote.calls.wait()
        else:
            remote.big = 1
            asking = asyncio.create_task(connection.call_tool("echo", timeout=BOUND * 2))
            await asyncio.sleep(0)
        await remote.stop()

        async with asyncio.timeout(BOUND):
            (outcome,) = await asyncio.gather(asking, return_exceptions=True)
        assert isinstance(outcome, Failure)


@pytest.mark.parametrize("status", [400, 500, 503])
async def test_a_server_that_refuses_every_call_by_status_rests(place: Place, remote: Remote, status: int) -> None:
    configure(place, remote)
    async with place.connections() as connections, asyncio.timeout(BOUND):
        connection = connections.get(place.server())
        await connection.connect()
        remote.status = status
        for _ in range(3):
            with pytest.raises(Unavailable, match=f"answered with status {status}"):
                await connection.call_tool("echo")

        with pytest.raises(Unavailable, match="rests"):
            await connection.call_tool("echo")


@pytest.mark.parametrize("status", [500, 403, 404, 418])
@KINDS
async def test_a_server_that_answers_with_a_status_says_so(
    place: Place, remote: Remote, kind: str, status: int
) -> None:
    configure(place, remote, kind)
    remote.status = status
    async with place.connections() as connections, asyncio.timeout(BOUND):
        with pytest.raises(Failure, match="MCP server odd"):
            await connections.get(place.server()).connect()


@KINDS
async def test_a_server_that_wants_a_login_says_so_and_does_not_rest(place: Place, remote: Remote, kind: str) -> None:
    configure(place, remote, kind)
    remote.status = 401
    async with place.connections() as connections, asyncio.timeout(BOUND):
        connection = connections.get(place.server())
        for _ in range(4):
            with pytest.raises(NeedsLogin, match="odd"):
                await connection.connect()

        assert connection.status.state == "needs login"
        remote.status = 200
        assert await echo(connection) == "{}"


@pytest.mark.abuse("G17")
@KINDS
async def test_an_answer_that_is_too_large_is_not_read_to_its_end(place: Place, remote: Remote, kind: str) -> None:
    configure(place, remote, kind)
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await connection.connect()
        remote.big = 20 << 20
        with pytest.raises(Failure):
            await connection.call_tool("echo", timeout=BOUND)
        remote.big = 0

        assert await echo(connection) == "{}"


@pytest.mark.abuse("G17")
async def test_a_packed_answer_is_refused(place: Place, remote: Remote) -> None:
    configure(place, remote)
    remote.packed = True
    async with place.connections() as connections, asyncio.timeout(BOUND):
        with pytest.raises(Failure):
            await connections.get(place.server()).connect()

    assert {headers["accept-encoding"] for _, _, headers, _ in remote.requests} == {"identity"}


@pytest.mark.abuse("G19")
@KINDS
async def test_a_redirect_to_another_origin_is_not_followed(place: Place, remote: Remote, kind: str) -> None:
    async with Remote() as other:
        configure(place, remote, kind, headers={"Authorization": "Bearer mine"})
        remote.elsewhere = other.url
        async with place.connections() as connections, asyncio.timeout(BOUND):
            with pytest.raises(Failure):
                await connections.get(place.server()).connect()

        assert other.requests == []


@pytest.mark.abuse("G21")
async def test_a_name_that_comes_to_mean_this_machine_is_not_connected_to(
    place: Place, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def here(host: str, port: int) -> Any:
        return (ip_address("127.0.0.1"),)

    monkeypatch.setattr(remote_transport, "addresses_of", here)
    place.mine(odd={"type": "http", "url": f"http://mcp.example:{remote.port}/mcp"})
    async with place.connections() as connections, asyncio.timeout(BOUND):
        server = place.server()
        assert not Reach.of(place.keeper.core, server).loopback
        with pytest.raises(Failure, match="not a public address"):
            await connections.get(server).connect()

    assert remote.requests == []


async def test_the_proxy_of_the_environment_is_used(
    place: Place, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{remote.port}")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{remote.port}")
    place.mine(odd={"type": "http", "url": "http://mcp.example/mcp"})
    async with place.connections() as connections:
        assert await echo(connections.get(place.server())) == "{}"

    assert {path for _, path, _, _ in remote.requests} == {"http://mcp.example/mcp"}
