"""WebSocket messages over a connection's bytes, from either side: frames, fragments, compression, pings, closing."""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Sequence

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import FrameProtocol, Opcode, RsvBits, XorMaskerSimple
from wsproto.handshake import client_extensions_handshake, server_extensions_handshake
from wsproto.utilities import RemoteProtocolError, split_comma_header

from .pipes import Channel


class Frames:
    """One side of a WebSocket whose handshake is done."""

    def __init__(self, channel: Channel, *, client: bool, deflate: PerMessageDeflate | None = None) -> None:
        self.channel = channel
        self.pongs: list[bytes] = []
        """What pings were answered with."""
        self.pings: list[bytes] = []
        """The pings of the other side; each was answered."""
        self.compressed = deflate is not None
        self.left: tuple[int, str] | None = None
        """The code and reason of the other side's close frame."""
        self.broken: str | None = None
        """Which rule of the protocol the other side broke."""
        self._client = client
        self._deflate = deflate
        extensions = [] if deflate is None else [deflate]
        self._protocol = Connection(ConnectionType.CLIENT if client else ConnectionType.SERVER, list(extensions))
        # Only for the extension, which wants to know for which side it compresses.
        self._side = FrameProtocol(client, [])
        self._parts: list[bytes] = []
        self._whole: deque[bytes] = deque()

    @property
    def open(self) -> bool:
        """Whether neither side has sent a close frame."""
        return self._protocol.state is ConnectionState.OPEN and self.broken is None

    async def receive(self) -> bytes | None:
        """The next whole message; None when the other side has ended, by a close frame (``left``) or without one.

        Raises ConnectionError where the connection broke.
        """
        while not self._whole:
            if not self.open:
                return None
            data = await self.channel.read()
            if not data:
                return None
            self._protocol.receive_data(data)
            self._read()
        return self._whole.popleft()

    def send(self, message: bytes, fragment: int | None = None) -> bool:
        """Send a text message, in fragments of so many bytes if asked; False where ``drain`` is due."""
        if not self.open:
            return True
        size = fragment or max(len(message), 1)
        pieces = [message[start : start + size] for start in range(0, len(message), size)] or [b""]
        last = len(pieces) - 1
        wire = [
            self._frame(Opcode.CONTINUATION if at else Opcode.TEXT, piece, fin=at == last)
            for at, piece in enumerate(pieces)
        ]
        return self.channel.write(b"".join(wire))

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping."""
        if self.open:
            self.channel.write(self._protocol.send(Ping(payload)))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame, then end the connection."""
        if self.open:
            self.channel.write(self._protocol.send(CloseConnection(code, reason)))
        self.channel.close()

    def _read(self) -> None:
        for event in self._protocol.events():
            if isinstance(event, (TextMessage, BytesMessage)):
                self._parts.append(event.data.encode() if isinstance(event, TextMessage) else bytes(event.data))
                if event.message_finished:
                    self._whole.append(b"".join(self._parts))
                    self._parts.clear()
            elif isinstance(event, Ping):
                self.pings.append(bytes(event.payload))
                if self.open:
                    self.channel.write(self._protocol.send(event.response()))
            elif isinstance(event, Pong):
                self.pongs.append(bytes(event.payload))
            elif isinstance(event, CloseConnection):
                self._closing(event)

    def _closing(self, event: CloseConnection) -> None:
        if self._protocol.state is ConnectionState.OPEN:
            # wsproto's way to say that the bytes are no WebSocket.
            self.channel.write(self._protocol.send(CloseConnection(event.code)))
            self.broken = event.reason or "unknown"
            return
        self.left = (int(event.code), event.reason or "")
        if self._protocol.state is ConnectionState.REMOTE_CLOSING:
            self.channel.write(self._protocol.send(event.response()))

    def _frame(self, opcode: Opcode, payload: bytes, *, fin: bool) -> bytes:
        # wsproto cuts texts between characters only; a real peer may cut inside one, and Raw steps need not be text.
        rsv = RsvBits(False, False, False)
        if self._deflate is not None:
            rsv, payload = self._deflate.frame_outbound(self._side, opcode, rsv, payload, fin)
        size = len(payload)
        masked = 0x80 if self._client else 0
        head = bytes([fin << 7 | rsv.rsv1 << 6 | opcode])
        if size < 126:
            head += bytes([masked | size])
        elif size < 65536:
            head += struct.pack("!BH", masked | 126, size)
        else:
            head += struct.pack("!BQ", masked | 127, size)
        if not self._client:
            return head + payload
        key = os.urandom(4)
        return head + key + bytes(XorMaskerSimple(key).process(bytearray(payload)))


def accept_deflate(offers: str) -> tuple[PerMessageDeflate, str] | None:
    """The server's side: compression as offered, and the header value that agrees to it; None where none was."""
    extension = PerMessageDeflate()
    agreed = server_extensions_handshake(split_comma_header(offers.encode("latin-1")), [extension])
    return None if agreed is None else (extension, agreed.decode("latin-1"))


def agreed_deflate(accepted: str | None) -> PerMessageDeflate | None:
    """The client's side: compression as the server agreed to it. Raises ConnectionError for what was not offered."""
    if not accepted:
        return None
    extension = PerMessageDeflate()
    try:
        found: Sequence[object] = client_extensions_handshake(
            split_comma_header(accepted.encode("latin-1")), [extension]
        )
    except RemoteProtocolError as error:
        raise ConnectionError(str(error)) from error
    return extension if found else None
