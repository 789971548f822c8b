"""Whether what a name is given is a secret, or prose, code and placeholders."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

from .names import WEAK, is_value, kind_of
from .rule import Found

MARK = "[REDACTED:"
PLACEHOLDER = re.compile(r"\[REDACTED:[a-z0-9][a-z0-9_-]{0,39}\]")
"""What stands where a secret was."""

_NAME = "_.-" + string.ascii_letters + string.digits
_NAME_AFTER = re.compile(r"[A-Za-z0-9_.\-]*")
_LOGIN_BEFORE = re.compile(r"\blogin\s{1,8}\S{1,120}\s{1,8}\Z")
_TEMPLATE = re.compile(
    r"\$\{|\$\(|\{\{|\$[A-Z_]{2,}|\A%[sdr(]|\A<.*>\Z|\A\s*\{|\A(?i:your)[_ -]|\.\.\.|\A[^0-9]*(?:[xX]{4}|\*{3})\Z"
)
_NO_VALUES = frozenset({"none", "null", "true", "false", "undefined", "required", "optional", "string"})
_SAME = re.compile(r"(.)\1*\Z")
_LETTERS = re.compile(r"[A-Za-z_.\-/!?:#]*\Z")
_IDENTIFIER = re.compile(r"[A-Za-z_]+[0-9]{0,2}\Z")
_PART = r"[A-Za-z_]{2,}(?:[0-9]{1,5}[A-Za-z_]{3,})?[0-9]{0,5}"
_ATTRIBUTE = re.compile(rf"{_PART}(?:(?:\??\.|::|->){_PART})+\Z")
_CALLED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*\Z")
_DIGITS = re.compile(r"[0-9]+\Z")
_OPAQUE = re.compile(r"(?=[^0-9\s]*[0-9])[A-Za-z0-9._~+/=:|%!@#$&*-]{8,}")
_CHANGE = re.compile(r"[a-z][A-Z]")
_PATH = re.compile(r"(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][A-Za-z_.\-]{1,32}[0-9]{0,3})+[/\\]?\Z")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{1,16}://", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z")
_WORD = re.compile(r"[^\W\d_]+\Z")


def plausible(kind: str, *, quoted: bool) -> Callable[[Found], bool]:
    """The check of a rule for values of this kind, in quotes or bare."""

    def check(found: Found) -> bool:
        name = _NAME_AFTER.match(found.lead)
        after = name.group() if name else ""
        word = found.text[found.start : found.start + len(found.anchor)]
        before = _name_before(found)
        sign = found.lead[len(after) :] or word[-1]
        if not is_value(before, word, after, kind) or not _is_given(sign, before, found):
            return False
        value = PLACEHOLDER.sub("", found.value)
        if quoted:
            if not _is_own(value) or _is_after_a_string(value, sign, found):
                return False
            return _is_opaque(value) if kind in WEAK else not _is_prose(value)
        if word.isupper() and "=" in sign and not re.search(r"\s", sign):
            # As an environment is written: what is given is a value, no expression.
            return not _is_template(value)
        return _is_own(value) and _is_no_code(value, kind, sign, found.text[found.end : found.end + 1])

    return check


def _is_given(sign: str, before: str, found: Found) -> bool:
    """The sign after the name gives it a value."""
    if "=" in sign or ":" in sign:
        return True
    if ">" in sign:
        return found.text[: found.start - len(before)].endswith("<") and found.text.startswith("<", found.end)
    # A command's option, or the password of a login in a netrc file.
    line = found.text[max(0, found.start - 160) : found.start]
    return before.startswith("-") or ("login" in line and _LOGIN_BEFORE.search(line) is not None)


def _name_before(found: Found) -> str:
    before = found.text[max(found.floor, found.start - 64) : found.start]
    return before[len(before.rstrip(_NAME)) :]


def _is_after_a_string(value: str, sign: str, found: Found) -> bool:
    """The quote ends a string that has the name in it, as in ``ask("Password: ", echo=False)``."""
    quote = found.text[found.secret - 1]
    if quote in sign or value[0] not in ",)];}+ ":
        return False
    line = found.text[max(found.floor, found.start - 160) : found.secret - 1]
    return line[line.rfind("\n") + 1 :].count(quote) % 2 == 1


def _is_template(value: str) -> bool:
    """A place to fill in, or nothing at all."""
    return len(value) < 4 or bool(value.lower() in _NO_VALUES or _SAME.match(value) or _TEMPLATE.search(value))


def _is_own(value: str) -> bool:
    """Not a reference to a value that is elsewhere, and not a stand-in for one."""
    if _is_template(value) or _PATH.match(value) or _ADDRESS.match(value):
        return False
    return not (kind_of(value) and (_IDENTIFIER.match(value) or _VARIABLE.match(value) or _LETTERS.match(value)))


def _is_prose(value: str) -> bool:
    words = value.split()
    return len(words) >= 3 and all(_WORD.match(word.strip(".,:;!?'()")) for word in words)


def _is_opaque(value: str) -> bool:
    """Has a digit, or its letters change between small and large more often than words do."""
    return _OPAQUE.fullmatch(value) is not None or (
        len(value) >= 16 and _LETTERS.match(value) is not None and len(_CHANGE.findall(value)) > len(value) / 6
    )


def _is_no_code(value: str, kind: str, sign: str, following: str) -> bool:
    if _ATTRIBUTE.match(value) or (following in ("(", "[", "{") and _CALLED.match(value)):
        return False
    tight = not re.search(r"\s", sign)
    if kind in WEAK:
        return _OPAQUE.match(value) is not None and (tight or not _IDENTIFIER.match(value))
    if _DIGITS.match(value):
        return tight or "=" not in sign
    if not _LETTERS.match(value):
        return True
    # Letters alone are prose or code, unless they are given as an address gives them.
    return tight and "=" in sign and not (following in (")", ",", "]", "}") or any(c in value for c in "_.-/!?:#"))
