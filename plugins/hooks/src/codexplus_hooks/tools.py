"""Codex's tools by Claude Code's names: what a call is to a hook, and what a changed input is to Codex.

docs/hooks-events.md prints the table. A patch of several files is several edits, as Claude Code would make them;
deleting and renaming are shell commands there, so that a rule against ``rm`` holds for both ways.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codexplus_core import ToolCall

from .patch import FileChange, in_shell, parse_patch
from .rewriting import CannotExpress, changed_patch

_SHELLS = frozenset({"bash", "sh", "zsh", "/bin/bash", "/bin/sh", "/bin/zsh", "/usr/bin/bash", "/usr/bin/zsh"})
_PATCHES = "apply_patch"
_NOT_MCP = re.compile(r"[^A-Za-z0-9_-]")
_OURS = frozenset({"", "functions", "collaboration", "clock"})
_GATEWAY = "mcp__codexplus__"
_ANY_TOOL = "mcp__codexplus__call_project_tool"

CODE = "exec"
"""The tool of code-mode models: its input is JavaScript, and only Codex's own hooks see the calls made in there."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What a hook is told of a call: ``name`` and ``input`` as Claude Code has them; ``at`` counts a patch's files."""

    name: str
    input: dict[str, Any]
    at: int = 0


def tools_of(call: ToolCall, cwd: Path | None = None) -> list[Tool]:
    """The call in Claude Code's words: one tool, or one for each thing that a patch does.

    Paths are absolute where ``cwd``, the session's, is known. A tool that Claude Code does not have keeps its name.
    """
    arguments = call.arguments if isinstance(call.arguments, dict) else {}
    name, namespace = call.name, call.namespace or ""
    patch = _patch_of(call, arguments)
    if patch is not None:
        folder, text = patch
        changes = parse_patch(text)
        if changes is not None:
            return _edits(changes, _inside(cwd, folder or _text(arguments, "workdir")))
        return [Tool("Edit", {"file_path": "", "patch": text})]
    command = command_of(call)
    if command is not None:
        return [Tool("Bash", _bash(command, arguments))]
    full = _mcp_name(name, namespace)
    return [_other(name, call, arguments, cwd) if full is None else _of_server(full, arguments)]


def _mcp_name(name: str, namespace: str) -> str | None:
    """What Claude Code would call an MCP tool, None for a tool that is none."""
    if name.startswith("mcp__"):
        return name
    if namespace not in _OURS:
        server = namespace.removeprefix("mcp__").rstrip("_")
        return f"mcp__{_NOT_MCP.sub('_', server)}__{_NOT_MCP.sub('_', name)}"
    return f"mcp__{name}" if "__" in name.strip("_") else None


def _of_server(full: str, arguments: dict[str, Any]) -> Tool:
    """An MCP tool; where Codex has it from the gateway of codex-plus, as the server behind that calls it."""
    behind, given = full.removeprefix(_GATEWAY), arguments
    if full == _ANY_TOOL:
        inner = arguments.get("arguments") or {}
        behind = _text(arguments, "name").removeprefix("mcp__")
        given = inner if isinstance(inner, dict) else {}
    if full.startswith(_GATEWAY) and "__" in behind.strip("_"):
        return Tool(f"mcp__{behind}", given)
    return Tool(full, arguments)


def command_of(call: ToolCall) -> str | None:
    """The shell command that a call runs, None for a tool that runs none."""
    arguments = call.arguments if isinstance(call.arguments, dict) else {}
    if call.name == "exec_command":
        return _text(arguments, "cmd")
    if call.name == "write_stdin":
        # What is typed into a shell that runs is a command, too.
        return _text(arguments, "chars") or None
    if call.name not in ("shell", "shell_command", "local_shell", "container.exec"):
        return None
    command = arguments.get("command")
    if isinstance(command, list):
        argv = [str(word) for word in command]
        return argv[2] if _is_script(argv) else shlex.join(argv)
    return str(command or "")


def _is_script(argv: list[str]) -> bool:
    return len(argv) == 3 and argv[0] in _SHELLS and argv[1] in ("-lc", "-c", "-ic", "-lic")


def rewritten(call: ToolCall, tool: Tool, new: Mapping[str, Any]) -> ToolCall:
    """The call with a hook's ``updatedInput`` in Codex's words; what the hook does not name stays.

    Raises CannotExpress where Codex has no such call.
    """
    arguments = call.arguments if isinstance(call.arguments, dict) else {}
    patch = _patch_of(call, arguments)
    if patch is not None:
        # The hook was told an absolute path; a patch keeps its own words for the same file.
        same = new.get("file_path") == tool.input.get("file_path")
        told = {key: value for key, value in new.items() if not (same and key == "file_path")}
        text = changed_patch(patch[1], tool.at, tool.name, told)
        if isinstance(call.arguments, str):
            return call.replace(arguments=text)
        return call.replace(arguments=_with_patch(call, arguments, patch[0], text))
    if tool.name == "Bash":
        command = new.get("command")
        if not isinstance(command, str) or not command:
            raise CannotExpress("a changed Bash input needs `command`, a text")
        return call.replace(arguments=_with_command(call, arguments, command, new))
    if tool.name == "Read" and call.name == "view_image":
        return call.replace(arguments={**arguments, "path": str(new.get("file_path", arguments.get("path", "")))})
    if tool.name == "TodoWrite":
        todos = new.get("todos")
        steps = [{"step": _text(one, "content"), "status": _text(one, "status") or "pending"} for one in _dicts(todos)]
        return call.replace(arguments={**arguments, "plan": steps})
    if tool.name == "Agent":
        key = "task" if "task" in arguments and "message" not in arguments else "message"
        return call.replace(arguments={**arguments, key: str(new.get("prompt", arguments.get(key, "")))})
    if isinstance(call.arguments, str):
        code = new.get("code")
        if not isinstance(code, str):
            raise CannotExpress(f"a changed input of {call.name} needs `code`, a text")
        return call.replace(arguments=code)
    if _mcp_name(call.name, call.namespace or "") == _ANY_TOOL != tool.name:
        return call.replace(arguments={**arguments, "arguments": {**new}})
    if tool.name == call.name or tool.name.startswith("mcp__"):
        return call.replace(arguments={**new})
    raise CannotExpress(f"Codex's {call.name} takes no input of {tool.name}")


def _bash(command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"command": command}
    if why := _text(arguments, "justification"):
        made["description"] = why
    timeout = arguments.get("timeout_ms", arguments.get("timeout"))
    if isinstance(timeout, int | float) and not isinstance(timeout, bool):
        made["timeout"] = timeout
    return made


def _with_command(call: ToolCall, arguments: Mapping[str, Any], command: str, new: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(arguments)
    if call.name == "exec_command":
        made["cmd"] = command
    elif call.name == "write_stdin":
        made["chars"] = command
    elif isinstance(arguments.get("command"), list):
        argv = [str(word) for word in arguments["command"]]
        made["command"] = [*argv[:2], command] if _is_script(argv) else ["bash", "-lc", command]
    else:
        made["command"] = command
    for key in ("timeout_ms", "timeout"):
        if key in made and isinstance(new.get("timeout"), int | float):
            made[key] = new["timeout"]
    return made


def _patch_of(call: ToolCall, arguments: Mapping[str, Any]) -> tuple[str, str] | None:
    """(folder, text) of the patch that a call applies, in whichever of Codex's four ways."""
    if call.name == _PATCHES:
        text = call.arguments if isinstance(call.arguments, str) else arguments.get("input") or arguments.get("patch")
        return "", str(text or "")
    command = arguments.get("command")
    if isinstance(command, list) and len(command) == 2 and command[0] in (_PATCHES, "applypatch"):
        return "", str(command[1])
    script = command_of(call) if call.name != "write_stdin" else None
    found = in_shell(script) if script and _PATCHES in script else None
    return found if found is not None and parse_patch(found[1]) is not None else None


def _with_patch(call: ToolCall, arguments: Mapping[str, Any], folder: str, text: str) -> dict[str, Any]:
    if call.name == _PATCHES:
        return {**arguments, "patch" if "patch" in arguments else "input": text}
    command = arguments.get("command")
    if isinstance(command, list) and len(command) == 2:
        return {**arguments, "command": [command[0], text]}
    script = f"cd {folder} && " if folder else ""
    return _with_command(call, arguments, f"{script}apply_patch <<'CODEXPLUS_EOF'\n{text}\nCODEXPLUS_EOF\n", {})


def _edits(changes: list[FileChange], cwd: Path | None) -> list[Tool]:
    found: list[Tool] = []
    for at, change in enumerate(changes):
        path = _absolute(change.path, cwd)
        moved = _absolute(change.moved, cwd) if change.moved else None
        if change.kind == "delete":
            found.append(Tool("Bash", {"command": shlex.join(["rm", path])}, at))
            continue
        if change.kind == "add":
            content = "".join(f"{line}\n" for line in change.content)
            found.append(Tool("Write", {"file_path": path, "content": content}, at))
            continue
        if moved is not None:
            found.append(Tool("Bash", {"command": shlex.join(["mv", path, moved])}, at))
        edits = [{"old_string": "\n".join(hunk.old), "new_string": "\n".join(hunk.new)} for hunk in change.hunks]
        if len(edits) == 1:
            found.append(Tool("Edit", {"file_path": moved or path, **edits[0], "replace_all": False}, at))
        elif edits:
            found.append(Tool("MultiEdit", {"file_path": moved or path, "edits": edits}, at))
    return found


def _other(name: str, call: ToolCall, arguments: dict[str, Any], cwd: Path | None) -> Tool:
    if isinstance(call.arguments, str):
        return Tool(name, {"code": call.arguments})
    if name == "view_image":
        return Tool("Read", {"file_path": _absolute(_text(arguments, "path"), cwd)})
    if name == "read_file":
        kept: dict[str, Any] = {key: arguments[key] for key in ("offset", "limit") if key in arguments}
        return Tool("Read", {"file_path": _absolute(_text(arguments, "file_path"), cwd), **kept})
    if name == "list_dir":
        return Tool("LS", {"path": _absolute(_text(arguments, "dir_path"), cwd)})
    if name == "grep_files":
        kept = {str(new): arguments[old] for old, new in (("path", "path"), ("include", "glob")) if old in arguments}
        return Tool("Grep", {"pattern": _text(arguments, "pattern"), **kept})
    if name == "update_plan":
        return Tool("TodoWrite", {"todos": [_todo(step) for step in _dicts(arguments.get("plan"))]})
    if name == "spawn_agent":
        prompt = _text(arguments, "message") or _text(arguments, "task")
        return Tool(
            "Agent",
            {
                "description": _text(arguments, "task_name"),
                "prompt": prompt,
                "subagent_type": _text(arguments, "agent_type") or "general-purpose",
            },
        )
    if name == "write_stdin":
        return Tool("BashOutput", {"bash_id": str(arguments.get("session_id", ""))})
    known = {
        "read_mcp_resource": "ReadMcpResourceTool",
        "list_mcp_resources": "ListMcpResourcesTool",
        "request_user_input": "AskUserQuestion",
    }
    return Tool(known.get(name, name), arguments)


def _todo(step: Mapping[str, Any]) -> dict[str, str]:
    words = _text(step, "step")
    return {"content": words, "status": _text(step, "status"), "activeForm": words}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _inside(cwd: Path | None, folder: str) -> Path | None:
    return cwd / folder if cwd is not None and folder else cwd


def _absolute(path: str, cwd: Path | None) -> str:
    return os.path.normpath(cwd / path) if cwd is not None and path else path
