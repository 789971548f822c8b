"""What plugins add to the command line and to the doctor."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found: ``message`` says what is so, ``fix`` what to do about it (``""`` when all is well)."""

    status: Literal["ok", "warning", "error"]
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of ``codex-plus doctor``: ``run()`` may be async and must not change anything."""

    name: str
    run: Callable[[], CheckResult | Awaitable[CheckResult]]


@dataclass(frozen=True, slots=True)
class CliCommand:
    """A sub-command ``codex-plus NAME``.

    ``configure(parser)`` adds its arguments; ``run(arguments)`` gives the exit status. Import what is slow inside
    ``run``: every start of ``codex-plus`` makes the objects of all sub-commands.
    """

    name: str
    help: str
    run: Callable[[argparse.Namespace], int]
    configure: Callable[[argparse.ArgumentParser], None] | None = None
