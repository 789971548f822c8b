"""The keys that are known: what they take, how layers meet in them, and whether a project may set them.

docs/configuration.md has the same table; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .governed import endpoint, minisign_key, model, plugin, policy_url, versions
from .keeping import between, place, private_collector
from .origin import Layer
from .shapes import (
    Check,
    address,
    amount,
    anything,
    choice,
    flag,
    flag_or_object,
    hook_group,
    pack_keys,
    pattern,
    server,
    text,
    text_or_object,
    variable,
)
from .spending import budget, currency, header_name, price
from .telemetry import collector, header_value

Merge = Literal["first", "add", "any", "strictest", "restrict"]
Project = Literal["yes", "asks", "tightens", "no"]
SANDBOX_LEVELS = ("process", "lsm", "full")
NOT_ITSELF = "a project cannot allow itself anything"
UNSEEN = "a project could hide what it does"


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    ``name`` is dotted; ``*`` stands for any one name, ``**`` for everything below. ``merge`` says how layers meet:
    ``first`` (the highest that sets it), ``add`` (lists are joined), ``any`` (true if one says so), ``strictest``, or
    ``restrict`` (a list of what is allowed: only what every layer that has such a list allows). ``project`` says what a
    repository may do with it. ``only`` names the layers that may set it, None for all. ``expands`` is True where
    ``${VAR}`` is replaced. ``check`` judges a value, for lists one item.
    """

    name: str
    takes: str
    check: Check
    merge: Merge
    project: Project
    text: str
    why: str = "a project cannot set this"
    only: tuple[Layer, ...] | None = None
    expands: bool = False

    @property
    def listed(self) -> bool:
        """Whether the value is a list."""
        return self.merge in ("add", "restrict")

    @property
    def names_are_free(self) -> bool:
        """Whether what stands below is named by others, dots included: servers, and what plugins keep."""
        return self.name in ("mcpServers.*", "packs.keys.*", "prices.*") or self.name.endswith("**")


_ADMIN: tuple[Layer, ...] = ("enterprise",)

KEYS: tuple[Key, ...] = (
    Key("accessibility", "true, false or an object", flag_or_object, "first", "no",
        "text in whole sentences for screen readers"),
    Key("allowManagedHooksOnly", "true or false", flag, "any", "no", "only the administrator's hooks run", only=_ADMIN),
    Key("allowManagedPermissionRulesOnly", "true or false", flag, "any", "no",
        "only the administrator's permission rules count", only=_ADMIN),
    Key("allowedMcpServers", "list of names or objects", text_or_object, "restrict", "tightens",
        "the MCP servers that may be used"),
    Key("approvals.outOfBand", "true or false", flag, "any", "no",
        "questions are answered in a terminal only, never in the conversation", only=_ADMIN),
    Key("audit.content", "true or false", flag, "first", "no",
        "whether prompts and the arguments of tool calls are kept, too", why=UNSEEN),
    Key("audit.directory", "path", place, "first", "no",
        "where the audit log lies, `{user}` standing for the user's name", why=UNSEEN),
    Key("audit.enabled", "true or false", flag, "first", "no",
        "whether there is an audit log; by default where the policy says anything about one", why=UNSEEN),
    Key("audit.fsyncMs", "number", between(1, 10_000), "first", "no",
        "milliseconds in which records of traffic gather before they are brought to the disk", why=UNSEEN),
    Key("audit.headSeconds", "number", between(0, 86_400), "first", "no",
        "seconds between two heads of the chain in the log; 0 for none", why=UNSEEN),
    Key("audit.keepDays", "number", amount, "first", "no", "days after which a finished file is removed", why=UNSEEN),
    Key("audit.keyFile", "path", place, "first", "no", "the key of the chain; by default one is made", why=UNSEEN),
    Key("audit.otlpEndpoint", "URL", private_collector, "first", "no",
        "a collector that gets the records as they are written (OTLP over HTTP)", why=UNSEEN),
    Key("audit.required", "true or false", flag, "first", "no",
        "whether nothing new begins while the audit log cannot be written", why=UNSEEN),
    Key("audit.rotateMegabytes", "number", between(1, 4096), "first", "no", "the size at which a file is finished",
        why=UNSEEN),
    Key("availableModels", "list of texts", text, "restrict", "tightens", "the models to choose from"),
    Key("budgets.*", "object or false", budget, "first", "no", "what may be spent; the highest layer's as a whole",
        why="a project cannot raise a budget"),
    Key("codex.versions", "range of versions", versions, "first", "no", "the versions of Codex that may be used",
        only=_ADMIN),
    Key("compatibility", "`default` or `claude-code`", choice("default", "claude-code"), "first", "no",
        "whose behaviour counts where Claude Code and the documents differ"),
    Key("deniedMcpServers", "list of names or objects", text_or_object, "add", "tightens",
        "MCP servers that are never used"),
    Key("disableAllHooks", "true or false", flag, "first", "no", "no hook runs",
        why="a project cannot switch off your hooks"),
    Key("disabledHooks", "list of texts", text, "add", "no", "single hooks that do not run; `hooks disable` writes it",
        why="a project cannot switch off your hooks"),
    Key("disabledMcpjsonServers", "list of texts", text, "add", "tightens", "servers of `.mcp.json` that are not used"),
    Key("enableAllProjectMcpServers", "true or false", flag, "first", "no", "trust in every server of `.mcp.json`",
        why=NOT_ITSELF),
    Key("enabledMcpjsonServers", "list of texts", text, "add", "no", "servers of `.mcp.json` that are trusted",
        why=NOT_ITSELF),
    Key("env.*", "text", variable, "first", "asks", "environment variables of hooks and commands", expands=True),
    Key("hooks.*", "list of hooks", hook_group, "add", "asks", "hooks, by event", expands=True),
    Key("log.format", "`json` or `human`", choice("json", "human"), "first", "no",
        "how the proxy's log is written; by default for people in a terminal, JSON elsewhere"),
    Key("log.level", "`debug`, `info`, `warning` or `error`", choice("debug", "info", "warning", "error"), "first",
        "no", "the least severe level that is logged"),
    Key("mcp.**", "anything", anything, "first", "no", "settings of the MCP client", expands=True),
    Key("mcpServers.*", "object", server, "first", "asks", "MCP servers, by name; the highest layer's as a whole",
        expands=True),
    Key("metrics.enabled", "true or false", flag, "first", "no", "whether requests and decisions are counted"),
    Key("metrics.otlpEndpoint", "URL", collector, "first", "no",
        "the OpenTelemetry collector that metrics are sent to", expands=True),
    Key("metrics.otlpHeaders.*", "text", header_value, "first", "no", "headers for that collector", expands=True),
    Key("metrics.otlpSeconds", "number", amount, "first", "no", "seconds between two sendings; 60 unless set"),
    Key("metrics.spans", "true or false", flag, "first", "no", "whether it gets a span for each model request too"),
    Key("model", "text", text, "first", "yes", "the model"),
    Key("packs.directories", "list of texts", text, "add", "no", "folders with signed packs, beside those installed",
        why=NOT_ITSELF),
    Key("packs.keys.*", "public key, an object, or a list of these", pack_keys, "first", "no",
        "whose signature counts for packs of that name", why=NOT_ITSELF),
    Key("permissions.additionalDirectories", "list of texts", text, "add", "no", "folders beside the project's",
        why=NOT_ITSELF),
    Key("permissions.allow", "list of rules", text, "add", "no", "what needs no question",
        why=f"{NOT_ITSELF} before you have read it: codex-plus approvals allow --project DIR"),
    Key("permissions.ask", "list of rules", text, "add", "tightens", "what is always asked"),
    Key("permissions.defaultMode", "text", text, "first", "no", "Claude Code's permission mode", why=NOT_ITSELF),
    Key("permissions.deny", "list of rules", text, "add", "tightens", "what is never done"),
    Key("permissions.disableBypassPermissionsMode", "`disable`", choice("disable"), "first", "tightens",
        "no mode that asks nothing"),
    Key("plugins.allowed", "list of names", plugin, "restrict", "no", "the plugins that may be loaded", only=_ADMIN),
    Key("policy.maxAgeHours", "number", amount, "first", "no",
        "hours for which the policy of `policy.url` counts when it cannot be fetched again", only=_ADMIN),
    Key("policy.publicKey", "minisign key", minisign_key, "first", "no", "who signs the policy of `policy.url`",
        only=_ADMIN),
    Key("policy.refreshMinutes", "number", amount, "first", "no", "minutes between two looks at `policy.url`",
        only=_ADMIN),
    Key("policy.url", "URL", policy_url, "first", "no", "where more of the policy comes from, signed", only=_ADMIN),
    Key("prices.*", "object", price, "first", "no", "what a million tokens of a model cost, by its name or a pattern"),
    Key("prices.currency", "currency", currency, "first", "no", "what prices and budgets are in"),
    Key("redact.patterns", "list of texts or objects", pattern, "add", "no", "further secrets to blot out",
        why="a project could hide from the log what it does"),
    Key("redact.**", "anything", anything, "first", "no", "settings of redaction", expands=True),
    Key("sandbox.minimum", "`process`, `lsm` or `full`", choice(*SANDBOX_LEVELS), "strictest", "no",
        "the weakest sandbox that programs may run in"),
    Key("sandbox.**", "anything", anything, "first", "no", "settings of the sandbox"),
    Key("security.endpointAllowlist", "list of hosts", endpoint, "restrict", "tightens",
        "the hosts that may be reached"),
    Key("security.modelAllowlist", "list of models", model, "restrict", "tightens", "the models that may be used"),
    Key("security.permissions.deny", "list of rules", text, "add", "tightens", "the same as `permissions.deny`"),
    Key("security.requireSigned", "true or false", flag, "any", "tightens", "only signed packs are used"),
    Key("security.**", "anything", anything, "first", "no", "further settings of governance"),
    Key("slash.launcher", "true or false", flag, "first", "no",
        "whether `codex-plus run` lets `/name` of yours through Codex's composer"),
    Key("slash.**", "anything", anything, "first", "no", "settings of slash commands", expands=True),
    Key("transcripts.enabled", "true or false", flag, "first", "no", "whether sessions are kept on this machine"),
    Key("transcripts.keepDays", "number", amount, "first", "no", "days after which a session's transcript is removed"),
    Key("transcripts.maxMegabytes", "number", amount, "first", "no",
        "room for all transcripts; the oldest are removed first"),
    Key("usage.enabled", "true or false", flag, "first", "no", "whether usage is counted; budgets count in any case"),
    Key("usage.keepDays", "number", amount, "first", "no", "days after which the account of a day is removed"),
    Key("usage.userHeader", "header name", header_name, "first", "no",
        "the header that names the user where one proxy serves several", only=_ADMIN),
    Key("upstream.impersonate", "text", text, "first", "no", "whose TLS handshake the ChatGPT host is shown",
        why="a project cannot say where requests go"),
    Key("upstream.url", "URL", address, "first", "no", "where requests go", expands=True,
        why="a project cannot say where requests go"),
    Key("upstream.websockets", "`auto`, `bridge` or `off`", choice("auto", "bridge", "off"), "first", "no",
        "when Codex gets a WebSocket"),
    Key("upstream.**", "anything", anything, "first", "no", "further settings of the way up", expands=True,
        why="a project cannot say where requests go"),
)  # fmt: skip

DENY = ("permissions.deny", "security.permissions.deny")
"""The lists that no fault in a file may lose."""


class Schema:
    """The keys, found by path."""

    def __init__(self, keys: tuple[Key, ...] = KEYS) -> None:
        self.keys = keys
        self._exact = {tuple(key.name.split(".")): key for key in keys}
        self._sections = {path[:depth] for path in self._exact for depth in range(1, len(path))}

    def find(self, path: tuple[str, ...]) -> Key | None:
        """The key that says what stands at ``path``, None for an unknown one."""
        found = self._exact.get(path) or self._exact.get((*path[:-1], "*"))
        if found is not None:
            return found
        return next((self._exact[(*path[:n], "**")] for n in range(len(path) - 1, 0, -1)
                     if (*path[:n], "**") in self._exact), None)  # fmt: skip

    def is_section(self, path: tuple[str, ...]) -> bool:
        """Whether known keys lie below ``path``, which itself must be an object then."""
        return path in self._sections

    def names_below(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The names that known keys have right below ``path``."""
        depth = len(path)
        return tuple(dict.fromkeys(key[depth] for key in self._exact if len(key) > depth and key[:depth] == path))

    @property
    def beginnings(self) -> frozenset[tuple[str, ...]]:
        """The same as paths of one name."""
        return frozenset((name,) for name in self.top)

    @property
    def top(self) -> tuple[str, ...]:
        """The names that known keys begin with."""
        return tuple(dict.fromkeys(key.name.partition(".")[0] for key in self.keys))
