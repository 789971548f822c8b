"""One model request from decision to last byte, the same for every transport."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from ..action import Action
from ..conversation.reading import Reading, read_request
from ..conversation.speaker import Speaker
from ..dispatch import Dispatcher
from ..exchange import Exchange, Refusal, Session, Turn
from ..protocol import replies
from ..protocol.body import RequestBody
from ..services.approvals.service import Approvals
from ..services.commands import Commands
from ..services.sessions import Sessions, Thread
from ..services.transcripts import Transcripts
from . import local
from .ask import Asking
from .decide import Decisions
from .downstream import Downstream
from .interrupting import Interrupting
from .link import Asked, Link
from .news import News
from .passage import Incoming, Passage
from .target import Targets, endpoint
from .transport import Upstream, UpstreamCut
from .unreachable import Unreachable
from .witness import Witness, account_of

_ABOUT_REQUESTS = frozenset(
    ("on_session", "on_request", "on_tool_use", "on_tool_result", "on_chunk", "on_turn_end", "on_exchange_end")
)


class Relay:
    """Takes model requests through the plugins and the ledger to the upstream and back."""

    def __init__(
        self,
        *,
        dispatcher: Dispatcher,
        sessions: Sessions,
        upstream: Upstream,
        targets: Targets,
        commands: Commands,
        approvals: Approvals,
        log: Any,
        ids: replies.IdSource,
        clock: Callable[[], float],
        unreachable: Unreachable,
        transcripts: Transcripts | None = None,
    ) -> None:
        self._dispatch = dispatcher
        self._sessions = sessions
        self._commands = commands
        self._decisions = Decisions(dispatcher, sessions, commands, approvals, log)
        self._asking = Asking(dispatcher, upstream, targets, log, unreachable, clock)
        self._ids = ids
        self._clock = clock
        self._transcripts = transcripts
        self.under_way = 0
        """Model requests whose end has not come."""

    @property
    def idle(self) -> bool:
        """True where no request at all needs reading: no plugin asks for any, and no thread was ever edited."""
        return not self._active and not self._sessions.any_edited

    def looks_at(self, speaker: Speaker) -> bool:
        """False where a request of this speaker can pass unread: nobody asks for it and nothing was edited."""
        return self._active or self._sessions.edited(speaker)

    @property
    def _active(self) -> bool:
        return not self._dispatch.hooks.isdisjoint(_ABOUT_REQUESTS) or len(self._commands) > 0

    async def forbids(self, url: str) -> bool:
        """Whether a plugin forbids to connect to an upstream, for one that is opened before anything is asked."""
        if not self._dispatch.has("on_action"):
            return False
        return await self._dispatch.action(Action("connect", url=url, source="the upstream of Codex")) is not None

    def beginnings(self, speaker: Speaker) -> list[bytes | memoryview]:
        """Beginnings of ``input`` arrays that need not be read again in a request of this speaker's."""
        return self._sessions.beginnings(speaker)

    def begin(
        self,
        incoming: Incoming,
        body: RequestBody,
        down: Downstream,
        *,
        link: Link | None = None,
        asked: Asked | None = None,
        interrupting: Interrupting | None = None,
    ) -> Passage:
        """Read a request against its thread. Raises MalformedBody for broken items."""
        # The items tell the thread only where nothing else does, and taking them out copies a megabyte.
        told = incoming.speaker.thread or incoming.speaker.origin != "compaction"
        items = b"" if told else body.input or b""
        thread = self._sessions.thread(incoming.speaker, items)
        reading = read_request(thread.ledger, incoming.speaker, body)
        self._sessions.trim()
        exchange = self._exchange(incoming, body, thread, reading)
        if self._transcripts is not None and reading.origin != "warmup" and self._transcripts.on:
            typed = reading.new_prompt
            down.witness = Witness(None if typed is None else typed.text)
        self.under_way += 1
        return Passage(incoming, body, thread, reading, exchange, down, link, asked, interrupting)

    async def answer(self, passage: Passage) -> None:
        """Answer a request, all but the message that ends it. Raises UpstreamCut where the client is to see a cut."""
        try:
            await self._answer(passage)
        except UpstreamCut:
            passage.error = "cut"
            raise
        except asyncio.CancelledError:
            # Codex hangs up as soon as it has read `response.completed`; nothing was lost then.
            passage.error = passage.error or (None if passage.complete else "client_gone")
            raise
        except BaseException:
            passage.error = "failed"
            raise

    async def close(self, passage: Passage) -> None:
        """Note how it ended, after the last byte; call it once for every passage."""
        self.under_way -= 1
        reading = passage.reading
        if passage.error is None and not passage.down.started:
            passage.error = "client_gone"  # before anything was done for it
        if (
            passage.error is None
            and not reading.speaker.turn
            and reading.prompt is not None
            and reading.key is not None
        ):
            reading.ledger.finish(reading.key)
        outcome = passage.outcome(self._clock())
        if self._transcripts is not None and passage.down.witness is not None:
            self._transcripts.keep(account_of(passage, passage.down.witness, outcome, time.time()))
        if reading.origin != "warmup" and self._dispatch.has("on_exchange_end"):
            await self._dispatch.exchange_end(passage.exchange, outcome)

    def _exchange(self, incoming: Incoming, body: RequestBody, thread: Thread, reading: Reading) -> Exchange:
        prompt = reading.new_prompt
        origin = reading.origin
        return Exchange(
            session=thread.session,
            turn=Turn(incoming.speaker.turn, origin),
            prompt=None if prompt is None else prompt.text,
            model=self._turns_model(reading) or body.text("model"),
            transport=incoming.transport,
            method=incoming.method,
            path=endpoint(incoming.path).decode("latin-1"),
            headers=incoming.seen,
            parse=body.parsed,
        )

    @staticmethod
    def _turns_model(reading: Reading) -> str | None:
        if reading.origin == "user":
            return reading.record.model if reading.record is not None else None
        return reading.ledger.model_of(reading.speaker.turn) if reading.origin == "tool" else None

    async def _answer(self, passage: Passage) -> None:
        decision = None
        if self._active:
            since = self._clock()
            news = passage.exchange.news = News()
            # As in a task of their own, and most often without one: what plugins set there is seen by nobody else.
            own = copy_context()
            waiting = own.run(self._decisions.decide, passage)
            if waiting is not None:
                task = asyncio.get_running_loop().create_task(waiting, context=own)
                decision = await passage.down.wait(task, news)
            news.over()
            passage.decided_s = max(0.0, passage.first_byte_by(self._clock()) - since)
        decision = decision or self._decisions.repeated(passage)
        if isinstance(decision, Refusal):
            passage.answered_by, passage.refusal = "refused", decision.code
            await local.refuse(decision, passage, self._ids)
        elif decision is not None:
            passage.answered_by = "local"
            await local.reply(decision, passage, self._ids)
        else:
            await self._asking.ask(passage)

    def ended_sessions(self, *, all: bool = False) -> list[Session]:
        """Sessions to report as ended."""
        return self._sessions.ended(all=all)
