"""`codex-plus serve`: run the proxy, or list the plugins it would load."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import urlsplit

from ..services.listener import look
from ..services.paths import state_dir
from ..services.problem import Problem
from ..services.settings import DEFAULT_HOST, DEFAULT_PORT, LogFormat, ServeSettings, WebSockets
from .table import as_json, columns
from .told import overrides, said_by, user_settings

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
BROWSERS = ("chrome", "chrome_android", "edge", "firefox", "safari", "safari_ios")
"""Some of the browsers that curl can impersonate, for a message."""


def configure(parser: ArgumentParser) -> None:
    """The arguments of `serve`."""
    parser.add_argument("--host", default=DEFAULT_HOST, help=f"address to listen on (default {DEFAULT_HOST})")
    parser.add_argument("--port", type=port_number, default=DEFAULT_PORT, help=f"default {DEFAULT_PORT}")
    parser.add_argument(
        "--upstream",
        metavar="URL",
        help="forward to URL, not to the backend that fits the login; ws:// or wss:// for one that takes model requests"
        " on WebSockets only",
    )
    parser.add_argument(
        "--plugins", metavar="list|NAME,NAME|none", help="load only these; list prints what is installed and exits"
    )
    parser.add_argument(
        "--listen-public",
        action="store_true",
        help="allow a --host that other machines reach; every request then needs the proxy token",
    )
    parser.add_argument(
        "--impersonate",
        metavar="BROWSER|none",
        help="whose TLS handshake the ChatGPT host is shown (default chrome); none for curl's own",
    )
    parser.add_argument(
        "--websockets",
        choices=get_args(WebSockets),
        help="give Codex the WebSocket it asks for: where the upstream takes one (auto, the default), always"
        " (bridge), or never (off)",
    )
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="default warning")
    parser.add_argument(
        "--log-format",
        choices=get_args(LogFormat),
        help="one JSON object a line, or lines to read (default human in a terminal, json elsewhere)",
    )
    parser.epilog = (
        "Settings files may say the same: upstream.url, upstream.impersonate, upstream.websockets, log.level,"
    )
    parser.epilog += " log.format. An option counts more than a file."
    parser.add_argument("--json", action="store_true", help="with --plugins list: print JSON")


def run(args: Namespace) -> int:
    """Serve until told to stop."""
    if args.plugins == "list":
        print(plugin_list(json=args.json))
        return 0
    if args.json:
        raise Problem("--json: only for --plugins list", exit_code=2)
    settings = settings_from(args, os.environ)
    if settings.listen_fd is None:
        refuse_if_taken(settings.host, settings.port)
    from ..proxy.server import serve

    try:
        return serve(settings)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise taken(settings.host, settings.port) from error


def settings_from(args: Namespace, env: Mapping[str, str]) -> ServeSettings:
    """What the arguments ask for, and the settings files where they say nothing.

    Raises Problem for an address, URL or browser that cannot be used.
    """
    if not args.listen_public and not is_loopback(args.host):
        raise Problem(
            f"--host {args.host}: other machines could use your login through it; listen on 127.0.0.1,"
            " or add --listen-public if that is what you want",
            exit_code=2,
        )
    told = overrides(args, None if args.upstream is None else upstream_url(args.upstream))
    found = user_settings(env, told)
    upstream, browser = found.get("upstream.url"), found.get("upstream.impersonate", "chrome")
    refuse_itself(upstream, args.host, args.port, said=said_by(found, "upstream.url", "--upstream"))
    browser = None if browser == "none" else browser
    refuse_unknown_browser(browser, said=said_by(found, "upstream.impersonate", "--impersonate"))
    return ServeSettings(
        host=args.host,
        port=args.port,
        upstream=upstream,
        plugins=None if args.plugins is None else plugin_names(args.plugins),
        home=state_dir(env),
        listen_public=args.listen_public,
        listen_fd=activated_socket(env),
        impersonate=browser,
        log_level=found.get("log.level", "warning"),
        log_format=found.get("log.format"),
        websockets=found.get("upstream.websockets", "auto"),
        told=told,
    )


def plugin_names(text: str) -> tuple[str, ...]:
    """The names in the value of ``--plugins``; ``none`` is no name."""
    names = [] if text.strip() == "none" else [name.strip() for name in text.split(",")]
    if "" in names:
        raise Problem("--plugins: a name is empty; give names parted by commas, or none", exit_code=2)
    alone = [name for name in names if name in ("list", "none")]
    if alone:
        only = ", and only with serve" if alone[0] == "list" else ""
        raise Problem(f"--plugins {text}: {alone[0]!r} stands alone{only}; leave it out", exit_code=2)
    return tuple(dict.fromkeys(names))


def refuse_unusable(names: tuple[str, ...] | None) -> None:
    """Raise Problem when a plugin that was asked for by name is not installed or is broken.

    For those who have a proxy started elsewhere; one that is started here looks by itself, and loads them once.
    """
    if not names:
        return
    from ..loader import load_plugins
    from ..services.plugins_allowed import plugins_allowed_here

    wrong = load_plugins(names, allowed=plugins_allowed_here()).required_problems
    if wrong:
        raise Problem(f"--plugins: {'; '.join(wrong)}", exit_code=2)


def refuse_unknown_browser(name: str | None, *, said: str = "--impersonate") -> None:
    """Raise Problem when curl cannot impersonate the browser; otherwise every request would fail."""
    if name is None:
        return
    from ..proxy.transport import UpstreamError
    from ..proxy.upstream_easy import Handle

    try:
        # curl is asked, not a list: which browsers it knows changes with its version.
        Handle(https=True, impersonate=name, no_proxy=True, proxy=None, ca="", connect_timeout=1.0).curl.close()
    except UpstreamError:
        raise Problem(
            f"{said} {name}: no browser that curl knows; take {', '.join(BROWSERS)} or none", exit_code=2
        ) from None


def refuse_itself(upstream: str | None, host: str, port: int, *, said: str = "--upstream") -> None:
    """Raise Problem when the upstream is the very address that is listened on."""
    if upstream is None:
        return
    parts = urlsplit(upstream)
    name = parts.hostname or ""
    local = is_loopback(name) or name in ("0.0.0.0", "::") or name == host.strip("[]").lower()
    if local and (parts.port or _PORTS[parts.scheme]) == port:
        raise Problem(f"{said} {upstream}: is this proxy itself; name the backend behind it", exit_code=2)


def port_number(text: str) -> int:
    """A TCP port, for argparse."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is an address that only this machine reaches."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def upstream_url(url: str) -> str:
    """``url`` without its last slash. Raises Problem unless it is plain http(s) or ws(s)."""
    try:
        parts = urlsplit(url)
        well = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well = False
    if not well or parts.username is not None or parts.query or parts.fragment:
        raise Problem(
            f"--upstream {url!r}: give an http, https, ws or wss URL without user name, query and fragment", exit_code=2
        )
    return url.rstrip("/")


def activated_socket(env: Mapping[str, str]) -> int | None:
    """The listening socket that systemd handed to this very process, None without one."""
    if env.get("LISTEN_PID") != str(os.getpid()) or env.get("LISTEN_FDS") != "1":
        return None
    return 3


def refuse_if_taken(host: str, port: int) -> None:
    """Raise Problem when the address cannot be bound, naming who holds it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":
            # As the server does: connections that are still closing must not count as a listener.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except PermissionError:
            raise Problem(f"port {port}: only an administrator may use it; take one above 1023") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise taken(host, port) from error
            raise Problem(f"{host}:{port}: cannot be listened on ({error.strerror}); choose another --host") from error


def taken(host: str, port: int) -> Problem:
    """The refusal for a port that somebody listens on already."""
    found = look(port, host=_reached_at(host))
    who = str(found.owner) if found.owner else "another program"
    if found.state == "ours":
        return Problem(f"{host}:{port}: a codex-plus proxy runs there already ({who}); use it, or stop it first")
    return Problem(
        f"{host}:{port}: in use by {who}; end that program, or choose another port here and in init (--port N)"
    )


def _reached_at(host: str) -> str:
    """The address under which a listener on ``host`` is found from here."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}.get(host.strip("[]"), host)


def plugin_list(*, json: bool) -> str:
    """The installed plugins in their order, as a table or as JSON."""
    from ..loader import load_plugins
    from ..services.plugins_allowed import plugins_allowed_here
    from .plugin_commands import collect

    loaded = load_plugins(None, allowed=plugins_allowed_here())
    collect(loaded)
    rows = [plugin_row(plugin) for plugin in loaded.plugins]
    if json:
        return as_json(rows)
    if not rows:
        return "no plugins are installed; the proxy passes everything through as it is"
    shown = ("order", "name", "distribution", "version", "state")
    table = [[_known(row[key]) for key in shown[:-1]] + [_state_in_words(row)] for row in rows]
    return columns(shown, table)


def plugin_row(plugin: Any) -> dict[str, Any]:
    """One plugin as it is listed."""
    return {
        "order": None if plugin.forbidden else plugin.order,
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": _state(plugin),
        "warnings": list(plugin.warnings),
    }


def _state(plugin: Any) -> str:
    if plugin.forbidden:
        return "not allowed: the administrator's policy does not name it (plugins.allowed)"
    return f"broken: {plugin.error}" if plugin.error else "loads"


def _known(value: object) -> object:
    return "-" if value is None else value


def _state_in_words(row: Mapping[str, Any]) -> str:
    loads = row["state"] == "loads" and row["warnings"]
    return f"loads, but {'; '.join(row['warnings'])}" if loads else str(row["state"])
