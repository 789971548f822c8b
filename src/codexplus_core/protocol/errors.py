"""How the Responses API words a failure: as a JSON body, and as a failed response in a stream."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec


class Failure(NamedTuple):
    """A failure as an HTTP status with the API's code and the words for the user."""

    status: int
    code: str
    message: str

    def body(self) -> bytes:
        """The JSON body that belongs to it."""
        return error_body(self.code, self.message, type=_type_of(self.status))


def error_body(code: str, message: str, *, type: str = "invalid_request_error", param: str | None = None) -> bytes:
    """The API's JSON error shape."""
    return msgspec.json.encode({"error": {"message": message, "type": type, "param": param, "code": code}})


def error_message(body: bytes) -> str:
    """The words of a JSON error body, ``""`` where it holds none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    error = value.get("error") if isinstance(value, dict) else None
    words = error.get("message") if isinstance(error, dict) else None
    return words if isinstance(words, str) else ""


def failed_response(id: str, code: str, message: str, model: str = "") -> dict[str, Any]:
    """A response object that failed, for ``response.failed`` and for a request with ``stream: false``."""
    response: dict[str, Any] = {
        "id": id,
        "object": "response",
        "status": "failed",
        "error": {"code": code, "message": message},
        "incomplete_details": None,
        "output": [],
        "usage": None,
    }
    if model:
        response["model"] = model
    return response


def upstream_failure(kind: str, message: str) -> Failure:
    """What the client is told when no answer came from upstream; ``kind`` and ``message`` are the UpstreamError's."""
    status = 504 if kind == "timeout" else 502
    return Failure(status, f"upstream_{kind}", message)


def _type_of(status: int) -> str:
    return "server_error" if status >= 500 else "invalid_request_error"
