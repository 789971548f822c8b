"""One server as a listing shows it: where it is set, how it is, what it has, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codexplus_core import counted

from .server import Server
from .shown import args_of, one_line, quoted, url_of

_LABELS = {
    "connected": "✔ Connected",
    "needs approval": "⏸ Pending approval",
    "needs login": "⚠ Needs authentication",
    "resting": "✘ Resting",
    "failed": "✘ Failed to connect",
    "no answer": "✘ No answer",
    "disabled": "⏸ Disabled",
    "denied": "✘ Not allowed by policy",
    "unsigned": "✘ Refused, not signed",
    "broken": "✘ Not used",
    "idle": "… Not started yet",
    "starting": "… Starting",
    "closed": "… Closed",
}
_JOINTS = {"broken": ": ", "no answer": " ", "resting": "; the last one: "}
"""What stands between a state and its reason, where that is no dash."""
_PURPOSES = {
    "needs approval": "allow it in a terminal with",
    "needs login": "sign in with",
    "no answer": "wait longer with",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One server: ``state`` is one word or two, ``detail`` a sentence, ``target`` what it is started or reached by.

    Nothing in it is a secret. ``tools``, ``resources``, ``templates`` and ``prompts`` are the names of what it has.
    ``todo`` is the command, for a terminal, that takes it out of its state; ``""`` where there is none.
    """

    name: str
    scope: str
    transport: str
    target: str
    state: str
    detail: str = ""
    retry_in: float = 0.0
    failures: int = 0
    tools: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    origin: str = ""
    log: str = ""
    problems: tuple[str, ...] = ()
    todo: str = ""

    @property
    def label(self) -> str:
        """The state as people read it, with the reason behind it."""
        words, reason = self.said
        return f"{words}{reason}"

    @property
    def said(self) -> tuple[str, str]:
        """The state with what leads over to the reason; the reason (`""` for none), which may quote the server."""
        words = _LABELS.get(self.state, self.state)
        if self.retry_in:
            words += f" for another {max(1, round(self.retry_in))} s"
        if self.failures:
            words += f" after {counted(self.failures, 'failure')}"
        reason = one_line(self.detail, 400)
        return f"{words}{_JOINTS.get(self.state, ' — ')}" if reason else words, reason

    @property
    def purpose(self) -> str:
        """What ``todo`` is for."""
        return _PURPOSES.get(self.state, "put it right with")

    @property
    def counts(self) -> str:
        """``13 tools, 2 resources, 1 prompt``."""
        return ", ".join(counted(len(names), words) for names, words in self.kinds())

    def kinds(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """What it has, by kind; kinds of which it has none are left out."""
        kinds = ((self.tools, "tool"), (self.resources, "resource"), (self.templates, "template"),
                 (self.prompts, "prompt"))  # fmt: skip
        return ((names, words) for names, words in kinds if names)


def row_for(server: Server) -> Row:
    """The row of a server that nobody has looked at."""
    detail = "; ".join(server.problems) if server.standing == "broken" else ""
    if server.standing == "disabled":
        detail = "disabledMcpjsonServers in your settings names it"
    return Row(
        server.name, server.scope, server.transport, target_of(server), server.standing, detail=detail,
        origin=server.origin, problems=server.problems,
    )  # fmt: skip


def allowing(server: Server) -> str:
    """The command by which the user allows what a project's server asks for."""
    return f"codex-plus approvals allow --project {quoted(server.project or '.')}"


def signing_in(server: Server, *, chat: bool = False) -> str:
    """The command by which the user signs in, as it is typed in a terminal or in the ``chat``."""
    return f"{'/' if chat else 'codex-plus '}mcp auth {quoted(server.name)}"


def waiting_for(server: Server) -> str:
    """The command that gives a slow server more time."""
    return f"codex-plus mcp get {quoted(server.name)} --timeout 60"


def target_of(server: Server) -> str:
    """The command line or URL as it is written, without secrets."""
    written = server.written
    if server.is_remote:
        return url_of(written.get("url", ""))
    words = [one_line(written.get("command", server.command), 400), *args_of(written.get("args", ()))]
    return one_line(" ".join(words), 1000).strip()
