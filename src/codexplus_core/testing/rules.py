"""Which Responses requests are legal: the strictness of the real API, as far as it is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from .item_rules import Illegal, Item, check_item, check_tools
from .shapes import ANSWERED_BY, OUTPUTS, REQUEST_FIELDS

__all__ = ["Chain", "Illegal", "Item", "check"]


@dataclass(slots=True)
class Chain:
    """One response that was made here.

    ``items`` is the conversation before it (its own chain's included), ``emitted`` what it has sent whole so far;
    ``complete`` tells whether the client could see its end. ``connection`` is the WebSocket it was made on, or None.
    """

    response_id: str
    connection: object | None = None
    items: list[Item] = field(default_factory=list)
    emitted: list[Item] = field(default_factory=list)
    complete: bool = False


def check(request: Mapping[str, Any], *, chains: Mapping[str, Chain], connection: object | None = None) -> None:
    """Raise Illegal unless the API would take ``request``.

    ``chains`` are the responses made so far, by response id; ``connection`` is the WebSocket the request came on, or
    None for HTTP.
    """
    _check_fields(request, connection)
    earlier = _earlier(request, chains, connection)
    items = request["input"]
    if isinstance(items, str):
        raise Illegal("Input must be a list.", code="invalid_type", param="input")
    for index, item in enumerate(items):
        check_item(item, f"input[{index}]")
    check_tools(request.get("tools") or [], "tools")
    _check_unique_ids([*earlier, *items])
    _check_calls(earlier, items)
    _check_reasoning(items, chains)
    _check_owners(items, earlier, chains)


def _check_fields(request: Mapping[str, Any], connection: object | None) -> None:
    for name in request:
        if name not in REQUEST_FIELDS:
            raise Illegal(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    for name in ("model", "input"):
        if name not in request:
            raise Illegal(f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name)
    if not isinstance(request["model"], str) or not request["model"]:
        raise Illegal("Invalid type for 'model': expected a string.", code="invalid_type", param="model")
    if not isinstance(request["input"], (list, str)):
        raise Illegal("Invalid type for 'input': expected an array.", code="invalid_type", param="input")
    if not isinstance(request.get("stream", False), bool):
        raise Illegal("Invalid type for 'stream': expected a boolean.", code="invalid_type", param="stream")
    if not isinstance(request.get("instructions") or "", str):
        raise Illegal("Invalid type for 'instructions': expected a string.", code="invalid_type", param="instructions")
    if not isinstance(request.get("tools") or [], list):
        raise Illegal("Invalid type for 'tools': expected an array.", code="invalid_type", param="tools")
    lite = any(isinstance(item, dict) and item.get("type") == "additional_tools" for item in request["input"])
    base = any(_is_base_instructions(item) for item in request["input"])
    follows = request.get("previous_response_id") is not None or request.get("generate") is False
    # Every Codex gives the model its instructions: in the field (to 0.120) or as the first developer message (0.169).
    if not (isinstance(request.get("instructions"), str) or base or lite or follows):
        raise Illegal("Instructions are required", code="missing_required_parameter", param="instructions")
    if request.get("tools") is None and not (lite or follows):
        raise Illegal("Missing required parameter: 'tools'.", code="missing_required_parameter", param="tools")
    if connection is None and ("type" in request or "generate" in request):
        name = "type" if "type" in request else "generate"
        raise Illegal(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    if connection is not None and request.get("type") != "response.create":
        raise Illegal("Invalid value for 'type': expected 'response.create'.", code="invalid_value", param="type")


def _is_base_instructions(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    passthrough = item.get("internal_chat_message_metadata_passthrough") or {}
    return "model.base_instructions" in (passthrough.get("content_item_kinds") or ())


def _earlier(request: Mapping[str, Any], chains: Mapping[str, Chain], connection: object | None) -> list[Item]:
    previous = request.get("previous_response_id")
    if previous is None:
        return []
    chain = chains.get(previous)
    # With store=false a response lives on the connection that made it, and HTTP keeps none.
    if chain is None or not chain.complete or connection is None or chain.connection is not connection:
        raise Illegal(
            f"Previous response with id '{previous}' not found.",
            code="previous_response_not_found",
            param="previous_response_id",
        )
    return [*chain.items, *chain.emitted]


def _check_unique_ids(items: Iterable[Item]) -> None:
    seen: set[str] = set()
    for item in items:
        identity = item.get("id")
        if identity is None:
            continue
        if identity in seen:
            raise Illegal(
                f"Duplicate item found with id {identity}. Remove duplicate items from your input and try again.",
                param="input",
            )
        seen.add(identity)


def _check_calls(earlier: Sequence[Item], items: Sequence[Item]) -> None:
    calls: dict[str, str] = {}
    answered: set[str] = set()
    for item in [*earlier, *items]:
        kind, call_id = item.get("type", "message"), item.get("call_id")
        if kind in ANSWERED_BY and call_id is not None:
            if call_id in calls:
                raise Illegal(f"Duplicate call_id '{call_id}'.", param="input")
            calls[call_id] = kind
        elif kind in OUTPUTS and call_id is not None:
            _check_output(kind, call_id, calls, answered)
            answered.add(call_id)
    for call_id, kind in calls.items():
        if call_id not in answered:
            words = kind.replace("_", " ")
            raise Illegal(f"No tool output found for {words} {call_id}.", param="input")


def _check_output(kind: str, call_id: str, calls: Mapping[str, str], answered: set[str]) -> None:
    if call_id not in calls:
        words = kind.removesuffix("_output").replace("_", " ")
        raise Illegal(f"No tool call found for {words} output with call_id {call_id}.", param="input")
    if kind not in ANSWERED_BY[calls[call_id]]:
        raise Illegal(f"Item of type '{kind}' does not answer the {calls[call_id]} {call_id}.", param="input")
    if call_id in answered:
        raise Illegal(f"Duplicate tool output found for call_id {call_id}.", param="input")


def _check_reasoning(items: Sequence[Item], chains: Mapping[str, Chain]) -> None:
    if not any(item.get("type") == "reasoning" for item in items):
        return
    known = _emitted_reasoning(chains)
    for index, item in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        following = items[index + 1] if index + 1 < len(items) else None
        source = known.get(item.get("id") or "") or known.get(item.get("encrypted_content") or "")
        if source is None:
            legal = following is not None and _may_own_reasoning(following)
        else:
            legal = _follows(source[0], source[1], following)
        if not legal:
            name = item.get("id") or "(no id)"
            raise Illegal(
                f"Item '{name}' of type 'reasoning' was provided without its required following item.", param="input"
            )


def _check_owners(items: Sequence[Item], earlier: Sequence[Item], chains: Mapping[str, Chain]) -> None:
    owners = {
        after["id"]: before["id"]
        for chain in chains.values()
        for before, after in pairwise(chain.emitted)
        if before.get("type") == "reasoning" and after.get("type") != "reasoning" and chain.complete
    }
    before: Item = earlier[-1] if earlier else {}
    for item in items:
        owner = owners.get(item.get("id") or "")
        if owner is not None and before.get("id") != owner:
            kind = item.get("type", "message")
            raise Illegal(
                f"Item '{item['id']}' of type '{kind}' was provided without its required 'reasoning' item: '{owner}'.",
                param="input",
            )
        before = item


def _emitted_reasoning(chains: Mapping[str, Chain]) -> dict[str, tuple[Chain, int]]:
    known: dict[str, tuple[Chain, int]] = {}
    for chain in chains.values():
        for index, item in enumerate(chain.emitted):
            if item.get("type") != "reasoning":
                continue
            for key in (item.get("id"), item.get("encrypted_content")):
                if key:
                    known[key] = (chain, index)
    return known


def _follows(chain: Chain, index: int, following: Item | None) -> bool:
    expected = chain.emitted[index + 1] if index + 1 < len(chain.emitted) else None
    if expected is not None and following is not None and _same(expected, following):
        return True
    # Codex keeps the reasoning of a response that broke off and sends whatever comes next right behind it (0.169 in the
    # retry, older ones a turn later): what never reached it whole cannot be asked for.
    return not chain.complete or expected is None


def _same(emitted: Item, sent: Item) -> bool:
    if emitted.get("type") != sent.get("type", "message"):
        return False
    for name in ("id", "call_id"):
        if emitted.get(name) is not None and sent.get(name) is not None and emitted[name] != sent[name]:
            return False
    return emitted.get("role") == sent.get("role")


def _may_own_reasoning(item: Item) -> bool:
    kind = item.get("type", "message")
    if kind in OUTPUTS or kind in ("compaction_trigger", "configuration_update", "additional_tools", "agent_message"):
        return False
    return kind != "message" or item.get("role") == "assistant"
