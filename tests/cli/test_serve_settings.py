"""`serve` takes from settings files what its options do not say."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.cli import doctor_settings, serve
from codexplus_core.cli.main import main
from codexplus_core.proxy.build import build
from codexplus_core.services.config import PolicyPlace
from codexplus_core.services.problem import Problem
from codexplus_core.services.settings import ServeSettings

FILE: dict[str, Any] = {
    "upstream": {"url": "https://gateway.example/v1", "impersonate": "none", "websockets": "off"},
    "log": {"level": "info", "format": "human"},
}


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def settings(home: Path, *words: str) -> ServeSettings:
    parser = ArgumentParser()
    serve.configure(parser)
    return serve.settings_from(parser.parse_args(words), {"HOME": str(home), "CODEX_PLUS_HOME": str(home / "state")})


def facts(found: ServeSettings) -> tuple[Any, ...]:
    return found.upstream, found.impersonate, found.websockets, found.log_level, found.log_format


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "etc/policy.yaml"
    path.parent.mkdir()
    place = PolicyPlace(path, owner=os.getuid() if hasattr(os, "getuid") else 0, top=path.parent)
    for module in ("cli.told", "proxy.build"):
        monkeypatch.setattr(f"codexplus_core.{module}.policy_place", lambda: place)
    return path


@pytest.mark.req("C2", "P1")
@pytest.mark.parametrize("folder", [".codexplus", ".claude", ".codex"])
def test_what_no_option_says_the_users_files_say(tmp_path: Path, folder: str) -> None:
    assert facts(settings(tmp_path)) == (None, "chrome", "auto", "warning", None)

    write(tmp_path / folder / "settings.json", FILE)
    if folder == ".codexplus":
        (tmp_path / folder).rename(tmp_path / "state")

    assert facts(settings(tmp_path)) == ("https://gateway.example/v1", None, "off", "info", "human")


@pytest.mark.req("C2")
def test_an_option_counts_more_than_a_file(tmp_path: Path) -> None:
    write(tmp_path / ".claude/settings.json", FILE)
    words = ["--upstream", "http://127.0.0.1:4000/v1/", "--impersonate", "firefox", "--websockets", "bridge"]
    words += ["--log-level", "error", "--log-format", "json"]

    found = settings(tmp_path, *words)

    assert facts(found) == ("http://127.0.0.1:4000/v1", "firefox", "bridge", "error", "json")


@pytest.mark.req("C2", "E5")
def test_the_administrator_counts_more_than_an_option(tmp_path: Path, policy: Path) -> None:
    write(policy, json.dumps(FILE))

    found = settings(tmp_path, "--upstream", "http://127.0.0.1:4000/v1", "--websockets", "bridge")

    assert facts(found) == ("https://gateway.example/v1", None, "off", "info", "human")


@pytest.mark.abuse("B03")
@pytest.mark.req("X6")
@pytest.mark.parametrize("name", [".codexplus/settings.local.json", ".claude/settings.json", ".mcp.json"])
def test_no_repository_says_where_requests_go(tmp_path: Path, monkeypatch: Any, capsys: Any, name: str) -> None:
    write(tmp_path / "project" / name, FILE)
    monkeypatch.chdir(tmp_path / "project")

    assert facts(settings(tmp_path)) == (None, "chrome", "auto", "warning", None)

    main(["config", "list", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert {"upstream", "log"} >= {row["key"].partition(".")[0] for row in listed["ignored"]} != set()
    assert listed["settings"] == []


@pytest.mark.parametrize("url", ["ftp://gateway.example", "gateway.example", "https://${NOT_SET}/v1", 5])
def test_where_the_upstream_that_is_set_cannot_be_used_nothing_is_served(tmp_path: Path, url: Any) -> None:
    file = write(tmp_path / ".claude/settings.json", {"upstream": {"url": url}})

    with pytest.raises(Problem, match=f"{file}:1: upstream.url: ") as refused:
        settings(tmp_path)

    assert refused.value.exit_code == 2
    assert settings(tmp_path, "--upstream", "http://127.0.0.1:4000").upstream == "http://127.0.0.1:4000"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"upstream": {"url": "http://127.0.0.1:3000/v1"}}, "upstream.url http://127.0.0.1:3000/v1: is this proxy"),
        ({"upstream": {"impersonate": "netscape"}}, "upstream.impersonate netscape: no browser that curl knows"),
    ],
)
def test_what_cannot_work_is_named_with_its_file(tmp_path: Path, data: Any, said: str) -> None:
    file = write(tmp_path / ".claude/settings.json", data)

    with pytest.raises(Problem) as refused:
        settings(tmp_path)

    assert f"{file}:1: {said}" in str(refused.value)


@pytest.mark.req("C3")
async def test_the_proxy_and_its_plugins_see_where_each_value_comes_from(
    private_home: Path, policy: Path, capfd: Any
) -> None:
    write(private_home / ".claude/settings.json", FILE)
    told = settings(private_home, "--websockets", "auto", "--log-format", "json", "--plugins", "none")
    app = build(told)
    try:
        user = app.core.config.user
        origins = {value.key: str(value.origin) for value in user.list()}
        assert origins["upstream.websockets"] == "command line"
        assert origins["upstream.url"] == f"{private_home / '.claude/settings.json'}:1"
        assert app.core.config["upstream"] == "https://gateway.example/v1"
    finally:
        await app.stop()
    assert capfd.readouterr().err == ""


@pytest.mark.req("C3", "E5")
async def test_an_option_that_the_policy_overrules_is_in_the_log(private_home: Path, policy: Path, capfd: Any) -> None:
    class Enforces:
        FAIL_CLOSED = ENFORCES_POLICY = True

    write(policy, "upstream: {url: https://gateway.example}\n").chmod(0o644)
    app = build(settings(private_home, "--upstream", "http://127.0.0.1:9"), {"enforces": Enforces()})
    await app.stop()

    line = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert line["event"] == "settings_problem"
    assert line["reason"] == f"upstream.url: the command line's does not count, for {policy}:1 says otherwise"


def test_the_doctor_finds_the_upstream_of_the_settings(private_home: Path) -> None:
    from types import SimpleNamespace

    around: Any = SimpleNamespace(env={"HOME": str(private_home)})
    assert doctor_settings.upstream_in_settings(around) is None

    write(private_home / ".claude/settings.json", FILE)

    found = doctor_settings.upstream_in_settings(around)
    assert found is not None and found.value == "https://gateway.example/v1"
