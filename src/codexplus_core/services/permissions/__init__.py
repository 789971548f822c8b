"""Permission rules: what is allowed, what is asked about, what is denied. Nothing here runs or opens anything."""

from __future__ import annotations

from .layer import Ignored, Layer
from .request import (
    Argv,
    Decision,
    EditFile,
    Fetch,
    McpTool,
    Other,
    ReadFile,
    Request,
    ShellText,
    Verdict,
    WindowsText,
)
from .rule import BadRule, Rule, read_deny, read_rule, split_rules
from .ruleset import RuleSet
from .shell import Unclear, Understood, Write, read_shell

__all__ = [
    "Argv",
    "BadRule",
    "Decision",
    "EditFile",
    "Fetch",
    "Ignored",
    "Layer",
    "McpTool",
    "Other",
    "ReadFile",
    "Request",
    "Rule",
    "RuleSet",
    "ShellText",
    "Unclear",
    "Understood",
    "Verdict",
    "WindowsText",
    "Write",
    "read_deny",
    "read_rule",
    "read_shell",
    "split_rules",
]
