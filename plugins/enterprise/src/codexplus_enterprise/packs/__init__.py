"""Signed packs: directories of commands, hooks, skills and MCP definitions that somebody vouches for."""
