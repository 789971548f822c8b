"""What the tests of MCP have in common: no server is too slow for them."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for servers as long as it takes: on a busy machine one may need longer than a user wants to wait.

    What becomes of a wait that is too long is in test_waits, with limits of its own.
    """
    monkeypatch.setattr("codexplus_mcp.tools.FIRST_WAIT_S", 60.0)
    monkeypatch.setattr("codexplus_mcp.prompts.LIST_S", 60.0)
    monkeypatch.setattr("codexplus_mcp.told.TELL_AFTER_S", 60.0)
