"""Which names say that what is kept under them is a secret."""

from __future__ import annotations

import re

WORDS = {
    "authorization": ("authorization",),
    "cookie": ("cookie",),
    "password": ("password", "passwd", "passphrase", "passcode"),
    "secret": ("secret",),
    "api-key": ("api_key", "access_key", "account_key", "auth_key"),
    "private-key": ("private_key", "signing_key", "encryption_key", "master_key", "session_key"),
    "credential": ("credential",),
    "token": ("token",),
}
"""Kinds, and the words in a name that stand for them; ``_`` is any dash or none."""

WEAK = frozenset({"token", "credential"})
"""Kinds whose words also stand for other things: in running text the value must look like a secret, too."""

_WHOLE = {"auth": "authorization", "bearer": "token", "jwt": "token", "pwd": "password", "sessionid": "cookie"}
_SECRET_LISTS = frozenset({"password", "secret", "cookie", "credential", "api-key", "private-key"})
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_SPELLED = {kind: tuple(word.replace("_", "[_. -]?") for word in words) for kind, words in WORDS.items()}
# Every name in some data is asked about, and few have any of the words.
_ANY = re.compile("|".join(word for words in _SPELLED.values() for word in words), re.IGNORECASE)

# "token_type", "secretName", "password_file": something about the secret.
_ABOUT = frozenset(
    {
        "at",
        "attempt",
        "attempts",
        "budget",
        "cache",
        "class",
        "count",
        "counts",
        "details",
        "encryption",
        "endpoint",
        "env",
        "error",
        "expiration",
        "expired",
        "expires",
        "expiry",
        "field",
        "file",
        "filename",
        "format",
        "header",
        "headers",
        "help",
        "hint",
        "id",
        "ids",
        "in",
        "index",
        "input",
        "keyref",
        "label",
        "length",
        "limit",
        "limits",
        "location",
        "manager",
        "message",
        "name",
        "names",
        "path",
        "pattern",
        "placeholder",
        "policy",
        "prefix",
        "provider",
        "ref",
        "reference",
        "regex",
        "required",
        "rotation",
        "scope",
        "scopes",
        "store",
        "strategy",
        "ttl",
        "type",
        "types",
        "uri",
        "url",
        "usage",
        "used",
        "validator",
        "verifier",
        "version",
    }
)
# "max_token", "nextPageToken", "pad_token": another kind of token.
_OTHER_TOKENS = frozenset(
    {
        "bos",
        "cancellation",
        "cls",
        "continuation",
        "cursor",
        "eos",
        "mask",
        "max",
        "min",
        "next",
        "nextpage",
        "num",
        "pad",
        "page",
        "pagination",
        "sep",
        "special",
        "stop",
        "sync",
        "total",
        "unk",
    }
)


def kind_of(name: str) -> str | None:
    """The kind of secret that is kept under a name such as ``X-Api-Key`` or ``clientSecret``; None for other names."""
    if len(name) > 128:
        return None
    whole = _WHOLE.get(name.lower().strip("_- "))
    if whole is not None:
        return whole
    if _ANY.search(name) is None:
        return None
    for kind, words in _SPELLED.items():
        for word in words:
            for match in re.finditer(word, name, re.IGNORECASE):
                if is_value(name[: match.start()], match.group(), name[match.end() :], kind):
                    return kind
    return None


def is_value(before: str, word: str, after: str, kind: str) -> bool:
    """Whether a name with these parts around its word names the secret itself, not its type, place or number."""
    if after in ("s", "S"):
        return kind in _SECRET_LISTS
    if after[:1].isalpha() and (after[0].islower() or word.isupper()):
        return False  # the word goes on, as in "tokenizer"
    about = _PARTS.findall(after)
    if about and about[-1].lower() in _ABOUT:
        return False
    which = _PARTS.findall(before)
    return not (kind == "token" and which and which[-1].lower() in _OTHER_TOKENS)
