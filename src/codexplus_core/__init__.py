"""The public API: all that a plugin may import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .action import Action, ActionDenied
    from .audit_event import AuditEvent
    from .command import Command, CommandRow
    from .contributions import Check, CheckResult, CliCommand, InitStep
    from .core import Core
    from .exchange import Exchange, LocalReply, Refusal, RunResult, Session, Turn
    from .hookspecs import hookimpl
    from .outcome import Outcome
    from .protocol.events import Event
    from .protocol.tools import ToolCall, ToolResult, Usage
    from .services.approvals.proposal import Granted, Proposal
    from .services.files import CannotOpen, CannotSave, Found, Listing, Opened, Reference, lines_of, reference_of
    from .services.files.service import AskFirst
    from .services.packs import PackFile
    from .services.paths import private_dir, read_private, state_dir, write_atomic
    from .services.permissions.request import Argv, EditFile, Fetch, McpTool, ReadFile, ShellText, WindowsText
    from .services.problem import Problem
    from .services.run import CannotStart
    from .services.shell_commands import programs_of, shell_commands
    from .services.talking import Running
    from .standalone import open_core

API_VERSION = 1
"""The version of the plugin API; a plugin may declare the one it needs, or the lowest and the highest."""

__all__ = [
    "API_VERSION",
    "Action",
    "ActionDenied",
    "Argv",
    "AskFirst",
    "AuditEvent",
    "CannotOpen",
    "CannotSave",
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
    "Found",
    "Granted",
    "InitStep",
    "Listing",
    "LocalReply",
    "McpTool",
    "Opened",
    "Outcome",
    "PackFile",
    "Problem",
    "Proposal",
    "ReadFile",
    "Reference",
    "Refusal",
    "RunResult",
    "Running",
    "Session",
    "ShellText",
    "ToolCall",
    "ToolResult",
    "Turn",
    "Usage",
    "WindowsText",
    "hookimpl",
    "lines_of",
    "open_core",
    "private_dir",
    "programs_of",
    "read_private",
    "reference_of",
    "shell_commands",
    "state_dir",
    "write_atomic",
]

# Every start of the command line imports this package; pluggy, msgspec and argparse are paid for by those who use them.
_ELSEWHERE = {
    "Action": ".action",
    "ActionDenied": ".action",
    "Argv": ".services.permissions.request",
    "AskFirst": ".services.files.service",
    "AuditEvent": ".audit_event",
    "CannotOpen": ".services.files",
    "CannotSave": ".services.files",
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
    "Found": ".services.files",
    "Granted": ".services.approvals.proposal",
    "InitStep": ".contributions",
    "Listing": ".services.files",
    "McpTool": ".services.permissions.request",
    "Opened": ".services.files",
    "Outcome": ".outcome",
    "PackFile": ".services.packs",
    "Problem": ".services.problem",
    "Proposal": ".services.approvals.proposal",
    "ReadFile": ".services.permissions.request",
    "Reference": ".services.files",
    "Running": ".services.talking",
    "ShellText": ".services.permissions.request",
    "ToolCall": ".protocol.tools",
    "ToolResult": ".protocol.tools",
    "Usage": ".protocol.tools",
    "WindowsText": ".services.permissions.request",
    "hookimpl": ".hookspecs",
    "lines_of": ".services.files",
    "open_core": ".standalone",
    "private_dir": ".services.paths",
    "programs_of": ".services.shell_commands",
    "read_private": ".services.paths",
    "reference_of": ".services.files",
    "shell_commands": ".services.shell_commands",
    "state_dir": ".services.paths",
    "write_atomic": ".services.paths",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'codexplus_core' has no attribute {name!r}")
    value: object = getattr(import_module(_ELSEWHERE.get(name, ".exchange"), __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
