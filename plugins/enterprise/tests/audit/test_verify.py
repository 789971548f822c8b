"""Finding what was done to a log: edits, gaps, records in another order, and an end that is missing."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from audit_log import KEY, Log
from hypothesis import given
from hypothesis import strategies as st

from codexplus_enterprise.audit.chain import Chain
from codexplus_enterprise.audit.heads import head, heads_in

pytestmark = pytest.mark.req("E3")


def rewritten(log: Log, lines: list[bytes]) -> None:
    (log.folder / "serve.jsonl").write_bytes(b"".join(lines))


def test_a_log_as_it_was_written_has_nothing_wrong_with_it(log: Log) -> None:
    log.written("one", "two")
    log.written("three")

    assert log.actions() == ["audit.start", "one", "two", "audit.stop", "audit.start", "three", "audit.stop"]
    assert log.findings() == []


@pytest.mark.abuse("H07")
@given(st.data())
def test_every_edit_gap_and_change_of_order_is_found_where_it_is(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        log = Log(Path(folder))
        log.written(*(f"action{number}" for number in range(6)))
        lines = log.lines()
        at = data.draw(st.integers(0, len(lines) - 2))
        how = data.draw(st.sampled_from(("edit", "remove", "swap", "repeat", "garbage")))
        changed = list(lines)
        if how == "edit":
            changed[at] = changed[at].replace(b'"event.outcome":"success"', b'"event.outcome":"failure"')
        elif how == "remove":
            del changed[at]
        elif how == "swap":
            changed[at], changed[at + 1] = changed[at + 1], changed[at]
        elif how == "repeat":
            changed.insert(data.draw(st.integers(at + 1, len(lines))), changed[at])
        else:
            changed[at] = b"garbage\n"
        rewritten(log, changed)

        found = log.findings()

        kinds = {one.kind for one in found}
        wanted = {
            "edit": "altered",
            "remove": "gap",
            "swap": "reordered",
            "repeat": "reordered",
            "garbage": "unreadable",
        }
        assert wanted[how] in kinds
        assert any(one.sequence in (at, at + 1, at + 2) for one in found)


@pytest.mark.abuse("H07")
def test_the_number_of_an_edited_record_is_named(log: Log) -> None:
    log.written("one", "two", "three")
    lines = log.lines()
    lines[2] = lines[2].replace(b'"two"', b'"owt"')
    rewritten(log, lines)

    (found,) = log.findings()

    assert str(found) == "serve.jsonl:3: altered: record 3 is not as it was written"


def test_a_record_of_another_stream_is_no_record_of_this_one(log: Log) -> None:
    log.written("one")
    (log.folder / "terminal.jsonl").write_bytes((log.folder / "serve.jsonl").read_bytes())

    assert {one.kind for one in log.findings()} == {"foreign"}


@pytest.mark.abuse("H08")
def test_a_missing_end_is_found_with_a_head_that_was_kept_elsewhere(log: Log) -> None:
    log.open(head_s=1)
    log.put("one", "two")
    log.close()
    lines = log.lines()
    rewritten(log, lines[:-2])

    assert log.findings() == []
    (found,) = log.findings(log.heads)
    assert found.kind == "truncated"
    assert found.text == f"the log ends with record {len(lines) - 2}; a head says that there were {len(lines)}"


@pytest.mark.abuse("H08")
def test_an_end_that_was_replaced_by_one_of_the_same_length_is_found_with_a_head(log: Log) -> None:
    log.open(head_s=1)
    log.put("one", "two")
    log.close()
    lines = log.lines()
    before = json.loads(lines[1])
    # Who has the key can write any end; only what was told elsewhere speaks against it.
    chain = Chain(KEY, before["event.sequence"], before["event.hash"])
    fields = b'{"@timestamp":"2026-01-01T00:00:00Z","codexplus.chain.stream":"serve","event.action":"other"'
    rewritten(log, [*lines[:2], *(chain.seal(fields) for _ in lines[2:])])

    assert log.findings() == []
    assert [one.kind for one in log.findings(log.heads)] == ["rewritten"]


@pytest.mark.abuse("H08")
def test_a_stream_that_is_gone_altogether_is_found_with_a_head(log: Log) -> None:
    log.open(head_s=1)
    log.close()
    (log.folder / "serve.jsonl").unlink()

    assert [one.kind for one in log.findings(log.heads)] == ["truncated"]


def test_a_head_that_nobody_with_the_key_made_does_not_count(log: Log) -> None:
    log.written("one")

    assert [one.kind for one in log.findings([head(b"x" * 32, "serve", 99, "0" * 64)])] == ["forged head"]


def test_a_rotated_file_that_was_removed_is_a_gap(log: Log) -> None:
    log.open(rotate_bytes=1)
    log.put("one", "two", "three")
    log.close()
    files = sorted(log.folder.glob("serve.0*.jsonl"))
    files[1].unlink()

    (found,) = log.findings()

    assert found.kind == "gap"


def test_a_beginning_that_nobody_said_was_removed_is_a_gap(log: Log) -> None:
    log.written("one", "two")
    rewritten(log, log.lines()[2:])

    (found,) = log.findings()

    assert (found.kind, found.sequence) == ("gap", 3)


def test_heads_are_read_out_of_logs_as_they_are_collected() -> None:
    made = head(KEY, "serve", 7, "ab" * 32)
    plain = json.dumps({"event": "audit_head", **made.row()})
    journal = json.dumps({"MESSAGE": plain, "_PID": "1"})

    assert list(heads_in([plain, journal, f"Nov 21 host codex-plus[1]: {plain}", "nonsense", "{", "[1]"])) == [made] * 3
