"""Writes plugin-reference.md from the docstrings of the public names; `--check` only says whether it is up to date."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import codexplus_core
from codexplus_core import exchange, hookspecs, testing
from codexplus_core.services.files import service
from codexplus_core.testing import reply, script

TARGET = Path(__file__).with_name("plugin-reference.md")
# The fixed parts of a hook's docstring; each becomes a line of its table.
PARTS = ("When:", "May change:", "Returns:", "On error:", "Cost:")
VALUES = ("hookimpl", "API_VERSION")
# What signatures name although a plugin has no need to import it.
ALIASES = ("Origin", "Phase", "Transport")
UNNAMED = ("RunResult",)

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def build() -> str:
    """The whole reference."""
    parts = [
        "# Plugin reference",
        "Made from the docstrings by `python docs/build_reference.py`; edit those. How it all fits together is in"
        " [plugins.md](plugins.md).",
        "## Hooks",
        "In lifecycle order. A hook may be `def` or `async def` (the `add_` hooks only `def`) and takes any of its"
        " arguments, by name.",
        *(hook(node) for node in ast.parse(source(hookspecs)).body if is_hook(node)),
        "## `codexplus_core`",
        *(entry(codexplus_core, name) for name in sorted(codexplus_core.__all__, key=str.lower)),
        "## Types that are only handed out",
        *(alias(exchange, name) for name in ALIASES),
        *(entry(exchange, name) for name in UNNAMED if name not in codexplus_core.__all__),
        entry(service, "Files", made=False),
        "## `codexplus_core.testing`",
        *(entry(testing, name) for name in sorted(testing.__all__, key=str.lower)),
        "## Types of tests that are only handed out",
        entry(reply, "Received"),
        alias(script, "Scripted"),
    ]
    return "\n\n".join(parts) + "\n"


@cache
def source(module: ModuleType) -> str:
    """The text of a module."""
    return inspect.getsource(module)


def is_hook(node: ast.AST) -> bool:
    """Whether this is the specification of a hook."""
    return isinstance(node, ast.FunctionDef) and any(ast.unparse(mark) == "hookspec" for mark in node.decorator_list)


def hook(node: ast.stmt) -> str:
    """One hook: what it is for, and its contract as a table."""
    assert isinstance(node, ast.FunctionDef)
    summary, _, rest = (ast.get_docstring(node) or "").partition("\n\n")
    found: dict[str, str] = {}
    for line in rest.splitlines():
        part = next((part for part in PARTS if line.startswith(part)), None)
        if part is not None:
            found[part] = line.removeprefix(part).strip()
        elif found:
            last = list(found)[-1]
            found[last] = f"{found[last]} {line.strip()}"
    rows = "\n".join(f"| {part.rstrip(':').lower()} | {cell(text)} |" for part, text in found.items())
    return f"### `{node.name}`\n\n```\n{signature(node)}\n```\n\n{marked(summary)}\n\n|  |  |\n|---|---|\n{rows}"


def entry(package: ModuleType, name: str, *, made: bool = True) -> str:
    """One public name: its signature, where plugins have a use for it, its docstring, its fields and methods."""
    value = getattr(package, name)
    module = package if name == "API_VERSION" else hookspecs if name == "hookimpl" else inspect.getmodule(value)
    assert module is not None, name
    body = ast.parse(source(importlib.import_module(module.__name__))).body
    if name in VALUES:
        return f"### `{name}`\n\n{marked(documented(body)[name])}"
    node = next(node for node in body if isinstance(node, Definition) and node.name == name)
    lines = [f"### `{name}`", f"```\n{heading(node) if made else name}\n```", marked(ast.get_docstring(node) or "")]
    if isinstance(node, ast.ClassDef):
        members = "\n".join(f"- {line}" for line in member_lines(node))
        lines += [members] if members else []
    return "\n\n".join(lines)


def alias(module: ModuleType, name: str) -> str:
    """What a name for a type stands for."""
    body = ast.parse(source(module)).body
    values = (item.value for item in body if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == name)
    said = documented(body).get(name)
    return f"### `{name}`\n\n```\n{ast.unparse(next(values))}\n```" + (f"\n\n{marked(said)}" if said else "")


def heading(node: Definition) -> str:
    """How a name is called; a dataclass by its fields."""
    if not isinstance(node, ast.ClassDef):
        return signature(node)
    init = next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None)
    if init is not None:
        return wrapped(node.name, [word for word in arguments(init) if word != "self"], "")
    made_here = any("dataclass" in ast.unparse(mark) for mark in node.decorator_list)
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign)] if made_here else []
    return wrapped(node.name, [field(item) for item in fields], "") if fields else node.name


def field(item: ast.AnnAssign) -> str:
    """A dataclass field as an argument; what a factory makes is not spelled out."""
    value = "…" if isinstance(item.value, ast.Call) else item.value and ast.unparse(item.value)
    return f"{ast.unparse(item.target)}: {ast.unparse(item.annotation)}" + (f" = {value}" if value else "")


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef, width: int = 110) -> str:
    """A function as it is called."""
    words = [word for word in arguments(node) if word not in ("self", "cls")]
    result = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    return wrapped(("async " if isinstance(node, ast.AsyncFunctionDef) else "") + node.name, words, result, width)


def arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Each argument with its type and default, the star for those by keyword."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    for arg, default in zip(plain, [*defaults, *given.defaults], strict=True):
        yield argument(arg, default)
    if given.vararg is not None:
        yield f"*{argument(given.vararg, None)}"
    elif given.kwonlyargs:
        yield "*"
    for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield argument(arg, default)
    if given.kwarg is not None:
        yield f"**{argument(given.kwarg, None)}"


def argument(arg: ast.arg, default: ast.expr | None) -> str:
    """``name: type = default``."""
    typed = arg.arg if arg.annotation is None else f"{arg.arg}: {ast.unparse(arg.annotation)}"
    return typed if default is None else f"{typed} = {ast.unparse(default)}"


def wrapped(name: str, words: list[str], result: str, width: int = 110) -> str:
    """A call on one line, or one argument a line where it is long."""
    line = f"{name}({', '.join(words)}){result}"
    return line if len(line) <= width else f"{name}(\n" + "".join(f"    {word},\n" for word in words) + f"){result}"


def member_lines(node: ast.ClassDef) -> Iterator[str]:
    """The documented attributes, properties and methods of a class."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            for name, text in documented(item.body).items():
                yield f"`{name.removeprefix('self.')}`: {marked(text, inline=True)}"
    for name, text in documented(node.body).items():
        yield f"`{name}`: {marked(text, inline=True)}"
    for item in node.body:
        if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) or item.name.startswith("_"):
            continue
        marks = [ast.unparse(mark) for mark in item.decorator_list]
        if any(mark.endswith(".setter") for mark in marks):
            continue
        shown = item.name if "property" in marks else signature(item, width=1000)
        yield f"`{shown}`: {marked(ast.get_docstring(item) or '', inline=True)}"


def documented(body: list[ast.stmt]) -> dict[str, str]:
    """Names that are assigned in a body, with the string that follows the assignment."""
    found = {}
    for before, after in pairwise(body):
        text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
        if not isinstance(text, str):
            continue
        target = before.targets[0] if isinstance(before, ast.Assign) else getattr(before, "target", None)
        if target is not None:
            found[ast.unparse(target)] = inspect.cleandoc(text)
    return found


def cell(text: str) -> str:
    """A docstring's part as a cell of a table."""
    return marked(text, inline=True).replace("|", "\\|")


def marked(text: str, *, inline: bool = False) -> str:
    """A docstring as Markdown."""
    text = textwrap.dedent(text).replace("``", "`").strip()
    return " ".join(text.split()) if inline else text


def main(arguments: list[str]) -> int:
    """Write the file, or compare it."""
    text = build()
    if arguments != ["--check"]:
        TARGET.write_text(text, encoding="utf-8", newline="\n")
        return 0
    current = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    if current == text:
        return 0
    sys.stderr.write(f"{TARGET}: is not what the docstrings say; run: python docs/build_reference.py\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
