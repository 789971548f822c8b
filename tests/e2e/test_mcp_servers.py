"""MCP servers that nobody here wrote: lists, calls, prompts, resources, cancelling, and what a `kill -9` leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e.codex import NEWEST
from e2e.foreign_servers import Everything, entries, everything
from e2e.mcp_seen import seen
from e2e.said import calls_in, words_of
from mcp_world import Place

from codexplus_core.testing import call, text
from codexplus_mcp.connection import Connection
from codexplus_mcp.failure import TooSlow, Unavailable

pytestmark = [pytest.mark.e2e, pytest.mark.req("M1")]
KINDS = ("stdio", "streamableHttp", "sse")
BOUND_S = 60.0
LONG = {"duration": 300, "steps": 3000}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    home = tmp_path / "own"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CODEX_PLUS_HOME", str(home / ".codexplus"))
    found = Place(tmp_path, home)
    for args in (("init", "-q"), ("config", "user.name", "a"), ("config", "user.email", "a@example.invalid")):
        subprocess.run(["git", *args], cwd=found.project, check=True)
    (found.project / "a.txt").write_text("words in a file", encoding="utf-8")
    return found


@asynccontextmanager
async def connected(place: Place, name: str, **more: Any) -> AsyncIterator[Connection]:
    """A connection to one of them; ``more`` are other entries."""
    place.mine(**entries(place.project), **more)
    async with asyncio.timeout(BOUND_S), place.connections() as connections:
        yield connections.get(place.server(name))


async def said(connection: Connection, tool: str, **arguments: Any) -> str:
    """The texts that a tool answers."""
    result = await connection.call_tool(tool, arguments)
    assert not result.is_error, result
    return "\n".join(getattr(part, "text", "") for part in result.content)


@asynccontextmanager
async def over(place: Place, kind: str) -> AsyncIterator[tuple[Connection, Everything | None]]:
    """`server-everything` over one of the transports, and its process where that is not the connection's own."""
    if kind == "stdio":
        async with connected(place, "everything") as connection:
            yield connection, None
        return
    async with everything(kind) as remote, connected(place, "remote", remote=remote.entry) as connection:
        yield connection, remote


@pytest.mark.parametrize("kind", KINDS)
async def test_everything_lists_calls_prompts_and_resources(kind: str, place: Place) -> None:
    async with over(place, kind) as (connection, _):
        tools = [tool.name for tool in await connection.list_tools()]
        prompts = {
            prompt.name: [one.name for one in prompt.arguments or ()] for prompt in await connection.list_prompts()
        }
        resources = [str(one.uri) for one in await connection.list_resources()]
        templates = [one.uri_template for one in await connection.list_resource_templates()]
        echoed = await said(connection, "echo", message="hi")
        structured = await connection.call_tool("get-structured-content", {"location": "Chicago"})
        image = await connection.call_tool("get-tiny-image", {})
        links = await connection.call_tool("get-resource-links", {"count": 2})
        wrong = await connection.call_tool("get-sum", {"a": "no number"})
        filled = await connection.get_prompt("args-prompt", {"city": "Berlin"})
        read = await connection.read_resource("demo://resource/static/document/architecture.md")
        dynamic = await connection.read_resource("demo://resource/dynamic/text/7")

    assert {"echo", "get-sum", "trigger-long-running-operation"} <= set(tools)
    assert {"simple-prompt", "args-prompt"} <= set(prompts)
    assert "city" in prompts["args-prompt"]
    assert "demo://resource/static/document/architecture.md" in resources
    assert "demo://resource/dynamic/text/{resourceId}" in templates
    assert echoed == "Echo: hi"
    assert structured.structured_content is not None and "temperature" in structured.structured_content
    assert "image" in [part.type for part in image.content]
    assert [part.type for part in links.content].count("resource_link") == 2
    assert wrong.is_error
    assert "Berlin" in str(filled.messages[0].content)
    assert "rchitecture" in str(read.contents[0])
    assert "7" in str(dynamic.contents[0])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_long_call_reports_its_progress_is_cancelled_and_the_server_goes_on(kind: str, place: Place) -> None:
    reported = asyncio.Event()

    async def progress(_done: float, _total: float | None, _message: str | None) -> None:
        reported.set()

    async with over(place, kind) as (connection, _):
        long = asyncio.create_task(connection.call_tool("trigger-long-running-operation", LONG, progress=progress))
        await reported.wait()
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long
        with pytest.raises(TooSlow):
            await connection.call_tool("trigger-long-running-operation", LONG, timeout=0.5)
        echoed = await said(connection, "echo", message="still here")

    assert echoed == "Echo: still here"
    assert connection.status.starts == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_killed_server_is_told_of_and_used_again(kind: str, place: Place) -> None:
    reported = asyncio.Event()

    async def progress(_done: float, _total: float | None, _message: str | None) -> None:
        reported.set()

    async with over(place, kind) as (connection, remote):
        before = await said(connection, "echo", message="one")
        long = asyncio.create_task(connection.call_tool("trigger-long-running-operation", LONG, progress=progress))
        await reported.wait()
        if remote is None:
            kill_children()
        else:
            await remote.kill()
        with pytest.raises(Unavailable):
            await long
        if remote is not None:
            await remote.start()
        after = await said(connection, "echo", message="two")

    assert (before, after) == ("Echo: one", "Echo: two")
    assert connection.status.starts == 2


def kill_children() -> None:
    """``kill -9`` the server that runs as a program of this test."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line, status = (entry / "cmdline").read_bytes(), (entry / "stat").read_text(encoding="utf-8")
        except OSError:
            continue
        if b"mcp-server-everything\0stdio" in line and int(status.rpartition(")")[2].split()[1]) == os.getpid():
            found.append(int(entry.name))
    assert len(found) == 1
    os.kill(found[0], signal.SIGKILL)


async def test_the_filesystem_server_reads_and_writes_below_its_folder_only(place: Place) -> None:
    async with connected(place, "files") as connection:
        read = await said(connection, "read_text_file", path=str(place.project / "a.txt"))
        await said(connection, "write_file", path=str(place.project / "b.txt"), content="written")
        outside = await connection.call_tool("read_text_file", {"path": "/etc/hostname"})

    assert read == "words in a file"
    assert (place.project / "b.txt").read_text(encoding="utf-8") == "written"
    assert outside.is_error


async def test_the_git_server_stages_commits_and_shows_the_log(place: Place) -> None:
    where = str(place.project)
    async with connected(place, "git") as connection:
        await said(connection, "git_add", repo_path=where, files=["a.txt"])
        await said(connection, "git_commit", repo_path=where, message="By way of MCP")
        log = await said(connection, "git_log", repo_path=where)

    assert "By way of MCP" in log


async def test_the_time_server_converts(place: Place) -> None:
    async with connected(place, "time") as connection:
        answer = await said(
            connection, "convert_time", source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo"
        )

    assert "21:00" in answer


async def test_the_fetch_server_fetches_a_page_of_this_machine_by_tool_and_by_prompt(place: Place) -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"<html><body><article><h1>Near</h1><p>A page of this machine.</p></article></body></html>"
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(page, "127.0.0.1", 0) as server, connected(place, "fetch") as connection:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        fetched = await said(connection, "fetch", url=url)
        prompt = await connection.get_prompt("fetch", {"url": url})

    assert "A page of this machine." in fetched
    assert "A page of this machine." in str(prompt.messages[0].content)


@pytest.mark.req("M4", "M5", "M6")
async def test_a_turn_of_codex_uses_a_resource_a_prompt_and_tools_of_them(codex, upstream, proxy) -> None:
    running = await proxy("slash,mcp")
    one = codex(NEWEST).point_at(running.url)
    place = Place(one.home, running.home)
    place.mine(**entries(one.project))
    place.write("home/.codexplus/settings.json", {"permissions": {"allow": ["mcp__files", "mcp__time"]}})
    await seen(running, one.project, "everything__echo", "files__read_text_file", "time__convert_time")
    (one.project / "a.txt").write_text("words in a file", encoding="utf-8")
    noon = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    upstream.script = [
        call("mcp__time__convert_time", noon, namespace="functions")
        + call("mcp__files__read_text_file", {"path": str(one.project / "a.txt")}, namespace="functions"),
        text("Both answered."),
        text("I know the city."),
    ]

    ran = await one.exec("Look at @everything:demo://resource/dynamic/text/7 and ask both", json=True)
    again = await one.resume("/mcp__everything__args-prompt Berlin", json=True)

    assert (ran.messages, again.messages) == (["Both answered."], ["I know the city."])
    asked, answered, later = upstream.turns
    assert any("Resource 7" in words for words in words_of(asked))
    outputs = [words for kind, words in calls_in(answered) if kind == "function_call_output"]
    assert len(outputs) == 2
    assert "21:00" in outputs[0]
    assert "words in a file" in outputs[1]
    assert "Berlin" in words_of(later, "user")[-1]
