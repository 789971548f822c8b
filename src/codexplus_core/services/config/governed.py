"""What the values of governance must look like: models, hosts, versions of Codex, plugins, and the signed policy."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any
from urllib.parse import urlsplit

from .shapes import BAD, Check, Checked, text

_MODEL = re.compile(r"""[^\s?\[\]\x00-\x1f\x7f"`]{1,200}""")
_ENDPOINT = re.compile(
    r"(?:(?:https?|wss?)://)?(?:\*|(?:\*\.)?[^\s:/@\[\]?#\\*]{1,253}|\[[0-9A-Fa-f:.]+\])(?::(?:\*|[1-9]\d{0,4}))?/?"
)
_NUMBERS = r"\d{1,9}(?:\.\d{1,9}){0,3}"
_VERSIONS = re.compile(
    rf"(?:(?:==|!=|>=|<=|>|<)?\s*{_NUMBERS}|(?:==|!=)?\s*{_NUMBERS}\.\*|~=\s*\d{{1,9}}(?:\.\d{{1,9}}){{1,3}})"
)
_PLUGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:\s*==\s*[A-Za-z0-9.+!-]{1,60})?")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_KEY_BYTES = 42


def _bad(expected: str) -> Checked:
    return Checked(BAD, (((), f"expected {expected}"),))


def _matching(pattern: re.Pattern[str], expected: str) -> Check:
    def check(value: Any) -> Checked:
        found = text(value)
        return found if found.value is BAD or pattern.fullmatch(value) else _bad(expected)

    return check


model: Check = _matching(_MODEL, "the name of a model, in which only * is special and stands for any text")
endpoint: Check = _matching(_ENDPOINT, "a host like api.openai.com, *.example.com or https://host:8443")
plugin: Check = _matching(_PLUGIN, "the name of a plugin or of its distribution, with ==VERSION behind it if need be")


def versions(value: Any) -> Checked:
    """A range of versions: ``>=0.120, <0.170``."""
    found = text(value)
    if found.value is BAD or all(_VERSIONS.fullmatch(part.strip()) for part in value.split(",")):
        return found
    return _bad("a range of versions like >=0.120, <0.170")


def minisign_key(value: Any) -> Checked:
    """A public key of minisign, as the second line of its file has it."""
    found = text(value)
    if found.value is BAD:
        return found
    try:
        key = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES or not key.startswith(b"Ed"):
        return _bad("a public key of minisign, the second line of its .pub file")
    return Checked(value.strip())


def policy_url(value: Any) -> Checked:
    """Where a signed policy is fetched: https, on this machine http as well."""
    found = text(value)
    if found.value is BAD:
        return found
    try:
        parts = urlsplit(value)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        well = safe and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well = False
    if not well or parts.username is not None or parts.fragment or not value.isprintable() or " " in value:
        return _bad("an https URL without user name and fragment")
    return found
