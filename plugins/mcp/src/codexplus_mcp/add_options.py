"""The options among the words behind `mcp add`: Claude Code's, read as it reads them or as they were meant."""

from __future__ import annotations

import re

from codexplus_core import Problem

from .entry import TRANSPORTS

SCOPES = ("local", "project", "user")
"""Where an entry may be put: for you in this project, for everybody in this project, for you everywhere."""
REMOTE = re.compile(r"https?://", re.IGNORECASE)
"""How the URL of a server begins."""
HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+)[ \t]*:(?!//)[ \t]*([^\r\n\x00]*)")
"""A header as it is given: its name and its value."""

_VALUED = {
    "-s": "scope", "--scope": "scope", "-t": "transport", "--transport": "transport", "-e": "env", "--env": "env",
    "-H": "header", "--header": "header", "--client-id": "client_id", "--callback-port": "callback_port",
}  # fmt: skip
_FLAGS = {"--client-secret": "client_secret", "-h": "help", "--help": "help"}
_SEVERAL = frozenset({"env", "header"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)


class Misused(Problem):
    """The words do not say what to do; the message says which is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=2)


class Options:
    """Parts options from words; behind a local command only those that Claude Code would take, too.

    ``words`` are what is no option, ``given`` the values of each option, in their order.
    """

    def __init__(self, words: list[str]) -> None:
        self._left = words
        self.words: list[str] = []
        self.given: dict[str, list[str]] = {}
        self.notes: list[str] = []

    def last(self, name: str) -> str:
        """The value that counts of an option that may stand once, ``""`` for none."""
        return self.given.get(name, [""])[-1]

    def read(self) -> None:
        """Read all words. Raises Misused."""
        while self._left:
            word = self._left.pop(0)
            if word == "--":
                self.words += self._left
                return
            if len(word) < 2 or not word.startswith("-"):
                self.words.append(word)
            elif not self._option(word):
                # `add air npx -y x`, which Claude Code refuses, can only mean the command's own option.
                self.words += [word, *self._left]
                if any(each.partition("=")[0] in _VALUED for each in self._left):
                    self.notes.append("everything from the server's first option on went to the server")
                return

    def _option(self, word: str) -> bool:
        name, equals, value = word.partition("=")
        if not word.startswith("--") and len(word) > 2:
            name, equals, value = word[:2], "=", word[2:].removeprefix("=")
        behind = self._is_behind()
        if name in _FLAGS and not equals:
            if behind and name in ("-h", "--help"):
                return False
            self.given[_FLAGS[name]] = [""]
            return True
        if name not in _VALUED:
            if behind:
                return False
            raise Misused(
                f"mcp add: unknown option '{name}'; the server's own options stand behind its command, after --"
            )
        what = _VALUED[name]
        values = [value] if equals else self._left[:1]
        if not values:
            raise Misused(f"mcp add: option '{name}' wants a value")
        if behind and not _fits(what, values[0]):
            return False
        if not equals:
            del self._left[0]
        while what in _SEVERAL and self._left and self._goes_on(what, self._left[0]):
            values.append(self._left.pop(0))
        self.given.setdefault(what, []).extend(values)
        return True

    def _is_behind(self) -> bool:
        """Whether an option stands where it may be the server's own."""
        return len(self.words) > 1 and not REMOTE.match(self.words[1])

    def _goes_on(self, what: str, word: str) -> bool:
        """Whether a word is a further value of `--env` or `--header`: only what looks like one."""
        return _fits(what, word)


class ExactOptions(Options):
    """The same as Claude Code 2.1 reads it: every word that begins with a dash is an option of `mcp add`, and `--env`
    and `--header` take every word up to the next option, a name included.
    """

    def _is_behind(self) -> bool:
        return False

    def _goes_on(self, what: str, word: str) -> bool:
        return len(word) < 2 or not word.startswith("-")


def _fits(what: str, value: str) -> bool:
    if what == "env":
        return bool(_VARIABLE.fullmatch(value))
    if what == "header":
        return bool(HEADER.fullmatch(value))
    if what == "scope":
        return value in SCOPES
    return value in TRANSPORTS if what == "transport" else True
