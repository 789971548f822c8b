"""What every test of the repository stands on: a home of its own and nobody's credentials."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("default-here", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("default-here"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default-here"))

# A shell's `&` starts programs with these ignored, and theirs inherit that; what tests say of Ctrl-C would not hold.
for number, handler in (("SIGINT", signal.default_int_handler), ("SIGQUIT", signal.SIG_DFL)):
    found = getattr(signal, number, None)
    if found is not None and signal.getsignal(found) == signal.SIG_IGN:
        signal.signal(found, handler)

# Settings of the person who runs the tests must not decide whether they pass, and no test may reach a real account.
OUTSIDE = (
    "ALL_PROXY",
    "CODEX_API_KEY",
    "CODEX_HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
)


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The HOME of this one test, empty; state of codex-plus lies in it."""
    home = tmp_path_factory.mktemp("home")
    for name in OUTSIDE:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("CODEX_PLUS_HOME", str(home / ".codexplus"))
    return home
