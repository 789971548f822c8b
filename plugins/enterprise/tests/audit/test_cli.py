"""`codex-plus audit` in a terminal, and what is kept of commands that are given there."""

from __future__ import annotations

import json
import stat
from html.parser import HTMLParser
from pathlib import Path

import pytest
from audit_log import KEY, Log
from metered import Settings

from codexplus_core import Problem, Proposal
from codexplus_core.cli.main import main
from codexplus_core.services.approvals.service import Approvals
from codexplus_enterprise.audit.account import MOST_DENIED, account_of
from codexplus_enterprise.audit.entry import Entry
from codexplus_enterprise.audit.reading import moment, records
from codexplus_enterprise.audit.report import MOST_ROWS, as_html, as_markdown, as_text

pytestmark = pytest.mark.req("E3")


@pytest.fixture
def key(tmp_path: Path) -> str:
    """The file of the key."""
    path = tmp_path / "key"
    path.write_text(KEY.hex(), encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def audit(*words: str) -> int:
    return main(["audit", *words])


def test_verify_says_that_a_log_is_whole_and_what_it_cannot_know(
    log: Log, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.written("one")

    assert audit("verify", "--directory", str(log.folder), "--key", key) == 0
    assert capsys.readouterr().out == (
        "serve: 3 records, 1 to 3\nwhole; that nothing is missing at the end can only be told with --heads\n"
    )


def test_verify_ends_with_1_and_the_place_of_an_edit(log: Log, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.written("one")
    path = log.folder / "serve.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"one"', b'"two"'))

    assert audit("verify", "--directory", str(log.folder), "--key", key, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert [(one["kind"], one["sequence"]) for one in found["findings"]] == [("altered", 2)]


@pytest.mark.abuse("H08")
def test_heads_that_were_printed_before_find_a_missing_end(
    log: Log, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.written("one")
    assert audit("heads", "--directory", str(log.folder), "--key", key) == 0
    shipped = tmp_path / "shipped"
    shipped.write_text(capsys.readouterr().out, encoding="utf-8")
    path = log.folder / "serve.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(True)[:-1]))

    assert audit("verify", "--directory", str(log.folder), "--key", key) == 0
    assert audit("verify", "--directory", str(log.folder), "--key", key, "--heads", str(shipped)) == 1
    assert "truncated: the log ends with record 2; a head says that there were 3" in capsys.readouterr().out


def test_a_file_without_heads_is_no_proof_of_anything(
    log: Log, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.written("one")
    (tmp_path / "empty").write_text("nothing\n", encoding="utf-8")

    assert audit("verify", "--directory", str(log.folder), "--key", key, "--heads", str(tmp_path / "empty")) == 1
    assert "holds no head" in capsys.readouterr().err


def test_a_key_that_everybody_may_read_is_refused(log: Log, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.written("one")
    Path(key).chmod(0o644)

    assert audit("verify", "--directory", str(log.folder), "--key", key) == 1
    assert "open to everybody" in capsys.readouterr().err


def test_export_is_bounded_by_time_and_written_for_its_owner_alone(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.written("one")
    target = tmp_path / "out.jsonl"

    assert audit("export", "--directory", str(log.folder), "--format", "ocsf", "--output", str(target)) == 0
    assert audit("export", "--directory", str(log.folder), "--since", "2099-01-01") == 0

    assert len(target.read_text(encoding="utf-8").splitlines()) == 3
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("written", ["yesterday", "7y", "2026-13-01", "99999999d"])
def test_what_is_no_time_is_a_mistake_of_use(written: str) -> None:
    with pytest.raises(Problem) as raised:
        moment(written)
    assert raised.value.exit_code == 2


def test_a_report_tells_who_ran_what_what_was_refused_and_what_is_new(log: Log) -> None:
    writer = log.open()
    early = [
        Entry("process.run", "success", fields={"argv": ["/bin/old"]}, at=1_780_000_000_000_000_000),
        Entry("hook.run", "success", source="a.json", fields={"hook": "hook Stop[0]"}, at=1_780_000_000_000_000_000),
    ]
    late = [
        Entry("process.run", "success", fields={"argv": ["/bin/old", "x"]}),
        Entry("process.run", "success", fields={"argv": ["/bin/new"]}),
        Entry("process.run", "denied", reason="no <b>", plugin="enterprise", fields={"argv": ["/bin/rm", "|"]}),
        Entry("hook.run", "success", source="b.json", fields={"hook": "hook <script>alert(1)</script>"}),
        Entry("mcp.call", "success", fields={"server": "github", "tool": "search"}),
        Entry("model.request", "success", fields={"model": "gpt-5", "input_tokens": 1200, "output_tokens": 34}),
    ]
    for entry in (*early, *late):
        writer.put(entry)
    log.close()

    account = account_of(records(log.folder), since="2026-07-01")

    assert [(one.kind, one.name) for one in account.new] == [
        ("program", "/bin/new"), ("program", "/bin/rm"), ("hook", "hook <script>alert(1)</script>"),
        ("MCP server", "github"),
    ]  # fmt: skip
    assert [one.times for one in account.denied.values()] == [1]
    for rendered in (as_text(account), as_markdown(account), as_html(account)):
        for words in ("/bin/new", "gpt-5", "1,200", "enterprise"):
            assert words in rendered
    page = as_html(account)
    assert "<script" not in page
    assert tags(page) <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "thead", "tbody",
                          "tr", "th", "td"}  # fmt: skip
    assert "http" not in page.replace("http-equiv", "")


def test_a_refused_request_is_told_once_and_one_that_was_answered_here_is_no_models(log: Log) -> None:
    writer = log.open()
    said = {"reason": "spent", "plugin": "enterprise", "session": "s"}
    for turn, origin in (("", "warmup"), ("u1", "user"), ("u1", "user"), ("u2", "user")):
        fields = {"endpoint": "/responses", "model": "gpt-5", "origin": origin}
        writer.put(Entry("request.refuse", "denied", turn=turn, fields=fields, **said))
    for turn in ("u1", "u1", "u2"):
        fields = {"model": "gpt-5", "answered_by": "refused"}
        writer.put(Entry("model.request", "denied", session="s", turn=turn, fields=fields))
    writer.put(Entry("access.denied", "denied", reason="origin"))
    writer.put(Entry("access.denied", "denied", reason="origin", fields={"left_out": 500}))
    for by in ("local", "upstream"):
        fields = {"model": "gpt-5", "answered_by": by, "input_tokens": 7 if by == "upstream" else 0}
        writer.put(Entry("model.request", "success", session="s", turn="u3", fields=fields))
    log.close()

    account = account_of(records(log.folder))

    assert [(one.action, one.times) for one in account.denied.values()] == [
        ("request.refuse", 2),
        ("access.denied", 501),
    ]
    assert account.more_denied == 0
    assert [(one.requests, one.input) for one in account.spent.values()] == [(1, 7)]


def test_a_report_counts_what_it_has_no_room_for(log: Log) -> None:
    writer = log.open()
    for number in range(MOST_DENIED + 5):
        writer.put(Entry("process.run", "denied", reason=f"no {number}", fields={"argv": ["/bin/rm"]}))
    log.close()

    account = account_of(records(log.folder))

    assert account.more_denied == 5
    assert f"… and {MOST_DENIED - MOST_ROWS + 5} more" in as_text(account)


def tags(page: str) -> set[str]:
    found: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            found.add(tag)

    Tags().feed(page)
    return found


def test_a_yes_at_a_terminal_is_kept_in_a_stream_of_its_own(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.mine(audit={"enabled": True})
    id = asked(settings)

    assert main(["approvals", "allow", id, "--always"]) == 0
    assert main(["audit", "verify"]) == 0

    (found,) = [one for one in records(settings.home / ".codexplus/audit") if one["event.action"] == "approval.answer"]
    assert (found["codexplus.answer"], found["codexplus.by"]) == ("always", "command line")
    assert found["codexplus.chain.stream"] == "terminal"
    assert "whole" in capsys.readouterr().out


@pytest.mark.abuse("H08")
def test_a_head_of_a_command_in_a_terminal_goes_to_the_collector_and_not_to_the_terminal(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    monkeypatch.setattr("codexplus_enterprise.audit.shipping.post_json", lambda url, body, headers: sent.append(body))
    settings.mine(audit={"enabled": True, "otlpEndpoint": "http://127.0.0.1:4318"})
    id = asked(settings)

    assert main(["approvals", "allow", id, "--always"]) == 0

    assert "audit_head" not in capsys.readouterr().err
    assert any(b"codexplus.audit_head" in body for body in sent)
    assert any(b"codexplus.approval.answer" in body for body in sent)


def test_a_yes_that_cannot_be_kept_and_has_to_be_is_none(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    settings.policy(audit={"required": True, "directory": str(tmp_path / "file")})
    id = asked(settings)
    place = settings.config()
    monkeypatch.setattr("codexplus_core.services.config.Config", lambda *_, **__: place)
    monkeypatch.setattr("codexplus_core.services.plugins_allowed.plugins_allowed_here", lambda: None)

    assert main(["approvals", "allow", id]) == 1

    assert "the audit log cannot be written" in capsys.readouterr().err
    approvals = Approvals(settings.home / ".codexplus")
    assert approvals.list() == []
    approvals.close()


def asked(settings: Settings) -> str:
    approvals = Approvals(settings.home / ".codexplus")
    proposal = Proposal("run", "project", "hook X", source="a.json", project=settings.root, text="git status")
    verdict = approvals.check([proposal])
    approvals.close()
    return verdict.id
