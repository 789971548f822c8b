"""The commands that codex-plus itself answers: /help, /status, /plus, /save, /config, /version, /hooks and /mcp."""
