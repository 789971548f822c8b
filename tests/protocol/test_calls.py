"""Whole tool calls out of a stream, and back onto the wire."""

from __future__ import annotations

from typing import Any

import pytest

from codexplus_core.protocol.calls import call_of, item_with, output_item
from codexplus_core.protocol.tools import ToolCall, ToolResult

FUNCTION = {
    "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "exec_command",
    "arguments": '{"cmd":"ls"}', "namespace": "functions", "status": "completed",
}  # fmt: skip
CUSTOM = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "apply_patch", "input": "*** Begin"}
SHELL = {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_3", "action": {"type": "exec", "command": ["ls"]}}


def test_a_function_call_has_its_arguments_as_a_dict() -> None:
    assert call_of(FUNCTION) == ToolCall("call_1", "exec_command", {"cmd": "ls"}, "functions")


@pytest.mark.parametrize("arguments", ['{"cmd":', "[1]", "null", "true"])
def test_arguments_that_are_no_object_stay_the_models_text(arguments: str) -> None:
    call = call_of({**FUNCTION, "arguments": arguments})

    assert call is not None
    assert call.arguments == arguments
    assert item_with(FUNCTION, call)["arguments"] == arguments


@pytest.mark.parametrize("arguments", ["", None])
def test_no_arguments_are_an_empty_dict(arguments: str | None) -> None:
    call = call_of({**FUNCTION, "arguments": arguments})

    assert call is not None
    assert call.arguments == {}


def test_custom_and_shell_calls_keep_their_kind() -> None:
    assert call_of(CUSTOM) == ToolCall("call_2", "apply_patch", "*** Begin", kind="custom_tool_call")
    assert call_of(SHELL) == ToolCall("call_3", "local_shell", SHELL["action"], kind="local_shell_call")  # type: ignore[arg-type]


@pytest.mark.parametrize("type", ["message", "reasoning", "web_search_call", "mcp_call", "function_call_output"])
def test_other_items_are_no_calls(type: str) -> None:
    assert call_of({**FUNCTION, "type": type}) is None


@pytest.mark.parametrize(
    ("item", "arguments", "changed"),
    [
        (FUNCTION, {"cmd": "pwd"}, {"arguments": '{"cmd":"pwd"}'}),
        (CUSTOM, "*** End", {"input": "*** End"}),
        (SHELL, {"type": "exec", "command": ["pwd"]}, {"action": {"type": "exec", "command": ["pwd"]}}),
    ],
)
def test_changed_arguments_go_back_into_the_item_and_nothing_else_changes(
    item: dict[str, Any], arguments: Any, changed: dict[str, Any]
) -> None:
    call = call_of(item)
    assert call is not None

    again = item_with(item, call.replace(arguments=arguments))

    assert again == {**item, **changed}
    assert call_of(again) == call.replace(arguments=arguments)


@pytest.mark.parametrize(
    ("item", "type"),
    [(FUNCTION, "function_call_output"), (CUSTOM, "custom_tool_call_output"), (SHELL, "function_call_output")],
)
def test_a_result_becomes_the_output_that_belongs_to_the_call(item: dict[str, Any], type: str) -> None:
    call = call_of(item)
    assert call is not None

    assert output_item(call, ToolResult("done")) == {"type": type, "call_id": item["call_id"], "output": "done"}


def test_the_model_can_read_that_a_result_is_an_error() -> None:
    call = ToolCall("call_1", "x", {})
    parts = [{"type": "input_text", "text": "no such file"}, {"type": "input_image", "image_url": "data:"}]

    text = output_item(call, ToolResult("no such file", is_error=True))["output"]
    listed = output_item(call, ToolResult(parts, is_error=True))["output"]

    assert text == "error: no such file"
    assert listed == [{"type": "input_text", "text": "error:"}, *parts]
