"""Who is speaking: which session, thread and turn a request belongs to, and whether a human wrote its newest words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from ..protocol.items import NOTES, Item, kinds_of, parts_of, text_of, type_of
from .view import ClientView, is_summary

Origin = Literal["user", "tool", "title", "compaction", "review", "subagent", "warmup", "unknown"]

# What Codex before 0.169 sends as user messages although no human wrote it (seen in 0.29, 0.60, 0.98 and 0.120).
_WRAPPERS = (
    "<environment_context",
    "<user_instructions",
    "<skill>",
    "<turn_aborted",
    "<user_shell_command",
    "<subagent_notification",
    "# AGENTS.md instructions",
)
# The prompts of local compactions: 0.29, and 0.60 up to 0.169 with a custom provider.
_COMPACTION = ("Start Summarization", "You are performing a CONTEXT CHECKPOINT COMPACTION")
_TITLE = "Generate a concise"
_TITLE_PROMPT = "User prompt:\n"
ASIDE = frozenset({"configuration_update", "compaction_trigger", "additional_tools"})


@dataclass(frozen=True, slots=True)
class Speaker:
    """Where a request comes from, read off its headers (or, on a WebSocket, its ``client_metadata``).

    ``parent`` is the thread whose history this one began with (a fork), or that started it (a sub-agent). ``origin`` is
    ``"user"`` for every request of a human's own thread; whether it brings new words only its items tell.
    """

    session: str
    thread: str
    parent: str | None
    turn: str
    origin: Origin
    version: str
    codex: bool
    began: str
    """``history_initialization`` of 0.169: ``new``, ``cold_resume``, ``cold_fork`` …; ``""`` where not sent."""
    workspace: str | None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A human's new words: the item that holds them, the part of it, the text, and whether the client vouches for it.

    ``proven`` is False for clients that do not name the kind of each part: there only known wrappers can be told apart.
    """

    index: int
    part: int
    text: str
    proven: bool


def speaker_of(headers: Mapping[str, str], metadata: Mapping[str, Any] | None = None) -> Speaker:
    """Read who is speaking from lower-cased headers and the body's ``client_metadata``, whichever says it."""
    named = _names(headers, metadata or {})
    turn = _turn_metadata(named("x-codex-turn-metadata"))

    def say(key: str) -> str:
        value = turn.get(key)
        return value if isinstance(value, str) else ""

    session = say("session_id") or named("session-id", "session_id", "conversation_id")
    thread = say("thread_id") or named("thread-id", "thread_id", "conversation_id", "session_id", "session-id")
    parent = say("forked_from_thread_id") or say("parent_thread_id") or named("x-codex-parent-thread-id")
    version = _version(named("version"), named("user-agent"))
    agent = named("user-agent")
    return Speaker(
        session=session,
        thread=thread,
        parent=parent or None,
        turn=say("turn_id") or named("turn_id"),
        origin=_origin(say, named("x-openai-subagent")),
        version=version,
        codex=bool(named("originator")) or agent.lower().startswith("codex"),
        began=say("history_initialization"),
        workspace=_workspace(turn.get("workspaces")),
    )


def _names(headers: Mapping[str, str], metadata: Mapping[str, Any]) -> Any:
    def named(*keys: str) -> str:
        for key in keys:
            for source in (headers, metadata):
                value = source.get(key)
                if isinstance(value, str) and value:
                    return value
        return ""

    return named


def _turn_metadata(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        return {}
    try:
        value = msgspec.json.decode(text.encode("utf-8", "surrogateescape"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _origin(say: Any, subagent: str) -> Origin:
    kind, source = say("request_kind"), say("thread_source")
    if kind == "prewarm":
        return "warmup"
    if kind == "compaction" or subagent == "compact":
        return "compaction"
    if source == "thread_title":
        return "title"
    if subagent == "review" or say("subagent_kind") == "review":
        return "review"
    if subagent or source == "subagent" or say("parent_thread_id"):
        return "subagent"
    if source not in ("", "user"):
        return "unknown"
    return "user"


def _version(version: str, agent: str) -> str:
    if version[:1].isdigit():
        return version
    name, _, rest = agent.partition("/")
    word = rest.split(" ", 1)[0]
    return word if name.lower().startswith("codex") and word[:1].isdigit() else ""


def _workspace(workspaces: Any) -> str | None:
    if isinstance(workspaces, dict) and len(workspaces) == 1:
        return str(next(iter(workspaces)))
    return None


def origin_of(speaker: Speaker, view: ClientView, body: Mapping[str, Any]) -> Origin:
    """The origin where it takes a look at the request itself: ``body`` holds its ``generate`` and ``text`` values.

    Only the human's own threads are looked at; there the answer is ``"user"``, ``"tool"``, or what older versions do
    not mark: warm-up, title, compaction.
    """
    if speaker.origin != "user":
        return speaker.origin
    if body.get("generate") is False:
        return "warmup"
    last = next((item for _, item in view.backwards() if type_of(item) != "configuration_update"), None)
    if last is None:
        return "unknown"
    if type_of(last) == "compaction_trigger":
        return "compaction"
    if last.get("role") == "user":
        words = text_of(last)
        if words.startswith(_COMPACTION):
            return "compaction"
        if words.startswith(_TITLE) and _wants_title(body):
            return "title"
    return "user" if newest_prompt(view) is not None else "tool"


def _wants_title(body: Mapping[str, Any]) -> bool:
    text = body.get("text")
    schema = text.get("format", {}).get("schema", {}) if isinstance(text, dict) else {}
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return isinstance(properties, dict) and set(properties) == {"title"}


def newest_prompt(view: ClientView, count: int | None = None) -> Prompt | None:
    """The human's words that nothing has answered yet, None in a tool's follow-up.

    Walks back from the end, past developer items and what Codex puts behind the words (``configuration_update``, skill
    texts), and stops at the first output or assistant item. In a message of several parts the typed text is the last
    (an image prompt wraps its pictures in text parts of the same kind).
    """
    for index, item in view.backwards(count):
        kind = type_of(item)
        if kind in ASIDE or item.get("role") in ("developer", "system"):
            continue
        if kind != "message" or item.get("role") != "user" or is_summary(item):
            return None
        found = typed(index, item)
        if found is not None:
            return found
    return None


def typed(index: int, item: Item) -> Prompt | None:
    """The words that a human typed in a user's message, None where it holds none."""
    parts, kinds = parts_of(item), kinds_of(item)
    if kinds is not None:
        for at in range(min(len(parts), len(kinds)) - 1, -1, -1):
            if kinds[at] == "user.text" and isinstance(parts[at].get("text"), str):
                return Prompt(index, at, str(parts[at]["text"]), proven=True)
        return None
    for at in range(len(parts) - 1, -1, -1):
        words = parts[at].get("text")
        if isinstance(words, str):
            return None if words.lstrip().startswith(_WRAPPERS) else Prompt(index, at, words, proven=False)
    return None


def with_text(item: Item, part: int, text: str, before: Sequence[Item] = ()) -> Item:
    """A message with other words in one of its parts, and with further parts ``before`` that one."""
    content = item.get("content")
    if not isinstance(content, list):
        whole = [*before, {"type": "input_text", "text": text}]
        return {**item, "content": whole if before else text}
    parts = [dict(entry) if isinstance(entry, dict) else entry for entry in content]
    at = [n for n, entry in enumerate(parts) if isinstance(entry, dict)][part]
    parts[at]["text"] = text
    parts[at:at] = before
    kinds = kinds_of(item)
    if not before or kinds is None:
        return {**item, "content": parts}
    # Codex names every part of a message; a list that no longer fits would name the wrong ones.
    kinds[part:part] = ["user.image" if entry.get("type") == "input_image" else "user.text" for entry in before]
    return {**item, "content": parts, NOTES: {**item[NOTES], "content_item_kinds": kinds}}


def titled_prompt(view: ClientView) -> str | None:
    """The words that a title request wants named, None where it has another form (0.169)."""
    for _, item in view.backwards():
        if item.get("role") == "user" and (words := text_of(item)).startswith(_TITLE):
            return words.partition(_TITLE_PROMPT)[2] or None
    return None


def cwd_of(view: ClientView, start: int = 0) -> str | None:
    """The working directory in the newest environment context from item ``start`` on, None where none says it."""
    for index, item in view.backwards():
        if index < start:
            return None
        if type_of(item) != "message" or item.get("role") != "user":
            continue
        for part in parts_of(item):
            words = str(part.get("text") or "")
            if words.lstrip().startswith("<environment_context") and "<cwd>" in words:
                return words.partition("<cwd>")[2].partition("</cwd>")[0].strip() or None
    return None
