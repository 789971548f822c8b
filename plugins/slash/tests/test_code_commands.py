"""Commands in JavaScript and Python, from the prompt to what the model gets."""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from codexplus_core import Action, Core, Exchange, LocalReply, Refusal, hookimpl
from codexplus_core.services.sandbox.sandbox import probe_once
from codexplus_core.testing import Harness, text
from codexplus_slash.code_commands import call, proposed, task_for, words
from codexplus_slash.command_file import CommandFile, Scope, Source, load

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
SPECIFIED = (
    "module.exports = (args) => {\n"
    "  const branch = args[0] || 'main';\n"
    "  return `Analyze the diff for branch ${branch}: !`git diff ${branch}...HEAD``;\n"
    "};\n"
)


@dataclass
class Caller:
    """A plugin that calls one command, for prompts that begin with its name; it sees every action."""

    command: CommandFile
    question: bool = False
    actions: list[Action] = field(default_factory=list)
    veto: str = ""

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    def on_action(self, action: Action) -> Refusal | None:
        self.actions.append(action)
        return Refusal(self.veto) if self.veto else None

    @hookimpl
    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        name, _, args = (exchange.prompt or "").partition(" ")
        if name != f"/{self.command.name}":
            return None
        made = await call(self.core, exchange, self.command, args.strip())
        if isinstance(made, LocalReply):
            return made
        if self.question:
            from codexplus_core import Proposal

            answer = await self.core.approvals.require(exchange, [Proposal("run", "user", "t", text=made.prompt)])
            if isinstance(answer, LocalReply):
                return answer
        exchange.prompt = made.prompt
        return None


def written(path: Path, source: str, *, scope: Scope = "user") -> CommandFile:
    """A command file, as the catalogue would have it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    kind: Literal["javascript", "python"] = "python" if path.suffix == ".py" else "javascript"
    return load(Source(path.stem, path, path.parent, scope, kind, f"({scope})"))


async def said(command: CommandFile, prompt: str, *, cwd: Path) -> tuple[str, str]:
    """What the model is asked and what the user reads, one of them empty."""
    async with Harness([Caller(command)], cwd=str(cwd)) as proxy:
        answer = await proxy.say(prompt)
        asked = proxy.upstream.turns
        return (asked[0].conversation[-1]["content"][-1]["text"], "") if asked else ("", answer.text)


# -- what a command returns


@needs_node
@pytest.mark.req("S7")
async def test_the_javascript_of_the_specification_runs_as_printed(tmp_path: Path) -> None:
    command = written(tmp_path / "home/analyze.js", SPECIFIED)

    asked, _ = await said(command, "/analyze feature", cwd=tmp_path)

    assert asked == "Analyze the diff for branch feature: !`git diff feature...HEAD`"


@needs_node
@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("x.js", "module.exports = (args) => args.join('|')"),
        ("x.js", "module.exports = async (args) => { await null; return args.join('|'); }"),
        ("x.js", "exports.default = function (args) { return args.join('|'); }"),
        ("x.js", "#!/usr/bin/env node\n'use strict';\nmodule.exports = (args) => args.join('|')"),
        ("x.cjs", "const { sep } = require('node:path');\nmodule.exports = (args) => args.join('|')"),
        ("x.js", "import { sep } from 'node:path';\nexport default async (args) => args.join('|')"),
        ("x.mjs", "const bar = await Promise.resolve('|');\nexport default (args) => args.join(bar)"),
    ],
)
async def test_javascript_may_be_written_in_any_of_its_ways(tmp_path: Path, name: str, source: str) -> None:
    command = written(tmp_path / "home" / name, source)

    assert await said(command, "/x one 'two three' ü", cwd=tmp_path) == ("one|two three|ü", "")


@pytest.mark.req("S7")
@pytest.mark.parametrize("begin", ["def", "async def"])
async def test_a_python_command_gets_the_words_and_the_raw_text(tmp_path: Path, begin: str) -> None:
    source = f"import os\n{begin} command(args):\n    return repr((args, os.environ['CODEX_PLUS_ARGUMENTS']))\n"
    command = written(tmp_path / "home/x.py", source)

    asked, _ = await said(command, """/x one "two three" it's""", cwd=tmp_path)

    assert asked == repr((["one", '"two', 'three"', "it's"], """one "two three" it's"""))


@needs_node
@pytest.mark.req("S7")
async def test_javascript_gets_the_words_and_the_raw_text(tmp_path: Path) -> None:
    source = "module.exports = (args) => JSON.stringify([args, process.env.CODEX_PLUS_ARGUMENTS])"
    command = written(tmp_path / "home/x.js", source)

    asked, _ = await said(command, '/x one "two three"', cwd=tmp_path)

    assert asked == '[["one","two three"],"one \\"two three\\""]'


def test_words_lose_their_quotes_and_nothing_else() -> None:
    assert words("""a "b c" d\\ e;f #g *.py\nh""") == ["a", "b c", "d e;f", "#g", "*.py", "h"]


@needs_node
async def test_a_reply_is_answered_without_the_model(tmp_path: Path) -> None:
    script = written(tmp_path / "home/x.js", "module.exports = () => ({ reply: 'from node' })")
    python = written(tmp_path / "home/y.py", "def command(args): return {'reply': 'from python'}")

    assert await said(script, "/x", cwd=tmp_path) == ("", "from node")
    assert await said(python, "/y", cwd=tmp_path) == ("", "from python")


@pytest.mark.abuse("F16")
async def test_a_reply_cannot_steer_the_terminal(tmp_path: Path) -> None:
    command = written(tmp_path / "home/x.py", "def command(args): return {'reply': 'a\\x1b[2Jb\\r\\x07\\n\\tc é'}")

    assert await said(command, "/x", cwd=tmp_path) == ("", "a\ufffd[2Jb\ufffd\ufffd\n\tc é")


@needs_node
async def test_what_is_printed_does_not_get_into_the_result(tmp_path: Path) -> None:
    noise = '\\n\\u001e{"prompt": "forged"}\\n'
    script = f"module.exports = () => {{ console.log('{noise}'); require('fs').writeSync(1, '{noise}'); return 'a'; }}"
    python = (
        "import os, subprocess, sys\n"
        f"def command(args):\n    print('{noise}')\n    os.write(1, b'noise')\n"
        "    subprocess.run([sys.executable, '-c', 'print(1)'])\n    return 'b'\n"
    )

    assert await said(written(tmp_path / "home/x.js", script), "/x", cwd=tmp_path) == ("a", "")
    assert await said(written(tmp_path / "home/y.py", python), "/y", cwd=tmp_path) == ("b", "")


@needs_node
async def test_javascript_that_leaves_a_timer_behind_is_not_waited_for(tmp_path: Path) -> None:
    command = written(tmp_path / "home/x.js", "module.exports = () => { setInterval(() => 0, 1000); return 'done'; }")

    assert await said(command, "/x", cwd=tmp_path) == ("done", "")


# -- what goes wrong


@needs_node
@pytest.mark.parametrize(
    ("name", "source", "error"),
    [
        ("x.js", "module.exports = (a) => {\n  return nope;\n}", "x.js:2`: ReferenceError: nope is not defined"),
        ("x.js", "module.exports = (a) => {\n  return ) }", "x.js:2`: SyntaxError: Unexpected token ')'"),
        ("x.js", "export default (a) => {\n  let b = ;\n}", "x.js:2`: SyntaxError: Unexpected token ';'"),
        ("x.mjs", "export default (a) => {\n  throw new Error('no');\n}", "x.mjs:2`: Error: no"),
        ("x.js", "module.exports = () => 5", "x.js`: returned a number; return the prompt as a string"),
        ("x.js", "module.exports = () => ({ text: 'a' })", "x.js`: returned an object; return the prompt"),
        ("x.js", "module.exports = {}", "x.js`: exports an object; export a function"),
        ("x.js", "module.exports = () => process.exit(3)", "x.js`: ended with exit code 3 before it returned"),
        ("x.js", "module.exports = () => 'x'.repeat(70000)", "x.js`: returned 70"),
        (
            "x.py",
            "def command(args):\n    return help_(args)\ndef help_(a):\n    return 1 / 0",
            "x.py:4`: ZeroDivision",
        ),
        ("x.py", "import json\ndef command(args):\n    return json.loads('{')", "x.py:3`: JSONDecodeError"),
        ("x.py", "def command(args)\n    return 1", "x.py:1`: SyntaxError: expected ':'"),
        ("x.py", "def command(args):\n    return 1", "x.py:1`: command(args) returned int; return the prompt"),
        ("x.py", "import nowhere_at_all", "x.py:1`: ModuleNotFoundError"),
        ("x.py", "print(1)", "x.py`: defines no function command(args)"),
        ("x.py", "import sys\ndef command(args):\n    sys.exit('bye')", "before it returned anything: bye"),
    ],
)
async def test_an_error_names_the_file_and_the_line(tmp_path: Path, name: str, source: str, error: str) -> None:
    command = written(tmp_path / "home" / name, source)

    asked, answer = await said(command, "/x", cwd=tmp_path)

    assert asked == ""
    assert error in answer
    assert answer.endswith("The model was not asked.")


async def test_code_that_does_not_end_is_ended(tmp_path: Path) -> None:
    source = "import time\ntimeout = 0.5\ndef command(args):\n    time.sleep(600)\n"
    command = written(tmp_path / "home/x.py", source)

    _, answer = await said(command, "/x", cwd=tmp_path)

    assert "x.py`: took longer than 0.5 s" in answer


async def test_without_node_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = written(tmp_path / "home/x.js", "module.exports = () => 'a'")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("codexplus_core.services.programs.SYSTEM_PATH", ())

    _, answer = await said(command, "/x", cwd=tmp_path)

    assert "no `node` on the PATH; install Node.js 18 or later" in answer


async def test_arguments_of_any_kind_and_length_arrive(tmp_path: Path) -> None:
    command = written(tmp_path / "home/x.py", "def command(args): return str([len(a) for a in args])")

    assert await said(command, "/x a\0b " + "c" * 300_000, cwd=tmp_path) == ("[3, 300000]", "")


# -- who may run it


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


@pytest.mark.req("S10")
def test_the_command_line_is_the_same_on_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = written(tmp_path / "x.js", "module.exports = () => 'a'")
    python = written(tmp_path / "y.py", "def command(args): return 'a'")
    monkeypatch.setattr(sys, "executable", r"C:\Python\python.exe")

    assert task_for(script, "").argv == ("node", "-", str(tmp_path / "x.js"))
    assert task_for(python, "").argv == (r"C:\Python\python.exe", "-I", "-X", "utf8", "-", str(tmp_path / "y.py"))
