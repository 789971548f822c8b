"""What the proxy writes to the launcher about one run, and what comes back."""

from __future__ import annotations

from typing import Literal, TypedDict

OrderLevel = Literal["process", "lsm", "full"]

RuleKind = Literal["read", "list", "execute", "write", "device"]
"""Read (a file, or all below a directory), list a directory's names, run a file, change all below, use a device."""


class Order(TypedDict):
    """One run; paths are absolute and free of symbolic links, except ``path``, which keeps the name it is called by."""

    path: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    level: OrderLevel
    system: list[tuple[RuleKind, str]]  # the same for every run, and nobody's but the administrator's
    rules: list[tuple[RuleKind, str]]
    masks: list[str]  # hidden, at level full only: files look empty, directories have nothing in them
    writable: list[str]  # mounts that stay writable at level full
    frozen: list[str]  # below those, read-only again
    network: bool
    limits: dict[str, int]  # names of resource's RLIMIT_…, in lower case
    umask: int | None  # None: as the proxy has it
    base: str  # the directory of the sandbox's own; at level full it is memory, empty for each run
    scratch: str  # below it, made for this run: home/ and tmp/; empty for none
    lease: float | None  # seconds after which the run is ended, should nobody else do it
    probe: list[str]  # for probing: paths that the program must not reach; nothing is started then
    landlock_abi: int  # the newest version of Landlock to use; 0 is the kernel's own


class Report(TypedDict):
    """How a run ended; the first message is only that it began."""

    stage: Literal["began", "ended", "setup", "exec"]
    code: int | None  # -n after signal n
    errno: int
    error: str


def stated(stage: Literal["began", "ended", "setup", "exec"], code: int | None = None, error: str = "") -> Report:
    """A report without a number of an error."""
    return {"stage": stage, "code": code, "errno": 0, "error": error}
