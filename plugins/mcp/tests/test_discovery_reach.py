"""Where a server's metadata may lead: nowhere into this network, and by no redirect."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from oauth_server import Answer, Seen, core_in

from codexplus_core import Problem
from codexplus_core.services.core import Services
from codexplus_mcp.discovery import discover
from codexplus_mcp.guarded_transport import GuardedTransport
from codexplus_mcp.oauth_entry import OAuthEntry
from codexplus_mcp.outgoing import Outgoing
from codexplus_mcp.reach import Address, Reach
from codexplus_mcp.server import Server


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setenv("CODEX_PLUS_HOME", str(tmp_path / "state"))
    return core_in(tmp_path)


class Elsewhere(httpx2.AsyncBaseTransport):
    """The internet: a scripted server behind each name."""

    def __init__(self, answer: Callable[[Seen], Answer]) -> None:
        self.answer = answer
        self.reached: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        name = request.headers["host"]
        assert request.extensions["sni_hostname"] == name
        self.reached.append((name, request.url.host))
        status, headers, body = self.answer(Seen(request.method, request.url.path, {"host": name}, {}))
        return httpx2.Response(status, headers=headers, stream=Bytes(json.dumps(body).encode()))


class Bytes(httpx2.AsyncByteStream):
    def __init__(self, data: bytes) -> None:
        self.data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.data


def resolve(names: dict[str, str]) -> Callable[[str, int], Awaitable[tuple[Address, ...]]]:
    async def look_up(host: str, port: int) -> tuple[Address, ...]:
        return (ip_address(names[host]),)

    return look_up


def far_away(
    core: Services, server: Server, names: dict[str, str], answer: Callable[[Seen], Answer]
) -> tuple[Outgoing, Elsewhere]:
    reach, world = Reach.of(core, server), Elsewhere(answer)
    guarded = GuardedTransport(world, reach, resolve=resolve(names))
    return Outgoing(core, reach, source="test", transport=guarded), world


FAR = Server("far", "user", "http", url="https://mcp.example.com/mcp")
FAR_NAMES = {"mcp.example.com": "93.184.216.34"}


@pytest.mark.abuse("G01")
@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest",
        "https://192.168.1.1/x",
        "https://10.0.0.8/x",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://[64:ff9b::7f00:1]/x",
        "https://127.0.0.1:8080/x",
        "https://localhost/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://intranet.example.org/x",
        "http://mcp.example.com/x",
        "https://user:pass@mcp.example.com/x",
    ],
)
async def test_resource_metadata_that_lead_into_this_network_are_not_fetched(core: Services, url: str) -> None:
    names = {**FAR_NAMES, "intranet.example.org": "10.1.2.3", "localhost": "127.0.0.1"}
    challenge = {"www-authenticate": f'Bearer resource_metadata="{url}"'}
    outgoing, world = far_away(core, FAR, names, lambda seen: (401, challenge, None))

    with pytest.raises(Problem):
        await discover(outgoing, FAR, OAuthEntry())

    assert world.reached == [("mcp.example.com", "93.184.216.34")]


@pytest.mark.abuse("G02")
@pytest.mark.parametrize("issuer", ["http://auth.example.com", "https://192.168.0.1", "https://auth.internal.example"])
async def test_an_authorization_server_without_https_or_in_this_network_is_not_asked(
    core: Services, issuer: str
) -> None:
    names = {**FAR_NAMES, "auth.example.com": "93.184.216.35", "auth.internal.example": "172.16.0.1"}

    def answer(seen: Seen) -> Answer:
        if "oauth-protected-resource" in seen.path:
            return 200, {}, {"resource": FAR.url, "authorization_servers": [issuer]}
        return 401, {}, None

    outgoing, world = far_away(core, FAR, names, answer)

    with pytest.raises(Problem):
        await discover(outgoing, FAR, OAuthEntry())
    assert {name for name, _ in world.reached} == {"mcp.example.com"}


def redirecting(target: str) -> Callable[[Seen], Answer]:
    return lambda seen: (302, {"location": target}, None)


@pytest.mark.abuse("G01")
async def test_a_redirect_into_this_network_or_to_another_origin_is_not_followed(core: Services) -> None:
    for target in ("https://169.254.169.254/", "https://other.example.com/", "http://mcp.example.com/"):
        names = {**FAR_NAMES, "other.example.com": "93.184.216.36"}
        outgoing, world = far_away(core, FAR, names, redirecting(target))

        with pytest.raises(Problem):
            await discover(outgoing, FAR, OAuthEntry())
        assert {name for name, _ in world.reached} == {"mcp.example.com"}


@pytest.mark.abuse("G21")
async def test_a_name_that_turns_to_a_private_address_is_not_followed_there(core: Services) -> None:
    names = dict(FAR_NAMES)
    outgoing, world = far_away(core, FAR, names, lambda seen: (404, {}, {}))
    await outgoing.get("https://mcp.example.com/a", "a document")
    names["mcp.example.com"] = "127.0.0.1"

    with pytest.raises(Problem, match=r"not a public address \(127\.0\.0\.1\)"):
        await outgoing.get("https://mcp.example.com/b", "a document")
    assert len(world.reached) == 1


async def test_a_private_host_that_the_user_names_is_reached(tmp_path: Path) -> None:
    core = core_in(tmp_path, {"mcp": {"privateHosts": ["*.corp.example"]}})
    server = Server("corp", "user", "http", url="https://mcp.corp.example/mcp")
    outgoing, world = far_away(core, server, {"mcp.corp.example": "10.1.1.1"}, lambda seen: (404, {}, {}))

    await outgoing.get("https://mcp.corp.example/a", "a document")

    assert world.reached == [("mcp.corp.example", "10.1.1.1")]
