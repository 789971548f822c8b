"""The application that is served: plugins loaded, state opened, the upstream ready to connect."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..conversation.record import MemoryStore
from ..dispatch import Dispatcher
from ..loader import load_plugins
from ..services import paths
from ..services.log import open_log
from ..services.memory import MemoryValues
from ..services.problem import Problem
from ..services.settings import ServeSettings
from ..services.store import SQLiteStore
from ..watchdog import Watchdog
from .app import App, Store
from .guard import Guard
from .peer import peer_uid
from .target import Targets
from .upstream import CurlUpstream
from .upstream_bridge import SocketUpstream


def build(settings: ServeSettings, extra: Mapping[str, object] | None = None) -> App:
    """The application that ``serve`` runs: plugins loaded, state opened, the upstream ready to connect.

    ``extra`` names plugins that are no installed packages. Raises Problem where the port could not be guarded, the user
    of a connection unknown and no token to be had, and where a plugin that was asked for by name does not work.
    """
    peer = None if settings.listen_public else peer_uid()
    secret, why = "", ""
    try:
        secret = paths.token(settings.home)
    except Problem as problem:
        if peer is None:
            raise
        why = str(problem)
    log = open_log(level=settings.log_level, token=secret)
    if why:
        log.error("state_unusable", reason=why)
    plugins = load_plugins(settings.plugins, extra=extra)
    if plugins.required_problems:
        if peer is not None:
            peer.close()
        raise Problem("; ".join(plugins.required_problems), exit_code=2)
    for plugin in plugins.plugins:
        if plugin.error is not None:
            log.error("plugin_broken", plugin=plugin.name, reason=plugin.error)
        for warning in plugin.warnings:
            log.warning("plugin_warning", plugin=plugin.name, reason=warning)
    dispatcher = Dispatcher(plugins, log=log)
    targets = Targets(override=settings.upstream)
    upstream = CurlUpstream(impersonate=settings.impersonate)
    return App(
        plugins=plugins,
        dispatcher=dispatcher,
        watchdog=Watchdog(dispatcher.stopwatch, log=log),
        peer=peer,
        guard=Guard(
            port=settings.port,
            token=secret.encode() or None,
            uid_of=peer,
            own_uid=os.getuid() if peer is not None else None,
            # Which name other machines know this one by is theirs to say; there the token alone decides.
            any_host=settings.listen_public,
        ),
        upstream=SocketUpstream(upstream) if targets.websocket_only else upstream,
        targets=targets,
        websockets=settings.websockets,
        store=_store(settings.home, log),
        log=log,
        config={"host": settings.host, "port": settings.port, "upstream": settings.upstream},
    )


def _store(home: Path, log: Any) -> Store:
    try:
        paths.private_dir(home)
    except Problem as problem:
        # Who owns the directory could put any words into the users' conversations, and read them.
        store = MemoryValues(MemoryStore())
        store.trouble = f"{problem}; edits are kept in memory until the proxy ends"
        log.error("store_unusable", path=str(home), error=str(problem))
        return store
    return SQLiteStore(home / "state.db", lambda event, fields: log.error(event, **fields))
