"""A hook's ``if``: a permission rule that the tool call must be one for, or the hook is not run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from codexplus_core import Core, EditFile, Fetch, McpTool, ReadFile, Session, ShellText

_READS = frozenset({"Read", "Glob", "Grep", "LS", "NotebookRead"})
_EDITS = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit"})
_RULE = re.compile(r"([^\s(]+)(?:\((.*)\))?", re.DOTALL)
_ABOUT = ("subagent_type", "skill", "command", "query", "pattern")


def holds(core: Core, condition: str, payload: Mapping[str, Any], session: Session) -> bool:
    """Whether the rule is about this tool call, in any part of it; in doubt it is.

    A hook may be there to forbid something, so it sees a command that cannot be taken apart, too. Events without a tool
    have nothing that a rule could be about: there it does not hold.
    """
    tool = payload.get("tool_name")
    given = payload.get("tool_input")
    if not isinstance(tool, str):
        return False
    said = given if isinstance(given, Mapping) else {}
    found = list(_requests(tool, said, str(session.cwd or os.sep)))
    if found:
        return any(core.permissions.concerns(condition, request, session=session) for request in found)
    rule = _RULE.fullmatch(condition)
    if rule is None or rule[1] != tool:
        return False
    return rule[2] in (None, "*") or rule[2] in [said.get(name) for name in _ABOUT]


def _requests(
    tool: str, said: Mapping[str, Any], cwd: str
) -> Iterator[ShellText | ReadFile | EditFile | McpTool | Fetch]:
    if tool == "Bash" and isinstance(said.get("command"), str):
        yield ShellText(said["command"], cwd)
    elif tool in _READS | _EDITS:
        kind = ReadFile if tool in _READS else EditFile
        for path in files_of(said):
            yield kind(path, os.path.realpath(os.path.join(cwd, path)), cwd, os.path.realpath(cwd))  # noqa: PTH118
    elif tool == "WebFetch" and isinstance(said.get("url"), str):
        yield Fetch(said["url"])
    elif tool.startswith("mcp__"):
        server, _, name = tool.removeprefix("mcp__").partition("__")
        yield McpTool(server, name)


def files_of(said: Mapping[str, Any]) -> list[str]:
    """The files that a tool's input names, the one that it is about first."""
    found = [said.get(name) for name in ("file_path", "notebook_path", "path")]
    listed = said.get("file_paths")
    found += listed if isinstance(listed, list) else []
    # A name with a null character is no file's.
    return list(dict.fromkeys(each for each in found if isinstance(each, str) and each and "\0" not in each))
