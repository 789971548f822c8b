"""The launcher: Codex on a terminal of its own, and a look at its composer when Enter is pressed."""
