"""Answers `/deploy` with a prompt for the model once the user allows it."""

from __future__ import annotations

from pathlib import Path

from codexplus_core import Core, Exchange, LocalReply, Proposal, hookimpl

CORES: list[Core] = []


@hookimpl
def on_startup(core: Core) -> None:
    CORES.append(core)


@hookimpl
async def on_request(exchange: Exchange) -> LocalReply | None:
    if not (exchange.prompt or "").startswith("/deploy"):
        return None
    asked = Proposal("run", "project", "command /deploy", project=Path.cwd(), text="./deploy.sh")
    answer = await CORES[0].approvals.require(exchange, [asked])
    if isinstance(answer, LocalReply):
        return answer
    exchange.prompt = f"deployed: {exchange.prompt}"
    return None
