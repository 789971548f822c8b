"""Where lifecycle hooks meet the core: PreToolUse, PostToolUse, UserPromptSubmit, Stop and the other events.

No hook is implemented yet; the plugin loads and leaves every request as it is.
"""

from __future__ import annotations

ORDER = 20
"""First of the four: a user's hooks see the prompt as it was typed and may stop it before anything else runs."""
