"""`codex-plus plugin new NAME`: write a whole, working plugin package to start from."""

from __future__ import annotations

import keyword
import re
import shlex
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..services.problem import Problem
from .plugin_template import files

RESERVED = frozenset(("core", "slash", "hooks", "mcp", "enterprise", "list", "none"))
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


def configure(parser: ArgumentParser) -> None:
    """The arguments of `plugin`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    new = actions.add_parser("new", help="write a plugin package", description="write a plugin package")
    new.add_argument("name", metavar="NAME", help="short name: lower-case words joined by hyphens")
    new.add_argument("--directory", type=Path, help="where to write it (default: ./codex-plus-NAME)")


def run(args: Namespace) -> int:
    """Write the package."""
    name = checked_name(args.name)
    directory = args.directory or Path(f"codex-plus-{name}")
    write(name, directory)
    print(f"{directory}: a plugin that answers /{name}. Next:")
    print(f"  cd {directory}")
    # A plugin is found only in the environment that codex-plus itself runs in.
    python = shlex.quote(sys.executable)
    print(f'  {python} -m pip install -e ".[dev]"')
    print(f"  {python} -m pytest")
    print("  codex-plus serve --plugins list")
    print("A proxy that runs already loads it after: codex-plus stop, then start it anew.")
    return 0


def checked_name(name: str) -> str:
    """``name`` if a plugin may be called so."""
    if not _NAME.fullmatch(name) or len(name) > 40:
        raise Problem(
            f"{name!r}: is no plugin name; it begins with a lower-case letter and has up to 40 of them and digits,"
            " words joined by hyphens",
            exit_code=2,
        )
    if name in RESERVED:
        raise Problem(f"{name!r}: is a name of codex-plus's own; choose another", exit_code=2)
    if keyword.iskeyword(name) or name in sys.stdlib_module_names:
        what = "a word of Python's own" if keyword.iskeyword(name) else "a module of Python's own"
        raise Problem(f"{name!r}: is {what}, so code with that name is hard to read; choose another", exit_code=2)
    return name


def write(name: str, directory: Path) -> None:
    """Write the package into ``directory``, which must not be there or be empty."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise Problem(f"{directory}: is not empty; choose another --directory, nothing is overwritten")
        for place, text in files(name).items():
            path = directory / place
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise Problem(f"{directory}: cannot be written ({error.strerror}); choose another --directory") from error
