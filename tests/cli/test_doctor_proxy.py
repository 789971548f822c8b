"""What doctor says of the running proxy, its port, its upstream and its plugins."""

from __future__ import annotations

import asyncio
import os
import sys
from types import SimpleNamespace

import pytest
from cli import stand_ins

from codexplus_core.cli import doctor_proxy

OURS = 'openai_base_url = "http://127.0.0.1:3000/v1"\n'


@pytest.mark.abuse("A22")
def test_somebody_elses_port_is_an_error_with_its_owner(around):
    with stand_ins.listening({}) as port:
        found = doctor_proxy.port(around(port=port))

    assert found.status == "error"
    assert "no codex-plus proxy of yours" in found.message
    if sys.platform == "linux":
        assert f"pid {os.getpid()}" in found.message
        assert f"uid {os.getuid()}" in found.message


def test_a_running_proxy_and_its_plugins_are_asked(around):
    plugins = [
        {"name": "slash", "state": "ok", "reason": ""},
        {"name": "mcp", "state": "broken", "reason": "no such module"},
    ]
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": plugins}) as port:
        place = around(port=port)

        assert doctor_proxy.port(place).status == "ok"
        assert doctor_proxy.proxy(place).status == "ok"
        found = doctor_proxy.plugins(place)

    assert found.status == "error"
    assert "mcp: no such module" in found.message


def test_without_a_proxy_the_plugins_are_loaded_here(around):
    broken = SimpleNamespace(name="mine", error="plugin 'mine' cannot be imported", warnings=[], forbidden=False)
    loaded = SimpleNamespace(plugins=(broken,), call_sync=lambda hook: [])
    with stand_ins.listening({}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=loaded))

    assert found.status == "error"
    assert found.message.count("mine") == 1 and "plugin 'mine' cannot be imported" in found.message


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ((None, "no route to host"), "error", "no route"),
        ((403, "https://x asks for a browser challenge (cf-mitigated)"), "error", "cf-mitigated"),
        ((401, "https://x answers with status 401"), "ok", "/v1: reached"),
        ((503, "https://x answers with status 503"), "warning", "503"),
    ],
)
async def test_the_upstream_is_judged_by_its_answer(around, monkeypatch, answer, status, words):
    async def probe(url, timeout):
        return answer

    monkeypatch.setattr("codexplus_core.proxy.upstream.probe", probe)

    # Whatever listens on the usual port of this machine is not asked.
    with stand_ins.listening({}) as port:
        found = await doctor_proxy.upstream(around(port=port))

    assert (found.status, words in found.message) == (status, True), found


async def test_a_websocket_upstream_is_tried_over_http(around):
    with stand_ins.listening({}) as port:
        place = around()
        place.asked_upstream = f"ws://127.0.0.1:{port}/v1"

        found = await doctor_proxy.upstream(place)

    assert (found.status, found.message) == ("ok", f"ws://127.0.0.1:{port}/v1: reached")


def with_plugins(*names, forbidden=()):
    found = [SimpleNamespace(name=name, version="1.0", error=None, warnings=[], forbidden=False) for name in names]
    found += [
        SimpleNamespace(name=name, version="1.0", error="not allowed", warnings=[], forbidden=True)
        for name in forbidden
    ]
    return SimpleNamespace(plugins=found, call_sync=lambda hook: [])


def row(name, **more):
    return {"name": name, "version": "1.0", "state": "ok", "reason": ""} | more


@pytest.mark.req("E5")
@pytest.mark.parametrize("running", [True, False])
def test_a_plugin_that_the_policy_keeps_out_is_neither_broken_nor_uninstalled(around, running):
    rows = [row("slash"), row("mcp", state="forbidden", reason="not allowed")]
    health = stand_ins.HEALTHY | {"plugins": rows} if running else {}
    with stand_ins.listening(health) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins("slash", forbidden=["mcp"])))

    assert found.status == "ok"
    assert found.message.endswith(": slash; not loaded, because plugins.allowed does not name them: mcp")


@pytest.mark.req("E5")
def test_a_plugin_that_runs_although_the_policy_came_to_forbid_it_is_an_error(around):
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": [row("slash"), row("mcp")]}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins("slash", forbidden=["mcp"])))

    assert found.status == "error" and "does not name them any more: mcp" in found.message
    assert "codex-plus stop" in found.fix


def test_a_plugin_that_is_allowed_by_now_is_loaded_by_another_start(around):
    rows = [row("slash"), row("mcp", state="forbidden", reason="not allowed")]
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": rows}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins("slash", "mcp")))

    assert found.status == "warning" and "mcp is allowed since it started" in found.message


@pytest.mark.parametrize("state", ["failing", "disabled"])
def test_a_plugin_that_fails_in_the_running_proxy_is_named_with_its_last_error(around, state):
    rows = [row("slash"), row("mine", state=state, errors=3, last_error="on_request: KeyError (mine.py:7)")]
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": rows}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins("slash", "mine")))

    assert found.status == "warning"
    assert f"mine is {state} (3 errors); last: on_request: KeyError (mine.py:7)" in found.message


@pytest.mark.parametrize(
    ("there", "here", "words"),
    [
        (["slash"], ["slash", "mine"], "mine was installed since it started"),
        (["slash", "mine"], ["slash"], "mine was uninstalled since it started"),
    ],
)
def test_a_proxy_that_does_not_know_the_installed_plugins_is_to_be_restarted(around, there, here, words):
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": [row(name) for name in there]}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins(*here)))

    assert found.status == "warning"
    assert words in found.message
    assert found.fix.startswith(f"codex-plus stop --port {port}")


def test_another_version_of_a_plugin_is_to_be_loaded_anew(around):
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": [row("mine", version="0.9")]}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins("mine")))

    assert "mine is 0.9 there, 1.0 is installed" in found.message


def test_the_upstream_of_the_running_proxy_is_the_one_that_is_tried(around, monkeypatch):
    asked = []

    async def probe(url, timeout):
        asked.append(url)
        return 401, ""

    monkeypatch.setattr("codexplus_core.proxy.upstream.probe", probe)
    with stand_ins.listening(stand_ins.HEALTHY | {"upstream": "https://corp.example/v1"}) as port:
        found = asyncio.run(doctor_proxy.upstream(around(port=port)))

    assert asked == ["https://corp.example/v1"]
    assert "the running proxy's upstream" in found.message


def test_a_proxy_that_was_started_before_the_settings_said_otherwise_is_pointed_out(around, private_home):
    file = private_home / ".codex/settings.json"
    with stand_ins.listening(stand_ins.HEALTHY | {"upstream": "by login"}) as port:
        made = around(port=port)
        file.write_text('{"upstream": {"url": "https://corp.example/v1"}}')
        found = asyncio.run(doctor_proxy.upstream(made))

    assert found.status == "warning"
    assert found.message == f"the running proxy sends by login, {file}:1 says https://corp.example/v1"
    assert "codex-plus stop" in found.fix


def test_a_port_that_codex_is_not_told_of_is_pointed_out(around):
    with stand_ins.listening(stand_ins.HEALTHY) as port:
        found = doctor_proxy.port(around(config=OURS, port=port))

    assert found.status == "warning"
    assert "Codex is told to use port 3000" in found.message
