"""Commands that only look: what an inclusion may run although no rule names it, as Claude Code does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

# They print what they are told, or what the system says of itself; no word of theirs names a file that they read.
_TALK = frozenset({
    "arch", "basename", "date", "dirname", "echo", "false", "groups", "id", "locale", "nproc", "printf", "pwd", "seq",
    "sleep", "true", "tty", "uname", "uptime", "which", "whoami",
})  # fmt: skip
# They read the files that they name.
_READ = frozenset({
    "cat", "cd", "cksum", "cmp", "column", "comm", "cut", "df", "diff", "du", "egrep", "expand", "fgrep", "fmt", "fold",
    "grep", "head", "jq", "ls", "md5sum", "nl", "numfmt", "od", "paste", "readlink", "realpath", "rev", "sha1sum",
    "sha256sum", "sha512sum", "sort", "stat", "strings", "tac", "tail", "test", "tr", "unexpand", "uniq", "wc",
})  # fmt: skip
# Options that write, run or set something, or that read names of files from elsewhere.
_HARMFUL: Mapping[str, tuple[str, ...]] = {
    "cd": ("-",),
    "column": ("-o", "--o"),
    "date": ("-s", "--s", "-f", "--f"),
    "du": ("--files0-from", "-X", "--exclude-from"),
    "jq": ("-f", "--from-file", "-L", "--rawfile", "--slurpfile"),
    "sort": ("-o", "--o", "-T", "--te", "--co", "--files0-from"),
    "wc": ("--files0-from",),
}
# What `find` may be told, and how many words follow; all else of it runs, writes, removes or reads further files.
_FIND: Mapping[str, int] = {
    "!": 0, "-P": 0, "-a": 0, "-and": 0, "-cmin": 1, "-ctime": 1, "-depth": 0, "-empty": 0, "-false": 0, "-iname": 1,
    "-ipath": 1, "-iregex": 1, "-maxdepth": 1, "-mindepth": 1, "-mmin": 1, "-mtime": 1, "-name": 1, "-not": 0, "-o": 0,
    "-or": 0, "-path": 1, "-print": 0, "-print0": 0, "-prune": 0, "-regex": 1, "-regextype": 1, "-size": 1, "-true": 0,
    "-type": 1, "-wholename": 1,
}  # fmt: skip
_GIT_LOOKS = frozenset({
    "blame", "cat-file", "count-objects", "describe", "diff", "diff-index", "diff-tree", "for-each-ref", "grep", "log",
    "ls-files", "ls-tree", "merge-base", "name-rev", "rev-list", "rev-parse", "shortlog", "show", "show-ref", "status",
    "symbolic-ref", "whatchanged",
})  # fmt: skip
_GIT_HARMFUL = (
    "--output", "--outp", "--ext-diff", "--textconv", "--no-index", "-O", "--open-files-in-pager", "--exec",
    "--upload-pack", "--git-dir", "--work-tree", "--delete", "--filters", "--contents", "--exclude-from",
    "--ignore-revs-file",
)  # fmt: skip
_GIT_LISTS: Mapping[str, frozenset[str]] = {
    "branch": frozenset({"--show-current", "--list", "--all", "--remotes", "-a", "-l", "-r", "-v", "-vv"}),
    "reflog": frozenset({"show"}),
    "remote": frozenset({"-v", "--verbose"}),
    "stash": frozenset({"list"}),
    "tag": frozenset({"-l", "--list", "-n"}),
    "worktree": frozenset({"list"}),
}

# They make, move and remove exactly the files that they name, but for these options.
_FILES: Mapping[str, tuple[str, ...]] = {
    "cp": (
        "-R",
        "-S",
        "-a",
        "-b",
        "-d",
        "-l",
        "-r",
        "-s",
        "-t",
        "--ta",
        "--ar",
        "--ba",
        "--li",
        "--no-d",
        "--pa",
        "--re",
        "--s",
    ),
    "mkdir": ("-Z", "-m", "--co", "--mo"),
    "mv": ("-S", "-b", "-t", "--ba", "--su", "--ta"),
    "rm": ("--no-p",),
    "rmdir": (),
    "tee": (),
    "touch": ("-h", "-r", "--no-d", "--re"),
}
PROTECTED = frozenset({".git", ".claude", ".codex", ".codexplus", ".mcp.json", ".vscode", ".idea", ".envrc"})
"""Names that other programs believe or run; what only makes files makes none of these, nor in them."""

_REACHES_OUT = frozenset({
    "cargo", "curl", "docker", "gh", "glab", "go", "npm", "npx", "pip", "pip3", "pnpm", "rsync", "scp", "ssh", "uv",
    "wget", "yarn",
})  # fmt: skip
_GIT_REACHES_OUT = frozenset({"clone", "fetch", "ls-remote", "pull", "push", "submodule"})


def only_looks(argv: Sequence[str], cwd: Path) -> bool:
    """Whether a command changes nothing and names no file outside ``cwd``; in doubt it does not only look."""
    name, words = argv[0], argv[1:]
    if name == "git":
        return _git_only_looks(words, cwd)
    if name == "find":
        return _find_only_looks(words, cwd)
    if _has(words, _HARMFUL.get(name, ())):
        return False
    if name in _TALK:
        # `date 01010000` sets the clock.
        return name != "date" or all(word[:1] in ("+", "-") for word in words)
    if name not in _READ or (name == "uniq" and sum(word[:1] != "-" for word in words) > 1):
        return False
    if any(word.startswith("-") and "/" in word for word in words):
        return False
    return _all_within(words, cwd)


def only_talks(argv: Sequence[str]) -> bool:
    """Whether a command can do nothing but print, whatever options it gets."""
    return argv[0] in _TALK and argv[0] != "date"


def only_makes_files(argv: Sequence[str], cwd: Path) -> bool:
    """Whether a command does no more than to make, move or remove files that it names, all of them in ``cwd``.

    Nothing that others run or believe is among them: not what a sandboxed program may not change either.
    """
    name, words = argv[0], argv[1:]
    if name not in _FILES or _has(words, _FILES[name]) or any(word.startswith("-") and "=" in word for word in words):
        return False
    if any(word.startswith("-") and "/" in word for word in words):
        return False
    root = os.path.realpath(cwd)
    # A relative link, or one in a folder, leads somewhere else from its new place.
    if name == "mv" and any(moved.is_symlink() or moved.is_dir() for moved in _moved(words, cwd)):
        return False
    for word in [*words, *_copies(words, cwd)]:
        if word.startswith("-"):
            continue
        if not word:
            continue  # an argument that nobody typed; a program refuses it
        real = os.path.realpath(cwd / word[:4000])
        parts = Path(os.path.relpath(real, root)).parts
        if ".." in parts or not parts or any(part.casefold() in PROTECTED for part in parts):
            return False
        if any(part.casefold() in PROTECTED for part in Path(word).parts):
            return False
    return True


def _moved(words: Sequence[str], cwd: Path) -> list[Path]:
    return [cwd / word[:4000] for word in words if not word.startswith("-")][:-1]


def _copies(words: Sequence[str], cwd: Path) -> list[str]:
    """The names in the last folder that files go to: what lies there may be a link to somewhere else."""
    places = [word for word in words if word and not word.startswith("-")]
    if len(places) < 2 or not (cwd / places[-1][:4000]).is_dir():
        return []
    return [str(Path(places[-1], Path(place).name)) for place in places[:-1]]


def is_harmless(argv: Sequence[str], cwd: Path) -> bool:
    """Whether a command runs nothing of what it names: it only looks, or it only makes files."""
    return only_looks(argv, cwd) or only_makes_files(argv, cwd)


def needs_network(argv: Sequence[str]) -> bool:
    """Whether a command is there to reach other machines."""
    name = Path(argv[0]).name
    return name in _REACHES_OUT or (name == "git" and any(word in _GIT_REACHES_OUT for word in argv[1:3]))


def _find_only_looks(words: Sequence[str], cwd: Path) -> bool:
    # Every word is accounted for: an option that is not known here may be one that removes.
    waiting = list(words)
    begun = False
    while waiting:
        word = waiting.pop(0)
        if word in _FIND:
            begun = begun or word != "-P"
            del waiting[: _FIND[word]]
        elif begun or word[:1] in ("-", "(", ")", ",") or not _all_within([word], cwd):
            return False
    return True


def _git_only_looks(words: Sequence[str], cwd: Path) -> bool:
    if not words or words[0].startswith("-"):
        return tuple(words) in ((), ("--version",))
    command, rest = words[0], words[1:]
    if command == "stash" and not rest:
        return False
    if command in _GIT_LISTS:
        return all(word in _GIT_LISTS[command] for word in rest)
    if command == "config":
        return len(rest) == 2 and rest[0] in ("--get", "--get-all")
    if command not in _GIT_LOOKS or _has(rest, _GIT_HARMFUL):
        return False
    if command == "symbolic-ref" and sum(word[:1] != "-" for word in rest) > 1:
        return False
    return _all_within(rest, cwd)


def _has(words: Sequence[str], harmful: Sequence[str]) -> bool:
    """Whether one of the options is there; abbreviations, bundled letters and joined values count."""
    for word in words:
        name = word.partition("=")[0]
        for option in harmful:
            letter = option[1:] if len(option) == 2 and option[0] == "-" else ""
            if word == option or (option.startswith("--") and word.startswith(option)):
                return True
            # `--open` is `--open-files-in-pager` to git.
            if len(name) > 2 and name.startswith("--") and option.startswith(name):
                return True
            if letter and word[:1] == "-" and word[:2] != "--" and letter in word[1:]:
                return True
    return False


def _all_within(words: Sequence[str], cwd: Path) -> bool:
    """Whether no word names a file outside; what names none is a pattern, a revision or a number."""
    root = os.path.realpath(cwd)
    for word in words:
        if word.startswith("-"):
            continue
        if word.startswith("~"):
            return False
        if not word.startswith("/") and ".." not in word.split("/") and not os.path.lexists(cwd / word[:4000]):
            continue
        real = os.path.realpath(cwd / word[:4000])
        if real != root and not real.startswith(root.rstrip("/") + "/"):
            return False
    return True
