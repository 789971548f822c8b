"""The plugin of the demo: one of each thing that a plugin can do to a conversation."""

from __future__ import annotations

from ..exchange import Exchange, LocalReply, Refusal
from ..hookspecs import hookimpl
from ..protocol.tools import ToolCall, ToolResult


class DemoPlugin:
    """Answers /ping, rewrites /shout, offers the model a tool, and keeps it from deleting things."""

    ORDER = 50

    @hookimpl
    def on_request(self, exchange: Exchange) -> LocalReply | None:
        """Answer or rewrite what was typed."""
        exchange.add_tool("word_count", "Counts the words of a text.", {"type": "object", "properties": {"text": {}}})
        if (exchange.prompt or "").strip() == "/ping":
            return LocalReply("pong, from a plugin; the model never heard of it")
        if exchange.prompt is not None and exchange.prompt.startswith("/shout "):
            exchange.prompt = exchange.prompt.removeprefix("/shout ").upper()
        return None

    @hookimpl
    def on_tool_use(self, call: ToolCall) -> Refusal | ToolResult | None:
        """Answer our own tool, and say no to ``rm``."""
        if call.name == "word_count":
            text = call.arguments.get("text", "") if isinstance(call.arguments, dict) else ""
            return ToolResult(f"{len(str(text).split())} words")
        return Refusal("deleting files is not allowed here") if "rm -rf" in str(call.arguments) else None
