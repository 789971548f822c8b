"""The top of the relay: what goes wrong in there must not look like an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..protocol.errors import error_body
from . import local
from .passage import Passage
from .passthrough import ClientGone
from .relay import Relay
from .transport import UpstreamCut


async def answered(relay: Relay, passage: Passage, log: Any) -> None:
    """Answer a request, all but the message that ends it. Raises UpstreamCut and ClientGone."""
    down = passage.down
    try:
        await relay.answer(passage)
    except (UpstreamCut, ClientGone):
        raise
    except Exception as error:
        log.error("relay_failed", error=type(error).__name__, where=_where(error))
        if down.started:
            raise UpstreamCut("a fault in codex-plus") from error
        words = "codex-plus failed inside; this is a bug, its log names the place"
        await local.plain(down, 500, b"application/json", error_body("internal", words, type="server_error"))


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
