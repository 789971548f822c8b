"""What plugins get at startup: the services of the core."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

from .action import Action
from .exchange import RunResult

if TYPE_CHECKING:
    from .services.files.service import Files
    from .services.programs import Program
    from .services.talking import OnErrors, Running


class Core(Protocol):
    """The core's services, handed to ``on_startup``.

    ``config`` is the configuration: ``config["port"]`` is what ``serve`` was told, ``config.get("slash")`` a setting of
    the user, and ``config.for_project(session.cwd)`` the settings that count in a project, with ``get(key, default)``,
    ``value(key)`` (with its origin), ``items(key)`` (a list's members, each with its origin), ``warnings`` and
    ``generation``, which changes when a file does; ``config.overview(project)`` is all of it to be shown, without
    secrets. ``config.user`` are the settings without any project: what is the user's own takes its ``env`` from there,
    never a repository's. ``store`` keeps JSON values over a restart (``get``, ``set``,
    ``delete``; each plugin has its own), ``log`` is the event log (``core.log.info("event", field=…)``) and
    ``commands`` the slash commands of all plugins: ``await listing(project)`` has a CommandRow for each, and
    ``provide(provider)`` adds those that are found as one works; ``await commands.call(name, exchange, args)`` hands a
    prompt over to the plugin whose command that is.

    ``permissions`` answers by the rules of the settings files: ``core.permissions.judge(request, session=…)`` gives a
    verdict with ``decision`` ("allow", "ask" or "deny") and ``reason``; a request is a ShellText, Argv, ReadFile,
    EditFile, Fetch or McpTool. ``await core.permissions.decide(…)`` says the same and is for commands, which may be
    long: they are then judged beside the event loop. What a rule denies, ``run``, ``start``,
    ``connect`` and ``open`` refuse by themselves.
    ``core.permissions.concerns("Bash(rm:*)", request)`` tells whether a rule is about any part of a request.

    ``approvals`` asks the user: ``answer = await core.approvals.require(exchange, [Proposal(…)])`` is a Granted, or the
    question, a LocalReply to return from ``on_request`` or as a command's answer. After a yes the same hook is called
    again with the same prompt, so ask before you do anything, and for everything at once. Where nobody can be asked
    (tool calls, mid-stream), ``core.approvals.check(proposals)`` gives a verdict with ``granted`` and a ``message``
    that says how to allow it beforehand; ``allowed(proposals)`` only tells, and uses up no one-time answer. Vetoes by
    ``on_action`` are another matter: a yes does not overrule them.

    ``files`` has the files that a user, the model or a plugin names: ``await core.files.open("src/app.py",
    session=exchange.session, source="codexplus_mine")`` is an Opened, or raises CannotOpen; ``list`` gives a folder's
    Listing, ``find`` the files below one, and ``save_new`` writes a new one.

    ``transcripts`` has what was kept of sessions, without secrets:
    ``await core.transcripts.export(session.id, "json")`` (or ``"markdown"``) is a document,
    ``save(session.id, name)`` writes one beside them; both raise Problem where there is nothing of the session. It is
    None in a test harness that was given none.

    ``about`` says what runs here: ``version``, ``plugins()`` (rows with ``name``, ``order``, ``version``, ``problem``),
    ``health`` (what ``/_codexplus/health`` answers) and ``codex(version)``, the verdict on a version of Codex.
    """

    about: Any
    config: Any
    permissions: Any
    approvals: Any
    files: Files
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

    async def start(self, action: Action, *, on_errors: OnErrors | None = None, env_as_given: bool = False) -> Running:
        """Start a program that is talked to while it runs, on the conditions of ``run``, and close what is returned.

        ``async with await core.start(action) as program:`` reads with ``await program.read()`` (``b""`` at the end) and
        writes with ``await program.write(data)``. Closing ends the program and all its children: by its closed input,
        then by word, then by force. ``on_errors`` gets what it writes to its standard error as it comes; the last
        64 KiB are in ``errors``. ``env_as_given`` is for variables that the user wrote or was shown: PATH and names of
        loaders count then, too, except in the sandbox. ``stdin`` and ``timeout`` of the action mean nothing. Raises
        like ``run``.
        """
        ...

    async def connect(self, action: Action) -> None:
        """Ask whether a connection may be opened: ``Action("connect", url=…)``. It opens none; ask before each one.

        Every ``on_action`` is asked, and the deny rules for the host (``WebFetch(domain:…)``). Raises ActionDenied.
        """
        ...

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """``async with core.waiting():`` around a wait for somebody else, such as a server of yours, that may be long.

        That time does not count for the limit of your call, so give the wait a limit of its own.
        """
        ...

    async def resolve(self, action: Action) -> Program:
        """What ``run(action)`` would start, for the ``programs`` of a Proposal: its path and SHA-256, those of the
        project's files that the command names, and what else of the project it may run.

        Starts nothing and asks nobody. Raises CannotStart when the program is not there.
        """
        ...

    async def open(self, action: Action) -> bytes:
        """Read a file that a user or the model named: the bytes that ``files.open`` gives.

        Raises ActionDenied for a veto, CannotOpen when it is no readable regular file or not to be read, and AskFirst,
        which is a CannotOpen, when the user has to be asked first.
        """
        ...
