"""What a command in code says of itself: read from its text, never by running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal

from .javascript_text import declared

Kind = Literal["javascript", "python"]

_NAMES: Mapping[str, str] = {
    "description": "description",
    "argument_hint": "argument_hint",
    "argumentHint": "argument_hint",
    "allowed_tools": "allowed_tools",
    "allowedTools": "allowed_tools",
    "permissions": "permissions",
    "model": "model",
    "timeout": "timeout",
}
_LISTS = ("allowed_tools", "permissions")
_LONGEST = 500
_LONGEST_SOURCE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Described:
    """What a file declares, as literals at its top or as attributes of its function.

    ``allowed_tools`` are for the inclusions in its result, ``permissions`` for the code itself (``read_repo``, ``net``;
    the core's docs list them), ``timeout`` is in seconds, None where it says nothing. ``problems`` are sentences.
    """

    description: str = ""
    argument_hint: str = ""
    allowed_tools: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    model: str = ""
    timeout: float | None = None
    problems: tuple[str, ...] = ()


def describe(kind: Kind, source: str) -> Described:
    """What the text of a command says of itself. Never raises: what cannot be read is a problem."""
    if len(source) > _LONGEST_SOURCE:
        why = f"is longer than {_LONGEST_SOURCE // 1024} KB, so what it says of itself is not read"
        return Described(problems=(why,))
    if kind == "python":
        return _described(*_python(source.removeprefix("\ufeff")))
    found, doc, problems = declared(source, tuple(_NAMES))
    return _described({_NAMES[name]: value for name, value in found.items()}, first_line(doc), problems)


def _described(found: Mapping[str, object], fallback: str, problems: list[str]) -> Described:
    texts: dict[str, str] = {"description": fallback}
    lists: dict[str, tuple[str, ...]] = {}
    timeout = None
    for name, written in found.items():
        value = _sound(written)
        if name in _LISTS and (words := _words(value)) is not None:
            lists[name] = words
        elif name == "timeout" and isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < inf:
            timeout = float(value)
        elif name not in _LISTS and name != "timeout" and isinstance(value, str):
            texts[name] = " ".join(value.split())[:_LONGEST]
        else:
            wanted = "texts" if name in _LISTS else "a number of seconds" if name == "timeout" else "a text"
            problems.append(f"{name}: expected {wanted}")
    return Described(
        description=_sound_text(texts["description"]),
        argument_hint=texts.get("argument_hint", ""),
        allowed_tools=lists.get("allowed_tools", ()),
        permissions=lists.get("permissions", ()),
        model=texts.get("model", ""),
        timeout=timeout,
        problems=tuple(problems),
    )


def _sound(value: object) -> object:
    """The same without halves of characters, which an escape can write and nothing can send."""
    if isinstance(value, str):
        return _sound_text(value)
    return [_sound(each) for each in value] if isinstance(value, list | tuple) else value


def _sound_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _words(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        # Commas and blanks within parentheses belong to a rule: Bash(git log:*, x).
        return tuple(re.findall(r"(?:[^\s,()]|\([^()]*\))+", value))
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return tuple(value)
    return None


def first_line(text: str | None) -> str:
    """The first line with words in it, for a description."""
    lines = (line.strip() for line in (text or "").splitlines())
    return next((line for line in lines if line), "")[:_LONGEST]


# -- Python


def _python(source: str) -> tuple[dict[str, object], str, list[str]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        at = getattr(error, "lineno", None)
        return {}, "", [f"line {at}: {getattr(error, 'msg', error)}" if at else f"cannot be read: {error}"]
    found: dict[str, object] = {}
    problems: list[str] = []
    for name, value in _assigned(tree):
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            problems.append(f"line {value.lineno}: {name} is no literal, so it is not known without running the file")
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    docs = [ast.get_docstring(node) for node in functions if node.name == "command"]
    return found, first_line(next((text for text in docs if text), None) or ast.get_docstring(tree)), problems


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Our names, assigned at the top: ``description = …`` or ``command.description = …``."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign):
            targets: list[ast.expr] = [node.target]
        elif isinstance(node, ast.Assign):
            targets = node.targets
        else:
            continue
        for target in targets:
            name = target.id if isinstance(target, ast.Name) else _of_command(target)
            # Constants are written in capitals in Python.
            key = _NAMES.get(name) or _NAMES.get(name.lower())
            if key is not None and node.value is not None:
                yield key, node.value


def _of_command(target: ast.expr) -> str:
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "command":
        return target.attr
    return ""
