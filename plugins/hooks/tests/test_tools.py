"""Codex's tools by Claude Code's names, and changed inputs on the way back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import ToolCall, ToolResult
from codexplus_hooks.hook import EVENTS
from codexplus_hooks.patch import parse_patch, patch_text
from codexplus_hooks.results import Answered, answered, replacement, response_of, with_texts
from codexplus_hooks.rewriting import CannotExpress
from codexplus_hooks.tools import Tool, rewritten, tools_of

CWD = Path("/proj")
TABLE = Path(__file__).parents[3] / "docs/hooks-events.md"
PATCH = """*** Begin Patch
*** Add File: new.py
+x = 1
+y = 2
*** Update File: src/old.py
@@ def f():
 keep
-a
+b
*** Delete File: gone.py
*** Update File: from.py
*** Move to: to.py
@@
-1
+2
@@
-3
+4
*** End Patch"""


def told(name: str, arguments: dict[str, Any] | str, namespace: str | None = None) -> list[tuple[str, dict[str, Any]]]:
    found = tools_of(ToolCall("c1", name, arguments, namespace), CWD)
    return [(tool.name, tool.input) for tool in found]


@pytest.mark.req("H2")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("shell", {"command": ["bash", "-lc", "rm -rf x"]}),
        ("shell", {"command": ["rm", "-rf", "x"]}),
        ("local_shell", {"type": "exec", "command": ["sh", "-c", "rm -rf x"]}),
        ("shell_command", {"command": "rm -rf x"}),
        ("exec_command", {"cmd": "rm -rf x", "yield_time_ms": 1000}),
        ("write_stdin", {"session_id": 1, "chars": "rm -rf x"}),
    ],
)
def test_every_shell_of_codex_is_bash(name: str, arguments: dict[str, Any]) -> None:
    assert told(name, arguments) == [("Bash", {"command": "rm -rf x"})]


def test_what_codex_knows_besides_of_a_command_is_told() -> None:
    given = {"cmd": "make", "justification": "needs the network", "timeout_ms": 9000}

    assert told("exec_command", given) == [
        ("Bash", {"command": "make", "description": "needs the network", "timeout": 9000})
    ]


@pytest.mark.parametrize(
    ("name", "namespace", "arguments", "expected"),
    [
        ("view_image", None, {"path": "a.png"}, ("Read", {"file_path": "/proj/a.png"})),
        ("read_file", None, {"file_path": "a", "offset": 2}, ("Read", {"file_path": "/proj/a", "offset": 2})),
        ("list_dir", None, {"dir_path": "src"}, ("LS", {"path": "/proj/src"})),
        ("grep_files", None, {"pattern": "x", "include": "*.py"}, ("Grep", {"pattern": "x", "glob": "*.py"})),
        ("write_stdin", None, {"session_id": 7, "chars": ""}, ("BashOutput", {"bash_id": "7"})),
        (
            "update_plan", None, {"plan": [{"step": "do", "status": "pending"}]},
            ("TodoWrite", {"todos": [{"content": "do", "status": "pending", "activeForm": "do"}]}),
        ),
        (
            "spawn_agent", "collaboration", {"task_name": "look", "message": "look at it"},
            ("Agent", {"description": "look", "prompt": "look at it", "subagent_type": "general-purpose"}),
        ),
        ("request_user_input", "functions", {"questions": []}, ("AskUserQuestion", {"questions": []})),
        ("mcp__github__list", None, {"a": 1}, ("mcp__github__list", {"a": 1})),
        ("github__list", None, {"a": 1}, ("mcp__github__list", {"a": 1})),
        ("list", "mcp__github", {"a": 1}, ("mcp__github__list", {"a": 1})),
        ("list.it", "my server", {}, ("mcp__my_server__list_it", {})),
        ("mcp__codexplus__s__echo", None, {"a": 1}, ("mcp__s__echo", {"a": 1})),
        ("s__echo", "mcp__codexplus", {"a": 1}, ("mcp__s__echo", {"a": 1})),
        ("s__echo", "mcp__codexplus__", {"a": 1}, ("mcp__s__echo", {"a": 1})),
        ("call_project_tool", "mcp__codexplus", {"name": "mcp__s__echo", "arguments": {"a": 1}},
         ("mcp__s__echo", {"a": 1})),
        ("mcp__codexplus__call_project_tool", None, {"name": "s__echo"}, ("mcp__s__echo", {})),
        ("mcp__codexplus__call_project_tool", None, {"name": 7}, ("mcp__codexplus__call_project_tool", {"name": 7})),
        ("mcp__codexplus__read_output", None, {"id": "x"}, ("mcp__codexplus__read_output", {"id": "x"})),
        ("exec", "functions", "text(1)", ("exec", {"code": "text(1)"})),
        ("sleep", "clock", {"seconds": 1}, ("sleep", {"seconds": 1})),
        ("of_tomorrow", None, {"a": 1}, ("of_tomorrow", {"a": 1})),
    ],
)  # fmt: skip
def test_a_tool_has_claude_codes_name(
    name: str, namespace: str | None, arguments: dict[str, Any] | str, expected: tuple[str, dict[str, Any]]
) -> None:
    assert told(name, arguments, namespace) == [expected]


def test_a_changed_input_of_a_tool_behind_the_gateway_goes_where_the_old_one_stood() -> None:
    direct = ToolCall("c", "s__echo", {"a": 1}, namespace="mcp__codexplus")
    through = ToolCall("c", "mcp__codexplus__call_project_tool", {"name": "s__echo", "arguments": {"a": 1}})

    assert rewritten(direct, tools_of(direct)[0], {"a": 2}).arguments == {"a": 2}
    assert rewritten(through, tools_of(through)[0], {"a": 2}).arguments == {"name": "s__echo", "arguments": {"a": 2}}


@pytest.mark.req("H2")
def test_a_patch_is_the_edits_that_claude_code_would_make() -> None:
    expected = [
        ("Write", {"file_path": "/proj/new.py", "content": "x = 1\ny = 2\n"}),
        (
            "Edit",
            {"file_path": "/proj/src/old.py", "old_string": "keep\na", "new_string": "keep\nb", "replace_all": False},
        ),
        ("Bash", {"command": "rm /proj/gone.py"}),
        ("Bash", {"command": "mv /proj/from.py /proj/to.py"}),
        (
            "MultiEdit",
            {
                "file_path": "/proj/to.py",
                "edits": [{"old_string": "1", "new_string": "2"}, {"old_string": "3", "new_string": "4"}],
            },
        ),
    ]

    assert told("apply_patch", PATCH) == expected
    assert told("apply_patch", {"input": PATCH}) == expected
    assert told("shell", {"command": ["apply_patch", PATCH]}) == expected
    assert told("shell_command", {"command": f"apply_patch <<'EOF'\n{PATCH}\nEOF\n"}) == expected


def test_a_patch_in_another_folder_has_its_paths_there() -> None:
    patch = "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch"

    assert (
        told("exec_command", {"cmd": f"cd sub && apply_patch <<EOF\n{patch}\nEOF"})[0][1]["file_path"] == "/proj/sub/a"
    )
    assert told("exec_command", {"cmd": f"apply_patch <<EOF\n{patch}\nEOF", "workdir": "/else"})[0][1] == {
        "file_path": "/else/a",
        "content": "x\n",
    }


def test_a_script_that_does_more_than_patch_stays_bash() -> None:
    script = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: a\n+x\n*** End Patch\nEOF\nrm -rf ~"

    assert told("shell_command", {"command": script}) == [("Bash", {"command": script})]


@pytest.mark.req("H4")
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        (
            "shell",
            {"command": ["bash", "-lc", "a"], "workdir": "/x"},
            {"command": ["bash", "-lc", "b"], "workdir": "/x"},
        ),
        ("shell", {"command": ["a", "1"]}, {"command": ["bash", "-lc", "b"]}),
        ("shell_command", {"command": "a", "timeout_ms": 5}, {"command": "b", "timeout_ms": 5}),
        ("exec_command", {"cmd": "a", "yield_time_ms": 9}, {"cmd": "b", "yield_time_ms": 9}),
        ("write_stdin", {"session_id": 1, "chars": "a"}, {"session_id": 1, "chars": "b"}),
    ],
)
def test_a_changed_command_goes_where_the_old_one_was(
    name: str, arguments: dict[str, Any], expected: dict[str, Any]
) -> None:
    call = ToolCall("c1", name, arguments)
    (tool,) = tools_of(call, CWD)

    assert rewritten(call, tool, {"command": "b", "description": "t"}).arguments == expected


def test_a_changed_edit_changes_its_file_in_the_patch_and_no_other() -> None:
    call = ToolCall("c1", "apply_patch", PATCH, kind="custom_tool_call")
    write, edit, *_ = tools_of(call, CWD)

    changed = rewritten(call, edit, {**edit.input, "new_string": "keep\nc"})
    changed = rewritten(changed, write, {"file_path": "/proj/other.py", "content": "z\n"})

    files = parse_patch(str(changed.arguments)) or []
    assert [(file.kind, file.path) for file in files] == [
        ("add", "/proj/other.py"), ("update", "src/old.py"), ("delete", "gone.py"), ("update", "from.py"),
    ]  # fmt: skip
    assert files[0].content == ("z",) and files[1].hunks[0].new == ("keep", "c")
    assert files[3] == (parse_patch(PATCH) or [])[3]


def test_what_codex_cannot_run_is_no_call() -> None:
    call = ToolCall("c1", "apply_patch", PATCH)
    gone = tools_of(call, CWD)[2]

    with pytest.raises(CannotExpress, match="deleting or renaming"):
        rewritten(call, gone, {"command": "rm -i gone.py"})
    with pytest.raises(CannotExpress, match="needs `command`"):
        rewritten(ToolCall("c", "exec_command", {"cmd": "a"}), Tool("Bash", {"command": "a"}), {"command": 5})


def test_an_indented_heading_is_one_where_codex_takes_it_for_one() -> None:
    patch = (
        "*** Begin Patch\n*** Add File: a\n+x\n  *** Delete File: b\n"
        "*** Update File: c\n@@\n *** Delete File: d\n-e\n*** End Patch"
    )

    files = parse_patch(patch) or []

    assert [(file.kind, file.path) for file in files] == [("add", "a"), ("delete", "b"), ("update", "c")]
    assert files[2].hunks[0].old == ("*** Delete File: d", "e")


def test_a_patch_is_written_as_it_was_read() -> None:
    changes = parse_patch(PATCH)

    assert changes is not None and patch_text(changes) == PATCH


@given(st.text())
def test_no_text_breaks_the_table(text: str) -> None:
    for name in ("apply_patch", "exec", "tool"):
        assert tools_of(ToolCall("c1", name, text), CWD)
    for arguments in ({"command": text}, {"cmd": text}, {"command": [text]}, {"plan": text}):
        for name in ("shell", "exec_command", "update_plan", "shell_command", "view_image"):
            assert tools_of(ToolCall("c1", name, arguments), CWD)
    answered(ToolResult(text))


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("Exit code: 0\nWall time: 0 seconds\nOutput:\nhi\n", Answered("hi")),
        ("Exit code: 2\nWall time: 0 seconds\nOutput:\nno\n", Answered("no", "Exit code 2\nno")),
        ("Chunk ID: 1\nWall time: 0.1 seconds\nProcess exited with code 0\nOutput:\n", Answered("")),
        ("Chunk ID: 1\nWall time: 0.1 seconds\nProcess running with session ID 4\nOutput:\nx\n", Answered("x")),
        ('{"output":"hi\\n","metadata":{"exit_code":1}}', Answered("hi", "Exit code 1\nhi")),
        ('{"output":"hi"}', Answered('{"output":"hi"}')),
        ("Script completed\nWall time 0.1 seconds\nOutput:\n\nhi", Answered("\nhi")),
        ("unsupported call: nope", Answered("unsupported call: nope", "unsupported call: nope")),
        ("aborted", Answered("aborted", "aborted", interrupted=True)),
        ("Output:\nExit code: 1\n", Answered("Output:\nExit code: 1\n")),
    ],
)
def test_what_became_of_a_call_is_read_off_its_output(output: str, expected: Answered) -> None:
    assert answered(ToolResult(output)) == expected


def test_a_response_has_claude_codes_shape() -> None:
    edit = Tool("Edit", {"file_path": "/a", "old_string": "x", "new_string": "y"})

    assert response_of(Tool("Bash", {"command": "x"}), Answered("hi"))["stdout"] == "hi"
    assert response_of(edit, Answered(""))["filePath"] == "/a" and response_of(edit, Answered(""))["newString"] == "y"
    assert response_of(Tool("mcp__s__t", {}), Answered("[1]")) == "[1]"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("words", "words"),
        ({"stdout": "a", "stderr": "b", "interrupted": False}, "a\nb"),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        ({"content": [{"type": "text", "text": "a"}]}, "a"),
        ({"x": 1}, '{"x": 1}'),
    ],
)
def test_a_replaced_output_is_text(value: Any, expected: str) -> None:
    assert replacement(value) == expected


def test_words_stand_behind_parts_as_well() -> None:
    parts = [{"type": "input_text", "text": "hi"}]

    assert with_texts(ToolResult(parts), ["A", "B"]).output == [*parts, {"type": "input_text", "text": "A\n\nB"}]
    assert with_texts(ToolResult("hi"), []) == ToolResult("hi")


def test_the_documented_table_names_the_tools_as_hooks_see_them() -> None:
    section = TABLE.read_text(encoding="utf-8").partition("## Tools\n")[2]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| `") and "apply_patch" not in line]
    samples: dict[str, dict[str, Any]] = {"write_stdin": {"chars": "x"}}

    found = 0
    for row in rows:
        named, seen = re.findall(r"`([\w.]+)`", row[0]), re.findall(r"`(\w+)`", row[1])
        for at, name in enumerate(named):
            arguments: Any = (
                "text(1)" if name == "exec" else {} if "without" in row[0] else samples.get(name, {"cmd": "x"})
            )
            (tool,) = tools_of(ToolCall("c", name, arguments), CWD)
            assert tool.name == (seen[at] if len(seen) == len(named) else seen[0]), name
            found += 1
    assert found >= 16


def test_every_event_is_documented() -> None:
    text = TABLE.read_text(encoding="utf-8")

    assert [event for event in EVENTS if f"`{event}`" not in text] == []
