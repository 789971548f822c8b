"""Governance for Codex; the hooks are in ``plugin``."""
