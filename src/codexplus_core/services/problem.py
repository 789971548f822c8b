"""The error for what the user can put right."""

from __future__ import annotations


class Problem(Exception):
    """Something the user can put right: the message says where, what and what to do.

    A sub-command of a plugin may raise it: the message is printed, and ``exit_code`` (2 for wrong usage) is the status.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
