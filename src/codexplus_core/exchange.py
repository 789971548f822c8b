"""What hooks are handed and what they answer with: the plugin author's vocabulary."""

from __future__ import annotations

import contextvars
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .plugin_states import PluginStates

Origin = Literal["user", "tool", "title", "compaction", "review", "subagent", "warmup", "unknown"]
Phase = Literal["start", "resume", "compact", "end"]
Transport = Literal["http", "websocket"]
Edits = tuple[Any, ...]
"""What plugins may change of an exchange: the prompt, the model, whether that was changed, what is watched, and lists
of what was added, None where nothing was."""

current_plugin: contextvars.ContextVar[str] = contextvars.ContextVar("codexplus_plugin", default="")
"""The name of the plugin whose code runs now; the dispatcher sets it, per-plugin state is kept under it."""


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
        self._states = PluginStates()

    @property
    def state(self) -> dict[str, Any]:
        """The calling plugin's own dict for this thread; kept while the proxy runs, shared with no other plugin."""
        return self._states.of(current_plugin.get())

    def __repr__(self) -> str:
        return f"Session(id={self.id!r}, thread_id={self.thread_id!r})"


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose words a request carries: ``id`` is Codex's turn id (``""`` before 0.120), ``origin`` who began it."""

    id: str
    origin: Origin


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


class Exchange:
    """One request of the client and its answer.

    Plugins read it in every hook and change it in ``on_request``: set ``prompt`` or ``model``, call ``add_tool``,
    ``add_context``, ``attach`` and ``watch``. Every change is kept in the ledger, so later requests of the thread
    agree with it.
    """

    __slots__ = (
        "_answerable", "_body", "_body_problem", "_cwd", "_model", "_parse", "_routes", "_standing", "_states",
        "_tools", "added_tools", "adders", "attached", "barred", "context", "headers", "indirect", "kind", "method",
        "model_changed", "model_source", "news", "path", "prompt", "prompt_as_typed", "session", "transport", "turn",
        "watched",
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
        that was already decided). Setting it changes what the model reads, now and in every later request; where it is
        None, setting it has no effect."""
        self.prompt_as_typed = prompt
        """The human's new text as it came, whatever plugins set ``prompt`` to; after an answer to a question of
        ``core.approvals`` the prompt that it was about."""
        self._model = model
        self.model_changed = False
        self.model_source = ""
        """The file that ``model`` was changed for, for messages: to be set after it; ``""`` where there is none."""
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
        self._body_problem = ""
        self.added_tools: dict[str, dict[str, Any]] = {}
        self.adders: dict[str, str] = {}  # the plugin that added a tool, by the tool's name
        self.indirect: set[str] = set()  # added tools that stand for others
        self.news: Any = None  # takes what `tell` says
        self.attached: list[dict[str, Any]] = []
        """Content parts that stand before the prompt in what the model reads."""
        self.context: list[str] = []
        self.watched: dict[str, set[str]] = {}
        """Event types that plugins asked for with ``watch``, by plugin."""
        self._routes: Any = None  # the dispatcher's plan for this exchange's events, made on the first one
        self._standing: Any = None  # where the prompt stands, for approvals
        self._answerable = False  # whether the core answers the prompt as typed
        self.barred = ""
        """Why a policy would not let it go up, told to what answers it here; ``""`` where it would."""
        self._states = PluginStates()

    @property
    def model(self) -> str:
        """The model that answers; setting it changes it for the rest of the turn."""
        return self._model

    @model.setter
    def model(self, name: str) -> None:
        self.model_changed = self.model_changed or name != self._model
        self.model_source = ""
        self._model = name

    @property
    def answered_here(self) -> bool:
        """Whether codex-plus answers this prompt, as it stands now, itself: by a contributed command, or as before.

        Nothing of it leaves then; where that changes, whoever enforces a policy is asked again.
        """
        return self._is_answered_here(self.prompt)

    def _is_answered_here(self, prompt: str | None) -> bool:
        return self._answerable and prompt == self.prompt_as_typed

    @property
    def body(self) -> dict[str, Any]:
        """The client's request, parsed on first use (``{}`` where it is no JSON object). Editing it has no effect."""
        if self._body is None:
            try:
                self._body = self._parse() if self._parse is not None else {}
            except ValueError as error:
                self._body, self._body_problem = {}, str(error)
        return self._body or {}

    @property
    def body_problem(self) -> str:
        """Why ``body`` is empty although the request has one that goes up (no JSON object, a key that stands in it
        twice), ``""`` where it can be read."""
        return self._body_problem if self.body is not None else ""

    @property
    def tools(self) -> Sequence[dict[str, Any]]:
        """The tools offered to the model: the client's (flattened out of namespaces) and those added here."""
        from .protocol.items import tools_of

        return [*tools_of(self.body), *self.added_tools.values()]

    @property
    def state(self) -> dict[str, Any]:
        """The calling plugin's own dict for this exchange."""
        return self._states.of(current_plugin.get())

    def add_tool(self, name: str, description: str, parameters: dict[str, Any], *, indirect: bool = False) -> None:
        """Offer the model a function tool that ``on_tool_use`` answers; ``parameters`` is its JSON Schema.

        An ``indirect`` one stands for others: you are asked first, return the call that is meant, then all are asked.
        """
        self.adders[name] = current_plugin.get()
        self.indirect |= {name} if indirect else set()
        self.added_tools[name] = {
            "type": "function", "name": name, "description": description, "strict": False, "parameters": parameters,
        }  # fmt: skip

    def tell(self, text: str) -> None:
        """Show the user a line about what they wait for, while ``on_request`` or ``on_tool_use`` runs; nobody keeps it.

        In ``on_request`` only where it takes long: with the first line the answer has begun, and can no longer be a
        status such as 401 or 429.
        """
        if self.news is not None:
            self.news.tell(text)

    def add_context(self, text: str) -> None:
        """Give the model ``text`` with this request and all later ones of the thread; the user does not see it."""
        self.context.append(text)

    def attach(self, text: str) -> None:
        """Put ``text`` before the prompt, as a part of the human's message, now and in every later request.

        Only the model sees it. Without effect where ``prompt`` is None.
        """
        self.attached.append({"type": "input_text", "text": text})

    def attach_image(self, media_type: str, data: bytes) -> None:
        """Put a picture before the prompt, like ``attach``; ``media_type`` is ``"image/png"`` and the like."""
        url = f"data:{media_type};base64,{b64encode(data).decode('ascii')}"
        self.attached.append({"type": "input_image", "image_url": url})

    def watch(self, *types: str) -> None:
        """Ask for these event types in ``on_chunk`` during this exchange, in place of the calling plugin's ``WATCHES``.

        Calls add up; other plugins are not concerned. ``watch()`` with no type asks for none.
        """
        plugin = current_plugin.get()
        # Another dict each time: what `_edits` has kept stays as it was.
        if types:
            self.watched = {**self.watched, plugin: {*self.watched.get(plugin, ()), *types}}
        elif plugin in self.watched:
            return
        else:
            self.watched = {**self.watched, plugin: set()}
        self._routes = None

    def _edits(self) -> Edits:
        """All that plugins may have changed so far, for ``_undo`` and ``_unsendable``."""
        added = self.added_tools or self.attached or self.context
        lists = (dict(self.added_tools), list(self.attached), list(self.context)) if added else None
        return self.prompt, self._model, self.model_changed, self.watched, lists

    def _unsendable(self, before: Edits) -> object:
        """The first edit since ``before`` that no request can carry (wrong type, half a character), None if all can."""
        added = self.added_tools or self.attached or self.context
        if self.prompt is before[0] and self._model is before[1] and not added:
            return None
        texts = [self._model, *self.context, *self.added_tools, *(part.get("text", "") for part in self.attached)]
        if self.prompt is not None:
            texts.append(self.prompt)
        return next((text for text in texts if not is_text(text)), None)

    def _undo(self, edits: Edits) -> None:
        self.prompt, self._model, self.model_changed, self.watched, lists = edits
        self.added_tools, self.attached, self.context = lists or ({}, [], [])
        self._routes = None


def is_text(value: object) -> bool:
    """Whether a plugin's value is a text that can be sent: a str without lone surrogates."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
