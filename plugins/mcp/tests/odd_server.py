"""An MCP server over stdio, without the mcp package, that misbehaves as its arguments say.

``banner`` prints words first, ``noise`` nothing else; ``late`` never answers the handshake; ``dies`` ends in it;
``children`` starts one that would stay. Its tools: ``echo``, ``env``, ``pids``, ``slow`` (until it is cancelled),
``die``, ``flood``, ``huge``, ``broken``, ``wrong``, ``more`` (adds a tool and says so), ``asked``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

WORDS = sys.argv[1:]
NAMES = ["echo", "env", "pids", "slow", "die", "flood", "huge", "broken", "wrong", "more", "asked", "stubborn"]
CANCELLED: list[Any] = []
CHILDREN: list[int] = []
ASKED: list[str] = []


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def said(words: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": words}]}


def tools(cursor: str | None) -> dict[str, Any]:
    if "endless" in WORDS:
        at = int(cursor or 0)
        page = [{"name": f"t{at}_{n}", "inputSchema": {"type": "object"}} for n in range(100)]
        return {"tools": page, "nextCursor": str(at + 1)}
    if "circle" in WORDS:
        return {"tools": [{"name": "one", "inputSchema": {"type": "object"}}], "nextCursor": "again"}
    return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in NAMES]}


def call(id: Any, name: str, given: dict[str, Any]) -> dict[str, Any] | None:
    if name == "slow":
        return None
    if name == "die":
        sys.stderr.write("out of luck\n")
        sys.stderr.flush()
        os._exit(3)
    if name == "flood":
        for number in range(20_000):
            send({"method": "notifications/message", "params": {"level": "info", "data": f"line {number}"}})
    if name == "huge":
        # Longer than any message may be.
        sys.stdout.write('{"jsonrpc": "2.0", "id": 1, "result": "')
        for _ in range(20):
            sys.stdout.write("y" * (1 << 20))
        sys.stdout.flush()
        return None
    if name == "broken":
        sys.stdout.write("this is no message\n")
    if name == "wrong":
        return {"content": "not a list"}
    if name == "more":
        NAMES.append("another")
        send({"method": "notifications/tools/list_changed"})
    answers = {
        "env": json.dumps({**os.environ, "cwd": str(Path.cwd())}),
        "pids": json.dumps([os.getpid(), *CHILDREN]),
        "asked": json.dumps([ASKED, CANCELLED]),
    }
    return said(answers.get(name, json.dumps(given)))


def answer(message: dict[str, Any]) -> dict[str, Any] | None:
    method, params = message["method"], message.get("params") or {}
    if method == "initialize":
        if "late" in WORDS:
            return None
        if "dies" in WORDS:
            sys.stderr.write("no licence\n")
            sys.stderr.flush()
            os._exit(1)
        has: dict[str, Any] = {} if "nothing" in WORDS else {"tools": {"listChanged": True}}
        info = {"name": "odd", "version": "1"}
        return {"protocolVersion": "2025-11-25", "capabilities": has, "serverInfo": info, "instructions": "Be odd."}
    if method == "tools/list" and "mute" in WORDS:
        return None
    if method == "tools/list":
        return tools(params.get("cursor"))
    if method == "tools/call":
        return call(message["id"], params["name"], params.get("arguments") or {})
    raise KeyError(method)


def ask_the_client() -> None:
    """What a client may be asked; none of it is granted."""
    for number, method in enumerate(("sampling/createMessage", "roots/list", "elicitation/create")):
        params = {"messages": [], "maxTokens": 1, "message": "Your password?", "requestedSchema": {"type": "object"}}
        send({"id": f"q{number}", "method": method, "params": params})


def main() -> None:
    if "banner" in WORDS:
        print("Welcome to the odd server!\n\n{not json}")
    if "noise" in WORDS:
        while True:
            print("z" * 4000)
    if "children" in WORDS:
        CHILDREN.append(subprocess.Popen(["sleep", "600"]).pid)
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("method") == "notifications/cancelled":
            CANCELLED.append(message["params"]["requestId"])
        if message.get("method") == "notifications/initialized" and "asks" in WORDS:
            ask_the_client()
        if "method" not in message:
            ASKED.append(message.get("error", {}).get("message", "granted"))
        if "id" not in message or "method" not in message:
            continue
        try:
            result = answer(message)
        except KeyError:
            send({"id": message["id"], "error": {"code": -32601, "message": "Method\x1b[31m not\nfound"}})
            continue
        if result is not None:
            send({"id": message["id"], "result": result})
    if "stubborn" in WORDS:
        import time

        time.sleep(600)


main()
