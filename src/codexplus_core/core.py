"""What plugins get at startup: the services of the core."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

from .action import Action
from .audit_event import AuditEvent

if TYPE_CHECKING:
    from .run_result import RunResult
    from .services.files.service import Files
    from .services.packs import Packs
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

    ``packs`` has the files of signed packs: ``core.packs.files("command")`` are PackFiles with the bytes that were
    verified, ``generation`` changes when they do, ``holds(file)`` looks whether the pack is on disk as it was verified,
    and ``problems`` are pairs of a pack that is not used and a sentence. ``required(project)`` says whether nothing
    else may be used (``security.requireSigned``). A plugin that verifies packs hands them over by
    ``provide(provider)``, in ``on_startup`` and for sub-commands in a function ``PACKS(core)`` of its module.

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
    packs: Packs

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

    async def report(self, event: AuditEvent) -> None:
        """Tell whoever keeps account of it what your plugin decided or did; costs nothing where nobody does.

        Raises ActionDenied where it is a yes to something (``decision``) that has to be kept and cannot be: do not do
        it then. On the command line that is a Problem.
        """
        ...

    def redact(self, value: Any, *, own_patterns: bool = True) -> Any:
        """A copy of a text, or of dicts and lists, without secrets: by the rules that hold for the log.

        Without ``own_patterns`` the user's ``redact.patterns`` do not count, only the administrator's: for what is kept
        for the administrator, from which a pattern that fits everything must not hide what was done.
        """
        ...

    def withdraw(self, *hooks: str) -> None:
        """Ask not to be called for these of your hooks: what is not configured costs nothing.

        They are called again after ``take_back``. Call it from your hooks; elsewhere nobody knows whose they are.
        """
        ...

    def take_back(self, *hooks: str) -> None:
        """Ask to be called for these of your hooks again."""
        ...

    def fail_closed(self, *, wanted: bool) -> None:
        """Say whether there is anything that your FAIL_CLOSED plugin enforces now; while not, its failure is skipped.

        It is True until you say otherwise. Call it from your hooks, and again as soon as there is something.
        """
        ...
