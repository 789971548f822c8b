"""What is asked of the rules, taken apart once for all of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from .git import as_git, subcommand_of
from .named_files import NamedFiles
from .programs import inert, names_of, needs_exact, plain_name
from .shell import Unclear, Understood
from .shell_mentions import base_name, mentioned
from .subcommands import has_subcommands


class Words:
    """Words of which any may be a program, with what tells quickly that a certain program is not among them."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)
        self._names = frozenset(map(base_name, self.words))
        # A pattern (*m) may be any program.
        self._initials = frozenset(name[:1] if name[:1].isalnum() else "" for name in self._names)

    def may_hold(self, program: str) -> bool:
        """Whether a program of this base name may be called by one of the words; nearly always no."""
        return program in self._names or "" in self._initials or program[:1] in self._initials


class Call:
    """One command as denying rules look at it."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        self.argv = argv
        self.name = plain_name(argv[0])
        self.words = subcommand_of(argv) if self.name == "git" else list(argv)
        # A known program's subcommand is its first plain word, so that `git stash push` is no `git push`.
        known = self.name == "git" or has_subcommands(self.name)
        self.at_once = known and not "".join(self.words[1:2]).startswith("-")
        self.names = names_of(argv[0])

    @cached_property
    def runs_others(self) -> bool:
        """Whether its arguments may make it run another program, as far as one can tell."""
        return bool(needs_exact(self.argv))

    @cached_property
    def harmless(self) -> bool:
        """Whether its arguments are surely no programs."""
        return not self.runs_others and inert(self.argv[0])

    @cached_property
    def mentions(self) -> Words:
        """Its words and what can be made out in them, the program first."""
        return Words(part for word in self.argv for part in (word, *mentioned(word)))

    @cached_property
    def arguments(self) -> Words:
        """The same without the program."""
        return Words(part for word in self.words[1:] for part in (word, *mentioned(word)))


class Asked:
    """A command line: what it means, what it calls and which files it names."""

    def __init__(self, read: Understood | Unclear, cwd: str) -> None:
        self.read = read
        self.files = NamedFiles(read, cwd)

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The commands of a text that is understood; one of git's own programs (git-push) also as a call of git."""
        if isinstance(self.read, Unclear):
            return ()
        forms = ((argv, tuple(as_git(argv))) for argv in self.read.commands)
        return tuple(Call(form) for argv, called in forms for form in dict.fromkeys((argv, called)))

    @cached_property
    def words(self) -> Words:
        """The words of a text that is not understood."""
        return Words(self.read.words if isinstance(self.read, Unclear) else ())
