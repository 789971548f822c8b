"""StrictUpstream answers as scripted, in process and over a socket, and sees what its client did."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from codexplus_core.proxy.transport import UpstreamCut, UpstreamError, UpstreamRequest
from codexplus_core.testing.codex import CodexClient
from codexplus_core.testing.codex_requests import ClientRequest
from codexplus_core.testing.script import (
    Answer,
    call,
    clean_end,
    custom_call,
    cut,
    failed,
    incomplete,
    raw,
    reasoning,
    shell,
    stall,
    status,
    text,
)
from codexplus_core.testing.upstream import Scripted, StrictUpstream

BASE = "http://upstream.test"
VERSIONS = ("0.29.0", "0.60.1", "0.98.0", "0.120.0", "0.169.0")


async def read(upstream: StrictUpstream, request: ClientRequest) -> tuple[int, list[bytes]]:
    answer = await upstream.open(request.to(BASE))
    chunks = []
    while chunk := await answer.read():
        chunks.append(chunk)
    return answer.status, chunks


def events(data: bytes) -> list[dict[str, Any]]:
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    return [json.loads(line[5:]) for line in lines if line.startswith(b"data:")]


async def over_socket(url: str, request: ClientRequest) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(host, int(port))
        lines = [f"{request.method} {request.path} HTTP/1.1".encode(), b"host: x", b"connection: close"]
        lines += [name + b": " + value for name, value in request.headers]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + request.body)
        await writer.drain()
        data = await reader.read()
        writer.close()
        return data


async def test_an_answer_is_framed_and_numbered_as_the_api_does() -> None:
    upstream = StrictUpstream([reasoning() + text("Hello there", chunk=4)])

    _, chunks = await read(upstream, CodexClient().say("hi"))

    got = events(b"".join(chunks))
    assert [event["type"] for event in got] == [
        "response.created", "response.in_progress",
        "response.output_item.added", "response.reasoning_summary_part.added",
        *["response.reasoning_summary_text.delta"] * 5, "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done", "response.output_item.done",
        "response.output_item.added", "response.content_part.added", *["response.output_text.delta"] * 3,
        "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert [event["sequence_number"] for event in got] == list(range(len(got)))
    assert [item["type"] for item in got[-1]["response"]["output"]] == ["reasoning", "message"]
    assert len(chunks) == len(got)


@pytest.mark.parametrize(
    ("options", "check"),
    [
        ({"crlf": True}, lambda chunks: b"\r\n\r\n" in chunks[0]),
        ({"comments": True}, lambda chunks: chunks[0].startswith(b": ")),
        ({"event_lines": False}, lambda chunks: chunks[0].startswith(b"data:")),
        ({"chunk": 1}, lambda chunks: {len(chunk) for chunk in chunks} == {1}),
        ({"coalesce": True}, lambda chunks: len(chunks) == 1),
    ],
)
async def test_wire_options_change_the_bytes_and_not_the_words(options: dict[str, Any], check: Any) -> None:
    upstream = StrictUpstream([text("Hello").on_wire(**options)])
    client = CodexClient()

    _, chunks = await read(upstream, client.say("hi"))

    assert check(chunks)
    assert client.receive(b"".join(chunks)).text == "Hello"


@pytest.mark.parametrize(
    ("version", "tool"),
    [("0.29.0", "shell"), ("0.60.1", "shell_command"), ("0.120.0", "exec_command"), ("0.169.0", "exec")],
)
async def test_shell_uses_the_clients_own_tool(version: str, tool: str) -> None:
    upstream = StrictUpstream([shell("ls")])
    client = CodexClient(version)

    _, chunks = await read(upstream, client.say("hi"))

    [made] = client.receive(b"".join(chunks)).calls
    assert made["name"] == tool
    assert "ls" in str(made)


async def test_a_cut_in_process_raises_and_is_no_abort() -> None:
    upstream = StrictUpstream([cut(3)])
    answer = await upstream.open(CodexClient().say("hi").to(BASE))

    for _ in range(3):
        assert await answer.read()

    with pytest.raises(UpstreamCut):
        await answer.read()
    answer.close()
    assert upstream.requests[0].answer[-1] == "cut"
    assert not upstream.requests[0].aborted


async def test_closing_an_answer_early_is_remembered_and_wakes_its_reader() -> None:
    upstream = StrictUpstream([stall("door", 1)])
    answer = await upstream.open(CodexClient().say("hi").to(BASE))
    assert await answer.read()
    reader = asyncio.ensure_future(answer.read())
    async with asyncio.timeout(60):
        await upstream.standing_at("door")

        answer.close()

        with pytest.raises(UpstreamCut):
            await reader
    assert upstream.requests[0].aborted


async def test_a_gate_holds_the_answer_until_it_is_released() -> None:
    upstream = StrictUpstream([stall("door", 1, text("late"))])
    reading = asyncio.ensure_future(read(upstream, CodexClient().say("hi")))
    async with asyncio.timeout(60):
        await upstream.standing_at("door")
        assert not reading.done()

        upstream.release("door")

        _, chunks = await reading
    assert events(b"".join(chunks))[-1]["type"] == "response.completed"


async def test_an_illegal_request_gets_the_apis_error_and_is_remembered() -> None:
    upstream = StrictUpstream([text("not used up")])
    body = json.dumps({"model": "m", "input": [], "instructions": "", "tools": [], "colour": 1}).encode()

    answer = await upstream.open(UpstreamRequest("POST", f"{BASE}/v1/responses", [], body))

    assert answer.status == 400
    assert json.loads(await answer.read())["error"]["code"] == "unknown_parameter"
    assert [illegal.param for illegal in upstream.illegal] == ["colour"]
    assert len(upstream.script) == 1


async def test_housekeeping_uses_up_no_script() -> None:
    upstream = StrictUpstream([text("mine")])
    client = CodexClient("0.169.0")
    client.receive(b"".join((await read(upstream, client.say("hi")))[1]))
    upstream.script = [text("still here")]

    _, title = await read(upstream, client.title_request("hi"))
    _, compacted = await read(upstream, client.compact())

    assert json.loads(CodexClient().receive(b"".join(title)).text)["title"]
    assert events(b"".join(compacted))[-2]["item"]["type"] == "compaction"
    assert len(upstream.script) == 1
    assert upstream.illegal == []


async def test_other_paths_are_scripted_or_unknown() -> None:
    upstream = StrictUpstream(paths={"/models": status(200, {"models": []}, {"ETag": "x"})})

    known, body = await read(upstream, CodexClient().framer.models())
    unknown = await upstream.open(UpstreamRequest("GET", f"{BASE}/v1/files?x=1", []))

    assert (known, json.loads(body[0])) == (200, {"models": []})
    assert unknown.status == 404 and json.loads(await unknown.read())["error"]
    assert upstream.requests[1].path == "/v1/files?x=1"


@pytest.mark.parametrize(
    ("answer", "error", "retries"),
    [
        (failed("invalid_prompt", "no such words"), "no such words", False),
        (failed("server_error", "boom"), "boom", True),
        (incomplete("max_output_tokens"), "Incomplete response returned, reason: max_output_tokens", False),
        (clean_end(4), "stream disconnected before completion", True),
        (raw(b"data: not json\n\n"), "stream disconnected before completion", True),
    ],
)
async def test_failures_read_as_codex_reads_them(answer: Answer, error: str, retries: bool) -> None:
    client = CodexClient()

    _, chunks = await read(StrictUpstream([answer]), client.say("hi"))

    seen = client.receive(b"".join(chunks))
    assert (seen.error, seen.retries) == (error, retries)


async def test_an_unreachable_upstream_raises() -> None:
    upstream = StrictUpstream()
    upstream.unreachable = UpstreamError("connect", "nobody is there")

    with pytest.raises(UpstreamError):
        await upstream.open(CodexClient().say("hi").to(BASE))


async def test_without_stream_the_answer_is_one_json_object() -> None:
    body = json.dumps({"model": "m", "input": [], "instructions": "", "tools": []}).encode()

    answer = await StrictUpstream([text("Hello")]).open(UpstreamRequest("POST", f"{BASE}/responses", [], body))

    response = json.loads(await answer.read())
    assert response["output"][0]["content"][0]["text"] == "Hello"
    assert await answer.read() == b""


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("version", VERSIONS)
async def test_the_socket_serves_the_same_in_every_framing(version: str, framing: Any) -> None:
    upstream = StrictUpstream([custom_call("apply_patch", "x") + call("update_plan", {"plan": []})])

    async with upstream.listen(framing=framing) as url:
        data = await over_socket(url, CodexClient(version).say("grüße"))

    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (b"\r\n0\r\n\r\n" in data) == (framing == "chunked")
    assert b"response.completed" in data
    assert upstream.illegal == []
    assert upstream.turns[0].body["input"][-1]["content"][0]["text"] == "grüße"


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_cut_on_the_socket_has_no_clean_end(how: Any) -> None:
    upstream = StrictUpstream([cut(3, how=how)])

    async with upstream.listen() as url:
        try:
            data = await over_socket(url, CodexClient().say("hi"))
        except ConnectionResetError:
            data = b""

    assert b"\r\n0\r\n\r\n" not in data
    assert b"response.completed" not in data
    assert not upstream.requests[0].aborted


async def test_a_client_that_leaves_the_socket_is_seen() -> None:
    upstream = StrictUpstream([stall("never", 2)])
    request = CodexClient().say("hi")

    async with asyncio.timeout(60), upstream.listen() as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = b"\r\n".join([b"POST /v1/responses HTTP/1.1", *(n + b": " + v for n, v in request.headers)])
        writer.write(head + b"\r\n\r\n" + request.body)
        await reader.readuntil(b"response.in_progress")
        writer.close()
        while not upstream.requests[0].aborted:
            await asyncio.sleep(0)


async def test_a_connection_carries_several_requests() -> None:
    upstream = StrictUpstream([text("one"), text("two")])
    client = CodexClient("0.60.1", "api")

    async with asyncio.timeout(60), upstream.listen(framing="length") as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        words = []
        for prompt in ("a", "b"):
            request = client.say(prompt)
            head = b"\r\n".join([b"POST /v1/responses HTTP/1.1", *(n + b": " + v for n, v in request.headers)])
            writer.write(head + b"\r\n\r\n" + request.body)
            answer = await reader.readuntil(b"\r\n\r\n")
            size = int(answer.split(b"content-length: ")[1].split(b"\r\n")[0])
            words.append(client.receive(await reader.readexactly(size)).text)
        writer.close()

    assert words == ["one", "two"]
    assert upstream.illegal == []


async def test_a_websocket_upgrade_is_answered_426() -> None:
    upgrade = UpstreamRequest("GET", f"{BASE}/v1/responses", [(b"Upgrade", b"websocket")])

    answer = await StrictUpstream().open(upgrade)

    assert answer.status == 426


def test_an_answer_may_be_made_from_the_request() -> None:
    def echo(request: dict[str, Any]) -> Answer:
        return text(request["input"][-1]["content"][0]["text"])

    scripts: Sequence[Scripted] = [echo]
    upstream = StrictUpstream(scripts)

    _, chunks = asyncio.run(read(upstream, CodexClient().say("say this")))

    assert CodexClient().receive(b"".join(chunks)).text == "say this"
