"""Who may run a command in JavaScript or Python, and what it may do."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
from code_calls import Caller, needs_node, said, written

from codexplus_core.services.sandbox.sandbox import probe_once
from codexplus_core.testing import Harness, text
from codexplus_slash.code_commands import proposed

linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")


@linux
@pytest.mark.abuse("B16")
async def test_code_of_a_project_asks_before_it_runs_and_then_runs_in_the_sandbox(tmp_path: Path) -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")
    path = tmp_path / "project/.codexplus/commands/x.py"
    source = (
        "def command(args):\n    try:\n        open('seen')\n"
        "    except OSError as error:\n        return error.strerror\n"
    )
    (tmp_path / "project").mkdir()
    (tmp_path / "project/seen").write_text("")
    caller = Caller(written(path, source, scope="project"))

    async with Harness([caller], cwd=str(tmp_path / "project"), script=[text("ok")]) as proxy:
        question = await proxy.say("/x a b")
        before = list(caller.actions)
        await proxy.say("y")

        assert "`command /x` wants to run:\n\n```\nx.py as Python, with the words typed after /x\n```" in question.text
        assert ".codexplus/commands/x.py" in question.text
        assert before == []
        assert [action.sandbox for action in caller.actions] == ["lsm"]
        assert proxy.upstream.turns[0].conversation[-1]["content"][-1]["text"] == "Permission denied"


@linux
@needs_node
@pytest.mark.abuse("F01", "F04", "F06")
async def test_code_of_a_project_reads_and_reaches_nothing_that_it_did_not_declare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    (tmp_path / "outside.txt").write_text("private")
    source = (
        "module.exports = async () => {\n"
        "  const fs = require('fs');\n"
        "  const read = (name) => { try { return fs.readFileSync(name, 'utf8') } catch (e) { return e.code } };\n"
        "  const socket = require('net').connect(9, '127.0.0.1');\n"
        "  const reached = await new Promise((done) => socket.on('error', (e) => done(e.code)));\n"
        f"  return [read('{tmp_path}/outside.txt'), reached, process.env.SECRET_TOKEN].join();\n"
        "}\n"
    )
    command = written(tmp_path / "project/.codexplus/commands/x.js", source, scope="project")

    async with Harness([Caller(command)], cwd=str(tmp_path / "project")) as proxy:
        await proxy.say("/x")
        await proxy.say("y")

    assert proxy.upstream.turns[0].conversation[-1]["content"][-1]["text"] == "EACCES,EPERM,"


async def test_always_holds_for_other_words_and_ends_with_a_change(tmp_path: Path) -> None:
    path = tmp_path / "project/.codexplus/commands/x.py"
    caller = Caller(written(path, "def command(args): return 'one'", scope="project"))
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")

    async with Harness([caller], cwd=str(tmp_path / "project")) as proxy:
        await proxy.say("/x a")
        await proxy.say("a")
        again = await proxy.say("/x other words")
        caller.command = written(path, "def command(args): return 'two'", scope="project")
        changed = await proxy.say("/x a")

    assert len(proxy.upstream.turns) == 2
    assert again.text == "Hello from the script."
    assert "Changed since you allowed it" in changed.text


@pytest.mark.abuse("B06")
async def test_the_bytes_that_were_approved_are_the_bytes_that_run(tmp_path: Path) -> None:
    command = written(tmp_path / "home/x.py", "def command(args): return 'approved'")
    command.path.write_text("def command(args): return 'changed'")

    assert await said(command, "/x", cwd=tmp_path) == ("approved", "")


async def test_code_of_the_users_own_runs_without_a_question(tmp_path: Path) -> None:
    caller = Caller(written(tmp_path / "home/x.py", "def command(args): return 'a'"))

    async with Harness([caller], cwd=str(tmp_path)) as proxy:
        await proxy.say("/x")

    assert [action.sandbox for action in caller.actions] == ["process"]
    assert len(proxy.upstream.turns) == 1


async def test_declared_permissions_hold_the_users_own_code_too(tmp_path: Path) -> None:
    caller = Caller(written(tmp_path / "home/x.py", "permissions = ['read_repo']\ndef command(args): return 'a'"))

    async with Harness([caller], cwd=str(tmp_path)) as proxy:
        await proxy.say("/x")

    assert [action.permissions for action in caller.actions] == [("read_repo",)]
    assert len(proxy.upstream.turns) == 1


async def test_a_permission_that_means_nothing_is_named(tmp_path: Path) -> None:
    command = written(tmp_path / "home/x.py", "permissions = ['everything']\ndef command(args): return 'a'")

    _, answer = await said(command, "/x", cwd=tmp_path)

    assert "x.py`: cannot be run: permission 'everything': not known" in answer


async def test_a_veto_keeps_it_from_running_and_sees_the_file(tmp_path: Path) -> None:
    command = written(tmp_path / "home/x.py", "def command(args): return 'a'")
    caller = Caller(command, veto="not here")

    async with Harness([caller], cwd=str(tmp_path)) as proxy:
        answer = await proxy.say("/x")

    assert "x.py`: may not run: not here" in answer.text
    assert caller.actions[0].argv[1:] == ("-I", "-X", "utf8", "-", str(command.path))
    assert caller.actions[0].source == "command /x from home/x.py"


async def test_a_question_about_the_result_does_not_run_the_code_again(tmp_path: Path) -> None:
    source = "import os\ndef command(args):\n    return os.urandom(8).hex()\n"
    caller = Caller(written(tmp_path / "home/x.py", source), question=True)

    async with Harness([caller], cwd=str(tmp_path)) as proxy:
        question = await proxy.say("/x")
        await proxy.say("y")
        asked = proxy.upstream.turns[0].conversation[-1]["content"][-1]["text"]
        await proxy.say("/x")

    assert asked in question.text
    assert len(caller.actions) == 2


async def test_a_proposal_made_beforehand_is_the_one_that_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "project/.codexplus/commands/x.py"
    caller = Caller(written(path, "def command(args): return 'a'", scope="project"))
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")

    async with Harness([caller], cwd=str(tmp_path / "project")) as proxy:
        caller.core.approvals.allow_now([proposed(caller.command, tmp_path / "project")])
        await proxy.say("/x a b")

    assert len(proxy.upstream.turns) == 1
    assert proposed(caller.command, tmp_path / "project").source_digest == hashlib.sha256(path.read_bytes()).hexdigest()
