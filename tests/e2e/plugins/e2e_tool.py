"""Offers the model a tool `lookup` and answers it here."""

from __future__ import annotations

from codexplus_core import Exchange, ToolCall, ToolResult, hookimpl

SCHEMA = {
    "type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"], "additionalProperties": False,
}  # fmt: skip


@hookimpl
def on_request(exchange: Exchange) -> None:
    exchange.add_tool("lookup", "Look a key up.", SCHEMA)


@hookimpl
async def on_tool_use(call: ToolCall) -> ToolResult | None:
    if call.name != "lookup" or not isinstance(call.arguments, dict):
        return None
    return ToolResult(f"value of {call.arguments['key']}")
