"""How Codex puts a request on a WebSocket: the handshake, the warm-up and the message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .codex_requests import ClientRequest, Headers
from .streams import Item

BETA = (b"openai-beta", b"responses_websockets=2026-02-06")
_LITE = b"x-openai-internal-codex-responses-lite"
_METADATA = "x-codex-turn-metadata"
_OF_THE_POST = (b"accept", b"content-type", b"content-length", b"content-encoding", b"host", _LITE)
_OF_THE_TURN = ("root_turn_id", "turn_trigger", "workspaces", "turn_started_at_unix_ms", "compaction")


def handshake(request: ClientRequest, *, key: str, warming: bool, deflate: bool = True) -> ClientRequest:
    """The GET that opens the connection for a POST; ``warming`` before the first request of a process."""
    # 0.120 does not say its name here.
    drop = _OF_THE_POST if _is_newer(request) else (*_OF_THE_POST, b"user-agent")
    lines: Headers = [
        (b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13"),
        (b"Sec-WebSocket-Key", key.encode("ascii")), BETA,
    ]  # fmt: skip
    for name, value in request.headers:
        if name not in drop:
            is_metadata = warming and name == _METADATA.encode()
            lines.append((name, _prewarm(value.decode("latin-1")).encode("latin-1") if is_metadata else value))
    if deflate:
        lines.append((b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits"))
    return ClientRequest("GET", request.path, lines, b"", {})


def warm_up(request: ClientRequest, *, now_ms: int) -> dict[str, Any]:
    """The message that comes first on the first connection of a process."""
    made = message(request, [], None, now_ms=now_ms)
    notes = made.pop("client_metadata")
    notes[_METADATA] = _prewarm(notes[_METADATA])
    if "turn_id" in notes:
        notes["turn_id"] = ""
    notes.pop("root_turn_id", None)
    return {**made, "generate": False, "client_metadata": notes}


def message(request: ClientRequest, items: Sequence[Item], previous: str | None, *, now_ms: int) -> dict[str, Any]:
    """The message for a POST whose input is ``items``, following the response ``previous``."""
    headers = {name: value.decode("latin-1") for name, value in request.headers}
    made: dict[str, Any] = {"type": "response.create"}
    for name, value in request.json.items():
        if name == "input":
            made |= {"previous_response_id": previous} if previous is not None else {}
            made["input"] = list(items)
        elif name == "client_metadata":
            notes = dict(value)
            notes |= {name: headers[name.encode()] for name in ("x-codex-window-id", _METADATA)}
            if _LITE in headers:
                notes["x-codex-ws-stream-request-start-ms"] = str(now_ms)
                notes["ws_request_header_x_openai_internal_codex_responses_lite"] = headers[_LITE]
            made["client_metadata"] = notes
        else:
            made[name] = value
    return made


def _is_newer(request: ClientRequest) -> bool:
    return any(name == _LITE for name, _ in request.headers)


def _prewarm(metadata: str) -> str:
    made = {name: value for name, value in json.loads(metadata).items() if name not in _OF_THE_TURN}
    made["turn_id"] = ""
    if "request_kind" in made:
        made["request_kind"] = "prewarm"
    return json.dumps(made, separators=(",", ":"))
