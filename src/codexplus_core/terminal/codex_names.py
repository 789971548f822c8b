"""The commands that Codex's own composer answers; as typed they stay Codex's."""

from __future__ import annotations

from ..services.codex import version_numbers

# Read off the popups of 0.60.1, 0.98.0 and 0.120.0, with what these take without showing it, or only on macOS.
_UNTIL_0_120 = """
    agent app approvals apps clean clear collab compact copy debug-config debug-m-drop debug-m-update diff exit
    experimental fast feedback fork init logout mcp mention model new permissions personality plan plugins ps quit
    realtime rename resume review settings setup-default-sandbox skills status statusline stop subagents theme title
    undo
"""
# The same for 0.169.0.
_SINCE_0_169 = """
    agent agents app approve archive btw cd clean clear compact config copy daemon daybreak debug-config
    debug-m-drop debug-m-update delete diff exit experimental export fast feedback fork goal hooks ide import init
    keymap logout mcp memories mention model new permissions pet pets plan plugins presets ps pwd quit raw recap
    rename resume review setup-default-sandbox side skills status statusline stop subagents theme title tui usage
    vim voice warnings worktree
"""


def names_of_codex(version: str) -> frozenset[str]:
    """The names that this version takes itself; of a version that was not looked at, all that any takes."""
    number = version_numbers(version)
    if version and number < (0, 121, 0):
        return frozenset(_UNTIL_0_120.split())
    if number[:2] == (0, 169):
        return frozenset(_SINCE_0_169.split())
    return frozenset((_UNTIL_0_120 + _SINCE_0_169).split())
