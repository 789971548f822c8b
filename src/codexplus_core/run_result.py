"""What a program that was run for a plugin came to."""

from __future__ import annotations

from typing import Protocol


class RunResult(Protocol):
    """What ``core.run`` gives back."""

    @property
    def returncode(self) -> int | None:
        """The exit code, -n after signal n."""
        ...

    @property
    def stdout(self) -> bytes:
        """What it printed."""
        ...

    @property
    def stderr(self) -> bytes:
        """What it complained about."""
        ...

    @property
    def timed_out(self) -> bool:
        """Whether it was ended because its time was over."""
        ...

    @property
    def truncated(self) -> bool:
        """Whether it printed more than is kept."""
        ...
