"""Where MCP servers meet the core: their tools for the model, their resources and prompts for the user.

No hook is implemented yet; the plugin loads and leaves every request as it is.
"""

from __future__ import annotations

ORDER = 60
"""After slash commands (40), so that `@server:resource` in an expanded command is resolved too."""
