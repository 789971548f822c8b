"""The server that the recorded cases talk to, over stdio and without the mcp package.

Writes its start and what it is asked into the file that its first argument names, one JSON object a line.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
COUNT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
NONE: dict[str, Any] = {"type": "object", "properties": {}}
TOOLS = {
    "echo": TEXT, "big": COUNT, "plain": COUNT, "two": NONE, "empty": NONE, "fail": NONE, "struct": NONE,
    "odd.tool name/é": NONE,
}  # fmt: skip
PROMPTS: list[dict[str, Any]] = [
    {"name": "greet", "arguments": [{"name": "name", "required": True}, {"name": "style"}]},
    {"name": "multi", "arguments": [{"name": "topic", "required": True}]},
    {"name": "odd prompt.name", "arguments": [{"name": "x"}]},
]
RESOURCES = ("issue://ENG-123", "doc://with space", "bin://x", "big://r")


def note(**what: Any) -> None:
    if len(sys.argv) > 1:
        with Path(sys.argv[1]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def result(value: Any) -> dict[str, Any]:
    # What the SDK of the time made of a function that gives a text.
    return {"content": [text(str(value))], "structuredContent": {"result": value}}


def call(name: str, given: dict[str, Any]) -> dict[str, Any]:
    words = " ".join(f"word{number}" for number in range(int(given.get("n", 0))))
    if name == "echo" and "text" not in given:
        why = (
            "Error executing tool echo: 1 validation error for echoArguments\ntext\n  Field required [type=missing,"
            f" input_value={given!r}, input_type=dict]\n    For further information visit"
            " https://errors.pydantic.dev/2.14/v/missing"
        )
        return {"content": [text(why)], "isError": True}
    if name == "echo":
        note(event="echo", text=given["text"])
        return result(f"ECHO:{given['text']}")
    if name == "big":
        return result(words)
    if name == "plain":
        return {"content": [text(words)]}
    if name == "two":
        return {"content": [text("FIRST"), text("SECOND")]}
    if name == "empty":
        return {"content": []}
    if name == "struct":
        return {"content": [text("{}")], "structuredContent": {"a": 1}}
    if name == "fail":
        return {"content": [text("FAILED")], "isError": True}
    return result("ODD")


def prompt(name: str, given: dict[str, str]) -> list[dict[str, Any]]:
    if name == "greet":
        note(event="greet", name=given.get("name"), style=given.get("style"))
        words = f"Greet [{given['name']}] style [{given.get('style')}] @a.txt !`echo no` $ARGUMENTS $0"
        return [{"role": "user", "content": text(words)}]
    said = (("user", f"U1 {given.get('topic')}"), ("assistant", "A1"), ("user", "U2"))
    return [{"role": role, "content": text(words)} for role, words in said]


def resource(uri: str) -> dict[str, str]:
    if uri == "bin://x":
        data = base64.b64encode(b"\0\1").decode()
        return {"uri": uri, "mimeType": "application/octet-stream", "blob": data}
    words = {"issue://ENG-123": "ISSUE-TEXT line1\nline2", "big://r": "word " * 60_000}.get(uri, f"TEXT {uri}")
    return {"uri": uri, "mimeType": "text/plain", "text": words}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}, "prompts": {}, "resources": {}},
            "serverInfo": {"name": "srv", "version": "1"},
            "instructions": "ORACLE-INSTRUCTIONS: use me for tests",
        }
    if method == "tools/list":
        return {"tools": [{"name": name, "inputSchema": schema} for name, schema in TOOLS.items()]}
    if method == "tools/call":
        return call(params["name"], params.get("arguments") or {})
    if method == "prompts/list":
        return {"prompts": PROMPTS}
    if method == "prompts/get":
        return {"messages": prompt(params["name"], params.get("arguments") or {})}
    if method == "resources/list":
        return {"resources": [{"uri": uri, "name": uri.rpartition("/")[2]} for uri in RESOURCES]}
    if method == "resources/templates/list":
        return {"resourceTemplates": [{"uriTemplate": "tpl://{id}", "name": "tpl"}]}
    if method == "resources/read":
        return {"contents": [resource(params["uri"])]}
    return {} if method == "ping" else None


def main() -> None:
    seen = {name: value for name, value in os.environ.items() if name.startswith(("T_", "MY_", "CLAUDE_PROJECT_"))}
    note(event="start", argv=sys.argv[1:], env=seen, cwd=str(Path.cwd()))
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked or "method" not in asked:
            continue
        found = answer(asked["method"], asked.get("params") or {})
        said = {"error": {"code": -32601, "message": "no such method"}} if found is None else {"result": found}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **said}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
