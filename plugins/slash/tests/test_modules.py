"""The specification's command modules: what is read from their text, and what they make of a command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from codexplus_core import Action, Core, Exchange, LocalReply, hookimpl
from codexplus_core.services.sandbox.sandbox import probe_once
from codexplus_core.testing import Harness
from codexplus_slash.command_file import CommandFile, Scope, Source, load
from codexplus_slash.module_text import read_module
from codexplus_slash.modules import Modules
from codexplus_slash.surroundings import surroundings_of

SPECIFIED = '''# slash_modules/research_module.py
from .base import SlashCommandModule
from typing import Optional, Dict, Any

class ResearchModule(SlashCommandModule):
    def __init__(self):
        super().__init__("/research")
        self.description = "Enhanced research with multi-source analysis"
    
    def can_handle(self, command: str, args: str) -> bool:
        return command in ["/research", "/investigate", "/analyze"]
    
    def mutate_prompt(self, original_prompt: str, args: str) -> Optional[str]:
        return f"""Conduct comprehensive research on: {args}

Please provide:
1. **Overview**: High-level summary and context
2. **Key Findings**: Most important discoveries and insights  
3. **Technical Details**: Implementation specifics and examples
4. **Alternatives**: Different approaches and trade-offs
5. **Recommendations**: Actionable next steps

Use multiple perspectives and cite specific examples where possible."""
    
    def execute_locally(self, args: str) -> Optional[Dict[str, Any]]:
        return None  # Always send enhanced prompt to AI

def create_module() -> ResearchModule:
    return ResearchModule()
'''  # noqa: W291, W293 - as the specification prints it


def module(*, handles: str = "'/x'", priority: int = 0, body: str = "") -> str:
    """A module's text: what its can_handle compares with, its number, its other methods."""
    return (
        f"class M:\n    priority = {priority}\n"
        f"    def can_handle(self, command, args):\n        return command in [{handles}]\n{body}\n"
        "def create_module():\n    return M()\n"
    )


def method(name: str, value: str, given: str = "args") -> str:
    return f"    def {name}(self, {given}):\n        return {value}\n"


def written(path: Path, source: str, *, scope: Scope = "user") -> CommandFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return load(Source(path.stem, path, path.parent, scope, "module", f"({scope})"))


@dataclass
class Caller:
    """Asks these modules about every prompt that begins with a slash."""

    files: list[CommandFile]
    content: str | None = None

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core
        self.modules = Modules(core)
        self.actions: list[Action] = []

    @hookimpl
    def on_action(self, action: Action) -> None:
        self.actions.append(action)

    @hookimpl
    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        name, _, args = (exchange.prompt or "").partition(" ")
        if not name.startswith("/"):
            return None
        where = surroundings_of(self.core, exchange.session, strict=False)
        if self.content is None:
            answered = await self.modules.answer(exchange, self.files, name[1:], args, where)
            made = None if answered is None else answered.answer
        else:
            front = {"description": "d"}
            made = await self.modules.enhance(exchange, self.files, name[1:], args, self.content, front, where)
        if made is None or isinstance(made, LocalReply):
            return made
        exchange.prompt = made.prompt
        return None


async def said(caller: Caller, prompt: str, *, cwd: Path) -> tuple[str, str]:
    """What the model is asked and what the user reads, one of them empty."""
    async with Harness([caller], cwd=str(cwd)) as proxy:
        answer = await proxy.say(prompt)
        asked = proxy.upstream.turns
        return (asked[0].conversation[-1]["content"][-1]["text"], "") if asked else ("", answer.text)


@pytest.mark.req("S12")
@pytest.mark.parametrize("name", ["research", "investigate", "analyze"])
async def test_the_module_of_the_specification_runs_as_printed(tmp_path: Path, name: str) -> None:
    caller = Caller([written(tmp_path / "modules/research_module.py", SPECIFIED)])

    asked, _ = await said(caller, f"/{name} slow queries", cwd=tmp_path)

    assert asked.startswith("Conduct comprehensive research on: slow queries\n\nPlease provide:\n1. **Overview**")


async def test_a_command_that_no_module_handles_starts_nothing(tmp_path: Path) -> None:
    caller = Caller([written(tmp_path / "modules/research_module.py", SPECIFIED)])

    assert await said(caller, "/other a", cwd=tmp_path) == ("/other a", "")
    assert caller.actions == []


async def test_without_a_prompt_of_its_own_a_module_answers_locally(tmp_path: Path) -> None:
    body = method("mutate_prompt", "None", "prompt, args") + method(
        "execute_locally", "{'success': True, 'stdout': args}"
    )
    caller = Caller([written(tmp_path / "modules/x_module.py", module(body=body))])

    assert await said(caller, "/x some words", cwd=tmp_path) == ("", "some words")


async def test_a_module_that_makes_nothing_leaves_the_command_to_others(tmp_path: Path) -> None:
    body = method("mutate_prompt", "None", "prompt, args") + method("execute_locally", "None")
    other = method("mutate_prompt", "f'other: {prompt}'", "prompt, args")
    files = [
        written(tmp_path / "modules/a_module.py", module(body=body)),
        written(tmp_path / "modules/b_module.py", module(body=other, priority=5)),
    ]

    assert await said(Caller(files), "/x words", cwd=tmp_path) == ("other: /x words", "")


async def test_the_lower_priority_comes_first(tmp_path: Path) -> None:
    files = [
        written(
            tmp_path / f"modules/{name}_module.py", module(priority=number, body=method("execute_locally", repr(name)))
        )
        for name, number in (("a", 5), ("b", -1), ("c", 0))
    ]

    assert await said(Caller(files), "/x", cwd=tmp_path) == ("", "b")


async def test_a_module_enhances_what_a_markdown_command_has_come_to(tmp_path: Path) -> None:
    body = method("enhance_prompt", "f'{content}!{args}{frontmatter}'", "content, args, frontmatter")
    caller = Caller([written(tmp_path / "modules/x_module.py", module(body=body))], content="the text")

    assert await said(caller, "/x a", cwd=tmp_path) == ("the text!a{'description': 'd'}", "")


async def test_asynchronous_methods_are_waited_for(tmp_path: Path) -> None:
    body = "    async def execute_locally(self, args):\n        return 'later'\n"
    caller = Caller([written(tmp_path / "modules/x_module.py", module(body=body))])

    assert await said(caller, "/x", cwd=tmp_path) == ("", "later")


async def test_a_module_of_the_users_may_decide_by_anything(tmp_path: Path) -> None:
    source = (
        "class M:\n    def can_handle(self, command, args):\n        return command.startswith('/jira-')\n"
        "    def mutate_prompt(self, prompt, args):\n        return 'ticket ' + prompt\n"
        "def create_module():\n    return M()\n"
    )
    caller = Caller([written(tmp_path / "modules/jira_module.py", source)])

    assert await said(caller, "/jira-12 now", cwd=tmp_path) == ("ticket /jira-12 now", "")
    assert await said(caller, "/other", cwd=tmp_path) == ("/other", "")


async def test_a_broken_module_says_so_for_its_own_commands_only(tmp_path: Path) -> None:
    source = module(body=method("execute_locally", "1 / 0")).replace("in ['/x']", ".lower() in ['/x']")
    files = [
        written(tmp_path / "modules/a_module.py", source.replace("return M()", "raise ValueError('broken')")),
        written(tmp_path / "modules/b_module.py", module(handles="'/y'", body=method("execute_locally", "'fine'"))),
    ]

    _, broken = await said(Caller(files), "/x", cwd=tmp_path)

    assert "modules/a_module.py:9`: ValueError: broken" in broken
    assert await said(Caller(files), "/y", cwd=tmp_path) == ("", "fine")


@pytest.mark.abuse("B16")
async def test_a_project_is_asked_about_for_the_names_in_its_text_only(tmp_path: Path) -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")
    project = tmp_path / "project"
    source = module(body=method("execute_locally", "'hello'")).replace("command in", "True or command in")
    caller = Caller([written(project / ".codexplus/modules/x_module.py", source, scope="project")])

    async with Harness([caller], cwd=str(project)) as proxy:
        other = await proxy.say("/other")
        question = await proxy.say("/x")
        before = list(caller.actions)
        answer = await proxy.say("y")

    assert other.text == "Hello from the script."
    assert "`module x_module.py` wants to run" in question.text
    assert before == []
    assert answer.text == "hello"
    assert [action.sandbox for action in caller.actions] == ["lsm"]


def test_a_modules_text_tells_its_names_its_number_and_what_it_does() -> None:
    found = read_module(SPECIFIED)

    assert found.names == {"research", "investigate", "analyze"}
    assert (found.priority, found.is_open, found.answers, found.enhances) == (0, False, True, False)


def test_a_module_that_only_says_what_it_is_called_handles_that() -> None:
    source = (
        "from .base import SlashCommandModule\n'''Words that are no names.'''\nKIND = 'word'\n"
        "class M(SlashCommandModule):\n    def __init__(self):\n        super().__init__('greet')\n"
        "        self.priority = -2\n"
        "    def enhance_prompt(self, content, args, frontmatter):\n        return content\n"
    )

    found = read_module(source)

    assert found.names == found.mentions == {"greet"}
    assert (found.priority, found.is_open, found.answers, found.enhances) == (-2, False, False, True)


def test_what_is_no_python_handles_nothing_and_says_why() -> None:
    found = read_module("def create_module(:\n")

    assert not found.mentions
    assert found.described.problems[0].startswith("line 1:")
