"""`codex-plus serve --websockets`: what it accepts, and what the proxy does then."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import pytest

from codexplus_core.cli import serve
from codexplus_core.cli.main import main
from codexplus_core.proxy.build import build
from codexplus_core.proxy.guard import Guard
from codexplus_core.services.settings import ServeSettings
from codexplus_core.testing import CodexClient, CodexSocket, StrictUpstream, text
from codexplus_core.testing.asgi_socket import AsgiSockets, Refusal
from codexplus_core.testing.codex_requests import ClientRequest
from codexplus_core.testing.upstream_socket import Joined


def settings(*words: str, home: Path = Path("/h")) -> ServeSettings:
    parser = ArgumentParser()
    serve.configure(parser)
    return serve.settings_from(parser.parse_args(words), {"HOME": str(home), "CODEX_PLUS_HOME": str(home)})


@pytest.mark.wire("W3")
def test_websockets_are_given_where_the_upstream_takes_them_unless_told_otherwise() -> None:
    assert settings().websockets == "auto"


@pytest.mark.parametrize("mode", ["auto", "bridge", "off"])
def test_each_way_is_accepted(mode: str) -> None:
    assert settings("--websockets", mode).websockets == mode


@pytest.mark.parametrize("mode", ["on", "AUTO", ""])
def test_any_other_value_is_a_usage_error_that_names_the_ways(mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--websockets", mode]) == 2

    said = capsys.readouterr().err
    assert "--websockets" in said
    for way in ("auto", "bridge", "off"):
        assert way in said


@pytest.mark.wire("W3")
@pytest.mark.parametrize(
    ("mode", "taken", "asked", "spoken"),
    [
        ("auto", 101, ["GET"], "WEBSOCKET"),
        ("auto", 426, ["GET"], None),
        ("bridge", 101, ["GET"], "WEBSOCKET"),
        ("bridge", 426, ["GET"], "POST"),
        ("off", 101, [], None),
    ],
)
async def test_the_value_is_what_the_proxy_does(
    tmp_path: Path, mode: str, taken: int, asked: list[str], spoken: str | None
) -> None:
    upstream = StrictUpstream(default=text("hello"), websocket=taken)
    async with upstream.listen() as url:
        words = ("--websockets", mode, "--upstream", url + "/v1", "--plugins", "none")
        app = build(settings(*words, home=tmp_path))
        app.guard = Guard(port=3000, uid_of=lambda *_: 1, own_uid=1)
        await app.start()
        server = AsgiSockets(app)
        codex = CodexClient()

        async def connect(request: ClientRequest) -> Joined | Refusal:
            headers = [(b"host", b"127.0.0.1:3000"), *request.headers]
            return await server.open(
                {"asgi": {"version": "3.0"}, "http_version": "1.1", "path": request.path, "scheme": "ws",
                 "raw_path": request.path.encode(), "query_string": b"", "root_path": "", "headers": headers,
                 "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 3000), "state": {}, "subprotocols": []}
            )  # fmt: skip

        line = CodexSocket(codex, connect)
        reply = await line.send(codex.say("hi"))
        await line.close()
        await server.aclose()
        await app.stop()

    assert [got.method for got in upstream.handshakes] == asked
    assert (reply is None) == line.fell_back == (spoken is None)
    assert (upstream.requests[-1].method if upstream.requests else None) == spoken
    assert reply is None or reply.text == "hello"
