"""MCP servers for Codex; the hooks are in ``plugin``."""
