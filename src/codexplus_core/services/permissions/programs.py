"""Programs that run what their arguments say: no prefix and no wildcard can vouch for those, only the whole command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from .git import git_danger
from .options import Options, danger_in
from .program_list import INERT, REASONS
from .shell_mentions import base_name

_OPTIONS: Mapping[str, Options] = {
    "npm": Options("script-shell prefix globalconfig userconfig node-options shell init-module editor viewer", "C"),
    "pnpm": Options("script-shell prefix dir config.* shell-emulator node-options use-node-version", "C"),
    "yarn": Options("cwd use-yarnrc script-shell config-file", ""),
    "sort": Options("compress-program output temporary-directory files0-from", "oT"),
    "rg": Options("pre pre-glob hostname-bin", ""),
    "ack": Options("pager ackrc output", ""),
    "ag": Options("pager", ""),
    "printf": Options("", "v"),
    "test": Options("", "vR", endless=True),
    "curl": Options(
        "config output* remote-name* upload-file dump-header cookie-jar trace* engine libcurl unix-socket"
        " abstract-unix-socket etag-save hsts alt-svc stderr",
        "KoOTDc",
    ),
    "wget": Options(
        "execute config use-askpass output-document post-file body-file directory-prefix input-file", "eOPi"
    ),
    "cargo": Options("config manifest-path", "Z"),
    "go": Options("exec toolexec vettool overlay modfile ldflags gccgoflags compiler C", "", single_dash=True),
    "pytest": Options("rootdir confcutdir config-file pdbcls override-ini basetemp", "pco"),
    "mypy": Options("config-file python-executable", ""),
    "ruff": Options("config", ""),
    "black": Options("config", ""),
    "eslint": Options("rulesdir config resolve-plugins-relative-to format plugin parser", "cf"),
    "prettier": Options("plugin config plugin-search-dir", ""),
    "tsc": Options("project plugins", "p"),
    "jest": Options(
        "config globalSetup globalTeardown runner resolver transform reporters testEnvironment setupFiles*", "c"
    ),
    "vitest": Options("config environment reporter globals", "c"),
    "gcc": Options("wrapper fplugin specs plugin", "B", single_dash=True),
    "ld": Options("plugin dynamic-linker", "", single_dash=True),
    "date": Options("set", "s"),
    "shuf": Options("output", "o"),
    "tree": Options("", "o"),
    "dig": Options("", "f"),
    "openssl": Options("engine provider provider-path", "", single_dash=True),
}
_WRAPPERS: Mapping[str, str] = {name: reason for reason, programs in REASONS.items() for name in programs.split()}
_SAME_OPTIONS = {"g++": "gcc", "cc": "gcc", "c++": "gcc", "clang": "gcc", "clang++": "gcc", "lld": "ld"}

# Subcommands that start other programs; a prefix that names one is about that one, never about what it starts.
_STARTERS: Mapping[str, str] = {
    "npm": "exec x explore edit create init innit config c set-script",
    "pnpm": "exec dlx create node config env",
    "yarn": "exec dlx create node config plugin",
    "cargo": "script",
    "go": "run generate tool env",
}
# Subcommands that run code which others wrote: a rule about the whole program does not cover them.
_OWN_RULE: Mapping[str, str] = {
    "npm": "install i in ins add ci clean-install install-test it rebuild publish link update",
    "pnpm": "install i add update up rebuild publish link",
    "yarn": "install add up upgrade publish link",
    "cargo": "install publish run r login",
    "go": "install get",
}
_INERT = frozenset(INERT.split())
_LOADER = re.compile(r"ld(?:-linux|-musl|64|\.so)")
_VERSION = re.compile(r"[-.\d]+$")


def plain_name(program: str) -> str:
    """The base name without a version: ``python`` for ``/usr/bin/python3.12``."""
    name = base_name(program)
    return _VERSION.sub("", name) or name


def wrapper_reason(program: str) -> str:
    """Why only an exact rule covers this program; empty for an ordinary one."""
    name = plain_name(program)
    # GNU programs carry a g in front where the system has its own (gxargs on macOS); loaders are named after machines.
    names = (base_name(program), name, name.removeprefix("g"), "ld.so" if _LOADER.match(name) else name)
    return next((_WRAPPERS[name] for name in names if name in _WRAPPERS), "")


def inert(program: str) -> bool:
    """Whether the program takes its words for text and file names and starts none of them."""
    return not _INERT.isdisjoint((base_name(program), plain_name(program)))


def needs_exact(argv: Sequence[str], literal: int = 0) -> str:
    """Why no prefix or wildcard rule covers this command; empty when one may.

    ``literal`` is the number of leading words that the rule spells out: options among those were chosen by its author.
    """
    program = argv[0]
    reason = wrapper_reason(program)
    if reason:
        return f"{program} {reason}"
    name = plain_name(program)
    if name == "git":
        return git_danger(argv, literal)
    listed = _OPTIONS.get(_SAME_OPTIONS.get(name, name))
    if listed is not None:
        danger = danger_in(argv[max(literal, 1) :], listed)
        if danger:
            return f"{program} {danger} can run other programs or write anywhere"
    return _subcommand_danger(argv, name, literal)


def _subcommand_danger(argv: Sequence[str], name: str, literal: int) -> str:
    if name not in _STARTERS:
        return ""
    # Behind an option with a value it cannot be told which word is the subcommand: then every word may be.
    words = list(enumerate(argv))[1:] if len(argv) > 1 and argv[1][:1] in ("-", "+") else list(enumerate(argv))[1:2]
    for place, word in words:
        if word == "--":
            break
        if word.startswith("+"):
            return f"{argv[0]} {word} chooses another toolchain"
        if word in _STARTERS[name].split():
            return f"{argv[0]} {word} runs what its arguments say"
        if word in _OWN_RULE[name].split() and place >= literal:
            return f"{argv[0]} {word} runs code of others and needs a rule of its own"
    return ""


def reasons() -> Iterable[tuple[str, list[str]]]:
    """Every reason with its programs, for the documentation."""
    return [(reason, programs.split()) for reason, programs in REASONS.items()]
