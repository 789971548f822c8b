"""What is known of Codex's own hooks: the trust that it keeps, the lines they stand in, files that are broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bridge_folders import installed_bridge

from codexplus_hooks.bridge_files import NATIVE_EVENTS, Places, places
from codexplus_hooks.native_hooks import digest, line_of, not_heard, read

RECORDED = Path(__file__).parents[3] / "tests/compat/hooks/codex_trust.json"
KEPT = json.loads(RECORDED.read_text(encoding="utf-8"))["rows"]


@pytest.fixture
def here(tmp_path: Path) -> Places:
    made = places({"HOME": str(tmp_path), "PATH": "/nowhere"})
    made.codex.mkdir()
    return made


def install(here: Places, *, trusted: bool = True, also: str = "") -> None:
    installed_bridge({"HOME": str(here.codex.parent), "PATH": "/nowhere"}, trusted=trusted, also=also)


@pytest.mark.parametrize("row", KEPT, ids=lambda row: f"{row['event']}-{row.get('matcher')}")
def test_the_digest_is_the_one_that_codex_keeps(row: dict[str, Any]) -> None:
    assert digest(row["event"], row.get("matcher"), row["handler"]) == row["trusted_hash"]


def test_a_bridge_that_is_trusted_has_nothing_asleep(here: Places) -> None:
    install(here)

    found = read(here)

    assert [hook.event for hook in found.bridge] == list(NATIVE_EVENTS)
    assert (found.asleep, found.enabled, found.problems) == ((), True, ())
    assert not_heard(here) == ""


def test_hooks_that_nobody_trusted_sleep_and_a_sentence_says_what_to_do(here: Places) -> None:
    install(here, trusted=False)

    assert len(read(here).asleep) == len(NATIVE_EVENTS)
    assert "start codex in a terminal once and trust them" in not_heard(here)


def test_a_hook_that_was_changed_or_switched_off_sleeps(here: Places) -> None:
    install(here)
    config = here.codex / "config.toml"
    text = config.read_text()
    first, second = text.split("trusted_hash", 2)[1:]
    config.write_text(
        text.replace("trusted_hash" + first, "trusted_hash" + first.replace("sha256:", "sha256:0")).replace(
            "trusted_hash" + second, "enabled = false\ntrusted_hash" + second, 1
        )
    )

    assert [hook.trust for hook in read(here).bridge][:2] == ["changed", "disabled"]


def test_a_feature_that_is_off_is_seen(here: Places) -> None:
    install(here, also="[features]\nhooks = false\n")

    assert not read(here).enabled
    assert "features.hooks" in not_heard(here)


def test_without_a_bridge_nothing_is_amiss(here: Places) -> None:
    assert read(here).bridge == ()
    assert not_heard(here) == ""


def test_the_users_own_and_the_projects_hooks_are_named_with_their_lines(here: Places, tmp_path: Path) -> None:
    own = '{\n "hooks": {\n  "Stop": [\n   {"hooks": [{"type": "command", "command": "say \\"done\\""}]}\n  ]\n }\n}'
    (here.codex / "hooks.json").write_text(own)
    (here.codex / "config.toml").write_text(
        '# mine\n[[hooks.PreToolUse]]\nmatcher = "Bash"\n\n[[hooks.PreToolUse.hooks]]\ncommand = "guard"\n'
    )
    project = tmp_path / "project"
    (project / ".codex").mkdir(parents=True)
    (project / ".codex/hooks.json").write_text(own.replace("\n", ""))

    found = read(here, project).others

    assert [(hook.event, hook.command, hook.place) for hook in found] == [
        ("Stop", 'say "done"', f"{here.codex}/hooks.json:4"),
        ("PreToolUse", "guard", f"{here.codex}/config.toml:6"),
        ("Stop", 'say "done"', f"{project}/.codex/hooks.json:1"),
    ]


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"hooks": 1}', '{"hooks": {"Stop": 1}}', '{"hooks": {"Stop": [1, {"hooks": [2, {}]}]}}', "\xff"],
)
def test_a_broken_file_has_no_hooks(text: str, here: Places) -> None:
    (here.codex / "hooks.json").write_bytes(text.encode("latin-1"))
    (here.codex / "config.toml").write_bytes(b"hooks = 1")

    assert read(here).hooks == ()


def test_a_file_that_cannot_be_parsed_is_named(here: Places) -> None:
    (here.codex / "hooks.json").write_text("{")
    (here.codex / "config.toml").write_text("=")

    assert [problem.split(":")[0] for problem in read(here).problems] == [
        str(here.codex / "config.toml"), str(here.codex / "hooks.json"), str(here.codex / "config.toml"),
    ]  # fmt: skip


def test_the_line_of_a_command_that_stands_there_twice() -> None:
    assert [line_of("a\nb\na", "a", nth) for nth in (0, 1, 5)] == [1, 3, 3]
    assert line_of("", "a") == 1
