"""A real Codex of some version, in a HOME of its own with a fake login, pointed at a base URL."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from e2e.daemon import install_daemon

Auth = Literal["chatgpt", "api"]

Transport = Literal["http", "websocket"]

ALL = ("0.169.0", "0.120.0", "0.98.0", "0.60.1", "0.29.0")
NEWEST = "0.169.0"
# These ask for a WebSocket first, and fall back to HTTP where the upstream refuses it.
NEW = ("0.169.0", "0.120.0")
WAYS: tuple[tuple[str, Transport], ...] = (
    *((version, "websocket") for version in NEW),
    *((version, "http") for version in ALL),
)
LOGGED_IN: tuple[tuple[str, Transport, Auth], ...] = (
    *((NEWEST, transport, auth) for transport in ("websocket", "http") for auth in ("api", "chatgpt")),
    ("0.120.0", "websocket", "api"),
    ("0.120.0", "http", "chatgpt"),
    *((version, "http", auth) for version in ALL[2:] for auth in ("api", "chatgpt")),
)
# Nobody listens there: what Codex sends past its base URL (flags, plugins, updates) fails at once and stays here.
NOWHERE = "http://127.0.0.1:9"
LIMIT_S = 40.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run of Codex left: exit code and both outputs."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of ``exec --json``."""
        return [json.loads(line) for line in self.stdout.splitlines() if line.startswith("{")]

    @property
    def messages(self) -> list[str]:
        """What the assistant said, from ``exec --json`` of any version."""
        found = []
        for event in self.events:
            item, msg = event.get("item") or {}, event.get("msg") or {}
            kind = item.get("type") or item.get("item_type")
            if event.get("type") == "item.completed" and kind in ("agent_message", "assistant_message"):
                found.append(item["text"])
            elif msg.get("type") == "agent_message":
                found.append(msg["message"])
        return found

    @property
    def websocket_errors(self) -> list[str]:
        """The log lines about a WebSocket that did not come to be: Codex's own, where the upstream refuses it."""
        return [line for line in self.stderr.splitlines() if "ERROR" in line and "responses_websocket" in line]

    @property
    def trouble(self) -> list[str]:
        """The lines about a connection that broke."""
        lines = (self.stdout + self.stderr).splitlines()
        return [line for line in lines if "econnecting" in line or "alling back from WebSockets" in line]

    def __str__(self) -> str:
        return f"{' '.join(self.argv)} -> {self.code}\n-- stdout\n{self.stdout}\n-- stderr\n{self.stderr}"


class Codex:
    """One installation: version, login, HOME and a project directory."""

    def __init__(self, binary: Path, version: str, auth: Auth, home: Path) -> None:
        self.binary = binary
        self.version = version
        self.auth: Auth = auth
        self.home = home
        self.project = home / "project"
        self.runs: list[Ran] = []
        self.in_trouble = False
        """Set by a test in which the connection breaks: then Codex may say so."""
        self._settings = ""
        self._url = ""
        (home / ".codex").mkdir(parents=True)
        self.project.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=self.project, check=True)
        (home / ".codex/auth.json").write_text(json.dumps(login(auth)), encoding="utf-8")
        install_daemon(binary, version, home)
        self.configure("")

    @property
    def number(self) -> tuple[int, ...]:
        """The version to compare with."""
        return tuple(int(part) for part in self.version.split("."))

    @property
    def reads_key(self) -> bool:
        """Whether the base URL comes from config.toml (and not from ``OPENAI_BASE_URL``)."""
        return self.number >= (0, 120)

    @property
    def config(self) -> Path:
        """Its config.toml."""
        return self.home / ".codex/config.toml"

    def configure(self, settings: str) -> None:
        """Write config.toml: these settings, and trust in the project."""
        self._settings = settings
        key = f'openai_base_url = "{self._url}"\n' if self._url and self.reads_key else ""
        trust = f'[projects."{self.project}"]\ntrust_level = "trusted"\n'
        self.config.write_text(f"{key}{settings}\n{trust}", encoding="utf-8")

    def point_at(self, url: str) -> Codex:
        """Send it to this base URL, in the way its version understands."""
        self._url = url
        self.configure(self._settings)
        return self

    def env(self, **extra: str) -> dict[str, str]:
        """Its whole environment."""
        found = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "TERM": "xterm-256color", "LANG": "C.UTF-8",
            "HTTPS_PROXY": NOWHERE, "https_proxy": NOWHERE, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
        }  # fmt: skip
        if self.auth == "api":
            found |= {"OPENAI_API_KEY": "sk-dummy", "CODEX_API_KEY": "sk-dummy"}
        if self._url and not self.reads_key:
            found["OPENAI_BASE_URL"] = self._url
        return found | extra

    async def exec(self, prompt: str, *, json: bool = False, flags: tuple[str, ...] = ()) -> Ran:
        """``codex exec PROMPT``."""
        return await self.run("exec", *self._flags(json=json), *flags, prompt)

    async def resume(self, prompt: str, *, json: bool = False) -> Ran:
        """``codex exec resume --last PROMPT`` in a new process."""
        # 0.60 takes no prompt after --last: there the session is named.
        which = ("--last",) if self.number >= (0, 98) else (self.session_id(),)
        return await self.run("exec", *self._flags(json=json), "resume", *which, prompt)

    def session_id(self) -> str:
        """The id of the newest session, from the name of its file."""
        files = sorted((self.home / ".codex/sessions").rglob("rollout-*.jsonl"))
        found = re.search(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl$", files[-1].name)
        assert found is not None
        return found[1]

    def _flags(self, *, json: bool) -> tuple[str, ...]:
        # The sandbox of Codex needs rights that a build machine may not give; nothing here runs what it did not script.
        return ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", *(("--json",) if json else ()))

    async def run(self, *args: str, program: tuple[str, ...] = (), env: Mapping[str, str] | None = None) -> Ran:
        """Run it (or ``program`` in its place) with these arguments; ends it, loudly, when it takes too long."""
        argv = (*(program or (str(self.binary),)), *args)
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=self.project,
            env=self.env() if env is None else dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        reading = asyncio.ensure_future(process.communicate())
        done, _ = await asyncio.wait({reading}, timeout=LIMIT_S)
        if not done:
            os.killpg(process.pid, signal.SIGKILL)
        out, err = await reading
        ran = Ran(argv, process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
        self.runs.append(ran)
        assert done, f"not done within {LIMIT_S:g} s: {ran}"
        return ran


def login(auth: Auth) -> dict[str, Any]:
    """An auth.json that every version accepts and that no real service would."""
    if auth == "api":
        return {"auth_mode": "apikey", "OPENAI_API_KEY": "sk-dummy"}
    claims = {
        "email": "fake@example.invalid", "email_verified": True, "exp": 4102444800, "iat": 1767225600, "sub": "fake|1",
        "https://api.openai.com/auth": {
            "chatgpt_account_id": "acc-fake", "chatgpt_plan_type": "pro", "chatgpt_user_id": "user-fake",
            "user_id": "user-fake",
        },
        "https://api.openai.com/profile": {"email": "fake@example.invalid"},
    }  # fmt: skip
    token = ".".join((_part({"alg": "none", "typ": "JWT"}), _part(claims), "ZmFrZQ"))
    tokens = {"id_token": token, "access_token": token, "refresh_token": "fake-refresh", "account_id": "acc-fake"}
    # A login that looks old would make Codex refresh it first.
    return {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": "2099-01-01T00:00:00Z"}


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
