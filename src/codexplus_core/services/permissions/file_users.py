"""Which words of a command name files that it reads or writes, and where it goes to do so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .git import subcommand_of
from .program_list import LANGUAGES, SHELLS
from .programs import inert, needs_exact, plain_name, wrapper_reason
from .shell_mentions import base_name, mentioned

Placed = tuple[int, str]
"""A word with its place among the arguments, 0 for what stands nowhere as it is."""

# What they are given is text to them.
_PRINTERS = frozenset(("echo", "printf", "true", "false", "notify-send"))
# Their plain words are names of scripts, branches and packages; only what looks like a path is a file.
_NAMERS = frozenset(("npm", "pnpm", "yarn", "cargo", "make", "docker", "systemctl", "kill"))
_REFERENCES = """
    checkout switch branch merge rebase tag push pull fetch clone remote worktree stash cherry-pick revert describe
    reset
"""
_GIT_NAMERS = frozenset(_REFERENCES.split())
_READERS = """
    cd ls cat head tail wc nl tac rev cut tr paste join fold fmt column comm diff cmp grep egrep fgrep rg jq stat file
    du df test [ which type basename dirname realpath readlink md5sum sha1sum sha256sum sha512sum b2sum cksum base64 od
    hexdump strings zcat less more ps lsof dig pytest mypy flake8 pylint shellcheck sort shuf tree curl wget date
"""
_READS_ONLY = frozenset(_READERS.split())
_GIT_READERS = """
    annotate blame cat-file check-attr check-ignore cherry describe diff diff-files diff-index diff-tree for-each-ref
    grep log ls-files ls-tree merge-base name-rev range-diff reflog rev-list rev-parse shortlog show show-branch
    show-ref status whatchanged
"""
_GIT_READS_ONLY = frozenset(_GIT_READERS.split())
# They read, unless an argument says that they also mend; the others mend unless an argument says that they only look.
_MENDERS = frozenset(("ruff", "eslint", "stylelint", "prettier", "jest", "vitest", "gofmt", "shfmt"))
_MENDS = re.compile(
    r"format|fmt|--fix.*|--unsafe-fixes|--write|--apply|--update.*|-[a-z]*[wu]|-i|--in-place.*|--output.*|-o.*"
)
_LOOKERS = frozenset(("black", "isort", "rustfmt", "tsc"))
_LOOKS = re.compile(r"--check(?:-only)?|-c|--diff|--noEmit|--dry-run")
_COPYING = "mv ln rg ag ack tar bsdtar gtar cpio rsync rclone scp zip 7z rar ar find fd fdfind"
_COPIERS = frozenset(_COPYING.split())
_GIT_COPIERS = frozenset(("grep", "diff", "show", "archive", "mv", "format-patch", "diff-tree", "diff-index"))
# They look at folders and their lists of names, not into the files.
_LISTERS = frozenset(
    ("ls", "cd", "chdir", "pushd", "stat", "file", "du", "df", "tree", "mkdir", "rmdir", "touch", "test", "[")
)
_PATCH = re.compile(r"-[a-z]*[puLSG].*|--patch.*")
_RECURSIVE = re.compile(r"-[A-Za-z]*[rR][A-Za-z]*|-[a-z]*a[a-z]*|--rec.*|--dereference-rec.*|--archive|.*recurse")
_GOES = re.compile(r"(--directory|--prefix|--cwd|--chdir|--git-dir|--work-tree|--dir)(?:=(.*))?|-[A-Za-z]*C(.*)")
_MESSAGES = re.compile(r"-[a-z]*m|--message|--author")
_PATTERNS = re.compile(r"-[SG]|--grep|--author|--committer")
_TEXTS = {
    **dict.fromkeys(("commit", "tag", "stash", "merge"), _MESSAGES),
    **dict.fromkeys(("log", "diff", "show", "whatchanged", "shortlog", "rev-list"), _PATTERNS),
}


def words_read(argv: Sequence[str]) -> list[Placed]:
    """The words that may hold the name of a file which the command reads. A call of git-show is given as git show."""
    program = plain_name(argv[0])
    if program in _PRINTERS:
        return []
    namer = program in _NAMERS or (program == "git" and _subcommand(argv) in _GIT_NAMERS)
    return [placed for placed in _arguments(argv) if not namer or re.search(r"[/.\\]", placed[1])]


def words_written(argv: Sequence[str]) -> list[Placed]:
    """The words that may hold the name of a file which the command writes, creates or removes."""
    program = plain_name(argv[0])
    if program in _PRINTERS or (_only_reads(argv, program) and not needs_exact(argv)):
        return []
    if program in _NAMERS:
        return [placed for placed in _arguments(argv) if re.search(r"[/.\\]", placed[1])]
    found = _arguments(argv)
    if wrapper_reason(argv[0]) in (SHELLS, LANGUAGES) and program not in ("sed", "gsed", "ed", "ex"):
        # The first plain word is a script to run, not to write.
        script = next((word for _, word in found if not word.startswith("-")), "")
        found = [placed for placed in found if placed[1] != script]
    if program in ("cp", "install") and len(found) > 1:
        folder = found[-1][1]
        found += [(0, f"{folder}/{base_name(word)}") for _, word in found[:-1]]
    return found


def texts_in(argv: Sequence[str]) -> frozenset[int]:
    """The places of git's arguments that are messages and patterns: quotes in those hold no file names."""
    takes = _TEXTS.get(_subcommand(argv)) if plain_name(argv[0]) == "git" else None
    if takes is None:
        return frozenset()
    return frozenset(place + 1 for place, word in enumerate(argv) if takes.fullmatch(word))


def moves_to(argv: Sequence[str]) -> Iterator[str]:
    """The folders that options send the command to: ``git -C sub``, ``make --directory=sub``."""
    if inert(argv[0]) and plain_name(argv[0]) in _READS_ONLY:
        return
    for place, word in enumerate(argv[1:], 1):
        found = _GOES.fullmatch(word)
        if found is not None:
            yield found[2] or found[3] or "".join(argv[place + 1 : place + 2])


def copies_folders(argv: Sequence[str]) -> bool:
    """Whether a command reads or writes all that is in a folder which it is given."""
    program = plain_name(argv[0])
    if program in _LISTERS:
        return False
    if program == "git":
        subcommand = _subcommand(argv)
        if subcommand in ("log", "whatchanged", "stash"):
            return any(map(_PATCH.fullmatch, argv))
        return subcommand in _GIT_COPIERS or (subcommand == "rm" and "-r" in argv)
    if program in _COPIERS or any(map(_RECURSIVE.fullmatch, argv[1:])):
        return True
    return bool(wrapper_reason(argv[0])) and may_copy_folders(part for word in argv[1:] for part in mentioned(word))


def may_copy_folders(words: Iterable[str]) -> bool:
    """The same for words of which it is not known what they are."""
    return any(base_name(word) in _COPIERS or _RECURSIVE.fullmatch(word) for word in words)


def _arguments(argv: Sequence[str]) -> list[Placed]:
    found = list(enumerate(argv))[1:]
    if needs_exact(argv):
        found += [(0, part) for word in argv[1:] for part in mentioned(word)]
    return found


def _subcommand(argv: Sequence[str]) -> str:
    return "".join(subcommand_of(argv)[1:2])


def _only_reads(argv: Sequence[str], program: str) -> bool:
    if program in _READS_ONLY or base_name(argv[0]) in _READS_ONLY:
        return True
    if program == "git":
        return _subcommand(argv) in _GIT_READS_ONLY
    if program in _MENDERS:
        return not any(map(_MENDS.fullmatch, argv[1:]))
    return program in _LOOKERS and any(map(_LOOKS.fullmatch, argv[1:]))
