"""What doctor says of Codex, its configuration, the state directory, the sandbox and the transcripts."""

from __future__ import annotations

import os
import sys

import pytest

from codexplus_core.cli import doctor_checks
from codexplus_core.cli.doctor_transcripts import transcripts
from codexplus_core.services.sandbox import sandbox
from codexplus_core.services.sandbox.probe import Probe

OURS = 'openai_base_url = "http://127.0.0.1:3000/v1"\n'


@pytest.mark.parametrize(
    ("config", "status", "words"),
    [
        (OURS, "ok", "goes through the proxy on port 3000"),
        (f'{OURS}chatgpt_base_url = "https://x"\n', "ok", "chatgpt_base_url, set too"),
        (None, "warning", "does not go through the proxy"),
        ('openai_base_url = "https://gateway.example/v1"\n', "warning", "https://gateway.example/v1, not the proxy"),
        ('openai_base_url = "http://127.0.0.1:3000/backend-api/codex"\n', "error", "every turn fails"),
        (f'{OURS}model_provider = "azure"\n', "error", "model_provider is 'azure'"),
        (f'{OURS}model_provider = "openai"\n', "ok", "goes through"),
    ],
)
def test_codexs_configuration_is_judged(around, config, status, words):
    found = doctor_checks.configuration(around(config=config))

    assert (found.status, words in found.message) == (status, True), found


@pytest.mark.parametrize(
    ("version", "url", "status", "words"),
    [
        ("0.169.0", None, "ok", "no variable"),
        ("0.169.0", "http://127.0.0.1:3000/v1", "warning", "0.120 and later ignore it"),
        ("0.98.0", "http://127.0.0.1:3000/v1", "ok", "leads to the proxy"),
        ("0.98.0", None, "warning", "not set"),
        ("0.98.0", "https://user:secret@x/v1", "warning", "https://…@x/v1"),
    ],
)
def test_a_variable_that_misleads_is_named(around, version, url, status, words):
    found = doctor_checks.environment(around(version, **({"OPENAI_BASE_URL": url} if url else {})))

    assert (found.status, words in found.message) == (status, True), found


@pytest.mark.req("P13")
@pytest.mark.parametrize(("version", "status"), [("0.169.0", "ok"), ("0.999.0", "warning"), ("0.1.0", "error")])
def test_the_version_of_codex_is_judged(around, version, status):
    assert doctor_checks.codex_version(around(version)).status == status


@pytest.mark.abuse("A21")
@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_state_directory_that_is_open_to_others_is_an_error_and_not_changed(around, private_home):
    home = private_home / ".codexplus"
    home.mkdir(mode=0o700)
    (home / "token").write_text("x")
    (home / "token").chmod(0o644)

    found = doctor_checks.state_directory(around())

    assert found.status == "error"
    assert str(home / "token") in found.message
    assert found.fix == f"chmod -R go-rwx {home}"
    assert (home / "token").stat().st_mode & 0o777 == 0o644


@pytest.mark.abuse("I13")
def test_code_that_runs_at_every_start_and_belongs_to_nobody_is_named(around, tmp_path):
    (tmp_path / "evil.pth").write_text("import os; os.system('x')\n")
    (tmp_path / "path-only.pth").write_text("/some/directory\n")
    place = around()
    place.site_directories = [tmp_path]

    found = doctor_checks.pth_files(place)

    assert found.status == "warning"
    assert "evil.pth" in found.message
    assert "path-only.pth" not in found.message


def test_a_gateway_in_the_configuration_is_kept_by_the_advice(around):
    found = doctor_checks.configuration(around(config='openai_base_url = "https://corp.example/v1"\n'))

    assert "serve --upstream https://corp.example/v1" in found.fix


def test_a_key_in_the_environment_is_judged_by_codexs_version(around):
    assert doctor_checks.login(around("0.29.0", OPENAI_API_KEY="k")).status == "ok"
    assert doctor_checks.login(around("0.169.0", OPENAI_API_KEY="k")).status == "warning"


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_a_state_directory_that_cannot_be_made_is_an_error(around):
    found = doctor_checks.state_directory(around(CODEX_PLUS_HOME="/proc/nope"))

    assert found.status == "error"
    assert "/proc/nope: cannot be made" in found.message


@pytest.mark.parametrize(
    ("level", "reasons", "status", "text"),
    [
        ("full", (), "ok", "full"),
        ("lsm", ("full: user namespaces are blocked: x=1",), "ok", "lsm (full: user namespaces are blocked: x=1)"),
        ("process", ("lsm: no Landlock",), "warning", "process (lsm: no Landlock)"),
    ],
)
async def test_the_level_of_the_sandbox_is_said_with_its_reasons(around, monkeypatch, level, reasons, status, text):
    async def probe_once() -> Probe:
        return Probe(level, reasons)

    monkeypatch.setattr(sandbox, "probe_once", probe_once)

    found = await doctor_checks.sandbox(around())

    assert (found.status, found.message, bool(found.fix)) == (status, text, level != "full")


def test_the_transcripts_are_counted(around):
    place = around()
    assert "0 sessions, 0.0 of 512 MB, kept for 30 days" in transcripts(place).message
    (place.home / "sessions").mkdir(parents=True)
    (place.home / "sessions/s-1.jsonl").write_bytes(b"x" * 200_000)

    found = transcripts(place)

    assert (found.status, "1 session, 0.2 of 512 MB" in found.message) == ("ok", True)


def test_a_folder_for_transcripts_that_is_none_is_told(around):
    place = around()
    place.home.mkdir(parents=True, exist_ok=True)
    (place.home / "sessions").write_text("a file")

    assert transcripts(place).status == "warning"
