"""`codex-plus stop`: end the proxy that runs, wherever it was started."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ..services import codex_setup
from ..services.codex_config import port_of_ours
from ..services.listener import look, owner, stop
from ..services.paths import codex_home, state_dir
from ..services.problem import Problem
from ..services.settings import DEFAULT_PORT
from .serve import port_number
from .start import proxy_token

# The proxy lets exchanges end for 30 seconds and leaves after 10 more, whatever hangs.
STOP_SECONDS = 45.0


def configure(parser: ArgumentParser) -> None:
    """The arguments of `stop`."""
    parser.description = (
        "End the proxy on the port, whether it was started by run, by serve or as a service. Answers under way get up"
        " to 30 s; a service starts it anew with the next connection."
    )
    parser.add_argument("--port", type=port_number, help=f"the proxy's port (default: init's, else {DEFAULT_PORT})")


def run(args: Namespace) -> int:
    """End it as SIGTERM does: exchanges under way get their time."""
    port = args.port or _configured_port() or DEFAULT_PORT
    found = look(port, token=proxy_token(state_dir()))
    where = f"127.0.0.1:{port}"
    if found.state == "free":
        print(f"{where}: nobody listens; there is nothing to stop")
        return 0
    pid = found.health.get("pid")
    if found.state == "other" or not isinstance(pid, int) or pid <= 1:
        who = found.owner or "another program"
        raise Problem(f"{where}: in use by {who}, which is no codex-plus proxy of yours; nothing was stopped")
    print(f"{where}: telling the proxy (pid {pid}) to stop; answers under way get up to 30 s", flush=True)
    try:
        ended = stop(pid, seconds=STOP_SECONDS)
    except OSError as error:
        raise Problem(f"pid {pid}: cannot be told to stop ({error.strerror}); end it by hand") from error
    if not ended:
        raise Problem(f"pid {pid}: still runs after {STOP_SECONDS:g} s; end it by hand: kill -KILL {pid}")
    # A service's socket is still listened on; looked up, because a connection would start the proxy already.
    again = owner(port) is not None
    print("The proxy has stopped" + ("; its service starts it anew when Codex connects." if again else "."))
    return 0


def _configured_port() -> int | None:
    try:
        return port_of_ours(codex_setup.configured_url(codex_setup.config_file(codex_home())))
    except Problem:
        return None
