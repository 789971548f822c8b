"""A writer for a process: where its stream lies, what its first record says, and whom it tells."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from codexplus_core import Core, Problem

from .files import Files
from .heads import EVENT, Head
from .keys import key_id, read_or_make_key
from .record import Records
from .settings import AuditSettings
from .shipping import Shipping
from .writer import Means, Writer

SERVE = "serve"
TERMINAL = "terminal"


def begin(
    core: Core,
    settings: AuditSettings,
    shipping: Shipping | None,
    *,
    digest: str,
    kind: str = SERVE,
    before: Callable[[], None] = lambda: None,
) -> Writer:
    """A writer that has begun, in a thread that first does what has to be done ``before``.

    Nothing is raised: what is wrong stands in its ``problem``, and it tries again.
    """
    version = str(core.about.version)

    def records(stream: str) -> Records:
        redact = partial(core.redact, own_patterns=not settings.managed)
        return Records(redact, stream=stream, version=version, content=settings.content)

    def report(event: str, fields: dict[str, Any]) -> None:
        core.log.error(event, **fields)

    def sent(lines: Sequence[bytes]) -> None:
        if shipping is not None:
            shipping.lines(lines)

    def told(head: Head) -> None:
        # At the level that is written by default: a head that is nowhere proves nothing. The log of a command in a
        # terminal is what its user reads, and nobody keeps.
        if kind == SERVE:
            core.log.warning(EVENT, **head.row())
        if shipping is not None:
            shipping.head(head)

    begun: dict[str, Any] = {"pid": os.getpid(), "content": settings.content, "config_digest": digest}
    begun |= {"managed": settings.managed, "kind": kind, "platform": sys.platform}
    writer = Writer(
        Means(opener(settings, kind, begun, before), records, report, sent, told, begun),
        fsync_s=settings.fsync_s,
        rotate_bytes=settings.rotate_bytes,
        keep_days=settings.keep_days,
        head_s=settings.head_s,
    )
    writer.start()
    return writer


def forbidden_by(core: Core) -> Callable[[str], str]:
    """Says of a URL why records may not be sent there, ``""`` if they may."""

    def forbidden(url: str) -> str:
        from ..policy.rules import Rules

        endpoints = Rules(core.config.user).endpoints
        return "" if endpoints is None else endpoints.problem(url)

    return forbidden


def opener(
    settings: AuditSettings, kind: str, begun: dict[str, Any], before: Callable[[], None]
) -> Callable[[], tuple[Files, bytes]]:
    """What opens a stream and reads the key, once both can be had. Raises Problem and OSError."""

    def open_stream() -> tuple[Files, bytes]:
        before()  # does nothing the second time
        private_folder(settings.directory)
        key = read_or_make_key(settings.key_path, make=settings.key_file is None)
        begun["key"] = key_id(key)
        return Files(settings.directory, kind), key

    return open_stream


def private_folder(folder: Path) -> None:
    """Make the folder, for its user alone. Raises Problem where others may write in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise Problem(f"{folder}: the audit log cannot lie there ({error.strerror}); make it writable") from error
    if os.name == "posix" and found.st_mode & 0o022:
        raise Problem(f"{folder}: others may write there, and so into the audit log; run: chmod go-w {folder}")
