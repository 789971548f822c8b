"""Where governance meets the core: allowlists, audit, metrics and budgets.

So far it only reports that it is loaded, and leaves every request as it is.
"""

from __future__ import annotations

from codexplus_core import Core, hookimpl

ORDER = 90
"""Last of the four: governance judges the request as it would leave, whatever the others made of it."""


@hookimpl
def on_startup(core: Core) -> None:
    """Report that the plugin is there."""
    core.log.info("plugin_ready", plugin="enterprise")
