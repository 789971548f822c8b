"""A plugin out of functions, and what the upstream was sent."""

from __future__ import annotations

import json
from typing import Any

from codexplus_core import hookimpl
from codexplus_core.testing import StrictUpstream

VERSIONS = ("0.29.0", "0.60.1", "0.98.0", "0.120.0", "0.169.0")
DONE = "response.output_item.done"
PLUS = ("plus", "adds", {"type": "object", "properties": {}})


class Plugin:
    """What ``plugin`` makes."""


def plugin(**hooks: Any) -> object:
    """``plugin(ORDER=10, on_request=…)``."""
    declared = {name: value for name, value in hooks.items() if name.isupper()}
    marked = {name: staticmethod(hookimpl(hook)) for name, hook in hooks.items() if not name.isupper()}
    return type("Plugin", (Plugin,), {**declared, **marked})()


def sent(upstream: StrictUpstream, at: int = -1) -> str:
    """All items that a request asks the model to go on from, on whichever transport it came, as JSON."""
    return json.dumps(upstream.turns[at].conversation, ensure_ascii=False)
