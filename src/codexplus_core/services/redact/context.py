"""Secrets that show by where they stand: keys in PEM, headers, cookies, addresses."""

from __future__ import annotations

import re

from .pieces import NOTHING, Piece, either, exactly, maybe, no_next, repeated, row, some
from .plausible import PLACEHOLDER
from .rule import Form, Found, Rule, Tail, apart

QUOTE = row(some(r"\\", 0, 7), maybe(some("\"'", 1, 1)))
SPACE = some(" \t", 0, 4)
BASE64 = "A-Za-z0-9+/="
_CREDENTIALS = r"A-Za-z0-9._~+/=:\-"
_KEY_NAMES = ("RSA", "EC", "DSA", "OPENSSH", "ENCRYPTED", "PGP", "ANY", "ED25519", "SSH2 ENCRYPTED", "X25519")
_LETTER = re.compile(r"[A-Za-z]")
_DIGIT = re.compile(r"[0-9]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,15}://")
_TO_LINE_END = Tail(either(some(r"^\r\n\"'\\", 1, 1), exactly('="'), exactly('",'), exactly('";')))
_QUERY = re.compile(r"(?i)(?:[?&;]|\\u0026|%26|%3f)(?:x-(?:amz|goog)-|amp;)?\Z")
# "Authorization: Basic authentication is off"
_PROSE = frozenset({"authentication", "authorization", "tokens", "header", "headers", "scheme", "schemes", "access"})


def context_rules() -> tuple[Rule, ...]:
    """The rules."""
    return (
        _pem(),
        _authorization(),
        _bearer(),
        *_cookies(),
        _userinfo(),
        _parameter("signature", ("sig=", "signature="), r"A-Za-z0-9%+/=_\-", 24),
        _parameter("query", ("key=", "code="), r"A-Za-z0-9%._~\-", 20),
    )


def _pem() -> Rule:
    # Lines end as in a file or as in a string that holds one; between them there may be indentation, and the quotes and
    # signs of a program that puts the lines together.
    line_end = either(some(r"\r\n", 1, 1), row(some(r"\\", 1, 8), some("nr", 1, 1)))
    glue = some(" \t\"'+,>|#", 1, 24)
    between = repeated(either(line_end, glue), 0, 8)
    header = row(
        some(r"A-Za-z\-", 3, 24), exactly(": "), some(r"^\r\n\\", 0, 120), repeated(either(line_end, glue), 1, 4)
    )
    whose = either(*(exactly(f"{name} ") for name in _KEY_NAMES))
    lead = row(
        maybe(whose),
        exactly("PRIVATE KEY"),
        maybe(exactly(" BLOCK")),
        exactly("-----"),
        between,
        repeated(header, 0, 4),
    )
    unit = either(
        some(BASE64, 1, 1),
        row(line_end, some(" \t", 0, 24)),
        # Within a line only what is too long for a word.
        row(glue, some(BASE64, 16, 16)),
        row(glue, line_end),
    )
    close = row(maybe(glue), exactly("-----END "), some("A-Z0-9 ", 1, 48), exactly("-----"))
    return Rule("private-key", ("-----BEGIN ",), (Form(some(BASE64, 16, 16), Tail(unit, close), opening=lead),))


def _separator(signs: str) -> Piece:
    """What parts a header's name from its value, in a header, an object, a program or a list of pairs."""
    value = row(SPACE, maybe(row(maybe(exactly("b")), some(r"\\", 0, 7), some("\"'", 1, 1))), SPACE)
    quoted = row(some(r"\\", 0, 7), some("\"'", 1, 1), SPACE, exactly(","))
    return row(either(quoted, row(QUOTE, SPACE, some(signs, 1, 1))), value)


def _authorization() -> Rule:
    one_word = either(*(exactly(scheme) for scheme in ("bearer", "basic", "token", "apikey")))
    to_line_end = either(
        *(exactly(scheme) for scheme in ("digest", "negotiate", "hawk", "aws4-hmac-sha256", "signature"))
    )
    space = some(" \t", 1, 4)
    credentials = Tail(some(_CREDENTIALS, 1, 1))
    forms = (
        Form(some(_CREDENTIALS, 6, 64), credentials, row(one_word, space), _not_a_word),
        Form(some(r"^\r\n\"'\\", 8, 8), _TO_LINE_END, row(to_line_end, space)),
        Form(some(_CREDENTIALS, 16, 64), credentials, check=_opaque),
    )
    return Rule("authorization", ("authorization",), forms, _separator(":="), folded=True)


def _bearer() -> Rule:
    form = Form(some(_CREDENTIALS, 16, 64), Tail(some(_CREDENTIALS, 1, 1)), check=_opaque)
    return Rule("bearer", ("bearer",), (form,), some(" \t", 1, 4), folded=True, before=apart)


def _cookies() -> tuple[Rule, ...]:
    first = row(some(r"A-Za-z0-9!#$%&*+.^_|~\-", 1, 64), exactly("="), no_next(" ="))
    forms = (Form(first, _TO_LINE_END),)
    return (
        Rule("cookie", ("--cookie",), forms, row(some(" =", 1, 1), QUOTE), folded=True),
        Rule("cookie", ("cookie",), forms, _separator(":="), folded=True),
    )


def _parameter(kind: str, anchors: tuple[str, ...], characters: str, least: int) -> Rule:
    form = Form(some(characters, least, 64), Tail(some(characters, 1, 1)), check=_opaque)
    return Rule(kind, anchors, (form,), NOTHING, folded=True, before=_in_a_query)


def _userinfo() -> Rule:
    # All up to the last "@" of the authority: passwords hold unescaped ones. The user may be the token.
    part = row(some(r"^\s/@\"'<>?#\\", 1, 160), exactly("@"))
    form = Form(repeated(part, 1, 4), check=_is_userinfo, stays="@")
    return Rule("url-credentials", ("://",), (form,), NOTHING)


def _is_userinfo(found: Found) -> bool:
    user, colon, password = PLACEHOLDER.sub("", found.value[:-1]).partition(":")
    if user.startswith(("$", "{", "%", "[")) or password.startswith(("$", "{", "%(", "%s")):
        return False
    return len(password) > 0 if colon else len(user) >= 20


def _not_a_word(found: Found) -> bool:
    return found.value.lower() not in _PROSE


def _opaque(found: Found) -> bool:
    """No word, name or address: a digit in it, or long and of both cases."""
    value = found.value
    if _SCHEME.match(value) or not _LETTER.search(value):
        return False
    return bool(_DIGIT.search(value)) or (len(value) >= 32 and not value.islower() and not value.isupper())


def _in_a_query(text: str, floor: int, start: int) -> bool:
    before = text[max(floor, start - 24) : start]
    return _QUERY.search(before) is not None
