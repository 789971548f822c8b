"""What a tool answered, as content parts for the model.

Recorded with Claude Code 2.1.197: structured content stands in place of the text, several text blocks stay several, an
empty answer is said to be one, an error is one to the model, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .wording import line, sendable

if TYPE_CHECKING:
    from mcp_types import CallToolResult

MOST_IMAGES = 20
"""Pictures of one answer that the model is given."""
MOST_IMAGE_BYTES = 8 << 20
"""Characters of base64 of all pictures of one answer together."""
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Media types that the model can be shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A tool's answer: texts in order, pictures behind them as (media type, base64), and whether it is an error.

    ``format`` says for people what a text is: ``"text"`` or ``"json"``, ``schema`` of what shape the latter is.
    """

    texts: tuple[str, ...]
    images: tuple[tuple[str, str], ...] = ()
    is_error: bool = False
    format: str = "text"
    schema: str = ""

    def parts(self) -> str | list[dict[str, Any]]:
        """What a ToolResult takes: the text alone where there is one, else content parts as on the wire."""
        if not self.images and len(self.texts) == 1:
            return self.texts[0]
        texts = [{"type": "input_text", "text": text} for text in self.texts]
        return [*texts, *({"type": "input_image", "image_url": f"data:{kind};base64,{data}"}
                          for kind, data in self.images)]  # fmt: skip


def answer_of(name: str, result: CallToolResult) -> Answer:
    """The answer of the tool ``name`` as the model is to read it; nothing is left out without a word."""
    failed = bool(result.is_error)
    if result.structured_content is not None and not failed:
        text = json.dumps(result.structured_content, ensure_ascii=False, separators=(",", ":"))
        # The text says the same in other words, pictures do not.
        texts, images = _blocks(block for block in result.content if block.type == "image")
        return Answer((sendable(text), *texts), images, format="json", schema=_shape(result.structured_content))
    texts, images = _blocks(result.content)
    if not texts and not images:
        texts = (f"{name} failed without a word" if failed else f"({name} completed with no output)",)
    return Answer(texts, images, failed)


def _blocks(blocks: Iterable[Any]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    texts: list[str] = []
    images: list[tuple[str, str]] = []
    size = 0
    for block in blocks:
        if block.type == "image" and block.mime_type in PICTURES:
            size += len(block.data)
            if len(images) < MOST_IMAGES and size <= MOST_IMAGE_BYTES:
                images.append((block.mime_type, block.data))
                continue
        text = _text_of(block)
        if text:
            texts.append(sendable(text))
    return tuple(texts), tuple(images)


def _shape(value: dict[str, Any]) -> str:
    """The shape of an object in Claude Code's words: ``JSON with schema: {result: string}``."""
    kinds = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
    inner = ", ".join(f"{name}: {kinds.get(type(one), 'null')}" for name, one in list(value.items())[:20])
    return f"JSON with schema: {{{inner}}}"


def _text_of(block: Any) -> str:
    if block.type == "text":
        return str(block.text)
    if block.type in ("image", "audio"):
        return f"[{block.type} {line(block.mime_type, 60)}, {len(block.data) * 3 // 4} bytes, not shown]"
    if block.type == "resource_link":
        about = "; ".join(line(said) for said in (block.title or block.name, block.description) if said)
        return f"[resource {line(str(block.uri), 1000)}{f': {about}' if about else ''}]"
    if block.type == "resource":
        return resource_text(block.resource)
    return f"[content of the unknown kind {line(str(block.type), 60)}, not shown]"


def resource_text(content: Any) -> str:
    """The text of a resource's content, or a word for one that is none."""
    text = getattr(content, "text", None)
    if isinstance(text, str):
        return text
    kind = line(str(getattr(content, "mime_type", None) or "unknown"), 60)
    return f"[Binary content: {kind}]"
