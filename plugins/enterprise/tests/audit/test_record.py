"""What one record says, and what it never does: no secret, no prompt unless wanted, nothing that ends a line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import AuditEvent, Session
from codexplus_core.services.redact import Redactor
from codexplus_enterprise.audit.chain import Chain, open_line
from codexplus_enterprise.audit.entry import Entry, of_event
from codexplus_enterprise.audit.record import MOST_LINE, Records

pytestmark = pytest.mark.req("E3")

SECRETS = {
    "github": "ghp_" + "a1B2" * 9,
    "aws": "AKIA" + "Q3EGRZ7XW2LMN5PT",
    "openai": "sk-proj-" + "Ab3dEf6h" * 8,
    "slack": "xoxb-123456789012-123456789012-" + "aB3d" * 6,
    "url": "https://user:hunter2hunter2@host/path",
    "bearer": "Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789",
    "word": "password=Xq7vB2pLm9wZt4",
}


def record(entry: Entry, *, content: bool = False) -> dict[str, Any]:
    made = Records(Redactor().value, stream="serve", version="0.1.0", content=content)
    line = Chain(b"k" * 32).seal(made.line(entry))
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert open_line(line).sealed_by(b"k" * 32)
    found: dict[str, Any] = json.loads(line)
    return found


def test_an_action_is_told_in_ecs_names_with_who_where_and_in_which_turn() -> None:
    event = AuditEvent(
        "process.run", "success", source="hook PreToolUse[0]", plugin="hooks", session=Session("s1", "t1"), turn="u1",
        fields={"argv": ["/usr/bin/git", "commit", "-m", "two words"], "level": "lsm", "returncode": 0, "seconds": 0.5},
        decision=True,
    )  # fmt: skip

    found = record(of_event(event))

    assert found["event.action"] == "process.run"
    assert (found["event.category"], found["event.type"]) == (["process"], ["start", "allowed"])
    assert found["event.outcome"] == "success"
    assert found["process.command_line"] == "/usr/bin/git commit -m 'two words'"
    assert found["process.executable"] == "/usr/bin/git"
    assert (found["codexplus.level"], found["process.exit_code"], found["event.duration"]) == ("lsm", 0, 500_000_000)
    assert (found["codexplus.session.id"], found["codexplus.thread.id"], found["codexplus.turn.id"]) == (
        "s1",
        "t1",
        "u1",
    )
    assert found["user.name"]


@pytest.mark.abuse("H01", "H04")
@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("place", ["argv", "option", "reason", "source", "url", "nested", "turn", "path", "workspace"])
def test_no_secret_is_kept_wherever_it_stands(kind: str, place: str) -> None:
    secret = SECRETS[kind]
    fields: dict[str, Any] = {}
    told: dict[str, Any] = {}
    if place == "argv":
        fields = {"argv": ["curl", "-H", secret]}
    elif place == "option":
        fields = {"argv": ["run", f"--header={secret}"]}
    elif place == "url":
        fields = {"url": secret if "://" in secret else f"https://host/?key={secret}"}
    elif place == "path":
        fields = {"path": f"/tmp/{secret}"}
    elif place == "nested":
        fields = {"about": [{"command": f"deploy {secret}"}]}
    else:
        told = {place: f"said {secret}"}

    found = json.dumps(record(Entry("process.run", "success", fields=fields, **told)))

    for part in ("a1B2a1B2", "Q3EGRZ7XW2LMN5PT", "Ab3dEf6h", "aB3daB3d", "hunter2", "abcdefghijklmnop", "Xq7vB2pLm9"):
        assert part not in found
    assert "[REDACTED:" in found


@pytest.mark.abuse("H05")
@given(st.text(), st.dictionaries(st.text(), st.text() | st.lists(st.text()) | st.floats() | st.none()))
def test_no_text_ends_a_line_or_passes_for_another_field(words: str, fields: dict[str, Any]) -> None:
    found = record(Entry("tool.call", "denied", reason=words, fields={**fields, "event.hash": "x"}))

    assert found["event.action"] == "tool.call"
    assert found["codexplus.verdict"] == "denied"
    assert len(found["event.hash"]) == 64


def test_prompts_and_arguments_are_kept_as_digests_unless_content_is_wanted() -> None:
    entry = Entry("tool.call", "success", fields={"tool": "shell", "arguments": {"cmd": "ls secret-plans"}})

    without, with_content = record(entry), record(entry, content=True)

    assert "secret-plans" not in json.dumps(without)
    assert len(without["codexplus.arguments_sha256"]) == 64
    assert with_content["codexplus.arguments"] == {"cmd": "ls secret-plans"}


def test_what_is_too_long_or_no_json_is_cut_and_still_kept() -> None:
    loop: list[Any] = []
    loop.append(loop)

    long = record(Entry("process.run", "success", reason="x y" * 10_000, fields={"argv": ["a b" * 9_000] * 300}))
    odd = record(Entry("process.run", "success", fields={"loop": loop}))

    assert len(json.dumps(long)) < MOST_LINE + 4000
    assert long["codexplus.too_long"] > MOST_LINE
    assert odd["codexplus.unreadable"] == "RecursionError"


@pytest.mark.abuse("H04")
def test_a_short_word_that_the_settings_call_a_secret_is_kept_nowhere() -> None:
    made = Records(Redactor([("staff", "emp-[0-9]{4}")], [("lent", "swordfish9")]).value, stream="serve")

    line = made.line(Entry("tool.call", "success", source="swordfish9", fields={"tool": "emp-1234"}))

    assert b"swordfish9" not in line
    assert b"emp-1234" not in line


def test_no_field_takes_the_place_of_what_a_record_says_itself() -> None:
    entry = Entry("tool.call", "denied", source="a hook", workspace="/srv/one", fields={
        "verdict": "success", "source": "nobody", "workspace": "/elsewhere", "plugin": "x",
    })  # fmt: skip

    found = record(entry)

    assert (found["codexplus.verdict"], found["codexplus.source"], found["codexplus.workspace"]) == (
        "denied",
        "a hook",
        "/srv/one",
    )
    assert found["codexplus.field_verdict"] == "success"
    assert "codexplus.plugin" not in found


@pytest.mark.parametrize("value", [["a word", "--x"], {"deep": "words"}])
def test_a_pattern_that_fits_every_name_hides_values_and_no_record(value: Any) -> None:
    made = Records(Redactor([("mine", ".+")]).value, stream="serve")

    found = json.loads(made.line(Entry("tool.call", "success", fields={"about": value})) + b"}")

    assert "word" not in json.dumps(found["codexplus.about"])
    assert "codexplus.unreadable" not in found
