"""Recorded cases of Claude Code's hooks: set up on a disk, and compared with what a proxy does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compat.recorded_commands import ROOT, Case, Place

CORPUS = ROOT / "tests/compat/hooks/hooks.jsonl"
DEVIATIONS = ROOT / "docs/hooks-compatibility.md"

_ROW = re.compile(r"^\| `([\w.]+)` \|", re.MULTILINE)
_REMINDER = re.compile(r"\n\n(?=<system-reminder>\n)")
_HEAD = re.compile(r"\A(?:Chunk ID|Exit code)[^\0]*?\nOutput:\n")

PYTHON = shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin") or sys.executable
"""A Python that a sandboxed hook may start: one of the system's, not one in a home directory."""

RECORDER = """
import sys, time
given = dict(word.split('=', 1) for word in sys.argv[2:] if '=' in word)
time.sleep(float(given.get('sleep', 0)))
sys.stdout.write(given.get('out', ''))
sys.stderr.write(given.get('err', ''))
sys.exit(int(given.get('exit', 0)))
"""


@dataclass(frozen=True)
class HookPlace(Place):
    """The folders that a case was recorded in, here; the recorder lies where a project's hooks may read."""

    def real(self, text: str) -> str:
        text = text.replace("{TOOLS}", "{PROJECT}/.tools").replace("{PY}", PYTHON)
        return super().real(text)

    def named(self, text: str) -> str:
        text = super().named(text).replace("{PROJECT}/.tools", "{TOOLS}")
        return text.replace(PYTHON, "{PY}")

    def lay_out(self, files: Mapping[str, Any]) -> None:
        super().lay_out(files)
        tools = self.project / ".tools"
        tools.mkdir()
        (tools / "rec.py").write_text(RECORDER, encoding="utf-8")


def cases() -> list[Case]:
    """The cases that are about hooks; those of a terminal's resources, commands and settings are tested elsewhere."""
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    return [Case(row) for row in rows if row["group"] not in ("resource", "slash", "settings")]


def deviations(heading: str) -> set[str]:
    """The cases in the table below a heading of the documentation."""
    text = DEVIATIONS.read_text(encoding="utf-8")
    part = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(_ROW.findall(part))


def typed(case: Case) -> list[str]:
    """What the user typed, without waits and single keys."""
    given = case.row.get("input", case.row.get("keys"))
    return [text for text in ([given] if isinstance(given, str) else given) if isinstance(text, str)]


def news(items: list[dict[str, Any]]) -> list[Any]:
    """What a further request brings that the model did not say: outputs, with what was put behind them, and words."""
    found: list[Any] = []
    for item in reversed(items):
        if item["type"].endswith("_output"):
            found[:0] = _output(item["output"])
        elif item.get("role") == "user":
            found[:0] = [part["text"] for part in item["content"]]
        elif item.get("role") == "developer":
            continue
        else:
            return found
    return found


def _output(output: Any) -> list[Any]:
    words = output if isinstance(output, str) else "\n".join(part.get("text", "") for part in output)
    first, *behind = _REMINDER.split(words)
    if first.startswith("error: "):
        return [{"tool_result": first.removeprefix("error: "), "is_error": True}, *behind]
    return [{"tool_result": _HEAD.sub("", first).removesuffix("\n")}, *behind]


def recorded_news(messages: Any) -> list[Any]:
    """The same of a record."""
    blocks = [block for message in messages if message["role"] == "user" for block in message["blocks"]]
    return [one for block in blocks for one in _glued(block)]


def _glued(block: Any) -> list[Any]:
    # The newest version puts its reminders behind the result's own text.
    if not isinstance(block, dict) or not isinstance(block.get("tool_result"), str):
        return [block]
    first, *behind = _REMINDER.split(block["tool_result"])
    return [{**block, "tool_result": first}, *behind]


def alike(ours: list[Any], theirs: list[Any]) -> bool:
    """Whether they are the same, but for line ends behind reminders and outputs."""
    return [_plain(one) for one in ours] == [_plain(one) for one in theirs]


def _plain(block: Any) -> Any:
    if isinstance(block, dict):
        result = block.get("tool_result")
        text = "\n".join(map(str, result)) if isinstance(result, list) else str(result)
        # Claude Code's words for silence.
        return {**block, "tool_result": text.rstrip("\n").replace("(Bash completed with no output)", "")}
    return str(block).rstrip("\n")


def name_of(argv: tuple[str, ...], env: Mapping[str, str], place: HookPlace) -> str | None:
    """The name that a hook gives the recorder, as the shell makes it out; None for other commands."""
    recorder = place.real("{TOOLS}/rec.py")
    if recorder in argv:
        return argv[argv.index(recorder) + 1]
    command = argv[-1]
    script = command.removeprefix("sh ./")
    if script != command and (place.project / script).is_file():
        command = (place.project / script).read_text(encoding="utf-8").removeprefix("exec ")
    said = command.replace(place.real("{PY} {TOOLS}/rec.py"), r"printf '%s\n'")
    if said == command:
        return None
    ran = subprocess.run([*argv[:-1], said], env=dict(env), capture_output=True, text=True, check=False, timeout=20)
    return ran.stdout.partition("\n")[0]
