"""`codex-plus approvals`: what was asked, what is allowed, and answering from a terminal."""

from __future__ import annotations

import asyncio
import os
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ..services.approvals.database import Unusable
from ..services.approvals.grants import Grant
from ..services.approvals.pending import ANSWER_S, Question
from ..services.approvals.proposal import Proposal
from ..services.approvals.question import changes, description
from ..services.approvals.service import Approvals
from ..services.approvals.show import visible
from ..services.paths import state_dir
from ..services.problem import Problem
from ..standalone import keep_account
from .table import as_json, columns

_TITLE = 40


def configure(parser: ArgumentParser) -> None:
    """The arguments of `approvals`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    _action(actions, "list", "list open questions, and what is allowed")
    shown = _action(actions, "show", "show a question or a yes, every character of it")
    shown.add_argument("id", metavar="ID", help="of a question, or of a yes")
    allow = _action(actions, "allow", "say yes to a question, or to all that a project asks for")
    allow.add_argument("id", metavar="ID", nargs="?", help="of the question")
    allow.add_argument("--always", action="store_true", help="for good, not once")
    allow.add_argument("--project", metavar="DIR", type=Path, help="all that DIR's configuration asks for, for good")
    revoke = _action(actions, "revoke", "take a yes back, or close a question")
    revoke.add_argument("id", metavar="ID", help="of the yes, or of the question that was answered")


def _action(actions: Any, name: str, text: str) -> ArgumentParser:
    parser: ArgumentParser = actions.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def run(args: Namespace) -> int:
    """Do it."""
    said: list[str] = []
    approvals = Approvals(state_dir(), report=lambda event, fields: said.append(_complaint(event, fields)))
    approvals.tell = keep_account
    try:
        done: Callable[[Approvals, Namespace, list[str]], int] = _ACTIONS[args.action]
        return done(approvals, args, said)
    finally:
        approvals.close()


def _complaint(event: str, fields: dict[str, Any]) -> str:
    if event == "approval_altered":
        return f"{fields['table']} {visible(str(fields['id']))} was altered by somebody else and does not count"
    return f"{event.replace('_', ' ')}: {fields.get('error', '')}"


def _list(approvals: Approvals, args: Namespace, said: list[str]) -> int:
    questions, grants = approvals.pending(), approvals.list()
    if args.json:
        rows = {"questions": [_row(one) for one in questions], "allowed": [_grant_row(one) for one in grants]}
        print(as_json({**rows, "problems": said}))
        return 0
    blocks = []
    if questions:
        cells = [(one.id, _state(one), _titles(one.about), _sources(one.about)) for one in questions]
        blocks.append(columns(("question", "state", "what", "from"), cells))
    if grants:
        cells = [(one.id, _lasts(one), _titles([one.allows]), _sources([one.allows])) for one in grants]
        blocks.append(columns(("allowed", "for", "what", "from"), cells))
    print("\n\n".join([*(blocks or ["nothing was asked, nothing is allowed"]), *said]))
    return 0


def _show(approvals: Approvals, args: Namespace, said: list[str]) -> int:
    question = approvals.find(args.id)
    grants = [one for one in approvals.list() if args.id in (one.id, one.question)]
    if question is None and not grants:
        raise Problem(f"{visible(args.id)}: no such question, and no such yes; codex-plus approvals list shows them")
    if args.json:
        row = None if question is None else _row(question)
        print(as_json({"question": row, "allowed": [_grant_row(one) for one in grants], "problems": said}))
        return 0
    if question is not None:
        print(f"question {question.id}, {_state(question)}")
        for proposal in question.about:
            print("\n".join(_whole(proposal, approvals)))
    for grant in grants:
        print(f"allowed {grant.id}, {_lasts(grant)}, by {grant.how}")
        if question is None:
            print("\n".join(_whole(grant.allows)))
    print("\n".join(said), end="\n" if said else "")
    return 0


def _allow(approvals: Approvals, args: Namespace, said: list[str]) -> int:
    if (args.id is None) == (args.project is None):
        raise Problem("approvals allow: name the ID of a question, or --project DIR", exit_code=2)
    if args.project is None:
        return _told(approvals.allow(args.id, always=args.always), args, said)
    if not args.project.is_dir():
        raise Problem(f"{args.project}: is no directory; name the project's", exit_code=2)
    found, failed = asked_by(args.project.resolve())
    grants = approvals.allow_now(found) if found else []
    code = _told(grants, args, [*failed, *said])
    return 1 if failed else code


def asked_by(project: Path) -> tuple[list[Proposal], list[str]]:
    """All that a project asks for, by its rules and as the plugins say, and what went wrong with asking these."""
    from ..loader import load_plugins
    from ..services.plugins_allowed import plugins_allowed_here

    found: list[Proposal] = []
    failed = []
    rules = _rules_asked_for(project)
    if rules is not None:
        found.append(rules)
    for plugin in load_plugins(None, allowed=plugins_allowed_here()).loaded:
        provider = getattr(plugin.target, "PROPOSALS", None)
        if provider is None:
            continue
        answer = asyncio.run(_answer(provider, project))
        if isinstance(answer, BaseException):
            failed.append(f"plugin {plugin.name!r}: PROPOSALS failed: {type(answer).__name__}: {visible(str(answer))}")
        elif wrong := [type(one).__name__ for one in answer if not isinstance(one, Proposal)]:
            failed.append(f"plugin {plugin.name!r}: PROPOSALS gave {wrong[0]} where a Proposal is due")
        else:
            found += answer
    return found, failed


def _rules_asked_for(project: Path) -> Proposal | None:
    """What the core itself asks for: that the project's own rules may allow."""
    from ..services.config import Config, policy_place
    from ..services.reviewed import rules_asked_for

    home = Path(os.environ.get("HOME") or Path.home())
    return rules_asked_for(Config(home, env=dict(os.environ), policy=policy_place()).for_project(project))


async def _answer(provider: Callable[[Path], Iterable[Proposal]], project: Path) -> list[Proposal] | BaseException:
    async def asked() -> list[Proposal]:
        # In a thread of its own, since a provider may want `open_core`, which runs a loop.
        return await asyncio.to_thread(lambda: list(provider(project)))

    # gather hands over what a provider raises: one broken plugin must not hide the others.
    (answer,) = await asyncio.gather(asked(), return_exceptions=True)
    return answer


def _revoke(approvals: Approvals, args: Namespace, said: list[str]) -> int:
    gone = approvals.revoke(args.id)
    if args.json:
        print(as_json({"revoked": [_grant_row(one) for one in gone], "problems": said}))
        return 0
    lines = [f"no longer allowed: {_titles([one.allows])} ({one.id})" for one in gone]
    print("\n".join([*(lines or [f"question {args.id}: closed"]), *said]))
    return 0


_ACTIONS: dict[str, Any] = {"list": _list, "show": _show, "allow": _allow, "revoke": _revoke}


def _told(grants: Sequence[Grant], args: Namespace, said: list[str]) -> int:
    if args.json:
        print(as_json({"allowed": [_grant_row(one) for one in grants], "problems": said}))
        return 0
    lines = []
    for grant in grants:
        lines += [f"allowed {grant.id}, {_lasts(grant)}:", *_whole(grant.allows), ""]
    print("\n".join([*(lines or ["nothing asks for anything there"]), *said]).rstrip())
    return 0


# -- words and rows


def _whole(proposal: Proposal, approvals: Approvals | None = None) -> list[str]:
    """A proposal as it is judged: every line of its text numbered, so that none hides behind empty ones."""
    texts = proposal.text.split("\n")
    width = len(str(len(texts)))
    lines = [f"  {visible(proposal.title)}"]
    for number, text in enumerate(texts, 1):
        lines.append(f"    {f'{number:{width}} | ' if len(texts) > 1 else ''}{visible(text)}")
    lines += [f"    {row}" for row in description(proposal)]
    before = _earlier(approvals, proposal)
    if before is not None:
        lines += [
            "    changed since you allowed it:",
            *(f"      {visible(line)}" for line in changes(before, proposal)),
        ]
    return lines


def _earlier(approvals: Approvals | None, proposal: Proposal) -> Proposal | None:
    if approvals is None:
        return None
    try:
        grant = approvals.grants.earlier(proposal)
    except Unusable as trouble:
        raise Problem(str(trouble)) from trouble
    return None if grant is None else grant.allows


def _row(question: Question) -> dict[str, Any]:
    about = [_proposal_row(one) for one in question.about]
    return {"id": question.id, "state": _state(question), "asked": question.asked, "about": about}


def _grant_row(grant: Grant) -> dict[str, Any]:
    row = {"id": grant.id, "question": grant.question, "always": grant.always, "made": grant.made}
    return {**row, "expires": grant.expires, "by": grant.how, "digest": grant.digest, **_proposal_row(grant.allows)}


def _proposal_row(proposal: Proposal) -> dict[str, Any]:
    project = None if proposal.project is None else visible(str(proposal.project))
    row: dict[str, Any] = {"kind": proposal.kind, "scope": proposal.scope, "title": visible(proposal.title)}
    row["project"] = project
    row |= {"source": visible(proposal.source), "text": visible(proposal.text), "timeout": proposal.timeout}
    for name in ("permissions", "writes", "env_names"):
        row[name] = [visible(entry) for entry in getattr(proposal, name)]
    row["env"] = {visible(name): visible(value) for name, value in proposal.env}
    row["programs"] = [
        {"name": visible(name), "path": visible(path), "sha256": found} for name, path, found in proposal.programs
    ]
    return row


def _state(question: Question) -> str:
    if question.state in ("open", "queued") and time.time() - question.asked < ANSWER_S:
        return "open in its conversation"
    return "answered" if question.state == "answered" else "waits for allow"


def _lasts(grant: Grant) -> str:
    return "always" if grant.always else "once"


def _titles(proposals: Sequence[Proposal]) -> str:
    words = ", ".join(visible(one.title) for one in proposals)
    return words if len(words) <= _TITLE else f"{words[: _TITLE - 1]}…"


def _sources(proposals: Sequence[Proposal]) -> str:
    # Only a project's source is a file in it; a plugin names itself.
    found = (one.source if one.scope == "plugin" else str(Path(one.project or "") / one.source) for one in proposals)
    return ", ".join(dict.fromkeys(map(visible, found)))
