"""What counts as whitespace in prompts and command files: what JavaScript's ``\\s`` matches, as Claude Code does."""

from __future__ import annotations

SPACE = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""For the inside of a character class. Python's own ``\\s`` has the separators U+001C to U+001F, and no BOM."""

SPACES = SPACE.replace("\u2000-\u200a", "".join(map(chr, range(0x2000, 0x200B))))
"""The characters one by one, for ``str.strip``."""
