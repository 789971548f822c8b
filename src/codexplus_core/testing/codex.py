"""A model of the Codex client: what it sends, what it keeps of an answer, what it shows."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .codex_answers import Seen, StreamReader
from .codex_items import CALLS, Minter, Writer, reread
from .codex_requests import TITLE_FORMAT, ClientRequest, Framer, Thread
from .codex_versions import VERSIONS, Auth, Version
from .streams import Item

_ABORTED = "<turn_aborted>\nThe user interrupted the previous turn on purpose.\n</turn_aborted>"
_HANDOVER = "Another language model started to solve this problem and produced a summary of its thinking process.\n"
_TITLE = "Generate a concise, single-line task title of at most 36 characters.\n\nUser prompt:\n"


class CodexClient:
    """One thread of a Codex, without a transport: ask it for requests, feed it the answers' bytes.

        request = client.say("hello")
        seen = client.receive(bytes_of_the_answer)
        if seen.calls: request = client.outputs({call["call_id"]: "done" for call in seen.calls})

    What each version keeps and re-sends follows the recordings in tests/compat/resend. Inferred, because no recording
    shows it: backtrack, fork before 0.169, local shell calls, a manual (not automatic) compaction's metadata.
    """

    def __init__(
        self,
        version: str = "0.169.0",
        auth: Auth = "chatgpt",
        *,
        cwd: str = "/home/user/project",
        base: str = "/v1",
        tui: bool = False,
        seed: int = 1,
    ) -> None:
        self.version: Version = VERSIONS[version]
        self.mint = Minter(seed)
        self.framer = Framer(self.version, auth, cwd, base, tui)
        self.history: list[Item] = []
        self.thread = Thread(name := self.mint.uuid(), name, self.mint.uuid(), window_id=self.mint.uuid())
        self._writer = Writer(self.version, self.mint)
        self._reader = StreamReader()
        self._late: list[Item] = []
        self._calls: list[Item] = []
        self._last: ClientRequest | None = None
        self._compacting = False
        self._children = 0
        self._answer_start = 0
        self._repeat_context = False
        self._context_due = True

    @property
    def open_calls(self) -> list[Item]:
        """Tool calls that wait for an output."""
        return list(self._calls)

    @property
    def turns(self) -> int:
        """How many typed messages the history holds."""
        return sum(self._typed(item) for item in self.history)

    def say(self, text: str) -> ClientRequest:
        """The first request of a new turn, in which the user typed ``text``."""
        self._settle()
        self._new_turn()
        self._compacting = False
        if self._context_due or self._repeat_context:
            self.history += self._context()
            self._context_due = self._repeat_context = False
        self.history.append(self._said("user", [text], ["user.text"]))
        return self._send()

    def outputs(self, results: Mapping[str, Any] | str = "ok") -> ClientRequest:
        """The request that carries the outputs of the open calls: by call id, or one text for all."""
        self._answer_calls(results)
        return self._send()

    def retry(self, results: Mapping[str, Any] | str = "ok") -> ClientRequest:
        """The request again after an answer that broke off; 0.169 has by then run its whole calls."""
        if self._last is None:
            raise ValueError("nothing was sent yet: call say() first")
        if self.version.keeps_cut == "at once":
            self._answer_calls(results)
            return self._send()
        self._reader = StreamReader()
        return self._last

    def feed(self, data: bytes) -> list[Item]:
        """Bytes of the answer as they come; returns the tool calls that they completed (Codex starts them at once)."""
        return [item for item in self._reader.feed(data) if item["type"] in CALLS]

    def finish(self, *, cut: bool = False, status: int = 200) -> Seen:
        """The answer's body has ended; what of it the user sees and the history keeps."""
        reader, self._reader = self._reader, StreamReader()
        seen, items = reader.seen(cut=cut, status=status), reader.items
        if self._compacting and seen.completed:
            self._compacted(items)
        elif seen.completed or self.version.keeps_cut == "at once":
            self._keep(items)
        elif self.version.keeps_cut == "later":
            self._late += items
        return seen

    def receive(self, data: bytes, *, cut: bool = False, status: int = 200) -> Seen:
        """A whole answer: ``feed`` and ``finish``."""
        self.feed(data)
        return self.finish(cut=cut, status=status)

    def interrupt(self) -> None:
        """Esc: drop the running answer or the running tools; the caller closes the connection."""
        running, self._reader = self._reader, StreamReader()
        if self.version.abort_role is None:
            if self._calls:
                del self.history[self._answer_start :]
                self._calls = []
            return
        self._flush_late()
        self._keep(running.items)
        self._answer_calls("aborted by user after 2.5s")
        self.history.append(self._said(self.version.abort_role, [_ABORTED], ["generic.turn_aborted"]))

    def backtrack(self, turns: int = 1) -> None:
        """Go back before the last ``turns`` typed messages (inferred: the thread stays the same)."""
        self._settle()
        typed = [index for index, item in enumerate(self.history) if self._typed(item)]
        del self.history[typed[-turns] :]

    def compact(self) -> ClientRequest:
        """The request that asks for a compaction, by the version's own way."""
        self._settle()
        self._new_turn()
        self._compacting = True
        if self._repeat_context:
            self.history += self._context()
        self._repeat_context = False
        if self.version.compaction == "endpoint":
            return self.framer.compact(self.thread, self.history)
        if self.version.compaction == "trigger":
            return self._send(extra=[{"type": "compaction_trigger"}])
        return self._send(extra=[self._said("user", [self.version.compact_prompt], [])])

    def compacted(self, body: bytes) -> None:
        """The JSON answer of ``/responses/compact`` (0.98 and 0.120)."""
        self._compacting = False
        self.thread.window += 1
        self.history = [self._writer.received(item, self.thread.turn) for item in json.loads(body)["output"]]
        if self.version.name == "0.120.0":
            self.history += self._context()

    def resume(self) -> CodexClient:
        """A new process that reads this thread's rollout: same ids, same items."""
        if not self.version.resumes:
            raise ValueError("codex 0.29 cannot resume a thread: use a later version")
        other = self._reread()
        other.thread.initialization = "cold_resume"
        other._repeat_context = self.version.repeats_context
        return other

    def fork(self) -> CodexClient:
        """A new thread that begins with this one's items (before 0.169: inferred)."""
        other = self._reread()
        other.mint.seed += 1000
        fresh = other.mint.uuid()
        other.thread.session = other.thread.thread = fresh
        other.thread.initialization = "cold_fork"
        other.thread.forked_from = (self.thread.thread, 3 * len(self.history))
        return other

    def title_request(self, text: str) -> ClientRequest:
        """What the 0.169 TUI asks on the side for a thread's title, in a thread of its own."""
        client = self._child()
        client.thread.session = client.thread.thread
        client.thread.source = "thread_title"
        client.framer = replace(
            client.framer, extra={"text": {"verbosity": self.version.verbosity, "format": TITLE_FORMAT}}
        )
        return client.say(_TITLE + text)

    def subagent(self, task: str, name: str = "helper") -> tuple[CodexClient, ClientRequest]:
        """A child that the open spawn call started: it inherits the history, the open calls count as aborted."""
        child = self._child()
        child._context_due = False
        child.thread.session = self.thread.session
        child.thread.subagent, child.thread.kind, child.thread.source = "collab_spawn", "thread_spawn", "subagent"
        child.thread.agent = f"/root/{name}"
        child.history = [reread(item) for item in copy.deepcopy(self.history)]
        child._calls = copy.deepcopy(self._calls)
        child._abort_calls()
        child._new_turn(root=self.thread.root_turn)
        note = "You are now a newly spawned child agent."
        child.history.append(child._said("developer", [note], ["multi_agent.usage_hint"], timed=False))
        child.history.append(child._writer.letter(task, name, child.thread.turn))
        return child, child._send()

    def review(self, prompt: str = "Review the current code changes.") -> tuple[CodexClient, ClientRequest]:
        """The reviewer's thread that ``/review`` and ``exec review`` start (0.169)."""
        child = self._child()
        child.thread.session = self.thread.session
        child.thread.subagent = child.thread.kind = "review"
        child.thread.source, child.thread.trigger = "subagent", None
        child.say(prompt)
        child.history.append({"type": "configuration_update", "reasoning": {"effort": "low"}})
        return child, child._send()

    def _child(self) -> CodexClient:
        framer = self.framer
        self._children += 1
        child = CodexClient(
            self.version.name, framer.auth, cwd=framer.cwd, base=framer.base, tui=framer.tui,
            seed=self.mint.seed * 100 + 50 + self._children,
        )  # fmt: skip
        child.thread.installation = self.thread.installation
        child.thread.parent_thread, child.thread.parent_turn = self.thread.thread, self.thread.turn
        return child

    def _reread(self) -> CodexClient:
        self._settle()
        other = copy.deepcopy(self)
        other.history = [reread(item) for item in other.history]
        other._writer = Writer(other.version, other.mint)
        return other

    def _new_turn(self, root: str | None = None) -> None:
        self.thread.turn = self.mint.uuid()
        self.thread.root_turn = root or self.thread.turn
        self.thread.started_ms = int(self.mint.time() * 1000)

    def _send(self, *, extra: list[Item] | None = None) -> ClientRequest:
        self._last = self.framer.turn(self.thread, [*self.history, *(extra or [])])
        return self._last

    def _said(self, role: str, texts: list[str], kinds: list[str], *, timed: bool = True) -> Item:
        return self._writer.said(role, texts, turn=self.thread.turn, kinds=kinds, timed=timed)

    def _context(self, *, timed: bool = True) -> list[Item]:
        return self._writer.context(self.framer.cwd, turn=self.thread.turn, timed=timed)

    def _keep(self, items: list[Item]) -> None:
        self._flush_late()
        self._answer_start = len(self.history)
        for item in items:
            self.history.append(self._writer.received(item, self.thread.turn))
            if item["type"] in CALLS:
                self._calls.append(item)

    def _flush_late(self) -> None:
        late, self._late = self._late, []
        for item in late:
            self.history.append(self._writer.received(item, self.thread.turn))
            if item["type"] in CALLS:
                self.history.append(self._writer.output(item, "aborted", None))

    def _answer_calls(self, results: Mapping[str, Any] | str) -> None:
        for call in self._calls:
            result = results if isinstance(results, str) else results[call["call_id"]]
            self._place(call, self._writer.output(call, result, self.thread.turn))
        self._calls = []

    def _abort_calls(self) -> None:
        for call in self._calls:
            self._place(call, self._writer.output(call, "aborted", None), beside=True)
        self._calls = []

    def _place(self, call: Item, output: Item, *, beside: bool = False) -> None:
        if not (beside or self.version.interleaved):
            self.history.append(output)
            return
        index = next(i for i, item in enumerate(self.history) if item.get("call_id") == call["call_id"])
        self.history.insert(index + 1, output)

    def _settle(self) -> None:
        self._flush_late()
        self._abort_calls()

    def _typed(self, item: Item) -> bool:
        if item["type"] != "message" or item.get("role") != "user":
            return False
        return not str(item["content"][0].get("text", "")).startswith(("<", "# AGENTS.md", _HANDOVER[:20]))

    def _compacted(self, items: list[Item]) -> None:
        self._compacting = False
        typed = [item for item in self.history if self._typed(item)]
        self.thread.window, self.thread.window_id = self.thread.window + 1, self.mint.uuid()
        if self.version.compaction == "trigger":
            items = [self._writer.received(item, self.thread.turn) for item in items]
            self.history = [*self._context(timed=False), *typed, *items]
            return
        summary = "".join(part.get("text", "") for item in items for part in item.get("content") or [])
        if self.version.interleaved:
            self.history = [self._writer.recap(summary)]
        else:
            self.history = [*self._context(), *typed, self._said("user", [_HANDOVER + summary], [])]
