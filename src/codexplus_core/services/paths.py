"""Where codex-plus and Codex keep their files, and how ours are written: private, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from .problem import Problem

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)


def _user_home(env: Mapping[str, str]) -> Path:
    return Path(env["HOME"]) if env.get("HOME") else Path.home()


def state_dir(env: Mapping[str, str] | None = None) -> Path:
    """The directory of codex-plus's own files: ``$CODEX_PLUS_HOME``, else ``~/.codexplus``. Nothing is created."""
    env = os.environ if env is None else env
    named = env.get("CODEX_PLUS_HOME")
    return Path(named).expanduser().absolute() if named else _user_home(env) / ".codexplus"


def codex_home(env: Mapping[str, str] | None = None) -> Path:
    """The directory of Codex's own files: ``$CODEX_HOME``, else ``~/.codex``."""
    env = os.environ if env is None else env
    named = env.get("CODEX_HOME")
    return Path(named).expanduser().absolute() if named else _user_home(env) / ".codex"


def token_file(home: Path) -> Path:
    """Where the proxy token lies."""
    return home / "token"


def log_dir(home: Path) -> Path:
    """Where log files lie; created on first use."""
    return private_dir(home / "log", within=home)


def _owner_problem(path: Path, found: os.stat_result) -> str:
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        return f"{path}: belongs to user {found.st_uid}, not to you; set CODEX_PLUS_HOME to a directory of your own"
    return ""


def private_dir(path: Path, *, within: Path | None = None) -> Path:
    """Create ``path`` for us alone (0700) and return it; one of ours that is open to others is closed to them."""
    if within is not None:
        private_dir(within)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        problem = _owner_problem(path, found)
        if not problem and os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(0o700)
    except FileExistsError:
        raise Problem(f"{path}: is a file, a directory is needed here; move it, or set CODEX_PLUS_HOME") from None
    except OSError as error:
        raise Problem(
            f"{path}: cannot be created or used ({error.strerror}); make it writable, or set CODEX_PLUS_HOME"
        ) from error
    if problem:
        raise Problem(problem)
    return path


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace ``path`` by ``data`` so that a reader or a crash sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if os.name == "posix":
                    # The process umask must not decide: the mode is exactly the one asked for.
                    os.fchmod(file.fileno(), mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)
    except OSError as error:
        raise Problem(f"{path}: cannot be written ({error.strerror}); make {path.parent} writable") from error


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY | _CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and container file systems cannot sync a directory; the file itself is safe already.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def make_private(path: Path) -> None:
    """Make a file of one's own if need be. Raises PermissionError for one of others', OSError where it cannot be made.

    What is kept there is trusted later, so nobody else may have written it.
    """
    # One that is there is never opened and closed: on POSIX that would end the locks that this process's other
    # connections have on a database.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, 0o600))
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        raise PermissionError(f"{path}: no regular file of yours; remove it")
    if os.name == "posix" and found.st_mode & 0o077:
        path.chmod(0o600)


def read_private(path: Path) -> bytes | None:
    """The bytes of one of our own files, None when there is none; a link, a foreign or an open file is refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _NOFOLLOW | _CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise Problem(f"{path}: is a symbolic link, which is not followed here; remove it") from error
        raise Problem(f"{path}: cannot be read ({error.strerror}); make it readable for you") from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        problem = _owner_problem(path, found)
        if problem:
            raise Problem(problem)
        if not stat.S_ISREG(found.st_mode):
            raise Problem(f"{path}: is no regular file; remove it")
        if os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise Problem(f"{path}: is open to other users (mode {mode:04o}); remove it, or run: chmod 600 {path}")
        return file.read()


def read_regular(path: Path, *, limit: int = 8 << 20) -> bytes:
    """The bytes of a file of another program. Raises OSError for what is no regular file and over ``limit`` bytes.

    Links are followed; a FIFO or a device neither blocks nor is read.
    """
    descriptor = os.open(path, os.O_RDONLY | _CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit} bytes", str(path))
    return data


def token(home: Path) -> str:
    """The proxy token, made on the first call: 32 random bytes, URL-safe. Two first callers get the same one."""
    path = token_file(private_dir(home))
    text = read_private(path)
    if text is None:
        # Needed once in a lifetime, while `codex-plus --help` imports this module every time.
        from secrets import token_urlsafe

        fresh = path.with_name(f".token.{os.urandom(6).hex()}")
        write_atomic(fresh, token_urlsafe(32).encode("ascii"))
        try:
            # A link fails where the name exists, a rename would replace the other caller's token.
            os.link(fresh, path)
        except FileExistsError:
            pass
        except OSError as error:
            raise Problem(f"{path}: cannot be written ({error.strerror}); make {home} writable") from error
        finally:
            fresh.unlink(missing_ok=True)
        text = read_private(path) or b""
    found = text.decode("ascii", "replace").strip()
    if len(found) < 43 or not found.replace("-", "").replace("_", "").isalnum():
        raise Problem(f"{path}: holds no codex-plus token; remove the file, then run: codex-plus init")
    return found
