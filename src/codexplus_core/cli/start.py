"""Finding the running proxy, or starting one in the background."""

from __future__ import annotations

import sys
from pathlib import Path

from ..services.listener import look, peer_uid_known, wait_until_ours
from ..services.paths import log_dir, token
from ..services.problem import Problem
from ..services.run import spawn_detached

START_SECONDS = 15.0


def serve_argv(port: int) -> list[str]:
    """The command that runs the proxy with this very Python."""
    # -P: the proxy is started from a project's directory, whose modules must not be imported in its place.
    return [sys.executable, "-P", "-m", "codexplus_core.cli", "serve", "--port", str(port)]


def proxy_token(home: Path) -> str:
    """The token to show to the proxy: none where it recognises us by the connection."""
    return "" if peer_uid_known() else token(home)


def ensure_proxy(port: int, home: Path) -> None:
    """Return once our proxy answers on ``port``; one that is started here stays, for the next run to find.

    Raises Problem when somebody else has the port or the proxy does not come up.
    """
    secret = proxy_token(home)
    found = look(port, token=secret)
    if found.state == "ours":
        return
    if found.state == "other":
        raise Problem(
            f"127.0.0.1:{port}: in use by {found.owner or 'another program'}, which is no codex-plus proxy of yours;"
            " end it, or use another port (codex-plus init --port N)"
        )
    log = log_dir(home) / "serve.log"
    started = spawn_detached(serve_argv(port), log, cwd=home)
    if wait_until_ours(port, token=secret, seconds=START_SECONDS, ended=started.ended) is not None:
        return
    code = started.ended()
    if code is None:
        started.process.terminate()
    what = f"did not answer within {START_SECONDS:g} s" if code is None else f"ended with {code}"
    raise Problem(f"the proxy was started on port {port} but {what}; its log is {log}")
