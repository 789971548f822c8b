"""Where slash commands meet the core: `/name args` from Markdown or code becomes a prompt or a local answer.

So far it only reports that it is loaded, and leaves every request as it is.
"""

from __future__ import annotations

from codexplus_core import Core, hookimpl

ORDER = 40
"""After lifecycle hooks (20), which see what the user typed; before MCP (60), which sees what a command expanded to."""


@hookimpl
def on_startup(core: Core) -> None:
    """Report that the plugin is there."""
    core.log.info("plugin_ready", plugin="slash")
