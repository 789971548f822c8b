"""What `serve` does about the settings: a policy that nobody enforces is refused, and plugins find their view."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codexplus_core import Core, hookimpl
from codexplus_core.cli import doctor_settings
from codexplus_core.cli.surroundings import Surroundings
from codexplus_core.contributions import CheckResult
from codexplus_core.loader import load_plugins
from codexplus_core.proxy.build import build
from codexplus_core.services.config import PolicyPlace
from codexplus_core.services.problem import Problem
from codexplus_core.services.settings import ServeSettings
from codexplus_core.testing import Harness


class Keeps:
    """Keeps the core."""

    core: Any = None

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core


class Enforces(Keeps):
    """Says that it enforces policies."""

    FAIL_CLOSED = True
    ENFORCES_POLICY = True


class Broken(Enforces):
    """Would enforce them, but cannot be loaded."""

    ORDER = "first"


def settings(home: Path, **more: Any) -> ServeSettings:
    return ServeSettings(host="127.0.0.1", port=3000, upstream=None, plugins=(), home=home, **more)


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "etc/policy.yaml"
    path.parent.mkdir(mode=0o755)
    path.write_text("security: {requireSigned: true}\n")
    path.chmod(0o644)
    place = PolicyPlace(path, owner=os.getuid(), top=path.parent)
    for module in ("proxy.build", "cli.doctor_settings"):
        monkeypatch.setattr(f"codexplus_core.{module}.policy_place", lambda: place)
    return path


@pytest.mark.req("E5")
@pytest.mark.parametrize("plugin", [Keeps(), Broken()], ids=["none enforces it", "the one that would is broken"])
def test_a_policy_without_a_plugin_that_enforces_it_is_not_served(tmp_path: Path, policy: Path, plugin: object) -> None:
    with pytest.raises(Problem, match=f"{policy}: there is a policy .* no plugin that enforces it"):
        build(settings(tmp_path), {"mine": plugin})


@pytest.mark.req("E5")
async def test_a_policy_with_one_is_served(tmp_path: Path, policy: Path) -> None:
    app = build(settings(tmp_path), {"mine": Enforces()})
    try:
        assert app.core.config.for_project(None).get("security.requireSigned") is True
    finally:
        await app.stop()


@pytest.mark.req("E5")
def test_a_policy_that_others_can_write_is_not_served(tmp_path: Path, policy: Path) -> None:
    policy.chmod(0o666)

    with pytest.raises(Problem, match="can be written by others"):
        build(settings(tmp_path), {"mine": Enforces()})


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"ENFORCES_POLICY": 1, "FAIL_CLOSED": True}, "must be True or False"),
        ({"ENFORCES_POLICY": True}, "without FAIL_CLOSED = True"),
    ],
)
def test_who_enforces_policies_must_say_so_properly(declared: dict[str, Any], said: str) -> None:
    (plugin,) = load_plugins((), entry_points=(), extra={"mine": SimpleNamespace(**declared)}).plugins

    assert plugin.error is not None and said in plugin.error
    assert not plugin.enforces_policy


@pytest.mark.req("C2")
async def test_what_serve_was_told_is_on_top_of_the_users_settings(tmp_path: Path, private_home: Path) -> None:
    path = private_home / ".claude/settings.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"upstream": {"url": "https://mine.example", "websockets": "off"}, "model": 5}))
    told = ServeSettings("127.0.0.1", 3000, "http://127.0.0.1:9/v1", (), tmp_path)
    keeps = Keeps()
    app = build(told, {"keeps": keeps})
    try:
        await app.start()
        config = keeps.core.config

        assert (config["host"], config["port"], config["upstream"]) == ("127.0.0.1", 3000, "http://127.0.0.1:9/v1")
        user = config.for_project(None)
        assert user.get("upstream") == {"url": "http://127.0.0.1:9/v1", "websockets": "off"}
        assert config.get("model") is None and config.get("nothing", 7) == 7
    finally:
        await app.stop()


async def test_what_is_wrong_in_the_users_settings_is_logged(tmp_path: Path, private_home: Path, capfd: Any) -> None:
    path = private_home / ".claude/settings.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"model": 5, "permissions": {"deny": ["Bash("]}}))

    await build(settings(tmp_path)).stop()

    first, second = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert (first["event"], first["level"]) == ("settings_problem", "warning")
    assert first["reason"].startswith(f"{path}:1: model: expected a text")
    assert second["reason"].startswith(f"{path}:1: permissions.deny: 'Bash('")
    doctor = doctor_settings.settings(Surroundings({"HOME": str(private_home)}, None, None, load_plugins(()), []))
    assert (doctor.status, doctor.message) == ("warning", f"{first['reason']}\n{second['reason']}")


async def test_the_harness_reads_no_settings_of_the_machine(private_home: Path) -> None:
    path = private_home / ".claude/settings.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"model": "mine"}))
    keeps = Keeps()

    async with Harness([keeps]):
        assert keeps.core.config.for_project(private_home).list() == ()


def doctor(home: Path) -> CheckResult:
    return doctor_settings.settings(Surroundings({"HOME": str(home)}, None, None, load_plugins((), entry_points=())))


@pytest.mark.abuse("B13")
def test_the_doctor_says_what_is_wrong_with_settings(private_home: Path, policy: Path) -> None:
    assert "no plugin that enforces it; install codex-plus-enterprise" in doctor(private_home).message
    policy.unlink()
    assert doctor(private_home) == CheckResult("ok", "no settings files")

    path = private_home / ".claude/settings.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"model": 5}))
    found = doctor(private_home)
    assert found.status == "warning" and "model: expected a text" in found.message

    path.chmod(0o666)
    found = doctor(private_home)
    assert found.status == "error" and "can be written by other users" in found.message

    policy.mkdir()
    assert doctor(private_home).status == "error"
