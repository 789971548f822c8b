"""What was said on one side of a WebSocket connection, by the response ids that later requests go on from."""

from __future__ import annotations

KEEP = 16
"""Response ids that are remembered; Codex goes on from the newest, or from its warm-up."""


class Lineage:
    """The items of one connection, client's or upstream's, as one growing text, and where in it each response ended.

    Items are joined by commas, without the array's brackets. Ids that belong to another text are forgotten as soon as
    the conversation takes another turn: what is unknown here is sent as a whole, which is always legal.
    """

    __slots__ = ("_ends", "_text")

    def __init__(self) -> None:
        self._text = b""
        self._ends: dict[str, int] = {}

    def after(self, response_id: str) -> bytes | None:
        """Everything up to the end of a response; None for an unknown one."""
        end = self._ends.get(response_id)
        return None if end is None else self._text[:end]

    def going_on(self, items: bytes) -> tuple[str, bytes]:
        """The newest response and what ``items`` add to it; ``""`` and all of them where they do not go on from it.

        Older ones are of no use here: an API that stores nothing need not remember more than the newest.
        """
        found = next(reversed(self._ends), "")
        end = self._ends.get(found, 0)
        if not found or not self._begins(items, end):
            return "", items
        return found, items[end + (end > 0) :]

    def forget(self) -> None:
        """Go on from nothing any more."""
        self._ends.clear()

    def said(self, response_id: str, items: bytes) -> None:
        """Note that after this response the items are ``items``."""
        # Where the text of the furthest end is the same, so is that of all others. Most often it is all of the text.
        for known in sorted(self._ends, key=self._ends.__getitem__, reverse=True):
            if self._begins(items, self._ends[known]):
                break
            del self._ends[known]
        self._text = items
        self._ends.pop(response_id, None)
        self._ends[response_id] = len(items)
        while len(self._ends) > KEEP:
            del self._ends[next(iter(self._ends))]

    def _begins(self, items: bytes, end: int) -> bool:
        if end > len(items) or (0 < end < len(items) and items[end : end + 1] != b","):
            return False
        return items.startswith(self._text[:end])


def joined(*parts: bytes) -> bytes:
    """Runs of items as one."""
    return b",".join(filter(None, parts))
