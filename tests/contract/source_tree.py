"""The repository as the contract tests see it: its files and what their syntax trees say."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src/codexplus_core"
PLUGINS = ("slash", "hooks", "mcp", "enterprise")
PLUGIN_PACKAGES = tuple(f"codexplus_{name}" for name in PLUGINS)
SKIPPED = {"build", "dist", "node_modules", "__pycache__"}


def python_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if not SKIPPED & set(path.parts))


def core_files() -> list[Path]:
    return python_files(CORE)


def plugin_files(name: str) -> list[Path]:
    return python_files(ROOT / "plugins" / name / "src")


def files_of_tests() -> list[Path]:
    return [
        path
        for where in (ROOT / "tests", *(ROOT / "plugins" / name / "tests" for name in PLUGINS))
        for path in python_files(where)
    ]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path, node: ast.AST | None = None) -> str:
    where = path.relative_to(ROOT).as_posix()
    line = getattr(node, "lineno", None)
    return f"{where}:{line}" if line else where


def module_name(path: Path) -> str:
    """``codexplus_core.proxy.relay`` for that file; a package's ``__init__`` is the package."""
    inside = path.parts[len(path.parts) - path.parts[::-1].index("src") :]
    parts = [*inside[:-1], path.stem]
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def imports(path: Path, *, typing_only: bool = False) -> Iterator[tuple[ast.stmt, str, tuple[str, ...]]]:
    """Every import in the file as (statement, absolute module, names); those under TYPE_CHECKING when asked for."""
    for node in _statements(tree(path).body, typing_only=typing_only):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, ()
        elif isinstance(node, ast.ImportFrom):
            yield node, _absolute(path, node), tuple(alias.name for alias in node.names)


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package.pop()
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, node.module] if node.module else package)


def _statements(body: list[ast.stmt], *, typing_only: bool) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from _statements(node.body if typing_only else node.orelse, typing_only=typing_only)
            continue
        yield node
        for part in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, part, []) or [], typing_only=typing_only)
        for handler in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
            yield from _statements(handler.body, typing_only=typing_only)


def repository_files() -> list[Path]:
    """The files that are, or would be, under version control."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, check=False, timeout=30,
        )  # fmt: skip
        if listed.returncode == 0:
            return sorted(
                ROOT / name for name in set(listed.stdout.decode().split("\0")) if name and (ROOT / name).is_file()
            )
    hidden = {".git", ".venv", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
    return sorted(p for p in ROOT.rglob("*") if p.is_file() and not (SKIPPED | hidden) & set(p.relative_to(ROOT).parts))
