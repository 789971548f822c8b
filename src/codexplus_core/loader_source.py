"""What a plugin declares, read from its source where it cannot be imported."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec

_NAME = "FAIL_CLOSED"
_DEPTH = 5


def source_says_fail_closed(module: str) -> bool:
    """Whether the module's source gives FAIL_CLOSED any other value than False; nothing of it is run.

    It is looked for in the module and in those it imports from its own package: where the plugin is a class, that one
    may come from there.
    """
    return _says_so(module, _DEPTH, set())


def _says_so(module: str, depth: int, seen: set[str]) -> bool:
    if module in seen or depth == 0:
        return False
    seen.add(module)
    spec = _spec(module)
    source = _source(spec, module)
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        lines = re.findall(rf"^\s*{_NAME}\b[^=\n]*=(?!=)\s*([^#\n]*)", source, re.MULTILINE)
        return any(line.strip() != "False" for line in lines)
    package = module if spec is not None and spec.submodule_search_locations else module.rpartition(".")[0]
    top = module.partition(".")[0]
    further: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            if any(name.asname == _NAME or name.name == _NAME for name in node.names):
                return True
            further += [name for name in _imported(node, package) if name.partition(".")[0] == top]
        elif _declares(node):
            return True
    return any(_says_so(name, depth - 1, seen) for name in further)


def _declares(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    if not any(isinstance(part, ast.Name) and part.id == _NAME for target in targets for part in ast.walk(target)):
        return False
    value = getattr(node, "value", None)
    return value is not None and not (isinstance(value, ast.Constant) and value.value is False)


def _imported(node: ast.ImportFrom, package: str) -> list[str]:
    above = package.split(".")
    base = above[: len(above) - node.level + 1] if node.level else []
    if node.level and not base:
        return []
    name = ".".join([*base, *([node.module] if node.module else [])])
    return [name, *(f"{name}.{alias.name}" for alias in node.names)]


def _spec(module: str) -> ModuleSpec | None:
    """Where the module lies. importlib.util.find_spec would import the packages that it lies in."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    name = ""
    for word in module.split("."):
        name = f"{name}.{word}" if name else word
        found = (finder.find_spec(name, path) for finder in sys.meta_path if hasattr(finder, "find_spec"))
        spec = next((one for one in found if one is not None), None)
        path = list((spec.submodule_search_locations if spec is not None else None) or ())
    return spec


def _source(spec: ModuleSpec | None, module: str) -> str:
    read = getattr(spec.loader, "get_source", None) if spec is not None else None
    try:
        return (read(module) if read is not None else None) or ""
    except (ImportError, OSError, SyntaxError, ValueError):
        return ""
