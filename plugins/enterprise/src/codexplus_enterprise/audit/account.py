"""What a stretch of the log comes to: who did what, what was refused, what is new, what it used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .reading import Record, number, text

MOST_DENIED = 200
_MINE = ("user.name", "user.id")


@dataclass(slots=True)
class Denied:
    """Something that was refused, and how often; ``at`` is the first time."""

    at: str
    user: str
    action: str
    what: str
    reason: str
    by: str
    times: int = 0


@dataclass(frozen=True, slots=True)
class New:
    """A hook, server, pack or program of which there is no earlier record."""

    at: str
    user: str
    kind: str
    name: str
    source: str


@dataclass(slots=True)
class Spent:
    """Tokens of one model."""

    requests: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0


@dataclass(slots=True)
class Account:
    """All of it. Counters are by (user, name)."""

    first: str = ""
    last: str = ""
    records: int = 0
    programs: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    hooks: Counter[tuple[str, str]] = field(default_factory=Counter)
    commands: Counter[tuple[str, str]] = field(default_factory=Counter)
    tools: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: list[tuple[str, str, str, str]] = field(default_factory=list)
    changes: list[tuple[str, str, str, str]] = field(default_factory=list)
    denied: dict[tuple[str, ...], Denied] = field(default_factory=dict)
    """By user, action, what, reason and by whom; at most MOST_DENIED of them."""
    more_denied: int = 0
    """Times that something was refused which is not among them."""
    refused: set[tuple[str, str]] = field(default_factory=set)
    """Session and turn of requests that were refused."""
    new: list[New] = field(default_factory=list)
    spent: dict[tuple[str, str], Spent] = field(default_factory=dict)
    trouble: list[tuple[str, str]] = field(default_factory=list)


def account_of(found: Iterable[Record], since: str = "") -> Account:
    """The account of the records from ``since`` on; earlier ones only say what is not new."""
    account = Account()
    known: set[tuple[str, str]] = set()
    for record in found:
        counts = text(record, "@timestamp") >= since
        _note_new(account, record, known, counts=counts)
        if counts:
            _take(account, record)
    return account


def _take(account: Account, record: Record) -> None:
    at, user, action = text(record, "@timestamp"), text(record, *_MINE), text(record, "event.action")
    account.first, account.last = min(account.first or at, at), max(account.last, at)
    account.records += 1
    if record.get("codexplus.verdict") == "denied":
        _deny(account, record, at, user, action)
        return
    if action == "process.run":
        account.programs[user, subject(record)] += 1
    elif action == "process.end" and record.get("event.outcome") == "failure":
        account.failed[user, subject(record)] += 1
    elif action == "hook.run":
        account.hooks[user, subject(record)] += 1
    elif action == "command.use":
        account.commands[user, subject(record)] += 1
    elif action in ("tool.call", "mcp.call"):
        account.tools[user, subject(record)] += 1
    elif action in ("approval.answer", "approval.revoke"):
        account.answers.append((at, user, text(record, "codexplus.answer") or "revoked", subject(record)))
    elif action in ("policy.change", "config.change"):
        account.changes.append((at, user, action, subject(record)))
    elif action == "model.request" and text(record, "codexplus.answered_by") in ("upstream", ""):
        # What was answered here cost nothing and asked no model.
        _spend(account, record, user)
    elif action in ("audit.dropped", "audit.replaced", "audit.clock", "audit.resumed"):
        account.trouble.append((at, _trouble(record, action)))


def _deny(account: Account, record: Record, at: str, user: str, action: str) -> None:
    whose = text(record, "codexplus.session.id")
    asked = whose, text(record, "codexplus.turn.id")
    if action == "request.refuse":
        if text(record, "codexplus.origin") == "warmup":
            # Codex warms up before it asks; what it then asks is refused, too.
            return
        if asked[1] and asked in account.refused:
            return  # the same request, sent again
        account.refused.add(asked)
    elif action in ("model.request", "api.request") and asked in account.refused:
        return  # the end of one whose refusal was told
    facts = user, action, subject(record), text(record, "event.reason"), text(record, "codexplus.plugin")
    found = account.denied.get(facts)
    times = int(number(record, "codexplus.left_out")) or 1
    if found is not None:
        found.times += times
    elif len(account.denied) < MOST_DENIED:
        account.denied[facts] = Denied(at, *facts, times=times)
    else:
        account.more_denied += times


def _spend(account: Account, record: Record, user: str) -> None:
    spent = account.spent.setdefault((user, text(record, "gen_ai.request.model")), Spent())
    spent.requests += 1
    spent.input += int(number(record, "gen_ai.usage.input_tokens"))
    spent.cached += int(number(record, "gen_ai.usage.cached_tokens"))
    spent.output += int(number(record, "gen_ai.usage.output_tokens"))


def subject(record: Record) -> str:
    """What a record is about, in a few words."""
    about = record.get("codexplus.about")
    if isinstance(about, list):
        return ", ".join(str(row.get("title", "")) for row in about if isinstance(row, dict))
    if isinstance(keys := record.get("codexplus.keys"), list):
        return ", ".join(map(str, keys))
    if text(record, "event.action").startswith("process."):
        return text(record, "process.executable")
    return text(
        record, "codexplus.hook", "codexplus.command", "codexplus.tool.name", "file.path", "url.full",
        "gen_ai.request.model", "codexplus.question", "url.path", "codexplus.source",
    )  # fmt: skip


def _note_new(account: Account, record: Record, known: set[tuple[str, str]], *, counts: bool) -> None:
    found = _thing(record)
    if found is None or found in known:
        return
    known.add(found)
    if counts:
        kind, name = found
        where = text(record, "codexplus.source")
        account.new.append(New(text(record, "@timestamp"), text(record, *_MINE), kind, name, where))


def _thing(record: Record) -> tuple[str, str] | None:
    action = record.get("event.action")
    if action == "hook.run":
        digest = text(record, "codexplus.digest")
        return "hook", f"{subject(record)}{f' ({digest[:12]})' if digest else ''}"
    if action == "mcp.call" and (server := text(record, "codexplus.server")):
        return "MCP server", server
    if action == "pack.install":
        return "pack", text(record, "codexplus.pack")
    if action == "process.run":
        return "program", subject(record)
    return None


def _trouble(record: Record, action: str) -> str:
    words: dict[str, Any] = {
        "audit.dropped": f"{int(number(record, 'codexplus.records'))} records were not kept",
        "audit.replaced": f"{text(record, 'file.path')} was removed or changed by somebody else",
        "audit.clock": f"the time of day was set by {number(record, 'codexplus.jump_seconds'):+.0f} s",
        "audit.resumed": f"the log could not be written for a while: {text(record, 'event.reason')}",
    }
    return str(words[action])
