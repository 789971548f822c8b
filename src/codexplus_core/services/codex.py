"""Codex as it is installed here: which program, which version, how it logs in, whether we know that version."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .paths import read_regular
from .run import CannotStart, capture, find_program

TESTED = ("0.29", "0.60", "0.98", "0.120", "0.169")
"""The versions that the wire contract was measured with, oldest first."""

CONFIG_KEY_SINCE = (0, 120, 0)
"""From here on Codex reads ``openai_base_url`` from its configuration and ignores the environment variable."""

API_KEY_VARIABLE_UNTIL = (0, 60, 0)
"""Before this, Codex logs in by ``OPENAI_API_KEY``; from here on it sends no login from it (measured: 0.29, 0.60)."""

EXEC_KEY_SINCE = (0, 169, 0)
"""From here on ``codex exec`` is known to log in by ``CODEX_API_KEY``."""

Login = Literal["chatgpt", "api key", "none", "unreadable"]


@dataclass(frozen=True, slots=True)
class Codex:
    """The Codex that was found; ``version`` is ``""`` when it did not say, and ``problem`` then tells why."""

    path: Path
    version: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a version works behind the proxy, in the words of `doctor`."""

    status: Literal["ok", "warning", "error"]
    text: str


def find(env: Mapping[str, str] | None = None) -> Path | None:
    """The Codex program: ``$CODEX_PLUS_CODEX``, else ``codex`` on the PATH."""
    env = os.environ if env is None else env
    return find_program(env.get("CODEX_PLUS_CODEX") or "codex", env)


def detect(env: Mapping[str, str] | None = None, *, timeout: float = 10.0) -> Codex | None:
    """Find Codex and ask it for its version; None when there is none."""
    env = os.environ if env is None else env
    path = find(env)
    if path is None:
        return None
    try:
        result = capture([str(path), "--version"], timeout, env=env)
    except CannotStart as error:
        return Codex(path, problem=str(error))
    if result.timed_out:
        return Codex(path, problem=f"{path} --version: no answer within {timeout:g} s")
    found = re.search(rb"\b(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)\b", result.stdout)
    if result.returncode != 0 or found is None:
        return Codex(path, problem=f"{path} --version: ended with {result.returncode} and named no version")
    return Codex(path, found[1].decode("ascii"))


def version_numbers(version: str) -> tuple[int, int, int]:
    """``"0.169.0-alpha.2"`` as ``(0, 169, 0)``; missing parts are 0."""
    parts = [int(part) for part in re.findall(r"\d+", version.partition("-")[0])[:3]]
    return tuple((*parts, 0, 0, 0)[:3])  # type: ignore[return-value]


def reads_environment(version: str) -> bool:
    """Whether this version takes its base URL from ``OPENAI_BASE_URL`` (older ones) and not from the configuration."""
    return bool(version) and version_numbers(version) < CONFIG_KEY_SINCE


def verdict(version: str) -> Verdict:
    """What we know of ``version``."""
    if not version:
        return Verdict("warning", "version unknown; codex-plus cannot say whether it fits")
    numbers = version_numbers(version)
    tested = [version_numbers(name) for name in TESTED]
    if numbers < tested[0]:
        return Verdict("error", f"Codex {version} is unsupported; {TESTED[0]} is the oldest that works")
    if numbers[:2] in [known[:2] for known in tested]:
        return Verdict("ok", f"Codex {version} is tested")
    if numbers > tested[-1]:
        return Verdict(
            "warning",
            f"Codex {version} is not tested yet; it works if it still reads openai_base_url from its config.toml"
            f" and speaks the Responses API as {TESTED[-1]} does",
        )
    older = max(name for name in tested if name <= numbers)
    newer = min(name for name in tested if name >= numbers)
    between = f"{older[0]}.{older[1]} and {newer[0]}.{newer[1]}"
    return Verdict("ok", f"Codex {version} is not tested itself, but lies between {between}, which are")


def login(home: Path) -> Login:
    """How Codex logs in, from auth.json in its home; no secret of it is kept or shown."""
    try:
        stored = json.loads(read_regular(home / "auth.json"))
    except FileNotFoundError:
        return "none"
    except (OSError, ValueError):
        return "unreadable"
    if not isinstance(stored, dict):
        return "unreadable"
    mode = str(stored.get("auth_mode") or "").lower()
    if mode.startswith("chatgpt") or (not mode and stored.get("tokens")):
        return "chatgpt"
    return "api key" if mode == "apikey" or stored.get("OPENAI_API_KEY") else "none"


def login_verdict(home: Path, version: str, env: Mapping[str, str]) -> Verdict:
    """How this version of Codex logs in, and whether that is enough."""
    kind = login(home)
    if kind == "unreadable":
        return Verdict("error", f"{home / 'auth.json'}: cannot be read")
    if kind != "none":
        return Verdict("ok", f"Codex logs in with: {kind}")
    numbers = version_numbers(version)
    named = f"Codex {version}" if version else "Codex from 0.60 on"
    if version and numbers < API_KEY_VARIABLE_UNTIL and env.get("OPENAI_API_KEY"):
        return Verdict("ok", "Codex logs in with: OPENAI_API_KEY")
    if env.get("CODEX_API_KEY") and numbers >= EXEC_KEY_SINCE:
        return Verdict("ok", "codex exec logs in with: CODEX_API_KEY; the TUI is not logged in")
    said = "Codex is not logged in"
    if env.get("OPENAI_API_KEY"):
        said += f"; OPENAI_API_KEY is set, but {named} does not log in by it"
    if env.get("CODEX_API_KEY"):
        said += "; CODEX_API_KEY is set, which only codex exec is known to read, from 0.169 on"
    return Verdict("warning", said)
