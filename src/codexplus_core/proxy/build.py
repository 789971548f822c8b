"""The application that is served: plugins loaded, state opened, the upstream ready to connect."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..conversation.record import MemoryStore
from ..dispatch import Dispatcher
from ..loader import Plugins, load_plugins
from ..loader_allowed import enforcement_lacks
from ..services import paths
from ..services.approvals.service import Approvals
from ..services.config import Config, policy_place
from ..services.init_files import Keeper
from ..services.log import open_log
from ..services.memory import MemoryValues
from ..services.plugins_allowed import plugins_allowed
from ..services.problem import Problem
from ..services.redact import Redactor, UserPattern
from ..services.rules import rule_notices
from ..services.settings import ServeSettings
from ..services.store import SQLiteStore
from ..services.transcripts import Transcripts
from ..watchdog import Watchdog
from .app import App, Store
from .guard import Guard
from .peer import peer_uid
from .target import Targets
from .upstream import CurlUpstream
from .upstream_bridge import SocketUpstream


def build(settings: ServeSettings, extra: Mapping[str, object] | None = None, *, config: Config | None = None) -> App:
    """The application that ``serve`` runs: plugins loaded, state opened, the upstream ready to connect.

    ``extra`` names plugins that are no installed packages; ``config`` stands in for the settings files. Raises Problem
    where the port could not be guarded, the user of a connection unknown and no token to be had, where a plugin that
    was asked for by name does not work, where there is an administrator's policy that no plugin enforces, and where a
    plugin objects.
    """
    config = open_config(settings, os.environ) if config is None else config
    peer = None if settings.listen_public else peer_uid()
    secret, why = "", ""
    try:
        secret = paths.token(settings.home)
    except Problem as problem:
        if peer is None:
            raise
        why = str(problem)
    redactor = _redactor(config, secret)
    log = open_log(level=settings.log_level, form=settings.log_format, token=secret, redactor=redactor)
    if why:
        log.error("state_unusable", reason=why)
    allowed = plugins_allowed(config.user)
    plugins = load_plugins(settings.plugins, extra=extra, allowed=allowed)
    wrong = plugins.required_problems or _unenforced(config, plugins)
    wrong = wrong or plugins.objections(config, Targets(override=settings.upstream).bases)
    if plugins_allowed(config.user) != allowed:
        # Who was asked has brought more of the policy, and that has a list of its own.
        plugins = load_plugins(settings.plugins, extra=extra, allowed=plugins_allowed(config.user))
        wrong = wrong or plugins.required_problems or _unenforced(config, plugins)
    if wrong:
        if peer is not None:
            peer.close()
        raise Problem("; ".join(wrong), exit_code=2)
    for plugin in plugins.plugins:
        if plugin.error is not None:
            # Left out on purpose is no fault; who misses it finds the reason.
            tell = log.warning if plugin.forbidden else log.error
            tell("plugin_not_allowed" if plugin.forbidden else "plugin_broken", plugin=plugin.name, reason=plugin.error)
        for warning in plugin.warnings:
            log.warning("plugin_warning", plugin=plugin.name, reason=warning)
    for trouble in redactor.problems:
        log.warning("settings_problem", reason=trouble)
    for notice in (*config.user.warnings, *rule_notices(config.user)):
        log.warning("settings_problem", reason=str(notice))
    for value in config.user.list():
        if any(other.origin.layer == "command line" for other in value.overrides):
            reason = f"{value.key}: the command line's does not count, for {value.origin} says otherwise"
            log.warning("settings_problem", reason=reason)
    dispatcher = Dispatcher(plugins, log=log)
    targets = Targets(override=settings.upstream)
    upstream = CurlUpstream(impersonate=settings.impersonate)
    transcripts = _transcripts(settings.home, config, redactor, log)
    chores: list[Callable[[], None]] = [Keeper(plugins, settings.home, os.environ, log)]
    if plugins.plugins and transcripts.on:  # asked here: settings are read by one thread only
        chores.append(transcripts.get_ready)
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
        config=config,
        approvals=_approvals(settings.home, log),
        transcripts=transcripts,
        redactor=redactor,
        chores=chores,
    )


def open_config(settings: ServeSettings, env: Mapping[str, str]) -> Config:
    """The settings files of this user and machine, with what ``serve`` was told on top. Raises BadPolicy."""
    overrides = settings.told
    if overrides is None:
        overrides = {} if settings.upstream is None else {"upstream": {"url": settings.upstream}}
    return Config(
        Path(env.get("HOME") or Path.home()),
        overrides,
        env={**env, "CODEX_PLUS_HOME": str(settings.home)},
        policy=policy_place(),
        served={"host": settings.host, "port": settings.port, "upstream": settings.upstream},
    )


def _unenforced(config: Config, plugins: Plugins) -> list[str]:
    """Why nothing may be served: a policy that its subject can uninstall is none."""
    lacks = enforcement_lacks(plugins) if config.has_policy else ""
    return [f"{policy_place().path}: there is a policy of your administrator, and {lacks}"] if lacks else []


def _redactor(config: Config, secret: str) -> Redactor:
    found = config.user.items("redact.patterns")
    patterns = [_pattern(item.value, str(item.origin), item.origin.layer == "enterprise") for item in found]
    return Redactor(patterns, [("token", secret)] if secret else [])


def _pattern(value: Any, source: str, managed: bool) -> UserPattern:
    if isinstance(value, dict):
        return UserPattern(str(value.get("kind", "custom")), str(value["pattern"]), source, managed)
    return UserPattern("custom", str(value), source, managed)


def _transcripts(home: Path, config: Config, redactor: Redactor, log: Any) -> Transcripts:
    def report(event: str, fields: dict[str, Any]) -> None:
        log.error(event, **fields)

    return Transcripts(home, config=config, redactor=redactor, report=report)


def _approvals(home: Path, log: Any) -> Approvals:
    def report(event: str, fields: dict[str, Any]) -> None:
        log.error(event, **fields)

    try:
        return Approvals(paths.private_dir(home), report=report)
    except Problem:
        # What is allowed must not be in others' hands; `_store` has said what is wrong with the directory.
        return Approvals(report=report)


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
