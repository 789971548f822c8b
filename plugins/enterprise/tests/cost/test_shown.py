"""What people and programs read of it: tables, sentences, JSON, and the command line."""

from __future__ import annotations

import argparse
import json
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from metered import MODEL, Clock, Metered, Settings, costing

from codexplus_core import Problem
from codexplus_core.testing import Harness
from codexplus_enterprise.cost import cli
from codexplus_enterprise.cost.command import read_words
from codexplus_enterprise.cost.store import UsageStore
from codexplus_enterprise.cost.sums import Sums, Use
from codexplus_enterprise.cost.table import bar
from codexplus_enterprise.cost.verdict import percent, short

TODAY = date(2026, 11, 20)


def fill(path: Path, *, today: date) -> None:
    """Two models, two projects, two users; yesterday and today."""
    store = UsageStore(path)
    yesterday = (today - timedelta(days=1)).isoformat()
    store.add(
        {
            (today.isoformat(), Use("ada", "/srv/one", MODEL, "api")): Sums(
                requests=3, input=900_000, cached=400_000, output=50_000, total=950_000, nanos=1_540_000_000
            ),
            (yesterday, Use("bob", "/srv/two", "mystery", "chatgpt")): Sums(
                requests=1, input=1000, output=200, total=1200, unpriced=1200, estimated=1
            ),
        },
        {},
    )
    store.close()


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    cli.configure(parser)
    return cli.run(parser.parse_args(words))


@pytest.fixture(autouse=True)
def noon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line has the tests' clock: a real one may pass midnight, or yesterday be of another year."""
    monkeypatch.setattr(cli, "time", SimpleNamespace(time=clock))


@pytest.fixture
def filled(private_home: Path) -> Path:
    state = private_home / ".codexplus"
    state.mkdir(mode=0o700)
    fill(state / "usage.db", today=TODAY)
    return state


@pytest.mark.req("E6")
def test_the_command_line_shows_a_row_for_each_model(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--since", "7d") == 0

    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if line.startswith(MODEL)]
    assert row.split()[1:] == ["██████████", "3", "900", "k", "400", "k", "50.0", "k", "1.54", "USD"]
    assert any("mystery" in line and line.endswith("no price") for line in lines)
    assert any(line.startswith("total") and line.endswith("1.54 USD +") for line in lines)
    assert "1.20 k tokens are of models without a price: set prices.MODEL in the settings." in lines
    assert "1 answer gave no figures, as when one is broken off; such are judged by their size." in lines


@pytest.mark.req("E6")
@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("user", ["ada", "bob"]), ("project", ["/srv/one", "/srv/two"]), ("account", ["api", "chatgpt"]),
        ("model", [MODEL, "mystery"]),
    ],
)  # fmt: skip
def test_programs_get_the_same_by_any_dimension(
    by: str, names: list[str], filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--by", by, "--since", "7d", "--json")

    found = json.loads(capsys.readouterr().out)
    assert [row[by] for row in found["rows"]] == names
    assert found["rows"][0]["cost"] == 1.54
    assert found["total"]["requests"] == 4
    assert found["currency"] == "USD"


def test_days_come_in_their_order(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--by", "day", "--since", "7d", "--json")

    days = [row["day"] for row in json.loads(capsys.readouterr().out)["rows"]]
    assert days == sorted(days) and len(days) == 2


def test_budgets_stand_in_both(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"budgets": {"user": {"amount": 2, "period": "year"}, "off": False}}
    (filled / "settings.json").write_text(json.dumps(settings))

    run()
    shown = capsys.readouterr().out
    run("--json")
    (ada, bob) = json.loads(capsys.readouterr().out)["budgets"]

    assert "user ada  ████████░░  1.54 of 2.00 USD, 77 %" in shown
    assert (ada["owner"], ada["spent"], ada["limit"], ada["hard"]) == (["ada"], 1.54, 2.0, True)
    assert bob["owner"] == ["bob"] and ada["resets_at"].endswith(("+00:00", ada["resets_at"][-6:]))


def test_nothing_used_is_said_and_makes_no_file(private_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--since", "2026-11-01") == 0

    assert capsys.readouterr().out.strip() == "Nothing was used since 2026-11-01."
    assert not (private_home / ".codexplus" / "usage.db").exists()


def test_for_screen_readers_there_are_sentences(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (filled / "settings.json").write_text('{"accessibility": true, "budgets": {"user": {"amount": 2}}}')

    run("--since", "7d")

    shown = capsys.readouterr().out
    assert f"{MODEL}: 3 requests, 900 k input and 50.0 k output tokens, 1.54 USD." in shown
    assert "Budget user ada: 1.54 of 2.00 USD, 77 %" in shown
    assert "█" not in shown and "░" not in shown


def test_a_day_that_is_none_is_refused(filled: Path) -> None:
    with pytest.raises(Problem, match="--since tomorrow: expected a date"):
        run("--since", "tomorrow")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("", ("model", date(2026, 11, 1))),
        ("project", ("project", date(2026, 11, 1))),
        ("--by day --since 7d", ("day", date(2026, 11, 13))),
        ("since=today by=user", ("user", TODAY)),
        ("everything please", None),
    ],
)
def test_the_command_takes_its_words_in_any_order(words: str, asked: Any) -> None:
    assert read_words(words, TODAY) == asked


async def test_the_command_says_how_to_use_it_for_words_that_mean_nothing(settings: Settings, clock: Clock) -> None:
    plugin = Metered(clock, path=settings.state)

    async with Harness({"meter": plugin}, config=settings.config()) as proxy:
        answer = await proxy.say("/usage for me")

    assert answer.text.startswith("`/plus usage [model|project|user|day|account] [SINCE]`")


async def test_the_users_login_counts_whatever_variables_say(
    settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME"):
        monkeypatch.setenv(name, "somebody-else")
    plugin = Metered(clock, path=settings.state)
    plugin.people = type(plugin.people)()

    async with Harness({"meter": plugin}, config=settings.config(), script=[costing()]) as proxy:
        await proxy.say("one")

    ((use, _),) = plugin.usage._store.sums("2026-01-01")
    assert use.user not in ("somebody-else", "")


async def test_a_header_names_the_user_where_the_administrator_says_so(settings: Settings, clock: Clock) -> None:
    settings.policy(usage={"userHeader": "X-Remote-User"})
    settings.mine(usage={"userHeader": "x-mine"})
    plugin = Metered(clock, path=settings.state)

    async with Harness({"meter": plugin}, config=settings.config(), script=[costing(), costing()]) as proxy:
        request = proxy.codex.say("one")
        headers = [*request.headers, (b"x-remote-user", b"grace"), (b"x-mine", b"nobody")]
        await proxy.request(request.method, request.path, headers, request.body)
        other = proxy.codex.say("two")
        await proxy.request(other.method, other.path, other.headers, other.body)

    assert sorted(use.user for use, _ in plugin.usage._store.sums("2026-01-01")) == ["grace", "unknown"]


async def test_where_several_share_a_proxy_each_sees_what_is_theirs(settings: Settings, clock: Clock) -> None:
    settings.policy(usage={"userHeader": "x-remote-user"}, budgets={"user": {"amount": 9}, "all": {"amount": 99}})
    plugin = Metered(clock, path=settings.state)
    shown = {}

    async with Harness({"meter": plugin}, config=settings.config(), script=[costing(), costing(), costing()]) as proxy:
        for user in ("ada", "ada", "bob"):
            for words in ("hello", "/usage by user"):
                request = proxy.codex.say(words)
                headers = [*request.headers, (b"x-remote-user", user.encode())]
                reply = await proxy.request(request.method, request.path, headers, request.body)
                shown[user] = proxy.codex.receive(reply.body).text

    assert "bob" not in shown["ada"] and "ada" not in shown["bob"]
    words = " ".join(shown["bob"].split())
    assert "user bob ░░░░░░░░░░ 0.30 of 9.00 USD, 3.3 %" in words
    assert "all ░░░░░░░░░░ 0.90 of 99.00 USD, 0.9 %" in words


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0, "....."), (0.001, "....."), (0.049, "....."), (0.05, "#...."), (0.5, "#####."), (7, "##########")],
)
def test_a_bar_is_as_long_as_its_share_to_half_a_cell_and_never_more_than_all(share: float, drawn: str) -> None:
    shown = bar(share, ascii_only=True)

    assert len(shown) == 10 and shown.startswith(drawn)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1000, "1.00 k"), (12_345, "12.3 k"), (100_000, "100 k"), (2.5e9, "2.50 G")],
)
def test_numbers_are_short(count: float, text: str) -> None:
    assert short(count) == text


def test_a_budget_that_is_hardly_touched_is_drawn_empty_with_its_per_cent_and_its_unit_once(
    private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = private_home / ".codexplus"
    state.mkdir(mode=0o700)
    store = UsageStore(state / "usage.db")
    store.add(
        {(TODAY.isoformat(), Use("ada", "/srv/one", MODEL, "api")): Sums(requests=1, input=100, output=10, total=110)},
        {},
    )
    store.close()
    (state / "settings.json").write_text('{"budgets": {"user": {"tokens": 100000, "period": "year"}}}')

    run()

    assert "user ada  ░░░░░░░░░░  110 of 100 k tokens, 0.1 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.01, "under 0.1 %"), (0.11, "0.1 %"), (9.96, "10.0 %"), (77.4, "77 %"), (140, "140 %")],
)
def test_what_is_above_nothing_is_never_called_nothing(share: float, text: str) -> None:
    assert percent(share) == text
