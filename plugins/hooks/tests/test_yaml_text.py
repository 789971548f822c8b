"""A YAML text is changed in one place, and keeps its comments, its order and its quotes."""

from __future__ import annotations

import pytest

from codexplus_hooks.json_text import CannotChange
from codexplus_hooks.yaml_text import YamlText

SETTINGS = """\
# of the team
model: "gpt-6"  # the big one

permissions:
  deny:
    - Read(./.env)   # secrets
hooks:
  Stop:
    - hooks:
        # says so
        - type: command
          command: 'echo "done"'
"""


def test_comments_order_quotes_and_indentation_stay() -> None:
    text = YamlText(SETTINGS)

    text.put(("hooks", "PreToolUse"), [{"matcher": "Bash", "hooks": [{"type": "command", "command": "x: y"}]}])

    assert text.text == SETTINGS + (
        "  PreToolUse:\n    - matcher: Bash\n      hooks:\n        - type: command\n          command: 'x: y'\n"
    )


def test_an_item_is_added_and_taken_out_again() -> None:
    text = YamlText(SETTINGS)

    text.put(("permissions", "deny", 1), "Bash(rm:*)")
    assert text.data["permissions"]["deny"] == ["Read(./.env)", "Bash(rm:*)"]
    text.drop(("permissions", "deny", 1))

    assert text.text == SETTINGS


def test_lines_are_counted_from_one() -> None:
    assert YamlText(SETTINGS).line_of(("hooks", "Stop", 0)) == 9
    assert YamlText(SETTINGS).line_of(("model",)) == 2


def test_a_file_of_comments_keeps_them() -> None:
    text = YamlText("# nothing yet\n")

    text.put(("a",), 1)

    assert text.text == "# nothing yet\na: 1\n"


@pytest.mark.parametrize("text", ["- 1\n", "a: [", "a: 1\na: 2\n", "\x00"])
def test_what_is_no_mapping_is_not_touched(text: str) -> None:
    with pytest.raises(CannotChange):
        YamlText(text)


def test_a_place_that_is_not_there_is_an_error() -> None:
    text = YamlText("a: 1\n")

    for path in (("b", "c"), ("a", "b")):
        with pytest.raises(CannotChange):
            text.put(path, 1)
        with pytest.raises(CannotChange):
            text.drop(path)
