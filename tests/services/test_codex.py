"""Codex as it is installed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from codexplus_core.services.codex import (
    Codex,
    detect,
    find,
    login,
    login_verdict,
    reads_environment,
    verdict,
    version_numbers,
)


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_codex_is_found_on_the_path(tmp_path):
    codex = program(tmp_path / "codex", "print('codex-cli 0.169.0')")

    assert detect({"PATH": str(tmp_path)}) == Codex(codex, "0.169.0")


def test_a_named_codex_wins_over_the_path(tmp_path):
    program(tmp_path / "codex", "")
    mine = program(tmp_path / "mine", "")

    assert find({"PATH": str(tmp_path), "CODEX_PLUS_CODEX": str(mine)}) == mine


def test_no_codex_is_none(tmp_path):
    assert detect({"PATH": str(tmp_path)}) is None


@pytest.mark.parametrize(
    ("text", "timeout", "words"),
    [
        ("print('hello')", 30.0, "named no version"),
        ("raise SystemExit('codex-cli 1.2.3')", 30.0, "ended with 1"),
        ("import time; time.sleep(600)", 0.05, "no answer within"),
    ],
)
def test_a_codex_without_a_version_says_why(tmp_path, text, timeout, words):
    program(tmp_path / "codex", text)

    found = detect({"PATH": str(tmp_path)}, timeout=timeout)

    assert found is not None
    assert found.version == ""
    assert words in found.problem


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("0.169.0", (0, 169, 0)), ("0.170.0-alpha.3", (0, 170, 0)), ("1", (1, 0, 0)), ("", (0, 0, 0))],
)
def test_versions_compare_by_their_numbers(version, numbers):
    assert version_numbers(version) == numbers


@pytest.mark.req("P13")
@pytest.mark.parametrize(
    ("version", "status", "words"),
    [
        ("0.28.9", "error", "unsupported"),
        ("0.29.0", "ok", "is tested"),
        ("0.60.1", "ok", "is tested"),
        ("0.99.0", "ok", "between 0.98 and 0.120"),
        ("0.120.3", "ok", "is tested"),
        ("0.169.0", "ok", "is tested"),
        ("0.170.0-alpha.1", "warning", "not tested yet; it works if"),
        ("1.0.0", "warning", "not tested yet; it works if"),
        ("", "warning", "unknown"),
    ],
)
def test_the_verdict_on_a_version(version, status, words):
    found = verdict(version)

    assert found.status == status
    assert words in found.text


@pytest.mark.parametrize(("version", "reads"), [("0.98.0", True), ("0.120.0", False), ("0.169.0", False), ("", False)])
def test_which_versions_take_the_base_url_from_the_environment(version, reads):
    assert reads_environment(version) is reads


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"auth_mode": "chatgpt", "tokens": {"access_token": "secret"}}, "chatgpt"),
        ({"OPENAI_API_KEY": None, "tokens": {"access_token": "secret"}}, "chatgpt"),
        ({"auth_mode": "apikey", "OPENAI_API_KEY": "secret"}, "api key"),
        ({"OPENAI_API_KEY": "secret"}, "api key"),
        ({}, "none"),
        ([], "unreadable"),
    ],
)
def test_the_kind_of_login(tmp_path, content, kind):
    (tmp_path / "auth.json").write_text(json.dumps(content))

    assert login(tmp_path) == kind


def test_no_login_file_is_no_login_and_a_broken_one_is_unreadable(tmp_path):
    assert login(tmp_path) == "none"
    (tmp_path / "auth.json").write_text("{")
    assert login(tmp_path) == "unreadable"


@pytest.mark.parametrize(
    ("version", "env", "status", "words"),
    [
        ("0.29.0", {"OPENAI_API_KEY": "k"}, "ok", "with: OPENAI_API_KEY"),
        ("0.60.1", {"OPENAI_API_KEY": "k"}, "warning", "Codex 0.60.1 does not log in by it"),
        ("0.169.0", {"OPENAI_API_KEY": "k"}, "warning", "Codex 0.169.0 does not log in by it"),
        ("0.169.0", {"CODEX_API_KEY": "k"}, "ok", "codex exec logs in with: CODEX_API_KEY"),
        ("0.98.0", {"CODEX_API_KEY": "k"}, "warning", "only codex exec is known to read, from 0.169"),
        ("0.29.0", {}, "warning", "is not logged in"),
        ("", {"OPENAI_API_KEY": "k"}, "warning", "Codex from 0.60 on does not"),
    ],
)
def test_which_variable_logs_codex_in_depends_on_its_version(tmp_path, version, env, status, words):
    found = login_verdict(tmp_path, version, env)

    assert (found.status, words in found.text) == (status, True), found


def test_a_stored_login_counts_for_every_version(tmp_path):
    (tmp_path / "auth.json").write_text('{"auth_mode": "apikey", "OPENAI_API_KEY": "k"}')

    assert login_verdict(tmp_path, "0.169.0", {}).text == "Codex logs in with: api key"


@pytest.mark.skipif(os.name != "posix", reason="FIFOs are POSIX's")
def test_a_login_file_that_would_block_is_unreadable(tmp_path):
    os.mkfifo(tmp_path / "auth.json")

    assert login(tmp_path) == "unreadable"
