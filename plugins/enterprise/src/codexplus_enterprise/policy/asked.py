"""Which models a request asks for, wherever it says so."""

from __future__ import annotations

import re
from urllib.parse import unquote

from codexplus_core import Exchange

WITH_MODEL = ("POST", "PUT", "PATCH")
# The old way, and those of others who speak the same API, to say which model it is; some of them mind no case.
_IN_PATH = re.compile(r"/(?:engines|deployments|models?)/([^/]+?)(?::[a-z]+)?(?=/|$)", re.IGNORECASE)


def models_asked(exchange: Exchange) -> tuple[str, ...]:
    """Every model that the request would leave with; ``""`` stands for one that should be named and is not.

    Which of two names counts is the upstream's affair, so both are given.
    """
    if exchange.kind == "responses":
        return (exchange.model,)
    # What a path names is used, or only looked at or removed; a body is one whatever the method says.
    named = _IN_PATH.finditer(exchange.path) if exchange.method in WITH_MODEL else ()
    found = [unquote(match[1]) for match in named]
    if exchange.body_problem:
        # Whatever stands in it, nobody has looked at it.
        return (*found, "")
    session = exchange.body.get("session")
    for place in (exchange.body, session if isinstance(session, dict) else {}):
        if (model := place.get("model")) is not None:
            found.append(model if isinstance(model, str) else "")
    return tuple(found)
