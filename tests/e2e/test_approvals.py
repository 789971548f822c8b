"""Questions of ours in the real Codex: in one process, over several, and from a terminal."""

from __future__ import annotations

import re

import pytest
from e2e.codex import ALL, NEWEST, Auth
from e2e.proxies import COMMAND, python_env
from e2e.said import words_of
from e2e.test_tui import SETTINGS, calm

from codexplus_core.testing import text

pytestmark = pytest.mark.e2e

QUESTION = "Allow? (Y)es/(N)o/(A)lways"
LOGINS: tuple[Auth, ...] = ("api", "chatgpt")
OLDER = tuple(version for version in ALL if version != NEWEST)


@pytest.mark.wire("W17")
@pytest.mark.parametrize("auth", LOGINS)
async def test_a_one_shot_run_is_answered_by_its_resume_over_a_restart_of_the_proxy(
    auth: Auth, codex, upstream, proxy
) -> None:
    running = await proxy("deploy")
    one = codex(NEWEST, auth).point_at(running.url)
    upstream.script = [text("It is out."), text("You are welcome.")]

    asked = await one.exec("/deploy prod")
    assert upstream.turns == []
    await running.kill()
    await running.start()
    done = await one.resume("y")
    await one.resume("thanks")

    assert asked.code == 0
    assert QUESTION in asked.stdout and "Not run: nobody can answer in this one-shot run." in asked.stdout
    assert "It is out." in done.stdout
    assert [words_of(got) for got in upstream.turns] == [
        ["deployed: /deploy prod"],
        ["deployed: /deploy prod", "It is out.", "thanks"],
    ]


@pytest.mark.wire("W17")
async def test_a_one_shot_run_that_is_answered_no_leaves_no_trace(codex, upstream, proxy) -> None:
    one = codex(NEWEST).point_at((await proxy("deploy")).url)

    await one.exec("/deploy prod")
    refused = await one.resume("n", json=True)
    late = await one.resume("y")

    assert refused.messages == ["Not run."]
    assert late.code == 0
    assert [words_of(got) for got in upstream.turns] == [["y"]]


@pytest.mark.abuse("C03")
@pytest.mark.parametrize("version", OLDER)
async def test_an_older_codex_is_answered_from_a_terminal(version: str, codex, upstream, proxy) -> None:
    running = await proxy("deploy")
    one = codex(version).point_at(running.url)

    asked = await one.exec("/deploy prod")
    (id,) = re.findall(r"codex-plus approvals allow (\w+)", asked.stdout)[:1]
    env = one.env() | python_env(running.home)
    allowed = await one.run("approvals", "allow", id, program=COMMAND, env=env)
    await one.exec("/deploy prod")

    assert QUESTION not in asked.stdout
    assert allowed.code == 0 and "./deploy.sh" in allowed.stdout
    assert words_of(upstream.turns[-1]) == ["deployed: /deploy prod"]


@pytest.mark.req("P8")
async def test_the_question_is_asked_and_answered_on_the_screen(codex, upstream, proxy, tui) -> None:
    upstream.script = [text("It is out."), text("Out again.")]
    one = codex(NEWEST)
    one.configure(SETTINGS)
    screen = await tui(one.point_at((await proxy("deploy")).url))

    await screen.say(" /deploy prod")
    await screen.shows(QUESTION)
    await screen.say("y")
    await screen.shows("It is out.")
    await screen.say(" /deploy prod")
    await screen.shows("Question", times=2)
    await screen.say("n")
    shown = await screen.shows("Not run.")

    assert calm(shown)
    assert [words_of(got) for got in upstream.turns if got.body] == [["deployed: /deploy prod"]]
