"""The local replies agree with what was recorded of real Codex versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.protocol import replies
from codexplus_core.protocol.events import Event
from codexplus_core.protocol.splice import Splicer

RECORD: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "compat/local_replies/record.json").read_text(encoding="utf-8")
)


@pytest.mark.wire("W14")
@pytest.mark.parametrize("version", RECORD["refusals"])
def test_every_recorded_version_gets_a_refusal_it_shows_verbatim_and_asks_for_once(version: str) -> None:
    kind = "response.failed invalid_prompt" if replies.gives_up(version) else "message"

    seen = RECORD["refusals"][version][kind]

    assert (seen["posts"], seen["verbatim"]) == (1, True)


@pytest.mark.wire("W9")
def test_a_local_reply_leaves_the_context_indicator_alone() -> None:
    completed = replies.Reply.whole(lambda: "1", "x")[-1].data or {}
    record = RECORD["usage_of_a_local_reply_0.169.0"]

    shown = record[{None: "after null"}.get(completed["response"]["usage"], "after zeros")]

    assert shown == record["before"]


@pytest.mark.wire("W12")
def test_hidden_rounds_make_codex_compact_no_earlier_than_its_context_is_full() -> None:
    limit = 20_000
    splicer = Splicer()
    for id in ("resp_0", "resp_1"):
        usage = {"input_tokens": 15_000, "output_tokens": 100, "total_tokens": 15_100}
        last = splicer.event(Event("response.completed", {"response": {"id": id, "usage": usage}}))
        if id == "resp_0":
            splicer.next_round()

    sent = ((last.data if last else None) or {})["response"]["usage"]

    by_total = all(
        case["compacts"] == (case["total_tokens"] > limit) for case in RECORD["auto_compaction_0.169.0"]["cases"]
    )
    assert by_total
    assert sent["input_tokens"] == 30_000
    assert sent["total_tokens"] < limit
