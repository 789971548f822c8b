"""The checks of the proxy that runs: its port, its health, its plugins, and the backend behind it."""

from __future__ import annotations

from typing import Any

from ..contributions import CheckResult
from ..services import codex
from .doctor_settings import upstream_in_settings
from .init import without_token
from .start import port_option
from .surroundings import Surroundings

CHATGPT = "https://chatgpt.com/backend-api/codex"
API = "https://api.openai.com/v1"


def port(around: Surroundings) -> CheckResult:
    """Who listens where Codex will connect."""
    found = around.listening
    where = f"127.0.0.1:{around.port}"
    if found.state == "other":
        return CheckResult(
            "error",
            f"{where}: in use by {found.owner or 'another program'}, which is no codex-plus proxy of yours",
            "end that program, or take another port: codex-plus init --port N",
        )
    told = around.configured_port
    if told is not None and told != around.port:
        return CheckResult(
            "warning",
            f"{where}: looked at because of --port, but Codex is told to use port {told}",
            f"codex-plus doctor without --port, or codex-plus init{port_option(around.port)}",
        )
    if found.state == "free":
        option = port_option(around.port)
        fix = f"codex-plus serve{option}, codex-plus run{option}, or codex-plus init{option} --service"
        return CheckResult("warning", f"{where}: nobody listens", fix)
    return CheckResult("ok", f"{where}: the proxy listens" + (f" ({found.owner})" if found.owner else ""))


def proxy(around: Surroundings) -> CheckResult:
    """What the running proxy says of itself."""
    health = around.running
    if not health:
        fix = f"codex-plus serve{port_option(around.port)}"
        return CheckResult("warning", "the proxy is not running, so its health is unknown", fix)
    again = f"codex-plus stop{port_option(around.port)}, then start it anew"
    status, version = health.get("status", "unknown"), health.get("version", "unknown")
    if status != "ok":
        return CheckResult("error", f"the proxy (version {version}) says: {status}", again)
    store = health.get("store", "ok")
    if store != "ok":
        return CheckResult("warning", str(store), f"free the disk or mend the state directory; {again}")
    return CheckResult("ok", f"the proxy is healthy (version {version})")


def plugins(around: Surroundings) -> CheckResult:
    """Which plugins there are and what is wrong with them: the running proxy's, else as they load here."""
    listed = around.running.get("plugins")
    running = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else None
    forbidden = [plugin.name for plugin in around.loaded.plugins if plugin.forbidden]
    if running is not None:
        at_work = [row for row in running if row.get("state") != "forbidden"]
        names = [str(row.get("name")) for row in at_work]
        broken = [_named(str(row.get("name")), str(row["reason"])) for row in at_work if row.get("reason")]
        where = "in the running proxy"
    else:
        names = [plugin.name for plugin in around.loaded.plugins if not plugin.forbidden]
        broken = [
            _named(plugin.name, plugin.error)
            for plugin in around.loaded.plugins
            if plugin.error and not plugin.forbidden
        ]
        where = "as loaded here"
    left_out = f"; not loaded, because plugins.allowed does not name them: {', '.join(forbidden)}" if forbidden else ""
    again = f"codex-plus stop{port_option(around.port)}, then start it anew"
    if running is not None and (still := [name for name in names if name in forbidden]):
        words = f"{where} although plugins.allowed does not name them any more: {', '.join(still)}"
        return CheckResult("error", f"{words}; the list counts from the next start on", again)
    if broken:
        return CheckResult("error", f"{where}, broken:" + _each(broken), "update or uninstall what is broken")
    failing = [_ailing(row) for row in running or () if row.get("state") in ("failing", "disabled")]
    if failing:
        return CheckResult("warning", f"{where}:" + _each(failing), "tell the plugin's author, or leave it out")
    changed = _changed(running, around) if running is not None else []
    if changed:
        return CheckResult("warning", f"{where} not what is installed:" + _each(changed), again)
    warned = [f"{plugin.name}: {warning}" for plugin in around.loaded.plugins for warning in plugin.warnings]
    shown = (", ".join(names) or "none") + left_out
    if warned:
        return CheckResult("warning", f"{where}: {shown}; but" + _each(warned), "tell the plugin's author")
    return CheckResult("ok", f"{where}: {shown}")


def _each(lines: list[str]) -> str:
    return "".join(f"\n{line}" for line in lines) if len(lines) > 1 else f" {lines[0]}"


def _named(name: str, reason: str) -> str:
    return reason if repr(name) in reason else f"{name}: {reason}"


def _ailing(row: dict[str, Any]) -> str:
    counts = ", ".join(f"{row[key]} {key}" for key in ("errors", "late", "blocked") if row.get(key))
    last = f"; last: {row['last_error']}" if row.get("last_error") else ""
    return f"{row.get('name')} is {row['state']} ({counts or 'no counts'}){last}"


def _changed(running: list[dict[str, Any]], around: Surroundings) -> list[str]:
    """How the plugins of the proxy differ from those that a start would load now."""
    there = {str(row.get("name")): str(row.get("version") or "") for row in running if row.get("state") != "forbidden"}
    installed = {plugin.name for plugin in around.loaded.plugins}
    here = {plugin.name: plugin.version for plugin in around.loaded.plugins if not plugin.error}
    kept_out = {str(row.get("name")) for row in running} - set(there)
    found = [f"{name} was uninstalled since it started" for name in there if name not in installed]
    found += [
        f"{name} is allowed since it started" if name in kept_out
        else f"{name} was installed since it started (or left out by --plugins)"
        for name in here
        if name not in there
    ]  # fmt: skip
    return found + [
        f"{name} is {there[name]} there, {here[name]} is installed"
        for name in here
        if there.get(name) and here[name] and there[name] != here[name]
    ]


async def upstream(around: Surroundings) -> CheckResult:
    """Whether the backend can be reached from here."""
    from ..proxy.upstream import probe

    kind = codex.login(around.config_file.parent)
    own = around.running.get("upstream")
    # Where none is set it says in words how it chooses.
    there = own if isinstance(own, str) else ""
    own = there if "://" in there else ""
    wanted = upstream_in_settings(around)
    if there and wanted is not None and wanted.value != there:
        fix = f"codex-plus stop{port_option(around.port)}, then start it anew (without --upstream)"
        sends = f"the running proxy sends {f'to {without_token(own)}' if own else there}"
        return CheckResult("warning", f"{sends}, {wanted.origin} says {without_token(wanted.value)}", fix)
    by_login = CHATGPT if kind == "chatgpt" else API
    url = around.asked_upstream or own or (by_login if wanted is None else wanted.value)
    shown = f"{without_token(url)}, the running proxy's upstream" if url == own else without_token(url)
    status, said = await probe(url, 10.0)
    if status is None:
        return CheckResult("error", said, "check the network, HTTPS_PROXY and SSL_CERT_FILE")
    if "cf-mitigated" in said or "challenge" in said:
        fix = "try another network, or serve --impersonate with another browser"
        return CheckResult("error", f"{shown}: {said}", fix)
    if status >= 500:
        return CheckResult("warning", f"{shown}: answers with status {status}", "try again later")
    return CheckResult("ok", f"{shown}: reached")
