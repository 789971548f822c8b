"""Signing in from the chat and from a terminal: the address first, then how it went, whoever brings the code."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from oauth_server import OAuthServer, browse, core_in, entry, oauth_server

from codexplus_core import Problem
from codexplus_core.services.config import Config
from codexplus_core.services.core import Services
from codexplus_mcp import oauth
from codexplus_mcp.connections import Connections
from codexplus_mcp.errands import Errands
from codexplus_mcp.listing import details
from codexplus_mcp.sign_in import SignIns, in_terminal

pytestmark = pytest.mark.req("M3")


@pytest.fixture
async def remote() -> AsyncIterator[OAuthServer]:
    async with asyncio.timeout(60), oauth_server() as server:
        yield server


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return core_in(tmp_path, {"mcp": {"oauth": {"store": "file"}}})


@pytest.fixture
async def signing(core: Services) -> AsyncIterator[SignIns]:
    signing = SignIns(core)
    yield signing
    await signing.close()


def address_in(text: str) -> str:
    found = re.search(r"^    (https?://\S+)$", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


async def last_page(url: str) -> str:
    """The address that the browser ends at, without going there."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        return str((await client.get(url)).headers["location"])


async def test_the_chat_shows_the_address_and_then_that_it_went_well(
    core: Services, remote: OAuthServer, signing: SignIns
) -> None:
    pieces = signing.begin(entry(remote))
    first = await anext(pieces)
    (await browse(address_in(first))).raise_for_status()
    second = await anext(pieces)

    assert f"Signing in to {entry(remote).name}" in first
    assert second.startswith(f"You are signed in to {entry(remote).name}.")
    assert (await oauth.status(core, entry(remote))).state == "signed in"


async def test_an_answer_that_was_stopped_does_not_stop_the_sign_in_and_the_address_can_be_pasted(
    core: Services, remote: OAuthServer, signing: SignIns
) -> None:
    pieces = signing.begin(entry(remote))
    address = await last_page(address_in(await anext(pieces)))
    await pieces.aclose()  # type: ignore[attr-defined]

    said = await signing.paste(entry(remote), address)

    assert said.startswith("You are signed in")


@pytest.mark.abuse("G07")
async def test_a_pasted_address_of_something_else_is_refused_and_the_sign_in_goes_on(
    core: Services, remote: OAuthServer, signing: SignIns
) -> None:
    pieces = signing.begin(entry(remote))
    address = await last_page(address_in(await anext(pieces)))

    with pytest.raises(Problem, match="belongs to another sign-in"):
        await signing.paste(entry(remote), "http://127.0.0.1:1/callback?code=evil&state=guess")
    said = await signing.paste(entry(remote), address)

    assert said.startswith("You are signed in")


async def test_a_newer_sign_in_takes_the_place_of_the_one_before(
    core: Services, remote: OAuthServer, signing: SignIns
) -> None:
    older = signing.begin(entry(remote))
    await anext(older)
    newer = signing.begin(entry(remote))
    address = address_in(await anext(newer))
    given_up = await anext(older)
    (await browse(address)).raise_for_status()

    assert given_up == "Given up for a newer sign-in."
    assert (await anext(newer)).startswith("You are signed in")


async def test_what_comes_to_nothing_in_the_chat_names_the_chats_command_and_in_a_terminal_the_terminals(
    core: Services, remote: OAuthServer, signing: SignIns
) -> None:
    server = replace(entry(remote), name="my server")
    pieces = signing.begin(server)
    first = await anext(pieces)
    with pytest.raises(Problem) as typed:
        await (await oauth.begin(core, server)).wait(seconds=0)
    with pytest.raises(Problem) as shown:
        await (await oauth.begin(core, server)).wait(seconds=0, chat=True)

    assert "`/mcp auth 'my server' ADDRESS`" in first
    assert str(typed.value).endswith("sign in again: codex-plus mcp auth 'my server'")
    assert str(shown.value).endswith("sign in again: /mcp auth 'my server'")


async def test_closing_leaves_nothing_behind(core: Services, remote: OAuthServer) -> None:
    signing = SignIns(core)
    await anext(signing.begin(entry(remote)))
    before = len(asyncio.all_tasks())

    await signing.close()

    assert len(asyncio.all_tasks()) < before


async def test_what_is_shown_of_a_server_says_how_its_sign_in_is_and_no_token(
    core: Services, remote: OAuthServer, signing: SignIns, tmp_path: Path
) -> None:
    core.config = Config(tmp_path, {"mcpServers": {"remote": {"type": "http", "url": remote.url}}})
    connections = Connections(core)
    errands = Errands(core, connections, tmp_path, tmp_path, {"HOME": str(tmp_path)})
    before = details(*await errands.get("remote"))
    pieces = signing.begin(errands.server("remote"))
    (await browse(address_in(await anext(pieces)))).raise_for_status()
    await anext(pieces)
    after = details(*await errands.get("remote"))
    await connections.close()

    assert "Status: ⚠ Needs authentication" in before
    assert "Sign-in" not in before
    assert f"Sign-in: signed in at {remote.origin}, renewed by itself" in after


async def test_a_terminal_takes_the_address_from_standard_input(
    core: Services, remote: OAuthServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    class Typed:
        def readline(self) -> str:
            return asyncio.run_coroutine_threadsafe(lines.get(), loop).result(30)

    monkeypatch.setattr("sys.stdin", Typed())
    signing_in = asyncio.create_task(in_terminal(core, entry(remote), browser=False))
    shown = ""
    async with asyncio.timeout(30):
        while "http" not in shown.partition("Open this address")[2]:
            await asyncio.sleep(0)
            shown += capsys.readouterr().out
    url = re.search(r"^  (https?://\S+)$", shown, re.MULTILINE)
    assert url is not None
    lines.put_nowait("\n")
    lines.put_nowait(await last_page(url[1]) + "\n")
    said = await signing_in
    lines.put_nowait("")

    assert said == f"Signed in to {entry(remote).name}."
