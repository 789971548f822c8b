"""What a plugin does to the machine passes every veto first, and what it keeps is its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from codexplus_core import Action, ActionDenied, Core, Refusal, hookimpl
from codexplus_core.testing import Harness


class Acts:
    """Keeps the core."""

    core: Any = None

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core
        core.store.set("who", type(self).__name__)


class ActsToo(Acts):
    """Another one."""


class Vetoes:
    """Forbids whatever its answer says."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.seen: list[Action] = []

    @hookimpl
    def on_action(self, action: Action) -> Any:
        self.seen.append(action)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class VetoesAlways(Vetoes):
    """May not be skipped."""

    FAIL_CLOSED = True


def run(marker: Path) -> Action:
    return Action("run", argv=(sys.executable, "-c", f"open({str(marker)!r}, 'w').write('ran')"), source="test")


async def test_a_program_runs_and_a_file_is_read_when_nobody_objects(tmp_path: Path) -> None:
    acts, looks = Acts(), Vetoes(None)
    async with Harness([acts, looks]):
        result = await acts.core.run(run(tmp_path / "marker"))
        data = await acts.core.open(Action("read", path=tmp_path / "marker"))

    assert (result.returncode, data) == (0, b"ran")
    assert [action.kind for action in looks.seen] == ["run", "read"]


@pytest.mark.req("X1")
@pytest.mark.parametrize(
    "veto",
    [Vetoes("not here"), Vetoes(Refusal("not here")), VetoesAlways(RuntimeError("boom")), VetoesAlways(7)],
    ids=["words", "refusal", "failed closed", "nonsense, failed closed"],
)
async def test_a_veto_leaves_no_effect_and_says_why(tmp_path: Path, veto: Vetoes) -> None:
    acts = Acts()
    (tmp_path / "file").write_text("secret")
    async with Harness([acts, veto]) as proxy:
        with pytest.raises(ActionDenied, match=r"not here|must not be skipped"):
            await acts.core.run(run(tmp_path / "marker"))
        with pytest.raises(ActionDenied):
            await acts.core.open(Action("read", path=tmp_path / "file"))

        assert len(proxy.log.events("action_denied")) == 2
    assert not (tmp_path / "marker").exists()


async def test_a_veto_that_fails_open_is_skipped(tmp_path: Path) -> None:
    acts = Acts()
    async with Harness([acts, Vetoes(RuntimeError("boom"))]):
        await acts.core.run(run(tmp_path / "marker"))

    assert (tmp_path / "marker").exists()


@pytest.mark.req("X1")
async def test_an_action_is_of_the_kind_that_those_who_veto_see(tmp_path: Path) -> None:
    acts = Acts()
    (tmp_path / "file").write_text("x")
    async with Harness([acts]):
        with pytest.raises(ValueError, match=r"core\.open"):
            await acts.core.open(Action("run", argv=("true",), path=tmp_path / "file"))
        with pytest.raises(ValueError, match=r"core\.run"):
            await acts.core.run(Action("read", argv=("true",), path=tmp_path / "file"))
        with pytest.raises(ValueError, match=r"core\.run"):
            await acts.core.run(Action("run"))


async def test_each_plugin_keeps_its_own_values() -> None:
    acts, other = Acts(), ActsToo()
    async with Harness([acts, other]) as proxy:
        values = proxy.app.store

        assert values.value("Acts", "who") == b'"Acts"'
        assert values.value("ActsToo", "who") == b'"ActsToo"'
