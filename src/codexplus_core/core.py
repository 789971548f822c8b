"""What plugins get at startup: the services of the core."""

from __future__ import annotations

from typing import Any, Protocol

from .action import Action
from .exchange import RunResult


class Core(Protocol):
    """The core's services, handed to ``on_startup``.

    ``config`` is the configuration: ``config["port"]`` is what ``serve`` was told, ``config.get("slash")`` a setting of
    the user, and ``config.for_project(session.cwd)`` the settings that count in a project, with ``get(key, default)``,
    ``value(key)`` (with its origin), ``items(key)`` (a list's members, each with its origin), ``warnings`` and
    ``generation``, which changes when a file does. ``store`` keeps JSON values over a restart (``get``, ``set``,
    ``delete``; each plugin has its own), ``log`` is the event log (``core.log.info("event", field=…)``) and
    ``commands`` the slash commands of all plugins: ``await listing(project)`` has a CommandRow for each, and
    ``provide(provider)`` adds those that are found as one works.

    ``permissions`` answers by the rules of the settings files: ``core.permissions.judge(request, session=…)`` gives a
    verdict with ``decision`` ("allow", "ask" or "deny") and ``reason``; a request is a ShellText, Argv, ReadFile,
    EditFile, Fetch or McpTool. What a rule denies, ``run`` and ``open`` refuse by themselves.

    ``approvals`` asks the user: ``answer = await core.approvals.require(exchange, [Proposal(…)])`` is a Granted, or the
    question, a LocalReply to return from ``on_request`` or as a command's answer. After a yes the same hook is called
    again with the same prompt, so ask before you do anything, and for everything at once. Where nobody can be asked
    (tool calls, mid-stream), ``core.approvals.check(proposals)`` gives a verdict with ``granted`` and a ``message``
    that says how to allow it beforehand. Vetoes by ``on_action`` are another matter: a yes does not overrule them.

    ``transcripts`` has what was kept of sessions, without secrets:
    ``await core.transcripts.export(session.id, "json")`` (or ``"markdown"``) is a document,
    ``save(session.id, name)`` writes one beside them. It is None where none are kept.
    """

    config: Any
    permissions: Any
    approvals: Any
    transcripts: Any
    store: Any
    log: Any
    commands: Any

    async def run(self, action: Action) -> RunResult:
        """Run a program, without a shell and in a scrubbed environment, once every ``on_action`` lets it pass.

        Raises ActionDenied for a veto, by a plugin or by a deny rule of the settings, and CannotStart when the program
        is not there.
        """
        ...

    async def open(self, action: Action) -> bytes:
        """Read a file that a user or the model named, once every ``on_action`` lets it pass.

        In a session with a project the path begins there; what lies outside, and what a rule denies, is not read.
        Raises ActionDenied for a veto and CannotOpen when it is no readable regular file.
        """
        ...
