"""CodexClient sends again what the real versions of Codex were recorded to send again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.testing.codex import CodexClient
from codexplus_core.testing.codex_requests import ClientRequest
from codexplus_core.testing.script import Answer, Asked
from codexplus_core.testing.streams import Ids, Wire

RESEND = Path(__file__).parent.parent / "compat" / "resend"

PROMPTS = {
    "tools": "first prompt", "second": "second prompt", "cut-in-text": "third prompt",
    "cut-after-call": "fourth prompt", "cut-after-reasoning": "fifth prompt", "interrupt-text": "sixth prompt",
    "after-interrupt-text": "seventh prompt", "interrupt-tool": "eighth prompt",
    "after-interrupt-tool": "ninth prompt", "fork": "forked prompt", "compact": "second prompt",
    "after-compact": "third prompt",
}  # fmt: skip


def recording(name: str) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((RESEND / f"{name}.json").read_text(encoding="utf-8"))
    for request in kept["requests"]:
        request["input"] = [kept["items"][index] for index in request["input"]]
    return kept


def answered(emitted: list[dict[str, Any]], *, whole: bool) -> bytes:
    makers = tuple(lambda _, item=item: item for item in emitted)
    steps = Answer(makers).steps(Asked({"model": "m"}, [], Ids()), "resp_1")
    return b"".join(Wire().frame(step) for step in (steps if whole else steps[:-1]) if isinstance(step, dict))


def shape(item: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """An item without what differs between any two runs: ids of Codex's own, times, vendor texts."""
    made = {name: value for name, value in item.items() if name != "tools"}
    if isinstance(made.get("id"), str) and made["id"] not in known:
        made["id"] = re.sub(r"_.*", "_*", made["id"])
    if item.get("role") in ("user", "developer") and item["type"] == "message":
        made["content"] = [words(part["text"], item["role"]) for part in item["content"]]
    if item["type"] == "agent_message":
        made["content"] = [part["type"] for part in item["content"]]
    if isinstance(made.get("output"), str) and made["output"].startswith("aborted by user"):
        made["output"] = "aborted by user"
    notes = made.get("internal_chat_message_metadata_passthrough")
    if notes is not None:
        made["internal_chat_message_metadata_passthrough"] = {
            name: value if name == "content_item_kinds" else ... for name, value in notes.items()
        }
    return made


def words(text: str, role: str) -> str:
    if text.startswith("<turn_aborted>"):
        return "<turn_aborted>"
    if role == "developer":
        return "..."
    return re.match(r"<\w+>|\S+", text)[0] if not text.endswith("prompt") else text  # type: ignore[index]


def compare(sent: ClientRequest, recorded: dict[str, Any]) -> None:
    known = {item["id"] for item in recorded["input"] if "id" in item and len(item["id"] or "") < 12}
    sent_shapes = [shape(item, known) for item in sent.json["input"]]
    assert sent_shapes == [shape(item, known) for item in recorded["input"]], recorded["step"]
    assert sent.path == recorded["path"]
    volatile = {"host", "content-length", "user-agent"}
    names = {name.decode() for name, _ in sent.headers}
    assert names - volatile == {name.lower() for name in recorded["headers"]} - volatile
    assert set(sent.json) == set(recorded["fields"])


def outputs(kept: dict[str, Any]) -> dict[str, Any]:
    return {item["call_id"]: item["output"] for item in kept["items"] if "output" in item}


def replay(kept: dict[str, Any]) -> Iterator[tuple[ClientRequest, dict[str, Any]]]:
    """Do with a CodexClient what was done with the real one; pairs of requests."""
    client = CodexClient(kept["codex"], kept["auth"])
    results = outputs(kept)
    step = ""
    after: str | None = None
    for recorded in kept["requests"]:
        if recorded["step"] != step:
            if step and client.version.resumes:
                client = client.fork() if recorded["step"] == "fork" else client.resume()
            step = recorded["step"]
            after = None
        if after is None:
            sent = client.compact() if asks_compaction(recorded) else client.say(prompt(kept, step))
        elif after == "cut":
            sent = client.retry(results)
        elif after == "compacted":
            sent = client.say(prompt(kept, step))
        else:
            sent = client.outputs(results)
        yield sent, recorded
        if recorded["end"] == "json":
            item = {"type": "compaction", "id": "cmp_1", "encrypted_content": encrypted(kept)}
            client.compacted(json.dumps({"output": [item]}).encode())
            after = "compacted"
            continue
        whole = recorded["end"] == "completed"
        client.feed(answered(recorded["emitted"], whole=whole))
        if recorded["end"] == "interrupted":
            client.interrupt()
            continue
        client.finish(cut=not whole)
        after = "compacted" if asks_compaction(recorded) else recorded["end"]
        if step == "interrupt-tool":
            client.interrupt()


def asks_compaction(recorded: dict[str, Any]) -> bool:
    last = recorded["input"][-1]
    return (
        recorded["end"] == "json"
        or last["type"] == "compaction_trigger"
        or (recorded["step"] == "compact" and "Start Summarization" in json.dumps(last))
    )


def prompt(kept: dict[str, Any], step: str) -> str:
    return "tenth prompt" if kept["codex"] == "0.29.0" and step == "after-compact" else PROMPTS[step]


def encrypted(kept: dict[str, Any]) -> str:
    return str(next(item["encrypted_content"] for item in kept["items"] if item["type"] == "compaction"))


@pytest.mark.parametrize(
    "name",
    [
        "0.29.0-api",
        "0.98.0-api",
        "0.98.0-api-compact",
        "0.120.0-api",
        "0.120.0-api-compact",
        "0.169.0-api",
        "0.169.0-api-compact",
        "0.169.0-chatgpt",
    ],
)
def test_a_modelled_codex_sends_what_the_recorded_one_sent(name: str) -> None:
    for sent, recorded in replay(recording(name)):
        compare(sent, recorded)


def test_a_modelled_codex_0_60_sends_what_the_recorded_one_sent_until_tools_are_interrupted() -> None:
    for sent, recorded in replay(recording("0.60.1-api")):
        # The real one kept or lost the reasoning of a turn whose tools were interrupted, by chance (see the README).
        if recorded["step"] == "after-interrupt-tool":
            break
        compare(sent, recorded)


def test_a_review_is_asked_for_in_a_thread_of_its_own() -> None:
    recorded = next(r for r in recording("0.169.0-api-others")["requests"] if r["step"] == "review")

    _, sent = CodexClient("0.169.0", "api").review("Review the current code changes")

    kinds = [item["type"] for item in sent.json["input"]]
    assert kinds[0] == "additional_tools" and kinds[-2:] == ["message", "configuration_update"]
    assert [item["type"] for item in recorded["input"]][-2:] == kinds[-2:]
    assert metadata(sent, "thread_source", "subagent_kind") == ("subagent", "review")
    assert (recorded["metadata"]["thread_source"], recorded["metadata"]["subagent_kind"]) == ("subagent", "review")
    assert b"x-openai-subagent" in dict(sent.headers) and "x-openai-subagent" in recorded["headers"]


def test_a_sub_agent_inherits_the_history_with_the_open_call_aborted() -> None:
    requests = [r for r in recording("0.169.0-api-others")["requests"] if r["step"] == "subagent"]
    recorded = next(r for r in requests if r["metadata"]["thread_source"] == "subagent")
    parent = CodexClient("0.169.0", "api")
    parent.say("spawn it")
    parent.receive(answered(requests[0]["emitted"], whole=True))

    child, sent = parent.subagent("do the task")

    mine, real = sent.json["input"], recorded["input"]
    known = {"rs_s1", "fc_s1"}
    assert [shape(item, known) for item in mine[7:10]] == [shape(item, known) for item in real[7:10]]
    assert shape(mine[-1], known).keys() == shape(real[-1], known).keys()
    passthrough = "internal_chat_message_metadata_passthrough"
    assert mine[-1][passthrough].keys() == real[-1][passthrough].keys()
    assert child.thread.session == parent.thread.session != child.thread.thread
    assert recorded["metadata"]["subagent_kind"] == metadata(sent, "subagent_kind")[0]


def metadata(sent: ClientRequest, *names: str) -> tuple[Any, ...]:
    kept = json.loads(dict(sent.headers)[b"x-codex-turn-metadata"])
    return tuple(kept[name] for name in names)
