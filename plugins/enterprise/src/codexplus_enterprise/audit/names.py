"""The names of the Elastic Common Schema (8.17) for what is kept, in one table."""

from __future__ import annotations

ECS_VERSION = "8.17.0"

# action: (event.category, event.type)
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "access.denied": (("network",), ("access",)),
    "api.request": (("api",), ("access",)),
    "approval.answer": (("iam",), ("admin",)),
    "approval.ask": (("iam",), ("info",)),
    "approval.revoke": (("iam",), ("admin", "deletion")),
    "audit.clock": (("configuration",), ("info",)),
    "audit.dropped": (("configuration",), ("error",)),
    "audit.replaced": (("configuration",), ("error",)),
    "audit.resumed": (("configuration",), ("error",)),
    "audit.retention": (("configuration",), ("deletion",)),
    "audit.start": (("configuration",), ("start",)),
    "audit.stop": (("configuration",), ("end",)),
    "command.use": (("process",), ("info",)),
    "config.change": (("configuration",), ("change",)),
    "file.read": (("file",), ("access",)),
    "file.write": (("file",), ("creation",)),
    "hook.run": (("process",), ("info",)),
    "login": (("authentication",), ("start",)),
    "logout": (("authentication",), ("end",)),
    "mcp.begin": (("api",), ("start",)),
    "mcp.breaker": (("api",), ("change",)),
    "mcp.call": (("api",), ("access",)),
    "mcp.read": (("api",), ("access",)),
    "model.request": (("api",), ("access",)),
    "network.connect": (("network",), ("connection", "start")),
    "pack.install": (("package",), ("installation",)),
    "policy.change": (("configuration",), ("change",)),
    "process.end": (("process",), ("end",)),
    "process.run": (("process",), ("start",)),
    "request.refuse": (("api",), ("access",)),
    "tool.call": (("api",), ("access",)),
}
OTHER = (("process",), ("info",))

# A field of an event: its name in ECS. What is not here stands under `codexplus.`.
FIELDS = {
    "argv": "process.args",
    "cached_tokens": "gen_ai.usage.cached_tokens",
    "cwd": "process.working_directory",
    "endpoint": "url.path",
    "error": "error.message",
    "input_tokens": "gen_ai.usage.input_tokens",
    "method": "http.request.method",
    "model": "gen_ai.request.model",
    "output_tokens": "gen_ai.usage.output_tokens",
    "path": "file.path",
    "pid": "process.pid",
    "returncode": "process.exit_code",
    "status": "http.response.status_code",
    "tool": "codexplus.tool.name",
    "url": "url.full",
}
WORDS = frozenset({"arguments", "output", "prompt", "text"})
"""Fields with the users' or the model's own words: kept only where `audit.content` says so, else as a digest."""
OUTCOMES = {"success": "success", "failure": "failure", "denied": "failure"}
