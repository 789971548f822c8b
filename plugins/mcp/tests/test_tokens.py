"""Where sign-ins are kept, and what happens when several want to change one."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oauth_server import core_in

from codexplus_core import Problem
from codexplus_mcp.credentials import Client, Credentials
from codexplus_mcp.lock import locked
from codexplus_mcp.server import Server
from codexplus_mcp.tokens import Tokens
from codexplus_mcp.vault import FileVault, vault_of

SERVER = Server("remote", "user", "http", url="https://mcp.example.com/mcp")
SIGNED_IN = Credentials(
    SERVER.url,
    "https://auth.example.com",
    "https://auth.example.com/token",
    Client("client", "s3cret", "client_secret_basic"),
    access_token="access-token",
    refresh_token="refresh-token",
    expires_at=1234.5,
    renew_at=1204.5,
    scopes=("a", "b"),
    wanted=("c",),
)


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(FileVault(tmp_path / "state/logins"), tmp_path / "state/logins")


async def save(tokens: Tokens, credentials: Credentials = SIGNED_IN) -> None:
    async with tokens.hold(SERVER) as held:
        await held.save(credentials)


async def test_what_is_kept_is_found_again(tokens: Tokens) -> None:
    await save(tokens)

    assert await tokens.load(SERVER) == SIGNED_IN


async def test_every_change_can_be_noticed(tokens: Tokens) -> None:
    stamps = [tokens.stamp(SERVER)]
    for _ in range(5):
        await save(tokens)
        stamps.append(tokens.stamp(SERVER))

    assert len(set(stamps)) == 6


@pytest.mark.abuse("G12")
async def test_a_file_that_others_can_read_or_that_is_a_link_is_refused(tokens: Tokens, tmp_path: Path) -> None:
    await save(tokens)
    (file,) = (tmp_path / "state/logins").glob("*.json")
    file.chmod(0o644)

    with pytest.raises(Problem, match="is open to other users"):
        await tokens.load(SERVER)

    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Problem, match="is a symbolic link"):
        await tokens.load(SERVER)


@pytest.mark.abuse("G12")
async def test_a_lock_that_is_a_link_is_refused(tokens: Tokens, tmp_path: Path) -> None:
    await save(tokens)
    (lock,) = (tmp_path / "state/logins").glob("*.lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "target")

    with pytest.raises(Problem, match="cannot be used as a lock"):
        await save(tokens)
    assert not (tmp_path / "target").exists()


async def test_one_that_is_for_another_address_is_not_used(tokens: Tokens, tmp_path: Path) -> None:
    await save(tokens)
    (file,) = (tmp_path / "state/logins").glob("*.json")
    file.write_text(json.dumps({**SIGNED_IN.to_json(), "url": "https://evil.example"}), encoding="utf-8")

    assert await tokens.load(SERVER) is None


@pytest.mark.abuse("G11")
async def test_the_lock_keeps_other_processes_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    script = "import fcntl,sys;f=open(sys.argv[1],'r+');fcntl.flock(f,2);print(1,flush=True);sys.stdin.read()"
    async with asyncio.timeout(30):
        path.touch()
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, str(path), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert other.stdin is not None and other.stdout is not None
        await other.stdout.readline()

        with pytest.raises(Problem, match="another codex-plus holds this lock"):
            async with locked(path, wait=0):
                pass
        other.stdin.close()
        await other.wait()
        async with locked(path):
            pass


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=5))
def test_a_damaged_file_is_no_login(value: Any) -> None:
    good = SIGNED_IN.to_json()
    for name in good:
        found = Credentials.from_json(json.loads(json.dumps({**good, name: value})))
        assert found is None or isinstance(found.access_token, str)


def test_credentials_survive_json_and_show_no_secret() -> None:
    assert Credentials.from_json(json.loads(json.dumps(SIGNED_IN.to_json()))) == SIGNED_IN
    assert not any(secret in repr(SIGNED_IN) for secret in ("access-token", "refresh-token", "s3cret"))


# -- the keyring


class Backend:
    """A keyring's backend."""

    def __init__(self, priority: float = 5) -> None:
        self.priority = priority
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, name: str) -> str | None:
        if self.locked:
            raise sys.modules["keyring.errors"].KeyringError("locked")
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, text: str) -> None:
        self.kept[service, name] = text

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[service, name]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    backend = Backend()
    package, errors = types.ModuleType("keyring"), types.ModuleType("keyring.errors")
    monkeypatch.setattr(package, "get_keyring", lambda: backend, raising=False)
    monkeypatch.setattr(errors, "KeyringError", type("KeyringError", (Exception,), {}), raising=False)
    monkeypatch.setitem(sys.modules, "keyring", package)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return backend


async def test_a_keyring_is_used_where_there_is_a_real_one(backend: Backend, tmp_path: Path) -> None:
    tokens = Tokens(await vault_of(core_in(tmp_path), tmp_path / "state/logins"), tmp_path / "state/logins")

    await save(tokens)

    assert tokens.kind == "keyring"
    assert await tokens.load(SERVER) == SIGNED_IN
    assert not [path for path in (tmp_path / "state").rglob("*") if path.is_file() and path.stat().st_size]
    async with tokens.hold(SERVER) as held:
        await held.remove()
    assert (backend.kept, await tokens.load(SERVER)) == ({}, None)


async def test_a_locked_keyring_says_what_to_do(backend: Backend, tmp_path: Path) -> None:
    tokens = Tokens(await vault_of(core_in(tmp_path), tmp_path / "state/logins"), tmp_path / "state/logins")
    await save(tokens)
    backend.locked = True

    with pytest.raises(Problem, match=r"the keyring cannot be read \(KeyringError\); unlock it"):
        await tokens.load(SERVER)


async def test_a_keyring_that_keeps_nothing_is_none(backend: Backend, tmp_path: Path) -> None:
    backend.priority = 0

    assert (await vault_of(core_in(tmp_path), tmp_path)).kind == "file"
    with pytest.raises(Problem, match="there is none here"):
        await vault_of(core_in(tmp_path, {"mcp": {"oauth": {"store": "keyring"}}}), tmp_path)


async def test_the_user_can_choose_the_file(backend: Backend, tmp_path: Path) -> None:
    assert (await vault_of(core_in(tmp_path, {"mcp": {"oauth": {"store": "file"}}}), tmp_path)).kind == "file"
    with pytest.raises(Problem, match="has to be"):
        await vault_of(core_in(tmp_path, {"mcp": {"oauth": {"store": "cloud"}}}), tmp_path)


async def test_a_server_that_nobody_signed_in_to_asks_no_keyring(backend: Backend, tmp_path: Path) -> None:
    tokens = Tokens(await vault_of(core_in(tmp_path), tmp_path / "logins"), tmp_path / "logins")
    backend.locked = True

    assert await tokens.load(SERVER) is None
    assert list(tmp_path.iterdir()) == []


async def test_looking_for_a_keyring_holds_up_nobody(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def get_keyring() -> Backend:
        looked.append(threading.get_ident())
        return backend

    monkeypatch.setattr(sys.modules["keyring"], "get_keyring", get_keyring)
    await vault_of(core_in(tmp_path), tmp_path)

    assert looked and threading.get_ident() not in looked
