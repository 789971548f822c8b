"""The worker for Python: one command or module of the user's, alone in a process; its result has its own descriptor.

Standard library only, and never imported by the proxy: its text is handed to an interpreter (see ``worker_text``).
"""

from __future__ import annotations

import json
import linecache
import os
import sys
import types
from typing import Any

RESULT_BYTES = 60_000
"""The longest result, in bytes: what is kept of a program's output less room for what else it may have written."""


def main(request: dict[str, Any]) -> None:
    """Run what the request names and write one line: the result, or what went wrong and where."""
    # Whatever else writes to standard output, children included, writes to standard error from here on.
    reply = Reply(os.dup(1), request["mark"], request["path"])
    os.dup2(2, 1)
    sys.excepthook = reply.failed
    os.environ["CODEX_PLUS_ARGUMENTS"] = request["raw"]
    loaded = load(request["path"], request["source"].removeprefix("\ufeff"))
    answer = call_module if "call" in request else call_command
    reply.write(answer(loaded, request))


class Reply:
    """Writes the line that the proxy looks for."""

    def __init__(self, descriptor: int, mark: str, path: str) -> None:
        self.descriptor = descriptor
        self.mark = mark
        self.path = path

    def write(self, value: dict[str, Any]) -> None:
        """Write the result, or that it is too long."""
        line = self._line(value)
        if len(line) > RESULT_BYTES:
            line = self._line({"error": f"returned {len(line)} bytes; at most {RESULT_BYTES} are taken"})
        while line:
            line = line[os.write(self.descriptor, line) :]

    def failed(self, kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
        """Write what was raised, with the last line of the user's own file on the way there."""
        at = error.lineno or 0 if isinstance(error, SyntaxError) and error.filename == self.path else 0
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self.path:
                at = trace.tb_lineno
            trace = trace.tb_next
        words = str(error.msg if isinstance(error, SyntaxError) else error)[:2000]
        said = f"{kind.__name__}: {words}" if words else kind.__name__
        self.write({"error": said, "line": at, "code": linecache.getline(self.path, at).strip()[:200]})

    def _line(self, value: dict[str, Any]) -> bytes:
        return f"\n\x1e{self.mark}{json.dumps(value, ensure_ascii=False)}\n".encode("utf-8", "replace")


class SlashCommandModule:
    """What the modules of the design inherit from: ``from .base import SlashCommandModule``."""

    def __init__(self, command_name: str = "") -> None:
        self.command_name = command_name
        self.description = ""
        self.priority = 0

    def can_handle(self, command: str, args: str) -> bool:
        """Whether this is the command's own name, with or without the slash."""
        return command.lstrip("/") == self.command_name.lstrip("/")


def load(path: str, source: str) -> types.ModuleType:
    """The user's file as a module. It is compiled from the text that was approved; the file is not read again."""
    package = types.ModuleType("slash_modules")
    package.__path__ = []
    base = types.ModuleType("slash_modules.base")
    base.__dict__["SlashCommandModule"] = SlashCommandModule
    module = types.ModuleType("slash_modules.command")
    module.__file__ = path
    for each in (package, base, module):
        sys.modules[each.__name__] = each
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    # Last, so that no file beside it stands in for one of Python's own.
    sys.path.append(os.path.dirname(path))  # noqa: PTH120 - pathlib would cost each call its import
    code = compile(source, path, "exec", dont_inherit=True)
    module.__package__ = "slash_modules"
    exec(code, module.__dict__)
    return module


def call_command(loaded: types.ModuleType, request: dict[str, Any]) -> dict[str, Any]:
    """Call ``command(args)``."""
    function = getattr(loaded, "command", None)
    if not callable(function):
        return {"error": "defines no function command(args); define one that returns the prompt"}
    value = awaited(function(request["args"]))
    if isinstance(value, str):
        return {"prompt": value}
    if isinstance(value, dict) and isinstance(value.get("reply"), str):
        return {"reply": value["reply"]}
    return _unfit("command(args)", function, value)


def call_module(loaded: types.ModuleType, request: dict[str, Any]) -> dict[str, Any]:
    """Ask ``create_module()``'s object whether it handles the command, and if so for what it makes of it."""
    create = getattr(loaded, "create_module", None)
    if not callable(create):
        return {"error": "defines no function create_module(); define one that returns the module"}
    module = awaited(create())
    command, args = request["command"], request["args"]
    if not any(awaited(module.can_handle(name, args)) for name in (command, command.lstrip("/"))):
        return {"passed": True}
    if request["call"] == "enhance":
        return _prompt(module.enhance_prompt, request["content"], args, request["frontmatter"])
    if callable(getattr(module, "mutate_prompt", None)):
        made = _prompt(module.mutate_prompt, f"{command} {args}".strip(), args)
        if "passed" not in made:
            return made
    if not callable(getattr(module, "execute_locally", None)):
        return {"passed": True}
    return _local(module.execute_locally, awaited(module.execute_locally(args)))


def awaited(value: Any) -> Any:
    """A value, or what a coroutine comes to."""
    if not hasattr(value, "__await__"):
        return value
    import asyncio

    async def wait() -> Any:
        return await value

    return asyncio.run(wait())


def _prompt(function: Any, *given: Any) -> dict[str, Any]:
    value = awaited(function(*given))
    if not value:
        return {"passed": True}
    return {"prompt": value} if isinstance(value, str) else _unfit(f"{function.__name__}()", function, value)


def _local(function: Any, value: Any) -> dict[str, Any]:
    if value is None:
        return {"passed": True}
    if isinstance(value, str):
        return {"reply": value}
    if not isinstance(value, dict):
        return _unfit("execute_locally()", function, value)
    # The design's own answers: {"success": …, "stdout": …, "stderr": …} or {"success": False, "error": …}.
    texts = [value.get(name) for name in ("reply", "output", "message", "stdout", "stderr", "error")]
    found = [text.strip("\n") for text in texts if isinstance(text, str) and text.strip()]
    return {"reply": "\n".join(found) if found else json.dumps(value, ensure_ascii=False, default=str, indent=2)}


def _unfit(name: str, function: Any, value: Any) -> dict[str, Any]:
    code = getattr(function, "__code__", None)
    said = f"{name} returned {type(value).__name__}; return the prompt as a str, or {{'reply': text}}"
    return {"error": said, "line": code.co_firstlineno if code is not None else 0}
