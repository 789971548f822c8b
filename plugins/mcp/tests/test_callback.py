"""The way back from the browser, and who else may knock there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import Problem
from codexplus_mcp.callback import Callback, Visit

STATE = "the-state-of-this-sign-in"
ISSUER = "https://auth.example.com"


@pytest.fixture
async def callback() -> AsyncIterator[Callback]:
    async with asyncio.timeout(30):
        waiting = Callback(STATE, issuer=ISSUER, names_itself=False)
        await waiting.listen()
        yield waiting
        waiting.close()


async def say(callback: Callback, text: str) -> str:
    port = urlsplit(callback.redirect_uri).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.replace("PORT", str(port)).encode())
    answer = (await reader.read()).decode()
    writer.close()
    return answer


async def visit(callback: Callback, *, path: str = "/callback", host: str = "127.0.0.1:PORT", **query: str) -> str:
    return await say(callback, f"GET {path}?{urlencode(query)} HTTP/1.1\r\nHost: {host}\r\n\r\n")


async def test_the_visit_with_our_state_brings_the_code(callback: Callback) -> None:
    answer = await visit(callback, code="c0de", state=STATE)

    assert answer.startswith("HTTP/1.1 200 ")
    assert await callback.wait() == Visit("c0de")
    assert "c0de" not in answer
    assert "c0de" not in repr(await callback.wait())


@pytest.mark.abuse("G07")
@pytest.mark.parametrize(
    "request_text",
    [
        "GET /callback?code=x&state=wrong HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "GET /callback?code=x HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "GET /callback?error=access_denied HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        f"GET /callback?code=x&state={STATE} HTTP/1.1\r\nHost: evil.example:PORT\r\n\r\n",
        f"GET /callback?code=x&state={STATE} HTTP/1.1\r\n\r\n",
        f"GET /callback?code=x&state={STATE} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: evil.example\r\n\r\n",
        f"GET /callback?code=x&code=y&state={STATE} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        f"GET /other?code=x&state={STATE} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        f"GET http://evil.example/callback?code=x&state={STATE} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        f"POST /callback?code=x&state={STATE} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET /callback?" + "a" * 20_000 + " HTTP/1.1\r\n\r\n",
    ],
)
async def test_whoever_else_knocks_is_turned_away_and_the_wait_goes_on(callback: Callback, request_text: str) -> None:
    answer = await say(callback, request_text)
    await visit(callback, code="ours", state=STATE)

    assert not answer.startswith("HTTP/1.1 200")
    assert await callback.wait() == Visit("ours")


@pytest.mark.abuse("G07")
async def test_a_second_visit_changes_nothing(callback: Callback) -> None:
    await visit(callback, code="first", state=STATE)

    answer = await visit(callback, code="second", state=STATE)

    assert answer.startswith("HTTP/1.1 400 ")
    assert await callback.wait() == Visit("first")


@pytest.mark.abuse("G07")
async def test_it_listens_on_this_machine_only_and_not_after_it_is_closed(callback: Callback) -> None:
    addresses = [socket.getsockname()[0] for server in callback._servers for socket in server.sockets]
    port = urlsplit(callback.redirect_uri).port

    callback.close()

    assert addresses == ["127.0.0.1"]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.abuse("G03")
@pytest.mark.parametrize(("names_itself", "query"), [(False, {"iss": "https://evil.example"}), (True, {})])
async def test_a_code_of_another_authorization_server_is_not_used(names_itself: bool, query: dict[str, str]) -> None:
    callback = Callback(STATE, issuer=ISSUER, names_itself=names_itself)

    callback.paste(f"http://127.0.0.1/callback?{urlencode({'code': 'x', 'state': STATE, **query})}")

    assert await callback.wait() == Visit(error="issuer_mismatch")


@pytest.mark.parametrize("frame", ["{}", "  {}\n", "<{}>", "'{}'", '"{}"'])
async def test_a_pasted_address_is_taken_as_people_paste(frame: str) -> None:
    callback = Callback(STATE, issuer=ISSUER, names_itself=False)

    callback.paste(frame.format(f"http://127.0.0.1:1/callback?code=x&state={STATE}"))

    assert await callback.wait() == Visit("x")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not the whole address"),
        ("c0de", "not the whole address"),
        ("http://[", "not the whole address"),
        ("http://127.0.0.1/callback?code=x", "another sign-in"),
        ("http://127.0.0.1/callback?code=x&state=old", "another sign-in"),
    ],
)
async def test_a_wrong_address_is_not_taken_and_not_repeated(text: str, complaint: str) -> None:
    callback = Callback(STATE, issuer=ISSUER, names_itself=False)

    with pytest.raises(Problem, match=complaint) as caught:
        callback.paste(text)

    assert "code=x" not in str(caught.value)
    callback.close()


@given(st.text(max_size=200))
def test_nothing_pasted_breaks_it(text: str) -> None:
    async def paste() -> None:
        callback = Callback(STATE, issuer=ISSUER, names_itself=False)
        with pytest.raises(Problem):
            callback.paste(text)
        callback.close()

    asyncio.run(paste())


async def test_a_port_that_is_taken_is_named(callback: Callback) -> None:
    port = urlsplit(callback.redirect_uri).port or 0
    other = Callback(STATE, issuer=ISSUER, names_itself=False)

    with pytest.raises(Problem, match=f"port {port}, where the sign-in would come back, is in use"):
        await other.listen(port=port)
    other.close()


async def test_the_servers_words_on_the_page_are_none(callback: Callback) -> None:
    answer = await visit(callback, error="<script>alert(1)</script>", state=STATE)

    assert answer.startswith("HTTP/1.1 409 ")
    assert "script" not in answer
    assert "content-security-policy: default-src 'none'" in answer
    assert (await callback.wait()).error == "no_code"
