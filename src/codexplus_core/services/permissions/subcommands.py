"""Programs whose first plain word says what they do: which of those words a rule about the whole program covers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .subcommand_list import CARGO, COVERAGE, GO, NPM, NPM_ALIASES, PNPM, SCRIPTS, YARN, Words

_SCRIPTS = frozenset(SCRIPTS.split())
_UPPER = re.compile(r"[A-Z]")


@dataclass(frozen=True, slots=True)
class Subcommands:
    """The words of one program, by what it takes for a rule to cover them.

    ``covered``: any rule about the program. ``own``: a rule that names the word. ``starters``: only the whole command.
    Any other word is unknown and taken for ``own``. ``nesting`` words are followed by another subcommand, ``valued``
    are the options before it that take a value. ``aliases`` are other names; ``shortened`` programs also take any
    beginning of a name, ``scripted`` ones any script's or program's.
    """

    covered: frozenset[str]
    own: frozenset[str]
    starters: frozenset[str]
    nesting: frozenset[str]
    valued: frozenset[str]
    aliases: Mapping[str, str]
    shortened: bool = False
    scripted: bool = False

    def meanings(self, word: str) -> frozenset[str]:
        """The subcommands that the program may take the word for."""
        if self.shortened:
            word = _UPPER.sub(lambda letter: "-" + letter[0].lower(), word).removeprefix("-")
        names = self.covered | self.own | self.starters | self.nesting | self.aliases.keys()
        found = {word} if word in names or not self.shortened else {name for name in names if name.startswith(word)}
        return frozenset(self.aliases.get(name, name) for name in found or {word})

    def starts(self, word: str, rest: Sequence[str], runs: Callable[[str], object]) -> bool:
        """Whether the word, or the script's name behind it, makes the program run what the arguments say."""
        if self.meanings(word) & self.starters:
            return True
        # `pnpm sh` and `yarn run sh` look for a program when there is no script of that name.
        plain = [name for name in rest if not name.startswith("-")]
        unsure = 2 if rest[:1] and rest[0].startswith("-") else 1
        names = (word, *plain[:unsure]) if word == "run" else (word,)
        known = self.covered | self.own | self.nesting
        return self.scripted and any(runs(name) and name not in known and not _is_script(name) for name in names)


def _read(words: Words, *, aliases: str = "", shortened: bool = False, scripted: bool = False) -> Subcommands:
    return Subcommands(
        covered=frozenset(words.covered.split()),
        own=frozenset(words.own.split()),
        starters=frozenset(words.starters.split()),
        nesting=frozenset(words.nesting.split()),
        valued=frozenset(words.valued.split()),
        aliases={short: name for short, _, name in (pair.partition("=") for pair in aliases.split())},
        shortened=shortened,
        scripted=scripted,
    )


_PROGRAMS: Mapping[str, Subcommands] = {
    "npm": _read(NPM, aliases=NPM_ALIASES, shortened=True),
    "pnpm": _read(PNPM, aliases="t=test i=install up=update upgrade=update rm=remove uninstall=remove un=remove"
                  " rb=rebuild ln=link ls=list ll=list la=list c=config", scripted=True),
    "yarn": _read(YARN, scripted=True),
    "cargo": _read(CARGO, aliases="b=build c=check t=test r=run d=doc rm=remove"),
    "go": _read(GO),
    "coverage": _read(COVERAGE),
}  # fmt: skip


def has_subcommands(name: str) -> bool:
    """Whether the program, by its plain name, is one of these; git has a file of its own."""
    return name in _PROGRAMS


def same_subcommand(name: str, wanted: str, given: str) -> bool:
    """Whether two words may be the same subcommand to that program: ``npm publ`` is ``npm publish``."""
    known = _PROGRAMS.get(name)
    return known is not None and not known.meanings(wanted.casefold()).isdisjoint(known.meanings(given))


def subcommand_danger(argv: Sequence[str], name: str, literal: int, runs: Callable[[str], object]) -> str:
    """Why no prefix covers this call; empty when one may. ``literal``: leading words that the rule spells out.

    ``runs`` says whether a program runs others.
    """
    known = _PROGRAMS.get(name)
    if known is None:
        return ""
    # Before the subcommand may stand options, whose values are not known, and words behind which another one follows:
    # from then on no word is above suspicion.
    sure, settled, value = True, False, False
    for place, word in enumerate(argv[1:], 1):
        if word == "--":
            break
        if word[:1] == "-":
            sure, value = False, word in known.valued
            continue
        if word[:1] == "+":
            return f"{argv[0]} {word} chooses another toolchain"
        if known.starts(word, argv[place + 1 :], runs):
            return f"{argv[0]} {word} runs what its arguments say"
        meanings = known.meanings(word)
        if meanings & known.nesting and not value:
            sure, value = False, word == "workspace"
            continue
        phrases = {f"{meaning}-{later}" for meaning in meanings for later in argv[place + 1 :]}
        if (meanings | phrases) & known.own and place >= literal:
            return f"{argv[0]} {word} runs code of others and needs a rule of its own"
        if value:
            value = False
            continue
        known_word = place < literal or meanings & known.covered or (known.scripted and _is_script(word))
        if not (known_word or settled):
            why = "may be any program" if known.scripted else "is not known here"
            return f"{argv[0]} {word} {why} and needs a rule of its own"
        settled = settled or bool(known_word)
        if settled and sure:
            break
    return ""


def _is_script(word: str) -> bool:
    return word in _SCRIPTS or (":" in word and word.partition(":")[0] in _SCRIPTS)
