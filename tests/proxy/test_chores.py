"""What the proxy does on the side: it keeps up to date what `init` wrote for plugins."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from codexplus_core import InitStep, hookimpl
from codexplus_core.proxy.build import build
from codexplus_core.services import init_files
from codexplus_core.services.config import Config
from codexplus_core.services.redact import Redactor
from codexplus_core.services.settings import ServeSettings
from codexplus_core.services.transcripts import Transcripts


class Offers:
    """Wants one skill; says when it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked = threading.Event()

    @hookimpl
    def add_init_steps(self) -> list[InitStep]:
        return [InitStep("skills", self.files)]

    def files(self, env: Mapping[str, str]) -> dict[Path, str]:
        self.asked.set()
        return {self.path: "new"}


class Fails(Offers):
    """Has a fault of its own."""

    def files(self, env: Mapping[str, str]) -> dict[Path, str]:
        self.asked.set()
        raise RuntimeError("a fault")


def settings(home: Path) -> ServeSettings:
    return ServeSettings(host="127.0.0.1", port=3000, upstream=None, plugins=(), home=home)


async def test_a_command_that_came_since_init_is_offered_once_the_proxy_runs(tmp_path: Path) -> None:
    skill = tmp_path / "codex/skills/fix/SKILL.md"
    init_files.apply(init_files.plan("skills", {}, tmp_path / "state"), tmp_path / "state")
    app = build(settings(tmp_path / "state"), {"offers": Offers(skill)})

    await app.start()
    try:
        async with asyncio.timeout(20):
            while not skill.exists():
                await asyncio.sleep(0)
    finally:
        await app.stop()

    assert skill.read_text() == "new"


async def test_a_fault_of_a_plugin_in_it_ends_nothing_else(tmp_path: Path) -> None:
    fails = Fails(tmp_path / "x")
    init_files.apply(init_files.plan("skills", {}, tmp_path / "state"), tmp_path / "state")
    app = build(settings(tmp_path / "state"), {"fails": fails})

    await app.start()
    try:
        assert await asyncio.to_thread(fails.asked.wait, 20)
        assert app.health()["status"] == "ok"
    finally:
        await app.stop()


@pytest.mark.parametrize(
    ("extra", "enabled", "loads"), [(True, True, True), (True, False, False), (False, True, False)]
)
async def test_what_the_first_transcript_needs_is_loaded_before_any_stream_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: bool, enabled: bool, loads: bool
) -> None:
    redacted = threading.Event()

    def text(_: Redactor, text: str) -> str:
        redacted.set()
        return text

    monkeypatch.setattr(Redactor, "text", text)
    monkeypatch.setenv("HOME", str(tmp_path))
    home = tmp_path / ".codexplus"
    home.mkdir(mode=0o700)
    (home / "settings.json").write_text(json.dumps({"transcripts": {"enabled": enabled}}))
    app = build(settings(home), {"offers": Offers(tmp_path / "x")} if extra else {})

    for chore in app._chores:
        chore()
    await app.stop()

    assert redacted.is_set() is loads


def test_getting_transcripts_ready_reads_no_settings_for_these_are_one_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redacted: list[str] = []

    def text(_: Redactor, text: str) -> str:
        redacted.append(text)
        return text

    monkeypatch.setattr(Redactor, "text", text)
    transcripts = Transcripts(tmp_path, config=Config(None))
    monkeypatch.setattr(transcripts, "_config", None)

    transcripts.get_ready()

    assert len(redacted) == 1
