"""The core's services without a proxy, for sub-commands of plugins."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core import Core


@contextmanager
def open_core(env: Mapping[str, str] | None = None) -> Iterator[Core]:
    """The core for a sub-command, without a proxy: ``with open_core() as core: …``.

    It reads the same settings files and knows the same rules, approvals and contributed commands as the proxy of this
    user does. No plugin is started and none is asked for vetoes; the deny rules hold all the same. What is written to
    ``store`` is forgotten. ``env`` is the environment that counts, by default this process's. Raises BadPolicy for a
    policy that cannot be relied on.
    """
    from .conversation.record import MemoryStore
    from .dispatch import Dispatcher
    from .loader import Plugins, load_plugins
    from .services.about import About
    from .services.approvals.service import Approvals
    from .services.commands import Commands
    from .services.config import Config, policy_place
    from .services.core import Services
    from .services.log import open_log
    from .services.memory import MemoryValues
    from .services.paths import state_dir
    from .services.plugin_store import PluginStore
    from .services.transcripts import Transcripts

    found = dict(os.environ if env is None else env)
    home = state_dir(found)
    config = Config(Path(found.get("HOME") or Path.home()), env=found, policy=policy_place())
    log = open_log()
    plugins = load_plugins(None)
    approvals = Approvals(home if home.is_dir() else None)
    core = Services(
        dispatcher=Dispatcher(Plugins(), log=log),
        commands=Commands(plugins.call_sync("add_commands")),
        store=PluginStore(MemoryValues(MemoryStore())),
        log=log,
        config=config,
        approvals=approvals,
        transcripts=Transcripts(home, config=config),
        about=About(plugins),
    )
    try:
        yield core
    finally:
        approvals.close()
        asyncio.run(core.close())
