"""Values that may stand in a label: words of closed sets, so that no client can fill memory or put a secret there."""

from __future__ import annotations

import re
from collections.abc import Collection
from http import HTTPStatus

from .registry import OTHER

# No name of a model or server has so long a run of letters and digits, or begins like that; keys and tokens do.
_WORD = re.compile(r"(?!sk-|eyJ)(?!.*[A-Za-z0-9_]{20})[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}", re.ASCII)
MOST_KNOWN = 300
"""Words of one set, whoever names them."""
_STATUSES = {0: "none"} | {int(status): str(int(status)) for status in HTTPStatus}

FAMILIAR_TOOLS = frozenset((
    "apply_patch", "exec", "exec_command", "list_mcp_resources", "local_shell", "read_mcp_resource",
    "request_user_input", "shell", "shell_command", "spawn_agent", "unified_exec", "update_plan", "view_image",
    "wait", "web_search", "write_stdin", "Bash", "Edit", "Glob", "Grep", "MultiEdit", "NotebookEdit", "Read", "Task",
    "WebFetch", "WebSearch", "Write",
))  # fmt: skip
"""Names of tools, Codex's and Claude Code's. A model can write any name; others count together."""


class Words:
    """Words of a closed set, and as many others as there is room for, once something vouches for them."""

    def __init__(self, known: Collection[str] = (), *, room: int = 0) -> None:
        self._known = {word: word for word in known}
        self._room = room

    def of(self, word: str, *, vouched: bool = False) -> str:
        """The word if it may stand in a label, else ``other``.

        One that is ``vouched`` for (an upstream has served this model, a setting names this server) is taken in while
        there is room, if it looks like a name.
        """
        found = self._known.get(word)
        if found is not None:
            return found
        if vouched and self._room and _WORD.fullmatch(word):
            self._room -= 1
            self._known[word] = word
            return word
        return OTHER if word else "none"

    def add(self, words: Collection[str]) -> None:
        """Take in words that an administrator or a table names."""
        for word in words:
            if len(self._known) >= MOST_KNOWN:
                return
            if word not in self._known and _WORD.fullmatch(word):
                self._known[word] = word


def status_label(status: int) -> str:
    """An HTTP status as a label; ``none`` where the client got none."""
    return _STATUSES.get(status, OTHER)
