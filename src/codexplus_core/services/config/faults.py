"""Faults of a policy in what only a layer above gives a meaning to: rules that are none, and events that never come."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from .origin import Notice, Origin, dotted
from .sheet import Leaf, Sheet, leaf_at

HOOK_EVENTS = (
    "SessionStart", "UserPromptExpansion", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse",
    "PostToolUseFailure", "PostToolBatch", "Notification", "SubagentStart", "SubagentStop", "MessageDisplay", "Stop",
    "StopFailure", "PreCompact", "PostCompact", "CwdChanged", "SessionEnd", "Interrupt", "PermissionDenied", "Setup",
    "TeammateIdle", "TaskCreated", "TaskCompleted", "ConfigChange", "InstructionsLoaded", "FileChanged",
    "WorktreeCreate", "WorktreeRemove", "Elicitation", "ElicitationResult",
)  # fmt: skip
"""The events that somebody has hooks for: codex-plus, Codex 0.169 (``Interrupt``) or Claude Code 2.1."""
_RULES = ("allow", "ask", "deny")


def faults_of(sheet: Sheet) -> list[Notice]:
    """Why what a policy says would not be enforced as it is meant; empty for one in order."""
    return [*_of_rules(sheet), *_of_events(sheet)]


def _of_rules(sheet: Sheet) -> Iterator[Notice]:
    # What a rule is, is known a layer above; only a policy wants to know it when it is read.
    from ..permissions.rule import BadRule, is_known, misspelt, read_rule

    for name in _RULES:
        leaf = leaf_at(sheet.tree, f"permissions.{name}")
        for number, item in enumerate((leaf.items or ()) if leaf is not None else ()):
            key = dotted(("permissions", name, number))
            try:
                rule = read_rule(item.value, key)
            except BadRule as bad:
                yield Notice(item.origin, key, bad.why)
                continue
            if not is_known(rule.tool):
                near = misspelt(rule)
                plain = f"{rule.text!r}: no tool {rule.tool!r} is known, so it holds for none"
                yield Notice(item.origin, key, near.why if near is not None else plain, "" if near else "correct it")


def _of_events(sheet: Sheet) -> Iterator[Notice]:
    hooks = sheet.tree.get("hooks")
    for event, leaf in hooks.items() if isinstance(hooks, dict) else ():
        if event not in HOOK_EVENTS:
            near = get_close_matches(event, HOOK_EVENTS, n=1, cutoff=0.6)
            todo = f"did you mean {near[0]}?" if near else "remove it, or correct its name"
            origin = _first(leaf) or sheet.origin
            yield Notice(origin, dotted(("hooks", event)), "is no event, so its hooks would never run", todo)


def _first(leaf: object) -> Origin | None:
    return leaf.origin if isinstance(leaf, Leaf) else None
