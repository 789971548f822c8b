"""Where governance meets the core: one hook each, nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from codexplus_core import (
    Action,
    AuditEvent,
    Check,
    CliCommand,
    Command,
    Core,
    Event,
    Exchange,
    LocalReply,
    Outcome,
    Refusal,
    Session,
    ToolCall,
    hookimpl,
)

if TYPE_CHECKING:
    from .governance import Governance
    from .metrics import Metrics

ORDER = 90
"""Last of the four: governance judges the request as it would leave, whatever the others made of it."""
FAIL_CLOSED = True
ENFORCES_POLICY = True


def OBJECTIONS(config: Any, upstreams: Sequence[str]) -> list[str]:
    """Why nothing may be served with this configuration: asked before the port is opened."""
    from .policy.policy import objections

    return objections(config, upstreams)


def PACKS(core: Core) -> object:
    """The user's signed packs, for sub-commands, which start no plugin."""
    from .packs.provider import provide

    return provide(core)


def ACCOUNT(core: Core, event: AuditEvent) -> str:
    """Keep account of what is done at a terminal; why it may not be done, ``""`` where it may."""
    from .audit.terminal import keep

    return keep(core, event)


class Enterprise:
    """The plugin's hooks, and the parts behind them."""

    ORDER = ORDER
    FAIL_CLOSED = FAIL_CLOSED
    ENFORCES_POLICY = ENFORCES_POLICY

    def __init__(self) -> None:
        self.governance: Governance | None = None
        self._metrics: Metrics | None = None

    @property
    def metrics(self) -> Metrics:
        """The counts; they begin before the start, since routes are asked for then."""
        # Late, as all the parts: every start of the command line imports this module.
        if self._metrics is None:
            from .metrics import Metrics

            self._metrics = Metrics()
        return self._metrics

    @hookimpl
    def add_cli(self) -> list[CliCommand]:
        """``codex-plus policy|audit|pack|usage``."""
        return [
            CliCommand.of_module(name, text, f"codexplus_enterprise.{folder}.cli")
            for name, text, folder in (
                ("policy", "check a policy, explain what it allows, compile it for Codex", "policy"),
                ("audit", "verify, export or report the audit log", "audit"),
                ("pack", "build, sign, verify, install, list and remove signed packs", "packs"),
                ("usage", "what was used and what it cost", "cost"),
            )
        ]

    @hookimpl
    def add_checks(self) -> list[Check]:
        """What the doctor looks at."""
        from .audit import checks as of_audit
        from .cost import checks as of_cost
        from .packs import checks as of_packs
        from .policy import checks as of_policy

        return [*of_policy.checks(), *of_packs.checks(), *of_cost.checks(), *of_audit.checks()]

    @hookimpl
    def add_commands(self) -> list[Command]:
        """``/usage``, in Codex as ``/plus usage``."""
        return [Command("usage", "what was used, what it cost, and what is left", answer=self._answer_usage)]

    @hookimpl
    def add_routes(self) -> list[object]:
        """``/_codexplus/metrics`` and ``/_codexplus/metrics.json``."""
        return self.metrics.routes()

    @hookimpl
    async def on_startup(self, core: Core) -> None:
        """Read what is configured."""
        from .governance import Governance

        self.governance = Governance(core, self.metrics)
        await self.governance.begin()
        core.log.info("plugin_ready", plugin="enterprise")

    @hookimpl
    def on_session(self, session: Session) -> None:
        """Notice a project that tightens what its user has not set."""
        if self.governance is not None:
            self.governance.session(session)

    @hookimpl
    def on_request(self, exchange: Exchange) -> Refusal | Awaitable[Refusal | None] | None:
        """Judge a request as it would leave."""
        return None if self.governance is None else self.governance.request(exchange)

    @hookimpl
    def on_chunk(self, exchange: Exchange, event: Event) -> list[Event] | None:
        """Show that a budget is nearly spent."""
        return None if self.governance is None else self.governance.chunk(exchange, event)

    @hookimpl
    def on_action(self, action: Action) -> Refusal | None:
        """Judge what the proxy is about to do."""
        return None if self.governance is None else self.governance.action(action)

    @hookimpl
    def on_tool_use(self, call: ToolCall) -> None:
        """Have tool calls looked at, so that they are told to `on_audit`."""

    @hookimpl
    async def on_audit(self, event: AuditEvent) -> Refusal | None:
        """Keep account of a decision or an action."""
        return None if self.governance is None else await self.governance.audited(event)

    @hookimpl
    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> None:
        """Keep account of a request."""
        if self.governance is not None:
            self.governance.ended(exchange, outcome)

    @hookimpl
    async def on_shutdown(self, core: Core) -> None:
        """Write what is not written yet."""
        if self.governance is not None:
            await self.governance.close()

    async def _answer_usage(self, exchange: Exchange, args: str) -> LocalReply:
        if self.governance is None:
            return LocalReply("codex-plus-enterprise has not started; see the log of codex-plus.")
        return await self.governance.usage.answer(exchange, args)


_ENTERPRISE = Enterprise()
add_cli = _ENTERPRISE.add_cli
add_checks = _ENTERPRISE.add_checks
add_commands = _ENTERPRISE.add_commands
add_routes = _ENTERPRISE.add_routes
on_startup = _ENTERPRISE.on_startup
on_session = _ENTERPRISE.on_session
on_request = _ENTERPRISE.on_request
on_chunk = _ENTERPRISE.on_chunk
on_action = _ENTERPRISE.on_action
on_audit = _ENTERPRISE.on_audit
on_tool_use = _ENTERPRISE.on_tool_use
on_exchange_end = _ENTERPRISE.on_exchange_end
on_shutdown = _ENTERPRISE.on_shutdown
