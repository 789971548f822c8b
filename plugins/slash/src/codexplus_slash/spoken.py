"""Markdown as a screen reader says it best: whole sentences, with tables and pictures in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_ITEM = re.compile(r"\s*(?:[-*+]|(\d+)[.)])\s+(.*)$")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*([\w+-]*)")
_RULE = re.compile(r"\s*([-*_])(?:\s*\1){2,}\s*$")
_TABLE_LINE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]*)[^)]*\)")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)[^)]*\)")
_CODE = re.compile(r"(`+)(.+?)\1|\\([!-/:-@\[-`{-~])")
_STRONG = re.compile(r"(?<![\w\\])(\*\*|__|\*|_)(?=\S)(.+?)(?<=\S)\1(?!\w)")
_ENDS = (".", "!", "?", ":", "…", ";", ",")
_SIGNS = {"→": " to ", "⇒": " to ", "←": " from ", "✓": "yes", "✔": "yes", "✗": "no", "✘": "no", "·": ",", "—": ","}


def spoken(markdown: str) -> str:
    """The same in words: no bars, bullets or marks; code stays as it is, between a sentence before and one after."""
    return "\n".join(_lines(markdown.splitlines())) + "\n" if markdown.strip() else markdown


def _lines(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        fence = _FENCE.match(line)
        if fence is not None:
            block, at = _fenced(lines, at + 1, fence[1])
            yield from _code(block, fence[2])
        elif "|" in line and at + 1 < len(lines) and "-" in lines[at + 1] and _TABLE_LINE.match(lines[at + 1]):
            end = at + 2
            while end < len(lines) and "|" in lines[end]:
                end += 1
            yield from _table(lines[at], lines[at + 2 : end])
            at = end
        else:
            yield _line(line)
            at += 1


def _line(line: str) -> str:
    if not line.strip() or _RULE.match(line):
        return ""
    heading = _HEADING.match(line)
    if heading is not None:
        return f"Section: {_sentence(heading[1])}"
    item = _ITEM.match(line)
    if item is not None:
        return f"{item[1]}: {_sentence(item[2])}" if item[1] else _sentence(item[2])
    quote = line.lstrip()
    return f"Quote: {_sentence(quote.lstrip('> '))}" if quote.startswith(">") else _sentence(line)


def _sentence(text: str) -> str:
    words = _words(text)
    return words if not words or words.endswith(_ENDS) else f"{words}."


def _words(text: str) -> str:
    """A line's words, without marks; what stands in backticks or behind a backslash is left as it is written."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found[2] if found[3] is None else found[3])
        return f"\0{len(kept) - 1}\0"

    text = _CODE.sub(keep, text.replace("\0", ""))
    text = _PICTURE.sub(lambda found: f"Picture: {found[1] or found[2]}.", text)
    text = _LINK.sub(lambda found: f"{found[1]} (link to {found[2]})", text)
    for _ in range(2):
        text = _STRONG.sub(r"\2", text)
    for sign, word in _SIGNS.items():
        text = text.replace(f" {sign} ", f"{word} " if word == "," else f" {word.strip()} ").replace(sign, word)
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], text)


def _fenced(lines: list[str], begin: int, fence: str) -> tuple[list[str], int]:
    end = begin
    while end < len(lines) and not lines[end].strip().startswith(fence):
        end += 1
    return lines[begin:end], end + 1


def _code(block: list[str], language: str) -> Iterator[str]:
    what = f"{language} code" if language else "Code"
    yield f"{what[0].upper()}{what[1:]}, {len(block)} line{'' if len(block) == 1 else 's'}:"
    yield from block
    yield "End of code."


def _table(head: str, rows: list[str]) -> Iterator[str]:
    names = _cells(head)
    yield f"Table with {len(rows)} row{'' if len(rows) == 1 else 's'}. The columns are: {', '.join(names)}."
    for number, row in enumerate(rows, start=1):
        cells = _cells(row)
        said = [f"{name}: {cell}" for name, cell in zip(names, cells, strict=False) if cell]
        yield f"Row {number}. {'; '.join(said)}."
    yield "End of table."


def _cells(row: str) -> list[str]:
    inner = row.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [_words(cell.replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", inner)]
