"""Running programs in a sandbox: what they may do, what holds them, and the door that everything passes."""
