"""The shell commands of command files: who is asked, what runs, how often, and what of it the model reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from slash_folders import ALLOW, own_command, project_command, prompt_at, proxy_in, whole, write

from codexplus_core import Action, hookimpl
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.config import Config
from codexplus_core.testing import Harness, text
from codexplus_slash.plugin import Slash

pytestmark = pytest.mark.usefixtures("over_both")


@pytest.mark.req("S5", "X1")
async def test_a_projects_shell_command_is_asked_for_and_run_once(folders: Path) -> None:
    project_command(folders, "st", "---\nallowed-tools: Bash(echo:*), Bash(tee:*)\n---\nNow: !`echo ran | tee -a log`")
    approvals = Approvals()

    async with proxy_in(folders, approvals=approvals, script=[text("ok")]) as proxy:
        question = await proxy.say("/st")
        assert ALLOW in question.text and "echo ran | tee -a log" in question.text
        assert ".codexplus/commands/st.md" in question.text and not (folders / "work/log").exists()
        await proxy.say("a")
        await proxy.retry()
        await proxy.say("more")
        answer = await proxy.say("/st")

        assert ALLOW not in answer.text
        assert (folders / "work/log").read_text(encoding="utf-8") == "ran\n" * 2
        assert prompt_at(proxy) == ["Now: ran"] and '"/st"' not in whole(proxy)


@pytest.mark.req("S5")
async def test_a_no_runs_nothing(folders: Path) -> None:
    project_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`touch made`")

    async with proxy_in(folders) as proxy:
        await proxy.say("/st")
        refused = await proxy.say("n")

        assert refused.text == "Not run."
        assert not (folders / "work/made").exists() and not proxy.upstream.turns


@pytest.mark.req("S5")
@pytest.mark.parametrize("body", ["!`touch $1`", '!`touch "$ARGUMENTS"`', "!`mkdir -p d && touch d/x $1`"])
async def test_a_yes_holds_for_other_arguments_too(folders: Path, body: str) -> None:
    project_command(folders, "new", f"---\nallowed-tools: Bash(touch:*), Bash(mkdir:*)\n---\n{body}")

    async with proxy_in(folders) as proxy:
        await proxy.say("/new one")
        await proxy.say("a")
        answer = await proxy.say("/new two")
        outside = await proxy.say(f"/new {folders}/three")

        assert ALLOW not in answer.text
        assert (folders / "work/one").exists() and (folders / "work/two").exists()
        assert "failed" in outside.text and not (folders / "three").exists()


@pytest.mark.req("S5")
async def test_ones_own_command_runs_what_it_allows_and_what_only_looks(folders: Path) -> None:
    own_command(folders, "st", "---\nallowed-tools: Bash(touch:*)\n---\nA !`touch made` B !`seq 1 2`")

    async with proxy_in(folders) as proxy:
        await proxy.say("/st")

        assert prompt_at(proxy) == ["A (Bash completed with no output) B 1\n2"]
        assert (folders / "work/made").exists()


@pytest.mark.req("S5")
async def test_what_the_file_does_not_allow_stops_it_with_file_and_line(folders: Path) -> None:
    own_command(folders, "st", "---\ndescription: d\n---\nfirst\n!`touch made`")

    async with proxy_in(folders) as proxy:
        answer = await proxy.say("/st")

        assert "home/.codexplus/commands/st.md`, line 5" in answer.text
        assert "allowed-tools: Bash(touch:*)" in answer.text
        assert not (folders / "work/made").exists() and not proxy.upstream.turns


@pytest.mark.req("S5")
async def test_a_shell_command_that_fails_stops_it_before_the_model(folders: Path) -> None:
    own_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`echo out; echo err >&2; exit 3`")

    async with proxy_in(folders) as proxy:
        answer = await proxy.say("/st")

        assert "[stderr]\nout\nerr" in answer.text and "line 4" in answer.text
        assert not proxy.upstream.turns


@pytest.mark.req("P10")
async def test_a_stop_comes_in_words_for_those_who_want_words_and_a_question_as_it_is(folders: Path) -> None:
    own_command(folders, "bad", "---\nallowed-tools: Bash\n---\n!`echo out; exit 3`")
    own_command(folders, "no", "!`touch made`")
    project_command(folders, "ask", "!`echo hi`")

    async with proxy_in(folders, settings={"accessibility": True}) as proxy:
        for typed in ("/bad", "/no"):
            assert "`" not in (await proxy.say(typed)).text
        question = await proxy.say("/ask")

        assert "`command /ask` wants to run:" in question.text and ALLOW in question.text


@pytest.mark.req("S5")
async def test_a_denying_rule_wins_over_the_file_and_over_a_yes(folders: Path) -> None:
    own_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`touch made`")

    async with proxy_in(folders, settings={"permissions": {"deny": ["Bash(touch:*)"]}}) as proxy:
        answer = await proxy.say("/st")

        assert "denied by the rule Bash(touch:*)" in answer.text
        assert not (folders / "work/made").exists()


@pytest.mark.abuse("C13", "C14", "D01")
@pytest.mark.parametrize(
    "typed", ["; touch made", "$(touch made)", "`touch made`", "' ; touch made; '", "!`touch made`"]
)
@pytest.mark.parametrize(
    "body", ["A !`echo $ARGUMENTS` B", "A !`echo '$ARGUMENTS'` B", 'A !`echo "$1"` B', "A $ARGUMENTS B"]
)
async def test_what_is_typed_becomes_no_command(folders: Path, body: str, typed: str) -> None:
    own_command(folders, "st", f"---\nallowed-tools: Bash\n---\n{body}")

    async with proxy_in(folders) as proxy:
        await proxy.say(f"/st {typed}")

        assert not (folders / "work/made").exists()


@pytest.mark.abuse("C13")
async def test_an_option_that_is_typed_is_asked_about_as_it_stands(folders: Path) -> None:
    project_command(folders, "d", "---\nallowed-tools: Bash(git diff:*)\n---\n!`git diff $1`")

    async with proxy_in(folders) as proxy:
        await proxy.say("/d --stat")
        await proxy.say("a")
        asked = await proxy.say("/d --name-only")
        await proxy.say("n")
        template = await proxy.say("/d HEAD")

        assert ALLOW in asked.text and "git diff --name-only" in asked.text
        assert "git diff $1" in template.text and "this time: git diff HEAD" in template.text


@pytest.mark.abuse("B06")
async def test_a_changed_file_asks_again(folders: Path) -> None:
    project_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`echo one`")

    async with proxy_in(folders) as proxy:
        await proxy.say("/st")
        await proxy.say("a")
        project_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`echo other`")
        asked = await proxy.say("/st")

        assert ALLOW in asked.text and "+ echo other" in asked.text


@pytest.mark.abuse("C14")
async def test_what_a_program_prints_is_text(folders: Path) -> None:
    write(folders / "work/secret.txt", "S")
    write(folders / "work/out", "!`touch made` @secret.txt $1 $ARGUMENTS")
    own_command(folders, "st", "---\nallowed-tools: Bash\n---\nSee !`cat out`")

    async with proxy_in(folders) as proxy:
        await proxy.say("/st")

        assert prompt_at(proxy) == ["See !`touch made` @secret.txt $1 $ARGUMENTS"]


@pytest.mark.req("S14")
async def test_a_command_that_is_one_shell_line_answers_by_itself(folders: Path) -> None:
    own_command(folders, "now", "---\ndescription: d\n---\n!printf '%s\\n' one $1\n")
    own_command(folders, "picture", "![a](b.png)")

    async with proxy_in(folders) as proxy:
        first = await proxy.say("/now 'two three'")
        answer = await proxy.say("/now 'two three'")
        assert answer.text == "```\none\ntwo three\n```" and not proxy.upstream.turns
        assert first.text.startswith("`/now` is `") and first.text.endswith(answer.text)
        await proxy.say("/picture")

        assert prompt_at(proxy) == ["![a](b.png)"]
        assert "/now" not in whole(proxy)


@pytest.mark.req("S14")
@pytest.mark.parametrize(("settings", "seconds"), [({}, 30.0), ({"slash": {"timeout": 7}}, 7.0)])
async def test_a_shell_line_has_30_seconds_unless_it_is_set(
    folders: Path, settings: dict[str, Any], seconds: float
) -> None:
    own_command(folders, "now", "!echo it")
    seen: list[Action] = []

    class Looks:
        @hookimpl
        def on_action(self, action: Action) -> None:
            seen.append(action)

    async with Harness(
        {"slash": Slash(), "looks": Looks()},
        config=Config(folders / "home", settings),
        cwd=str(folders / "work"),
    ) as proxy:
        await proxy.say("/now")

    assert [action.timeout for action in seen if action.kind == "run"] == [seconds]


@pytest.mark.req("S14")
async def test_a_projects_shell_line_is_asked_for(folders: Path) -> None:
    project_command(folders, "now", "!touch made")

    async with proxy_in(folders) as proxy:
        asked = await proxy.say("/now")
        assert ALLOW in asked.text and not (folders / "work/made").exists()
        await proxy.say("y")

        assert (folders / "work/made").exists() and not proxy.upstream.turns


@pytest.mark.req("S5")
async def test_what_changes_something_runs_in_order_up_to_what_fails(folders: Path) -> None:
    steps = "!`mkdir d`\n!`touch d/a`\n!`cp d/a d/b`"
    own_command(folders, "make", f"---\nallowed-tools: Bash\n---\n{steps}\ndone")
    own_command(folders, "stop", "---\nallowed-tools: Bash\n---\n!`touch first`\n!`false`\n!`touch last`")

    async with proxy_in(folders, script=[text("ok")]) as proxy:
        await proxy.say("/make")
        stopped = await proxy.say("/stop")

    assert sorted(path.name for path in (folders / "work/d").iterdir()) == ["a", "b"]
    assert "false" in stopped.text and (folders / "work/first").exists() and not (folders / "work/last").exists()


@pytest.mark.req("S5")
async def test_all_run_as_in_claude_code_though_one_fails_and_none_longer_than_the_settings_say(folders: Path) -> None:
    own_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`touch one` !`false` !`touch three`")
    own_command(folders, "late", "---\nallowed-tools: Bash\n---\n!`sleep 60`")

    async with proxy_in(folders, settings={"compatibility": "claude-code", "slash": {"timeout": 1.5}}) as proxy:
        failed = await proxy.say("/st")
        late = await proxy.say("/late")

        assert 'failed for pattern "!`false`"' in failed.text
        assert (folders / "work/one").exists() and (folders / "work/three").exists()
        assert "Command timed out after 1s" in late.text and not proxy.upstream.turns


@pytest.mark.abuse("D04")
async def test_variables_come_from_ones_own_settings_and_not_from_a_projects(folders: Path) -> None:
    own_command(folders, "st", "---\nallowed-tools: Bash\n---\n!`echo [$MINE] [$THEIRS]`")
    write(folders / "home/.claude/settings.json", '{"env": {"MINE": "1"}}')
    write(folders / "work/.claude/settings.json", '{"env": {"THEIRS": "2"}}')

    async with proxy_in(folders) as proxy:
        await proxy.say("/st")

        assert prompt_at(proxy) == ["[1] []"]


async def test_a_folder_that_is_left_is_named_as_claude_code_does(folders: Path) -> None:
    (folders / "work/sub").mkdir()
    write(folders / "home/.claude/commands/st.md", "A !`cd sub && pwd` B !`pwd`")

    async with proxy_in(folders, settings={"compatibility": "claude-code"}) as proxy:
        await proxy.say("/st")

        work = folders / "work"
        assert prompt_at(proxy)[-1] == f"A {work}/sub\nShell cwd was reset to {work} B {work}"


@pytest.mark.req("S5")
async def test_a_program_of_the_project_is_started_by_its_path(folders: Path) -> None:
    for name in ("count.sh", "tools/count.sh"):
        write(folders / "work" / name, "#!/bin/sh\necho counted $1\n").chmod(0o755)
    project_command(
        folders,
        "c",
        "---\nallowed-tools: Bash(./count.sh:*), Bash(tools/count.sh)\n---\n!`./count.sh $1 && tools/count.sh`",
    )

    async with proxy_in(folders) as proxy:
        await proxy.say("/c 7")
        await proxy.say("y")

        assert prompt_at(proxy) == ["counted 7\ncounted"]


@pytest.mark.parametrize("profile", ["default", "claude-code"])
async def test_where_shell_commands_are_switched_off_a_note_takes_their_place(folders: Path, profile: str) -> None:
    write(
        folders / "home/.claude/commands/st.md", "---\nallowed-tools: Bash\n---\nA !`touch made` B !`pwd` C $ARGUMENTS"
    )
    write(folders / "home/.claude/commands/one.md", "! touch made")
    settings = {"compatibility": profile, "disableSkillShellExecution": True}

    async with proxy_in(folders, settings=settings) as proxy:
        await proxy.say("/st now")
        sent = prompt_at(proxy)[-1]
        answer = await proxy.say("/one")
        shown = [await proxy.say(f"/plus preview {name}") for name in ("st", "one")]

    off = "[shell command execution disabled by policy]"
    assert sent == f"A {off} B {off} C now"
    assert profile == "claude-code" or "disableSkillShellExecution" in answer.text
    assert profile == "claude-code" or all("disableSkillShellExecution" in each.text for each in shown)
    assert not (folders / "work/made").exists()


async def test_a_question_that_named_the_file_is_notice_enough(folders: Path) -> None:
    project_command(folders, "st", "See !`echo hi`")

    async with proxy_in(folders) as proxy:
        await proxy.say("/st")
        answer = await proxy.say("y")

        assert answer.text == "Hello from the script." and prompt_at(proxy) == ["See hi"]


async def test_a_long_output_is_kept_in_a_file_of_the_users(folders: Path) -> None:
    own_command(folders, "st", "A !`seq 1 8000` B")

    async with proxy_in(folders) as proxy:
        await proxy.say("/st")

        (prompt,) = prompt_at(proxy)
        found = re.search(r"Full output saved to: (\S+)", prompt)
        assert found is not None and len(prompt) < 3000
        assert Path(found[1]).read_text(encoding="utf-8").endswith("\n8000")
        assert Path(found[1]).stat().st_mode & 0o777 == 0o600
