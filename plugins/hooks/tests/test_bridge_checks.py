"""What the doctor says of the bridge."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bridge_folders import installed_bridge

from codexplus_hooks import bridge_checks
from codexplus_hooks.bridge import PROBE, Bridge
from codexplus_hooks.bridge_files import NATIVE_EVENTS


class Silent:
    async def native(self, event: str, payload: object) -> None:
        raise AssertionError("a probe is not for hooks")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server on a socket that answers like the proxy does."""
    bridge = Bridge(Silent())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        payload = json.loads(await reader.readexactly(int(length.split()[1])))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        async for line in bridge._answer("PreToolUse", payload):
            writer.write(line)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def env_of(home: Path, port: int) -> dict[str, str]:
    return {
        "HOME": str(home), "PATH": os.environ["PATH"], "CODEX_PLUS_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "SHELL": "/bin/sh",
    }  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="the shell's form")
async def test_a_trusted_bridge_with_a_proxy_behind_it_is_well(tmp_path: Path, port: int) -> None:
    env = env_of(tmp_path, port)
    installed_bridge(env, trusted=True)

    found = await bridge_checks.bridge(env)

    assert found.status == "ok"
    assert "Codex trusts the bridge; the probe arrived in" in found.message


@pytest.mark.skipif(os.name != "posix", reason="the shell's form")
async def test_a_bridge_that_nobody_trusted_is_a_warning_that_speaks_of_exec(tmp_path: Path, port: int) -> None:
    env = env_of(tmp_path, port)
    here = installed_bridge(env, trusted=False)

    found = await bridge_checks.bridge(env)

    assert found.status == "warning"
    assert f"12 of 12 hooks are not trusted by Codex yet ({here.hooks_file}:" in found.message
    assert "the probe arrived in" in found.message
    assert "codex exec leaves them out without a word" in found.message


@pytest.mark.skipif(os.name != "posix", reason="the shell's form")
async def test_a_proxy_that_is_gone_is_an_error(tmp_path: Path) -> None:
    env = env_of(tmp_path, 9)
    installed_bridge(env, trusted=True)

    found = await bridge_checks.bridge(env)

    assert found.status == "error"
    assert "the probe did not arrive" in found.message
    assert "codex-plus serve" in found.fix


async def test_without_a_bridge_it_says_how_to_get_one(tmp_path: Path) -> None:
    found = await bridge_checks.bridge(env_of(tmp_path, 9))

    assert (found.status, "codex-plus init --hooks" in found.message) == ("ok", True)


async def test_missing_events_are_named(tmp_path: Path) -> None:
    env = env_of(tmp_path, 9)
    installed_bridge(env, trusted=True, events=NATIVE_EVENTS[1:])

    found = await bridge_checks.bridge(env)

    assert (found.status, found.fix) == ("warning", "codex-plus init --hooks")
    assert found.message.startswith("no entry for SessionStart in")


IMPORTED = [
    ("guard --all", "guard --all"),
    ('python3 "$CLAUDE_PROJECT_DIR"/.claude/hooks/guard.py', "python3 /repo/.codex/hooks/guard.py"),
    ("~/.claude/hooks/x.sh", "'/home/me/.codex/hooks/x.sh'"),
]


@pytest.mark.parametrize(("claudes", "codexs"), IMPORTED)
def test_a_hook_that_codex_imported_is_named_in_both_files(claudes: str, codexs: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / ".claude").mkdir(parents=True)
    (project / ".codex").mkdir()
    own = {"Stop": [{"hooks": [{"type": "command", "command": claudes}]}]}
    (project / ".claude/settings.json").write_text(json.dumps({"hooks": own}, indent=1))
    imported = {"Stop": [{"hooks": [{"type": "command", "command": codexs}]}]}
    (project / ".codex/hooks.json").write_text(json.dumps({"hooks": imported}, indent=1))

    found = bridge_checks.twice(env_of(tmp_path, 9), project)

    assert found.status == "warning"
    assert f"{project}/.codex/hooks.json:8: Stop is also in {project}/.claude/settings.json:8" in found.message


def test_hooks_that_are_in_one_place_only_are_well(tmp_path: Path) -> None:
    env = env_of(tmp_path, 9)
    installed_bridge(env, trusted=True)

    assert bridge_checks.twice(env, tmp_path).status == "ok"


def test_the_probes_key_is_none_of_codex() -> None:
    assert PROBE.startswith("codex_plus_")
