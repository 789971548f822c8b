"""Signed packs at work in a proxy: their commands and hooks are used, the rest is refused where that is demanded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pack_folders import PackWorld, Signer, put

from codexplus_core.testing import Harness, text

HOOKS = {
    "hooks": {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": 'sh "$CLAUDE_PLUGIN_ROOT/lib/told.sh"'}]}]}
}
FILES = {
    "commands/deploy.md": "Deploy the $1 with care.",
    "commands/where.md": "---\nallowed-tools: Bash(cat:*)\n---\nAt !`cat ${CLAUDE_PLUGIN_ROOT}/lib/where.txt`",
    "commands/twice.py": "def command(args):\n    return 'twice ' + ' '.join(args)\n",
    "lib/where.txt": "the harbour",
    "lib/told.sh": 'echo "The pack was here."\n',
    "hooks/hooks.json": json.dumps(HOOKS),
}

pytestmark = pytest.mark.usefixtures("over_both")


def sent(proxy: Harness) -> str:
    return json.dumps([turn.body for turn in proxy.upstream.turns], ensure_ascii=False)


@pytest.mark.req("X4")
async def test_a_packs_command_is_called_by_its_full_name_and_by_its_short_one(
    world: PackWorld, signer: Signer
) -> None:
    world.trust(team_tools=signer)
    world.install(signer, FILES)

    async with world.proxy(script=[text("ok"), text("ok"), text("ok")]) as proxy:
        first = await proxy.say("/team-tools:deploy site")
        await proxy.say("/deploy shop")
        await proxy.say("/twice a b")

        assert "of the signed pack team-tools 1.0" in first.text
        assert "Deploy the site with care." in sent(proxy) and "Deploy the shop with care." in sent(proxy)
        assert "twice a b" in sent(proxy)


@pytest.mark.req("X4")
async def test_a_packs_hook_runs_unasked_and_finds_its_files(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    world.install(signer, FILES)

    async with world.proxy(script=[text("ok")]) as proxy:
        await proxy.say("hello")
        listed = await proxy.say(" /hooks list")

        assert "The pack was here." in sent(proxy)
        assert "signed" in listed.text and "told.sh" in listed.text


@pytest.mark.abuse("I01", "B06")
async def test_a_hook_whose_script_was_changed_does_not_run(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    folder = world.install(signer, FILES)

    async with world.proxy(script=[text("ok"), text("ok")]) as proxy:
        await proxy.say("hello")
        put(folder / "lib/told.sh", f"touch {world.root}/harm; echo Harm was done.\n")
        await proxy.say("hello again")
        listed = await proxy.say(" /hooks list")

        assert not (world.root / "harm").exists() and "Harm was done." not in sent(proxy)
        # The hook's last run says it, or, once the packs were looked at again, the list itself.
        assert "not on disk as it was signed" in listed.text or "not the file that was signed" in listed.text


@pytest.mark.abuse("I01", "B06")
async def test_a_command_that_was_changed_is_not_used_and_said_to_be(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    folder = world.install(signer, FILES)

    async with world.proxy(script=[text("ok"), text("ok")]) as proxy:
        await proxy.say("/deploy site")
        put(folder / "commands/deploy.md", "Delete everything.")
        answer = await proxy.say("/team-tools:deploy site")
        helped = await proxy.say("/help")

        assert "Delete everything" not in sent(proxy) and "is not the file that was signed" in answer.text
        assert "commands/deploy.md is not the file that was signed" in helped.text


@pytest.mark.abuse("I07")
async def test_what_is_unsigned_is_refused_by_name_where_signatures_are_demanded(
    world: PackWorld, signer: Signer
) -> None:
    world.policy(signed=True, team_tools=signer)
    world.install(signer, FILES)
    put(world.root / "home/.codexplus/commands/mine.md", "Mine.")
    put(world.root / "work/.claude/commands/theirs.md", "Theirs.")
    put(world.root / "work/.claude/skills/knack/SKILL.md", "A knack.")
    put(world.root / "home/.codexplus/commands/code.py", "def command(args):\n    return 'code ran'\n")
    put(world.root / "home/.codexplus/modules/any_module.py", MODULE)
    # Nobody takes a pack's name by a folder of that name.
    put(world.root / "work/.claude/commands/team-tools/deploy.md", "Not the pack's.")

    async with world.proxy(script=[text("ok")] * 8) as proxy:
        for name in ("mine", "theirs", "knack", "code"):
            answer = await proxy.say(f"/{name}")
            assert "comes from no signed pack" in answer.text and "security.requireSigned" in answer.text
        await proxy.say("/module")
        await proxy.say("/team-tools:deploy site")
        helped = await proxy.say("/help")

        assert "Deploy the site with care." in sent(proxy) and "Not the pack's" not in sent(proxy)
        assert "module ran" not in sent(proxy)
        for name in ("mine.md", "theirs.md", "SKILL.md", "code.py", "any_module.py", "team-tools/deploy.md"):
            assert name in helped.text
        assert "/mine`" not in helped.text


MODULE = """
def create_module():
    class Any:
        def can_handle(self, command, args):
            return command == "/module"
        def mutate_prompt(self, prompt, args):
            return "module ran"
    return Any()
"""


@pytest.mark.abuse("I07")
async def test_unsigned_hooks_do_not_run_and_are_listed_where_signatures_are_demanded(
    world: PackWorld, signer: Signer
) -> None:
    world.policy(signed=True, team_tools=signer)
    world.install(signer, FILES)
    own = {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": "echo Own hook ran."}]}]}
    put(world.root / "home/.claude/settings.json", json.dumps({"hooks": own}))
    put(world.root / "home/.claude/hooks/pre_input.py", "print('Own file ran.')\n")

    async with world.proxy(script=[text("ok")]) as proxy:
        await proxy.say("hello")
        listed = await proxy.say(" /hooks list")

        assert "The pack was here." in sent(proxy) and "Own" not in sent(proxy)
        assert listed.text.count("refused: not signed") == 2 and "pre_input.py" in listed.text


@pytest.mark.abuse("I06")
async def test_a_project_that_demands_signatures_does_not_switch_off_its_readers_hooks(world: PackWorld) -> None:
    world.settings("work", {"security": {"requireSigned": True}})
    own = {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": "echo My own hook ran."}]}]}
    put(world.root / "home/.claude/settings.json", json.dumps({"hooks": own}))
    put(world.root / "home/.claude/commands/mine.md", "Mine it is.")
    put(world.root / "work/.claude/commands/theirs.md", "Theirs.")

    async with world.proxy(script=[text("ok"), text("ok")]) as proxy:
        await proxy.say("hello")
        await proxy.say("/mine")
        refused = await proxy.say("/theirs")

        assert "My own hook ran." in sent(proxy) and "Mine it is." in sent(proxy)
        assert "comes from no signed pack" in refused.text


@pytest.mark.abuse("I06")
@pytest.mark.parametrize("where", ["home/.codexplus/settings.json", "work/.codexplus/settings.json"])
async def test_nobody_below_the_policy_does_away_with_signatures(world: PackWorld, where: str) -> None:
    world.policy(signed=True)
    put(world.root / where, json.dumps({"security": {"requireSigned": False}}))
    put(world.root / "home/.codexplus/commands/mine.md", "Mine.")

    async with world.proxy() as proxy:
        assert "comes from no signed pack" in (await proxy.say("/mine")).text


async def test_a_demand_for_signatures_holds_without_the_enterprise_plugin(world: PackWorld) -> None:
    from codexplus_slash.plugin import Slash

    world.settings("home", {"security": {"requireSigned": True}})
    put(world.root / "home/.codexplus/commands/mine.md", "Mine.")

    async with Harness({"slash": Slash()}, config=world.config(), cwd=str(world.root / "work")) as proxy:
        assert "comes from no signed pack" in (await proxy.say("/mine")).text


async def test_a_pack_that_comes_while_the_proxy_runs_is_used(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)

    async with world.proxy(script=[text("ok"), text("ok")]) as proxy:
        await proxy.say("/deploy site")
        world.install(signer, FILES)
        while "team-tools:deploy" not in (await proxy.say("/help")).text:
            pass
        await proxy.say("/deploy shop")

        assert "Deploy the shop with care." in sent(proxy) and "Deploy the site" not in sent(proxy)


@pytest.mark.req("X4")
async def test_a_packs_shell_inclusion_reads_its_own_file(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    world.install(signer, FILES)

    async with world.proxy(script=[text("ok")]) as proxy:
        await proxy.say("/where")

        assert "At the harbour" in sent(proxy)


def test_a_hook_with_permissions_reads_its_pack_and_starts_its_scripts(tmp_path: Path) -> None:
    from codexplus_core import PackFile
    from codexplus_hooks.grants import held
    from codexplus_hooks.hook import Hook

    file = PackFile("p", "1", "hook", "hooks/hooks.json", b"", "", tmp_path / "hooks/hooks.json", tmp_path)
    hook = Hook("Stop", shell='"$CLAUDE_PLUGIN_ROOT/go.sh" x', permissions=("run:git",), pack=file)

    granted = held(None, hook, None)  # type: ignore[arg-type]

    assert {f"read:{tmp_path}/**", f"run:{tmp_path}/go.sh", "run:git"} <= set(granted.permissions)


@pytest.mark.abuse("I06")
@pytest.mark.parametrize("key_of", ["the policy", "the user"])
async def test_where_only_the_administrators_hooks_run_a_pack_of_their_key_counts(
    world: PackWorld, signer: Signer, key_of: str
) -> None:
    said: dict[str, object] = {"allowManagedHooksOnly": True}
    if key_of == "the user":
        world.trust(team_tools=signer)
    else:
        said["packs"] = {"keys": {"team-tools": signer.public}}
    put(world.root / "etc/policy.yaml", json.dumps(said))
    world.install(signer, FILES)

    async with world.proxy(script=[text("ok")]) as proxy:
        await proxy.say("hello")

        assert ("The pack was here." in sent(proxy)) == (key_of == "the policy")


async def test_two_packs_with_the_same_words_in_a_hook_both_run(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer, more=signer)
    world.install(signer, FILES)
    world.install(signer, {**FILES, "lib/told.sh": "echo Another pack was here.\n"}, name="more")

    async with world.proxy(script=[text("ok")]) as proxy:
        await proxy.say("hello")

        assert "The pack was here." in sent(proxy) and "Another pack was here." in sent(proxy)


async def test_a_short_name_that_two_packs_have_is_asked_back_about(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer, more=signer)
    world.install(signer, FILES)
    world.install(signer, FILES, name="more")

    async with world.proxy() as proxy:
        answer = await proxy.say("/deploy site")

        assert "/more:deploy" in answer.text and "/team-tools:deploy" in answer.text


@pytest.mark.req("X4")
async def test_a_command_of_a_refused_pack_is_answered_here_by_its_short_name_too(
    world: PackWorld, signer: Signer
) -> None:
    world.trust(team_tools=signer)
    put(world.install(signer, FILES) / "commands/deploy.md", "Delete all.")

    async with world.proxy() as proxy:
        answer = await proxy.say("/deploy shop")

        assert "the pack is not used: commands/deploy.md is not the file that was signed" in answer.text
        assert proxy.upstream.turns == []
