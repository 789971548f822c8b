"""The error for what the user can put right."""

from __future__ import annotations


class Problem(Exception):
    """Something the user can put right: the message says where, what and what to do; ``exit_code`` is 2 for usage."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
