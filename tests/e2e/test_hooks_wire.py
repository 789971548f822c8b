"""Hooks with the real Codex: on the wire where its calls can be seen there, from both sources with the newest."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from e2e.codex import NEWEST
from e2e.proxies import COMMAND, python_env
from e2e.test_hooks_bridge import BYPASS, installed

from codexplus_core.testing import custom_call, shell, text

pytestmark = pytest.mark.e2e

OLD = ("0.29.0", "0.60.1", "0.98.0", "0.120.0")
NO_RM = "grep -q 'rm ' && { printf 'no rm here' >&2; exit 2; } || true"
GOES_ON = "grep -q '\"stop_hook_active\":true' || { printf 'run the tests' >&2; exit 2; }"
EVENTS = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd")


def home_hooks(home: Path, hooks: Mapping[str, str]) -> None:
    """Hooks of the user's, in the proxy's home."""
    path = home / ".claude/settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {event: [{"hooks": [{"type": "command", "command": command}]}] for event, command in hooks.items()}
    path.write_text(json.dumps({"hooks": made}), encoding="utf-8")


def noted(path: Path) -> list[dict[str, Any]]:
    """What hooks that run ``cat >> path`` were told."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


@pytest.mark.req("H1")
@pytest.mark.parametrize("version", OLD)
async def test_a_forbidden_command_does_not_run_and_the_model_is_told(
    version: str, codex, upstream, proxy, tmp_path: Path
) -> None:
    home_hooks(tmp_path / "proxy", {"PreToolUse": NO_RM})
    one = codex(version).point_at((await proxy("hooks")).url)
    kept = one.project / "kept.txt"
    kept.write_text("here", encoding="utf-8")
    upstream.script = [shell("rm kept.txt"), text("I was not allowed.")]

    ran = await one.exec("tidy up")

    assert "I was not allowed." in ran.stdout
    assert kept.exists() and len(upstream.turns) == 2
    assert "no rm here" in upstream.turns[1].decoded.decode()


@pytest.mark.req("H1")
@pytest.mark.parametrize("version", OLD[1:])
async def test_a_formatter_runs_on_the_file_that_was_edited(
    version: str, codex, upstream, proxy, tmp_path: Path
) -> None:
    program = "import json,sys; p=json.load(sys.stdin)['tool_input']['file_path']; open(p,'a').write('formatted\\n')"
    home_hooks(tmp_path / "proxy", {"PostToolUse": f'/usr/bin/env python3 -c "{program}"'})
    one = codex(version).point_at((await proxy("hooks")).url)
    patch = "*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n"
    upstream.script = [custom_call("apply_patch", patch), text("Done.")]

    await one.exec("write it")

    assert (one.project / "new.txt").read_text(encoding="utf-8") == "hello\nformatted\n"


@pytest.mark.req("H1")
@pytest.mark.parametrize("version", [*OLD, NEWEST])
async def test_prompts_and_turns_need_no_installation(version: str, codex, upstream, proxy, tmp_path: Path) -> None:
    secret = "grep -q secret && { printf 'keep it' >&2; exit 2; } || echo branch main"
    hooks = {"SessionStart": "echo be kind", "UserPromptSubmit": secret, "Stop": GOES_ON}
    home_hooks(tmp_path / "proxy", hooks)
    one = codex(version).point_at((await proxy("hooks")).url)
    upstream.script = [text("Done."), text("They pass.")]

    ran = await one.exec("hello")
    stopped = await one.exec("my secret")

    assert "They pass." in ran.stdout and len(upstream.turns) == 2
    sent = json.dumps(upstream.turns[1].conversation)
    assert "be kind" in sent and "branch main" in sent and "run the tests" in sent
    assert "operation blocked by hook" in stopped.stdout + stopped.stderr


@pytest.mark.req("H1")
@pytest.mark.parametrize("kind", [*OLD[1:], NEWEST, f"{NEWEST} gpt-5.5"])
async def test_each_event_comes_exactly_once(kind: str, codex, upstream, proxy, tmp_path: Path) -> None:
    told = tmp_path / "told.jsonl"
    home_hooks(tmp_path / "proxy", dict.fromkeys(EVENTS, f"cat >> {told}"))
    version, _, model = kind.partition(" ")
    running = await proxy("hooks")
    one = codex(version).point_at(running.url)
    if model:
        one.configure(f'model = "{model}"')
    if version == NEWEST:
        installed(one, running.url)
    upstream.script = [*(shell(f"echo {at}") for at in range(5)), text("Done.")]

    ran = await one.exec("five", flags=BYPASS if version == NEWEST else ())
    await running.stop()

    assert "Done." in ran.stdout
    seen = noted(told)
    assert Counter(each["hook_event_name"] for each in seen) == {
        "SessionStart": 1, "UserPromptSubmit": 1, "PreToolUse": 5, "PostToolUse": 5, "Stop": 1, "SessionEnd": 1,
    }  # fmt: skip
    calls = [each for each in seen if "tool_name" in each]
    assert {each["tool_name"] for each in calls} == {"Bash"}
    commands = [each["tool_input"]["command"] for each in calls if each["hook_event_name"] == "PreToolUse"]
    assert commands == [f"echo {at}" for at in range(5)]
    assert len({each["tool_use_id"] for each in calls}) == 5


@pytest.mark.req("H1")
async def test_a_forbidden_command_within_code_mode_does_not_run(codex, upstream, proxy, tmp_path: Path) -> None:
    home_hooks(tmp_path / "proxy", {"PreToolUse": NO_RM})
    running = await proxy("hooks")
    one = installed(codex().point_at(running.url), running.url)
    kept = one.project / "kept.txt"
    kept.write_text("here", encoding="utf-8")
    upstream.script = [shell("rm kept.txt"), text("I was not allowed.")]

    await one.exec("tidy up", flags=BYPASS)

    assert kept.exists()
    assert "no rm here" in json.dumps(upstream.turns[1].conversation)


@pytest.mark.req("H1")
@pytest.mark.parametrize("version", ["0.60.1", "0.98.0", "0.120.0", NEWEST])
async def test_what_hooks_said_is_there_after_a_resume_with_another_proxy(
    version: str, codex, upstream, proxy, tmp_path: Path
) -> None:
    home_hooks(tmp_path / "proxy", {"SessionStart": "echo be kind", "UserPromptSubmit": "echo branch main"})
    first = await proxy("hooks")
    one = codex(version).point_at(first.url)
    await one.exec("hello")
    before = json.dumps(upstream.turns[0].conversation)
    await first.stop()
    home_hooks(tmp_path / "proxy", {"UserPromptSubmit": "echo branch other"})
    one.point_at((await proxy("hooks")).url)

    await one.resume("more")

    sent = json.dumps(upstream.turns[-1].conversation)
    assert before.count("be kind") == before.count("branch main") == 1
    assert sent.count("be kind") == sent.count("branch main") == sent.count("branch other") == 1


@pytest.mark.req("H5")
async def test_a_projects_hook_runs_after_it_was_allowed(codex, upstream, proxy, tmp_path: Path) -> None:
    running = await proxy("hooks")
    one = codex("0.120.0").point_at(running.url)
    home_hooks(one.project, {"PreToolUse": NO_RM})
    for name in ("a.txt", "b.txt"):
        (one.project / name).write_text("here", encoding="utf-8")
    upstream.script = [shell("rm a.txt"), text("Gone."), shell("rm b.txt"), text("I was not allowed.")]

    unasked = await one.exec("tidy up")
    allowed = subprocess.run(
        [*COMMAND, "approvals", "allow", "--project", str(one.project)],
        env=python_env(running.home), cwd=one.project, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    ran = await one.exec("tidy up")

    assert "The hooks of this project do not run" in unasked.stdout + unasked.stderr
    assert not (one.project / "a.txt").exists()
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr
    assert (one.project / "b.txt").exists() and "I was not allowed." in ran.stdout
