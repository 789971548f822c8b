"""What is measured, under which names: one table for Prometheus, JSON and OpenTelemetry.

A name and its attributes are written as OpenTelemetry has them; Prometheus' names follow from them. Those that begin
with ``gen_ai.`` are those of OpenTelemetry's semantic conventions for generative AI, with the buckets they ask for. The
conventions are still in development: when they change, this file does, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

_SUFFIX = {"s": "_seconds", "By": "_bytes"}
_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.085, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""With a bucket's edge at either promise, 50 and 85 ms, so that what is kept can be counted without guessing."""
_TAKES = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_LONG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_TOKENS = (
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0, 16777216.0,
    67108864.0,
)  # fmt: skip

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
TOKEN_TYPE = "gen_ai.token.type"
TOOL_NAME = "gen_ai.tool.name"
CONVERSATION = "gen_ai.conversation.id"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
ERROR = "error.type"


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """One thing that is measured. ``unit`` is UCUM's, as OpenTelemetry writes it; ``buckets`` are upper edges."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    unit: str = "1"
    buckets: tuple[float, ...] = ()

    @property
    def family(self) -> str:
        """Its name for Prometheus, without a counter's ``_total``."""
        return self.name.replace(".", "_") + _SUFFIX.get(self.unit, "")

    @property
    def sample(self) -> str:
        """The name that a counter's or gauge's value carries for Prometheus."""
        return self.family + ("_total" if self.kind == "counter" else "")

    @property
    def label_names(self) -> tuple[str, ...]:
        """Its labels' names for Prometheus."""
        return tuple(label.replace(".", "_") for label in self.labels)


_AI = (OPERATION, PROVIDER, REQUEST_MODEL)

REQUESTS = Instrument("codexplus.requests", "counter", "Exchanges that have ended, by what they came to.",
                      ("kind", "transport", "status", "answered_by"))  # fmt: skip
ERRORS = Instrument("codexplus.errors", "counter", "Exchanges that did not end well; `midway`: they broke off.",
                    ("kind", "error", "midway"))  # fmt: skip
DURATION = Instrument("codexplus.request.duration", "histogram", "Time from a request's first byte to its end.",
                      ("kind", "answered_by"), "s", _LONG)  # fmt: skip
FIRST_BYTE = Instrument("codexplus.first_byte", "histogram", "Time to the answer's first byte.",
                        ("kind", "answered_by"), "s", _LONG)  # fmt: skip
ADDED = Instrument("codexplus.added_latency", "histogram",
                   "Time to the first byte that the proxy (`proxy`) or its plugins and what they ran (`plugins`) took.",
                   ("by", "transport"), "s", _LATENCY)  # fmt: skip
BYTES = Instrument("codexplus.transferred", "counter", "Bytes of bodies, from clients (`in`) and to them (`out`).",
                   ("direction",), "By")  # fmt: skip
ROUNDS = Instrument(
    "codexplus.upstream.rounds", "counter", "Times the model was asked, hidden further rounds included."
)
TOKENS = Instrument("codexplus.tokens", "counter", "Tokens; `cached` are part of `input`, `reasoning` of `output`.",
                    ("model", "type"), "{token}")  # fmt: skip
COST = Instrument("codexplus.cost", "counter", "What the tokens come to by the price table.", ("model", "currency"))
TURNS = Instrument("codexplus.model.requests", "counter", "Model requests, by who spoke.", ("origin",))
REFUSALS = Instrument("codexplus.refusals", "counter", "Requests that were refused here, by code.", ("code",))

AI_DURATION = Instrument("gen_ai.client.operation.duration", "histogram", "Time of model requests.",
                         (*_AI, ERROR), "s", _TAKES)  # fmt: skip
AI_TOKENS = Instrument("gen_ai.client.token.usage", "histogram", "Tokens of model requests.",
                       (*_AI, TOKEN_TYPE), "{token}", _TOKENS)  # fmt: skip
AI_FIRST = Instrument("gen_ai.client.operation.time_to_first_chunk", "histogram",
                      "Time to the first piece of model answers.", _AI, "s", _TAKES)  # fmt: skip
AI_TOOL = Instrument("gen_ai.execute_tool.duration", "histogram", "Time of tools that the proxy ran.",
                     (TOOL_NAME, ERROR), "s", _TAKES)  # fmt: skip

DECISIONS = Instrument("codexplus.decisions", "counter", "Decisions and actions, and what came of them.",
                       ("action", "outcome"))  # fmt: skip
POLICY = Instrument("codexplus.policy.refusals", "counter",
                    "What was forbidden, by the policy, a budget, an audit log that takes nothing, or a deny `rule`.",
                    ("action", "by"))  # fmt: skip
APPROVALS = Instrument("codexplus.approvals", "counter", "Questions to users and their answers.", ("step", "outcome"))
HOOKS = Instrument("codexplus.hooks", "counter", "Hooks that ran.", ("event", "outcome"))
HOOK_TIME = Instrument("codexplus.hook.duration", "histogram", "Time of hooks.", ("event",), "s", _TAKES)
TOOLS = Instrument("codexplus.tool.calls", "counter", "Tool calls of models that were judged.", ("tool", "outcome"))
COMMANDS = Instrument("codexplus.commands", "counter", "Slash commands that were used.", ("outcome",))
MCP = Instrument("codexplus.mcp.calls", "counter", "Calls of MCP servers.", ("server", "outcome"))
BREAKER = Instrument("codexplus.mcp.breaker", "gauge", "An MCP server's breaker: 0 closed, 1 half open, 2 open.",
                     ("server",))  # fmt: skip
PROGRAMS = Instrument("codexplus.programs", "counter", "Programs that the proxy was asked to run.", ("outcome",))

ACTIVE = Instrument("codexplus.active.requests", "gauge", "Requests under way, WebSocket connections among them.")
STREAMS = Instrument("codexplus.active.streams", "gauge", "Model answers under way.")
SESSIONS = Instrument("codexplus.sessions", "gauge", "Threads of conversation in memory.")
UPTIME = Instrument("codexplus.uptime", "gauge", "Time since the proxy began.", (), "s")
READY = Instrument("codexplus.ready", "gauge", "1 while requests are taken, 0 while the proxy drains.")
STORE = Instrument("codexplus.store.ok", "gauge", "1 while what has to survive a restart can be written.")
BUILD = Instrument("codexplus.build.info", "gauge", "Always 1; the version is the label.", ("version",))
PLUGIN_UP = Instrument("codexplus.plugin.up", "gauge", "1 while a plugin works, 0 once it is out.", ("plugin",))
PLUGIN_FAULTS = Instrument("codexplus.plugin.faults", "counter",
                           "Times a plugin raised (`error`), was late or blocked the loop.",
                           ("plugin", "fault"))  # fmt: skip
ROLLING_ADDED = Instrument("codexplus.slo.added_latency", "gauge",
                           "Latency that the proxy added, over the newest 10,000 model requests.",
                           ("percentile",), "s")  # fmt: skip
ROLLING_BROKEN = Instrument("codexplus.slo.broken_streams", "gauge",
                            "Share of the newest 10,000 streamed answers that broke off midway.")  # fmt: skip
ROLLING_SEEN = Instrument("codexplus.slo.window", "gauge", "Model requests in that window.")
CPU = Instrument("process.cpu", "counter", "CPU time of the proxy, user and system.", (), "s")
MEMORY = Instrument("process.resident_memory", "gauge", "Memory of the proxy that is in RAM.", (), "By")
FILES = Instrument("process.open_fds", "gauge", "Open file descriptors of the proxy.")
STARTED = Instrument("process.start_time", "gauge", "When the proxy began, since 1970.", (), "s")
DROPPED = Instrument("codexplus.telemetry.dropped", "counter", "Spans that could not be sent and were dropped.")

COUNTED = (
    REQUESTS, ERRORS, DURATION, FIRST_BYTE, ADDED, BYTES, ROUNDS, TOKENS, COST, TURNS, REFUSALS, AI_DURATION, AI_TOKENS,
    AI_FIRST, AI_TOOL, DECISIONS, POLICY, APPROVALS, HOOKS, HOOK_TIME, TOOLS, COMMANDS, MCP, BREAKER, PROGRAMS, DROPPED,
)  # fmt: skip
"""What is counted as it happens."""
LOOKED_UP = (
    ACTIVE, STREAMS, SESSIONS, UPTIME, READY, STORE, BUILD, PLUGIN_UP, PLUGIN_FAULTS, ROLLING_ADDED, ROLLING_BROKEN,
    ROLLING_SEEN, CPU, MEMORY, FILES, STARTED,
)  # fmt: skip
"""What is looked up when somebody asks."""
