"""`core.resolve`: what an action would start, for those who ask the user about it."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from codexplus_core import Action, CannotStart, Core, Session, hookimpl, programs_of
from codexplus_core.services.programs import Digests
from codexplus_core.testing import Harness

posix = pytest.mark.skipif(os.name != "posix", reason="what sh and modes are is POSIX's to say")


class Holder:
    """Keeps the core."""

    core: Core

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core


@posix
@pytest.mark.abuse("B07", "B08")
async def test_it_names_the_program_that_would_start_and_the_projects_files(tmp_path: Path) -> None:
    (tmp_path / "fmt.sh").write_text("echo hello")
    (tmp_path / "sh").write_text("#!/bin/sh\necho evil")
    (tmp_path / "sh").chmod(0o755)
    holder = Holder()
    session = Session(cwd=tmp_path)

    async with Harness([holder]):
        found = await holder.core.resolve(Action("run", argv=("sh", "fmt.sh"), session=session, cwd=tmp_path))

    assert found.path.is_absolute()
    assert not found.path.is_relative_to(tmp_path)
    assert found.digest == hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert [(each.path.name, each.digest) for each in found.pinned] == [
        ("fmt.sh", hashlib.sha256(b"echo hello").hexdigest())
    ]
    program, file = programs_of([("sh", "fmt.sh")], cwd=tmp_path)
    assert program == ("sh", str(found.path), found.digest)
    assert file == ("fmt.sh", str(found.pinned[0].path), found.pinned[0].digest)


async def test_it_says_what_is_missing() -> None:
    holder = Holder()

    async with Harness([holder]):
        with pytest.raises(CannotStart, match=r"^no-such-program: no such program"):
            await holder.core.resolve(Action("run", argv=("no-such-program",)))


@pytest.mark.abuse("B05")
def test_a_changed_program_has_another_digest_at_once(tmp_path: Path) -> None:
    digests = Digests()
    program = tmp_path / "program"
    program.write_bytes(b"one")
    first = digests.of(program)

    (tmp_path / "other").write_bytes(b"two")
    (tmp_path / "other").replace(program)

    assert first == hashlib.sha256(b"one").hexdigest()
    assert digests.of(program) == hashlib.sha256(b"two").hexdigest()


def test_an_unchanged_program_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = Digests()
    first = digests.of(Path(sys.executable))

    monkeypatch.setattr("codexplus_core.services.programs._digest", lambda *_: "read again")

    assert digests.of(Path(sys.executable)) == first
