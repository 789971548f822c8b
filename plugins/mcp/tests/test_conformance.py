"""Every recorded case of Claude Code about MCP: servers, names, calls, limits, prompts, resources, the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from compat.recorded_commands import ROOT, Case, Place, agree, blocks_of, parts_of

from codexplus_core.cli.main import main
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.config import Config
from codexplus_core.testing import Harness, call, text
from codexplus_mcp.names import OURS
from codexplus_mcp.plugin import Plugin
from codexplus_slash.plugin import Slash

RECORDED = ROOT / "tests/compat/mcp"
CASES = {
    case.id: case
    for line in (RECORDED / "mcp.jsonl").read_text(encoding="utf-8").splitlines()
    if (case := Case(json.loads(line)))
}
IN_SESSION = [id for id, case in CASES.items() if case.row["group"] != "cli"]
_FILE = re.compile(r"(saved to:? )\S+?(\.?(?:\n|$))")


class McpPlace(Place):
    """A case's folders, with the server's program in them."""

    def real(self, written: str) -> str:
        written = written.replace("{PY} {TOOLS}", f"{sys.executable} {RECORDED}")
        return super().real(written.replace("{PY}", sys.executable).replace("{TOOLS}", str(RECORDED)))

    def named(self, written: str) -> str:
        return super().named(written).replace(str(RECORDED), "{TOOLS}").replace(sys.executable, "{PY}")


def deviations() -> dict[str, str]:
    """The cases in the table of the documentation that come out otherwise, with the reason.

    Those of the command line do so in the default profile alone.
    """
    words = (ROOT / "docs/mcp-compatibility.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([a-z]+\.[\w.]+)` \| (.*) \|$", words, re.MULTILINE))


async def differences(case: Case, place: McpPlace, env: dict[str, str]) -> list[str]:
    """In what this proxy does otherwise than was recorded; nothing where it does the same."""
    place.lay_out(case.row["files"])
    cwd = place.project / case.row.get("cwd", ".")
    cwd.mkdir(parents=True, exist_ok=True)
    for command in case.row.get("setup", ()):
        subprocess.run(["sh", "-c", command], cwd=place.project, check=True, timeout=20)
    settings = {**_told(case, place), "compatibility": "claude-code"}
    script = [_answer(step) for step in case.row.get("script", ())] or [text("MOCK-REPLY")]
    plugins = {"slash": Slash(), "mcp": Plugin()}
    config, approvals = Config(place.home, settings, env=env), Approvals()
    async with Harness(
        plugins, config=config, approvals=approvals, cwd=str(cwd), strict=False, script=script, limit=30.0
    ) as proxy:
        first = await proxy.say(case.inputs[0])
        turns = [turn.body for turn in proxy.upstream.turns]
    return [*_said(case, place, turns, first.text), *_tools(case, turns), *_results(case, place, turns),
            *_noted(case, place)]  # fmt: skip


def _told(case: Case, place: McpPlace) -> dict[str, Any]:
    """The settings that the case's options come to; a project's servers count as reviewed where they did there."""
    found: dict[str, Any] = {"enableAllProjectMcpServers": True}
    for option, value in pairwise(case.row.get("argv", ())):
        if option == "--allowedTools":
            found["permissions"] = {"allow": [value]}
        if option == "--mcp-config":
            found["mcpServers"] = json.loads(place.real(value))["mcpServers"]
    return found


def _answer(step: Any) -> Any:
    first = step[0]
    return text(first) if isinstance(first, str) else call(first["tool"], first["input"])


def _said(case: Case, place: McpPlace, turns: list[Any], answered: str) -> list[str]:
    newest, observed = case.newest, case.observed
    reached = observed["reached_model"] if newest == "same" else newest.get("reached_model", observed["reached_model"])
    if bool(turns) != reached:
        return [f"reached the model: {bool(turns)}, was {reached}; answered {answered!r}"]
    if not reached:
        return []
    ours = [part for item in turns[0]["input"] if item.get("role") == "user" for part in parts_of(item, place)]
    ours = ours[-len(parts_of(_last_user(turns[0]), place)) :]
    theirs = [part for part in blocks_of(observed["messages"]) if not _is_about_instructions(part)]
    if newest != "same" and "prompt" in newest:
        ours = [part for part in ours if not str(part).startswith(("<command-m", "<system-rem"))]
        theirs = newest["prompt"]
    ours = [part for part in ours if not _is_about_instructions(part)]
    return [] if agree(ours, theirs) else [f"sent {ours!r:.600}, was {theirs!r:.600}"]


def _is_about_instructions(part: Any) -> bool:
    # Recorded with a setting that makes the first request wait for every server; here they follow once it is connected.
    return str(part).startswith("<system-reminder>\n# MCP Server Instructions")


def _last_user(body: Any) -> Any:
    return next(item for item in reversed(body["input"]) if item.get("role") == "user")


def _tools(case: Case, turns: list[Any]) -> list[str]:
    wanted = case.observed.get("tools")
    if not wanted or not turns:
        return []
    extra: dict[str, Any] = next((item for item in turns[0]["input"] if item.get("type") == "additional_tools"), {})
    groups = [*(turns[0].get("tools") or []), *extra.get("tools", ())]
    names = [str(one.get("name")) for group in groups for one in group.get("tools", [group])]
    ours = sorted(name for name in names if name.startswith("mcp__") and not name.startswith(f"mcp__{OURS}__"))
    # The other one is Claude Code's own tool for resources; Codex has one itself.
    theirs = sorted(name for name in wanted[0] if name.startswith("mcp__"))
    return [] if ours == theirs else [f"offered {ours}, was {theirs}"]


def _results(case: Case, place: McpPlace, turns: list[Any]) -> list[str]:
    wanted = [
        block
        for message in (case.observed.get("later") or [[]])[0]
        if message["role"] == "user"
        for block in message["blocks"]
        if isinstance(block, dict) and "tool_result" in block
    ]
    if not wanted:
        return []
    theirs = wanted[0]["tool_result"]
    outputs = [item["output"] for item in turns[-1]["input"] if str(item.get("type")).endswith("_output")]
    if not outputs:
        return ["the tool gave nothing"]
    ours = outputs[-1] if isinstance(outputs[-1], str) else [part.get("text") for part in outputs[-1]]
    mine = [_plain(place.named(each)) for each in ([ours] if isinstance(ours, str) else ours)]
    if wanted[0].get("is_error"):
        mine = [mine[0].removeprefix("error: "), *mine[1:]]
    other = [
        _plain(each) if isinstance(each, str) else each for each in (theirs if isinstance(theirs, list) else [theirs])
    ]
    return [] if agree(mine, other) else [f"answered {mine!r:.500}, was {other!r:.500}"]


def _plain(words: str) -> str:
    """Without where it was saved, and without the words of Claude Code's own that were not kept."""
    words = _FILE.sub(r"\1{FILE}\2", words)
    return (
        re.sub(r"(\nFormat: [^\n]*\n).*", r"\1", words, flags=re.DOTALL) if words.startswith("Error: result") else words
    )


def _noted(case: Case, place: McpPlace) -> list[str]:
    """What the server saw: its start and its calls."""
    found = []
    for name, wanted in case.observed.get("jsonl_after", {}).items():
        path = Path(place.real(name))
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        ours: Any = [json.loads(place.named(line)) for line in lines] or None
        for line in [*(ours or []), *(wanted or [])]:
            # The variables of the user's shell are not handed on, those of the entry are.
            line["env"] = {key: value for key, value in line.get("env", {}).items() if key.startswith(("T_", "MY_E"))}
        # Of two servers with one name towards the model, Claude Code starts both and uses one.
        if _once(ours) != _once(wanted):
            found.append(f"the server noted {ours}, was {wanted}")
    return found


def _once(lines: Any) -> list[str]:
    return list(dict.fromkeys(json.dumps(line, sort_keys=True) for line in lines or []))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> McpPlace:
    found = McpPlace(tmp_path)
    monkeypatch.setenv("HOME", str(found.home))
    for name in ("CODEX_PLUS_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "MAX_MCP_OUTPUT_TOKENS", "MCP_TOOL_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.mark.req("M1", "M9")
@pytest.mark.parametrize("id", IN_SESSION)
async def test_a_recorded_case_comes_out_as_recorded(id: str, place: McpPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[id]
    env = {name: place.real(value) for name, value in case.row.get("env", {}).items()}
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    found = await differences(case, place, env)

    if id in deviations():
        assert found, "it comes out the same: take it out of the table"
    else:
        assert found == []


def commands_differ(case: Case, place: McpPlace, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """In what the command line does otherwise: exit codes, what is stored, the first line where it went well."""
    found = []
    for step in case.observed["steps"]:
        capsys.readouterr()
        try:
            code = main([place.real(word) for word in step["argv"]])
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr().out
        # 2 is what every command here gives for a usage error.
        if (code in (1, 2)) != bool(step["exit"]) or (code == 0) != (step["exit"] == 0):
            found.append(f"{step['argv']} ended with {code}, was {step['exit']}")
        if step["exit"] or step["argv"][1] not in ("add", "add-json", "remove") or "--help" in step["argv"]:
            continue
        ours, theirs = _first_line(place.named(printed)), _first_line(step["stdout"])
        if ours != theirs:
            found.append(f"{step['argv']} printed {ours!r}, was {theirs!r}")
    return found + _stored(case, place)


def _first_line(words: str) -> str:
    # What follows names the file, which is another one here.
    return " ".join(words.partition("\n")[0].split())


def _stored(case: Case, place: McpPlace) -> list[str]:
    own, shared = place.home / ".codexplus/mcp.json", place.project / ".mcp.json"
    kept = json.loads(place.named(own.read_text(encoding="utf-8"))) if own.exists() else {}
    local = kept.get("projects", {}).get("{PROJECT}", {}).get("mcpServers")
    wanted = case.observed["stored"]
    found = []
    if (kept.get("mcpServers") or None) != (wanted["user"] or None):
        found.append(f"stored for the user {kept.get('mcpServers')}, was {wanted['user']}")
    if (local or None) != (wanted["local"] or None):
        found.append(f"stored for the project {local}, was {wanted['local']}")
    if shared.exists() and wanted["project"] is not None:
        there = json.loads(place.named(shared.read_text(encoding="utf-8")))
        if there != wanted["project"]:
            found.append(f"stored in .mcp.json {there}, was {wanted['project']}")
    return found


@pytest.mark.req("M2")
@pytest.mark.parametrize("profile", ["default", "claude-code"])
@pytest.mark.parametrize("id", [id for id, case in CASES.items() if case.row["group"] == "cli"])
def test_a_recorded_command_line_does_what_was_recorded(
    id: str, profile: str, place: McpPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[id]
    place.lay_out({**case.row["files"], "{HOME}/.codexplus/settings.json": {"json": {"compatibility": profile}}})
    monkeypatch.chdir(place.project)

    found = commands_differ(case, place, capsys)

    if id in deviations() and profile == "default":
        assert found, "it comes out the same: take it out of the table"
    else:
        assert found == []
