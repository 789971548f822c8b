"""What programs find in their environment: nothing that changes what they load, no traps that a repository laid."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..paths import read_regular

GIT_CONFIG = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("core.pager", "cat"),
    ("core.editor", "false"),
    ("core.askPass", ""),
    ("core.sshCommand", "ssh"),
    ("core.alternateRefsCommand", ":"),
    ("sequence.editor", "false"),
    ("credential.helper", ""),
    ("gpg.program", "gpg"),
    ("gpg.openpgp.program", "gpg"),
    ("gpg.x509.program", "gpgsm"),
    ("gpg.ssh.program", "ssh-keygen"),
    ("log.showSignature", "false"),
    # A repository that holds only part of its files fetches the rest with `remote.NAME.uploadpack`, a program on this
    # machine where the remote is a path. With GIT_PROTOCOL_FROM_USER=0 "user" is no; unknown ones are other programs.
    ("protocol.allow", "never"),
    ("protocol.ext.allow", "never"),
    ("protocol.file.allow", "user"),
    ("protocol.git.allow", "always"),
    ("protocol.http.allow", "always"),
    ("protocol.https.allow", "always"),
    ("protocol.ssh.allow", "always"),
    ("safe.bareRepository", "explicit"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
)
"""Settings through which a repository's own ``.git/config`` makes git run programs, each at what harms nobody.

Drivers that ``.git/info/attributes`` names (filters, textconv, merge) have names of their own and cannot be listed
here; what holds those is the sandbox."""

_SETTINGS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # since git 2.45; before that the protocols have to do
    "GIT_OPTIONAL_LOCKS": "0",  # `git status` writes nothing
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_PROXY_COMMAND": "",
    "GIT_ASKPASS": "",
    "GIT_EDITOR": "false",
    "GIT_SEQUENCE_EDITOR": "false",
    "GIT_PAGER": "cat",
    "PAGER": "cat",
    "MANPAGER": "cat",
    "SYSTEMD_PAGER": "cat",
    "EDITOR": "false",
    "VISUAL": "false",
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    "LESSSECURE": "1",
}

# An included file may say anything.
_MAY_NAME_DIFF = re.compile(r"external|include", re.IGNORECASE)

LOADERS = (
    "LD_", "DYLD_", "PYTHON", "NODE_OPTIONS", "NODE_PATH", "NODE_REPL", "GIT_", "BASH_", "PERL", "RUBY", "GEM_",
    "BUNDLE_", "LUA_", "JAVA_TOOL", "_JAVA_", "JDK_JAVA", "MAVEN_OPTS", "GRADLE_OPTS", "DOTNET_", "COR_", "CORECLR_",
    "NPM_CONFIG_", "PHP", "GCONV_", "GLIBC_", "MALLOC_", "SSH_", "DBUS_", "DOCKER_", "RUSTC", "CARGO_BUILD", "GOFLAGS",
    "GOTOOL", "MAKEFLAGS", "XDG_",
)  # fmt: skip
"""Beginnings of names that make programs load, run or reach something else."""

FIXED = frozenset(
    {
        "PATH", "HOME", "TMPDIR", "TMP", "TEMP", "ENV", "IFS", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND",
        "CDPATH", "LOCPATH", "NLSPATH", "LESSOPEN", "LESSCLOSE", "HOSTALIASES", "RES_OPTIONS", "TERMINFO", "TERMCAP",
        "ZDOTDIR", "CLAUDE_PROJECT_DIR", *_SETTINGS,
    }
)  # fmt: skip
"""Names whose values are ours to set."""


# Names of ours that only say where a program is.
_NO_LOADERS = frozenset({"CLAUDE_PROJECT_DIR"})


def is_loader(name: str) -> bool:
    """Whether a variable of that name could make a program load or run something else."""
    upper = name.upper()
    return upper in FIXED or upper.startswith(LOADERS) or not name.replace("_", "a").isalnum() or not name.isascii()


def defused(cwd: Path | None = None) -> dict[str, str]:
    """What every program gets, so that a hostile repository runs nothing through git, pagers and editors.

    ``cwd`` is where it starts: where that repository names a diff program of its own, `git diff` fails.
    """
    # There is no harmless value: empty or not, git runs it. So it is set where there is something to be overridden.
    settings = (*GIT_CONFIG, ("diff.external", "")) if cwd is not None and names_diff_program(cwd) else GIT_CONFIG
    found = {**_SETTINGS, "GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        found[f"GIT_CONFIG_KEY_{number}"] = key
        found[f"GIT_CONFIG_VALUE_{number}"] = value
    return found


def names_diff_program(cwd: Path) -> bool:
    """Whether the configuration of the repository around ``cwd`` may name an external diff; in doubt it may."""
    directory = real = os.path.realpath(cwd)
    while not os.path.lexists(entry := os.path.join(directory, ".git")):  # noqa: PTH118 - at every run, in long paths
        directory, inner = os.path.dirname(directory), directory  # noqa: PTH120
        if directory == inner:
            entry = real  # perhaps a bare repository
            break
    try:
        git = Path(entry)
        if git.is_file():
            git = Path(directory) / _text(git).partition("gitdir:")[2].strip()
        shared = git / "commondir"
        common = git / _text(shared).strip() if shared.is_file() else git
        files = [path for path in (common / "config", git / "config.worktree") if os.path.lexists(path)]
        return any(_MAY_NAME_DIFF.search(_text(path)) for path in files)
    except (OSError, ValueError):
        return True


def _text(path: Path) -> str:
    return read_regular(path, limit=1 << 20).decode("utf-8", "surrogateescape")


def own_environment(
    *, path: Collection[str], cwd: Path | None, given: Mapping[str, str], users: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """What a program of the user's own, without a sandbox, finds besides the few names that each has.

    ``given`` comes from whoever starts it. Names of loaders are passed only with a value that one of ``users`` has: the
    user's environment, the user's settings. What `defused` says holds against everybody.
    """
    fixed = {**defused(cwd), "PATH": os.pathsep.join(path)}
    found = {
        name: value
        for name, value in given.items()
        # Git reads the parameters after the numbered settings, so they would win.
        if name.upper() not in fixed and name.upper() != "GIT_CONFIG_PARAMETERS"
        if name in _NO_LOADERS or not is_loader(name) or any(name in one and str(one[name]) == value for one in users)
    }
    return found | fixed


def sandbox_environment(
    *,
    path: Collection[str],
    scratch: str,
    cwd: Path,
    project: Path | None,
    given: Mapping[str, str],
    declared: Collection[str],
    environ: Mapping[str, str],
) -> dict[str, str]:
    """The whole environment of a sandboxed program.

    ``given`` comes from whoever starts it and loses names of loaders; ``declared`` are names to take from ``environ``.
    """
    found = {name: value for name, value in given.items() if not is_loader(name)}
    found.update({name: environ[name] for name in declared if name in environ and not is_loader(name)})
    if os.name == "nt":
        found.update({name: environ[name] for name in ("SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC") if name in environ})
    found.update(defused(cwd))
    found["LANG"] = environ.get("LANG", "C.UTF-8")
    found["PATH"] = os.pathsep.join(path)
    found["HOME"] = f"{scratch}/home"
    for name in ("TMPDIR",) if os.name == "posix" else ("TMPDIR", "TEMP", "TMP"):
        found[name] = f"{scratch}/tmp"
    if project is not None:
        found["CLAUDE_PROJECT_DIR"] = str(project)
    return found
