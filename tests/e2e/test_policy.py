"""The model and endpoint allowlists with the real Codex: refused once, in words that the user reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from e2e.codex import WAYS, Transport

from codexplus_core.testing import shell, text

pytestmark = pytest.mark.e2e
ONLY = "This workspace allows: some-other-model. The model "

ONLY_HOSTS = "This workspace reaches only: api.openai.com."


def settings(home: Path, **security: Any) -> None:
    """Write the settings of the user whose proxy this is."""
    folder = home / ".codexplus"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps({"security": security}), encoding="utf-8")


@pytest.mark.req("E1")
@pytest.mark.parametrize(("version", "transport"), WAYS)
async def test_a_forbidden_model_is_refused_once_in_the_right_words(
    version: str, transport: Transport, codex, upstream, proxy, tmp_path: Path
) -> None:
    settings(tmp_path / "proxy", modelAllowlist=["some-other-model"])
    running = await proxy("enterprise")

    ran = await codex(version).point_at(running.url).exec("one")

    said = ran.stdout + ran.stderr
    assert ONLY in said
    assert "Reconnecting" not in said and "stream disconnected" not in said
    assert running.url.removesuffix("/v1") not in said.split(ONLY)[1].splitlines()[0]
    assert upstream.turns == []
    assert not [got for got in upstream.requests if got.method == "POST" and got.path.endswith("/responses")]


@pytest.mark.req("E1")
@pytest.mark.parametrize(("version", "transport"), WAYS)
async def test_whoever_is_refused_is_shown_the_list_and_where_it_stands(
    version: str, transport: Transport, codex, upstream, proxy, tmp_path: Path
) -> None:
    settings(tmp_path / "proxy", modelAllowlist=["some-other-model"])
    running = await proxy("slash,enterprise")

    ran = await codex(version).point_at(running.url).exec("/plus status")

    said = ran.stdout + ran.stderr
    assert '`security.modelAllowlist` is `["some-other-model"]`, from `~/.codexplus/settings.json:1`' in said
    assert f"- Requests: refused. {ONLY}" in said
    assert ran.code == 0 and "ERROR: This" not in said
    assert upstream.turns == []


@pytest.mark.req("E2")
@pytest.mark.parametrize("version", ["0.169.0", "0.120.0"])
async def test_an_upstream_that_stops_being_allowed_gets_nothing_more(
    version: str, codex, upstream, proxy, tmp_path: Path
) -> None:
    running = await proxy("enterprise")
    one = codex(version).point_at(running.url)

    well = await one.exec("one")
    settings(tmp_path / "proxy", endpointAllowlist=["api.openai.com"])
    for _ in range(5):
        # For half a second the settings are taken to be as they were, which may end between a handshake and its turn.
        refused = await one.resume("two")
        if ONLY_HOSTS in refused.stdout + refused.stderr:
            break
    before = len(upstream.requests)
    refused = await one.resume("three")
    said = refused.stdout + refused.stderr

    assert well.code == 0
    assert ONLY_HOSTS in said
    assert "Reconnecting" not in said
    assert len(upstream.requests) == before


@pytest.mark.req("E1")
@pytest.mark.parametrize("version", ["0.169.0", "0.120.0"])
async def test_a_command_that_asks_for_a_forbidden_model_is_refused_once_and_named(
    version: str, codex, upstream, proxy, tmp_path: Path
) -> None:
    settings(tmp_path / "proxy", modelAllowlist=["gpt-*"])
    command = tmp_path / "proxy/.codexplus/commands/fix.md"
    command.parent.mkdir()
    command.write_text("---\nmodel: some-other-model\n---\nFix it.\n", encoding="utf-8")
    running = await proxy("slash,enterprise")

    ran = await codex(version).point_at(running.url).exec("/fix now")

    said = ran.stdout + ran.stderr
    refused = f'The model "some-other-model", which {command} asks for (model:), is not one of them; change it there'
    # Codex exec prints what ended a turn as it comes and at the end; another attempt would be a line of its own.
    assert said.count(refused) == 2
    assert "Reconnecting" not in said and "stream disconnected" not in said
    assert upstream.turns == []


POLICY = """\
permissions:
  deny: ["Bash(rm:*)", "Read(~/kept/**)"]
  disableBypassPermissionsMode: disable
"""
IN_ETC = 'mount --bind "$0" /etc && exec "$@"'


def copied_etc(folder: Path) -> Path:
    """A copy of /etc, in which a test may put what an administrator would."""
    subprocess.run(["cp", "-a", "/etc", str(folder / "etc")], check=False, stderr=subprocess.DEVNULL)
    return folder / "etc"


def within(etc: Path) -> tuple[str, ...]:
    """Starts a program in a mount namespace of its own, in which this folder is /etc."""
    rights = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--map-root-user")
    return (*rights, "sh", "-c", IN_ETC, str(etc))


@pytest.mark.req("E1")
@pytest.mark.skipif(sys.platform != "linux", reason="there are no mount namespaces")
@pytest.mark.parametrize(("version", "transport"), [("0.169.0", "websocket"), ("0.169.0", "http")])
async def test_the_administrators_file_in_its_own_place_counts_above_the_users_settings(
    version: str, transport: Transport, codex, upstream, proxy, tmp_path: Path
) -> None:
    etc = copied_etc(tmp_path)
    policy = etc / "codex-plus/policy.yaml"
    policy.parent.mkdir(mode=0o755)
    policy.write_text("security: {modelAllowlist: [some-other-model]}\n", encoding="utf-8")
    settings(tmp_path / "proxy", modelAllowlist=["*"])
    running = await proxy("enterprise", websockets="auto" if transport == "websocket" else "off", inside=within(etc))

    ran = await codex(version).point_at(running.url).exec("one")

    said = ran.stdout + ran.stderr
    assert ONLY in said
    assert "Reconnecting" not in said and "stream disconnected" not in said
    assert upstream.turns == []


@pytest.mark.req("E5")
@pytest.mark.skipif(sys.platform != "linux", reason="there are no mount namespaces")
async def test_codex_itself_enforces_what_was_compiled_for_it(codex, upstream, tmp_path: Path) -> None:
    one = codex("0.169.0").point_at(upstream.url)
    (one.home / "kept").mkdir()
    (one.home / "kept/key").write_text("the key", encoding="utf-8")
    (one.project / "file").write_text("", encoding="utf-8")
    policy, etc = tmp_path / "policy.yaml", copied_etc(tmp_path)
    policy.write_text(POLICY, encoding="utf-8")
    compiled = [sys.executable, "-m", "codexplus_core.cli", "policy", "compile", "--file", str(policy)]
    subprocess.run([*compiled, "--out", str(etc / "codex")], check=True, stderr=subprocess.DEVNULL)
    # The port of a proxy is none of this test's.
    (etc / "codex/managed_config.toml").unlink()
    upstream.script = [shell("rm file"), shell("cat ~/kept/key"), text("Done.")]
    inside = (*within(etc), str(one.binary))

    ran = await one.run("exec", "--skip-git-repo-check", "go", program=inside)
    bypass = await one.run(
        "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "go", program=inside
    )

    assert "Done." in ran.stdout
    assert (one.project / "file").exists()
    assert "the policy of this workspace: Bash(rm:*)" in ran.stderr
    assert "the key" not in ran.stderr + str([got.body for got in upstream.turns])
    assert bypass.code != 0 or "danger-full-access" not in bypass.stderr
