"""What an authorization server answers, and how much of it is believed and repeated."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oauth_server import core_in, entry, oauth_server

from codexplus_core import Problem
from codexplus_mcp.credentials import Client, Credentials
from codexplus_mcp.outgoing import Outgoing
from codexplus_mcp.reach import Reach
from codexplus_mcp.token_endpoint import Refused, harmless, renew

NOW = 1_000_000.0


async def renewed(home: Path, status: int, body: Any) -> Credentials:
    async with asyncio.timeout(30), oauth_server() as remote:
        remote.answers["/token"] = (status, {}, body)
        core, server = core_in(home), entry(remote)
        old = Credentials(
            server.url, remote.origin, remote.metadata["token_endpoint"], Client("client"), refresh_token="old-refresh"
        )
        return await renew(Outgoing(core, Reach.of(core, server), source="test"), old, now=NOW)


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (3600, NOW + 3600),
        ("3600", NOW + 3600),
        (1.5, NOW + 1.5),
        (None, 0.0),
        (0, 0.0),
        (-5, 0.0),
        (True, 0.0),
        ("soon", 0.0),
        ("nan", 0.0),
        (10**400, 0.0),
        (1e18, NOW + 10 * 365 * 86400),
    ],
)
async def test_when_a_token_ends_is_read_in_whatever_form(tmp_path: Path, said: Any, end: float) -> None:
    found = await renewed(tmp_path, 200, {"access_token": "a", "token_type": "bearer", "expires_in": said})

    assert found.expires_at == end
    assert found.is_stale(end) is (end > 0)
    assert not found.is_stale(NOW)
    assert found.refresh_token == "old-refresh"


@pytest.mark.parametrize(
    "body",
    [
        {"access_token": "a", "token_type": "mac"},
        {"access_token": "a\r\nx: y", "token_type": "Bearer"},
        {"access_token": "a b", "token_type": "Bearer"},
        {"access_token": "", "token_type": "Bearer"},
        {"access_token": ["a"], "token_type": "Bearer"},
        {"access_token": "a" * 100_000, "token_type": "Bearer"},
        {},
    ],
)
async def test_an_answer_without_a_usable_token_is_none(tmp_path: Path, body: Any) -> None:
    with pytest.raises(Problem, match="holds no bearer token"):
        await renewed(tmp_path, 200, body)


@pytest.mark.parametrize(
    ("status", "body", "ends_it"),
    [
        (400, {"error": "invalid_grant"}, True),
        (401, {"error": "invalid_client"}, True),
        (200, {"error": "bad_verification_code"}, True),
        (400, {"error": "temporarily_unavailable"}, False),
        (403, b"<html>blocked</html>", False),
        (400, {"error": {"code": 1}}, False),
        (400, {"error": "x y\x1b[2J"}, False),
        (429, {"error": "invalid_grant"}, False),
        (302, {"error": "invalid_grant"}, False),
        (500, {"error": "invalid_grant"}, False),
    ],
)
async def test_only_a_plain_no_of_the_server_ends_a_login(
    tmp_path: Path, status: int, body: Any, ends_it: bool
) -> None:
    with pytest.raises(Problem) as caught:
        await renewed(tmp_path, status, body)

    assert isinstance(caught.value, Refused) is ends_it
    assert "\x1b" not in str(caught.value)


@pytest.mark.abuse("G10")
@given(st.text(max_size=60), st.text("abcXYZ0123456789-_", min_size=20, max_size=60), st.text(max_size=60))
def test_a_servers_words_never_repeat_a_secret_and_are_one_plain_line(before: str, secret: str, after: str) -> None:
    for part in (secret, secret[:12], secret[5:17]):
        assert part not in harmless(f"{before}{part}{after}", (secret,))
    line = harmless(before, ())
    assert line.isascii()
    assert line.isprintable() or line == ""


def test_a_servers_explanation_is_shown() -> None:
    said = "The redirect_uri does not match\n\tthe registered one."

    assert harmless(said, ("a-secret-of-ours",)) == "The redirect_uri does not match the registered one."
