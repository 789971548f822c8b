"""What a tool of Codex answered, in Claude Code's shape: ``tool_response`` of a success, or the error of a failure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from codexplus_core import ToolResult

from .tools import Tool

# 0.60 and apply_patch say "Exit code: 0"; exec_command of 0.98 and later "Process exited with code 0".
_HEAD = re.compile(
    r"\A(?:[A-Z][^\n]*\n){0,4}?(?:Exit code:|Process exited with code) (?P<code>-?\d+)\n"
    r"(?:[A-Z][^\n]*\n){0,4}?Output:\n"
)
_RUNNING = re.compile(r"\A(?:[A-Z][^\n]*\n){0,4}?Process running with session ID \d+\n(?:[A-Z][^\n]*\n){0,4}?Output:\n")
_SCRIPT = re.compile(r"\AScript (?P<how>completed|failed|errored)\b[^\n]*\n(?:[A-Z][^\n]*\n){0,3}?Output:\n")
# What Codex itself answers for a call that it could not or would not run.
_FAILURES = (
    "unsupported call: ", "failed to parse function arguments", "exec_command failed",
    "apply_patch verification failed", "execution error", "exec command rejected", "patch rejected",
    "rejected by user", "failed in sandbox", "tool call error", "unable to locate", "Command blocked by",
)  # fmt: skip
_ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Answered:
    """How a call ended: ``text`` without Codex's heading, ``error`` where it failed, ``interrupted`` by the user."""

    text: str
    error: str | None = None
    interrupted: bool = False


def answered(result: ToolResult) -> Answered:
    """What became of a call, read off the output that Codex made of it."""
    text = result.text
    if text == _ABORTED or text.startswith(f"{_ABORTED} by user"):
        return Answered(text, text, interrupted=True)
    if text.startswith("{"):
        found = _old_shell(text)
        if found is not None:
            return found
    for pattern in (_HEAD, _RUNNING, _SCRIPT):
        head = pattern.match(text)
        if head is None:
            continue
        rest = text[head.end() :].removesuffix("\n")
        named = head.groupdict()
        if named.get("code") not in (None, "0"):
            return Answered(rest, f"Exit code {named['code']}\n{rest}".rstrip("\n"))
        return Answered(rest, rest if named.get("how") in ("failed", "errored") else None)
    if result.is_error or text.startswith(_FAILURES):
        return Answered(text, text)
    return Answered(text)


def _old_shell(text: str) -> Answered | None:
    """0.29: ``{"output":…,"metadata":{"exit_code":0}}``."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(metadata, dict) or "exit_code" not in metadata:
        return None
    words = str(value.get("output") or "").removesuffix("\n")
    code = metadata["exit_code"]
    return Answered(words, f"Exit code {code}\n{words}".rstrip("\n") if code else None)


def response_of(tool: Tool, said: Answered) -> Any:
    """``tool_response`` of a tool that succeeded."""
    given = tool.input
    if tool.name == "Bash":
        return {"stdout": said.text, "stderr": "", "interrupted": False, "isImage": False, "noOutputExpected": False}
    path = given.get("file_path")
    common: dict[str, Any] = {"filePath": path, "originalFile": None, "structuredPatch": [], "userModified": False}
    if tool.name == "Write":
        return {"type": "create", "content": given.get("content"), **common}
    if tool.name == "Edit":
        old, new = given.get("old_string"), given.get("new_string")
        return {"oldString": old, "newString": new, "replaceAll": False, **common}
    if tool.name == "MultiEdit":
        return {"edits": given.get("edits"), **common}
    return said.text


def replacement(value: Any) -> str:
    """The text that takes an output's place, out of a hook's ``updatedToolOutput`` in whichever shape it has."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("stdout"), str):
        return "\n".join(part for part in (value["stdout"], str(value.get("stderr") or "")) if part)
    if isinstance(value, dict) and "content" in value:
        return replacement(value["content"])
    if isinstance(value, list) and value and all(isinstance(one, dict) and "text" in one for one in value):
        return "\n".join(str(one["text"]) for one in value)
    return json.dumps(value, ensure_ascii=False)


def with_texts(result: ToolResult, texts: list[str]) -> ToolResult:
    """The output with hooks' words behind it."""
    if not texts:
        return result
    words = "\n\n".join(texts)
    if isinstance(result.output, str):
        return ToolResult(f"{result.output}\n\n{words}" if result.output else words, result.is_error)
    return ToolResult([*result.output, {"type": "input_text", "text": words}], result.is_error)
