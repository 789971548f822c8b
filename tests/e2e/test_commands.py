"""`codex-plus init` and `codex-plus run` with the real Codex."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from e2e.codex import NEWEST
from e2e.proxies import codex_plus
from ports import held_port

from codexplus_core.services.listener import look
from codexplus_core.testing import text

pytestmark = pytest.mark.e2e


@pytest.fixture
def port() -> Iterator[int]:
    """A port of the test's own; a proxy that was left running on it is ended."""
    with held_port() as found:
        yield found
        left = look(found)
        if left.state == "ours":
            os.kill(left.health["pid"], signal.SIGTERM)


@pytest.mark.req("P16")
@pytest.mark.parametrize("version", [NEWEST, "0.120.0", "0.98.0", "0.60.1", "0.29.0"])
async def test_run_starts_the_proxy_and_gives_codexs_own_exit_code(version: str, codex, upstream, port: int) -> None:
    one = codex(version)
    run = ("run", "--port", str(port), "--upstream", upstream.url, "--", "exec")
    flags = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")

    well = await codex_plus(one, *run, *flags, "/ping")
    pid = look(port).health["pid"]
    badly = await codex_plus(one, *run, *flags, "the secret plans")
    wrong = await codex_plus(one, *run, "--no-such-flag")

    assert "**pong** from the proxy" in well.stdout
    assert well.code == 0
    assert "The plans are secret" in badly.stdout + badly.stderr
    assert badly.code == (1 if one.number >= (0, 98) else 0)  # the older ones say well even so
    assert wrong.code == 2
    assert look(port).health["pid"] == pid


@pytest.mark.req("P16")
async def test_init_needs_no_more_than_a_plain_codex_afterwards(codex, upstream, proxy) -> None:
    running = await proxy("none")
    one = codex(NEWEST)
    before = one.config.read_bytes()

    done = await codex_plus(one, "init", "--yes", "--port", str(running.port))
    ran = await one.exec("hi")
    undone = await codex_plus(one, "init", "--undo")

    assert (done.code, undone.code) == (0, 0)
    assert "Hello from the script." in ran.stdout
    assert one.config.read_bytes() == before


@pytest.mark.wire("W20")
@pytest.mark.parametrize("version", [NEWEST, "0.120.0"])
async def test_a_session_from_before_init_is_found_afterwards(version: str, codex, upstream, proxy) -> None:
    one = codex(version).point_at(upstream.url)
    upstream.script = [text("From the time before.")]
    await one.exec("remember the number 7")
    running = await proxy("upper")

    done = await codex_plus(one, "init", "--yes", "--port", str(running.port))
    ran = await one.resume("/up which number?")

    assert done.code == 0
    assert "Hello from the script." in ran.stdout
    sent = upstream.turns[1].decoded.decode()
    assert "remember the number 7" in sent
    assert "From the time before." in sent
    assert "REWRITTEN: which number?" in sent
