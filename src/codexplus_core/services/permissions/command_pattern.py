"""The part of a Bash rule in parentheses: which commands it means, narrowly when it allows, broadly when it denies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from .calls import Call, Words
from .denied_words import STAR, among_options, glob_of, same_word
from .git import as_git
from .programs import needs_exact, plain_name
from .shell import canonical_of, understood
from .shell_mentions import base_name, may_be
from .shell_words import Odd, commands_of, tokens_of
from .subcommands import same_subcommand

MOST_WORDS = 64
MOST_STARS = 4

_STAR_IN_TEXT = re.compile(r"(?<!\\)\*")
_PARENT = re.compile(r"(?:^|[/\\=])\.\.(?:[/\\]|$)")

Kind = Literal["any", "exact", "prefix", "wildcard"]


@dataclass(frozen=True, slots=True)
class CommandPattern:
    """A Bash rule's commands. ``words`` may hold STAR; ``canonical`` is the whole text of an exact rule."""

    kind: Kind
    words: tuple[str, ...] = ()
    canonical: str = ""

    @property
    def literal(self) -> int:
        """How many leading words are spelled out."""
        return next((place for place, word in enumerate(self.words) if STAR in word), len(self.words))

    def names(self, argv: Sequence[str]) -> bool:
        """Whether the command is one of those that the rule means, word for word."""
        if self.kind == "any":
            return True
        if self.kind == "exact":
            return bool(self.words) and tuple(argv) == self.words
        return _fits(self.words, argv, open_end=self.kind == "prefix")

    def allows(self, argv: Sequence[str], *, moved: bool = False) -> str | None:
        """None when the rule covers the command, "" when it means another, else why it cannot vouch for this one.

        ``moved`` says that the command runs in another folder than the rule was written for.
        """
        if not self.names(argv):
            return ""
        if moved and any(word != STAR and not word.startswith("-") for word in self.words[1:]):
            return "the rule names a file or a command of another folder than the one after cd"
        return None if self.kind == "exact" else needs_exact(argv, self.literal) or None

    def touches(self, call: Call) -> bool:
        """Whether a denying rule concerns the command: any spelling, any order of options, any wrapper."""
        if self.kind == "any":
            return True
        named = self._starts(call.words[0]) or base_name("".join(self.words[:1])) in call.names
        if named and self._follows(call.words[1:], at_once=call.at_once, exact=self.kind == "exact"):
            return True
        if call.harmless:
            return False
        # An alias may turn a call of git into another one, but an exact rule is not about what is longer.
        return self.mentioned_in(call.mentions if call.runs_others and self.kind != "exact" else call.arguments)

    def mentioned_in(self, words: Words) -> bool:
        """Whether the words, wherever they stand, may come to a command that the rule means."""
        if self.kind == "any":
            return True
        if not self.words or not (STAR in self.words[0] or words.may_hold(base_name(self.words[0]))):
            return False
        for place, word in enumerate(words.words):
            if self._starts(word):
                # All that follows any later mention follows the first one too.
                if self._follows(words.words[place + 1 :], at_once=False, exact=False, ordered=False):
                    return True
                break
        return self._as_git(words.words)

    def _as_git(self, words: Sequence[str]) -> bool:
        if base_name(self.words[0]) != "git":
            return False
        calls = (as_git(words[place:]) for place, word in enumerate(words) if "git-" in word)
        return any(call[0] == "git" and self._follows(call[1:], at_once=True, exact=False) for call in calls)

    def _starts(self, word: str) -> bool:
        if not self.words:
            return False
        name = base_name(self.words[0].replace(STAR, "*"))
        return self.words[0] == STAR or may_be(word, name) or plain_name(word) == name

    def _follows(self, given: Sequence[str], *, at_once: bool, exact: bool, ordered: bool = True) -> bool:
        wanted = [word for word in self.words[1:] if word != STAR]
        if exact and len(given) != len(wanted):
            return False
        options = [word for word in given if word.startswith("-")]
        others = [word for word in given if not word.startswith("-")]
        place = 0
        for number, word in enumerate(wanted):
            if word.startswith("-"):
                if not among_options(word, options) and not self._forced(word, others):
                    return False
                continue
            same = self._same_subcommand if number == 0 and at_once else same_word
            found = next((at for at, other in enumerate(others[place:], place) if same(word, other)), None)
            if found is None or (at_once and STAR not in self.words and found != place):
                return False
            place = found + 1 if ordered else 0
        return True

    def _same_subcommand(self, wanted: str, given: str) -> bool:
        return same_word(wanted, given) or same_subcommand(plain_name(self.words[0]), wanted, given)

    def _forced(self, option: str, others: Sequence[str]) -> bool:
        # `git push origin +main` is `git push --force origin main`.
        pushing = self.words[:2] == ("git", "push") and option in ("--force", "-f")
        return pushing and any(other.startswith("+") for other in others)


def read_pattern(spec: str) -> CommandPattern:
    """The pattern that the text in a Bash rule's parentheses means. Raises Odd for what cannot be one."""
    text = spec.strip()
    if text in ("*", ":*"):
        return CommandPattern("any")
    open_end = False
    for ending in (":*", " *"):
        if text.endswith(ending):
            text, open_end = text.removesuffix(ending).rstrip(), True
            break
    if ":*" in text:
        raise Odd("':*' before its end")
    marked = _STAR_IN_TEXT.sub(STAR, text)
    if STAR in text:
        raise Odd("a private-use character")
    tokens = tokens_of(marked, marks=True)
    commands = commands_of(tokens, any_program=True)
    whole = understood(commands)
    argv = whole.commands[0]
    if len(argv) > MOST_WORDS or sum(word == STAR for word in argv) > MOST_STARS:
        raise Odd(f"more than {MOST_WORDS} words or {MOST_STARS} wildcards")
    alone = whole.canonical == canonical_of(argv)
    starred = STAR in marked
    if (starred or open_end) and not alone:
        raise Odd("a wildcard in more than one simple command")
    if open_end and STAR not in argv:
        return CommandPattern("prefix", argv)
    if starred:
        return CommandPattern("wildcard", (*argv, STAR) if open_end else argv)
    return CommandPattern("exact", argv if alone else (), whole.canonical)


def _fits(wanted: Sequence[str], given: Sequence[str], *, open_end: bool) -> bool:
    """Word for word; a lone star is one or more words, at the end of a pattern also none."""
    reached = {0}
    for number, word in enumerate(wanted, 1):
        if word == STAR:
            if number == len(wanted):
                return True
            reached = set(range(min(reached) + 1, len(given) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(given) and _word_fits(word, given[at])}
        if not reached:
            return False
    return open_end or len(given) in reached


def _word_fits(wanted: str, given: str) -> bool:
    if STAR not in wanted:
        return wanted == given
    # A star inside a word vouches for names, not for a way out of the folder in front of it.
    if _PARENT.search(given):
        return False
    return fnmatchcase(given, glob_of(wanted))
