"""What Claude Code did under the same rules (tests/compat/permissions), and where the answer here is another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from services.permissions.rules import HOME, PROJECT, request_for

from codexplus_core.services.permissions import Layer, RuleSet

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "compat/permissions/rules.json").read_text(encoding="utf-8")
)
# Stricter, but for the last two, which are as safe: the program gets the same words, the rule names the same file.
DIFFERENT = {
    "rule.deny_rm_via_sh_c": ("deny", "a denying rule looks into sh -c"),
    "pathrule.python_denied_file": ("deny", "a denying rule looks at every word that may be a file"),
    "pathrule.grep_denied_dir": ("ask", "no command is allowed without a rule"),
    "bash.no_frontmatter_git_status": ("ask", "no command is allowed without a rule"),
    "bash.pipe_readonly": ("ask", "no command is allowed without a rule"),
    "bash.redirect_devnull": ("ask", "no command is allowed without a rule (echo)"),
    "bash.timeout_wrapper": ("ask", "timeout starts other programs"),
    "bashrule.quotes_not_normalised": ("allow", "quotes make no difference"),
    "pathrule.write_allow_write_rule": ("allow", "Write(path) is read as Edit(path)"),
}
NEWEST = "2.1.329"


def judged(case: dict[str, Any]) -> str:
    layers = [
        Layer.of(
            {key: value for key, value in layer.items() if key != "scope"},
            layer["scope"],
            grants=True,
            root=HOME / ".claude" if layer["scope"] == "user" else PROJECT,
        )
        for layer in case["layers"]
    ]
    request = request_for(case["tool"], case["input"], real=case.get("real", ""))
    return RuleSet(layers, home=HOME).judge(request).decision


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_recorded_answer_is_given_unless_a_reason_says_otherwise(case: dict[str, Any]) -> None:
    expected = DIFFERENT[case["id"]][0] if case["id"] in DIFFERENT else None
    newest = case["observed"].get(NEWEST) or next(iter(case["observed"].values()))

    assert judged(case) == (expected or newest)
    assert expected != newest


def test_every_difference_is_a_recorded_case() -> None:
    assert set(DIFFERENT) <= {case["id"] for case in CASES}
