"""`codex-plus init`: put Codex behind the proxy by one key of its config.toml, or take it off again."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from ..contributions import InitStep
from ..services import background, codex, codex_setup
from ..services.codex_config import KEY, base_url, gateway, parse, port_of_ours
from ..services.listener import look, peer_uid_known
from ..services.paths import codex_home, log_dir, state_dir, token
from ..services.problem import Problem
from ..services.settings import DEFAULT_HOST, DEFAULT_PORT, WebSockets
from . import init_settings, init_steps
from .serve import port_number, refuse_itself
from .start import passed_on, port_option, proxy_token, serve_argv
from .told import user_settings

PROXY_NAMES = ("HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY")


def configure(parser: ArgumentParser) -> None:
    """The arguments of `init`."""
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--port", type=port_number, help=f"the proxy's port (default: the one already written, else {DEFAULT_PORT})"
    )
    parser.add_argument("--service", action="store_true", help="keep the proxy running (systemd or launchd)")
    parser.add_argument("--upstream", metavar="URL", help="with --service: the serve option of that name")
    parser.add_argument("--plugins", metavar="NAME,NAME|none", help="with --service: the serve option of that name")
    parser.add_argument(
        "--websockets", choices=get_args(WebSockets), help="with --service: the serve option of that name"
    )
    parser.add_argument("--migrate", action="store_true", help="also copy settings and commands from .codex to .claude")
    parser.add_argument("--undo", action="store_true", help="restore Codex's configuration and remove the service")
    for option, (plugin, text) in init_steps.OF_PLUGINS.items():
        parser.add_argument(f"--{option}", action="store_true", help=f"{text} (plugin {plugin})")


def run(args: Namespace) -> int:
    """Do or undo it."""
    options = [option for option in init_steps.OF_PLUGINS if getattr(args, option)]
    if args.undo:
        others = (args.service, args.port, args.upstream, args.plugins, args.websockets, args.migrate, options)
        if any(others):
            raise Problem("--undo: takes no other option; it undoes all of it", exit_code=2)
        return undo(os.environ)
    extra = passed_on(args.upstream, args.plugins, args.websockets)
    if extra and not args.service:
        raise Problem(f"{extra[0]}: only with --service; without one, give it to serve or run", exit_code=2)
    steps = init_steps.chosen([*options, *init_steps.with_tables(options, os.environ)])
    return set_up(
        os.environ, port=args.port, service=args.service, ask=not args.yes, extra=extra, migrate=args.migrate,
        steps=steps,
    )  # fmt: skip


def set_up(
    env: Mapping[str, str],
    *,
    port: int | None,
    service: bool,
    ask: bool,
    extra: tuple[str, ...] = (),
    migrate: bool = False,
    steps: Sequence[InitStep] = (),
) -> int:
    """Show what is found and planned, ask, write. Asking needs a terminal; ``extra`` goes to the service's `serve`."""
    home, path = state_dir(env), codex_setup.config_file(codex_home(env))
    before = codex_setup.configured_url(path)
    port = port or port_of_ours(before) or DEFAULT_PORT
    refuse_itself(extra[1] if extra[:1] == ("--upstream",) else None, DEFAULT_HOST, port)
    kept = _service(env, home, port, extra) if service else None
    found = codex.detect(env)
    for line in [*findings(env, path, found), *init_settings.found(env, Path.cwd())]:
        print(line)
    # The proxy sends to OpenAI, so a company's gateway would be left out without a word.
    told = "--upstream" in extra or user_settings(env, {}).value("upstream.url") is not None
    to_gateway = f" --upstream {without_token(before)}" if gateway(before) and not told else ""
    if to_gateway:
        again = "init --service" if service else "serve"
        print(f"  Warning: Codex uses {without_token(before)} now; the proxy sends to OpenAI unless it is told:")
        print(f"           codex-plus {again}{port_option(port)}{to_gateway}")
    url = proxy_url(port, home)
    planned = codex_setup.plan(
        path, url, init_steps.tables(steps, url.removesuffix("/v1"), found.version if found else "")
    )
    print()
    if planned.changes:
        print(f"This will set, in {shown(planned)}:")
        print(f'  {KEY} = "{planned.url}"')
        for name in planned.tables:
            print(f"  [{name}]")
    else:
        print(f"{shown(planned)} already has {KEY} for port {port}; it stays as it is.")
    for file in kept.files if kept else ():
        print(f"This will write {file}")
    for name in planned.left:
        print(f"  [{name}] is there already and not from here; left alone")
    of_plugins = [init_steps.plan(step, env, home, planned.url) for step in steps]
    for chosen in of_plugins:
        init_steps.announce(chosen)
    copies = init_settings.movable(env, Path.cwd())
    if copies:
        init_settings.announce(copies, chosen=migrate)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    writes = planned.changes or kept or any(chosen.changes for chosen in of_plugins)
    if ask and (writes or (copies and migrate)):
        if not terminal:
            raise Problem("init asks before it writes and there is no terminal; add --yes", exit_code=2)
        if not confirmed():
            print("Nothing was changed.")
            return 1
    backup = codex_setup.apply(planned, home)
    if backup is not None and planned.before is None:
        print("Done. There was no such file before; codex-plus init --undo removes it again.")
    elif backup is not None:
        print(f"Done. The file as it was is kept in {backup}; codex-plus init --undo puts it back.")
    for chosen in of_plugins:
        init_steps.carry_out(chosen, home)
    runs = kept is None or _start(kept, home)
    if copies and (migrate or (ask and terminal and confirmed("Copy these to .claude?"))):
        init_settings.migrate(copies)
    export = f'  export OPENAI_BASE_URL="{planned.url}"'
    if found is None:
        print("Install Codex (npm install -g @openai/codex) and log in (codex login); then it goes through the proxy.")
    elif codex.reads_environment(found.version):
        print(
            f"But Codex {found.version} ignores this key (it counts from 0.120 on). For codex without codex-plus run,"
        )
        print("put this into your shell's profile:")
        print(export)
    elif not found.version:
        print("Codex before 0.120 does not read this key; for such a version put this into your shell's profile:")
        print(export)
    if kept is None:
        option = port_option(port) + to_gateway
        print(f"Start the proxy with: codex-plus serve{option}   (or codex-plus run{option}: the proxy, then Codex)")
        print("From now on plain codex works only while the proxy runs; init --service keeps it running.")
    return 0 if runs else 1


def proxy_url(port: int, home: Path) -> str:
    """The base URL for Codex on this machine."""
    return base_url(port) if peer_uid_known() else base_url(port, token(home))


def findings(env: Mapping[str, str], path: Path, found: codex.Codex | None) -> list[str]:
    """What is there already, without any secret."""
    lines = ["Found:"]
    if found is None:
        lines.append("  Codex: not found on the PATH (npm install -g @openai/codex)")
    else:
        lines.append(f"  Codex: {found.version or found.problem} ({found.path})")
        if found.version:
            lines.append(f"  Compatibility: {codex.verdict(found.version).text}")
    if found is not None:
        said = codex.login_verdict(path.parent, found.version, env).text
        lines.append(f"  Login: {said.removeprefix('Codex logs in with: ')}")
    _, data = codex_setup.read_config(path)
    config = parse(data, path) if data is not None else {}
    url = config.get(KEY)
    ours = " (the proxy)" if port_of_ours(url) else ""
    lines.append(f"  {KEY}: {'not set' if url is None else without_token(url)}{ours}")
    lines += [f"  Note: {note}" for note in obstacles(config)]
    for name in PROXY_NAMES:
        # Many set both spellings; it is one proxy.
        ways = sorted(way for way in env if way in (name, name.lower()) and env[way])
        if ways:
            lines.append(f"  Network proxy: {' and '.join(ways)} {'are' if ways[1:] else 'is'} set and will be used")
    return lines


def obstacles(config: Mapping[str, Any]) -> list[str]:
    """Settings of Codex because of which it would pass the proxy by."""
    notes = []
    provider = config.get("model_provider")
    if provider not in (None, "openai"):
        notes.append(f"model_provider is {provider!r}: Codex then ignores {KEY}; remove it to go through the proxy")
    if "chatgpt_base_url" in config:
        notes.append("chatgpt_base_url is set: it does not concern the proxy and is left alone")
    return notes


def without_token(url: object) -> str:
    """``url`` for display: neither our token nor a password is shown."""
    port = port_of_ours(url)
    if port is not None:
        return base_url(port)
    head, at, host = str(url).rpartition("@")
    return f"{head.partition('://')[0]}://…@{host}" if at else str(url)


def shown(planned: codex_setup.Plan) -> str:
    """The file that is written, and through which link."""
    return str(planned.path) if planned.target == planned.path else f"{planned.path} (a link to {planned.target})"


def confirmed(question: str = "Write it?") -> bool:
    """Ask on the terminal; anything but yes is no."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def undo(env: Mapping[str, str]) -> int:
    """Restore what `init` changed."""
    home, path = state_dir(env), codex_setup.config_file(codex_home(env))
    port, known = port_of_ours(codex_setup.configured_url(path)) or DEFAULT_PORT, proxy_token(home)
    ours = " and ".join(codex_setup.ours_in(path, home))
    done = codex_setup.undo(path, home)
    print(
        {
            "restored": f"{path}: restored as it was before init",
            "key": f"{path}: was changed since init, so only {ours} was taken back; everything else stays",
            "nothing": f"{path}: nothing of codex-plus is in it; left alone",
        }[done]
    )
    init_steps.undo(home)
    _undo_service(env, home)
    codex_setup.remove_folders(home)
    if look(port, token=known).state == "ours":
        # What knew the port is gone, so `stop` alone would look elsewhere.
        print(f"The proxy on port {port} still runs; codex-plus stop{port_option(port)} ends it.")
    return 0


def _undo_service(env: Mapping[str, str], home: Path) -> None:
    try:
        kept = _service(env, home, DEFAULT_PORT)
    except Problem:
        return
    files = background.ours(kept)
    if not files:
        return
    trouble = background.carry_out(kept.stop)
    background.remove(files)
    trouble = trouble or background.carry_out(kept.after_removal)
    for file in files:
        print(f"{file}: removed")
    if trouble:
        print(f"The service could not be told to stop ({trouble}); it ends with your login session.")


def _service(env: Mapping[str, str], home: Path, port: int, extra: tuple[str, ...] = ()) -> background.Service:
    return background.service(
        tuple(serve_argv(port, extra)),
        port=port,
        home=home,
        env=env,
        platform=sys.platform,
        user_home=Path(env.get("HOME") or Path.home()),
        uid=os.getuid() if hasattr(os, "getuid") else 0,
    )


def _start(kept: background.Service, home: Path) -> bool:
    log_dir(home)
    codex_setup.remember_folders(background.missing_folders(kept), home)
    if background.write(kept):
        for file in kept.files:
            print(f"{file}: written")
    trouble = background.carry_out(kept.start)
    if not trouble:
        print("The proxy now runs as a service.")
        return True
    print(f"The service could not be started from here ({trouble}). In a session of your own run:")
    for command in kept.start:
        print(f"  {' '.join(command)}")
    return False
