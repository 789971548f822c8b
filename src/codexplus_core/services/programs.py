"""Which file a command really starts, and which files of the project it runs: paths and digests for approvals."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from .run import CannotStart

SYSTEM_PATH: tuple[str, ...] = (
    "/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin",
    *(("/opt/homebrew/bin",) if sys.platform == "darwin" else ()),
    *(("/run/current-system/sw/bin",) if sys.platform == "linux" else ()),
)  # fmt: skip
"""Where programs are looked for besides the user's own PATH."""

HASHED_BYTES = 16 << 20
"""A script of the project is hashed up to this size; a program has no limit."""

REMEMBERED = 256
"""Programs whose digests are remembered."""

_REMEMBERED_CHARACTERS = 4096

_SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "ash", "fish"}
# What these run is written in files of the project that nobody names on the command line.
_READ_UNNAMED: Mapping[str, tuple[str, ...]] = {
    "make": ("GNUmakefile", "makefile", "Makefile"), "gmake": ("GNUmakefile", "makefile", "Makefile"),
    "npm": ("package.json",), "npx": ("package.json",), "yarn": ("package.json",), "pnpm": ("package.json",),
    "bun": ("package.json",), "deno": ("deno.json",), "just": ("justfile", "Justfile"), "task": ("Taskfile.yml",),
    "cargo": ("Cargo.toml",), "go": ("go.mod",), "rake": ("Rakefile",), "bundle": ("Gemfile",),
    "gradle": ("build.gradle", "build.gradle.kts"), "mvn": ("pom.xml",), "tox": ("tox.ini", "pyproject.toml"),
    "nox": ("noxfile.py",), "pytest": ("conftest.py", "pyproject.toml"), "pre-commit": (".pre-commit-config.yaml",),
    "composer": ("composer.json",), "eslint": ("package.json", "eslint.config.js"), "prettier": ("package.json",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pinned:
    """A file whose content is part of what was approved."""

    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Program:
    """What a command starts.

    ``path`` is absolute and keeps its name (a program may act by it), ``digest`` is the SHA-256 of the file behind it.
    ``pinned`` are the project's files that the command names; ``unpinned`` says, for people, what else of the project
    it may run, whose changes nobody would notice.
    """

    path: Path
    digest: str
    pinned: tuple[Pinned, ...] = ()
    unpinned: tuple[str, ...] = ()


class Digests:
    """The SHA-256 of programs, remembered as long as they stay the same files: an interpreter has 100 MB."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int, int, int, int], str] = {}

    def of(self, path: Path) -> str:
        """The SHA-256 of a program. Raises CannotStart."""
        try:
            found = path.stat()
        except OSError as error:
            raise CannotStart(f"{path}: cannot be read ({error.strerror}); make it readable for you") from error
        key = (str(path), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if key not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = _digest(path, None)
        return self._known[key]


def resolve(argv: Sequence[str], cwd: Path, *, project: Path | None = None, digests: Digests | None = None) -> Program:
    """What ``argv`` starts in ``cwd``. Reads every file that counts. Raises CannotStart.

    ``project`` is the project's directory, ``cwd`` unless given. ``digests`` remembers those of programs; files of the
    project are read each time.
    """
    project = cwd if project is None else project
    path = locate(argv[0], cwd, search_path(project))
    named = [(found, _digest(found, HASHED_BYTES)) for found in named_files(argv, cwd, project)]
    pinned = tuple(Pinned(found, digest) for found, digest in named if digest)
    unpinned = [f"{found}, which is too large to be compared" for found, digest in named if not digest]
    unpinned += _read_unnamed(argv, cwd)
    known = Digests() if digests is None else digests
    return Program(path, known.of(path), pinned, tuple(dict.fromkeys(unpinned)))


def named_files(argv: Sequence[str], cwd: Path, project: Path) -> tuple[Path, ...]:
    """The files of the project that the words of a command name, in it or in the text it gives a shell; real paths."""
    return files_among(tuple(_named(argv)), cwd, project)


def files_among(words: Iterable[str], cwd: Path, project: Path) -> tuple[Path, ...]:
    """Those of these words that are files of the project; real paths."""
    files = [path for word in words if (path := _file(word, cwd)) is not None]
    if not files:
        return ()
    project_path = os.path.realpath(project)
    real = (os.path.realpath(path) for path in files)
    return tuple(dict.fromkeys(Path(path) for path in real if _is_below(path, project_path)))


class NamedWords:
    """The words of commands that may name files, remembered: to take a text apart is slow, and hooks come again."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def of(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The words of a command, and of the text that it gives a shell."""
        key = tuple(argv)
        if sum(map(len, key)) > _REMEMBERED_CHARACTERS:
            return tuple(_named(key))
        if key not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = tuple(_named(key))
        return self._known[key]


def search_path(project: Path | None, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Where programs are looked for: the user's PATH without the project and what others may write, then the system's.

    A home directory, or one above it, is no project in this sense.
    """
    environ = os.environ if environ is None else environ
    home = os.path.realpath(environ.get("HOME") or Path.home())
    within = os.path.realpath(project) if project is not None else None
    if within is not None and _is_below(home, within):
        within = None
    found = dict.fromkeys(
        entry
        for entry in environ.get("PATH", "").split(os.pathsep)
        if Path(entry).is_absolute() and _is_fit(entry, within)
    )
    return (*found, *(entry for entry in SYSTEM_PATH if entry not in found and Path(entry).is_dir()))


class SearchPaths:
    """`search_path` of projects, remembered as long as the directories stay the same ones: it is asked at every run."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, Path | None], tuple[object, tuple[str, ...]]] = {}

    def of(self, project: Path | None) -> tuple[str, ...]:
        """Where programs are looked for in a project."""
        key = (os.environ.get("PATH", ""), os.environ.get("HOME", ""), project)
        entries = [*key[0].split(os.pathsep), *SYSTEM_PATH, *([] if project is None else [str(project)])]
        stamp = [_what_lies_at(entry) for entry in entries]
        known = self._known.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        found = search_path(project)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[key] = (stamp, found)
        return found


def _what_lies_at(entry: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(entry)  # noqa: PTH116 - many of them, at every run
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_mode


def _is_fit(entry: str, within: str | None) -> bool:
    real = os.path.realpath(entry)
    if within is not None and _is_below(real, within):
        return False
    try:
        mode = Path(real).stat().st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and (os.name != "posix" or not mode & stat.S_IWOTH)


def _is_below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip(os.sep) + os.sep)


def locate(word: str, cwd: Path, search: Sequence[str]) -> Path:
    """The absolute path of a program: a path is seen from ``cwd``, a bare name is looked for. Raises CannotStart."""
    if _is_path(word):
        path = Path(os.path.normpath(cwd.absolute() / word))
        if not path.is_file():
            raise CannotStart(f"{word}: no such program; check the path")
        if not os.access(path, os.X_OK):
            raise CannotStart(f"{word}: cannot be started (Permission denied); check that the file is executable")
        return path
    found = _on_posix(word, search) if os.name == "posix" else shutil.which(word, path=os.pathsep.join(search))
    # Windows looks into the working directory first, which is the project's.
    if found is None or (os.name != "posix" and str(Path(found).parent) not in {str(Path(each)) for each in search}):
        raise CannotStart(f"{word}: no such program; install it, or give its full path")
    return Path(found).absolute()


def _on_posix(name: str, search: Sequence[str]) -> str | None:
    """What `shutil.which` finds in absolute directories, in a third of its time: it is asked several times a run."""
    for entry in search:
        path = os.path.join(entry, name)  # noqa: PTH118
        try:
            if os.access(path, os.X_OK) and not os.path.isdir(path):  # noqa: PTH112
                return path
        except ValueError:
            return None  # a null character, half a character
    return None


def _is_path(word: str) -> bool:
    """Whether a program is named by its path; a bare name is looked for, and never in the project."""
    return os.sep in word or bool(os.altsep and os.altsep in word)


def _named(argv: Sequence[str]) -> Iterator[str]:
    """The words that may name files: those of the command, and of the text of a shell."""
    if _is_path(argv[0]):
        yield argv[0]
    yield from argv[1:]
    if _name(argv[0]) not in _SHELLS:
        return
    for option, text in pairwise(argv[1:]):
        if option.startswith("-") and not option.startswith("--") and "c" in option:
            yield from _words(text)
            return


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        # An open quote: take what looks like words, a name too many does no harm.
        return text.split()


def _file(word: str, cwd: Path) -> str | None:
    """The file that a word means; ``--config=x`` means x."""
    if word.startswith("-"):
        word = word.partition("=")[2]
    if not word or len(word) > 4096 or "\0" in word:
        return None
    path = os.path.join(cwd, word)  # noqa: PTH118 - for each word, at every run
    try:
        # Most words are no file at all, and some are far too long for the name of one. `make .` or `prettier src/`
        # names data, not what is run; the tools that run it are listed by name.
        return path if stat.S_ISREG(os.stat(path).st_mode) else None  # noqa: PTH116
    except (OSError, ValueError):
        return None


def _read_unnamed(argv: Sequence[str], cwd: Path) -> Iterator[str]:
    words = [argv[0], *_named(argv)]
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name = _name(word)
        for file in _READ_UNNAMED.get(name, ()):
            if (cwd / file).exists():
                yield f"{file}, which {name} reads"
        if name.startswith("python") and following == "-m":
            yield f"a module that {name} finds"


def _name(word: str) -> str:
    return Path(word).name.removesuffix(".exe")


def _digest(path: Path, limit: int | None) -> str:
    """The SHA-256 of a file's content, empty where it is larger than ``limit``. Raises CannotStart."""
    try:
        with path.open("rb") as file:
            if limit is not None and os.fstat(file.fileno()).st_size > limit:
                return ""
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CannotStart(f"{path}: cannot be read ({error.strerror}); make it readable for you") from error
