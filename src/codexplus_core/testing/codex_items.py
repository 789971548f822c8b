"""How each version of Codex writes the items of its history when it sends them again."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from .codex_versions import Version, namespaces
from .streams import Item

CALLS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "local_shell_call": "function_call_output",
}

_ORDER = {
    "function_call": ("name", "namespace", "arguments", "call_id"),
    "custom_tool_call": ("call_id", "name", "namespace", "input"),
    "local_shell_call": ("call_id", "status", "action"),
}
_OUTPUT_PREFIX = {"function_call_output": "fco", "custom_tool_call_output": "ctco"}


@dataclass(slots=True)
class Minter:
    """Makes the uuids and times of one client; the same seed makes the same ones."""

    seed: int = 0
    count: int = 0

    def uuid(self) -> str:
        """A fresh id in the form of Codex's own (version 7)."""
        self.count += 1
        return str(uuid.UUID(int=(0x01A1 << 112) | (self.seed << 80) | (7 << 76) | (2 << 62) | self.count))

    def time(self) -> float:
        """A time that only moves on."""
        self.count += 1
        return 1_795_000_000.0 + self.seed + self.count / 1000


class Writer:
    """Writes items as one version does."""

    def __init__(self, version: Version, mint: Minter) -> None:
        self._version = version
        self._mint = mint

    def said(self, role: str, texts: list[str], *, turn: str, kinds: list[str], timed: bool = True) -> Item:
        """A message of the client's own: typed text, context, notices."""
        parts = [{"type": "input_text", "text": text} for text in texts]
        if self._version.ids == "received":
            return {"type": "message", "id": None, "role": role, "content": parts}
        item: Item = {"type": "message"}
        if self._version.ids == "all":
            item["id"] = f"msg_{self._mint.uuid()}"
        item |= {"role": role, "content": parts}
        if self._version.passthrough:
            source = {"type": "user"} if kinds == ["user.text"] else {"type": "harness", "hook": False}
            notes: dict[str, Any] = {"turn_id": turn}
            if timed:
                notes["create_time"] = self._mint.time()
            notes |= {"content_item_kinds": kinds, "content_item_metadata": [{"provenance": source} for _ in kinds]}
            item["internal_chat_message_metadata_passthrough"] = notes
        return item

    def received(self, item: Item, turn: str) -> Item:
        """An item of the model's, as it goes into the history."""
        kind = item["type"]
        kept: Item = {"type": kind}
        if self._version.passthrough and "status" in item:
            kept["status"] = item["status"]
        if self._version.ids != "none" and item.get("id") is not None:
            kept["id"] = item["id"]
        if kind == "message":
            kept |= {"role": item["role"], "content": [self._part(part) for part in item["content"]]}
            if self._version.phase and "phase" in item:
                kept["phase"] = item["phase"]
        elif kind == "reasoning":
            kept["summary"] = item["summary"]
            # An empty list is left out, an absent one becomes null; a rollout read back has neither (see `reread`).
            if item.get("content") != []:
                kept["content"] = item.get("content")
            kept["encrypted_content"] = item.get("encrypted_content")
        elif kind == "compaction":
            kept["encrypted_content"] = item["encrypted_content"]
        elif kind in _ORDER:
            if kind == "custom_tool_call":
                kept["status"] = item.get("status")
            kept |= {name: item[name] for name in _ORDER[kind] if name in item}
        else:
            kept = dict(item)
        if self._version.passthrough and kind != "compaction":
            notes: dict[str, Any] = {"turn_id": turn}
            if kind == "message":
                notes["content_item_kinds"] = ["unknown"] * len(item["content"])
            kept["internal_chat_message_metadata_passthrough"] = notes
        return kept

    def output(self, call: Item, result: Any, turn: str | None) -> Item:
        """The answer to a call; ``turn`` None for one that Codex makes up because there is none ("aborted")."""
        kind = CALLS[call["type"]]
        item: Item = {"type": kind}
        if self._version.ids == "all":
            prefix = _OUTPUT_PREFIX[kind]
            # Made-up outputs get an id that depends on the call alone, so it is the same in every request.
            made_up = uuid.uuid5(uuid.NAMESPACE_OID, str(call["call_id"]))
            item["id"] = f"{prefix}_{made_up if turn is None else self._mint.uuid()}"
        item |= {"call_id": call["call_id"], "output": result}
        if self._version.passthrough and turn is not None:
            notes = {"turn_id": turn, "create_time": self._mint.time()}
            item["internal_chat_message_metadata_passthrough"] = notes
        return item

    def context(self, cwd: str, *, turn: str, timed: bool) -> list[Item]:
        """What comes before the first prompt: tools and instructions (0.169), then the environment."""
        made: list[Item] = []
        if self._version.lite:
            spaces: Item = {"type": "additional_tools", "id": f"at_{self._mint.uuid()}", "role": "developer"}
            made.append({**spaces, "tools": namespaces()})
            for kinds in (
                ["model.base_instructions"],
                ["host_skills.instructions", "permissions.instructions", "collaboration_mode.instructions"],
                ["multi_agent.role_instructions"],
                ["multi_agent.mode_instructions"],
            ):
                texts = [f"<{kind}>" for kind in kinds]
                made.append(self.said("developer", texts, turn=turn, kinds=kinds, timed=timed))
        for role, *texts in self._version.context:
            words = [text.format(cwd=cwd) for text in texts]
            kinds = ["environments.environment_context"]
            made.append(self.said(role, words, turn=turn, kinds=kinds, timed=timed))
        return made

    def letter(self, task: str, name: str, turn: str) -> Item:
        """The message by which a sub-agent gets its task."""
        parts = [
            {"type": "input_text", "text": "Message Type: NEW_TASK"},
            {"type": "encrypted_content", "encrypted_content": task},
        ]
        return {
            "type": "agent_message", "id": f"amsg_{self._mint.uuid()}", "author": "/root", "recipient": f"/root/{name}",
            "content": parts,
            "internal_chat_message_metadata_passthrough": {
                "turn_id": turn, "create_time": self._mint.time(),
                "content_item_metadata": [{"provenance": {"type": "agent"}} for _ in parts],
            },
        }  # fmt: skip

    def recap(self, summary: str) -> Item:
        """What 0.29 puts in place of its history."""
        part = {"type": "output_text", "text": summary}
        return {"type": "message", "id": None, "role": "assistant", "content": [part]}

    def _part(self, part: Item) -> Item:
        return dict(part) if self._version.passthrough else {"type": part["type"], "text": part.get("text", "")}


def reread(item: Item) -> Item:
    """An item after a trip through the rollout file: resume and fork send this."""
    if item["type"] != "reasoning":
        return item
    fields: Item = {}
    for name, value in item.items():
        if name == "encrypted_content":
            fields["content"] = None
        if name != "content":
            fields[name] = value
    return fields
