"""A shell command: either understood to the last byte, or unclear with the reason why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .shell_mentions import base_name, mentioned
from .shell_tree import agree
from .shell_words import Odd, Simple, commands_of, quoted, tokens_of


@dataclass(frozen=True, slots=True)
class Write:
    """A file that a redirection writes, as it is written there."""

    path: str
    append: bool = False


@dataclass(frozen=True, slots=True)
class Understood:
    """A text of which every byte is accounted for.

    ``commands`` are its simple commands, program first. ``writes`` are the files that redirections write.
    ``canonical`` is the same text with every word quoted again: what is run, so that it is what was judged.
    """

    commands: tuple[tuple[str, ...], ...]
    writes: tuple[Write, ...]
    canonical: str

    @property
    def argv(self) -> tuple[str, ...] | None:
        """The one command that needs no shell, None for more than one and where something is redirected."""
        alone = len(self.commands) == 1 and self.canonical == canonical_of(self.commands[0])
        return self.commands[0] if alone else None


@dataclass(frozen=True, slots=True)
class Unclear:
    """A text that is not judged: ``reason`` says what it holds, ``programs_seen`` what it may run (base names).

    ``words`` are all words that can be made out in it, quotes removed, in order.
    """

    reason: str
    programs_seen: frozenset[str]
    words: tuple[str, ...]


def canonical_of(argv: tuple[str, ...]) -> str:
    """The one way to write that command."""
    return " ".join(quoted(word) for word in argv)


def read_shell(text: str) -> Understood | Unclear:
    """Read the text that a POSIX shell would get."""
    try:
        tokens = tokens_of(text)
        commands = commands_of(tokens)
        agree(text, tokens, commands)
    except Odd as odd:
        return unclear(str(odd), mentioned(text))
    return understood(commands)


def unclear(reason: str, words: Iterable[str]) -> Unclear:
    """What is left to say of a text that holds these words."""
    kept = tuple(words)
    return Unclear(reason, frozenset(base_name(word) for word in kept), kept)


def understood(commands: list[Simple]) -> Understood:
    """What the commands come to."""
    written: list[str] = []
    writes: list[Write] = []
    for command in commands:
        redirects = [redirect.text for redirect in command.redirects]
        writes += [
            Write(redirect.target, redirect.append) for redirect in command.redirects if redirect.target is not None
        ]
        joint = command.joint
        if joint == "|&":
            # A pipe for both outputs, in words that every shell knows; it takes effect after the other redirections.
            redirects.append("2>&1")
            joint = "|"
        written.append(" ".join([canonical_of(command.argv), *redirects]))
        written.append("; " if joint == ";" else f" {joint} " if joint else "")
    text = "".join(written).removesuffix("; ")
    return Understood(tuple(command.argv for command in commands), tuple(writes), text)
