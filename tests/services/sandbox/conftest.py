"""Sandboxes at every level that this machine can do, for the user who tests and, where that is root, another one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.services.run import RunResult
from codexplus_core.services.sandbox.grants import grants_for
from codexplus_core.services.sandbox.launching import Launching
from codexplus_core.services.sandbox.level import LEVELS, Level
from codexplus_core.services.sandbox.sandbox import Sandbox

BOUND = 60.0
NOBODY = 65534
# What the launcher does, as another user: its directory is given to them first.
AS_NOBODY = (
    "import os, sys; sys.path.append(sys.argv[3]); from launcher.serve import main\n"
    f"os.chown(sys.argv[2], {NOBODY}, {NOBODY}); os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    # A process that changed its user may not write its own maps unless it says again that it has no secrets.
    "import ctypes; ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"
    "main(int(sys.argv[1]), sys.argv[2])"
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")


@dataclass
class Held:
    """A sandbox of one level for one user, a project of theirs, and things outside that nobody may touch."""

    sandbox: Sandbox
    level: Level
    uid: int
    root: Path
    python: str
    environ: dict[str, str]
    files: list[Path] = field(default_factory=list)

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def home(self) -> Path:
        return self.root / "home"

    def put(self, path: str, text: str = "canary") -> Path:
        """A file of the user's below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.own()
        return file

    def fifo(self, path: str) -> Path:
        os.mkfifo(self.root / path)
        self.own()
        return self.root / path

    def own(self) -> None:
        if self.uid != os.getuid():
            for each in [self.root, *self.root.rglob("*")]:
                os.chown(each, self.uid, self.uid, follow_symlinks=False)

    async def run(self, *argv: str, permissions: tuple[str, ...] = (), masked: Any = (), **options: Any) -> RunResult:
        grants = grants_for(permissions, self.project, self.home).hiding(masked)
        options = {"timeout": BOUND, "minimum": self.level} | options
        result = await self.sandbox.run_sandboxed(argv, grants=grants, **options)
        assert result.level == self.level
        return result

    async def code(self, code: str, *words: str, **options: Any) -> RunResult:
        """Run Python code."""
        return await self.run(self.python, "-I", "-S", "-c", code, *words, **options)


@pytest.fixture(scope="session")
def launchers() -> Iterator[dict[str, Launching]]:
    made = {"me": Launching(), "nobody": Launching(argv=[sys.executable, "-I", "-S", "-X", "utf8", "-c", AS_NOBODY])}
    yield made
    for each in made.values():
        each.close()


@pytest.fixture
async def held(request: pytest.FixtureRequest, launchers: dict[str, Launching]) -> AsyncIterator[Held]:
    """Parametrized by ``levels``: "full-me", "lsm-nobody" and so on."""
    if sys.platform != "linux":
        pytest.skip("the sandbox is Linux's")
    level, _, user = str(request.param).partition("-")
    if user == "nobody" and os.getuid() != 0:
        pytest.skip("only root can be another user")
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or (sys.executable if user == "me" else None)
    if python is None:
        pytest.skip("no Python that another user can start")
    root = Path(tempfile.mkdtemp(prefix="codexplus-test-")).resolve()
    root.chmod(0o755)
    environ = {"PATH": os.environ["PATH"], "HOME": str(root / "home"), "LANG": "C.UTF-8", "SECRET_KEY": "canary"}
    number = ["process", "lsm", "full"].index(level)
    sandbox = Sandbox(levels=LEVELS[: number + 1], launching=launchers[user], environ=environ)
    uid = NOBODY if user == "nobody" else os.getuid()
    held = Held(sandbox, LEVELS[number], uid, root, python, environ)
    for directory in (held.project, held.home, root / "outside"):
        directory.mkdir()
    held.put("outside/canary")
    try:
        found = await sandbox.probe()
        if found.level != level:
            pytest.skip(f"this machine does not do {level}: {found}")
        yield held
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets a minute pass on the event loop; tests themselves may take two."""

    def jump(seconds: float = 60.0) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + seconds)

    return jump


def at(*levels: str) -> pytest.MarkDecorator:
    """Run a test at these levels, for each user."""
    return pytest.mark.parametrize(
        "held", [f"{level}-{user}" for level in levels for user in ("me", "nobody")], indirect=True
    )


def children(of: int | None) -> list[int]:
    """The processes whose parent is this one."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            # Others come and go.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if int((path / "stat").read_text().rpartition(")")[2].split()[1]) == of:
                    found.append(int(path.name))
    return found
