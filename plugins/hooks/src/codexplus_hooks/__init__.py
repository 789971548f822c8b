"""Lifecycle hooks for Codex; the hooks into the core are in ``plugin``."""
