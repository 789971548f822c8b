"""Slash commands for Codex; the hooks are in ``plugin``."""
