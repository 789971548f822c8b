"""Where MCP servers meet the core: their tools for the model, their resources and prompts for the user.

So far it only reports that it is loaded, and leaves every request as it is.
"""

from __future__ import annotations

from codexplus_core import Core, hookimpl

ORDER = 60
"""After slash commands (40), so that `@server:resource` in an expanded command is resolved too."""


@hookimpl
def on_startup(core: Core) -> None:
    """Report that the plugin is there."""
    core.log.info("plugin_ready", plugin="mcp")
