"""What the settings say about the audit log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..state import state_folder

FSYNC_MS = 200
ROTATE_MEGABYTES = 64
KEEP_DAYS = 365
HEAD_SECONDS = 300


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Where the log lies and how it is kept.

    ``required`` means that nothing new may begin while it cannot be kept. ``content`` adds the users' prompts and the
    arguments of tool calls. ``key_file`` is None where the key is ours to make. ``head_s`` is 0 where no heads are
    told. ``managed`` says that the administrator decided all of this.
    """

    on: bool
    managed: bool
    directory: Path
    key_file: Path | None
    required: bool = False
    content: bool = False
    fsync_s: float = FSYNC_MS / 1000
    rotate_bytes: int = ROTATE_MEGABYTES << 20
    keep_days: int = KEEP_DAYS
    head_s: int = HEAD_SECONDS
    otlp: str = ""

    @property
    def key_path(self) -> Path:
        """The file of the key."""
        return self.directory / "audit.key" if self.key_file is None else self.key_file


def audit_settings(settings: Any, env: Mapping[str, str] | None = None) -> AuditSettings:
    """The settings of the user and the administrator, ``core.config.user``.

    Where the policy says anything about the audit log, it alone counts: what a user adds could move it out of sight.
    """
    found = {value.key: value for value in settings.list() if value.key.startswith("audit.")}
    managed = any(_by_policy(value) for value in found.values())
    said = {key: value.value for key, value in found.items() if not managed or _by_policy(value)}

    def get(name: str, default: Any) -> Any:
        return said.get(f"audit.{name}", default)

    key = get("keyFile", "")
    return AuditSettings(
        on=bool(get("enabled", managed)),
        managed=managed,
        directory=_path(get("directory", ""), env) or state_folder(env) / "audit",
        key_file=_path(key, env),
        required=bool(get("required", False)),
        content=bool(get("content", False)),
        fsync_s=get("fsyncMs", FSYNC_MS) / 1000,
        rotate_bytes=get("rotateMegabytes", ROTATE_MEGABYTES) << 20,
        keep_days=get("keepDays", KEEP_DAYS),
        head_s=get("headSeconds", HEAD_SECONDS),
        otlp=get("otlpEndpoint", ""),
    )


def _by_policy(value: Any) -> bool:
    return bool(value.origin.layer == "enterprise")


def _path(written: str, env: Mapping[str, str] | None) -> Path | None:
    """A place as it is written; ``{user}`` in it is the user's name, so that one policy serves many."""
    if not written:
        return None
    found = written.replace("{user}", user_name(env))
    home = (os.environ if env is None else env).get("HOME")
    return Path(home, found[2:]) if home and found.startswith("~/") else Path(found).expanduser()


def user_name(env: Mapping[str, str] | None = None) -> str:
    """Who runs this, by the system's account and not by what the environment says where that can be told."""
    if os.name == "posix":
        import pwd

        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return str(os.getuid())
    return (os.environ if env is None else env).get("USERNAME", "")
