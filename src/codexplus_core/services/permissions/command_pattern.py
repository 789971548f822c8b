"""The part of a Bash rule in parentheses: which commands it means, narrowly when it allows, broadly when it denies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from .git import subcommand_of
from .programs import inert, needs_exact, plain_name
from .shell import canonical_of, understood
from .shell_characters import FIRST_MARK
from .shell_mentions import base_name, may_be, mentioned
from .shell_words import Odd, commands_of, tokens_of

STAR = chr(FIRST_MARK)
"""Stands for a rule's ``*`` in the words of a pattern; ``\\*`` is an ordinary star."""
MOST_WORDS = 64
MOST_STARS = 4

_STAR_IN_TEXT = re.compile(r"(?<!\\)\*")
# Programs whose first plain word says what they do, so that `git stash push` is no `git push`.
_WITH_SUBCOMMANDS = frozenset(("git", "npm", "pnpm", "yarn", "cargo", "go"))
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

    def allows(self, argv: Sequence[str]) -> str | None:
        """None when the rule covers the command, "" when it means another, else why it cannot vouch for this one."""
        if not self.names(argv):
            return ""
        return None if self.kind == "exact" else needs_exact(argv, self.literal) or None

    def touches(self, argv: Sequence[str]) -> bool:
        """Whether a denying rule concerns the command: any spelling, any order of options, any wrapper."""
        if self.kind == "any":
            return True
        name = plain_name(argv[0])
        words = subcommand_of(argv) if name == "git" else list(argv)
        at_once = name in _WITH_SUBCOMMANDS and not "".join(words[1:2]).startswith("-")
        if self._starts(words[0]) and self._follows(words[1:], at_once=at_once, exact=self.kind == "exact"):
            return True
        if needs_exact(argv):
            # An alias may turn a call of git into another one, but an exact rule is not about what is longer.
            scanned = argv[1:] if self.kind == "exact" else argv
            return self.mentioned_in([part for word in scanned for part in (word, *mentioned(word))])
        return not inert(argv[0]) and self.mentioned_in(words[1:])

    def seen_among(self, programs: frozenset[str]) -> bool:
        """Whether a text with these programs (base names) need be looked at: nearly always no, and quickly so."""
        if self.kind == "any" or not self.words or STAR in self.words[0]:
            return True
        name = base_name(self.words[0])
        return name in programs or any(name[:1] == seen[:1] or not seen[:1].isalnum() for seen in programs)

    def mentioned_in(self, words: Sequence[str]) -> bool:
        """Whether the words, wherever they stand, may come to a command that the rule means."""
        if self.kind == "any":
            return True
        starts = self._starts
        for place, word in enumerate(words):
            if starts(word):
                # All that follows any later mention follows the first one too.
                return self._follows(words[place + 1 :], at_once=False, exact=False, ordered=False)
        return False

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
        letters = "".join(option[1:] for option in options if not option.startswith("--"))
        others = [word for word in given if not word.startswith("-")]
        place = 0
        for word in wanted:
            if word.startswith("-"):
                # -rf, -fr, -r -f and -vrf are one request.
                bundled = not word.startswith("--") and STAR not in word and set(word[1:]) <= set(letters)
                if not bundled and not any(_same_option(word, option) for option in options):
                    return False
                continue
            found = next((at for at, other in enumerate(others[place:], place) if _same(word, other)), None)
            # A known program's subcommand is its first plain word; of others it is not known which words are values.
            if found is None or (at_once and STAR not in self.words and found != place):
                return False
            place = found + 1 if ordered else 0
        return True


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
    if not wanted:
        return open_end or not given
    if wanted[0] == STAR:
        if len(wanted) == 1:
            return True
        return any(_fits(wanted[1:], given[skip:], open_end=open_end) for skip in range(1, len(given) + 1))
    if not given or not _word_fits(wanted[0], given[0]):
        return False
    return _fits(wanted[1:], given[1:], open_end=open_end)


def _word_fits(wanted: str, given: str) -> bool:
    if STAR not in wanted:
        return wanted == given
    # A star inside a word vouches for names, not for a way out of the folder in front of it.
    if _PARENT.search(given):
        return False
    return fnmatchcase(given, _glob(wanted))


def _glob(wanted: str) -> str:
    # fnmatch's patterns take linear time; only STAR is a wildcard in ours.
    return re.sub(r"[*?\[]", r"[\g<0>]", wanted).replace(STAR, "*")


def _same(wanted: str, given: str) -> bool:
    wanted, given = wanted.casefold(), given.casefold()
    if STAR in wanted:
        return fnmatchcase(given, _glob(wanted))
    return wanted == given or may_be(given, wanted)


def _same_option(wanted: str, given: str) -> bool:
    if STAR in wanted:
        return _same(wanted, given)
    if wanted.startswith("--"):
        name, _, value = wanted.partition("=")
        own, _, own_value = given.partition("=")
        # Most programs take an unambiguous beginning of a long option for the whole.
        return len(own) > 2 and name.startswith(own) and (not value or not own_value or value == own_value)
    return given == wanted
