"""A model's tool call, what answers it, and what a response cost: the values that the wire's items stand for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One whole tool call of the model.

    ``id`` is the wire's ``call_id``; ``namespace`` is None unless the model named one. ``arguments`` is a dict for
    function calls (a str where the model's JSON is broken) and a str for custom tools.
    """

    id: str
    name: str
    arguments: dict[str, Any] | str
    namespace: str | None = None
    kind: str = "function_call"

    def replace(self, *, arguments: dict[str, Any] | str) -> ToolCall:
        """The same call with other arguments."""
        return replace(self, arguments=arguments)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered: text, or a list of content parts as on the wire (``{"type": "input_text", "text": …}``)."""

    output: str | list[dict[str, Any]]
    is_error: bool = False

    @property
    def text(self) -> str:
        """The output as plain text; parts that are no text are left out."""
        if isinstance(self.output, str):
            return self.output
        return "\n".join(str(part["text"]) for part in self.output if "text" in part)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of an exchange, summed over its upstream rounds."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0
