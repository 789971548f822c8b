"""How each version of Codex frames a request: path, header lines, body fields, compression."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import zstandard

from ..proxy.transport import UpstreamRequest
from .codex_versions import Auth, Version, tools
from .streams import Item

Headers = list[tuple[bytes, bytes]]

_TITLE_SCHEMA = {
    "type": "object", "properties": {"title": {"type": "string", "minLength": 1, "maxLength": 36}},
    "required": ["title"], "additionalProperties": False,
}  # fmt: skip
TITLE_FORMAT = {"type": "json_schema", "strict": True, "schema": _TITLE_SCHEMA, "name": "codex_output_schema"}


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A request as Codex sends it; ``json`` is the body before encoding."""

    method: str
    path: str
    headers: Headers
    body: bytes
    json: dict[str, Any]

    def to(self, base_url: str) -> UpstreamRequest:
        """The same request for an Upstream."""
        return UpstreamRequest(self.method, base_url.rstrip("/") + self.path, list(self.headers), self.body)


@dataclass(slots=True)
class Thread:
    """The names by which a request says where it belongs."""

    session: str
    thread: str
    installation: str
    turn: str = ""
    root_turn: str = ""
    window: int = 0
    window_id: str = ""
    started_ms: int = 0
    initialization: str = "new"
    source: str = "user"
    trigger: str | None = "exec"
    agent: str = "/root"
    subagent: str | None = None
    kind: str | None = None
    parent_thread: str | None = None
    parent_turn: str | None = None
    forked_from: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Framer:
    """Frames requests of one version."""

    version: Version
    auth: Auth
    cwd: str
    base: str = "/v1"
    tui: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Body fields on top, such as the title request's ``text``."""

    def turn(self, thread: Thread, items: Sequence[Item], *, instructions: str | None = None) -> ClientRequest:
        """A POST /responses."""
        compacting = bool(items) and items[-1].get("type") == "compaction_trigger"
        metadata = self._metadata(thread, compacting)
        body = self._body(thread, items, instructions or "You are Codex.", metadata)
        headers = [*self._identity(thread, metadata), ("accept", "text/event-stream")]
        return self._framed("/responses", body, headers)

    def compact(self, thread: Thread, items: Sequence[Item]) -> ClientRequest:
        """A POST /responses/compact, as 0.98 and 0.120 send it."""
        body: dict[str, Any] = {"model": self.version.model, "input": list(items), "instructions": "You are Codex."}
        headers = [("version", self.version.name)]
        if self.version.name == "0.120.0":
            body |= {
                "tools": tools(self.version), "parallel_tool_calls": True, "reasoning": {"effort": "medium"},
                "text": {"verbosity": "low"},
            }  # fmt: skip
            headers += [
                ("x-codex-installation-id", thread.installation),
                ("x-codex-window-id", f"{thread.thread}:{thread.window}"),
                ("session_id", thread.session),
            ]
        return self._framed("/responses/compact", body, [*headers, *self._login(), ("accept", "*/*")], zstd=False)

    def models(self) -> ClientRequest:
        """The GET /models of ChatGPT mode."""
        headers = [("version", self.version.name), *self._login(), ("accept", "*/*"), *self._agent()]
        path = f"{self.base}/models?client_version={self.version.name}"
        return ClientRequest("GET", path, _lines(headers), b"", {})

    def _body(self, thread: Thread, items: Sequence[Item], instructions: str, metadata: str) -> dict[str, Any]:
        version = self.version
        body: dict[str, Any] = {"model": version.model}
        if version.lite:
            body |= {"stream": True, "input": list(items), "tool_choice": "auto", "parallel_tool_calls": False}
            body |= {"reasoning": {"effort": version.effort, "context": "all_turns"}, "store": False}
            body |= {"include": ["reasoning.encrypted_content"], "prompt_cache_key": thread.thread}
        else:
            stored = version.name == "0.29.0" and self.auth == "api"
            effort = {} if version.effort is None else {"effort": version.effort}
            summary = {} if version.name == "0.120.0" else {"summary": "auto"}
            body |= {"instructions": instructions, "input": list(items), "tools": tools(version), "tool_choice": "auto"}
            body |= {"parallel_tool_calls": version.name in ("0.98.0", "0.120.0"), "reasoning": effort | summary}
            body |= {"store": stored, "stream": True, "include": [] if stored else ["reasoning.encrypted_content"]}
            body["prompt_cache_key"] = thread.thread
        if version.verbosity is not None:
            body["text"] = {"verbosity": version.verbosity}
        if version.name == "0.120.0":
            body["client_metadata"] = {"x-codex-installation-id": thread.installation}
        elif version.lite:
            body["client_metadata"] = {
                "session_id": thread.session, "thread_id": thread.thread, "turn_id": thread.turn,
                "root_turn_id": thread.root_turn, "x-codex-window-id": f"{thread.thread}:{thread.window}",
                "x-codex-installation-id": thread.installation, "x-codex-turn-metadata": metadata,
                "mcp_attribution": '{"status":"none"}',
            }  # fmt: skip
            if self.auth == "chatgpt":
                body["client_metadata"]["guardian_credits_requested"] = "true"
        return body | dict(self.extra)

    def _metadata(self, thread: Thread, compacting: bool) -> str:
        if self.version.name == "0.120.0":
            made: dict[str, Any] = {
                "session_id": thread.session, "turn_id": thread.turn,
                "workspaces": {self.cwd: {"has_changes": False}}, "sandbox": "seccomp",
            }  # fmt: skip
            return json.dumps(made, separators=(",", ":"))
        made = {
            "installation_id": thread.installation, "session_id": thread.session, "thread_id": thread.thread,
            "agent_name": thread.agent, "turn_id": thread.turn, "window_id": f"{thread.thread}:{thread.window}",
            "window_number": thread.window, "context_window_id": thread.window_id,
            "request_kind": "compaction" if compacting else "turn", "history_initialization": thread.initialization,
        }  # fmt: skip
        if thread.forked_from is not None:
            made["forked_from_thread_id"], made["forked_from_ordinal_exclusive"] = thread.forked_from
        if thread.parent_thread is not None:
            made |= {"parent_thread_id": thread.parent_thread, "parent_turn_id": thread.parent_turn}
        made |= {"root_turn_id": thread.root_turn, "thread_source": thread.source}
        if thread.kind is not None:
            made["subagent_kind"] = thread.kind
        if thread.trigger is not None:
            made["turn_trigger"] = "user" if self.tui else thread.trigger
        made |= {
            "sandbox": "seccomp", "sandbox_mode": "read-only", "auto_review_enabled": False,
            "workspaces": {self.cwd: {"has_changes": False}}, "turn_started_at_unix_ms": thread.started_ms,
            "analytics_enabled": True,
        }  # fmt: skip
        if compacting:
            made["compaction"] = {
                "trigger": "manual", "reason": "user_requested", "implementation": "responses_compaction_v2",
                "phase": "pre_turn", "strategy": "memento",
            }  # fmt: skip
        else:
            made |= {"model": self.version.model, "reasoning_effort": self.version.effort}
        return json.dumps(made, separators=(",", ":"))

    def _identity(self, thread: Thread, metadata: str) -> list[tuple[str, str]]:
        name, window = self.version.name, f"{thread.thread}:{thread.window}"
        version = [("version", name)]
        if name == "0.29.0":
            beta = [("openai-beta", "responses=experimental"), ("session_id", thread.session)]
            return [*self._login()[:1], *version, *beta]
        if name == "0.60.1":
            return [*self._login()[:1], *version, ("conversation_id", thread.thread), ("session_id", thread.session)]
        if name == "0.98.0":
            return [*version, ("x-oai-web-search-eligible", "true"), ("session_id", thread.session), *self._login()]
        tail = [("x-client-request-id", thread.thread), ("session_id", thread.session), *self._login()]
        if name == "0.120.0":
            return [*version, ("x-codex-turn-metadata", metadata), ("x-codex-window-id", window), *tail]
        made = [*version, ("x-codex-beta-features", "remote_compaction_v2"), ("x-codex-window-id", window)]
        if thread.subagent is not None:
            made.append(("x-openai-subagent", thread.subagent))
        if thread.parent_thread is not None:
            made.append(("x-codex-parent-thread-id", thread.parent_thread))
        made += [("x-codex-turn-metadata", metadata), ("x-openai-internal-codex-responses-lite", "true")]
        if self.auth == "chatgpt":
            made.append(("x-codex-routing-hint", f"model={self.version.model}"))
        made += [("x-client-request-id", thread.thread), ("session-id", thread.session), ("thread-id", thread.thread)]
        return [*made, *self._login()]

    def _login(self) -> list[tuple[str, str]]:
        if self.auth == "api":
            return [("authorization", "Bearer sk-dummy")]
        return [("authorization", "Bearer dummy-token"), ("chatgpt-account-id", "acc-dummy")]

    def _agent(self) -> list[tuple[str, str]]:
        name = "codex_cli_rs" if self.version.name == "0.29.0" else "codex-tui" if self.tui else "codex_exec"
        number = self.version.name
        suffix = f" ({name}; {number})" if number in ("0.120.0", "0.169.0") else ""
        agent = f"{name}/{number} (Debian 12.0.0; x86_64) xterm-256color{suffix}"
        return [("originator", name), ("user-agent", agent)]

    def _framed(
        self, path: str, body: dict[str, Any], headers: list[tuple[str, str]], *, zstd: bool = True
    ) -> ClientRequest:
        data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        if zstd and self.version.zstd and self.auth == "chatgpt":
            data = zstandard.ZstdCompressor(level=3).compress(data)
            headers = [*headers, ("content-encoding", "zstd")]
        names = {name for name, _ in headers}
        if self.auth == "chatgpt" and "chatgpt-account-id" not in names:
            headers = [*headers, ("chatgpt-account-id", "acc-dummy")]
        lines = [*headers, ("content-type", "application/json"), *self._agent(), ("content-length", str(len(data)))]
        return ClientRequest("POST", self.base + path, _lines(lines), data, body)


def _lines(headers: Sequence[tuple[str, str]]) -> Headers:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
