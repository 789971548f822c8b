"""The administrator's policy: where it lies, and whether only an administrator could have written it."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from ..problem import Problem
from .parsing import Parsed, Unparsable, parse
from .reading import Refused, read_followed

LIMIT = 64 * 1024


class BadPolicy(Problem):
    """There is a policy that cannot be relied on; nothing is served as if there were none."""


@dataclass(frozen=True, slots=True)
class PolicyPlace:
    """Where the policy lies.

    ``owner`` is the user who must own it and every folder above it, up to ``top``. Nobody else may write there: a
    policy that its subjects can replace is none.
    """

    path: Path
    owner: int = 0
    top: Path = Path("/")


def policy_place() -> PolicyPlace:
    """The place on this system. No environment variable moves it."""
    if sys.platform == "darwin":
        return PolicyPlace(Path("/Library/Application Support/codex-plus/policy.yaml"))
    if sys.platform == "win32":
        return PolicyPlace(_program_data() / "codex-plus" / "policy.yaml")
    return PolicyPlace(Path("/etc/codex-plus/policy.yaml"))


def read_policy(place: PolicyPlace) -> Parsed | None:
    """The policy, None where there is none. Raises BadPolicy for one that cannot be relied on."""
    path = place.path
    try:
        if not os.path.lexists(path) and not _hidden(path):
            return None
        if sys.platform == "win32":
            raise BadPolicy(f"{path}: who may write it cannot be told on Windows yet; remove it to use codex-plus")
        writable = _writable(place)
    except RuntimeError:
        raise BadPolicy(f"{path}: is a link in a circle; ask your administrator") from None
    except OSError as error:
        raise BadPolicy(f"{path}: cannot be looked at ({error.strerror}); ask your administrator") from error
    if writable:
        raise BadPolicy(f"{path}: {writable}, so it is no administrator's policy; ask your administrator")
    try:
        content = read_followed(path, LIMIT)
        if content is None:
            raise BadPolicy(f"{path}: is a link that leads nowhere; ask your administrator")
        if not content.whole:
            raise BadPolicy(f"{path}: is larger than {LIMIT} bytes; ask your administrator")
        return parse(content.data, yaml=True)
    except Refused as refused:
        raise BadPolicy(f"{path}: {refused}; ask your administrator") from None
    except Unparsable as broken:
        raise BadPolicy(f"{path}: {broken}; ask your administrator") from None


def _hidden(path: Path) -> bool:
    """Whether the folder may not be looked into; lexists says no then, and a policy may be there all the same."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return False
    except PermissionError:
        return True
    return True


def _writable(place: PolicyPlace) -> str:
    """Who but the owner could replace the policy, ``""`` if nobody could: the file, its folders, and links to them."""
    looked: set[Path] = set()
    for way in (place.path, place.path.resolve(strict=True)):
        for part in (way, *way.parents):
            if part in looked or not part.is_relative_to(place.top):
                continue
            looked.add(part)
            found = part.lstat()
            if found.st_uid != place.owner:
                return f"{part} belongs to user {found.st_uid}" if part != place.path else _belongs(found)
            # The rights of a link mean nothing; what it leads to is looked at on the other way.
            if not stat.S_ISLNK(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o022:
                who = "it" if part == place.path else str(part)
                return f"{who} can be written by others (mode {stat.S_IMODE(found.st_mode):04o})"
    return ""


def _belongs(found: os.stat_result) -> str:
    return f"it belongs to user {found.st_uid}"


def _program_data() -> Path:
    """The folder that Windows calls ProgramData, asked of the system: the variable is the user's to change."""
    if sys.platform == "win32":
        import ctypes

        buffer = ctypes.create_unicode_buffer(260)
        common_app_data = 0x23
        if ctypes.windll.shell32.SHGetFolderPathW(None, common_app_data, None, 0, buffer) == 0 and buffer.value:
            return Path(buffer.value)
    return Path("C:/ProgramData")
