"""``${VAR}`` and ``${VAR:-default}`` in texts, as Claude Code 2.1 replaces them in MCP configurations.

No ``$VAR``, no nested defaults; a variable that is set to nothing counts as set.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from ..sandbox.environment import is_loader

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
DECLARED = "read_env:"


class Missing(Exception):
    """A variable without a default that cannot be had; the message is its name."""


class Expander:
    """Replaces variables by what the environment has.

    ``declared`` are the names that may be read, None for all. ``always`` are further variables, which are no secrets.
    ``literal`` leaves a variable that is not set as it is written (the claude-code profile) instead of raising Missing.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        declared: frozenset[str] | None = None,
        always: Mapping[str, str] | None = None,
        literal: bool = False,
    ) -> None:
        self._env = env
        self._declared = declared
        self._always = always or {}
        self._literal = literal
        self.reads: dict[str, None] = {}

    def value(self, value: Any, *, skip: frozenset[str] = frozenset()) -> Any:
        """``value`` with every text in it expanded; keys, and what stands under the names in ``skip``, stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item, skip=skip) for item in value]
        if isinstance(value, dict):
            return {name: item if name in skip else self.value(item, skip=skip) for name, item in value.items()}
        return value

    def text(self, text: str) -> str:
        """One text. Raises Missing."""
        if "${" not in text:
            return text
        # Up to the last brace: behind it every `${X:-` would look for one in vain, to the end of the text.
        end = text.rfind("}") + 1
        return _VARIABLE.sub(self._replacement, text[:end]) + text[end:]

    def _replacement(self, found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if name in self._always:
            return self._always[name]
        allowed = self._declared is None or name in self._declared
        if allowed and name in self._env:
            self.reads[name] = None
            return self._env[name]
        if default is not None:
            return default
        if self._literal or name == "CLAUDE_PROJECT_DIR":
            # Without a project there is no such directory yet; the program's own environment has it later.
            return found[0]
        raise Missing(name)


def why_unset(name: str) -> tuple[str, str]:
    """What is wrong with an entry that reads a variable that is not set, and what to do."""
    return f"${{{name}}} is not set", f"set it, or write ${{{name}:-a default}}; the entry does not count so far"


def why_undeclared(name: str, who: str, env: Container[str]) -> tuple[str, str]:
    """The same for one that the entry does not declare. ``who`` brought the entry, ``env`` are the variables there are.

    No permission gives a variable that changes what programs load: the sandbox would refuse the declared one, too.
    """
    if is_loader(name):
        value = "the value itself, or ~/ at the beginning of the command" if name == "HOME" else "the value itself"
        return f"{who} may not read ${{{name}}}", f"write {value}; the entry does not count so far"
    unset = "" if name in env else ", and it is not set"
    what = f"{who} may read ${{{name}}} only where it declares it{unset}"
    return what, f'add "read_env:{name}" to the entry\'s "permissions"; it does not count so far'


def declared(entry: Any) -> frozenset[str]:
    """The variables that an entry declares in its ``permissions``: ``["read_env:NAME"]``."""
    listed = entry.get("permissions") if isinstance(entry, dict) else None
    words = [word for word in listed if isinstance(word, str)] if isinstance(listed, list) else []
    return frozenset(word.removeprefix(DECLARED).strip() for word in words if word.startswith(DECLARED))
