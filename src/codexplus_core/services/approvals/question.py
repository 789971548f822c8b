"""The words of a question: what wants to happen, who says so, and how to answer."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence

from .pending import ANSWER_S, Question
from .proposal import Proposal
from .show import MAX_TEXTS, block, code, deceives, oddities, unreviewable, visible

ALLOW = "Allow? (Y)es/(N)o/(A)lways"
ALLOW_ONCE = "Allow? (Y)es/(N)o"
NOT_RUN = "Not run."
_WANTS = {"run": "wants to run", "read": "wants to read", "connect": "wants to connect"}
_WHOSE = {"project": "the project, not you", "user": "your own configuration", "plugin": "a plugin"}
_DIFF_LINES = 12
_DIFF_WIDTH = 300
_NAME_CHARS = 100
# What a difference is shown of, and what it is called.
_COMPARED = {
    "text": "", "source": "from", "programs": "program", "permissions": "permission", "writes": "writes",
    "env_names": "variable", "env": "variable", "timeout": "seconds",
}  # fmt: skip


def in_chat(proposals: Sequence[Proposal]) -> str:
    """Why these cannot be judged in a chat, ``""`` where they can."""
    # A command is hidden as well by what is shown around it, and a repository writes that, too.
    return unreviewable([proposal.text for proposal in proposals], [part for one in proposals for part in _parts(one)])


def offers_always(proposals: Sequence[Proposal]) -> bool:
    """Whether a chat may answer for good: not where characters deceive."""
    return not any(deceives(_words(proposal)) for proposal in proposals)


def question_text(question: Question, *, earlier: Mapping[str, Proposal], first: str = "", coded: bool = False) -> str:
    """The question as the user reads it, in Markdown.

    ``earlier`` is what the user allowed before under the same names, by digest of what is asked now. ``first`` is the
    id of a question that is to be answered before this one. ``coded`` asks for the answer with the question's code.
    """
    proposals = question.about
    why = in_chat(proposals)
    chat = bool(question.thread)
    shown = [] if why else [_described(one, earlier.get(key)) for one, key in _pairs(question, proposals)]
    if why:
        shown = [
            f"{_name(one)}, from {code(_cut(one.source))}" if one.source else _name(one)
            for one in proposals[:MAX_TEXTS]
        ]
        shown.append(f"It is not shown here: {why}. Read it with `codex-plus approvals show {question.id}`.")
    return "\n\n".join(
        [*shown, *(_how(question, first=first, coded=coded) if chat and not why else _elsewhere(question))]
    )


def not_allowed(question: Question) -> str:
    """The one line for places where nobody can be asked: what is missing, and how to allow it."""
    proposals = question.about
    names = ", ".join(_cut(visible(one.title)) for one in proposals[:3]) + (", …" if len(proposals) > 3 else "")
    sources = ", ".join(list(dict.fromkeys(_cut(visible(one.source)) for one in proposals if one.source))[:3])
    # A project's approval covers what its own files ask for, not what the user's do in it.
    project = proposals[0].project if all(one.scope == "project" for one in proposals) else None
    whole = (
        ""
        if project is None
        else f"; all of the project: codex-plus approvals allow --project {shlex.quote(visible(str(project)))}"
    )
    where = f" (from {sources})" if sources else ""
    return (
        f"not allowed yet: {names}{where}. Look at it: codex-plus approvals show {question.id}; allow it:"
        f" codex-plus approvals allow {question.id} (--always for good){whole}"
    )


def which(questions: Sequence[Question]) -> str:
    """What to say to an answer that may mean several questions, or none of them."""
    rows = [
        f"- `Y {one.code}` or `N {one.code}`: {', '.join(_name(about) for about in one.about[:3])} (question {one.id})"
        for one in questions
    ]
    return "\n".join(["Nothing was run. Say which question you answer, with its code:", "", *rows])


def only_once(question: Question) -> str:
    """What to say to an "always" that was not offered."""
    return (
        "Nothing was run. This can be allowed once only from here, because its characters can deceive; to allow it for"
        f" good: `codex-plus approvals allow {question.id} --always`\n\n{ALLOW_ONCE}"
    )


def changes(old: Proposal, new: Proposal) -> list[str]:
    """What differs, as lines of a diff; empty where only the file around it or a project file does."""
    lines: list[str] = []
    for name, label in _COMPARED.items():
        before, after = _values(old, name, label), _values(new, name, label)
        lines += [f"- {_cut(line, _DIFF_WIDTH)}" for line in before if line not in after]
        lines += [f"+ {_cut(line, _DIFF_WIDTH)}" for line in after if line not in before]
    if old.source_digest != new.source_digest and not lines:
        lines.append(f"  {new.source} itself was changed")
    more = len(lines) - _DIFF_LINES
    return [*lines[:_DIFF_LINES], f"  and {more} lines more"] if more > 0 else lines


def description(proposal: Proposal) -> list[str]:
    """What a proposal says besides its text, a line each."""
    rows = [f"from: {_origin(proposal)}"]
    for name, path, found in proposal.programs:
        what = f"{code(name)} is {code(path)}" if path else f"{code(name)} is not there"
        rows.append(f"program: {what}" + (f", sha256 {code(found[:12])}…" if found else ""))
    for label, values in (
        ("permissions", proposal.permissions), ("writes", proposal.writes), ("variables", proposal.env_names),
        ("set by the project", [f"{variable}={value}" for variable, value in proposal.env]),
    ):  # fmt: skip
        if values:
            rows.append(f"{label}: {', '.join(code(value) for value in values)}")
    if proposal.timeout is not None:
        rows.append(f"time: at most {proposal.timeout:g} s")
    return rows + [f"unusual: {words}" for words in unusual(proposal)] + [f"note: {visible(n)}" for n in proposal.notes]


def unusual(proposal: Proposal) -> list[str]:
    """What in a proposal deserves a second look."""
    found = oddities(_words(proposal))
    inside = "" if proposal.project is None else os.path.join(os.path.realpath(proposal.project), "")  # noqa: PTH118
    for name, path, _ in proposal.programs:
        if inside and path.startswith(inside):
            found.append(f"{code(name)} is a file of the project itself")
    if "net" in proposal.permissions:
        found.append("it may use the network")
    return found


def _pairs(question: Question, proposals: Sequence[Proposal]) -> list[tuple[Proposal, str]]:
    return list(zip(proposals, question.digests, strict=True))


def _described(proposal: Proposal, before: Proposal | None) -> str:
    wants = _WANTS.get(proposal.kind, f"asks for {code(proposal.kind)}")
    parts = [f"{code(proposal.title)} {wants}:", block([proposal.text])]
    parts.append("\n".join(f"- {row}" for row in description(proposal)))
    if before is not None:
        parts += [
            "Changed since you allowed it:",
            block(changes(before, proposal) or ["  a file or program behind it"]),
        ]
    return "\n\n".join(parts)


def _origin(proposal: Proposal) -> str:
    source = code(proposal.source) if proposal.source else "no file"
    place = "" if proposal.project is None else f" of project {code(str(proposal.project))}"
    return f"{source}{place} (written by {_WHOSE[proposal.scope]})"


def _how(question: Question, *, first: str, coded: bool) -> list[str]:
    allow = ALLOW if question.always else ALLOW_ONCE
    lines = []
    if question.alone:
        lines.append(
            "Not run: nobody can answer in this one-shot run. Within"
            f' {ANSWER_S / 60:g} minutes: `codex exec resume --last "y"`'
        )
    if first:
        lines.append(f"Question {first} waits for its answer first; answer this one with its code.")
    lines.append(f"{allow} — with the code: `Y {question.code}`" if coded or first else allow)
    window = f"open for {ANSWER_S / 60:g} minutes"
    lines.append(f"Question {question.id}, {window}; from a terminal: `codex-plus approvals allow {question.id}`")
    return lines


def _elsewhere(question: Question) -> list[str]:
    return [
        f"Not run. Allow it in a terminal with `codex-plus approvals allow {question.id}` (`--always` for good), then"
        " send your prompt again."
    ]


def _values(proposal: Proposal, name: str, label: str) -> list[str]:
    value = getattr(proposal, name)
    if name == "programs":
        return [f"{label}: {program} is {path} ({found[:12]})" for program, path, found in value]
    if name == "env":
        return [f"{label}: {variable}={given}" for variable, given in value]
    if isinstance(value, tuple):
        return [f"{label}: {entry}" for entry in value]
    words = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return [f"{label}: {words}" if label else words] if words else []


def _words(proposal: Proposal) -> str:
    """All that a question shows of a proposal's own words."""
    return proposal.text + "".join(_parts(proposal, notes=False))


def _parts(proposal: Proposal, *, notes: bool = True) -> list[str]:
    """All that a question shows besides the text, in pieces; the notes are not the proposal's own words."""
    parts = [proposal.title, proposal.source, str(proposal.project or "")]
    # The question shows twelve characters of a program's digest.
    parts += [entry for name, path, found in proposal.programs for entry in (name, path, found[:12])]
    parts += [*proposal.permissions, *proposal.writes, *proposal.env_names]
    parts += [f"{variable}={value}" for variable, value in proposal.env]
    return [*parts, *proposal.notes] if notes else parts


def _name(proposal: Proposal) -> str:
    return code(_cut(proposal.title))


def _cut(text: str, length: int = _NAME_CHARS) -> str:
    return text if len(text) <= length else f"{text[:length]}..."
