"""A home in which the bridge from Codex's own hooks is installed, trusted or not."""

from __future__ import annotations

import json
from collections.abc import Mapping

from codexplus_hooks.bridge_files import NATIVE_EVENTS, Places, entries, files, places
from codexplus_hooks.native_hooks import digest


def installed_bridge(
    env: Mapping[str, str], *, trusted: bool, events: tuple[str, ...] = NATIVE_EVENTS, also: str = ""
) -> Places:
    """Write what ``init --hooks`` writes, and the trust that Codex keeps; ``also`` goes into its config.toml."""
    here = places(env)
    for path, text in files(env).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    here.codex.mkdir(exist_ok=True)
    ((path, lists),) = entries(env).items()
    path.write_text(json.dumps({"hooks": {event: lists[f"hooks.{event}"] for event in events}}, indent=1), "utf-8")
    states = ""
    for event in events if trusted else ():
        label = "".join(f"_{c.lower()}" if c.isupper() else c for c in event).lstrip("_")
        kept = digest(event, None, lists[f"hooks.{event}"][0]["hooks"][0])
        states += f'[hooks.state."{path}:{label}:0:0"]\ntrusted_hash = "{kept}"\n'
    (here.codex / "config.toml").write_text(states + also, encoding="utf-8")
    return here
