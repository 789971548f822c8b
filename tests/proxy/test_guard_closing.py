"""What the guard has refused is closed behind it, over the real server: upgrades, floods, slow senders."""

from __future__ import annotations

import asyncio

import pytest
from proxy.guarded_port import MIB, WEBSOCKET, Listening


@pytest.mark.abuse("A09")
async def test_a_websocket_of_a_web_page_is_refused_before_it_is_accepted(listening: Listening) -> None:
    async with listening() as port:
        assert await port.refused(port.get(*WEBSOCKET, b"Origin: null\r\n", target=b"/v1/responses")) == 403


@pytest.mark.abuse("A10")
@pytest.mark.wire("W3")
async def test_a_websocket_of_codex_reaches_the_application(listening: Listening) -> None:
    async with listening() as port:
        answer = await port.raw(port.get(*WEBSOCKET, target=b"/v1/responses"))

        assert answer.startswith(b"HTTP/1.1 426 ")
        assert [reached[:2] for reached in port.reached] == [("WEBSOCKET", b"/v1/responses")]


@pytest.mark.abuse("A09")
async def test_bytes_behind_a_refused_upgrade_are_no_request(listening: Listening) -> None:
    async with listening() as port:
        refused = port.get(*WEBSOCKET, b"Origin: null\r\n", target=b"/v1/responses")

        answer = await port.raw(refused + port.get(), until_closed=False)

        assert answer.split()[1] in (b"400", b"403")
        assert port.reached == []


@pytest.mark.abuse("A01", "A17")
@pytest.mark.parametrize("size", [5 * MIB, 20 * MIB])
async def test_a_client_that_is_still_sending_gets_to_read_the_refusal(listening: Listening, size: int) -> None:
    async with listening() as port:
        request = port.post(b"Origin: null\r\nContent-Length: %d\r\n" % size, body=bytes(size))

        assert await port.refused(request) == 403


@pytest.mark.abuse("A17")
async def test_a_refused_client_that_promises_ten_gigabytes_is_let_go(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codexplus_core.proxy.refuse._DRAIN_SECONDS", 0.05)
    async with listening() as port:
        request = port.post(b"Origin: null\r\nContent-Length: 10000000000\r\n", body=b"a" * 10)

        assert await port.refused(request) == 403


@pytest.mark.abuse("A17")
async def test_a_refused_client_that_never_stops_sending_is_let_go_and_leaves_nothing_behind(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codexplus_core.proxy.refuse._DRAIN_SECONDS", 0.05)
    async with listening() as port:
        await port.raw(port.get(b"Connection: close\r\n"))
        before = len(asyncio.all_tasks())
        _, writer = await asyncio.open_connection("127.0.0.1", port.number)
        writer.write(port.post(b"Origin: null\r\nContent-Length: 10000000000\r\n"))

        async with asyncio.timeout(20):
            with pytest.raises(ConnectionError):
                while True:
                    writer.write(bytes(MIB))
                    await writer.drain()
            writer.transport.abort()
            while len(asyncio.all_tasks()) > before:
                await asyncio.sleep(0)

        assert len(port.reached) == 1
