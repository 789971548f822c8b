"""What of git a rule with a prefix may cover: the subcommands and options that start no program of others' choosing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .options import Options, danger_in
from .shell_mentions import base_name

# Global options that change neither the configuration, the repository nor the programs that git starts.
_HARMLESS_GLOBAL_WORDS = """
    --no-pager --version -v --no-optional-locks --no-replace-objects --literal-pathspecs --glob-pathspecs
    --noglob-pathspecs --icase-pathspecs --no-lazy-fetch --no-advice
"""
_HARMLESS_GLOBAL = frozenset(_HARMLESS_GLOBAL_WORDS.split())
_GLOBAL_WITH_VALUE = frozenset(("-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"))
# Everything else is unknown to us, and may be an alias from the repository's own configuration.
_COVERED_WORDS = """
    add annotate blame branch cat-file check-attr check-ignore checkout cherry cherry-pick clean commit count-objects
    describe diff diff-files diff-index diff-tree for-each-ref grep log ls-files ls-tree merge merge-base mv name-rev
    range-diff reflog reset restore rev-list rev-parse revert rm shortlog show show-branch show-ref stash status
    switch symbolic-ref tag version whatchanged
"""
_COVERED = frozenset(_COVERED_WORDS.split())
# They talk to other repositories, rewrite or start configured programs: only a rule that names them covers them.
_OWN_RULE_WORDS = """
    am apply archive bundle clone fetch format-patch fsck gc init ls-remote notes pack-refs prune pull push rebase
    remote rerere repack replace update-ref verify-commit verify-tag worktree write-tree read-tree update-index
"""
_OWN_RULE = frozenset(_OWN_RULE_WORDS.split())
# Options of any subcommand that start a program, take one's name, or write to a file of any name.
_ANYWHERE = Options(
    "upload-pack receive-pack exec ext-diff textconv open-files-in-pager output output-directory template config"
    " separate-git-dir upload-archive remote no-index contents gpg-sign sign show-signature verify-signatures"
    " local-user strategy recurse-submodules recursive edit-description reference server-option filters",
    "",
)
# Letters mean different things: -p is a patch for log and a dialogue for add.
_LETTERS: Mapping[str, str] = {
    "grep": "O",
    "add": "eip",
    "commit": "Sp",
    "checkout": "p",
    "restore": "p",
    "reset": "p",
    "stash": "p",
    "clean": "i",
    "tag": "suv",
    "merge": "Ss",
    "cherry-pick": "S",
    "revert": "S",
    "rebase": "xiSs",
    "am": "Si",
    "clone": "cu",
    "fetch": "u",
    "pull": "uSs",
    "archive": "o",
    "format-patch": "o",
    "push": "o",
    "init": "",
}
_DIALOGUES = Options("interactive patch edit", "")
_HAVE_DIALOGUES_WORDS = """
    add commit checkout restore reset stash clean rebase am merge revert cherry-pick
"""
_HAVE_DIALOGUES = frozenset(_HAVE_DIALOGUES_WORDS.split())
# These say the opposite, although their long names begin like a dangerous one.
_HARMLESS = frozenset(("--no-ext-diff", "--no-textconv", "--no-edit", "--no-gpg-sign", "--no-patch", "--no-output"))


def git_danger(argv: Sequence[str], literal: int = 0) -> str:
    """Why no prefix rule covers this call; empty when one may. ``literal``: leading words that the rule spells."""
    place = 1
    while place < len(argv) and argv[place].startswith("-"):
        word = argv[place]
        last = place + (word in _GLOBAL_WITH_VALUE)
        if word not in _HARMLESS_GLOBAL and last >= literal:
            return f"git {word} comes before the subcommand and can change what git runs"
        place = last + 1
    if place >= len(argv):
        return ""
    subcommand = argv[place]
    if subcommand not in _COVERED | _OWN_RULE:
        return f"git {subcommand} can run other programs, or is an alias"
    if subcommand in _OWN_RULE and place >= literal:
        return f"git {subcommand} reaches further than most and needs a rule of its own"
    start = max(place + 1, literal)
    searched = [_ANYWHERE, Options("", _LETTERS.get(subcommand, ""))]
    if subcommand in _HAVE_DIALOGUES:
        searched.append(_DIALOGUES)
    found = (danger_in(argv, options, start, harmless=_HARMLESS) for options in searched)
    danger = next(filter(None, found), "")
    if danger:
        return f"git {subcommand} {danger} can run other programs or write anywhere"
    for word in argv[start:]:
        if "::" in word or word.startswith("ssh:") or "%G" in word:
            return f"git {subcommand} {word} can run other programs"
    return ""


def subcommand_of(argv: Sequence[str]) -> list[str]:
    """``argv`` without git's options before the subcommand, so that ``git -C x push`` compares as ``git push``."""
    place = 1
    while place < len(argv) and argv[place].startswith("-"):
        place += 2 if argv[place] in _GLOBAL_WITH_VALUE else 1
    return [argv[0], *argv[place:]]


def as_git(argv: Sequence[str]) -> Sequence[str]:
    """``git push`` for ``/usr/lib/git-core/git-push``; all else as it is."""
    name = base_name(argv[0])
    return ["git", name[4:], *argv[1:]] if name.startswith("git-") and len(name) > 4 else argv


def git_knows(argv: Sequence[str]) -> bool:
    """Whether the subcommand is one of git's own that a rule can cover, not an alias or an extension's."""
    return len(argv) > 1 and argv[1] in _COVERED | _OWN_RULE
