"""The gateway: Codex's own MCP client against ``/_codexplus/mcp``."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp_pretend import Pretend, World, plugin, said, server, tool

from codexplus_core.services.config import Config
from codexplus_core.testing import Harness, text
from codexplus_mcp.gateway import code_of, project_of
from codexplus_mcp.gateway_step import TABLE, steps
from codexplus_mcp.plugin import Plugin

ROUTE = "/_codexplus/mcp"
SHELF = Path(__file__).parent / "shelf_server.py"
PROJECT = Path("/home/user/project")


async def ask(proxy: Harness, method: str, params: Any = None, *, route: str = ROUTE, id: int = 1) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}).encode()
    reply = await proxy.request("POST", route, [(b"content-type", b"application/json")], body)
    assert reply.status == 200, reply.body
    lines = [line[6:] for line in reply.body.splitlines() if line.startswith(b"data: ")]
    return json.loads(lines[-1] if lines else reply.body)


async def call(proxy: Harness, name: str, arguments: Any, **more: Any) -> tuple[str, bool]:
    thread = more.pop("thread", proxy.codex.thread_id if hasattr(proxy.codex, "thread_id") else "")
    meta = {"threadId": thread, "progressToken": 7}
    answer = await ask(proxy, "tools/call", {"name": name, "arguments": arguments, "_meta": meta}, **more)
    result = answer["result"]
    return "\n".join(part["text"] for part in result["content"]), result["isError"]


def thread_of(proxy: Harness) -> str:
    return str(proxy.upstream.turns[-1].header("thread-id") or proxy.upstream.turns[-1].header("session_id"))


@pytest.mark.req("M4")
async def test_codex_finds_the_users_tools_with_their_hints_and_can_call_them(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Pretend(server(), [tool("echo", "says it"), tool("write", read_only=False)])
    World(one).install(monkeypatch)

    async with Harness({"mcp": plugin()}) as proxy:
        hello = await ask(proxy, "initialize", {"protocolVersion": "2025-06-18", "clientInfo": {"name": "codex"}})
        listed = await ask(proxy, "tools/list")
        answer = await call(proxy, "s__echo", {"text": "hi"})

    assert hello["result"]["protocolVersion"] == "2025-06-18"
    assert "s" in hello["result"]["instructions"]
    tools = {one["name"]: one for one in listed["result"]["tools"]}
    assert list(tools) == ["s__echo", "s__write", "search_project_tools", "call_project_tool", "read_output"]
    assert tools["s__echo"]["description"] == "says it"
    assert tools["s__echo"]["annotations"]["readOnlyHint"] is True
    assert tools["s__write"]["annotations"] == {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": True}
    assert answer == ("echo: hi", False)


async def test_what_codex_asked_its_user_about_is_called_and_what_nobody_asked_about_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Pretend(server(), [tool("write", read_only=False)])
    World(one).install(monkeypatch)

    async with Harness({"mcp": plugin()}, script=[text("hello")]) as proxy:
        await proxy.say("hello")
        known = await call(proxy, "s__write", {}, thread=thread_of(proxy))
        stranger = await call(proxy, "s__write", {}, thread="made-up")
        generic = await call(
            proxy, "call_project_tool", {"name": "mcp__s__write", "arguments": {}}, thread=thread_of(proxy)
        )

    assert known == ("write: ", False)
    assert stranger[1] and "needs the user's permission" in stranger[0]
    assert generic[1] and "needs the user's permission" in generic[0]
    assert len(one.calls) == 1


async def test_a_denied_tool_is_neither_listed_nor_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one = Pretend(server(), [tool("echo"), tool("write")])
    World(one).install(monkeypatch)
    config = Config(tmp_path, {"permissions": {"deny": ["mcp__s__write"]}})

    async with Harness({"mcp": plugin()}, config=config) as proxy:
        listed = await ask(proxy, "tools/list")
        answer = await call(proxy, "s__write", {})

    assert "s__write" not in [one["name"] for one in listed["result"]["tools"]]
    assert answer[1] and "is denied" in answer[0]
    assert one.calls == []


async def test_a_projects_servers_are_found_by_its_threads_and_listed_at_its_own_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(Pretend(server("mine"), [tool("a")]))
    world.projects[PROJECT] = [Pretend(server("theirs", scope="project"), [tool("build", "builds all of it")])]
    world.install(monkeypatch)

    async with Harness({"mcp": plugin()}, script=[text("hello")]) as proxy:
        await proxy.say("hello")
        common = await ask(proxy, "tools/list")
        own = await ask(proxy, "tools/list", route=f"{ROUTE}/{code_of(PROJECT)}")
        found = await call(proxy, "search_project_tools", {"query": "builds"}, thread=thread_of(proxy))
        elsewhere = await call(proxy, "search_project_tools", {"query": "builds"}, thread="")

    assert "theirs__build" not in [one["name"] for one in common["result"]["tools"]]
    assert "theirs__build" in [one["name"] for one in own["result"]["tools"]]
    assert json.loads(found[0].splitlines()[0])["name"] == "mcp__theirs__build"
    assert "mcp__theirs__build" not in elsewhere[0]


async def test_progress_comes_before_the_answer_in_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reports(name: str, arguments: Any, progress: Any) -> Any:
        await progress(1, 2, "half")
        return said("done")

    World(Pretend(server(), [tool("work")], reports)).install(monkeypatch)

    async with Harness({"mcp": plugin()}) as proxy:
        params = {"name": "s__work", "arguments": {}, "_meta": {"progressToken": 7}}
        body = json.dumps({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params}).encode()
        reply = await proxy.request("POST", ROUTE, body=body)

    messages = [json.loads(line[6:]) for line in reply.body.splitlines() if line.startswith(b"data: ")]
    assert [message.get("method") for message in messages] == ["notifications/progress", None]
    assert messages[0]["params"] == {"progressToken": 7, "progress": 1, "total": 2, "message": "s work: half"}
    assert messages[1]["id"] == 5


@pytest.mark.parametrize("token", [{"progressToken": 7}, {}])
async def test_a_call_that_codex_cancels_is_cancelled_at_the_server(
    token: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def endless(name: str, arguments: Any, progress: Any) -> Any:
        begun.set()
        await asyncio.Event().wait()

    slow = Pretend(server(), [tool("slow")], endless)
    World(slow).install(monkeypatch)

    async with asyncio.timeout(20), Harness({"mcp": plugin()}) as proxy:
        params = {"name": "s__slow", "arguments": {}, "_meta": token}
        body = json.dumps({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params}).encode()
        running = asyncio.ensure_future(proxy.request("POST", ROUTE, body=body))
        await begun.wait()
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
        answered = await proxy.request("POST", ROUTE, body=json.dumps(note).encode())
        reply = await running

    assert answered.status == 202
    assert slow.cancelled == 1
    assert b'"result"' not in reply.body


@pytest.mark.req("M5")
async def test_the_model_lists_and_reads_resources_by_the_names_that_a_prompt_would_use(
    tmp_path: Path, private_home: Path
) -> None:
    def entry(*words: str) -> dict[str, Any]:
        return {"command": sys.executable, "args": ["-I", str(SHELF), str(tmp_path / "asked.jsonl"), *words]}

    settings = {"mcpServers": {"s": entry(), "secret": entry()}, "permissions": {"deny": ["mcp__secret"]}}
    config = Config(private_home, settings, env={"HOME": str(private_home)})
    async with asyncio.timeout(60), Harness({"mcp": Plugin()}, config=config) as proxy:
        hello = await ask(proxy, "initialize")
        listed = await ask(proxy, "resources/list")
        templates = await ask(proxy, "resources/templates/list")
        read = await ask(proxy, "resources/read", {"uri": "s:issue://ENG-123"})
        long = await ask(proxy, "resources/read", {"uri": "s:big://r"})
        wrong = [await ask(proxy, "resources/read", {"uri": uri}) for uri in ("none:x", "secret:issue://ENG-123", 7)]

    assert "resources" in hello["result"]["capabilities"]
    uris = [one["uri"] for one in listed["result"]["resources"]]
    assert "s:issue://ENG-123" in uris
    assert not any(uri.startswith("secret") for uri in uris)
    assert [one["uriTemplate"] for one in templates["result"]["resourceTemplates"]] == ["s:tpl://{id}"]
    (content,) = read["result"]["contents"]
    assert (content["uri"], content["text"]) == ("s:issue://ENG-123", "ISSUE-TEXT line1\nline2")
    assert len(long["result"]["contents"][0]["text"]) < 110_000
    assert [one["error"]["code"] for one in wrong] == [-32002, -32002, -32602]


async def test_a_projects_server_that_nobody_has_allowed_shows_no_resources(tmp_path: Path, private_home: Path) -> None:
    entry = {"command": sys.executable, "args": ["-I", str(SHELF), str(tmp_path / "asked.jsonl")]}
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"s": entry}}), encoding="utf-8")
    config = Config(private_home, env={"HOME": str(private_home)})
    async with asyncio.timeout(60), Harness({"mcp": Plugin()}, config=config) as proxy:
        listed = await ask(proxy, "resources/list", route=f"{ROUTE}/{code_of(tmp_path)}")

    assert listed["result"] == {"resources": []}
    assert not (tmp_path / "asked.jsonl").exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no json", 400),
        (b"[]", 400),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', 400),
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', 202),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', 202),
        (b"[" * 100_000, 400),
    ],
)
async def test_what_is_no_request_is_answered_as_such(
    monkeypatch: pytest.MonkeyPatch, body: bytes, status: int
) -> None:
    World().install(monkeypatch)

    async with Harness({"mcp": plugin()}) as proxy:
        reply = await proxy.request("POST", ROUTE, body=body)

    assert reply.status == status


async def test_a_web_page_cannot_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    World().install(monkeypatch)

    async with Harness({"mcp": plugin()}) as proxy:
        reply = await proxy.request("POST", ROUTE, [(b"origin", b"https://evil.example")], b"{}")

    assert reply.status == 403


@pytest.mark.parametrize("path", ["/home/user/project", "/home/ü/a b", "/x"])
def test_a_projects_address_can_be_read_back(path: str) -> None:
    assert project_of(code_of(Path(path))) == Path(path)


@pytest.mark.parametrize("code", ["", "!!", "cmVsYXRpdmU", "L2EAYg"])
def test_what_is_no_address_of_a_project_is_none(code: str) -> None:
    assert project_of(code) is None


def test_init_enters_the_gateway_at_the_proxys_address() -> None:
    (step,) = steps()

    assert step.option == "mcp"
    assert step.files({}) == {}
    assert step.codex_tables is not None
    assert step.codex_tables("http://127.0.0.1:3000")[TABLE]["url"] == "http://127.0.0.1:3000/_codexplus/mcp"


@pytest.mark.parametrize("rule", ["mcp__my_server", "mcp__my_server__read_resource", "mcp__my_server__*"])
@pytest.mark.parametrize("kind", ["deny", "ask"])
async def test_a_rule_may_call_the_server_of_a_resource_as_it_is_shown(
    rule: str, kind: str, tmp_path: Path, private_home: Path
) -> None:
    shelf = {"command": sys.executable, "args": ["-I", str(SHELF), str(tmp_path / "asked.jsonl")]}
    settings = {"mcpServers": {"my server": shelf}, "permissions": {kind: [rule]}}
    config = Config(private_home, settings, env={"HOME": str(private_home)})
    async with asyncio.timeout(60), Harness({"mcp": Plugin()}, config=config) as proxy:
        await ask(proxy, "initialize")
        read = await ask(proxy, "resources/read", {"uri": "my server:issue://ENG-123"})

    assert "error" in read
