"""The core's services without a proxy, for sub-commands of plugins."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .audit_event import AuditEvent
    from .core import Core


@contextmanager
def open_core(env: Mapping[str, str] | None = None, *, policy: bool = True, own: bool = True) -> Iterator[Core]:
    """The core for a sub-command, without a proxy: ``with open_core() as core: …``.

    It reads the same settings files and knows the same rules, approvals and contributed commands as the proxy of this
    user does. No plugin is started and none is asked for vetoes; the deny rules hold all the same. What is written to
    ``store`` is forgotten. ``env`` is the environment that counts, by default this process's. With ``policy=False`` the
    administrator's policy is left out, for commands that look at another one, and with ``own=False`` what this user and
    the project say, in files and by approvals. Raises BadPolicy for a policy that cannot
    be relied on.
    """
    from .conversation.record import MemoryStore
    from .dispatch import Dispatcher
    from .loader import Plugins, load_plugins
    from .services.about import About
    from .services.approvals.service import Approvals
    from .services.at_terminal import AtTerminal
    from .services.commands import Commands
    from .services.config import Config, policy_place
    from .services.log import open_log
    from .services.memory import MemoryValues
    from .services.paths import state_dir
    from .services.plugin_store import PluginStore
    from .services.plugins_allowed import plugins_allowed
    from .services.transcripts import Transcripts

    found = dict(os.environ if env is None else env)
    home = state_dir(found)
    users = Path(found.get("HOME") or Path.home()) if own else None
    config = Config(users, env=found, policy=policy_place() if policy else None)
    log = open_log()
    plugins = load_plugins(None, allowed=plugins_allowed(config.user))
    approvals = Approvals(home if own and home.is_dir() else None)
    core = AtTerminal(
        dispatcher=Dispatcher(Plugins(), log=log),
        commands=Commands(plugins.call_sync("add_commands")),
        store=PluginStore(MemoryValues(MemoryStore())),
        log=log,
        config=config,
        approvals=approvals,
        transcripts=Transcripts(home, config=config),
        about=About(plugins),
    )
    core.account_by(getattr(plugin.target, "ACCOUNT", None) for plugin in plugins.loaded)
    for plugin in plugins.loaded:
        packs = getattr(plugin.target, "PACKS", None)
        if packs is not None:
            packs(core)
    try:
        yield core
    finally:
        approvals.close()
        asyncio.run(core.close())


def keep_account(event: AuditEvent) -> None:
    """Tell those who keep account what is about to be done at a terminal. Raises Problem where it may not be done."""
    with open_core() as core:
        core.approvals.tell(event)
