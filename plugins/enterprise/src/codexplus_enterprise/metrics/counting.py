"""What exchanges, decisions and actions come to in the registry."""

from __future__ import annotations

from collections.abc import Callable, Collection

from codexplus_core import AuditEvent, Exchange, Outcome, Usage

from ..audit.names import KINDS
from . import names
from .labels import FAMILIAR_TOOLS, Words, status_label
from .registry import OTHER, Labels, Registry
from .rolling import Rolling
from .usual import Usual

MODELS = 50
"""Models beyond those that a setting or the price table names that get a label of their own."""
_OPERATION, _PROVIDER = "chat", "openai"
_ERRORS = frozenset({"cut", "client_gone", "connect", "timeout", "failed"})
_VERDICTS = frozenset({"success", "failure", "denied", "asked", "unknown"})
_CODES = {"budget_spent": "budget", "price_unknown": "budget", "usage_unknown": "budget", "audit_unavailable": "audit"}
"""What of governance refuses a request, by the refusal's code; what is not here is the policy."""
_ENDED_MIDWAY = frozenset({"cut", "timeout"})

Price = Callable[[str, Usage], "tuple[float, str] | None"]
"""What a request's tokens cost, and in which currency; None where the model has no price."""


class Counting:
    """Writes into a registry and a rolling window; for one thread."""

    def __init__(self, registry: Registry, rolling: Rolling, price: Price) -> None:
        self._registry = registry
        self._rolling = rolling
        self._price = price
        self._models = Words(room=MODELS)
        self._codes = Words(("refused",), room=30)
        self._actions = Words(KINDS, room=30)
        self._tools = Words(FAMILIAR_TOOLS)
        self._events = Words(room=40)
        self._servers = Words(room=40)
        self._usual: dict[tuple[str, str, str], Usual] = {}

    def name_models(self, models: Collection[str]) -> None:
        """Models that a setting or a table names: they have labels of their own from the start."""
        self._models.add(models)

    # -- exchanges

    def settle(self) -> None:
        """Write what waits to be counted together: before anything is read."""
        for usual in self._usual.values():
            usual.settle()

    def exchange(self, exchange: Exchange, outcome: Outcome) -> str:
        """Count an exchange; gives its model's label, ``""`` for one that is not for a model."""
        add, observe = self._registry.add, self._registry.observe
        kind, by, error = exchange.kind, outcome.answered_by, outcome.error
        about = exchange.transport, exchange.turn.origin, exchange.model
        is_usual = kind == "responses" and by == "upstream" and error is None and Usual.is_told(outcome)
        if is_usual and (usual := self._usual.get(about)) is not None:
            usual.add(outcome)
            self._cost(exchange.model, outcome, exchange.model)
            return exchange.model
        began = outcome.first_byte_s is not None
        add(names.REQUESTS, (kind, exchange.transport, status_label(outcome.status), by))
        if error is not None:
            error = error if error in _ERRORS else OTHER
            add(names.ERRORS, (kind, error, "yes" if began and error != "failed" else "no"))
        if outcome.refusal:
            add(names.REFUSALS, (self._codes.of(outcome.refusal, vouched=True),))
        observe(names.DURATION, (kind, by), outcome.total_s)
        if outcome.first_byte_s is not None:
            observe(names.FIRST_BYTE, (kind, by), outcome.first_byte_s)
        add(names.BYTES, ("in",), outcome.bytes_in)
        add(names.BYTES, ("out",), outcome.bytes_out)
        if kind != "responses":
            return ""
        add(names.TURNS, (exchange.turn.origin,))
        if by != "upstream" or not outcome.rounds:
            return ""
        add(names.ROUNDS, (), outcome.rounds)
        self._latency(exchange, outcome, broken=began and error in _ENDED_MIDWAY)
        model = self._model(exchange.model, outcome)
        if is_usual and model == exchange.model:
            self._usual[about] = Usual(self._registry, self._rolling, *about, _OPERATION, _PROVIDER)
        return model

    def _latency(self, exchange: Exchange, outcome: Outcome, *, broken: bool) -> None:
        if outcome.first_byte_s is None or outcome.upstream_s is None:
            self._rolling.add(None, broken=broken)
            return
        added = max(0.0, outcome.first_byte_s - outcome.decided_s - outcome.upstream_s)
        self._registry.observe(names.ADDED, ("proxy", exchange.transport), added)
        self._registry.observe(names.ADDED, ("plugins", exchange.transport), outcome.decided_s)
        self._rolling.add(added, broken=broken)

    def _model(self, name: str, outcome: Outcome) -> str:
        usage, add, observe = outcome.usage, self._registry.add, self._registry.observe
        served = outcome.error is None and outcome.status == 200 and usage.total_tokens > 0
        model = self._models.of(name, vouched=served)
        about = (_OPERATION, _PROVIDER, model)
        error = outcome.error or ""
        observe(names.AI_DURATION, (*about, error if error in _ERRORS or not error else OTHER), outcome.total_s)
        if outcome.first_byte_s is not None:
            observe(names.AI_FIRST, about, outcome.first_byte_s)
        if usage.total_tokens:
            observe(names.AI_TOKENS, (*about, "input"), usage.input_tokens)
            observe(names.AI_TOKENS, (*about, "output"), usage.output_tokens)
            add(names.TOKENS, (model, "input"), usage.input_tokens)
            add(names.TOKENS, (model, "cached"), usage.cached_tokens)
            add(names.TOKENS, (model, "output"), usage.output_tokens)
            add(names.TOKENS, (model, "reasoning"), usage.reasoning_tokens)
            self._cost(name, outcome, model)
        return model

    def _cost(self, name: str, outcome: Outcome, model: str) -> None:
        if (cost := self._price(name, outcome.usage)) is not None:
            self._registry.add(names.COST, (model, cost[1]), cost[0])

    # -- decisions and actions

    def event(self, event: AuditEvent) -> None:
        """Count a decision or an action."""
        if event.action == "request.refuse" and event.fields.get("origin") == "warmup":
            # Nobody's request: the one that it warms up for is refused as well, and counted.
            return
        add = self._registry.add
        action = self._actions.of(event.action, vouched=True)
        outcome: str = event.outcome if event.outcome in _VERDICTS else OTHER
        left_out = event.fields.get("left_out")
        add(names.DECISIONS, (action, outcome), left_out if isinstance(left_out, int) else 1)
        if outcome == "denied" and (by := _judge(event)):
            add(names.POLICY, (action, by))
        self._particular(action, outcome, event)

    def _particular(self, action: str, outcome: str, event: AuditEvent) -> None:
        add, fields = self._registry.add, event.fields
        if action == "tool.call":
            tool = self._tools.of(_text(fields.get("tool")))
            add(names.TOOLS, (tool, outcome))
            self._took(tool, outcome, fields.get("seconds"))
        elif action == "mcp.call":
            # Its name stands in a setting, so it is no word of a client's or a model's.
            add(names.MCP, (self._servers.of(_text(fields.get("server")), vouched=True), outcome))
            self._took("mcp", outcome, fields.get("seconds"))
        elif action == "mcp.breaker":
            state = {"closed": 0.0, "half_open": 1.0, "open": 2.0}.get(_text(fields.get("state")))
            if state is not None:
                server: Labels = (self._servers.of(_text(fields.get("server")), vouched=True),)
                self._registry.put(names.BREAKER, server, state)
        elif action == "hook.run":
            hook = self._events.of(_text(fields.get("event")), vouched=True)
            add(names.HOOKS, (hook, outcome))
            if (seconds := _seconds(fields.get("seconds"))) is not None:
                self._registry.observe(names.HOOK_TIME, (hook,), seconds)
        elif action == "command.use":
            add(names.COMMANDS, (outcome,))
        elif action == "process.run":
            add(names.PROGRAMS, (outcome,))
        elif action.startswith("approval."):
            add(names.APPROVALS, (action.removeprefix("approval."), outcome))

    def _took(self, tool: str, outcome: str, given: object) -> None:
        if (seconds := _seconds(given)) is not None:
            self._registry.observe(names.AI_TOOL, (tool, "" if outcome == "success" else outcome), seconds)


def _judge(event: AuditEvent) -> str:
    """By what it was forbidden, ``""`` where that is no policy: a user's, a hook's or another plugin's no."""
    if event.plugin == "enterprise":
        return _CODES.get(_text(event.fields.get("code")), "policy")
    # A user's answer, and somebody who may not use the port, are no rule's.
    return "" if event.plugin or event.action.startswith(("approval.", "access.")) else "rule"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None
