"""What plugins open, list, find and write passes every veto and every rule first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from services.config.world import World
from services.test_core import Acts, Vetoes

from codexplus_core import (
    Action,
    ActionDenied,
    AskFirst,
    CannotOpen,
    CannotSave,
    Core,
    Exchange,
    LocalReply,
    Session,
    hookimpl,
    lines_of,
    reference_of,
)
from codexplus_core.testing import Harness, text

CANARY = "CANARY-7f3a"
WHO = {"source": "test"}
MD = (".md",)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path.resolve())
    monkeypatch.setenv("HOME", str(world.home))
    world.write("project/src/app.py", "one\ntwo\nthree\n")
    world.write("project/.env", CANARY)
    world.write("project/.claude/commands/go.md", "go")
    world.write("project/.claude/commands/secret.md", CANARY)
    world.write("project/.claude/settings.json", {"permissions": {"deny": ["Read(.env)", "Read(secret.md)"]}})
    world.write("elsewhere/canary.txt", CANARY)
    return world


def within(world: World) -> Session:
    return Session("s", "t", cwd=world.project)


async def test_a_mention_gives_the_file_what_it_is_and_the_lines_that_were_meant(world: World) -> None:
    world.write("project/dot.png", b"\x89PNG\r\n\x1a\nrest")
    acts = Acts()
    async with Harness([acts], config=world.config()):
        mention = reference_of("src/app.py#L2-3")
        opened = await acts.core.files.open(mention.path, session=within(world), **WHO)
        image = await acts.core.files.open(world.project / "dot.png", session=within(world), **WHO)

    assert lines_of(opened.text(), mention) == "two\nthree\n"
    assert (opened.real, opened.kind) == (str(world.project / "src/app.py"), "text")
    assert (image.kind, image.media_type) == ("image", "image/png")


async def test_listings_and_finds_do_not_name_what_is_denied(world: World) -> None:
    acts = Acts()
    async with Harness([acts], config=world.config()):
        files = acts.core.files
        top = await files.list(".", session=within(world), **WHO)
        commands = await files.find(".claude/commands", suffixes=MD, session=within(world), **WHO)
        by_place = await files.find(world.project / ".claude", suffixes=MD, session=within(world), **WHO)

    assert top.names == (".claude/", "src/")
    assert commands.files == ("go.md",)
    assert by_place.files == ("commands/go.md",)


@pytest.mark.abuse("E01", "E02", "E03")
@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("name", ["../elsewhere/canary.txt", "/etc/passwd", "out", "innocent", ".env", "~/mine.md"])
async def test_a_mention_leads_neither_out_of_the_project_nor_to_what_is_denied(world: World, name: str) -> None:
    (world.project / "out").symlink_to("../elsewhere/canary.txt")
    (world.project / "innocent").symlink_to(".env")
    world.write("home/mine.md", CANARY)
    acts = Acts()
    async with Harness([acts], config=world.config()):
        with pytest.raises(CannotOpen) as refused:
            await acts.core.files.open(name, session=within(world), **WHO)

    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("name", ["..", "../elsewhere", "/etc", "out", "~"])
async def test_nothing_is_found_outside_of_the_project_of_a_session(world: World, name: str) -> None:
    (world.project / "out").symlink_to("../elsewhere")
    acts = Acts()
    async with Harness([acts], config=world.config()):
        with pytest.raises(CannotOpen, match=r"outside|over a link"):
            await acts.core.files.find(name, suffixes=(".txt",), session=within(world), **WHO)


async def test_a_session_without_a_known_project_reads_only_what_a_rule_names(world: World) -> None:
    named = world.write("elsewhere/named.txt", "fine")
    world.write("home/.claude/settings.json", {"permissions": {"allow": [f"Read(/{named})", "Read"]}})
    acts, nowhere = Acts(), Session("s", "t")
    async with Harness([acts], config=world.config()):
        files = acts.core.files
        assert (await files.open(named, session=nowhere, **WHO)).text() == "fine"
        assert (await files.find(".claude/commands", suffixes=MD, session=nowhere, **WHO)).files == ()
        for name, why in ((world.root / "elsewhere/canary.txt", "leads out"), ("src/app.py", "not known")):
            with pytest.raises(CannotOpen, match=why):
                await files.open(name, session=nowhere, **WHO)
            with pytest.raises(CannotOpen, match=why):
                await acts.core.open(Action("read", path=Path(name), session=nowhere))


@pytest.mark.skipif(os.name != "posix", reason="links")
async def test_the_users_own_folder_may_be_a_link_and_its_rules_look_behind_links(world: World) -> None:
    world.write("elsewhere/commands/mine.md", "mine")
    world.write("elsewhere/commands/denied.md", CANARY)
    world.write(
        "home/.claude/settings.json", {"permissions": {"deny": [f"Read(/{world.root}/elsewhere/**/denied.md)"]}}
    )
    (world.home / ".claude/commands").symlink_to("../../elsewhere/commands")
    (world.home / "innocent.md").symlink_to("../elsewhere/commands/denied.md")
    acts = Acts()
    async with Harness([acts], config=world.config()):
        files = acts.core.files
        found = await files.find("~/.claude/commands", suffixes=MD, session=None, **WHO)
        opened = await files.open("~/.claude/commands/mine.md", session=None, **WHO)
        listed = await files.list("~/.claude/commands", session=None, **WHO)
        with pytest.raises(CannotOpen, match="denied by the rule"):
            await files.open(world.home / "innocent.md", session=None, **WHO)

    assert (found.files, listed.names, opened.text()) == (("mine.md",), ("mine.md",), "mine")


@pytest.mark.req("X1")
@pytest.mark.skipif(os.name != "posix", reason="links")
async def test_those_who_veto_see_each_place_and_the_one_behind_a_link(world: World) -> None:
    (world.project / "link.py").symlink_to("src/app.py")
    acts, looks = Acts(), Vetoes(None)
    async with Harness([acts, looks], config=world.config()):
        files = acts.core.files
        await files.open("./src/../src/app.py", session=within(world), **WHO)
        await files.open("link.py", session=within(world), **WHO)
        await files.list("src", session=within(world), **WHO)
        await files.find("~/.claude/commands", suffixes=MD, session=None, **WHO)
        await files.save_new(world.home / "sessions", "a.md", b"x", **WHO)

    app = world.project / "src/app.py"
    assert [(action.kind, action.path) for action in looks.seen] == [
        ("read", app),
        ("read", world.project / "link.py"),
        ("read", app),
        ("read", world.project / "src"),
        ("read", world.home / ".claude/commands"),
        ("write", world.home / "sessions/a.md"),
    ]
    assert {action.source for action in looks.seen} == {"test"}


@pytest.mark.req("X1")
async def test_a_veto_against_any_of_them_leaves_no_effect(world: World) -> None:
    acts = Acts()
    async with Harness([acts, Vetoes("not here")], config=world.config()) as proxy:
        files, here = acts.core.files, within(world)
        for attempt in (
            files.open("src/app.py", session=here, **WHO),
            files.list("src", session=here, **WHO),
            files.find("src", suffixes=(".py",), session=here, **WHO),
            files.save_new(world.home / "sessions", "a.md", b"x", **WHO),
        ):
            with pytest.raises(ActionDenied, match="not here"):
                await attempt

        assert len(proxy.log.events("action_denied")) == 4
    assert not (world.home / "sessions").exists()


class Mentions:
    """Attaches the file that a prompt names after ``@``, and asks where a rule wants that."""

    core: Any = None

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        name = (exchange.prompt or "").partition("@")[2]
        if not name:
            return None
        try:
            opened = await self.core.files.open(name, session=exchange.session, **WHO)
        except AskFirst as asks:
            answer = await self.core.approvals.require(exchange, [asks.proposal])
            if isinstance(answer, LocalReply):
                return answer
            opened = await self.core.files.open(name, session=exchange.session, granted=answer, **WHO)
        exchange.add_context(opened.text())
        return None


@pytest.mark.transports("http", "websocket")
async def test_a_file_that_a_rule_asks_about_is_attached_after_the_users_yes(world: World) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"ask": ["Read(src/**)"]}})
    where = str(world.project)
    async with Harness([Mentions()], config=world.config(), cwd=where, script=[text("Read.")]) as proxy:
        question = await proxy.say("look at @src/app.py")
        assert "Allow?" in question.text and not proxy.upstream.turns

        done = await proxy.say("y")

        assert done.text == "Read."
        assert "three" in str(proxy.upstream.turns[0].conversation)


async def test_a_yes_to_one_file_is_no_yes_to_another(world: World) -> None:
    world.write("project/src/other.py", CANARY)
    world.write("home/.claude/settings.json", {"permissions": {"ask": ["Read(src/**)"]}})
    acts: Any = Acts()
    async with Harness([acts], config=world.config()) as proxy:
        files, here = acts.core.files, within(world)
        with pytest.raises(AskFirst, match="approvals allow") as asks:
            await files.open("src/app.py", session=here, **WHO)
        [question] = proxy.app.approvals.pending()
        proxy.app.approvals.allow(question.id, always=True)
        assert acts.core.approvals.check([asks.value.proposal]).granted

        assert (await files.open("src/app.py", session=here, **WHO)).text().startswith("one")
        with pytest.raises(AskFirst):
            await files.open("src/other.py", session=here, **WHO)


@pytest.mark.abuse("E09")
async def test_a_new_file_goes_below_its_folder_and_never_over_one(world: World) -> None:
    acts, folder = Acts(), world.home / "sessions"
    async with Harness([acts], config=world.config()):
        files = acts.core.files
        path = await files.save_new(folder, "notes/a.md", b"first", **WHO)
        for name in ("notes/a.md", "../.bashrc", "/etc/x", "notes/../../x"):
            with pytest.raises(CannotSave):
                await files.save_new(folder, name, b"second", **WHO)

    assert (path.read_bytes(), sorted(world.home.iterdir())) == (b"first", [folder])


async def test_a_rule_that_denies_editing_keeps_a_new_file_away(world: World) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"deny": ["Edit(~/sessions/**)"]}})
    acts = Acts()
    async with Harness([acts], config=world.config()) as proxy:
        with pytest.raises(ActionDenied, match="denied by the rule"):
            await acts.core.files.save_new(world.home / "sessions", "a.md", b"x", **WHO)

        assert len(proxy.log.events("action_denied")) == 1
    assert not (world.home / "sessions").exists()
