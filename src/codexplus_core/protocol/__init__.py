"""The Responses wire, pure: bytes in, events and items out; no sockets, clock, asyncio or plugins."""
