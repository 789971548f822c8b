"""What a plugin may declare and how its hooks must look, with words for each way of getting it wrong."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from . import API_VERSION

MARK = "codexplus_impl"  # the attribute that pluggy's marker sets, also where pluggy then overlooks it


class BadPlugin(Exception):
    """A plugin that breaks the contract; the message goes after its name."""


def check_declarations(target: object) -> tuple[int, bool, tuple[str, ...], bool]:
    """The plugin's ORDER, FAIL_CLOSED, WATCHES and ENFORCES_POLICY, defaults filled in; raises BadPlugin for a wrong
    type.
    """
    _check_api(getattr(target, "API_VERSION", API_VERSION))
    order = getattr(target, "ORDER", 50)
    if not isinstance(order, int) or isinstance(order, bool):
        raise BadPlugin(f"declares ORDER = {order!r}; it must be a whole number, 50 where it does not matter")
    fail_closed = getattr(target, "FAIL_CLOSED", False)
    if not isinstance(fail_closed, bool):
        raise BadPlugin(f"declares FAIL_CLOSED = {fail_closed!r}; it must be True or False")
    watches = getattr(target, "WATCHES", ())
    if not isinstance(watches, tuple) or not all(isinstance(word, str) for word in watches):
        raise BadPlugin(f"declares WATCHES = {watches!r}; it must be a tuple of event types: WATCHES = ('type',)")
    enforces = getattr(target, "ENFORCES_POLICY", False)
    if not isinstance(enforces, bool):
        raise BadPlugin(f"declares ENFORCES_POLICY = {enforces!r}; it must be True or False")
    if enforces and not fail_closed:
        raise BadPlugin("declares ENFORCES_POLICY without FAIL_CLOSED = True; a policy that a fault skips is none")
    return order, fail_closed, watches, enforces


def _check_api(declared: Any) -> None:
    low, high = declared if isinstance(declared, tuple) and len(declared) == 2 else (declared, declared)
    if not isinstance(low, int) or not isinstance(high, int):
        raise BadPlugin(f"declares API_VERSION = {declared!r}; it must be a number or (lowest, highest)")
    if low > API_VERSION:
        raise BadPlugin(f"needs plugin API {low}, this codex-plus has {API_VERSION}; upgrade codex-plus")
    if high < API_VERSION:
        raise BadPlugin(f"is written for plugin API {high}, this codex-plus has {API_VERSION}; upgrade the plugin")


def check_hooks(
    target: object,
    watches: tuple[str, ...],
    *,
    specs: Mapping[str, tuple[str, ...]],
    marks_of: Callable[[object, str], Mapping[str, Any] | None],
) -> list[str]:
    """Warnings about the plugin's hooks; raises BadPlugin for one that could never be called as meant.

    ``specs`` are the arguments of each hook; ``marks_of(target, name)`` is what @hookimpl left there, None if nothing.
    """
    warnings: list[str] = []
    implemented: set[str] = set()
    for name in dir(target):
        function = inspect.getattr_static(target, name, None)
        marks = marks_of(target, name)
        if marks is None:
            warnings += _unmarked(name, function, specs)
            continue
        hook = marks.get("specname") or name
        if hook not in specs:
            if marks.get("optionalhook"):
                continue
            raise BadPlugin(f"declares {hook}, which is no hook; {_guess(hook, specs, 'see the list of hooks')}")
        if marks.get("wrapper") or marks.get("hookwrapper"):
            raise BadPlugin(f"declares {hook} as a wrapper, which is not supported; use a plain hook and ORDER")
        if marks.get("tryfirst") or marks.get("trylast"):
            warnings.append(f"tryfirst and trylast of {hook} do nothing; set ORDER")
        _check_arguments(hook, getattr(target, name), specs[hook])
        implemented.add(hook)
    if not implemented:
        elsewhere = ", or let the entry point name the object that has them (module:object)"
        module = elsewhere if inspect.ismodule(target) else ""
        warnings.append(f"has no hook: mark its functions with @hookimpl{module}")
    if watches and "on_chunk" not in implemented:
        warnings.append("declares WATCHES but has no on_chunk")
    return warnings


def _unmarked(name: str, function: object, specs: Mapping[str, tuple[str, ...]]) -> list[str]:
    if isinstance(function, staticmethod | classmethod):
        function = function.__func__
    if isinstance(getattr(function, MARK, None), dict):
        raise BadPlugin(f"marks {name} with @hookimpl, but it is no function; wrap it in a def")
    if name in specs and callable(function):
        return [f"{name} looks like a hook but lacks @hookimpl; it is never called"]
    return []


def _check_arguments(hook: str, function: Any, known: tuple[str, ...]) -> None:
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise BadPlugin(f"declares {hook} with a yield; it must return its answer")
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not inspect.Parameter.empty or parameter.kind in variadic:
            continue
        if parameter.name not in known:
            has = ", ".join(known) or "none"
            guess = _guess(parameter.name, known, "take it out")
            raise BadPlugin(f"asks for the argument {parameter.name!r} in {hook}, which has: {has}; {guess}")
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            raise BadPlugin(f"takes {parameter.name!r} of {hook} by keyword only; take the '*' out")


def _guess(word: str, known: Any, otherwise: str) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else otherwise
