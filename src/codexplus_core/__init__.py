"""The public API: all that a plugin may import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .action import Action, ActionDenied
    from .command import Command, CommandRow
    from .contributions import Check, CheckResult, CliCommand
    from .core import Core
    from .exchange import Exchange, LocalReply, Outcome, Refusal, RunResult, Session, Turn
    from .hookspecs import hookimpl
    from .protocol.events import Event
    from .protocol.tools import ToolCall, ToolResult, Usage
    from .services.approvals.proposal import Granted, Proposal
    from .services.files import CannotOpen
    from .services.permissions.request import Argv, EditFile, Fetch, McpTool, ReadFile, ShellText
    from .services.run import CannotStart

API_VERSION = 1
"""The version of the plugin API; a plugin may declare the one it needs, or the lowest and the highest."""

__all__ = [
    "API_VERSION",
    "Action",
    "ActionDenied",
    "Argv",
    "CannotOpen",
    "CannotStart",
    "Check",
    "CheckResult",
    "CliCommand",
    "Command",
    "CommandRow",
    "Core",
    "EditFile",
    "Event",
    "Exchange",
    "Fetch",
    "Granted",
    "LocalReply",
    "McpTool",
    "Outcome",
    "Proposal",
    "ReadFile",
    "Refusal",
    "RunResult",
    "Session",
    "ShellText",
    "ToolCall",
    "ToolResult",
    "Turn",
    "Usage",
    "hookimpl",
]

# Every start of the command line imports this package; pluggy, msgspec and argparse are paid for by those who use them.
_ELSEWHERE = {
    "Action": ".action",
    "ActionDenied": ".action",
    "Argv": ".services.permissions.request",
    "CannotOpen": ".services.files",
    "CannotStart": ".services.run",
    "Check": ".contributions",
    "CheckResult": ".contributions",
    "CliCommand": ".contributions",
    "Command": ".command",
    "CommandRow": ".command",
    "Core": ".core",
    "EditFile": ".services.permissions.request",
    "Event": ".protocol.events",
    "Fetch": ".services.permissions.request",
    "Granted": ".services.approvals.proposal",
    "McpTool": ".services.permissions.request",
    "Proposal": ".services.approvals.proposal",
    "ReadFile": ".services.permissions.request",
    "ShellText": ".services.permissions.request",
    "ToolCall": ".protocol.tools",
    "ToolResult": ".protocol.tools",
    "Usage": ".protocol.tools",
    "hookimpl": ".hookspecs",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'codexplus_core' has no attribute {name!r}")
    value: object = getattr(import_module(_ELSEWHERE.get(name, ".exchange"), __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
