"""Requests before the guard."""

from __future__ import annotations

from typing import Any

from codexplus_core.proxy.guard import Admitted, Denied, Guard

TOKEN = b"k3y-" + b"A" * 39


PORT = 3000


ME, ROOT, OTHER = 1000, 0, 1001


Lines = list[tuple[bytes, bytes]]


def scope(
    path: bytes = b"/v1/responses",
    *,
    method: str = "GET",
    headers: Lines | None = None,
    host: bytes | None = b"127.0.0.1:3000",
    query: bytes = b"",
    kind: str = "http",
    version: str = "1.1",
) -> dict[str, Any]:
    lines = [] if host is None else [(b"Host", host)]
    found: dict[str, Any] = {
        "type": kind,
        "http_version": version,
        "raw_path": path,
        "query_string": query,
        "headers": [*lines, *(headers or [])],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", PORT),
    }
    if kind == "http":
        found["method"] = method
    return found


def guard(uid: int | None = ME, *, token: bytes | None = TOKEN, hosts: tuple[str, ...] = ()) -> Guard:
    return Guard(port=PORT, token=token, hosts=hosts, uid_of=lambda client, server: uid, own_uid=ME)


def denied(verdict: Denied | Admitted) -> tuple[int, str]:
    assert isinstance(verdict, Denied)
    return verdict.status, verdict.code


def admitted(verdict: Denied | Admitted) -> Admitted:
    assert isinstance(verdict, Admitted), verdict
    return verdict
