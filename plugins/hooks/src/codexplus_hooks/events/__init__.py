"""One file an event: what a hook is told, and what its answer does."""
