"""``$file`` and ``$tool`` are words in every kind of quotes, and no value is ever syntax."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_hooks.flat import endangered, prepared, variables_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell's quotes")
ODD = "a b'c\"d$(touch x)`id`\\e;f|g*\n~"


def payload(file: Any = None, tool: str = "Write") -> dict[str, Any]:
    return {"tool_name": tool, "tool_input": {} if file is None else {"file_path": file}}


def printed(text: str, file: str) -> str:
    variables = {**variables_of(payload(file)), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(["/bin/sh", "-c", prepared(text)], env=variables, capture_output=True, check=True, timeout=60)
    return ran.stdout.decode("utf-8", "surrogateescape")


@posix
@pytest.mark.req("H3")
@pytest.mark.parametrize(
    "text",
    [
        "printf '%s.' $file", "printf '%s.' \"$file\"", "printf '%s.' '$file'", "printf '%s.' ${file}",
        "printf '%s.' '${file}'", "true && printf '%s.' $file # $tool isn't", "sh -c 'printf %s. \"$file\"'",
    ],
)  # fmt: skip
def test_the_file_is_one_word_in_every_kind_of_quotes(text: str) -> None:
    assert printed(text, ODD) == f"{ODD}."


@posix
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_no_name_is_ever_more_than_its_characters(name: str) -> None:
    # The same file, but no option of a program.
    name, given = (f"./{name}" if name.startswith("-") else name), name

    assert printed("printf '%s|' 'a $file' b$file \"c$file\"", given) == f"a {name}|b{name}|c{name}|"


def test_the_text_does_not_depend_on_the_value() -> None:
    assert prepared("echo 'Writing to: $file' >> .codex-plus.log") == (
        "echo 'Writing to: '\"$file\"'' >> .codex-plus.log"
    )
    assert prepared("echo hi $files \\$file") == "echo hi $files \\$file"


@pytest.mark.parametrize("text", ["cat <<E\n'$file'\nE", "echo `echo $file`", "echo $(echo $file)", "echo $file\\\n"])
def test_where_the_quotes_are_not_plain_to_see_the_shell_does_it_alone(text: str) -> None:
    assert prepared(text) == text


def test_a_program_in_quotes_looks_the_variable_up_itself() -> None:
    assert prepared("sh -c 'echo $file'") == "sh -c 'echo $file'"
    assert prepared("awk '{print $file}' $file") == "awk '{print $file}' \"$file\""


@pytest.mark.parametrize(
    "text",
    ['sh -c "cat $file"', "eval echo $file", "python3 -c \"print('$file')\"", "ssh host cat $file",
     'echo "cat $file" | sh', "python3 - <<E\nprint('$file')\nE", 'node -p "\'$file\'"', 'node --eval "\'$file\'"'],
)  # fmt: skip
def test_an_odd_name_is_not_handed_to_what_would_read_it_as_a_program(text: str) -> None:
    assert endangered(text, variables_of(payload("a;id")))
    assert endangered(text, variables_of(payload("/src/a b.py"))) == ""


@pytest.mark.parametrize(
    "text", ["prettier --write $file", "python3 check.py $file", "sh -c 'cat \"$file\"'", "sh x.sh"]
)
def test_other_programs_get_any_name(text: str) -> None:
    assert endangered(text, variables_of(payload(ODD))) == ""


def test_the_values_come_from_the_payload() -> None:
    assert variables_of(payload("/a")) == {"file": "/a", "tool": "Write"}
    assert variables_of({"tool_name": "NotebookEdit", "tool_input": {"notebook_path": "n"}})["file"] == "n"
    assert variables_of({"tool_name": "Bash", "tool_input": {"command": "x"}}) == {"file": "", "tool": "Bash"}
    assert variables_of({"prompt": "x"}) == {"file": "", "tool": ""}
    assert variables_of(payload("a\0b"))["file"] == "" and len(variables_of(payload("x" * 9999))["file"]) == 4096


@posix
@pytest.mark.abuse("F15")
def test_a_name_that_the_model_made_up_is_no_option_of_a_program() -> None:
    assert printed("printf '%s.' $file", "--output=/etc/passwd") == "./--output=/etc/passwd."
    assert variables_of(payload("-rf", tool="--all"))["tool"] == "all"
