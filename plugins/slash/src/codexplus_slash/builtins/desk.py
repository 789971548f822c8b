"""What the built-in commands work with: the core, the command files, and how the user wants to be answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codexplus_core import Core, LocalReply

from ..accessible import Accessibility, accessibility, reply
from ..catalogue import Catalogue, View
from ..command_file import CommandFile
from ..modules import Modules
from ..signed import signed_of


class NotOpen(RuntimeError):
    """A built-in was called before the proxy had started; a fault of whoever called it."""


@dataclass(slots=True)
class Desk:
    """Handed to the built-ins when they are made; ``open`` gives it the core as soon as there is one.

    ``env`` is the environment, ``home`` the user's home directory.
    """

    env: Mapping[str, str]
    home: Path
    _core: Core | None = None
    _catalogue: Catalogue | None = None
    _wished: tuple[object, Accessibility] | None = None

    def open(self, core: Core, catalogue: Catalogue) -> None:
        """Get to work."""
        self._core, self._catalogue = core, catalogue

    @property
    def core(self) -> Core:
        """The core. Raises NotOpen."""
        if self._core is None:
            raise NotOpen("the built-in commands are not open yet; call open in on_startup")
        return self._core

    @property
    def strict(self) -> bool:
        """Whether Claude Code's behaviour counts, and nothing beyond it."""
        return bool(self.core.config.get("compatibility") == "claude-code")

    @property
    def wish(self) -> Accessibility:
        """What the user asked for by the setting ``accessibility``."""
        settings = self.core.config.user
        if self._wished is None or self._wished[0] is not settings:
            self._wished = settings, accessibility(settings.get("accessibility"))
        return self._wished[1]

    async def view(self, project: Path | None) -> View:
        """The command files of a project."""
        if self._catalogue is None:
            raise NotOpen("the built-in commands are not open yet; call open in on_startup")
        signed = signed_of(self.core, project)
        return await asyncio.to_thread(self._catalogue.of, project, strict=self.strict, signed=signed)

    async def files(self, project: Path | None) -> tuple[View, tuple[CommandFile, ...]]:
        """The command files of a project, and every command in them, read; modules hide files of their name."""
        view = await self.view(project)
        return view, await asyncio.to_thread(self._read, view)

    def _read(self, view: View) -> tuple[CommandFile, ...]:
        modules = [] if self.strict else Modules(self.core).listed(view.modules())
        taken = {each.name for each in modules}
        return (*modules, *(each for each in view.all() if each.name not in taken))

    def answer(self, markdown: str) -> LocalReply:
        """An answer as the user wants it: Markdown, or words for a screen reader."""
        return reply(markdown, self.wish)
