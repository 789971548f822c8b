"""What a budget and a price must look like."""

from __future__ import annotations

import math
from typing import Any

from .origin import KeyPath
from .shapes import BAD, Checked, shown

SCOPES = ("user", "project", "model")
PERIODS = ("day", "week", "month", "year", "ever")
WINDOWS = ("any", "primary", "secondary")
ACCOUNTS = ("api", "chatgpt")
MEASURES = ("amount", "tokens", "requests", "percent")
_FILTERS = ("users", "projects", "models", "accounts")
_KNOWN = (*MEASURES, *_FILTERS, "scope", "period", "window", "soft", "hard", "advice")
_RATES = ("input", "cached", "output")
_MOST = 1e15

_Faults = list[tuple[KeyPath, str]]


def budget(value: Any) -> Checked:
    """One budget, or false where there is to be none.

    Half a budget must not count: who misspells one would believe that it holds.
    """
    if value is False:
        return Checked(value)
    if not isinstance(value, dict):
        return Checked(BAD, (((), f"expected an object or false, got {shown(value)}"),))
    faults = _unknown(value, _KNOWN)
    said = [name for name in MEASURES if name in value]
    if len(said) != 1:
        faults.append(((), f"expected exactly one of {', '.join(MEASURES)}"))
    for name in said:
        top = 100.0 if name == "percent" else _MOST
        if not _is_number(value[name]) or not 0 < value[name] <= top:
            faults.append(((name,), f"expected a number above 0{' up to 100' if name == 'percent' else ''}"))
        elif name in ("tokens", "requests") and not isinstance(value[name], int):
            faults.append(((name,), "expected a whole number"))
    faults += _scope_faults(value.get("scope", "all"))
    faults += _choice_faults(value, "period", PERIODS) + _choice_faults(value, "window", WINDOWS)
    if "percent" in value and ("period" in value or "scope" in value):
        faults.append(((), "a percentage is one of the subscription's windows, which has neither scope nor period"))
    if "window" in value and "percent" not in value:
        faults.append((("window",), "goes with percent only"))
    if "soft" in value and (not _is_number(value["soft"]) or not 0 < value["soft"] <= 100):
        faults.append((("soft",), "expected a percentage above 0 up to 100"))
    if not isinstance(value.get("hard", True), bool):
        faults.append((("hard",), f"expected true or false, got {shown(value['hard'])}"))
    if not isinstance(value.get("advice", ""), str):
        faults.append((("advice",), f"expected a text, got {shown(value['advice'])}"))
    for name in _FILTERS:
        if name in value and not _are_texts(value[name]):
            faults.append(((name,), "expected a list of texts that is not empty"))
    if _are_texts(value.get("accounts")) and set(value["accounts"]) - set(ACCOUNTS):
        faults.append((("accounts",), f"expected {' or '.join(ACCOUNTS)}"))
    return Checked(BAD, tuple(faults)) if faults else Checked(value)


def price(value: Any) -> Checked:
    """What a million tokens of a model cost: ``input``, ``output``, ``cached`` input, and ``long`` prompts."""
    if not isinstance(value, dict):
        return Checked(BAD, (((), f"expected an object, got {shown(value)}"),))
    faults = _unknown(value, (*_RATES, "long")) + _rate_faults(value)
    if (long := value.get("long")) is not None:
        if not isinstance(long, dict):
            faults.append((("long",), f"expected an object, got {shown(long)}"))
        else:
            inner = _unknown(long, (*_RATES, "over")) + _rate_faults(long)
            over = long.get("over")
            if not isinstance(over, int) or isinstance(over, bool) or over < 1:
                inner.append((("over",), "expected a whole number of tokens from 1 on"))
            faults += [(("long", *where), what) for where, what in inner]
    return Checked(BAD, tuple(faults)) if faults else Checked(value)


def currency(value: Any) -> Checked:
    """The three letters of a currency."""
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isalpha() and value.isupper():
        return Checked(value)
    return Checked(BAD, (((), 'expected three capital letters such as "USD"'),))


def header_name(value: Any) -> Checked:
    """The name of a header line."""
    if isinstance(value, str) and value.isascii() and value.replace("-", "").replace("_", "").isalnum():
        return Checked(value)
    return Checked(BAD, (((), 'expected the name of a header such as "x-remote-user"'),))


def _scope_faults(scope: Any) -> _Faults:
    names = scope if isinstance(scope, list) else [scope]
    known = all(isinstance(name, str) and name in SCOPES for name in names)
    if scope == "all" or (names and known and len(set(names)) == len(names)):
        return []
    return [(("scope",), f"expected all, {', '.join(SCOPES)}, or a list of some of these")]


def _choice_faults(value: dict[str, Any], name: str, words: tuple[str, ...]) -> _Faults:
    if name not in value or (isinstance(value[name], str) and value[name] in words):
        return []
    return [((name,), f"expected {' or '.join(words)}")]


def _rate_faults(rates: dict[str, Any]) -> _Faults:
    faults: _Faults = [((name,), "is missing") for name in ("input", "output") if name not in rates]
    for name in _RATES:
        if name in rates and (not _is_number(rates[name]) or not 0 <= rates[name] <= 1e6):
            faults.append(((name,), f"expected a price for a million tokens, got {shown(rates[name])}"))
    return faults


def _unknown(value: dict[str, Any], known: tuple[str, ...]) -> _Faults:
    return [((str(name),), f"is unknown; known are {', '.join(known)}") for name in value if name not in known]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and one.strip() for one in value)
