"""The daemon that the interactive Codex of 0.169 runs out of a copy of itself in its home, laid out beforehand."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def install_daemon(binary: Path, version: str, home: Path) -> None:
    """What the first start of the interactive Codex leaves, for versions that have a daemon.

    Codex would copy 400 MB and compare them before it takes a prompt: some 15 s where four do so at once. Here the
    files are links; on another file system, and in whatever way it does not like them, Codex makes its own copy.
    """
    package = next(binary.parents[1].glob("@openai/codex-*/vendor/*/codex-package.json"), None)
    if package is None or package.stat().st_dev != home.stat().st_dev:
        return
    folder = home / ".codex/packages/app-server-daemon"
    release = folder / "releases" / f"{version}-{package.parent.name}"
    shutil.copytree(package.parent, release, copy_function=os.link)
    (release / "codex").symlink_to("bin/codex")
    current = folder / "current"
    current.symlink_to(release)
    chosen = current.lstat()
    seconds, nanoseconds = divmod(chosen.st_mtime_ns, 10**9)
    # It says which link is meant, by device, inode and time.
    history = f"{release.name}\n\n{chosen.st_dev} {chosen.st_ino} {seconds}.{nanoseconds:09}\n"
    (folder / "selection-history").write_text(history, encoding="utf-8")
    (folder / "auto-update-version").write_text(release.name, encoding="utf-8")
