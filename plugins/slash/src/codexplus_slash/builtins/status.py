"""/status and /plus status: how the proxy is, what is loaded, where the settings come from, which Codex this is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codexplus_core import Exchange, LocalReply, code_span, plain_text, short_path

from . import settings
from .desk import Desk
from .listing import BUILT_IN, listing_of


async def answer(desk: Desk, exchange: Exchange, args: str) -> LocalReply:
    """All of it."""
    project = exchange.session.cwd
    found = await listing_of(desk, project)
    by_scope = [
        (sum(row.scope.startswith("project") for row in found.rows), "of this project"),
        (sum(row.scope.startswith("user") for row in found.rows), "of yours"),
        (sum(row.scope.startswith("pack:") for row in found.rows), "of signed packs"),
        (sum(row.scope == BUILT_IN for row in found.rows), "built in"),
    ]
    others = len(found.rows) - sum(count for count, _ in by_scope)
    counted = ", ".join(f"{count} {whose}" for count, whose in [*by_scope, (others, "of plugins")] if count)
    blocks = [
        [f"**codex-plus {desk.core.about.version}**", "", *_proxy(desk.core.about.health), *_codex(desk, exchange)],
        ["**Plugins**, in their order", "", *_plugins(desk)],
        [f"**Commands**: {counted or 'none'}. {code_span('/help')} lists them."],
        ["**MCP servers**", "", *_servers(desk, project)],
        list(settings.lines(desk, project, servers=False)),
    ]
    return desk.answer("\n\n".join("\n".join(block) for block in blocks))


def _proxy(health: dict[str, Any]) -> Iterator[str]:
    if not health:
        yield "- Proxy: none runs here"
        return
    yield f"- Proxy: {plain_text(health['status'])}, runs for {lasting(health['uptime_s'])}, process {health['pid']}"
    yield f"- Upstream: {plain_text(health['upstream'])}, WebSockets {plain_text(health['websockets'])}"
    if health["store"] != "ok":
        yield f"- State: {plain_text(health['store'], 300)}"


def _codex(desk: Desk, exchange: Exchange) -> Iterator[str]:
    session = exchange.session
    yield f"- {plain_text(desk.core.about.codex(session.codex_version).text, 300)}"
    named, model = session.id or session.thread_id or "unnamed", exchange.model or "unnamed"
    yield f"- Session: {code_span(named)}, model {code_span(model)}"
    if exchange.barred:
        yield f"- Requests: refused. {plain_text(exchange.barred, 500)}"
    if session.cwd is not None:
        yield f"- Project: {code_span(short_path(session.cwd, None, desk.home))}"
    profile = "Claude Code's behaviour exactly" if desk.strict else "default"
    yield f"- Compatibility: {profile}"


def _plugins(desk: Desk) -> Iterator[str]:
    states = {row["name"]: row for row in desk.core.about.health.get("plugins", ())}
    rows = desk.core.about.plugins()
    for row in rows:
        version = f" {row.version}" if row.version else ""
        order = "" if row.order is None else f"{row.order} "
        yield f"- {order}{code_span(row.name)}{version}: {_state(row, states.get(row.name, {}))}"
    if not rows:
        yield "- none; the proxy passes everything through as it is"


def _state(row: Any, state: dict[str, Any]) -> str:
    if row.forbidden:
        return "not loaded: the administrator's policy does not name it (`plugins.allowed`)"
    if row.problem or state.get("state") in ("broken", "disabled"):
        return f"does not work: {plain_text(row.problem or state.get('reason'), 300)}"
    if state.get("state") == "failing":
        return f"fails: {plain_text(state.get('last_error'), 300)}"
    return f"works, but {plain_text('; '.join(row.warnings), 300)}" if row.warnings else "works"


def _servers(desk: Desk, project: Path | None) -> Iterator[str]:
    found = desk.core.config.for_project(project)
    servers = found.items("mcpServers")
    for server in servers:
        name = server.key.removeprefix("mcpServers.")
        trust = "" if server.origin.trusted else " (asks before it starts)"
        yield f"- {code_span(name)} from {code_span(short_path(server.origin, project, desk.home))}{trust}"
    counting = {server.key for server in servers}
    lost = [each for each in found.unusable if each.key.startswith("mcpServers.") and each.key not in counting]
    for entry in lost:
        name = entry.key.removeprefix("mcpServers.")
        yield f"- {code_span(name)} from {code_span(short_path(entry.origin, project, desk.home))}: not used, see below"
    packs = dict.fromkeys(file.pack for file in desk.core.packs.files("mcp"))
    for pack in packs:
        yield f"- those of the signed pack {code_span(pack)}"
    if not servers and not lost and not packs:
        yield "- none is configured"
    if any(row.name == "mcp" and not row.problem for row in desk.core.about.plugins()):
        yield f"- {code_span('/mcp list')} shows their state"
    elif servers or packs:
        yield f"- nothing starts them: install {code_span('codex-plus-mcp')} beside codex-plus"


def lasting(seconds: float) -> str:
    """``3 h 5 min``, ``40 s``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"
