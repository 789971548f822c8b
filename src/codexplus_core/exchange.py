"""What hooks are handed and what they answer with: the plugin author's vocabulary."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

Origin = Literal["user", "tool", "title", "compaction", "review", "subagent", "warmup", "unknown"]
Phase = Literal["start", "resume", "compact", "end"]
Transport = Literal["http", "websocket"]

current_plugin: contextvars.ContextVar[str] = contextvars.ContextVar("codexplus_plugin", default="")
"""The name of the plugin whose code runs now; the dispatcher sets it, per-plugin state is kept under it."""


class _States:
    """One dict per plugin, made on first use."""

    __slots__ = ("by_plugin",)

    def __init__(self) -> None:
        self.by_plugin: dict[str, dict[str, Any]] = {}

    def mine(self) -> dict[str, Any]:
        return self.by_plugin.setdefault(current_plugin.get(), {})


class Session:
    """One thread of conversation, as Codex names it.

    ``id`` is Codex's session id, ``thread_id`` the thread within it (sub-agents and the title request have their own);
    both are ``""`` for clients that send neither. ``cwd`` is the project directory that Codex reported, None until it
    did. ``codex_version`` is ``"0.169.0"`` and the like, ``""`` when unknown.
    """

    __slots__ = ("_states", "codex_version", "cwd", "id", "parent_thread_id", "thread_id")

    def __init__(
        self,
        id: str = "",
        thread_id: str = "",
        *,
        cwd: Path | None = None,
        codex_version: str = "",
        parent_thread_id: str | None = None,
    ) -> None:
        self.id = id
        self.thread_id = thread_id
        self.cwd = cwd
        self.codex_version = codex_version
        self.parent_thread_id = parent_thread_id
        self._states = _States()

    @property
    def state(self) -> dict[str, Any]:
        """The calling plugin's own dict for this thread; kept as long as the proxy runs, shared with no other plugin."""
        return self._states.mine()

    def __repr__(self) -> str:
        return f"Session(id={self.id!r}, thread_id={self.thread_id!r})"


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose words a request carries: ``id`` is Codex's turn id (``""`` before 0.120), ``origin`` who began it."""

    id: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One whole tool call of the model.

    ``id`` is the wire's ``call_id``; ``namespace`` is None unless the model named one. ``arguments`` is a dict for function
    calls (a str where the model's JSON is broken) and a str for custom tools.
    """

    id: str
    name: str
    arguments: dict[str, Any] | str
    namespace: str | None = None
    kind: str = "function_call"

    def replace(self, *, arguments: dict[str, Any] | str) -> ToolCall:
        """The same call with other arguments."""
        return replace(self, arguments=arguments)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered: text, or a list of content parts as on the wire (``{"type": "input_text", "text": …}``)."""

    output: str | list[dict[str, Any]]
    is_error: bool = False

    @property
    def text(self) -> str:
        """The output as plain text; parts that are no text are left out."""
        if isinstance(self.output, str):
            return self.output
        return "\n".join(str(part["text"]) for part in self.output if "text" in part)


@dataclass(frozen=True, slots=True)
class LocalReply:
    """An answer given here; the model is not asked and never learns of the exchange.

    ``text`` is the whole answer in Markdown, or an async iterator of texts that is streamed as it comes.
    """

    text: str | AsyncIterator[str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no, with the words the user is to read (for a tool call: the words the model is told).

    On ``/responses`` Codex shows ``message`` verbatim and does not retry; other paths and clients that are not Codex
    get ``status`` with a JSON body that holds ``code`` and ``message``. A refused prompt is left out of what the model
    is sent later unless ``withhold`` is False.
    """

    message: str
    status: int = 403
    code: str = "refused"
    withhold: bool = True


class Command:
    """A slash command of a plugin: subclass it and write one of the two methods, or hand one in.

    ``async expand(exchange, args) -> str`` gives the prompt that the model gets in the command's place;
    ``async answer(exchange, args) -> LocalReply`` answers without the model. ``args`` is the text after the name. Of two
    commands with one name the lower ``priority`` number wins.
    """

    expand: Callable[[Exchange, str], Any] | None = None
    answer: Callable[[Exchange, str], Any] | None = None

    def __init__(
        self,
        name: str,
        description: str = "",
        argument_hint: str = "",
        priority: int = 0,
        scope: str = "plugin",
        *,
        expand: Callable[[Exchange, str], Any] | None = None,
        answer: Callable[[Exchange, str], Any] | None = None,
    ) -> None:
        self.name = name
        self.description = description
        self.argument_hint = argument_hint
        self.priority = priority
        self.scope = scope
        if expand is not None:
            self.expand = expand
        if answer is not None:
            self.answer = answer

    def __repr__(self) -> str:
        return f"Command({self.name!r}, priority={self.priority}, scope={self.scope!r})"


@dataclass(frozen=True, slots=True)
class Action:
    """Something the proxy is about to do for a user: run a program, read a file, open a connection.

    ``kind`` says which of ``argv``, ``path`` and ``url`` counts. ``source`` names who asks and from which file, for the
    people and rules that decide. ``permissions`` are those declared by the asker (``run:prettier``, ``read_repo``).
    """

    kind: Literal["run", "read", "connect"]
    argv: tuple[str, ...] = ()
    path: Path | None = None
    url: str = ""
    source: str = ""
    session: Session | None = None
    permissions: tuple[str, ...] = ()
    cwd: Path | None = None
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of an exchange, summed over its upstream rounds."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an exchange ended, for ``on_exchange_end``.

    ``status`` is the HTTP status the client got (0: none was sent). ``answered_by`` is ``"upstream"``, ``"local"`` or
    ``"refused"``. ``error`` is None when the stream ended well, otherwise a short word: ``"cut"``, ``"client_gone"``,
    ``"connect"``, ``"timeout"``, ``"failed"``. Times are seconds from the request's first byte; None where it never came.
    """

    status: int
    answered_by: str
    error: str | None
    usage: Usage
    rounds: int
    first_byte_s: float | None
    total_s: float
    bytes_in: int
    bytes_out: int


class Exchange:
    """One request of the client and its answer.

    Plugins read it in every hook and change it in ``on_request``: set ``prompt`` or ``model``, call ``add_tool``,
    ``add_context`` and ``watch``. Every change is kept in the ledger, so later requests of the thread agree with it.
    """

    __slots__ = (
        "_body", "_cwd", "_model", "_parse", "_routes", "_states", "_tools", "added_tools", "context", "headers",
        "kind", "method", "model_changed", "path", "prompt", "prompt_as_typed", "session", "transport", "turn", "watched",
    )  # fmt: skip

    def __init__(
        self,
        *,
        session: Session,
        turn: Turn,
        prompt: str | None = None,
        model: str = "",
        transport: Transport = "http",
        method: str = "POST",
        path: str = "/responses",
        kind: Literal["responses", "other"] = "responses",
        headers: Mapping[str, str] | None = None,
        parse: Any = None,
    ) -> None:
        self.session = session
        self.turn = turn
        self.prompt = prompt
        """The human's new text, or None (tool continuation, title, compaction, sub-agent, warm-up, a retry of a prompt
        that was already decided). Setting it changes what the model reads, now and in every later request."""
        self.prompt_as_typed = prompt
        """The human's new text as it came, whatever plugins set ``prompt`` to."""
        self._model = model
        self.model_changed = False
        self.transport = transport
        self.method = method
        self.path = path
        """The request's path without base path and query: ``/responses``, ``/models``."""
        self.kind = kind
        """``"responses"`` for a model request, ``"other"`` for every other path."""
        self.headers: Mapping[str, str] = headers if headers is not None else {}
        """The client's headers, lower-cased, without credentials; read-only."""
        self._parse = parse
        self._body: dict[str, Any] | None = None
        self.added_tools: dict[str, dict[str, Any]] = {}
        self.context: list[str] = []
        self.watched: dict[str, set[str]] = {}
        """Event types that plugins asked for with ``watch``, by plugin."""
        self._routes: Any = None  # the dispatcher's plan for this exchange's events, made on the first one
        self._states = _States()

    @property
    def model(self) -> str:
        """The model that answers; setting it changes it for the rest of the turn."""
        return self._model

    @model.setter
    def model(self, name: str) -> None:
        self.model_changed = self.model_changed or name != self._model
        self._model = name

    @property
    def body(self) -> dict[str, Any]:
        """The client's request, parsed on first use (``{}`` where it is no JSON object). Changing it changes nothing."""
        if self._body is None:
            self._body = self._parse() if self._parse is not None else {}
        return self._body or {}

    @property
    def tools(self) -> Sequence[dict[str, Any]]:
        """The tools offered to the model: the client's (flattened out of namespaces) and those added here."""
        from .protocol.items import tools_of

        return [*tools_of(self.body), *self.added_tools.values()]

    @property
    def state(self) -> dict[str, Any]:
        """The calling plugin's own dict for this exchange."""
        return self._states.mine()

    def add_tool(self, name: str, description: str, parameters: dict[str, Any]) -> None:
        """Offer the model a function tool that ``on_tool_use`` answers; ``parameters`` is its JSON Schema."""
        self.added_tools[name] = {
            "type": "function", "name": name, "description": description, "strict": False, "parameters": parameters,
        }  # fmt: skip

    def add_context(self, text: str) -> None:
        """Give the model ``text`` with this request, and with every later one of the thread; the user does not see it."""
        self.context.append(text)

    def watch(self, *types: str) -> None:
        """Ask for these event types in ``on_chunk`` during this exchange, in place of the calling plugin's ``WATCHES``.

        Calls add up; other plugins are not concerned. ``watch()`` with no type asks for none.
        """
        self.watched.setdefault(current_plugin.get(), set()).update(types)
        self._routes = None

    def _edits(self) -> tuple[Any, ...]:
        """All that plugins may have changed so far, for ``_undo``."""
        watched = {plugin: set(types) for plugin, types in self.watched.items()}
        tools, context = dict(self.added_tools), list(self.context)
        return self.prompt, self._model, self.model_changed, tools, context, watched

    def _undo(self, edits: tuple[Any, ...]) -> None:
        self.prompt, self._model, self.model_changed, self.added_tools, self.context, self.watched = edits
        self._routes = None


class RunResult(Protocol):
    """What ``core.run`` gives back."""

    returncode: int | None
    stdout: bytes
    stderr: bytes
    timed_out: bool
    truncated: bool
