"""The files that a user, a model or a plugin names, as plugins have them in ``core.files``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ...action import Action, ActionDenied
from ...budget import pause
from ...exchange import Session, current_plugin
from ..approvals.proposal import Granted, Proposal, Verdict, digest
from ..permissions.paths import absolute
from ..permissions.request import EditFile
from ..rules import Permissions
from .chosen import list_chosen, open_chosen
from .door import MOST_NAMES, Judge, Listing, Opened, RuleAsks, check_name, list_named, open_named, tilde
from .plain import CannotOpen
from .reaching import folder
from .saving import save_new
from .scan import MOST_FILES, Found, find_files

Ask = Callable[[Action], Awaitable[None]]
"""Lets every plugin object. Raises ActionDenied."""

_Seen = TypeVar("_Seen", Opened, Listing, covariant=True)


class _Reader(Protocol[_Seen]):
    def __call__(self, *, asked: str) -> _Seen: ...


class _Approvals(Protocol):
    def check(self, proposals: list[Proposal], *, session: Session | None) -> Verdict: ...


class AskFirst(CannotOpen):
    """A file that a rule of the settings asks about, and nobody has allowed yet.

    Where the user can be asked, ask with ``proposal`` and come again with the answer:
    ``answer = await core.approvals.require(exchange, [asks.proposal])`` is the question, a LocalReply to return, or the
    Granted that ``core.files.open(…, granted=answer)`` takes. Elsewhere the message says how to allow it beforehand.
    """

    def __init__(self, message: str, proposal: Proposal) -> None:
        super().__init__(message)
        self.proposal = proposal


class Files:
    """Reads, lists, finds and writes what a user, a model or a plugin names.

    ``session`` says whose project a name means. In one with a project, relative names begin there; ``~/…`` and absolute
    names are understood; what lies outside is read only where an ``allow`` rule of the user's names it; hard links,
    devices and what a rule denies under its written or its real name are not read. Where a session's project is not
    known, only what such a rule names is. With ``session=None`` the place is the plugin's or the user's own choice, an
    absolute path or ``~/…``: nothing has to lie anywhere, links are followed, the user's ``deny`` and ``ask`` rules
    count; never pass a name on like this that a project or the model gave. ``source`` names who asks and from which
    file, for those who veto. Every method asks every ``on_action`` first and raises ActionDenied for a veto.
    """

    def __init__(self, ask: Ask, permissions: Permissions, approvals: _Approvals, home: Path, log: Any) -> None:
        self._ask = ask
        self._log = log
        self._permissions = permissions
        self._approvals = approvals
        self._home = home

    async def open(
        self, written: str | Path, *, session: Session | None, source: str, granted: Granted | None = None
    ) -> Opened:
        """Read a file: its bytes, and whether they are text or an image.

        Raises CannotOpen for what is not read, and AskFirst, which is one, where a rule wants a yes that is not there;
        ``granted`` is that yes.
        """
        project, judge = self._place(session)
        if session is None:
            read: _Reader[Opened] = partial(open_chosen, str(written), judge=judge, home=self._home)
        else:
            read = partial(open_named, str(written), project=project, judge=judge, home=self._home)
        return await self._seen(str(written), session, source, granted, read)

    async def list(
        self,
        written: str | Path,
        *,
        session: Session | None,
        source: str,
        most: int = MOST_NAMES,
        granted: Granted | None = None,
    ) -> Listing:
        """The names in a folder, at most ``most`` (1000), without those that a rule denies. Raises like ``open``."""
        project, judge = self._place(session)
        if session is None:
            read: _Reader[Listing] = partial(list_chosen, str(written), judge=judge, most=most, home=self._home)
        else:
            read = partial(list_named, str(written), project=project, judge=judge, most=most, home=self._home)
        return await self._seen(str(written), session, source, granted, read)

    async def find(
        self,
        written: str | Path,
        *,
        suffixes: tuple[str, ...],
        session: Session | None,
        source: str,
        most: int = MOST_FILES,
    ) -> Found:
        """The regular files below a folder whose names end so, such as a project's commands, but for denied ones.

        At most ``most`` (1000), at most 8 folders deep; ``cut`` says that there may be more.

        There are none where there is no such folder, and in a session whose project is not known. In a session the
        folder lies in the project and no link is followed; with ``session=None`` the folder and the files may be links.
        Raises CannotOpen for a folder outside, behind a link, or that cannot be read.
        """
        name = str(written)
        project, judge = self._place(session)
        if session is not None and project is None:
            return Found((), cut=False)
        check_name(name)
        where = self._absolute(name, project)
        async with pause():
            await self._ask(Action("read", path=where, source=source, session=session))
            return await asyncio.to_thread(self._found, name, where, project, judge, suffixes, most)

    async def save_new(
        self, folder: Path, name: str, data: bytes, *, session: Session | None = None, source: str = ""
    ) -> Path:
        """Write a new file, 0600, whose name a user gave; returns its path.

        It goes below ``folder``, which is the plugin's choice and made private where it is missing; never over
        anything, never by way of a link. Those who veto see the kind "write". Raises CannotSave, Problem where the
        folder is not ours alone, and ActionDenied for a veto or a deny rule for editing there.
        """
        target = folder / name
        project = session.cwd if session is not None else None
        async with pause():
            request = EditFile(str(target), f"{os.path.realpath(folder)}/{name}", str(project or folder))
            verdict = self._permissions.rules(project).judge(request)
            if verdict.decision == "deny":
                self._log.warning("action_denied", plugin=current_plugin.get(), kind="write", source=source)
                raise ActionDenied(f"{target}: {verdict.reason}")
            await self._ask(Action("write", path=target, source=source, session=session))
            return await asyncio.to_thread(save_new, folder, name, data)

    def _place(self, session: Session | None) -> tuple[Path | None, Judge]:
        project = session.cwd if session is not None else None
        return project, self._permissions.of_files(project)

    def _absolute(self, written: str, project: Path | None) -> Path:
        """The place that a name means, as those who veto see it; nothing is looked up."""
        return Path(absolute(tilde(written, self._home), str(project or Path.cwd())))

    async def _seen(
        self, written: str, session: Session | None, source: str, granted: Granted | None, read: _Reader[_Seen]
    ) -> _Seen:
        check_name(written)
        project = session.cwd if session is not None else None
        action = Action("read", path=self._absolute(written, project), source=source, session=session)
        async with pause():
            await self._ask(action)
            try:
                # A network file system or a FUSE mount may take its time.
                seen = await asyncio.to_thread(read, asked="")
            except RuleAsks as asks:
                self._allowed(written, asks, session, source, granted)
                seen = await asyncio.to_thread(read, asked=asks.real)
            if seen.real != str(action.path):
                # Who vetoes by places is asked about the one that a link led to, before anybody has what is in it.
                await self._ask(replace(action, path=Path(seen.real)))
        return seen

    def _allowed(
        self, written: str, asks: RuleAsks, session: Session | None, source: str, granted: Granted | None
    ) -> None:
        project = session.cwd if session is not None else None
        proposal = Proposal(
            "read", "plugin", f"file {written}", source=source, project=project, text=f"read {asks.real}",
            notes=(str(asks),),
        )  # fmt: skip
        if granted is not None and digest(proposal) in granted.digests:
            return
        verdict = self._approvals.check([proposal], session=session)
        if not verdict.granted:
            raise AskFirst(f"{written}: {verdict.message}", proposal) from None

    def _found(
        self, written: str, where: Path, project: Path | None, judge: Judge, suffixes: tuple[str, ...], most: int
    ) -> Found:
        if project is None:
            found = find_files(where, "", suffixes=suffixes, most=most, follow=True)
        else:
            try:
                top = folder(project)
            except OSError as error:
                why = f"the project's folder cannot be used ({error.strerror}); start there"
                raise CannotOpen(f"{project}: {why}") from None
            top.close()
            inside = next(
                (os.path.relpath(where, root) for root in (project, top.real) if where.is_relative_to(root)), None
            )
            if inside is None:
                raise CannotOpen(f"{written}: lies outside of the project; name a folder in it")
            found = find_files(project, inside, suffixes=suffixes, most=most)
        real = os.path.realpath(where)
        kept = [file for file in found.files if judge(f"{where}/{file}", f"{real}/{file}").decision != "deny"]
        return Found(tuple(kept), found.cut)
