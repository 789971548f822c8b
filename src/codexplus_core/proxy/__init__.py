"""The only input and output on the request path: guard, app, relay, upstream."""
