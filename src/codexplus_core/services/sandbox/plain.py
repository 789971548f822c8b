"""Running a program where there is no launcher: a group of its own, a scrubbed environment, bounded time and output."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..programs import locate
from ..run import RunResult, run_program
from .environment import sandbox_environment
from .grants import Grants
from .system import System


async def run_plainly(
    argv: Sequence[str],
    grants: Grants,
    system: System,
    environ: Mapping[str, str],
    cwd: Path,
    stdin: bytes,
    timeout: float,
    env: Mapping[str, str],
    output_limit: int,
) -> RunResult:
    """Run ``argv`` with a HOME and a TMPDIR of its own; files and network are not held. Raises CannotStart."""
    program = locate(argv[0], cwd, system.search(grants.project))
    with tempfile.TemporaryDirectory(prefix="codexplus-", ignore_cleanup_errors=True) as scratch:
        for name in ("home", "tmp"):
            Path(scratch, name).mkdir(0o700)
        surroundings = sandbox_environment(
            cwd=cwd, path=system.needed(program, grants, cwd).path, scratch=scratch,
            project=grants.project, given=env, declared=grants.environment, environ=environ,
        )  # fmt: skip
        return await run_program(
            [str(program), *argv[1:]], cwd=cwd, env=surroundings, stdin=stdin, timeout=timeout,
            output_limit=output_limit,
        )  # fmt: skip
