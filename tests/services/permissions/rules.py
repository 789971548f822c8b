"""Short ways to write rules and requests in tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from codexplus_core.services.permissions import (
    Argv,
    EditFile,
    Fetch,
    Layer,
    McpTool,
    Other,
    ReadFile,
    Request,
    RuleSet,
    ShellText,
    Verdict,
    WindowsText,
)

HOME = PurePosixPath("/home/me")
PROJECT = PurePosixPath("/home/me/project")


def rules(*, allow: Sequence[object] = (), ask: Sequence[object] = (), deny: Sequence[object] = ()) -> RuleSet:
    """The rules of one user."""
    return RuleSet([Layer("settings", True, tuple(allow), tuple(ask), tuple(deny), root=PROJECT)], home=HOME)


def shell(text: str) -> ShellText:
    return ShellText(text, str(PROJECT))


def read(path: str, real: str | None = "") -> ReadFile:
    """A file to read; without ``real`` it is no link."""
    return ReadFile(path, str(PROJECT / path) if real == "" else real, str(PROJECT))


def edit(path: str, real: str | None = "") -> EditFile:
    return EditFile(path, str(PROJECT / path) if real == "" else real, str(PROJECT))


def request_for(tool: str, text: str, *, real: str = "") -> Request:
    """The request that a tool of Claude Code's makes with that input."""
    if tool == "Bash":
        return shell(text)
    if tool == "Read":
        return read(text, real)
    if tool in ("Write", "Edit"):
        return edit(text, real)
    if tool == "WebFetch":
        return Fetch(text)
    if tool.startswith("mcp__"):
        _, server, name = tool.split("__", 2)
        return McpTool(server, name)
    if tool == "cmd":
        return WindowsText(text, str(PROJECT))
    if tool == "argv":
        return Argv(tuple(text.split()), str(PROJECT))
    return Other(tool, text)


def decision(verdict: Verdict) -> str:
    return verdict.decision
