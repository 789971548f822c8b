"""Modules and commands in code, in a project: what they make goes the way of every command."""

from __future__ import annotations

from pathlib import Path

import pytest
from slash_folders import ALLOW, own_command, prompt_at, proxy_in, whole, write

from codexplus_core.services.sandbox.sandbox import probe_once

pytestmark = pytest.mark.usefixtures("over_both")
MODULE = (
    "{head}\nclass M:\n    def can_handle(self, command, args):\n        return command == '/x'\n"
    "    def {method}:\n        return {value}\ndef create_module():\n    return M()\n"
)


def module(folders: Path, where: str, method: str, value: str, head: str = "") -> Path:
    text = MODULE.format(method=method, value=value, head=head)
    return write(folders / where / ".codexplus/modules/x_module.py", text)


async def held() -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")


@pytest.mark.req("S12")
async def test_a_module_comes_before_a_markdown_command_of_the_same_name(folders: Path) -> None:
    module(folders, "home", "mutate_prompt(self, prompt, args)", "'module ' + prompt")
    own_command(folders, "x", "markdown")

    async with proxy_in(folders) as proxy:
        await proxy.say("/x it")

        assert prompt_at(proxy) == ["module /x it"]


@pytest.mark.req("S12")
@pytest.mark.abuse("C14")
async def test_a_shell_command_in_a_modules_prompt_is_asked_about_and_run(folders: Path) -> None:
    head = "allowed_tools = 'Bash(touch:*), Bash(echo:*)'"
    module(folders, "home", "mutate_prompt(self, prompt, args)", "'Do ' + args + ' !`echo ran`'", head)

    async with proxy_in(folders) as proxy:
        question = await proxy.say("/x it !`touch made`")
        assert ALLOW in question.text and "echo ran" in question.text and "touch" not in question.text
        await proxy.say("y")

        assert prompt_at(proxy) == ["Do it !`touch made` ran"]
        assert not (folders / "work/made").exists()


async def test_a_shell_command_that_a_module_does_not_declare_stops_it(folders: Path) -> None:
    module(folders, "home", "mutate_prompt(self, prompt, args)", "'!`touch made`'")

    async with proxy_in(folders) as proxy:
        answer = await proxy.say("/x")

        assert "permission check failed" in answer.text and not (folders / "work/made").exists()


@pytest.mark.abuse("C14")
async def test_what_a_module_makes_of_a_commands_text_is_not_looked_through_again(folders: Path) -> None:
    own_command(folders, "x", "---\nallowed-tools: Bash\n---\nSee !`cat out`")
    write(folders / "work/out", "!`touch made`")
    head = "allowed_tools = 'Bash'"
    module(folders, "home", "enhance_prompt(self, content, args, frontmatter)", "content + ' more'", head)

    async with proxy_in(folders) as proxy:
        await proxy.say("/x")

        assert prompt_at(proxy) == ["See !`touch made` more"]
        assert not (folders / "work/made").exists()


@pytest.mark.abuse("C05")
async def test_a_projects_module_is_asked_about_before_anything_has_run(folders: Path) -> None:
    await held()
    own_command(folders, "x", "---\nallowed-tools: Bash\n---\nSee !`echo line >> log; cat log`")
    module(folders, "work", "enhance_prompt(self, content, args, frontmatter)", "content + ' more'")

    async with proxy_in(folders) as proxy:
        question = await proxy.say("/x")
        assert "`module x_module.py` wants to run" in question.text
        assert not (folders / "work/log").exists()
        await proxy.say("y")

        assert prompt_at(proxy) == ["See line more"]
        assert (folders / "work/log").read_text(encoding="utf-8") == "line\n"


@pytest.mark.req("S15", "X5")
async def test_an_answer_of_ones_own_code_says_once_which_file_it_is(folders: Path) -> None:
    module(folders, "home", "execute_locally(self, args)", "'done'")
    write(folders / "home/.codexplus/commands/py.py", "def command(args): return {'reply': 'done'}")

    async with proxy_in(folders) as proxy:
        for typed, name in (("/x", "x_module.py"), ("/py", "py.py")):
            first = await proxy.say(typed)
            second = await proxy.say(typed)

            assert first.text.startswith(f"`{typed}` is `") and name in first.text and first.text.endswith("\n\ndone")
            assert second.text == "done"
        await proxy.say("hello")
        assert "sha256" not in whole(proxy) and "done" not in whole(proxy)


@pytest.mark.req("S15")
async def test_a_prompt_of_ones_own_module_says_once_which_file_it_is(folders: Path) -> None:
    module(folders, "home", "mutate_prompt(self, prompt, args)", "'made'")

    async with proxy_in(folders) as proxy:
        first = await proxy.say("/x")
        second = await proxy.say("/x")

        assert "x_module.py" in first.text and first.text.endswith("Hello from the script.")
        assert second.text == "Hello from the script." and prompt_at(proxy) == ["made"]
