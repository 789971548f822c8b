"""`codex-plus run`: see that the proxy runs, then run Codex behind it with the terminal handed over."""

from __future__ import annotations

import argparse
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from ..services import codex, codex_setup
from ..services.codex_config import KEY, gateway, port_of_ours
from ..services.listener import peer_uid_known
from ..services.paths import codex_home, state_dir
from ..services.problem import Problem
from ..services.run import hand_over
from ..services.settings import DEFAULT_HOST, DEFAULT_PORT, WebSockets
from .init import confirmed, proxy_url, set_up, without_token
from .interactive import start
from .serve import port_number, refuse_itself
from .start import ensure_proxy, passed_on, port_option, proxy_token
from .told import user_settings

# These never ask the model anything, so they need no proxy and no set-up.
WITHOUT_MODEL = frozenset(("--help", "-h", "help", "--version", "-V", "login", "logout", "completion"))
Way = Literal["configured", "environment", "argument", "ask"]


def configure(parser: ArgumentParser) -> None:
    """The arguments of `run`."""
    parser.usage = (
        "codex-plus run [--port PORT] [--upstream URL] [--plugins NAME,NAME|none] [--websockets auto|bridge|off]"
        " [--plain] [-- CODEX ARGS]"
    )
    parser.add_argument("--port", type=port_number, help=f"the proxy's port (default: init's, else {DEFAULT_PORT})")
    parser.add_argument("--upstream", metavar="URL", help="where the proxy sends to, as in serve")
    parser.add_argument("--plugins", metavar="NAME,NAME|none", help="the proxy's plugins, as in serve")
    parser.add_argument("--websockets", choices=get_args(WebSockets), help="when Codex gets a WebSocket, as in serve")
    parser.add_argument("--plain", action="store_true", help="no launcher: /name of yours needs a space in front")
    parser.add_argument("codex_arguments", nargs=argparse.REMAINDER, metavar="-- CODEX ARGS", help="passed to Codex")


def run(args: Namespace) -> int:
    """Run Codex; its exit code is ours."""
    env = dict(os.environ)
    arguments = list(args.codex_arguments)
    if arguments[:1] == ["--"]:
        del arguments[0]
    program = codex.find(env)
    if program is None:
        raise Problem(
            f"{env.get('CODEX_PLUS_CODEX') or 'codex'}: not found; install Codex (npm install -g @openai/codex),"
            " or set CODEX_PLUS_CODEX to its program"
        )
    if arguments and arguments[0] in WITHOUT_MODEL:
        return hand_over([str(program), *arguments], env)
    home, path = state_dir(env), codex_setup.config_file(codex_home(env))
    configured = codex_setup.configured_url(path)
    port = args.port or port_of_ours(configured) or DEFAULT_PORT
    passed_on(args.upstream, None)
    upstream = args.upstream or user_settings(env, {}).get("upstream.url")
    refuse_itself(upstream, DEFAULT_HOST, port)
    url = proxy_url(port, home)
    found = codex.detect(env)
    chosen = way(found.version if found else "", configured, url, arguments, uid_known=peer_uid_known())
    if upstream is None:
        old = chosen == "environment"
        _refuse_to_pass_by(
            *(("OPENAI_BASE_URL", env.get("OPENAI_BASE_URL")) if old else (f"{path}: {KEY}", configured))
        )
    if chosen == "ask":
        _offer_init(env, path, port)
    begun = ensure_proxy(
        port, home, upstream=args.upstream, plugins=args.plugins, websockets=args.websockets, configured=upstream
    )
    if begun and sys.stderr.isatty():
        # Before Codex, which then has the terminal to itself; a script's output stays Codex's alone.
        say = f"the proxy runs in the background from now on; codex-plus stop{port_option(port)} ends it"
        print(f"codex-plus: {say}", file=sys.stderr, flush=True)
    if chosen == "environment":
        env["OPENAI_BASE_URL"] = url
    if chosen == "argument":
        arguments = with_argument(arguments, url)
    plain = args.plain or exec_at(arguments) is not None
    version = found.version if found else ""
    return start(program, arguments, env, port=port, token=proxy_token(home), version=version, plain=plain)


def way(version: str, configured: str | None, url: str, arguments: Sequence[str], *, uid_known: bool) -> Way:
    """How this Codex is to learn the proxy's address. ``uid_known`` is False where the URL carries the token."""
    if codex.reads_environment(version):
        return "environment"
    if configured == url:
        return "configured"
    # -c is silent in exec only; the TUI warns about it. Other users can read an argument, so it never holds the token.
    return "argument" if uid_known and exec_at(arguments) is not None else "ask"


def exec_at(arguments: Sequence[str]) -> int | None:
    """Where ``exec`` stands in Codex's arguments, None when another command (or none) is run."""
    for position, word in enumerate(arguments):
        if word in ("exec", "e"):
            return position
        # A word after an option may be its value (-m gpt-5 exec); any other is a prompt or another command.
        if not word.startswith("-") and (position == 0 or not arguments[position - 1].startswith("-")):
            return None
    return None


def with_argument(arguments: Sequence[str], url: str) -> list[str]:
    """Codex's arguments with the base URL, right after ``exec``."""
    at = (exec_at(arguments) or 0) + 1
    return [*arguments[:at], "-c", f'{KEY}="{url}"', *arguments[at:]]


def _refuse_to_pass_by(where: str, url: str | None) -> None:
    if gateway(url):
        there = without_token(url)
        raise Problem(
            f"{where}: is {there}, which Codex would no longer use, for the proxy sends to OpenAI;"
            f" add --upstream {there} (or upstream.url in ~/.codexplus/settings.json), or take it out",
            exit_code=2,
        )


def _offer_init(env: Mapping[str, str], path: Path, port: int) -> None:
    hint = f"{path}: does not send Codex through the proxy on port {port}; run once: codex-plus init{port_option(port)}"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Problem(f"{hint} --yes", exit_code=2)
    print(f"{path} does not send Codex through the proxy yet.")
    if not confirmed("Set that up now?"):
        raise Problem(f"Codex was not started; {hint}")
    if set_up(env, port=port, service=False, ask=False) != 0:
        raise Problem(hint)
