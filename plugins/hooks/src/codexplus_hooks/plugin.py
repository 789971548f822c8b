"""Where lifecycle hooks meet the core: PreToolUse, PostToolUse, UserPromptSubmit, Stop and the other events.

So far it only reports that it is loaded, and leaves every request as it is.
"""

from __future__ import annotations

from codexplus_core import Core, hookimpl

ORDER = 20
"""First of the four: a user's hooks see the prompt as it was typed and may stop it before anything else runs."""


@hookimpl
def on_startup(core: Core) -> None:
    """Report that the plugin is there."""
    core.log.info("plugin_ready", plugin="hooks")
