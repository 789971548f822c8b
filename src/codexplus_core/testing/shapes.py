"""Which fields, items, content parts and tools a Responses request of Codex may hold."""

from __future__ import annotations

# Taken from requests that the real Codex 0.29, 0.60, 0.98, 0.120 and 0.169 sent (tests/compat); the few that no
# recording holds (image parts, hosted tools, tool search) are the API's own.
REQUEST_FIELDS = frozenset(
    {
        "model", "instructions", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "store", "stream",
        "include", "prompt_cache_key", "text", "client_metadata", "service_tier", "previous_response_id", "generate",
        "type", "max_output_tokens", "metadata", "truncation",
    }
)  # fmt: skip

PREFIXES = {
    "message": "msg_",
    "agent_message": "amsg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "function_call_output": "fco_",
    "custom_tool_call": "ctc_",
    "custom_tool_call_output": "ctco_",
    "local_shell_call": "lsh_",
    "local_shell_call_output": "lsho_",
    "tool_search_call": "tsc_",
    "tool_search_output": "tso_",
    "web_search_call": "ws_",
    "image_generation_call": "ig_",
    "additional_tools": "at_",
    "compaction": "cmp_",
    "compaction_trigger": "",
    "configuration_update": "",
}
"""Item types and what their ids begin with."""

_EVERY = "type id internal_chat_message_metadata_passthrough"
ITEM_FIELDS = {
    name: frozenset((_EVERY + " " + fields).split())
    for name, fields in {
        "message": "role content status phase",
        "agent_message": "author recipient content",
        "reasoning": "summary content encrypted_content status",
        "function_call": "name namespace arguments call_id status",
        "function_call_output": "call_id output status",
        "custom_tool_call": "name namespace input call_id status",
        "custom_tool_call_output": "call_id output name status",
        "local_shell_call": "action call_id status",
        "local_shell_call_output": "call_id output status",
        "tool_search_call": "call_id execution arguments status",
        "tool_search_output": "call_id execution tools status",
        "web_search_call": "action status",
        "image_generation_call": "status revised_prompt result",
        "additional_tools": "role tools",
        "compaction": "encrypted_content",
        "compaction_trigger": "",
        "configuration_update": "reasoning",
    }.items()
}

REQUIRED = {
    "message": ("role", "content"),
    "agent_message": ("author", "recipient", "content"),
    "reasoning": ("summary",),
    "function_call": ("name", "arguments", "call_id"),
    "function_call_output": ("call_id", "output"),
    "custom_tool_call": ("name", "input", "call_id"),
    "custom_tool_call_output": ("call_id", "output"),
    "local_shell_call": ("action", "status"),
    "local_shell_call_output": ("call_id", "output"),
    "tool_search_call": ("arguments",),
    "tool_search_output": ("tools",),
    "additional_tools": ("role", "tools"),
    "compaction": ("encrypted_content",),
}

ANSWERED_BY = {
    "function_call": ("function_call_output",),
    "custom_tool_call": ("custom_tool_call_output",),
    # Codex answers a local shell call with a plain function output.
    "local_shell_call": ("local_shell_call_output", "function_call_output"),
    "tool_search_call": ("tool_search_output",),
}
"""Call types and the output types that answer them."""

OUTPUTS = frozenset(name for names in ANSWERED_BY.values() for name in names)

ROLE_PARTS = {
    "user": frozenset({"input_text", "input_image", "input_file"}),
    "developer": frozenset({"input_text", "input_image"}),
    "system": frozenset({"input_text"}),
    "assistant": frozenset({"output_text", "refusal"}),
}
PART_FIELDS = {
    "input_text": frozenset({"type", "text"}),
    "input_image": frozenset({"type", "image_url", "detail", "file_id"}),
    "input_file": frozenset({"type", "file_id", "filename", "file_data", "file_url"}),
    "output_text": frozenset({"type", "text", "annotations", "logprobs"}),
    "refusal": frozenset({"type", "refusal"}),
    "summary_text": frozenset({"type", "text"}),
    "reasoning_text": frozenset({"type", "text"}),
    "encrypted_content": frozenset({"type", "encrypted_content"}),
}

TOOL_FIELDS = {
    "function": frozenset({"type", "name", "description", "strict", "parameters", "output_schema", "defer_loading"}),
    "custom": frozenset({"type", "name", "description", "format", "defer_loading"}),
    "namespace": frozenset({"type", "name", "description", "tools"}),
    "tool_search": frozenset({"type", "description", "execution", "parameters"}),
    "web_search": frozenset(
        {"type", "external_web_access", "search_content_types", "filters", "user_location", "search_context_size"}
    ),
    "web_search_preview": frozenset({"type"}),
    "local_shell": frozenset({"type"}),
    "image_generation": frozenset({"type", "output_format"}),
}
