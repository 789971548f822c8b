"""Where governance meets the core: allowlists, audit, metrics and budgets.

No hook is implemented yet; the plugin loads and leaves every request as it is.
"""

from __future__ import annotations

ORDER = 90
"""Last of the four: governance judges the request as it would leave, whatever the others made of it."""
