"""The answering model's name inside events."""

from __future__ import annotations

from typing import Any

import pytest

from codexplus_core.protocol.events import Event
from codexplus_core.protocol.messages import event_of
from codexplus_core.protocol.model_header import answered_by


@pytest.mark.parametrize("inside", [False, True], ids=["at the top", "in the response"])
@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"openai-model": "b", "x": "y"}, {"openai-model": "a", "x": "y"}),
        ({"OpenAI-Model": ["b"]}, {"OpenAI-Model": ["a"]}),
    ],
    ids=["words", "a list"],
)
def test_an_event_names_the_model_that_was_asked(headers: dict[str, Any], told: dict[str, Any], inside: bool) -> None:
    def holding(found: dict[str, Any]) -> dict[str, Any]:
        return {"response": {"id": "r", "headers": found}} if inside else {"headers": found}

    event = answered_by(Event("response.created", holding(headers)), "a")

    assert event.data == {"type": "response.created", **holding(told)}


@pytest.mark.parametrize(
    "payload",
    [
        b'{ "type":"response.created", "headers":{"x":"openai-model"} }',
        b'{"type":"response.output_text.delta","delta":"headers: openai-model"}',
        b'{"type":"x","headers":["openai-model"],"response":7}',
        b'{"type":"x","model":"b","response":{"model":"b"}}',
        b"headers",
    ],
)
def test_an_event_that_names_none_is_left_as_it_is(payload: bytes) -> None:
    event = event_of(payload)

    assert answered_by(event, "a") is event
