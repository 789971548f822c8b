"""Which policy ``codex-plus policy`` goes by: a file alone, or all that is in force on this machine."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.cli.main import main
from codexplus_enterprise.policy import checks
from codexplus_enterprise.policy import kept as keeping

minisign: Any = pytest.importorskip("minisign")

URL = "https://policy.example.com/codex.yaml"
NOT_FETCHED = "the policy of this workspace is not to be had (a proxy fetches it and nothing else: codex-plus run)"


class Published:
    """The administrator's file of this machine, which names a URL, and what a proxy has kept of what lies there."""

    def __init__(self, workspace: Any, local: str = "") -> None:
        pair = minisign.KeyPair.generate()
        self.secret = pair.secret_key
        self.path = keeping.place({"CODEX_PLUS_HOME": str(workspace.home / ".codexplus")})
        public = pair.public_key.to_base64().decode("ascii")
        workspace.policy(f"policy: {{url: '{URL}', publicKey: {public}, maxAgeHours: 2}}\n{local}")

    def keep(self, text: str, comment: str = "codexplus-policy/1 serial=12", *, now: float = 0.0) -> None:
        """Have a proxy keep it."""
        import time

        signature = bytes(self.secret.sign(text.encode(), prehash=True, trusted_comment=comment))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        keeping.write(self.path, keeping.Kept(URL, text.encode(), signature, now or time.time()))


@pytest.fixture(autouse=True)
def machine(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codexplus_core.services.config.policy_place", lambda: workspace.place)
    monkeypatch.chdir(workspace.project)


@pytest.fixture
def file(workspace: Any) -> Path:
    path: Path = workspace.home / "other.yaml"
    path.write_text("permissions: {deny: ['Bash(rm:*)']}\n", encoding="utf-8")
    return path


OWN = {
    "security": {"modelAllowlist": ["gpt-own"], "endpointAllowlist": ["own.test"]},
    "permissions": {"deny": ["Bash(curl:*)"], "allow": ["Bash(ls:*)"]},
}
SUBJECTS = [
    (["gpt-7"], "as a model: yes; security.modelAllowlist is not set"),
    (["https://a.test/"], "as a url: yes; security.endpointAllowlist is not set"),
    (["curl", "x"], "as a command: asks"),
    (["ls", "-l"], "as a command: asks"),
]


@pytest.mark.req("E5")
@pytest.mark.parametrize(("words", "said"), SUBJECTS)
@pytest.mark.parametrize("whose", ["user", "of_project"])
def test_of_a_file_only_that_file_is_explained(
    workspace: Any, file: Path, capsys: Any, words: list[str], said: str, whose: str
) -> None:
    getattr(workspace, whose)(json.dumps(OWN))

    main(["policy", "explain", "--file", str(file), *words])

    assert said in capsys.readouterr().out


@pytest.mark.req("E5")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gpt-7"], "This workspace allows: gpt-own."),
        (["https://a.test/"], "own.test."),
        (["curl", "x"], "command: no"),
    ],
)
def test_ones_own_settings_count_besides_where_that_is_asked_for(
    workspace: Any, file: Path, capsys: Any, words: list[str], said: str
) -> None:
    workspace.user(json.dumps(OWN))

    assert main(["policy", "explain", "--file", str(file), "--own", *words]) == 1
    assert said in capsys.readouterr().out


def test_without_a_file_all_that_counts_here_is_explained(workspace: Any, capsys: Any) -> None:
    workspace.user(json.dumps(OWN))
    workspace.policy("security: {modelAllowlist: [gpt-own, gpt-6]}\n")

    code = main(["policy", "explain", "--kind", "model", "gpt-6"])

    assert code == 1
    assert "This workspace allows: gpt-own." in capsys.readouterr().out


@pytest.mark.req("E5")
def test_what_a_proxy_keeps_of_a_policy_from_elsewhere_is_compiled_with_the_file(workspace: Any, capsys: Any) -> None:
    Published(workspace, "permissions: {deny: ['Bash(rm:*)']}\n").keep("permissions: {deny: ['Bash(curl:*)']}\n")

    assert main(["policy", "compile", "--json"]) == 0

    out, err = capsys.readouterr()
    rules = tomllib.loads(json.loads(out)["requirements"])["rules"]["prefix_rules"]
    assert [rule["pattern"][0]["token"] for rule in rules] == ["rm", "curl"]
    assert "policy.url, serial 12, verified 0.0 hours ago" in err


@pytest.mark.req("E5")
def test_what_a_proxy_keeps_of_a_policy_from_elsewhere_is_explained(workspace: Any, capsys: Any) -> None:
    Published(workspace).keep("security: {modelAllowlist: [gpt-6]}\n")

    assert main(["policy", "explain", "--kind", "model", "gpt-7"]) == 1

    said = capsys.readouterr().out
    assert "This workspace allows: gpt-6." in said and "policy.json" in said


@pytest.mark.req("E5")
@pytest.mark.parametrize("kept", ["nothing", "too old", "expired", "by somebody else"])
def test_a_policy_from_elsewhere_that_is_not_to_be_had_is_not_left_out_unseen(
    workspace: Any, capsys: Any, kept: str
) -> None:
    one = Published(workspace, "permissions: {deny: ['Bash(rm:*)']}\n")
    if kept == "too old":
        one.keep("model: x\n", now=1_000_000.0)
    elif kept == "expired":
        one.keep("model: x\n", "codexplus-policy/1 serial=12 until=2001-01-31")
    elif kept == "by somebody else":
        one.secret = minisign.KeyPair.generate().secret_key
        one.keep("model: x\n")
    why = {"too old": "is older than 2 hours", "expired": "counted until 2001-01-31"}.get(kept, NOT_FETCHED)

    assert main(["policy", "compile"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and why in err and "--file FILE" in err

    assert main(["policy", "explain", "--kind", "command", "ls"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("as a command: no; nothing is sent: ") and why in said


@pytest.mark.req("E5")
@pytest.mark.parametrize("kept", [False, True])
def test_the_doctor_calls_no_list_in_order_that_it_cannot_know(workspace: Any, kept: bool) -> None:
    one = Published(workspace)
    if kept:
        one.keep("security: {endpointAllowlist: [api.openai.com, chatgpt.com]}\n")

    found: Any = {check.name: check for check in checks.checks()}["allowlists"].run()

    assert found.status == ("ok" if kept else "warning")
    assert ("unknown, because of the policy of policy.url" in found.message) is not kept
