"""The administrator's policy: above everything, and relied on only where nobody else could have written it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from services.config.world import World, said

from codexplus_core.services.config import BadPolicy, Config, PolicyPlace, policy_place
from codexplus_core.services.config.policy import read_policy

POLICY = """\
model: theirs
security:
  modelAllowlist: [theirs, other]
  permissions:
    deny: ["Bash(rm:*)"]
"""
posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes as POSIX has them")


@pytest.mark.req("E5", "C2")
@pytest.mark.abuse("C16")
def test_the_policy_is_above_the_command_line(world: World) -> None:
    world.write("etc/policy.yaml", POLICY)
    world.write("project/.claude/settings.local.json", {"model": "local", "permissions": {"deny": []}})

    settings = world.settings({"model": "flag", "security": {"modelAllowlist": ["flag", "other"]}})

    assert settings.get("model") == "theirs"
    assert settings.get("security.modelAllowlist") == ["other"]
    (rule,) = settings.items("permissions.deny")
    assert (rule.value, rule.origin.layer, rule.origin.line) == ("Bash(rm:*)", "enterprise", 5)


def test_the_policy_alone_is_what_it_says_without_anybodys_settings(world: World) -> None:
    world.write("etc/policy.yaml", POLICY)
    world.write("home/.codexplus/settings.json", {"permissions": {"deny": ["WebFetch"]}, "env": {"A": "b"}})
    config = world.config()
    config.impose(b"permissions: {ask: [WebSearch]}", Path("/kept/policy.json"))

    assert config.administrators.get("permissions") == {"deny": ["Bash(rm:*)"], "ask": ["WebSearch"]}
    assert config.administrators.value("env") is None


def test_without_a_policy_there_is_none(world: World) -> None:
    config = world.config()

    assert not config.has_policy
    assert config.policy_problem == ""


@posix
@pytest.mark.req("E5")
@pytest.mark.parametrize(("what", "mode"), [("file", 0o664), ("file", 0o646), ("folder", 0o775), ("folder", 0o757)])
def test_a_policy_that_others_can_write_is_none_to_rely_on(world: World, what: str, mode: int) -> None:
    path = world.write("etc/policy.yaml", POLICY)
    (path if what == "file" else path.parent).chmod(mode)

    with pytest.raises(BadPolicy, match="can be written by others"):
        world.config()


@posix
@pytest.mark.req("E5")
def test_a_policy_of_somebody_else_is_none_to_rely_on(world: World) -> None:
    path = world.write("etc/policy.yaml", POLICY)

    with pytest.raises(BadPolicy, match="belongs to user"):
        read_policy(PolicyPlace(path, owner=os.getuid() + 1, top=path.parent))


@pytest.mark.req("E5")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('permissions: {deny: ["Bash(rm"]}', r"policy\.yaml:1: permissions\.deny\[0\]: 'Bash\(rm' is no rule"),
        ("permissions: {ask: [Frob]}", "no tool 'Frob' is known"),
        ("hooks: {PreTolUse: [{command: x}]}", r"hooks\.PreTolUse: is no event.*did you mean PreToolUse\?"),
    ],
)
def test_a_rule_or_a_hook_that_would_never_count_makes_a_policy_bad(world: World, text: str, why: str) -> None:
    world.write("etc/policy.yaml", text)

    with pytest.raises(BadPolicy, match=why):
        world.config()
    world.write("etc/policy.yaml", "model: theirs\n")
    with pytest.raises(BadPolicy, match=why):
        world.config().impose(text.encode(), Path("/x/policy.yaml"))


@posix
def test_the_folders_above_count_too(world: World) -> None:
    path = world.write("etc/policy.yaml", POLICY)
    world.root.chmod(0o777)

    with pytest.raises(BadPolicy, match="can be written by others"):
        read_policy(PolicyPlace(path, owner=os.getuid(), top=world.root))


@posix
@pytest.mark.parametrize("where", ["open", "private"])
def test_a_link_is_as_good_as_what_it_leads_to(world: World, where: str) -> None:
    folder = world.root / where
    folder.mkdir(mode=0o755)
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "policy.yaml").chmod(0o666 if where == "open" else 0o644)
    world.policy.symlink_to(folder / "policy.yaml")
    place = PolicyPlace(world.policy, owner=os.getuid(), top=world.root)

    if where == "open":
        with pytest.raises(BadPolicy, match="can be written by others"):
            read_policy(place)
    else:
        assert read_policy(place) is not None


@posix
@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("model: [", "no YAML"),
        ("model: x\nmodel: y\n", "twice"),
        ("a: !!python/object:x {}\n", "tag"),
        ("x" * 70_000, "larger than"),
        (b"\xff\xfe", "UTF-16"),
        ("model: 5\n", "model: expected a text"),
        ("permissions: {deny: [5]}\n", "expected a text"),
        ("permision: {deny: [x]}\n", "did you mean permissions"),
    ],
)
def test_a_policy_that_cannot_be_read_stops_everything(world: World, content: Any, why: str) -> None:
    world.write("etc/policy.yaml", content)

    with pytest.raises(BadPolicy, match=why):
        world.config()


@posix
@pytest.mark.parametrize("kind", ["fifo", "directory", "dangling", "loop"])
def test_a_policy_that_is_no_file_stops_everything(world: World, kind: str) -> None:
    made: dict[str, Any] = {
        "fifo": lambda: os.mkfifo(world.policy),
        "directory": world.policy.mkdir,
        "dangling": lambda: world.policy.symlink_to(world.root / "nowhere"),
        "loop": lambda: world.policy.symlink_to(world.policy),
    }
    made[kind]()

    with pytest.raises(BadPolicy):
        world.config()


def test_a_policy_may_hold_what_only_a_plugin_knows(world: World) -> None:
    world.write("etc/policy.yaml", "audit: {required: true}\nquotas: {day: 5}\n")

    assert world.settings().get("audit") == {"required": True}


def test_a_policy_that_goes_bad_stays_as_it_was_and_one_that_comes_later_counts(world: World) -> None:
    config = world.config()
    world.write("etc/policy.yaml", POLICY)
    assert config.for_project(world.project).get("model") == "theirs"
    assert config.has_policy

    world.write("etc/policy.yaml", "model: [")
    settings = config.for_project(world.project)

    assert settings.get("model") == "theirs"
    assert "no YAML" in config.policy_problem and "no YAML" in said(settings.warnings)
    assert [(file.state, file.layer) for file in settings.files] == [("kept", "enterprise")]

    world.write("etc/policy.yaml", "model: newer\n")
    assert config.for_project(world.project).get("model") == "newer"
    assert config.policy_problem == ""

    world.policy.unlink()
    assert config.for_project(world.project).get("model") is None
    assert not config.has_policy


@pytest.mark.parametrize("name", ["CODEX_PLUS_HOME", "CODEX_PLUS_POLICY", "HOME", "XDG_CONFIG_DIRS", "ProgramData"])
def test_no_variable_moves_the_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    before = policy_place()

    monkeypatch.setenv(name, str(tmp_path))

    assert policy_place() == before
    if sys.platform == "linux":
        assert before == PolicyPlace(Path("/etc/codex-plus/policy.yaml"), owner=0, top=Path("/"))


def test_a_variable_that_is_missing_does_not_make_the_policy_bad(world: World) -> None:
    world.write("etc/policy.yaml", "mcpServers: {s: {url: 'https://x/${NOPE}'}}\n")

    settings = world.settings()

    assert settings.get("mcpServers") is None
    assert "${NOPE} is not set" in said(settings.warnings)


def test_without_a_home_no_file_is_read_at_all(world: World) -> None:
    world.write("project/.claude/settings.json", {"model": "x"})

    config = Config(None, {"model": "given"}, served={"port": 1})

    assert config.for_project(world.project).get("model") == "given"
    assert dict(config) == {"port": 1, "model": "given"}
