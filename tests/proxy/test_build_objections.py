"""Who has a say before anything is served: plugins that object, and the administrator's list of plugins."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codexplus_core import hookimpl
from codexplus_core.loader import Plugin, Plugins, load_plugins
from codexplus_core.loader_allowed import enforcement_lacks, is_allowed
from codexplus_core.proxy.build import build
from codexplus_core.services.about import About
from codexplus_core.services.config import Config, PolicyPlace
from codexplus_core.services.plugins_allowed import ForbiddenSince, plugins_allowed_here
from codexplus_core.services.problem import Problem
from codexplus_core.services.settings import ServeSettings


class Objects:
    """Objects to some upstream."""

    FAIL_CLOSED = True
    ENFORCES_POLICY = True

    def __init__(self, answer: Callable[[Any, Any], list[str]]) -> None:
        self.OBJECTIONS = answer

    @hookimpl
    def on_request(self) -> None:
        """Let everything pass."""


def settings(home: Path, upstream: str | None = None) -> ServeSettings:
    return ServeSettings(host="127.0.0.1", port=3000, upstream=upstream, plugins=(), home=home)


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "etc/policy.yaml"
    path.parent.mkdir(mode=0o755)
    place = PolicyPlace(path, owner=os.getuid(), top=path.parent)
    for module in ("proxy.build", "services.plugins_allowed"):
        monkeypatch.setattr(f"codexplus_core.{module}.policy_place", lambda: place)
    return path


@pytest.mark.req("E2")
def test_an_objection_keeps_the_proxy_from_serving_and_is_its_reason(tmp_path: Path) -> None:
    asked: list[Any] = []

    def objects(config: Any, upstreams: tuple[str, ...]) -> list[str]:
        asked.append((config["port"], upstreams))
        return ["not to evil.test", "nor at night"]

    with pytest.raises(Problem, match=r"not to evil\.test; nor at night") as refused:
        build(settings(tmp_path, "https://evil.test/v1"), {"mine": Objects(objects)})

    assert refused.value.exit_code == 2
    assert asked == [(3000, ("https://evil.test/v1",))]


async def test_both_upstreams_are_told_where_the_login_decides(tmp_path: Path) -> None:
    asked: list[Any] = []

    def agrees(config: Any, upstreams: tuple[str, ...]) -> list[str]:
        asked.append(upstreams)
        return []

    await build(settings(tmp_path), {"mine": Objects(agrees)}).stop()

    assert asked == [("https://api.openai.com/v1", "https://chatgpt.com/backend-api/codex")]


@pytest.mark.parametrize("closed", [True, False])
async def test_a_plugin_that_cannot_say_objects_where_it_is_fail_closed(tmp_path: Path, closed: bool) -> None:
    def breaks(config: Any, upstreams: Any) -> list[str]:
        raise LookupError("broken")

    plugin = Objects(breaks) if closed else SimpleNamespace(OBJECTIONS=breaks)

    if closed:
        with pytest.raises(Problem, match="plugin 'mine': OBJECTIONS failed: LookupError: broken"):
            build(settings(tmp_path), {"mine": plugin})
    else:
        await build(settings(tmp_path), {"mine": plugin}).stop()


ENTERPRISE = Plugin("enterprise", distribution="codex-plus-enterprise")


def entry(name: str) -> metadata.EntryPoint:
    return metadata.EntryPoint(name, "not_there_at_all", "codexplus.plugins")


@pytest.mark.req("E5")
@pytest.mark.abuse("I12")
def test_a_plugin_that_is_not_listed_is_not_imported_and_says_why() -> None:
    found = load_plugins(None, entry_points=[entry("evil"), entry("good")], allowed=("good",))

    good, evil = found.plugins
    assert evil.error == (
        "plugin 'evil' is not one of those that your administrator allows (plugins.allowed); not loaded"
    )
    assert evil.target is None and not evil.fail_closed
    assert good.error is not None and "cannot be imported" in good.error


@pytest.mark.req("E5")
def test_one_that_was_asked_for_by_name_is_a_reason_not_to_serve() -> None:
    found = load_plugins(("evil",), entry_points=[entry("evil")], allowed=())

    assert found.required_problems and "plugins.allowed" in found.required_problems[0]


@pytest.mark.parametrize(
    ("listed", "allowed"),
    [
        ("slash", True), ("codex-plus-slash", True), ("Codex_Plus.Slash", True), ("slash==1.2", True),
        ("codex-plus-slash == 1.2", True), ("slash==1.3", False), ("hooks", False), ("", False),
    ],
)  # fmt: skip
def test_a_plugin_is_listed_by_its_name_or_distribution_with_its_version_if_need_be(listed: str, allowed: bool) -> None:
    plugin = Plugin("slash", distribution="codex-plus-slash", version="1.2")

    assert is_allowed(plugin, (listed,)) is allowed


@pytest.mark.req("E5")
def test_the_list_without_what_enforces_the_policy_serves_nothing(tmp_path: Path, policy: Path) -> None:
    policy.write_text("plugins: {allowed: [slash]}\n")
    policy.chmod(0o644)

    with pytest.raises(Problem, match="no plugin that enforces it") as refused:
        build(ServeSettings("127.0.0.1", 3000, None, None, tmp_path))

    assert "codex-plus-enterprise is installed, and plugins.allowed does not name it" in str(refused.value)


@pytest.mark.req("E5")
@pytest.mark.parametrize(
    ("plugins", "said"),
    [
        (Plugins(), "no plugin that enforces it; install codex-plus-enterprise"),
        (Plugins((), (ENTERPRISE,)), "add enterprise to --plugins"),
        (Plugins((replace(ENTERPRISE, error="no such module"),)), "no plugin that enforces it works: no such module"),
        (Plugins((replace(ENTERPRISE, enforces_policy=True),)), ""),
    ],
)
def test_where_nobody_enforces_a_policy_the_remedy_fits_what_is_installed(plugins: Plugins, said: str) -> None:
    assert said in (found := enforcement_lacks(plugins))
    assert bool(found) is bool(said)


@pytest.mark.req("E5")
def test_a_plugin_that_the_policy_comes_to_forbid_is_told_to_the_log_once(tmp_path: Path) -> None:
    path = tmp_path / "etc/policy.yaml"
    path.parent.mkdir(mode=0o755)
    place = PolicyPlace(path, owner=os.getuid(), top=path.parent)
    lines: list[str] = []
    log = SimpleNamespace(error=lambda event, **fields: lines.append(f"{event} {fields['plugin']}"))
    config = Config(None, policy=place, every_s=0.0)
    since = ForbiddenSince(Plugins((Plugin("mcp"), Plugin("slash"))), config, log)

    since.look()
    before = list(lines)
    path.write_text("plugins: {allowed: [slash]}\n")
    since.look()
    since.look()

    assert (before, lines) == ([], ["plugin_not_allowed mcp"])


def test_what_a_list_would_let_load_can_be_asked() -> None:
    about = About(Plugins((Plugin("mcp"), replace(ENTERPRISE, version="1.2"))))

    assert about.admitted(["codex-plus-enterprise==1.2"]) == ("enterprise",)
    assert about.admitted(["codex-plus-enterprise==1.1"]) == ()


def test_commands_go_by_the_same_list_and_a_bad_policy_forbids_them_nothing(policy: Path) -> None:
    before = plugins_allowed_here()
    policy.write_text("plugins: {allowed: [slash]}\n")
    policy.chmod(0o644)
    listed = plugins_allowed_here()
    policy.write_text("plugins: {allowed: 5}\n")

    assert (before, listed, plugins_allowed_here()) == (None, ("slash",), None)
