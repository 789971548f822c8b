"""The newest views of clients that name no thread: each request is a thread of its own, and reads what it repeats."""

from __future__ import annotations

from .view import ClientView

KEEP_VIEWS = 8
"""As many such clients can take turns."""
KEEP_BYTES = 16 * 1024 * 1024
"""Bytes that all of them may take, the items' own and what is kept beside them."""
_BESIDE = 512
"""Bytes that are kept beside an item: its key, and where it stands."""


class UnnamedViews:
    """Views that were read of such clients' requests, to begin the next one with what it says again, byte for byte.

    Only what the client said is shared: what was decided about it stays with the one request.
    """

    def __init__(self) -> None:
        self._views: list[ClientView] = []
        self.nothing = ClientView()
        """What a thread holds before its one request is read; nobody adds to it."""

    @property
    def beginnings(self) -> list[bytes | memoryview]:
        """What the next request's ``input`` array may begin with."""
        return [view.beginning for view in self._views]

    def read(self, array: bytes | memoryview, begins: bytes | memoryview = b"") -> ClientView:
        """A new view of a request's ``input`` array, known to begin with ``begins``. Raises MalformedBody."""
        known = next((view for view in self._views if view.beginning is begins), None)
        if known is None:
            array = bytes(array)
            known = max((view for view in self._views if view.begins(array)), key=len, default=None)
        view = ClientView() if known is None else known.copy()
        view.grow(array, begins if known is None else known.beginning)
        if known is not None:
            self._views.remove(known)
        if known is not None and len(known) == len(view):
            self._views.insert(0, known)
            return view
        view.look_around()
        # A copy: what is parsed and decided in this request goes with it.
        self._views.insert(0, view.copy())
        del self._views[KEEP_VIEWS:]
        while sum(view.size + _BESIDE * len(view) for view in self._views) > KEEP_BYTES:
            self._views.pop()
        return view
