"""Secrets on the command lines of programs whose options do not say so: ``curl -u``, ``mysql -p``, ``sshpass -p``."""

from __future__ import annotations

import re
from collections.abc import Callable

from .context import QUOTE, SPACE
from .pieces import NOTHING, exactly, row, some
from .plausible import PLACEHOLDER
from .rule import Form, Found, Rule, Tail

_VALUE = r"^\s\"'\\;|&<>"
_TEMPLATE = re.compile(r"[${<%*]|\A-")
_REACH = 180
_NUMBER = re.compile(r"[0-9]{1,5}\Z")


def command_rules() -> tuple[Rule, ...]:
    """The rules."""
    pair = row(some(rf"{_VALUE}:", 1, 64), exactly(":"), some(_VALUE, 1, 64))
    login = Form(pair, Tail(some(_VALUE, 1, 1)), row(SPACE, QUOTE), _is_given)
    glued = Form(some(_VALUE, 1, 64), Tail(some(_VALUE, 1, 1)), QUOTE, _is_given)
    apart = Form(some(_VALUE, 1, 64), Tail(some(_VALUE, 1, 1)), row(SPACE, QUOTE), _is_given)
    fetching = _after("curl", "wget", "http", "https", "xh")
    return (
        Rule("url-credentials", (" -u", " --user ", " --user=", " --proxy-user "), (login,), NOTHING, before=fetching),
        Rule("password", (" -p",), (glued,), NOTHING, before=_after("mysql", "mysqldump", "mysqladmin", "mariadb")),
        Rule("password", (" -p",), (apart,), NOTHING, before=_after("sshpass")),
    )


def _after(*programs: str) -> Callable[[str, int, int], bool]:
    """One of the programs stands before, with nothing between that begins another command."""
    named = re.compile(rf"(?:(?<![A-Za-z0-9_.\-])|(?<=\\[nrt]))(?:{'|'.join(programs)})(?![^ \t])")

    def check(text: str, floor: int, start: int) -> bool:
        before = text[max(0, start - _REACH) : start]
        # " -p" is everywhere, and hardly ever after one of these.
        if not any(program in before for program in programs):
            return False
        end = max(before.rfind(sign) for sign in "\r\n;|&")
        return named.search(before, end + 1) is not None

    return check


def _is_given(found: Found) -> bool:
    value = PLACEHOLDER.sub("", found.value)
    return bool(value) and _TEMPLATE.search(value) is None and _NUMBER.match(value) is None
