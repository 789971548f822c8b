"""A look at an answer that goes by as it comes, for the few events of it that somebody is told of."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from ..protocol.events import Event
from ..protocol.splice import ENDINGS
from ..protocol.sse import Decoder, EventTooLarge
from .client import Client
from .skim import USUAL, Counting, Skim
from .transport import Answer, UpstreamCut

# One event as the API frames it; where anything is framed in another way the decoder looks at it. (A dot takes a
# fifth of what a set of characters does.)
_ONE = rb"event: (%b.++)\ndata: .*+\n\n"
_ANY = re.compile(_ONE % b"")


@lru_cache(maxsize=4)
def _run_of_others(types: frozenset[bytes]) -> re.Pattern[bytes]:
    """Matches events as the API frames them, up to the first one of these types; its group is the last one's type."""
    names = b"|".join(map(re.escape, sorted(types)))
    return re.compile(b"(?:%b)*" % (_ONE % (b"(?!(?:%b)\n)" % names)))


class Tap:
    """Passes an answer on to a client, and tells ``note`` of its events that are of one of the ``types``.

    For an answer in which nothing is changed or waited for: its bytes go out as they come, and no task wakes for any of
    them. ``note`` must not raise.
    """

    __slots__ = (
        "_answer",
        "_client",
        "_decoder",
        "_down",
        "_note",
        "_others",
        "_skim",
        "_too_large",
        "_types",
        "_usual",
    )

    def __init__(self, down: Counting, client: Client, types: frozenset[bytes], note: Callable[[Event], None]) -> None:
        self._down = down
        self._client = client
        self._types = types
        self._note = note
        self._others = _run_of_others(types).match
        self._skim = Skim(down, client)
        self._usual = b"" if USUAL in types else USUAL
        self._decoder: Decoder | None = None  # most answers need none
        self._answer: Answer | None = None
        self._too_large = ""

    async def pipe(self, answer: Answer) -> None:
        """Send the body, up to but without its end. Raises UpstreamCut as the upstream does, and EventTooLarge."""
        self._answer = answer
        client = self._client
        client.on_resume = answer.resume
        try:
            await answer.pipe(self._pass, passing=self._skim)
        except UpstreamCut:
            if not self._too_large:
                raise
        finally:
            client.on_resume = None
        if self._too_large:
            raise EventTooLarge(self._too_large)  # anew: the one that was caught leads back to here
        for event in self._decoder.close() if self._decoder is not None else ():
            self._tell(event)

    def _pass(self, data: bytes) -> bool:
        client, down = self._client, self._down
        first = down.first_byte_at is None
        try:
            ended = self._look(data, first)
        except EventTooLarge as error:
            self._too_large = str(error)
            if self._answer is not None:
                self._answer.close()
            return True
        down.count(len(data))
        if ended and client.way is not None:
            # The body's end most often follows at once, and goes into the same write.
            client.hold(b"%x\r\n%b\r\n" % (len(data), data))
            return True
        return client.write(data)

    def _look(self, data: bytes, first: bool) -> bool:
        """Tell of what is asked for in here; whether a response ends in it."""
        at, size, ended = 0, len(data), False
        if (self._decoder is None or self._decoder.idle) and data.find(b"\r") < 0:
            while at < size:
                run = self._others(data, at)
                if run is not None and run.end() > at:
                    at = run.end()
                    if not first:
                        # What the last events were, the next ones most often are; but not what an answer begins with.
                        self._usual = run[1]
                elif (one := _ANY.match(data, at)) is not None:
                    at = one.end()
                    ended = self._tell(Event(one[1].decode("utf-8", "replace"), raw=one[0])) or ended
                else:
                    break
        if at < size:
            decoder = self._decoder
            if decoder is None:
                decoder = self._decoder = Decoder(self._types)
                if at or not first:
                    decoder.begin()
            for event in decoder.feed(data[at:] if at else data):
                ended = self._tell(event) or ended
            if not decoder.idle:
                # What comes next goes on with an event, whatever it looks like.
                self._skim.expect(b"")
                return ended
        self._skim.expect(self._usual)
        return ended

    def _tell(self, event: Event) -> bool:
        if event.type:
            self._note(event)
        return event.type in ENDINGS
