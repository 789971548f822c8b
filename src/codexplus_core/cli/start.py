"""Finding the running proxy, or starting one in the background."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..services.listener import look, peer_uid_known, wait_until_ours
from ..services.paths import log_dir, token
from ..services.problem import Problem
from ..services.run import spawn_detached
from ..services.settings import DEFAULT_PORT
from .serve import plugin_names, refuse_unusable, upstream_url

START_SECONDS = 15.0
SAYS = "codex-plus: "
"""How a command begins what it gives up with."""
LARGEST_END = 65536
"""Bytes of a log that are looked through for it."""


def serve_argv(port: int, extra: tuple[str, ...] = ()) -> list[str]:
    """The command that runs the proxy with this very Python; ``extra`` are more words for `serve`."""
    # -P: the proxy is started from a project's directory, whose modules must not be imported in its place.
    return [sys.executable, "-P", "-m", "codexplus_core.cli", "serve", "--port", str(port), *extra]


def passed_on(upstream: str | None, plugins: str | None, websockets: str | None = None) -> tuple[str, ...]:
    """``--upstream``, ``--plugins`` and ``--websockets`` as words for a `serve` elsewhere. Raises Problem."""
    words: tuple[str, ...] = ()
    if upstream is not None:
        words += ("--upstream", upstream_url(upstream))
    if plugins is not None:
        names = plugin_names(plugins)
        refuse_unusable(names)
        words += ("--plugins", ",".join(names) or "none")
    if websockets is not None:
        words += ("--websockets", websockets)
    return words


def proxy_token(home: Path) -> str:
    """The token to show to the proxy: none where it recognises us by the connection."""
    return "" if peer_uid_known() else token(home)


def ensure_proxy(
    port: int,
    home: Path,
    *,
    upstream: str | None = None,
    plugins: str | None = None,
    websockets: str | None = None,
    configured: str | None = None,
) -> bool:
    """Return once our proxy answers on ``port``; True where it was started here: it stays, for the next run to find.

    Raises Problem when somebody else has the port, the proxy does not come up, or the one that runs is another than
    ``upstream``, ``plugins`` and ``websockets`` ask for, or ``configured`` does: the upstream of the settings, which a
    proxy that is started takes by itself.
    """
    secret = proxy_token(home)
    found = look(port, token=secret)
    if found.state == "ours":
        _refuse_another(found.health, port, upstream or configured, plugins, websockets)
        return False
    if found.state == "other":
        raise Problem(
            f"127.0.0.1:{port}: in use by {found.owner or 'another program'}, which is no codex-plus proxy of yours;"
            " end it, or use another port (codex-plus init --port N)"
        )
    argv = serve_argv(port, passed_on(upstream, plugins, websockets))
    log = log_dir(home) / "serve.log"
    before = _size(log)
    started = spawn_detached(argv, log, cwd=home)
    if wait_until_ours(port, token=secret, seconds=START_SECONDS, ended=started.ended, pid=started.pid) is not None:
        return True
    code = started.ended()
    if code is None:
        started.process.terminate()
    what = f"did not answer within {START_SECONDS:g} s" if code is None else f"ended with {code}"
    reason = "" if code is None else _last_words(log, before)
    told = f": {reason} (its log is {log})" if reason else f"; its log is {log}"
    raise Problem(f"the proxy was started on port {port} but {what}{told}")


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _last_words(log: Path, since: int) -> str:
    """What `serve` said as it gave up, ``""`` where it did not; ``since`` is the log's size when it was started."""
    try:
        with log.open("rb") as file:
            file.seek(since)
            lines = file.read(LARGEST_END).decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    said = [line.removeprefix(SAYS) for line in lines if line.startswith(SAYS)]
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in said[-1]) if said else ""


def _refuse_another(
    health: dict[str, Any], port: int, upstream: str | None, plugins: str | None, websockets: str | None
) -> None:
    wrong = []
    if upstream is not None and "upstream" in health and health["upstream"] != upstream_url(upstream):
        wrong.append(f"has another upstream ({health['upstream']}) than --upstream or your settings say")
    rows = health.get("plugins")
    if plugins is not None and isinstance(rows, list):
        names = {str(row.get("name")) for row in rows if isinstance(row, dict)}
        if names != set(plugin_names(plugins)):
            wrong.append(f"has the plugins {', '.join(sorted(names)) or 'none'}, not those of --plugins")
    if websockets is not None and health.get("websockets", websockets) != websockets:
        wrong.append(f"has --websockets {health['websockets']}, not {websockets}")
    if wrong:
        raise Problem(
            f"127.0.0.1:{port}: the proxy that runs there {' and '.join(wrong)};"
            f" stop it first: codex-plus stop{port_option(port)}"
        )


def port_option(port: int) -> str:
    """`` --port N`` for a command that is shown, nothing for the default."""
    return "" if port == DEFAULT_PORT else f" --port {port}"
