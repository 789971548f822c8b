"""What a file's bytes are: text in one of the usual codes, an image that a model can see, or neither."""

from __future__ import annotations

import codecs
from typing import Literal

from .plain import CannotOpen

Kind = Literal["text", "image", "binary"]
IMAGE_LIMIT = 5 * 1024 * 1024
"""Bytes of an image: it goes up with every later request of its thread."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def kind_of(data: bytes) -> tuple[Kind, str]:
    """The kind of a file and its media type, told by its first bytes and not by its name."""
    image = _image(data)
    if image:
        return "image", image
    return ("binary", "application/octet-stream") if _text(data) is None else ("text", "text/plain")


def text_of(data: bytes, name: str) -> str:
    """The text of a file: UTF-8, with or without a mark, or UTF-16 with one. Raises CannotOpen for anything else."""
    text = None if _image(data) else _text(data)
    if text is None:
        raise CannotOpen(f"{name}: neither UTF-8 nor UTF-16 text; name a text file, or convert it")
    return text


def _image(data: bytes) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def _text(data: bytes) -> str | None:
    mark, code = next(((mark, code) for mark, code in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(code)
    except UnicodeDecodeError:
        return None
    # A text has no NUL; what has some is no text, or UTF-32, which begins like UTF-16.
    return None if "\0" in text else text
