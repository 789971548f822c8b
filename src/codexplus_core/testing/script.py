"""What a scripted model can answer: text, tool calls, reasoning, failures, cuts and silences."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from zlib import crc32

from .streams import Event, Ids, Item, ResponseBuilder, Wire, message_item, usage


@dataclass(frozen=True, slots=True)
class Gate:
    """A silence in an answer that lasts until the test calls ``upstream.release(name)``."""

    name: str


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that are sent as they are."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """The stream breaks off: ``reset`` resets the connection, ``close`` ends it without the framing's own end."""

    how: Literal["reset", "close"] = "reset"


Step = Event | Gate | Raw | Break


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer is made from: the parsed request, the whole conversation it stands for, and fresh ids."""

    request: Mapping[str, Any]
    items: Sequence[Item]
    ids: Ids


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted answer; ``a + b`` is one answer with the items of both (and the ending of ``b``)."""

    makers: tuple[Callable[[Asked], Item], ...] = ()
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    chunk: int = 8
    usage: dict[str, Any] = field(default_factory=usage)
    ending: tuple[str, str, str] = ("completed", "", "")
    stops: tuple[tuple[int, Step | None], ...] = ()
    wire: Wire = field(default_factory=Wire)

    def __add__(self, other: Answer) -> Answer:
        headers = self.headers + other.headers
        return replace(other, makers=self.makers + other.makers, headers=headers, stops=self.stops + other.stops)

    def cut(self, after_events: int, how: Literal["reset", "close"] = "reset") -> Answer:
        """The same answer, breaking off after so many events."""
        return replace(self, stops=(*self.stops, (after_events, Break(how))))

    def clean_end(self, after_events: int) -> Answer:
        """The same answer, whose body ends well after so many events, without ``response.completed``."""
        return replace(self, stops=(*self.stops, (after_events, None)))

    def stall(self, gate: Gate | str, after_events: int = 1) -> Answer:
        """The same answer, silent after so many events until the gate is released."""
        gate = Gate(gate) if isinstance(gate, str) else gate
        return replace(self, stops=(*self.stops, (after_events, gate)))

    def on_wire(self, **options: Any) -> Answer:
        """The same answer with other ``Wire`` options (crlf, comments, event_lines, chunk, coalesce)."""
        return replace(self, wire=replace(self.wire, **options))

    def with_headers(self, **headers: str) -> Answer:
        """The same answer with more response headers; underscores stand for dashes."""
        return replace(self, headers=self.headers + tuple((k.replace("_", "-"), v) for k, v in headers.items()))

    def with_usage(self, counts: dict[str, Any]) -> Answer:
        """The same answer with other token counts."""
        return replace(self, usage=counts)

    def steps(self, asked: Asked, response_id: str) -> list[Step]:
        """Everything that is sent for ``asked``, in order."""
        builder = ResponseBuilder(response_id, str(asked.request.get("model", "")))
        events = builder.opening()
        for make in self.makers:
            events += builder.item(make(asked), chunk=self.chunk)
        name, first, second = self.ending
        if name == "failed":
            events.append(builder.failed(first, second))
        elif name == "incomplete":
            events.append(builder.incomplete(first, self.usage))
        else:
            events.append(builder.completed(self.usage))
        return self._stopped(events)

    def _stopped(self, events: list[Event]) -> list[Step]:
        steps: list[Step] = []
        for count, event in enumerate([*events, None]):
            for after, stop in self.stops:
                if after != count:
                    continue
                if stop is None:
                    return steps
                steps.append(stop)
                if isinstance(stop, Break):
                    return steps
            if event is not None:
                steps.append(event)
        return steps


Scripted = Answer | Callable[[dict[str, Any]], Answer]
"""An answer, or a function from the parsed request to one."""


def text(words: str, *, chunk: int = 8, phase: str | None = None) -> Answer:
    """An assistant message, streamed ``chunk`` characters at a time."""
    return Answer((lambda asked: message_item(asked.ids.new("msg"), words, phase),), chunk=chunk)


def reasoning(summary: str = "**Thinking** it over", encrypted: str | None = None) -> Answer:
    """A reasoning item, to be followed by something: ``reasoning() + text("done")``."""

    def make(asked: Asked) -> Item:
        identity = asked.ids.new("rs")
        parts = [{"type": "summary_text", "text": summary}] if summary else []
        return {
            "id": identity, "type": "reasoning", "summary": parts, "content": [],
            "encrypted_content": encrypted or f"gAAAAA-{identity}",
        }  # fmt: skip

    return Answer((make,))


def call(name: str, arguments: Mapping[str, Any] | str, namespace: str | None = None) -> Answer:
    """A call of a function tool."""

    def make(asked: Asked) -> Item:
        words = arguments if isinstance(arguments, str) else json.dumps(dict(arguments), ensure_ascii=False)
        item = {
            "id": asked.ids.new("fc"), "type": "function_call", "status": "completed", "arguments": words,
            "call_id": asked.ids.new("call"), "name": name,
        }  # fmt: skip
        return item if namespace is None else {**item, "namespace": namespace}

    return Answer((make,))


def custom_call(name: str, input: str, namespace: str | None = None) -> Answer:
    """A call of a custom (free text) tool."""

    def make(asked: Asked) -> Item:
        item = {
            "id": asked.ids.new("ctc"), "type": "custom_tool_call", "status": "completed",
            "call_id": asked.ids.new("call"), "input": input, "name": name,
        }  # fmt: skip
        return item if namespace is None else {**item, "namespace": namespace}

    return Answer((make,))


def shell(command: str) -> Answer:
    """A call that makes the client run ``command``, with whichever shell tool its request offers."""

    def make(asked: Asked) -> Item:
        names, code_mode = _offered(asked)
        if code_mode:
            script = f"text(JSON.stringify(await tools.exec_command({{cmd:{json.dumps(command)}}})))"
            return custom_call("exec", script, "functions").makers[0](asked)
        if "exec_command" in names:
            return call("exec_command", {"cmd": command}).makers[0](asked)
        if "shell_command" in names:
            return call("shell_command", {"command": command}).makers[0](asked)
        argv = ["bash", "-lc", command]
        if "local_shell" in names:
            return {
                "id": asked.ids.new("lsh"), "type": "local_shell_call", "status": "completed",
                "call_id": asked.ids.new("call"), "action": {"type": "exec", "command": argv, "timeout_ms": 10_000},
            }  # fmt: skip
        return call("shell", {"command": argv}).makers[0](asked)

    return Answer((make,))


def _offered(asked: Asked) -> tuple[set[str], bool]:
    names = {str(tool.get("name") or tool.get("type")) for tool in asked.request.get("tools") or []}
    for item in asked.items:
        for space in item.get("tools") or [] if item.get("type") == "additional_tools" else []:
            for tool in space.get("tools") or []:
                # Code mode: the only way to a shell is JavaScript in a custom tool named exec.
                if isinstance(tool, dict) and tool.get("name") == "exec":
                    return names, True
    return names, False


def compaction(encrypted: str | None = None) -> Answer:
    """The single item that remote compaction wants."""

    def make(asked: Asked) -> Item:
        identity = asked.ids.new("cmp")
        return {"id": identity, "type": "compaction", "encrypted_content": encrypted or f"gAAAAA-{identity}"}

    return Answer((make,))


def nothing() -> Answer:
    """A response without output, as a warm-up gets."""
    return Answer()


def failed(code: str, message: str) -> Answer:
    """``response.failed`` with this error."""
    return Answer(ending=("failed", code, message))


def incomplete(reason: str = "max_output_tokens", words: str = "Only a part") -> Answer:
    """Some text, then ``response.incomplete``."""
    return replace(text(words), ending=("incomplete", reason, ""))


def status(code: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
    """A plain HTTP answer; a body that is no bytes or text is sent as JSON."""
    if body is None:
        body = {"error": {"message": f"scripted status {code}", "type": "server_error", "param": None, "code": None}}
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    given = {name.lower(): value for name, value in (headers or {}).items()}
    kind = "text/plain" if isinstance(body, (bytes, str)) else "application/json"
    return Answer(status=code, body=data, headers=tuple({"content-type": kind, **given}.items()))


def raw(data: bytes, content_type: str = "text/event-stream") -> Answer:
    """A 200 whose body is these bytes."""
    return Answer(body=data, headers=(("content-type", content_type),))


def cut(after_events: int, answer: Answer | None = None, how: Literal["reset", "close"] = "reset") -> Answer:
    """An answer that breaks off after so many events."""
    return (answer or text("This answer breaks off in the middle")).cut(after_events, how)


def clean_end(after_events: int, answer: Answer | None = None) -> Answer:
    """An answer whose body ends well after so many events, but without its last event."""
    return (answer or text("This answer ends too early")).clean_end(after_events)


def stall(gate: Gate | str, after_events: int = 2, answer: Answer | None = None) -> Answer:
    """An answer that goes silent after so many events until the test releases the gate."""
    return (answer or text("After the silence")).stall(gate, after_events)


_SUMMARY_PROMPTS = ("You are performing a CONTEXT CHECKPOINT COMPACTION", "Start Summarization")


def housekeeping(request: Mapping[str, Any]) -> Answer | None:
    """The answer to what Codex asks of its own accord (warm-up, title, compaction); None for a real turn."""
    if request.get("generate") is False:
        return nothing()
    schema = ((request.get("text") or {}).get("format") or {}).get("schema") or {}
    if set(schema.get("properties") or {}) == {"title"}:
        return text('{"title": "A scripted title"}')
    items = request.get("input") or []
    last = items[-1] if isinstance(items, list) and items else {}
    if last.get("type") == "compaction_trigger":
        return compaction()
    content = last.get("content")
    said = content[0].get("text", "") if last.get("role") == "user" and isinstance(content, list) and content else ""
    if str(said).startswith(_SUMMARY_PROMPTS):
        digest = crc32(json.dumps(items).encode())
        return text(f"A summary of the conversation so far ({digest:08x}).")
    return None
