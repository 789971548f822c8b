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
  modelAllowlist: [gpt-6-sol, gpt-6.1-sol, 'gpt-5.4*']
  endpointAllowlist: [api.openai.com, '*.example.com']
  permissions: {deny: ["Read(./.env)", "Read(~/.ssh/**)", "Read(//srv/keys)", "Bash(rm:*)", "WebFetch"]}
permissions:
  ask: ["Bash(git push:*)"]
  disableBypassPermissionsMode: disable
allowManagedHooksOnly: true
codex: {versions: ">=0.120"}
budgets: {user: {tokens: 1000}}
audit: {required: true}
allowedMcpServers: [github]
mcpServers: {github: {type: http, url: "https://mcp.example.com/"}}
hooks:
  PreToolUse: [{matcher: Bash, hooks: [{type: command, command: /usr/local/bin/look, timeout: 5}]}]
"""


KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"


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
        ("permissions: {deny: ['Bash(rm']}", "permissions.deny[0]: 'Bash(rm' is no rule; write Tool or Tool(what)"),
        ("permissions: {ask: [Frob]}", "permissions.ask[0]: 'Frob': no tool 'Frob' is known, so it holds for none"),
        ("permissions: {allow: ['Bsh(rm:*)']}", "'Bsh(rm:*)': no tool 'Bsh' is known, so it holds for none"),
        ("security: {permissions: {deny: [mcp_files]}}", "write 'mcp__…' if that is meant"),
        ("hooks: {PreTolUse: [{command: x}]}", "hooks.PreTolUse: is no event, so its hooks would never run; did you"),
        ("a: [", "policy.yaml"),
        ("plugins: {allowed: [slash]}", "does not name enterprise"),
        ("plugins: {allowed: [enterprise==0.0.0]}", "does not name enterprise as it is installed here"),
        (
            f"policy: {{url: 'https://a.test/p', publicKey: {KEY}}}\nsecurity: {{endpointAllowlist: [b.test]}}",
            "a.test is not one of them, so policy.url is not fetched",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(file: Path, capsys: Any, text: str, why: str) -> None:
    file.write_text(text, encoding="utf-8")

    assert main(["policy", "check", str(file)]) == 1

    said = capsys.readouterr().out
    assert why in said and str(file) in said
    assert "ask your administrator" not in said


@pytest.mark.req("E5")
def test_rules_and_events_that_are_known_are_in_order(file: Path, capsys: Any) -> None:
    file.write_text(
        "permissions: {deny: [mcp__files, mcp__files__write, mcp__files__*, WebSearch, 'Write(./x)', Bash]}\n"
        "hooks: {Interrupt: [{command: x}], TaskCreated: [{command: x}]}\n",
        encoding="utf-8",
    )

    assert main(["policy", "check", str(file)]) == 0
    assert capsys.readouterr().out == "The policy is in order.\n"


@pytest.mark.req("E5", "E6")
def test_each_of_several_faults_is_told_with_its_file(file: Path, capsys: Any) -> None:
    file.write_text("budgets: {user: {amont: 5}}\nprices: {currency: eur}\n", encoding="utf-8")

    assert main(["policy", "check", str(file)]) == 1

    *wrong, last = capsys.readouterr().out.splitlines()
    assert len(wrong) == 3 and all(line.startswith(f"wrong: {file}:") for line in wrong)
    assert last == "The proxy would not serve with it."


@pytest.mark.req("E5", "E6")
@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("security: {modelAllowlist: [gpt-6-sol]}", "leaves out what may be Codex's default (gpt-6.1-sol)"),
        ("security: {modelAllowlist: [gtp-6-sol]}", "no model that codex-plus knows is one of gtp-6-sol"),
        ("prices: {currency: EUR}\nbudgets: {user: {amount: 5}}", "budgets.user: is in EUR, and prices gives no model"),
    ],
)
def test_what_does_less_or_more_than_it_seems_is_noted(file: Path, capsys: Any, text: str, note: str) -> None:
    file.write_text(text, encoding="utf-8")

    assert main(["policy", "check", str(file)]) == 0

    assert note in (said := capsys.readouterr().out) and "The policy is in order." in said


@pytest.mark.parametrize(
    ("subject", "hinted"),
    [("github.example.com", True), ("10.0.0.1:8443", True), ("gpt-6.1-sol", False), ("rm", False), ("gpt-5.4", False)],
)
def test_a_host_without_a_scheme_is_told_how_it_was_read(file: Path, capsys: Any, subject: str, hinted: bool) -> None:
    main(["policy", "explain", "--file", str(file), subject])

    hint = f"{subject} was read as a model and as a command; as a host it is: https://{subject}"
    assert (hint in capsys.readouterr().out) is hinted


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["gpt-6-sol"], 0, "as a model: yes"),
        (
            ["gpt-7"],
            1,
            'as a model: no; This workspace allows: gpt-6-sol, gpt-6.1-sol, gpt-5.4*. The model "gpt-7" is not one',
        ),
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
    assert made["models"]["new_thread"]["model"] == "gpt-6-sol"
    (group,) = made["hooks"]["PreToolUse"]
    assert group["hooks"] == [{"type": "command", "command": "/usr/local/bin/look", "timeout": 5}]
    assert tomllib.loads((out / "managed_config.toml").read_text()) == {"openai_base_url": "http://127.0.0.1:4000/v1"}
    left = capsys.readouterr().err
    assert "Read(./.env)" in left and "WebFetch" in left and "security.endpointAllowlist" in left
    assert "budgets: Codex has none" in left and "audit: the log is kept by codex-plus" in left


@pytest.mark.req("E5")
def test_of_a_file_only_that_file_is_compiled(workspace: Any, file: Path, capsys: Any) -> None:
    workspace.user(
        json.dumps(
            {
                "permissions": {"deny": ["Bash(curl:*)", "Read(~/secret)"], "ask": ["Bash(ls:*)", "WebFetch"]},
                "hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "./users-own.sh"}]}]},
                "mcpServers": {"mine": {"command": "mine"}},
                "allowedMcpServers": ["mine"],
                "security": {"modelAllowlist": ["gpt-user"], "endpointAllowlist": ["no host"]},
            }
        )
    )
    file.write_text("security: {endpointAllowlist: [api.openai.com]}\n", encoding="utf-8")

    assert main(["policy", "compile", "--file", str(file), "--json"]) == 0

    made = json.loads(capsys.readouterr().out)
    assert tomllib.loads(made["requirements"]) == {"model_provider": "openai"}
    assert [line.partition(":")[0] for line in made["left"]] == ["security.endpointAllowlist"]


@pytest.mark.req("E5")
def test_whoever_checks_a_policy_hears_nothing_of_settings_of_their_own(
    workspace: Any, file: Path, capsys: Any
) -> None:
    workspace.user('{"permisions": {}, "codex": {"versions": ">=1"}, "security": {"endpointAllowlist": ["1.2.3"]}}')

    assert main(["policy", "check", str(file)]) == 0
    assert capsys.readouterr().out == "The policy is in order.\n"


@pytest.mark.req("E5")
@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"permissions": ["net"]}, "Codex would run it without the bounds of its permissions; codex-plus runs it"),
        ({"permissions": []}, "Codex would run it without the bounds of its permissions; codex-plus runs it"),
        ({"if": "Bash(rm:*)"}, "Codex knows no if; codex-plus runs it"),
        ({"args": ["-x"]}, "Codex knows no args; codex-plus runs it"),
    ],
)
def test_a_hook_that_codex_would_run_otherwise_is_left_out_and_said(field: dict[str, Any], said: str) -> None:
    plain = {"type": "command", "command": "look", "timeout": 0.5}
    made = compile_policy(
        {"hooks": {"Stop": [{"hooks": [{**plain, **field}, plain]}, {"hooks": [{**plain, **field}]}]}}
    )

    (group,) = tomllib.loads(made.requirements)["hooks"]["Stop"]
    assert group == {"hooks": [{"type": "command", "command": "look", "timeout": 1}]}
    assert made.left == [f"hooks.Stop[0].hooks[0]: {said}", f"hooks.Stop[1].hooks[0]: {said}"]


def test_what_a_variable_holds_on_this_machine_is_not_written_for_others(file: Path, capsys: Any) -> None:
    file.write_text("allowedMcpServers: [x]\nmcpServers: {x: {command: '${HOME}/bin/x'}}\n", encoding="utf-8")

    assert main(["policy", "compile", "--file", str(file), "--json"]) == 0

    made = json.loads(capsys.readouterr().out)
    assert "mcp_servers" not in made["requirements"]
    assert made["left"] == ["allowedMcpServers: x has a variable in its url or command; codex-plus enforces the list"]


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


@pytest.mark.req("E5")
def test_the_serial_and_last_day_of_a_signature_beside_it_are_told(file: Path, capsys: Any) -> None:
    import minisign  # type: ignore[import-untyped]

    secret = minisign.KeyPair.generate().secret_key
    beside = file.with_name(f"{file.name}.minisig")
    for comment, said in (
        ("codexplus-policy/1 serial=12 until=2999-12-31", f"note: {beside}: serial 12, until 2999-12-31, by the key "),
        ("codexplus-policy/1 serial=12 until=2001-01-31", "counted until 2001-01-31; sign a newer one"),
        ("by me", "trusted comment is not 'codexplus-policy/1 serial=N'"),
    ):
        beside.write_bytes(bytes(secret.sign(file.read_bytes(), prehash=True, trusted_comment=comment)))
        assert main(["policy", "check", str(file)]) == 0
        assert said in capsys.readouterr().out
