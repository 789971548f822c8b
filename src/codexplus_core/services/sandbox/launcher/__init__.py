"""The process that starts sandboxed programs: pure standard library, nothing of the proxy in its memory, Linux only."""
