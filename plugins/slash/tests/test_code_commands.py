"""Commands in JavaScript and Python, from the prompt to what the model gets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from code_calls import needs_node, said, written

from codexplus_slash.code_commands import task_for, words

SPECIFIED = (
    "module.exports = (args) => {\n"
    "  const branch = args[0] || 'main';\n"
    "  return `Analyze the diff for branch ${branch}: !`git diff ${branch}...HEAD``;\n"
    "};\n"
)


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


@pytest.mark.req("S10")
def test_the_command_line_is_the_same_on_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = written(tmp_path / "x.js", "module.exports = () => 'a'")
    python = written(tmp_path / "y.py", "def command(args): return 'a'")
    monkeypatch.setattr(sys, "executable", r"C:\Python\python.exe")

    assert task_for(script, "").argv == ("node", "-", str(tmp_path / "x.js"))
    assert task_for(python, "").argv == (r"C:\Python\python.exe", "-I", "-X", "utf8", "-", str(tmp_path / "y.py"))
