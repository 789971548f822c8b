"""Who is speaking: which session, thread and turn a request belongs to, and whether a human wrote its newest words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec

from ..protocol.body import RequestBody
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
# Where it is said who speaks.
_SAYING = (
    "x-codex-turn-metadata", "conversation_id", "session-id", "session_id", "user-agent", "thread-id", "thread_id",
    "x-codex-parent-thread-id", "turn_id", "x-openai-subagent", "version", "originator",
)  # fmt: skip
_LONGEST = 4096
"""Characters of what is said up to which it is remembered."""
ASIDE = frozenset({"configuration_update", "compaction_trigger", "additional_tools"})


class Speaker(msgspec.Struct, frozen=True):
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


class Prompt(msgspec.Struct, frozen=True):
    """A human's new words: the item that holds them, the part of it, the text, and whether the client vouches for it.

    ``proven`` is False for clients that do not name the kind of each part: there only known wrappers can be told apart.
    """

    index: int
    part: int
    text: str
    proven: bool


def speaker_of(headers: Mapping[str, str], metadata: Mapping[str, Any] | None = None) -> Speaker:
    """Read who is speaking from lower-cased headers and the body's ``client_metadata``, whichever says it."""
    if metadata:
        return _read(_said(headers, metadata))
    said = tuple(map(headers.get, _SAYING))
    # The requests of a turn all say the same of themselves.
    return _remembered(said) if sum(map(len, filter(None, said))) <= _LONGEST else _read(headers)


@lru_cache(maxsize=64)
def _remembered(said: tuple[str | None, ...]) -> Speaker:
    return _read({name: text for name, text in zip(_SAYING, said, strict=True) if text is not None})


def _read(said: Mapping[str, str]) -> Speaker:
    told = _turn_metadata(said.get("x-codex-turn-metadata", ""))
    turn = {key: value for key, value in told.items() if isinstance(value, str)}
    named, say = said.get, turn.get
    conversation, session, underscored = named("conversation_id"), named("session-id"), named("session_id")
    agent = named("user-agent", "")
    return Speaker(
        session=say("session_id") or session or underscored or conversation or "",
        thread=say("thread_id") or named("thread-id") or named("thread_id") or conversation or underscored
        or session or "",
        parent=say("forked_from_thread_id") or say("parent_thread_id") or named("x-codex-parent-thread-id")
        or None,
        turn=say("turn_id") or named("turn_id", ""),
        origin=_origin(turn, named("x-openai-subagent", "")),
        version=_version(named("version", ""), agent),
        codex=bool(named("originator")) or agent[:5].lower() == "codex",
        began=say("history_initialization", ""),
        workspace=_workspace(told.get("workspaces")),
    )  # fmt: skip


def _said(headers: Mapping[str, str], metadata: Mapping[str, Any]) -> Mapping[str, str]:
    """All that is said; a header that is not empty counts before what the body says."""
    said = {key: value for key, value in metadata.items() if isinstance(value, str)}
    said.update((key, value) for key, value in headers.items() if value)
    return said


def _turn_metadata(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        return {}
    try:
        value = msgspec.json.decode(text.encode("utf-8", "surrogateescape"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _origin(turn: Mapping[str, str], subagent: str) -> Origin:
    if not turn and not subagent:
        return "user"
    kind, source = turn.get("request_kind"), turn.get("thread_source", "")
    if kind == "prewarm":
        return "warmup"
    if kind == "compaction" or subagent == "compact":
        return "compaction"
    if source == "thread_title":
        return "title"
    if subagent == "review" or turn.get("subagent_kind") == "review":
        return "review"
    if subagent or source == "subagent" or turn.get("parent_thread_id"):
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


def origin_of(speaker: Speaker, view: ClientView, body: RequestBody) -> tuple[Origin, Prompt | None]:
    """The origin where it takes a look at the request itself, and the human's words where it is ``"user"``.

    Only the human's own threads are looked at; there the answer is ``"user"``, ``"tool"``, or what older versions do
    not mark: warm-up, title, compaction. Raises MalformedBody.
    """
    if speaker.origin != "user":
        return speaker.origin, None
    if body.value("generate") is False:
        return "warmup", None
    last = next((item for _, item in view.backwards() if type_of(item) != "configuration_update"), None)
    if last is None:
        return "unknown", None
    if type_of(last) == "compaction_trigger":
        return "compaction", None
    if last.get("role") == "user":
        words = text_of(last)
        if words.startswith(_COMPACTION):
            return "compaction", None
        if words.startswith(_TITLE) and _wants_title(body):
            return "title", None
    prompt = newest_prompt(view)
    return ("tool" if prompt is None else "user"), prompt


def _wants_title(body: RequestBody) -> bool:
    text = body.value("text")
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
