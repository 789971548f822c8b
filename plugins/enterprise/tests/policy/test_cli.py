"""``codex-plus policy`` and the compiler."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.cli.main import main
from codexplus_enterprise.policy.compiler import compile_policy

POLICY = """\
security:
  modelAllowlist: [gpt-6, 'o9-*']
  endpointAllowlist: [api.openai.com, '*.example.com']
  permissions: {deny: ["Read(./.env)", "Read(~/.ssh/**)", "Read(//srv/keys)", "Bash(rm:*)", "WebFetch"]}
permissions:
  ask: ["Bash(git push:*)"]
  disableBypassPermissionsMode: disable
allowManagedHooksOnly: true
codex: {versions: ">=0.120"}
allowedMcpServers: [github]
mcpServers: {github: {type: http, url: "https://mcp.example.com/"}}
hooks:
  PreToolUse: [{matcher: Bash, hooks: [{type: command, command: /usr/local/bin/look, timeout: 5}]}]
"""


@pytest.fixture
def file(workspace: Any) -> Path:
    path: Path = workspace.home / "policy.yaml"
    path.write_text(POLICY, encoding="utf-8")
    return path


@pytest.mark.req("E5")
def test_a_policy_in_order_is_said_to_be(file: Path, capsys: Any) -> None:
    assert main(["policy", "check", str(file)]) == 0
    assert capsys.readouterr().out == "The policy is in order.\n"


@pytest.mark.req("E5")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("security: {modelAlowlist: [x]}", "did you mean modelAllowlist?"),
        ("security: {modelAllowlist: ['gpt-?']}", "in which only * is special"),
        ("security: {endpointAllowlist: ['https://a/b']}", "expected a host like"),
        ("security: {endpointAllowlist: ['1.2.3']}", "an address that is not written as four numbers"),
        ("codex: {versions: latest}", "expected a range of versions"),
        ("policy: {url: 'https://a.test/p'}", "policy.publicKey is not set"),
        ("policy: {url: 'https://a.test/p', publicKey: RWx}", "expected a public key of minisign"),
        ("plugins: {allowed: ['a b']}", "expected the name of a plugin"),
        ("approvals: {outOfBand: yes please}", "expected true or false"),
        ("a: [", "policy.yaml"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(file: Path, capsys: Any, text: str, why: str) -> None:
    file.write_text(text, encoding="utf-8")

    assert main(["policy", "check", str(file)]) == 1

    said = capsys.readouterr().out
    assert why in said and str(file) in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["gpt-6"], 0, "as a model: yes"),
        (["gpt-7"], 1, 'as a model: no; This workspace allows: gpt-6, o9-*. The model "gpt-7" is not one of them'),
        (["https://a.example.com/x"], 0, "as a url: yes"),
        (["https://evil.test/"], 1, "as a url: no; This workspace reaches only: api.openai.com, *.example.com."),
        (["rm", "-rf", "x"], 1, "as a command: no;"),
        (["git", "push"], 0, "as a command: asks;"),
    ],
)
def test_a_verdict_is_explained(file: Path, capsys: Any, words: list[str], code: int, said: str) -> None:
    assert main(["policy", "explain", "--file", str(file), *words]) == code
    assert said in capsys.readouterr().out


def test_an_option_behind_the_subject_is_not_taken_for_a_word_of_it(file: Path, capsys: Any) -> None:
    assert main(["policy", "explain", "gpt-7", "--file", str(file)]) == 2
    assert "--file belongs before the subject" in capsys.readouterr().err


@pytest.mark.req("E5")
def test_what_codex_can_enforce_is_written_and_the_rest_is_named(file: Path, capsys: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"

    assert main(["policy", "compile", "--file", str(file), "--out", str(out), "--port", "4000"]) == 0

    made = tomllib.loads((out / "requirements.toml").read_text())
    assert made["model_provider"] == "openai"
    assert made["allowed_sandbox_modes"] == ["read-only", "workspace-write"]
    assert made["allow_managed_hooks_only"] is True
    first, second = made["rules"]["prefix_rules"]
    assert (first["pattern"], first["decision"]) == ([{"token": "rm"}], "forbidden")
    assert (second["pattern"], second["decision"]) == ([{"token": "git"}, {"token": "push"}], "prompt")
    assert made["permissions"]["filesystem"]["deny_read"] == ["~/.ssh", "/srv/keys"]
    assert made["mcp_servers"] == {"github": {"identity": {"url": "https://mcp.example.com/"}}}
    assert made["models"]["new_thread"]["model"] == "gpt-6"
    (group,) = made["hooks"]["PreToolUse"]
    assert group["hooks"] == [{"type": "command", "command": "/usr/local/bin/look", "timeout": 5}]
    assert tomllib.loads((out / "managed_config.toml").read_text()) == {"openai_base_url": "http://127.0.0.1:4000/v1"}
    left = capsys.readouterr().err
    assert "Read(./.env)" in left and "WebFetch" in left and "security.endpointAllowlist" in left


def test_an_mcp_server_that_cannot_be_told_apart_leaves_the_whole_list_to_the_proxy() -> None:
    made = compile_policy({"allowedMcpServers": ["one", "two"], "mcpServers": {"one": {"command": "x"}}})

    assert "mcp_servers" not in tomllib.loads(made.requirements)
    assert any(line.startswith("allowedMcpServers") for line in made.left)


def test_any_text_of_a_policy_stays_within_its_quotes() -> None:
    made = compile_policy({"permissions": {"deny": ['Read(~/a"]\n[x]\x7f\t)']}, "hooks": {"Stop": [{"hooks": [
        {"type": "command", "command": 'echo "a\\b"\n'}]}]}})  # fmt: skip

    found = tomllib.loads(made.requirements)

    assert found["permissions"]["filesystem"]["deny_read"] == ['~/a"]\n[x]\x7f\t']
    assert found["hooks"]["Stop"][0]["hooks"][0]["command"] == 'echo "a\\b"\n'


def test_without_a_policy_there_is_nothing_to_compile(workspace: Any, capsys: Any) -> None:
    assert main(["policy", "compile"]) == 1
    assert "there is no policy on this machine" in capsys.readouterr().err


def test_json_is_printed_where_it_is_asked_for(file: Path, capsys: Any) -> None:
    assert main(["policy", "check", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"problems": [], "remarks": []}
