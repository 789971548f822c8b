"""What a command module says of itself: read from its text, never by running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .code_description import Described, describe

LONGEST = 64 * 1024
"""Characters of a module."""

_NAME = re.compile(r"/?[\w.:-]{1,100}")


@dataclass(frozen=True, slots=True)
class ModuleText:
    """Which commands a module may handle, and in which way.

    ``names`` are those that it says it is called. ``mentions`` are all words in its text that could be one; ``is_open``
    is True where `can_handle` decides by more than a comparison with them.
    ``priority`` is the number that it assigns (lower first). ``answers`` and ``enhances`` say whether it makes a prompt
    or an answer of its own, and whether it works on what a Markdown command has come to.
    """

    names: frozenset[str] = frozenset()
    mentions: frozenset[str] = frozenset()
    is_open: bool = False
    priority: float = 0.0
    answers: bool = False
    enhances: bool = False
    described: Described = field(default_factory=Described)


def read_module(source: str) -> ModuleText:
    """Read a module's text. Never raises: one that is no Python handles nothing, and says why in ``described``."""
    described = describe("python", source)
    if len(source) > LONGEST:
        return ModuleText(described=described)
    try:
        tree = ast.parse(source.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ModuleText(described=described)
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    methods = {node.name for node in functions}
    deciding = [node for node in functions if node.name == "can_handle"]
    is_open = any(not _is_plain(node) for node in deciding)
    # A name without its slash is any word; it counts where the module says what it is called, or decides by it.
    near = [each for node in (*deciding, *_naming(nodes)) for each in ast.walk(node)]
    words = set(_texts(nodes))
    names = {word for word in words if word.startswith("/")} | set(_texts(near))
    return ModuleText(
        frozenset(name.removeprefix("/") for name in names),
        frozenset(name.removeprefix("/") for name in (words if is_open else names)),
        is_open=is_open,
        priority=next(_numbers(nodes), 0.0),
        answers=bool(methods & {"mutate_prompt", "execute_locally"}),
        enhances="enhance_prompt" in methods,
        described=described,
    )


def _texts(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value):
            yield node.value


def _naming(nodes: list[ast.AST]) -> Iterator[ast.AST]:
    """``super().__init__("research")`` and ``self.command_name = "research"``."""
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "__init__":
            yield node
        elif isinstance(node, ast.Assign) and any(_called(target) == "command_name" for target in node.targets):
            yield node.value


def _numbers(nodes: list[ast.AST]) -> Iterator[float]:
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(_called(target) == "priority" for target in targets):
                try:
                    yield float(ast.literal_eval(node.value))
                except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError):
                    continue


def _called(target: ast.expr) -> str:
    return target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""


def _is_plain(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it only compares with texts that stand in it, or with the module's own name."""
    allowed = (
        ast.Return, ast.Compare, ast.BoolOp, ast.Or, ast.Eq, ast.In, ast.Constant, ast.List, ast.Tuple, ast.Set,
        ast.Load, ast.Expr,
    )  # fmt: skip
    given = {argument.arg for argument in function.args.args}
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id in given:
                continue
            if isinstance(node, ast.Attribute) and node.attr == "command_name":
                continue
            # A constant True handles every command.
            if not isinstance(node, allowed) or (isinstance(node, ast.Constant) and node.value is True):
                return False
    return True
