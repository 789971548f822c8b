"""Commands as a user has them: typed in Codex, expanded on the way, the same to the model ever after."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from slash_folders import ALLOW, own_command, project_command, prompt_at, proxy_in, user_items, whole, write

from codexplus_core.conversation.record import MemoryStore

pytestmark = pytest.mark.usefixtures("over_both")


@pytest.mark.req("S1", "S4")
@pytest.mark.parametrize("typed", ["/fix 123 high", " /fix 123 high", "//fix 123 high", "/fix  123 high\n"])
async def test_a_command_is_expanded_through_every_door(folders: Path, typed: str) -> None:
    project_command(folders, "fix", "---\ndescription: d\n---\nFix issue #$1 with priority $2.\n")

    async with proxy_in(folders) as proxy:
        await proxy.say(typed)

        assert prompt_at(proxy) == ["Fix issue #123 with priority high.\n"]


@pytest.mark.req("S1")
async def test_the_model_reads_the_same_words_later_after_resume_and_after_compaction(folders: Path) -> None:
    project_command(folders, "fix", "Fix $ARGUMENTS in @a.txt")
    write(folders / "work/a.txt", "A1")
    expected = [
        "<system-reminder>\nCalled the Read tool with the following input: "
        + json.dumps({"file_path": str(folders / "work/a.txt")}, separators=(",", ":"))
        + "\n</system-reminder>",
        "<system-reminder>\nResult of calling the Read tool:\n1\tA1\n</system-reminder>\n",
        "Fix it in @a.txt",
    ]
    store = MemoryStore()

    async with proxy_in(folders, store=store) as proxy:
        await proxy.say("/fix it")
        write(folders / "work/a.txt", "changed")
        await proxy.say("thanks")
        proxy.resume()
        await proxy.say("again")
        sent = [items for at in range(3) for items in user_items(proxy, at) if items[-1].startswith("Fix")]
        await proxy.send(proxy.codex.compact())
        await proxy.say("after")

        # Over a WebSocket only the first turn and the resumed one hold it again.
        assert len(sent) >= 2 and all(items == expected for items in sent)
        assert "/fix it" not in whole(proxy)


@pytest.mark.req("S6")
@pytest.mark.abuse("E01")
async def test_files_outside_the_project_stay_outside_and_are_named_in_a_note(folders: Path) -> None:
    write(folders / "home/key.txt", "SECRET")
    write(folders / "key.txt", "SECRET")
    (folders / "work/link.txt").symlink_to(folders / "key.txt")
    project_command(folders, "st", "Read @~/key.txt @../key.txt @link.txt @missing.txt, ask @someone")

    async with proxy_in(folders) as proxy:
        answer = await proxy.say("/st")

        *notes, prompt = prompt_at(proxy)
        assert "SECRET" not in whole(proxy)
        assert prompt.startswith("Read @~/key.txt")
        assert len(notes) == 4 and all("Not attached: " in note for note in notes)
        assert answer.text.count("Not attached: ") == 4 and "Not attached: missing.txt: " in answer.text
        assert "someone" not in answer.text


@pytest.mark.req("S6", "S15")
async def test_a_file_that_is_not_there_is_named_to_the_user_each_time_and_not_in_the_strict_profile(
    folders: Path,
) -> None:
    command = folders / "work/.claude/commands/st.md"
    write(command, "Read @missing.txt")

    async with proxy_in(folders) as proxy:
        answers = [(await proxy.say("/st")).text for _ in range(2)]
        assert whole(proxy).count("Not attached") <= 3
    async with proxy_in(folders, settings={"compatibility": "claude-code"}) as proxy:
        strict = await proxy.say("/st")

        assert "Not attached" not in whole(proxy)
    assert all("Not attached: missing.txt: " in answer for answer in answers)
    assert strict.text == "Hello from the script."


@pytest.mark.req("S6")
async def test_a_file_that_a_rule_asks_about_is_asked_for_together_with_the_shell(folders: Path) -> None:
    write(folders / "work/plan.txt", "PLAN")
    project_command(folders, "st", "Read @plan.txt !`echo ran`")

    async with proxy_in(folders, settings={"permissions": {"ask": ["Read(plan.txt)"]}}) as proxy:
        question = await proxy.say("/st")
        assert "plan.txt" in question.text and "echo ran" in question.text and ALLOW in question.text
        await proxy.say("y")

        *_, result, prompt = prompt_at(proxy)
        assert "1\tPLAN" in result and prompt == "Read @plan.txt ran"


@pytest.mark.req("S2")
async def test_the_model_of_a_command_holds_for_its_turn(folders: Path) -> None:
    own_command(folders, "m", "---\nmodel: gpt-5-other\n---\nGo")
    own_command(folders, "c", "---\nmodel: opus\n---\nGo")

    async with proxy_in(folders) as proxy:
        for typed in ("hello", "/m", "hello", "/c"):
            await proxy.say(typed)

        models = [turn.body["model"] for turn in proxy.upstream.turns if isinstance(turn.body, dict)]
        assert models[1] == "gpt-5-other"
        assert models[0] == models[2] == models[3] != "gpt-5-other"


@pytest.mark.req("S2")
@pytest.mark.parametrize("profile", ["default", "claude-code"])
@pytest.mark.parametrize("model", ["opus", "claude-3-5-haiku-latest", "gpt-5-other"])
async def test_an_upstream_that_the_user_named_is_asked_for_the_model_as_it_stands(
    folders: Path, profile: str, model: str
) -> None:
    write(folders / "home/.claude/commands/m.md", f"---\nmodel: {model}\n---\nGo")
    settings = {"compatibility": profile, "upstream": {"url": "http://127.0.0.1:9/v1"}}

    async with proxy_in(folders, settings=settings) as proxy:
        answer = await proxy.say("/m")

        assert proxy.upstream.turns[-1].body["model"] == model
        assert "slash.models" not in answer.text


@pytest.mark.req("S2")
@pytest.mark.parametrize(
    ("settings", "model", "expected"),
    [
        ({}, "claude-3-5-haiku-latest", ""),
        ({"upstream": {"websockets": "off"}}, "claude-3-5-haiku-latest", ""),
        ({"slash": {"models": {"opus": "claude-on-our-side"}}}, "opus", "claude-on-our-side"),
        ({"compatibility": "claude-code"}, "claude-3-5-haiku-latest", "claude-3-5-haiku-latest"),
        ({"compatibility": "claude-code"}, "opus", ""),
        ({"upstream": {"url": "http://127.0.0.1:9/v1"}}, "inherit", ""),
    ],
)
async def test_without_one_a_model_of_claude_codes_is_passed_over(
    folders: Path, settings: dict[str, Any], model: str, expected: str
) -> None:
    write(folders / "home/.claude/commands/m.md", f"---\nmodel: {model}\n---\nGo")

    async with proxy_in(folders, settings=settings) as proxy:
        await proxy.say("hello")
        first = await proxy.say("/m")
        second = await proxy.say("/m")

        own, *asked = [turn.body["model"] for turn in proxy.upstream.turns]
        assert asked == [expected or own] * 2
        told = not expected and model != "inherit" and settings.get("compatibility") != "claude-code"
        assert (f"asks for the model `{model}`" in first.text) is told
        assert "slash.models" not in second.text and "slash.models" not in whole(proxy)


@pytest.mark.req("S15", "X5")
async def test_where_a_command_comes_from_is_shown_before_its_first_run_and_kept_from_the_model(folders: Path) -> None:
    path = project_command(folders, "fix", "Fix it")

    async with proxy_in(folders) as proxy:
        first = await proxy.say("/fix")
        second = await proxy.say("/fix")
        path.write_text("Fix it well", encoding="utf-8")
        third = await proxy.say("/fix")
        await proxy.say("bye")

        assert re.match(r"`/fix` is `\.codexplus/commands/fix\.md`, of the project \(sha256 `\w{12}`…\)", first.text)
        assert first.text.endswith("Hello from the script.")
        assert second.text == "Hello from the script."
        assert "of the project" in third.text
        assert "sha256" not in whole(proxy)


async def test_a_command_of_the_home_directory_is_told_of_from_there(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folders / "home"
    monkeypatch.setenv("HOME", str(home))
    path = home / ".codexplus/commands/mine.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("Do it", encoding="utf-8")

    async with proxy_in(folders) as proxy:
        answer = await proxy.say("/mine")

    assert answer.text.startswith("`/mine` is `~/.codexplus/commands/mine.md`, your own (sha256 ")
