"""A project's hooks in a conversation, how sessions begin and go on, and the Python hooks at both ends of a turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hook_folders import events, hooked_proxy, noting, own_hooks, sent, told

from codexplus_core.services.config import Config
from codexplus_core.testing import Harness, shell, text
from codexplus_hooks.plugin import HooksPlugin

pytestmark = pytest.mark.usefixtures("hooks_over_both")

QUESTION = "Allow? (Y)es/(N)o/(A)lways"


def projects_hooks(folders: Path, hooks: dict[str, str]) -> None:
    path = folders / "work/.claude/settings.json"
    path.parent.mkdir(exist_ok=True)
    made = {event: [{"hooks": [{"type": "command", "command": command}]}] for event, command in hooks.items()}
    path.write_text(json.dumps({"hooks": made}), encoding="utf-8")


def python_hook(folders: Path, name: str, words: str) -> None:
    path = folders / f"home/.claude/hooks/{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words, encoding="utf-8")


@pytest.mark.req("H5", "X5")
@pytest.mark.abuse("B01")
async def test_a_projects_hooks_are_asked_about_once_and_then_run_for_the_first_prompt(hook_folders: Path) -> None:
    projects_hooks(hook_folders, {"SessionStart": "echo be kind", "UserPromptSubmit": "echo branch main"})

    async with hooked_proxy(hook_folders, tui=True) as proxy:
        question = await proxy.say("hello")
        assert QUESTION in question.text and question.text.count("Allow?") == 1
        assert "SessionStart" in question.text and "UserPromptSubmit" in question.text
        assert not proxy.upstream.turns

        answer = await proxy.say("y")

        assert answer.text == "Hello from the script."
        assert "be kind" in sent(proxy) and "branch main" in sent(proxy) and '"hello"' in sent(proxy)
        await proxy.say("more")
        assert len(proxy.upstream.turns) == 2 and sent(proxy).count("be kind") == 1


@pytest.mark.req("H5")
async def test_after_a_no_a_projects_hooks_do_not_run_and_the_users_own_do(hook_folders: Path) -> None:
    projects_hooks(hook_folders, {"PreToolUse": "exit 2"})
    own_hooks(hook_folders, {"UserPromptSubmit": noting(hook_folders)})

    async with hooked_proxy(hook_folders, tui=True, script=[shell("ls"), text("done")]) as proxy:
        await proxy.say("hello")
        await proxy.say("n")
        answer = await proxy.say("hello again")

        assert len(answer.seen.calls) == 1
        assert events(hook_folders) == ["UserPromptSubmit"]


@pytest.mark.req("H4")
@pytest.mark.parametrize("alone", [True, False])
async def test_an_entry_that_does_not_count_is_told_to_the_user_once(hook_folders: Path, alone: bool) -> None:
    bad = {"matcher": "Bash", "command": 5}
    good = {"hooks": [{"type": "command", "command": noting(hook_folders)}]}
    elsewhere = {"WorktreeCreate": [good]}
    hooks = {"UserPromptSubmit": [bad] if alone else [bad, good], **elsewhere}
    path = hook_folders / "home/.claude/settings.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"hooks": hooks, "permissions": {"deny": ["Bash(rm:*)"]}}), encoding="utf-8")

    async with hooked_proxy(hook_folders) as proxy:
        first = await proxy.say("one")
        second = await proxy.say("two")

        assert "These hooks do not count" in first.text and str(path) in first.text
        assert "hooks.UserPromptSubmit[0].command" in first.text and "WorktreeCreate" not in first.text
        assert second.text == "Hello from the script." and "do not count" not in sent(proxy)
    assert events(hook_folders) == ([] if alone else ["UserPromptSubmit"] * 2)


@pytest.mark.req("H1")
async def test_what_a_session_begins_with_is_not_lost_on_a_local_answer(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"SessionStart": noting(hook_folders, "echo be kind"), "UserPromptSubmit": "true"})
    command = hook_folders / "home/.codexplus/commands/x.md"
    command.parent.mkdir(parents=True)
    command.write_text("!echo local", encoding="utf-8")
    slash = pytest.importorskip("codexplus_slash.plugin")
    plugins = {"hooks": HooksPlugin(), "slash": slash.Slash()}

    async with Harness(plugins, config=Config(hook_folders / "home", {}), cwd=str(hook_folders / "work")) as proxy:
        help = await proxy.say("/help")
        assert "be kind" not in help.text and not told(hook_folders)
        await proxy.say("/x")
        assert not proxy.upstream.turns
        await proxy.say("hello")
        await proxy.say("more")

        assert events(hook_folders) == ["SessionStart"]
        assert sent(proxy, 0).count("be kind") == 1 and sent(proxy, 1).count("be kind") == 1


@pytest.mark.req("H1")
async def test_a_built_ins_name_that_a_file_has_taken_over_is_a_prompt_to_hooks(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"UserPromptSubmit": noting(hook_folders)})
    command = hook_folders / "work/.claude/commands/help.md"
    command.parent.mkdir(parents=True)
    command.write_text("Help me.", encoding="utf-8")
    slash = pytest.importorskip("codexplus_slash.plugin")
    plugins = {"hooks": HooksPlugin(), "slash": slash.Slash()}
    config = Config(hook_folders / "home", {"compatibility": "claude-code"})

    async with Harness(plugins, config=config, cwd=str(hook_folders / "work")) as proxy:
        await proxy.say("/help")
        await proxy.say("/status")

        assert len(proxy.upstream.turns) == 1
        assert [each["prompt"] for each in told(hook_folders)] == ["/help"]


@pytest.mark.req("H1")
async def test_a_session_that_another_process_takes_up_begins_as_resumed(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"SessionStart": noting(hook_folders)})

    async with hooked_proxy(hook_folders) as proxy:
        await proxy.say("one")
        proxy.resume()
        await proxy.say("two")
        await proxy.say("three")

    assert [each["source"] for each in told(hook_folders)] == ["startup", "resume"]


@pytest.mark.req("H1")
async def test_a_fork_begins_as_resumed(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"SessionStart": noting(hook_folders)})

    async with hooked_proxy(hook_folders) as proxy:
        await proxy.say("one")
        other = proxy.codex.fork()
        await proxy.send(other.say("two"), other)

    assert [each["source"] for each in told(hook_folders)] == ["startup", "resume"]


@pytest.mark.req("H3")
async def test_pre_input_rewrites_the_prompt_now_and_later(hook_folders: Path) -> None:
    python_hook(hook_folders, "pre_input", "import json, sys\nprint(json.load(sys.stdin)['prompt'].upper(), end='')\n")
    own_hooks(hook_folders, {"UserPromptSubmit": noting(hook_folders)})

    async with hooked_proxy(hook_folders) as proxy:
        await proxy.say("say hello")
        await proxy.say("again")

        assert "SAY HELLO" in sent(proxy, 0) and "say hello" not in sent(proxy, 1)
        assert told(hook_folders)[0]["prompt"] == "say hello"


@pytest.mark.req("H3")
async def test_post_output_appends_what_the_user_reads_and_the_model_does_not(hook_folders: Path) -> None:
    python_hook(
        hook_folders, "post_output", "import json, sys\nprint(len(json.load(sys.stdin)['output']), 'letters')\n"
    )

    async with hooked_proxy(hook_folders, script=[text("Hello there"), text("Bye")]) as proxy:
        first = await proxy.say("one")
        await proxy.say("two")

        assert first.text == "Hello there\n\n11 letters" == first.seen.streamed
        assert "Hello there" in sent(proxy) and "letters" not in sent(proxy)


@pytest.mark.req("H3")
async def test_post_output_that_buffers_may_put_other_words_in_the_answers_place(hook_folders: Path) -> None:
    words = "BUFFERS = True\nimport json, sys\nprint(json.dumps({'output': 'hidden'}))\n"
    python_hook(hook_folders, "post_output", words)

    async with hooked_proxy(hook_folders, script=[text("the secret is 7"), text("Bye")]) as proxy:
        first = await proxy.say("one")

        assert first.text == "hidden" == first.seen.streamed
        assert [line for line in first.body.splitlines() if b"secret" in line] == []


async def test_a_crash_of_post_output_leaves_the_answer(hook_folders: Path) -> None:
    python_hook(hook_folders, "post_output", "raise SystemExit(5)\n")

    async with hooked_proxy(hook_folders) as proxy:
        answer = await proxy.say("one")

        assert answer.text == "Hello from the script."


@pytest.mark.req("H1")
async def test_an_expansion_is_told_with_the_commands_name(hook_folders: Path) -> None:
    own_hooks(hook_folders, {name: noting(hook_folders) for name in ("UserPromptExpansion", "UserPromptSubmit")})
    command = hook_folders / "home/.codexplus/commands/x.md"
    command.parent.mkdir(parents=True)
    command.write_text("Body $ARGUMENTS", encoding="utf-8")
    slash = pytest.importorskip("codexplus_slash.plugin")
    plugins: dict[str, Any] = {"hooks": HooksPlugin(), "slash": slash.Slash()}

    async with Harness(plugins, config=Config(hook_folders / "home", {}), cwd=str(hook_folders / "work")) as proxy:
        await proxy.say("/x one two")

        assert "Body one two" in sent(proxy)
    submitted, expanded = told(hook_folders)
    assert submitted["prompt"] == expanded["prompt"] == "/x one two"
    assert (expanded["command_name"], expanded["command_args"]) == ("x", "one two")
    assert expanded["command_source"] == "userSettings"
