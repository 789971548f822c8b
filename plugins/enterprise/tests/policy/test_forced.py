"""What a policy forces through the core: rules, the sandbox, hooks, and answers in a terminal only."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from codexplus_core import Action, ActionDenied, Exchange, LocalReply, Proposal, ReadFile, ShellText, hookimpl
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.sandbox.level import SandboxRefused
from codexplus_core.testing import CodexClient

BOTH = pytest.mark.parametrize("transport", ["http", "websocket"])


class Asks:
    """Runs ``/deploy`` once it may."""

    def __init__(self) -> None:
        self.ran = 0
        self.proposal = Proposal("run", "project", "command /deploy", project=Path("/work"), text="./deploy.sh")

    @hookimpl
    def on_startup(self, core: Any) -> None:
        self.core = core

    @hookimpl
    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        if exchange.prompt != "/deploy":
            return None
        answer = await self.core.approvals.require(exchange, [self.proposal])
        if isinstance(answer, LocalReply):
            return answer
        self.ran += 1
        exchange.prompt = "deployed"
        return None


@BOTH
@pytest.mark.req("E5", "X1")
async def test_an_answer_in_the_conversation_does_not_count_and_one_in_a_terminal_does(
    workspace: Any, transport: Any
) -> None:
    workspace.policy("approvals: {outOfBand: true}\n")
    asks, approvals = Asks(), Approvals()

    async with workspace.proxy(asks, transport=transport, approvals=approvals) as proxy:
        proxy.codex = CodexClient("0.169.0", tui=True)
        question = await proxy.say("/deploy")
        answer = await proxy.say("y")
        after_chat = asks.ran
        (pending,) = approvals.pending()
        approvals.allow(pending.id)
        again = await proxy.say("/deploy")

    assert f"codex-plus approvals allow {pending.id}" in question.text
    assert "Your administrator wants such questions answered in a terminal" in question.text
    assert "Allow? (Y)es" not in question.text
    assert (after_chat, asks.ran) == (0, 1)
    assert answer.text == again.text == "Hello from the script."


@pytest.mark.req("E5")
async def test_a_question_from_before_the_policy_is_no_longer_answered_here(workspace: Any) -> None:
    asks = Asks()

    async with workspace.proxy(asks) as proxy:
        proxy.codex = CodexClient("0.169.0", tui=True)
        question = await proxy.say("/deploy")
        workspace.policy("approvals: {outOfBand: true}\n")
        await proxy.say("y")

    assert "Allow? (Y)es" in question.text
    assert asks.ran == 0


@pytest.mark.req("E5")
async def test_a_user_cannot_switch_it_on_or_off(workspace: Any) -> None:
    workspace.user('{"approvals": {"outOfBand": true}}')

    assert workspace.config().user.get("approvals.outOfBand") is None


@pytest.mark.req("E5", "X3")
async def test_a_forced_deny_rule_holds_whatever_the_user_allows(workspace: Any) -> None:
    workspace.policy('permissions: {deny: ["Bash(touch:*)", "Read(**/.env)"]}\nallowManagedPermissionRulesOnly: true\n')
    workspace.user('{"permissions": {"allow": ["Bash(touch:*)", "Bash(ls:*)", "Read(**/.env)"]}}')

    async with workspace.proxy() as proxy:
        core, where = proxy.app.core, str(workspace.project)
        said = [core.permissions.judge(one).decision for one in (
            ShellText("touch x", where), ShellText("ls", where), ReadFile(".env", f"{where}/.env", where, where)
        )]  # fmt: skip
        with pytest.raises(ActionDenied, match="administrator"):
            await core.run(Action("run", ("touch", "x"), cwd=workspace.project))

    assert said == ["deny", "ask", "deny"]
    assert not (workspace.project / "x").exists()


@pytest.mark.req("E5", "H6")
async def test_a_forced_sandbox_holds_for_what_asked_for_none(workspace: Any) -> None:
    workspace.policy("sandbox: {minimum: lsm}\n")
    workspace.user('{"sandbox": {"minimum": "process"}}')
    outside = workspace.home / "written"

    async with workspace.proxy() as proxy:
        # Where this machine has no such sandbox nothing runs at all.
        with contextlib.suppress(SandboxRefused):
            await proxy.app.core.run(Action("run", ("touch", str(outside)), cwd=workspace.project))

    assert not outside.exists()


@pytest.mark.req("E5")
def test_only_the_policys_hooks_count_where_it_says_so(workspace: Any) -> None:
    hook = {"matcher": "Bash", "hooks": [{"type": "command", "command": "true"}]}
    workspace.policy(f"allowManagedHooksOnly: true\nhooks: {{PreToolUse: [{json.dumps(hook)}]}}\n")

    settings = workspace.config().for_project(workspace.project)

    assert settings.get("allowManagedHooksOnly") is True
    assert [item.origin.layer for item in settings.items("hooks.PreToolUse")] == ["enterprise"]
