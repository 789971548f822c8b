"""Where slash commands meet the core: `/name args` from Markdown or code becomes a prompt or a local answer.

No hook is implemented yet; the plugin loads and leaves every request as it is.
"""

from __future__ import annotations

ORDER = 40
"""After lifecycle hooks (20), which see what the user typed; before MCP (60), which sees what a command expanded to."""
