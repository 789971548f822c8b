"""How hooks fared last, from the proxy that runs them to a command in a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .running import Runner
from .settings import Hooks

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

PATH = "/hooks"
"""Below ``/_codexplus``; with a GET."""
_WAIT_S = 1.0
_LIMIT = 1 << 20


class LastRuns:
    """The route that tells it. ``engine`` gives hooks and runner, None as long as there are none."""

    def __init__(self, engine: Callable[[], tuple[Hooks, Runner] | None]) -> None:
        self._engine = engine

    def routes(self) -> list[BaseRoute]:
        """For ``add_routes``."""
        # Starlette is paid for by the proxy, not by every command of the command line.
        from starlette.routing import Route

        return [Route(PATH, self.tell, methods=["GET"])]

    async def tell(self, request: Request) -> Response:
        """The last runs of a project's hooks, by digest; ``project`` in the query is its directory."""
        from starlette.responses import JSONResponse

        named = request.query_params.get("project", "")
        found = self._engine()
        runs: dict[str, dict[str, Any]] = {}
        if found is not None:
            hooks, runner = found
            for hook in hooks.of(Path(named) if named else None).hooks:
                run = runner.last(hook)
                if run is not None:
                    runs[hook.digest] = {
                        "count": run.count, "at": run.at, "seconds": run.seconds, "result": run.result,
                    }  # fmt: skip
        return JSONResponse({"runs": runs})


def ask_proxy(port: int, project: Path, token_file: Path) -> Mapping[str, Mapping[str, Any]] | None:
    """What the proxy on this port knows, None where none answers; blocking, at most a second or two.

    Where the proxy cannot see whose connection it is, the token in ``token_file`` goes along.
    """
    # Every start of the command line imports this module, and only the list asks anybody.
    from http.client import HTTPConnection, HTTPException

    headers: dict[str, str] = {}
    if sys.platform != "linux":
        try:
            headers = {"x-codexplus-token": token_file.read_text(encoding="ascii").strip()}
        except (OSError, ValueError):
            return None
    link = HTTPConnection("127.0.0.1", port, timeout=_WAIT_S)
    try:
        link.request("GET", f"/_codexplus{PATH}?{urlencode({'project': str(project)})}", headers=headers)
        answer = link.getresponse()
        body = answer.read(_LIMIT + 1)
        told = json.loads(body) if answer.status == 200 and len(body) <= _LIMIT else None
    except (OSError, HTTPException, ValueError, RecursionError):
        return None
    finally:
        link.close()
    runs = told.get("runs") if isinstance(told, dict) else None
    if not isinstance(runs, dict):
        return None
    return {digest: row for digest, row in runs.items() if isinstance(row, dict)}
