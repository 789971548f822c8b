"""Connections of the curl upstream: refused, kept, replaced, many at once, through a proxy, closed."""

from __future__ import annotations

import asyncio

import pytest
from ports import held_port
from proxy.upstream_requests import post, rest
from raw_http import CHUNKED_HEAD, Connection, Script, always, chunk, ok, serving

from codexplus_core.proxy.transport import UpstreamCut, UpstreamError
from codexplus_core.proxy.upstream import CurlUpstream, certificates, is_loopback, probe

BOUND = 60.0


async def test_a_refused_connection_names_the_host_and_what_to_do(upstream: CurlUpstream) -> None:
    with held_port() as port:
        named = rf"http://127\.0\.0\.1:{port}: .*check that it runs"
        with pytest.raises(UpstreamError, match=named) as caught:
            await upstream.open(post(f"http://127.0.0.1:{port}/v1"))

    assert caught.value.kind == "connect"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://name.invalid/", "dns"),
        ("ftp://127.0.0.1/", "protocol"),
        ("nonsense", "protocol"),
        ("http://127.0.0.1:99999/", "protocol"),
    ],
)
async def test_addresses_that_lead_nowhere_are_named(upstream: CurlUpstream, url: str, kind: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        await upstream.open(post(url))

    assert caught.value.kind == kind


async def test_credentials_in_a_url_are_not_in_the_message(upstream: CurlUpstream) -> None:
    with pytest.raises(UpstreamError) as caught:
        await upstream.open(post("http://user:secret@name.invalid/?key=secret"))

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200"])
async def test_no_proper_head_is_an_error_and_not_asked_for_again(upstream: CurlUpstream, answer: bytes) -> None:
    async with serving(always(answer, close=True)) as server:
        with pytest.raises(UpstreamError, match=r"127\.0\.0\.1"):
            await upstream.open(post(server.url))

        assert len(server.heads) == 1


@pytest.mark.req("P7")
async def test_a_kept_connection_that_dies_without_an_answer_is_replaced_by_a_fresh_one(upstream: CurlUpstream) -> None:
    async def script(connection: Connection) -> None:
        if len(server.heads) == 2:
            connection.writer.close()
        else:
            await connection.send(ok(b"x"))

    async with serving(script) as server:
        for _ in range(2):
            assert await rest(await upstream.open(post(server.url))) == b"x"

        assert (len(server.heads), len(server.connections)) == (3, 2)


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced(upstream: CurlUpstream) -> None:
    async with serving(always(ok(b"x"), close=True)) as server:
        for _ in range(3):
            assert await rest(await upstream.open(post(server.url))) == b"x"

        assert len(server.heads) == 3


async def test_many_at_once_each_get_their_own_answer(upstream: CurlUpstream) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(ok(connection.body))

    async with serving(script) as server:
        bodies = [str(number).encode() * 100 for number in range(100)]
        answers = await asyncio.gather(*(upstream.open(post(server.url, body)) for body in bodies))

        assert [await rest(answer) for answer in answers] == bodies


async def test_closing_the_upstream_ends_what_runs_and_refuses_what_comes() -> None:
    asked = asyncio.Event()

    async def script(connection: Connection) -> None:
        if b"/head" in connection.head:
            await connection.send(CHUNKED_HEAD + chunk(b"x"))
        else:
            asked.set()
        await connection.gone()

    upstream = CurlUpstream(environ={})
    async with asyncio.timeout(BOUND), serving(script) as server:
        answer = await upstream.open(post(server.url + "/head"))
        await answer.read()
        reading = asyncio.create_task(answer.read())
        opening = asyncio.create_task(upstream.open(post(server.url)))
        await asked.wait()
        await upstream.aclose()
        await upstream.aclose()

        with pytest.raises(UpstreamCut, match="stopping"):
            await reading
        with pytest.raises(UpstreamError, match="stopping"):
            await opening
        with pytest.raises(UpstreamError, match="stopping"):
            await upstream.open(post(server.url))


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
async def test_a_proxy_of_the_environment_serves_others_but_not_loopback(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
    async with (
        asyncio.timeout(BOUND),
        serving(always(ok(b"proxied"))) as proxy,
        serving(always(ok(b"direct"))) as server,
    ):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", "other.invalid")
        upstream = CurlUpstream()
        local = await rest(await upstream.open(post(server.url)))
        remote = await rest(await upstream.open(post("http://api.invalid/v1")))
        with pytest.raises(UpstreamError):
            await upstream.open(post("http://other.invalid/v1"))
        await upstream.aclose()

        assert (local, remote) == (b"direct", b"proxied")
        assert proxy.heads[0].startswith(b"POST http://api.invalid/v1 HTTP/1.1\r\n")


async def test_probe_reports_a_status_or_a_reason() -> None:
    challenge: Script = always(ok(b"", b"cf-mitigated: challenge", status=b"403 No"))
    async with serving(always(ok(status=b"401 No"))) as server, serving(challenge) as walled:
        assert await probe(server.url, BOUND) == (401, f"{server.url} answers with status 401")
        status, text = await probe(walled.url, BOUND)
        assert status == 403
        assert "browser challenge" in text
    status, text = await probe("http://name.invalid/", BOUND)
    assert status is None
    assert "name.invalid" in text


def test_the_certificates_of_the_environment_come_before_the_systems() -> None:
    assert certificates({"SSL_CERT_FILE": "/x.pem"}) == "/x.pem"
    assert certificates({}) != ""


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("a.localhost.", True),
        ("api.openai.com", False),
        ("127.0.0.1.evil.com", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_known_by_name_and_address(host: str, local: bool) -> None:
    assert is_loopback(host) is local


@pytest.mark.req("P6")
async def test_connections_that_are_idle_are_kept_for_later(upstream: CurlUpstream) -> None:
    async with serving(always(ok())) as server:

        async def at_once(requests: int) -> None:
            answers = await asyncio.gather(*(upstream.open(post(server.url)) for _ in range(requests)))
            await asyncio.gather(*(rest(answer) for answer in answers))

        await at_once(12)
        for requests in (1, 1, 12):
            await at_once(requests)

        assert len(server.connections) <= 12
