"""Secrets that show by the name they are given to: ``DB_PASSWORD=…``, ``"apiKey": "…"``, ``--token …``."""

from __future__ import annotations

from .context import SPACE
from .names import WORDS
from .pieces import SEEN, Piece, either, exactly, maybe, no_next, repeated, row, some, unless
from .plausible import MARK, plausible
from .rule import Form, Rule, Tail

LONGEST_CHECKED = 192
"""Characters of a value that are looked at to tell a secret from prose and code; the rest goes the same way."""

_BARE = r"^\x00-\x20\x7f\"'`,;&<>(){}\[\]|\\"


def assignment_rules() -> tuple[Rule, ...]:
    """The rules."""
    rules = []
    for kind, words in WORDS.items():
        if kind in ("authorization", "cookie"):
            continue  # headers, which have rules of their own
        anchors = [word.replace("_", dash) for word in words for dash in (("_", "-", "") if "_" in word else ("",))]
        rules.append(Rule(kind, tuple(anchors), _forms(kind), _lead(), folded=True))
    return (
        *rules,
        Rule("password", (";pwd=", "; pwd="), _forms("password"), row(), folded=True),
        Rule("password", ("_pass=", "-pass="), _forms("password"), row(), folded=True),
        Rule("credential", ("_auth=",), _forms("secret"), row(), folded=True),
    )


def _lead() -> Piece:
    """The rest of the name and what stands between it and the value."""
    rest_of_name = repeated(row(maybe(some(r"_.\-", 1, 1)), some("A-Za-z0-9", 1, 24)), 0, 4)
    ends = row(some(r"\\", 0, 7), maybe(some("\"'", 1, 1)), maybe(exactly("]")))
    equals = row(exactly("="), no_next("=~"), maybe(exactly(">")))
    colon = row(exactly(":"), no_next(":"), maybe(exactly("=")))
    # "password: str | None = …"
    word = row(some(r"A-Za-z_.|\[\]", 1, 32), some(" ", 1, 2))
    typed = row(exactly(":"), SPACE, repeated(word, 1, 4), equals)
    flag = row(some(" \t", 1, 4), no_next("=: "))
    return row(rest_of_name, ends, either(row(SPACE, either(typed, equals, colon)), exactly(">"), flag), SPACE)


def _forms(kind: str) -> tuple[Form, ...]:
    return (
        _quoted(kind, '"'),
        _quoted(kind, "'"),
        _escaped(kind, '"', 1),
        _escaped(kind, "'", 1),
        _escaped(kind, '"', 3),
        _bare(kind),
    )


def _quoted(kind: str, quote: str) -> Form:
    unit = either(some(rf"^{quote}\\\r\n", 1, 1), row(exactly("\\"), some(r"^\r\n", 1, 1)))
    return _value(kind, row(maybe(some("bfru", 1, 1)), exactly(quote)), unit)


def _escaped(kind: str, quote: str, depth: int) -> Form:
    """A string within a string: a quote ends it that has as many backslashes as the first one had."""
    unit = either(
        some(rf"^{quote}\\\r\n", 1, 1),
        exactly("\\" * (2 * depth + 1) + quote),
        row(some(r"\\", 1, 8), some(rf"^{quote}\\\r\n", 1, 1)),
    )
    return _value(kind, exactly("\\" * depth + quote), unit)


def _value(kind: str, opening: Piece, unit: Piece) -> Form:
    return Form(repeated(unit, 1, LONGEST_CHECKED), Tail(unit), opening, plausible(kind, quoted=True))


def _bare(kind: str) -> Form:
    secret = row(some(_BARE + "$*", 1, 1), some(_BARE, 3, LONGEST_CHECKED - 1), SEEN, unless(MARK))
    return Form(secret, Tail(some(_BARE, 1, 1)), check=plausible(kind, quoted=False))
