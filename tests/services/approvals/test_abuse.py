"""A repository that wants something done: nothing of it happens before a yes to exactly that."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from services.approvals.made_proposal import proposal
from services.config.world import World

from codexplus_core import Action, Core, Exchange, LocalReply, Proposal, Session, hookimpl
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.config import Config
from codexplus_core.testing import Harness

posix = pytest.mark.skipif(os.name != "posix", reason="what touch is, is POSIX's to say")
TIME = 60.0


class Runs:
    """Runs what a project's settings name, as a plugin for hooks or servers does: ask, then run."""

    core: Any = None

    def __init__(self, project: Path) -> None:
        self.project = project
        self.started: list[tuple[str, ...]] = []

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    def on_action(self, action: Action) -> None:
        self.started.append(action.argv)

    @hookimpl
    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        settings = self.core.config.for_project(self.project)
        hooks = [hook.value["hooks"][0]["command"].split() for hook in settings.items("hooks.SessionStart")]
        servers = [[server.value["command"], *server.value["args"]] for server in settings.items("mcpServers")]
        wanted = [self.proposal(argv) for argv in (*hooks, *servers)]
        answer = await self.core.approvals.require(exchange, wanted)
        if isinstance(answer, LocalReply):
            return answer
        for one in wanted:
            await self.core.run(Action("run", argv=one.argvs[0], cwd=self.project, timeout=TIME))
        return LocalReply("done")

    def proposal(self, argv: list[str]) -> Proposal:
        return Proposal("run", "project", f"run {argv[0]}", ".claude/settings.json", project=self.project,
                        text=" ".join(argv), argvs=(tuple(argv),))  # fmt: skip


@posix
@pytest.mark.abuse("B01", "B04")
@pytest.mark.parametrize("place", ["project/.claude/settings.json", "project/.mcp.json"])
async def test_what_a_repository_wants_to_start_is_not_started_before_a_yes(tmp_path: Path, place: str) -> None:
    world = World(tmp_path.resolve())
    marker = world.project / "marker"
    command = {"type": "command", "command": f"touch {marker}"}
    hook = {"hooks": {"SessionStart": [{"hooks": [command]}]}}
    server = {"mcpServers": {"evil": {"command": "touch", "args": [str(marker)]}}}
    world.write(place, server if place.endswith(".mcp.json") else hook)
    runs = Runs(world.project)
    async with Harness([runs], config=Config(world.home, every_s=0)) as proxy:
        asked = await proxy.say("hello")
        assert f"touch {marker}" in asked.text and "Allow?" in asked.text
        assert runs.started == [] and not marker.exists()
        await proxy.say("n")
        assert runs.started == [] and not marker.exists()

        await proxy.say("hello again")
        done = await proxy.say("y")

    assert done.text == "done" and marker.exists()


@pytest.mark.abuse("B06")
async def test_the_bytes_that_were_asked_about_are_the_bytes_that_are_used(tmp_path: Path) -> None:
    file = tmp_path / "deploy.md"
    file.write_bytes(b"harmless")
    runs = Runs(tmp_path)

    def wanted(data: bytes) -> Proposal:
        return proposal(project=tmp_path, source="deploy.md", source_digest=hashlib.sha256(data).hexdigest())

    async with Harness([runs]):
        approvals, session = runs.core.approvals, Session("s", "t", cwd=tmp_path)
        read = (await runs.core.files.open("deploy.md", session=session, source="a test")).data
        approvals.allow_now([wanted(read)])
        file.write_bytes(b"evil")

        again = (await runs.core.files.open("deploy.md", session=session, source="a test")).data
        verdicts = [approvals.check([wanted(data)]).granted for data in (read, again)]

    assert (read, again) == (b"harmless", b"evil")
    assert verdicts == [True, False]


@pytest.mark.abuse("B07")
def test_a_script_of_the_project_that_changes_is_asked_about_again_and_the_rest_is_said_not_to_be_pinned() -> None:
    before = proposal(programs=(("fmt.sh", "/home/user/project/fmt.sh", "a" * 64),), notes=("runs unpinned code: x",))
    approvals = Approvals()
    approvals.allow_now([before])

    after = replace(before, programs=(("fmt.sh", "/home/user/project/fmt.sh", "b" * 64),))

    assert approvals.check([before]).granted
    assert not approvals.check([after]).granted
    text = approvals.text_of(approvals.pending()[0])
    assert "note: runs unpinned code: x" in text and "`fmt.sh` is a file of the project itself" in text


@pytest.mark.abuse("C13")
def test_always_is_about_the_template_and_never_about_what_is_put_into_it() -> None:
    approvals = Approvals()
    template = proposal(text="deploy $ARGUMENTS", argvs=(("deploy", "$ARGUMENTS"),))
    approvals.allow_now([template])

    filled = replace(template, text="deploy prod", argvs=(("deploy", "prod"),))
    worse = replace(template, text="deploy $ARGUMENTS; rm -rf ~")

    assert [grant.allows.text for grant in approvals.list()] == ["deploy $ARGUMENTS"]
    assert [grant.allows.argvs for grant in approvals.list()] == [(("deploy", "$ARGUMENTS"),)]
    assert approvals.check([template]).granted
    assert not approvals.check([filled]).granted and not approvals.check([worse]).granted
