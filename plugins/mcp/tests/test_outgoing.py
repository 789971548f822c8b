"""The requests of a sign-in on the wire: certificates, proxies, addresses."""

from __future__ import annotations

import asyncio
import datetime
import logging
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from oauth_server import OAuthServer, core_in

from codexplus_core import Problem
from codexplus_mcp.guarded_transport import GuardedTransport
from codexplus_mcp.outgoing import Outgoing, proxy_for
from codexplus_mcp.reach import Address, Reach

HERE = Reach(loopback=True)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.fixture
async def tls_port(tmp_path: Path) -> AsyncIterator[int]:
    """A server with a certificate for mcp.example.com."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path, "mcp.example.com"))
    server = OAuthServer()
    server.answers["/document"] = (200, {}, {"it": "came"})
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    async with asyncio.timeout(60):
        yield listener.sockets[0].getsockname()[1]
    listener.close()


async def here(host: str, port: int) -> tuple[Address, ...]:
    # Nobody is at the first; the second has to be tried.
    return ip_address("127.0.0.2"), ip_address("127.0.0.1")


def outgoing(home: Path) -> Outgoing:
    transport = GuardedTransport(httpx2.AsyncHTTPTransport(), HERE, resolve=here)
    return Outgoing(core_in(home), HERE, source="test", transport=transport)


async def test_certificates_are_checked_against_the_name_though_the_address_is_dialled(
    tmp_path: Path, tls_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "mcp.example.com.pem"))

    reply = await outgoing(tmp_path).get(f"https://mcp.example.com:{tls_port}/document", "a document")

    assert reply.body == {"it": "came"}
    with pytest.raises(Problem, match=r"other\.example\.com: cannot be reached \(a document: TLS: "):
        await outgoing(tmp_path).get(f"https://other.example.com:{tls_port}/document", "a document")


async def test_an_unknown_authority_is_refused_and_the_way_out_is_named(
    tmp_path: Path, tls_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, _ = certificate(tmp_path, "unrelated.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))

    with pytest.raises(Problem, match=r"TLS: CERTIFICATE_VERIFY_FAILED\); .*SSL_CERT_FILE"):
        await outgoing(tmp_path).get(f"https://mcp.example.com:{tls_port}/document", "a document")


async def test_a_server_that_is_not_there_is_told_without_what_was_sent(tmp_path: Path, unused_tcp_port: int) -> None:
    nobody = Outgoing(core_in(tmp_path), HERE, source="test")

    with pytest.raises(Problem) as caught:
        await nobody.post_form(f"http://127.0.0.1:{unused_tcp_port}/token", {"code": "s3cret"}, "token request", {})

    assert str(caught.value) == (
        "127.0.0.1: cannot be reached (token request); check the address, the network and HTTPS_PROXY"
    )
    assert caught.value.__suppress_context__


@pytest.mark.abuse("D01")
async def test_no_log_holds_what_was_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for logger in ("", "httpx2", "httpcore2"):
        caplog.set_level(logging.DEBUG, logger)
    server = OAuthServer()
    server.answers["/document"] = (200, {}, {"it": "came"})
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]

    async with asyncio.timeout(30):
        reply = await Outgoing(core_in(tmp_path), HERE, source="test").get(
            f"http://127.0.0.1:{port}/document?key=s3cret", "a document"
        )
    listener.close()

    assert reply.body == {"it": "came"}
    assert not [each for each in caplog.records if each.name.startswith(("http", "mcp"))]
    assert "s3cret" not in caplog.text


async def test_a_request_goes_through_the_proxy_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 403 -\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(proxy, "127.0.0.1", 0)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    far = Outgoing(core_in(tmp_path), Reach(), source="test")

    async with asyncio.timeout(30):
        with pytest.raises(Problem, match="cannot be reached"):
            await far.get("https://mcp.example.com/document", "a document")
        with pytest.raises(Problem, match="not a public address"):
            await far.get("https://10.0.0.1/document", "a document")
    listener.close()

    assert asked == [b"CONNECT mcp.example.com:443 HTTP/1.1\r\n"]


def test_the_proxy_is_chosen_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "direct.example")

    assert proxy_for("https://mcp.example.com/") == "http://proxy.example:3128"
    assert proxy_for("https://a.direct.example/") == ""
    assert proxy_for("http://127.0.0.1:5/") == ""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example")
    with pytest.raises(Problem, match="only http and https proxies"):
        proxy_for("https://mcp.example.com/")
