"""Which request paths are forwarded: those that mean one thing, whoever reads them."""

from __future__ import annotations

from urllib.parse import unquote, unquote_to_bytes

_QUERY_BYTES = bytes(b for b in range(0x21, 0x7F) if b != 0x23)
_PATH_BYTES = _QUERY_BYTES.replace(b"\\", b"")
# An escape of an unreserved byte, a separator or a control byte has one use: to name a path that a check, a router or
# a policy would have recognised in clear.
_HARMLESS_ESCAPES = frozenset(
    escape
    for byte in range(0x20, 0x100)
    if byte != 0x7F and not (byte < 0x80 and (chr(byte).isalnum() or byte in b"-._/\\"))
    for escape in (b"%02x" % byte, b"%02X" % byte, b"%x%X" % divmod(byte, 16), b"%X%x" % divmod(byte, 16))
)
_MODEL_PATHS = frozenset((b"/v1/responses", b"/responses", b"/v1/responses/compact", b"/responses/compact"))


def is_plain(path: bytes, query: bytes) -> bool:
    """Whether the path and query are in a form that no server could read as another path."""
    if path in _MODEL_PATHS and not query:
        return True
    if not path.startswith(b"/") or path.translate(None, _PATH_BYTES) or query.translate(None, _QUERY_BYTES):
        return False
    if b"//" in path:
        return False
    if b"/." in path and any(part.partition(b";")[0] in (b".", b"..") for part in path.split(b"/")):
        return False
    return b"%" not in path or _escapes_are_harmless(path)


def is_nearly_a_model_path(path: bytes) -> bool:
    """Whether a plain path is a model request's in a spelling that a lenient server takes and plugins do not know."""
    if path in _MODEL_PATHS:
        return False
    words = [_word(part) for part in path[1:].split(b"/")]
    below = words[1:] if words[0] == "v1" else words
    if "responses" not in below:
        return False
    while below[0] == "v1" or below[0] == "":
        del below[0]
    while below[-1] == "":
        del below[-1]
    if below in (["responses"], ["responses", "compact"]):
        return True
    # What lies below the model's path is another endpoint, but only below the exact one.
    return below[0] == "responses" and not path.startswith((b"/v1/responses/", b"/responses/"))


def _word(part: bytes) -> str:
    return unquote(part.decode("latin-1")).partition(";")[0].strip().casefold()


def _escapes_are_harmless(path: bytes) -> bool:
    for part in path.split(b"%")[1:]:
        if part[:2] not in _HARMLESS_ESCAPES:
            return False
    if b"%25" in path and not _escapes_are_harmless_once_decoded(path):
        return False
    try:
        unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        # Overlong forms of "/" and "." among them.
        return False
    return True


def _escapes_are_harmless_once_decoded(path: bytes) -> bool:
    # "%252e" is a dot for an upstream that decodes twice.
    digits = b"0123456789abcdefABCDEF"
    return not any(len(part) >= 2 and part[0] in digits and part[1] in digits for part in path.split(b"%25")[1:])
