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
    from .exchange import Exchange, LocalReply, Refusal, Session, Turn
    from .hookspecs import hookimpl
    from .message import with_message
    from .outcome import Outcome
    from .protocol.events import Event
    from .protocol.tools import ToolCall, ToolResult, Usage
    from .run_result import RunResult
    from .services.approvals.proposal import Granted, Proposal
    from .services.files import CannotOpen, CannotSave, Found, Listing, Opened, Reference, lines_of, reference_of
    from .services.files.service import AskFirst
    from .services.packs import PackFile, RefusedFile
    from .services.paths import private_dir, read_private, state_dir, write_atomic
    from .services.permissions.request import Argv, EditFile, Fetch, McpTool, ReadFile, ShellText, WindowsText
    from .services.plain_yaml import BadYaml, Yaml, read_yaml
    from .services.problem import Problem
    from .services.run import CannotStart
    from .services.sandbox.grants import permission_fault
    from .services.shell_commands import programs_of, shell_commands
    from .services.talking import Running
    from .services.wording import code_block, code_span, counted, plain_text, printable, short_path
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
    "BadYaml",
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
    "RefusedFile",
    "RunResult",
    "Running",
    "Session",
    "ShellText",
    "ToolCall",
    "ToolResult",
    "Turn",
    "Usage",
    "WindowsText",
    "Yaml",
    "code_block",
    "code_span",
    "counted",
    "hookimpl",
    "lines_of",
    "open_core",
    "permission_fault",
    "plain_text",
    "printable",
    "private_dir",
    "programs_of",
    "read_private",
    "read_yaml",
    "reference_of",
    "shell_commands",
    "short_path",
    "state_dir",
    "with_message",
    "write_atomic",
]

# Every start of the command line imports this package; pluggy, msgspec and argparse are paid for by those who use them.
_ELSEWHERE = {
    "Action": ".action",
    "ActionDenied": ".action",
    "Argv": ".services.permissions.request",
    "AskFirst": ".services.files.service",
    "AuditEvent": ".audit_event",
    "BadYaml": ".services.plain_yaml",
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
    "RefusedFile": ".services.packs",
    "RunResult": ".run_result",
    "Running": ".services.talking",
    "ShellText": ".services.permissions.request",
    "ToolCall": ".protocol.tools",
    "ToolResult": ".protocol.tools",
    "Usage": ".protocol.tools",
    "WindowsText": ".services.permissions.request",
    "Yaml": ".services.plain_yaml",
    "code_block": ".services.wording",
    "code_span": ".services.wording",
    "counted": ".services.wording",
    "hookimpl": ".hookspecs",
    "lines_of": ".services.files",
    "open_core": ".standalone",
    "permission_fault": ".services.sandbox.grants",
    "plain_text": ".services.wording",
    "printable": ".services.wording",
    "private_dir": ".services.paths",
    "programs_of": ".services.shell_commands",
    "read_private": ".services.paths",
    "read_yaml": ".services.plain_yaml",
    "reference_of": ".services.files",
    "shell_commands": ".services.shell_commands",
    "short_path": ".services.wording",
    "state_dir": ".services.paths",
    "with_message": ".message",
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
