"""One top-level key of Codex's config.toml: found, set and removed with every other byte left as it is."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .problem import Problem

KEY = "openai_base_url"
_BOM = "\ufeff"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OUR_PATH = re.compile(r"(?:/[A-Za-z0-9_-]{43,})?/v1/?")


class ConfigUnreadable(Problem):
    """Codex's configuration is no TOML that we can read, so nothing is changed in it."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """A top-level ``key = value``: offsets of the line's start, of the value, and of the next line's start."""

    key: str
    start: int
    value_start: int
    value_end: int
    end: int


def base_url(port: int, token: str = "") -> str:
    """The URL under which Codex reaches the proxy; with ``token`` in it where the proxy cannot tell who connects."""
    return f"http://127.0.0.1:{port}/{token}/v1" if token else f"http://127.0.0.1:{port}/v1"


def port_of_ours(url: object) -> int | None:
    """The port when ``url`` is one that `base_url` makes, None for any other value."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        port = parts.port if parts else None
    except ValueError:
        return None
    if parts is None or parts.scheme != "http" or parts.hostname != "127.0.0.1" or not _OUR_PATH.fullmatch(parts.path):
        return None
    return port


def gateway(url: object) -> str | None:
    """``url`` when it leads to somebody else's gateway: neither to the proxy nor to OpenAI."""
    if not isinstance(url, str) or not url or port_of_ours(url) is not None:
        return None
    try:
        parts = urlsplit(url)
        host = f".{parts.hostname}"
    except ValueError:
        return url
    # The last one never worked: it is an attempt at the proxy's own address.
    openai = host.endswith((".openai.com", ".chatgpt.com")) or parts.path.rstrip("/").endswith("/backend-api/codex")
    return None if openai else url


def parse(data: bytes, where: Path) -> dict[str, Any]:
    """The configuration's values. Raises ConfigUnreadable."""
    try:
        return tomllib.loads(data.decode("utf-8").removeprefix(_BOM))
    except ValueError as error:
        raise ConfigUnreadable(f"{where}: cannot be read as TOML ({error}); correct it, nothing was changed") from error


def with_value(data: bytes, literal: str, where: Path) -> bytes:
    """The file with ``KEY = literal`` at its top level; ``literal`` is TOML. All other bytes stay."""
    text, statements = _scan(data, where)
    newline = "\r\n" if "\r\n" in text else "\n"
    mine = _mine(statements)
    if mine is not None:
        text = text[: mine.value_start] + literal + text[mine.value_end :]
    elif not statements:
        at = 1 if text.startswith(_BOM) else 0
        text = f"{text[:at]}{KEY} = {literal}{newline}{text[at:]}"
    else:
        at = statements[-1].end
        # A last line without its newline keeps that: ours comes after one and has none itself.
        line = f"{KEY} = {literal}{newline}" if text[:at].endswith("\n") else f"{newline}{KEY} = {literal}"
        text = text[:at] + line + text[at:]
    return _checked(data, text.encode("utf-8"), where, {KEY: tomllib.loads(f"x = {literal}")["x"]})


def without_value(data: bytes, where: Path) -> bytes:
    """The file with its line of ``KEY`` gone, as it is when there is none."""
    text, statements = _scan(data, where)
    mine = _mine(statements)
    if mine is None:
        return data
    start, end = mine.start, mine.end
    if end == len(text) and not text.endswith("\n") and start > 0:
        # The last line, and without a newline: the one before it was added with it.
        start -= 2 if text[:start].endswith("\r\n") else 1
    return _checked(data, (text[:start] + text[end:]).encode("utf-8"), where, {})


def literal_of(data: bytes, where: Path) -> str | None:
    """The value of ``KEY`` as it is written in the file, quotes and all; None when it is not set."""
    text, statements = _scan(data, where)
    mine = _mine(statements)
    return None if mine is None else text[mine.value_start : mine.value_end]


def quoted(value: str) -> str:
    """A TOML basic string; URLs need no escapes."""
    if any(character in '"\\' or ord(character) < 0x20 for character in value):
        raise Problem(f"{value!r}: is no URL that can be written to Codex's configuration")
    return f'"{value}"'


def _checked(before: bytes, after: bytes, where: Path, ours: dict[str, Any]) -> bytes:
    wanted = {name: value for name, value in parse(before, where).items() if name != KEY} | ours
    if parse(after, where) != wanted:
        raise ConfigUnreadable(f"{where}: is written in a way that cannot be edited safely; set {KEY} there by hand")
    return after


def _mine(statements: list[_Statement]) -> _Statement | None:
    return next((statement for statement in statements if statement.key == KEY), None)


def _scan(data: bytes, where: Path) -> tuple[str, list[_Statement]]:
    """The text and the statements before its first table; the text has been read as TOML, so shapes can be trusted."""
    parse(data, where)
    text = data.decode("utf-8")
    statements: list[_Statement] = []
    at = 1 if text.startswith(_BOM) else 0
    while True:
        at = _skip_blank(text, at)
        if at >= len(text) or text[at] == "[":
            return text, statements
        start = text.rfind("\n", 0, at) + 1
        if start == 0 and text.startswith(_BOM):
            start = 1
        key, at = _key(text, at)
        while text[at] in " \t":
            at += 1
        value_start = at
        at = value_end = _value_end(text, at)
        newline = text.find("\n", at)
        at = len(text) if newline < 0 else newline + 1
        statements.append(_Statement(key, start, value_start, value_end, at))


def _skip_blank(text: str, at: int) -> int:
    while at < len(text):
        if text[at] == "#":
            at = text.find("\n", at)
            if at < 0:
                return len(text)
        elif text[at] not in " \t\r\n":
            break
        at += 1
    return at


def _key(text: str, at: int) -> tuple[str, int]:
    """The first part of a key and the offset after the ``=``; a dotted key is told by a trailing dot."""
    if text[at] in "\"'":
        end = _string_end(text, at)
        name, at = str(tomllib.loads(f"x = {text[at:end]}")["x"]), end
    else:
        found = _BARE_KEY.match(text, at)
        name, at = (found[0], found.end()) if found else ("", at)
    while text[at] != "=":
        if text[at] == ".":
            name = f"{name}."
            at += 1
        elif text[at] in "\"'":
            at = _string_end(text, at)
        else:
            at += 1
    return name, at + 1


def _string_end(text: str, at: int) -> int:
    mark = text[at]
    fence = mark * 3 if text.startswith(mark * 3, at) else mark
    at += len(fence)
    while not text.startswith(fence, at):
        at += 2 if mark == '"' and text[at] == "\\" else 1
    at += len(fence)
    # A multi-line string may end in one or two quotes of its own before the fence.
    while len(fence) == 3 and text.startswith(mark, at):
        at += 1
    return at


def _value_end(text: str, at: int) -> int:
    """The offset after a value that begins at ``at``, trailing blanks and comment not counted."""
    depth, end = 0, at
    while at < len(text):
        character = text[at]
        if character in "\"'":
            at = end = _string_end(text, at)
            continue
        if character == "#" or (character in "\r\n" and depth):
            if character == "#" and not depth:
                break
            at = text.find("\n", at) if character == "#" else at
        elif character in "\r\n":
            break
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        at += 1
        if character not in " \t\r\n#":
            end = at
    return end
