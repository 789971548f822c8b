"""Compression of WebSocket messages (RFC 7692), with wsproto's gaps closed."""

from __future__ import annotations

import zlib

from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

MESSAGE_LIMIT = 64 * 1024 * 1024
"""Bytes that one message may have; as large as a request body may be."""
# A message whose last block says that it is the last one ends with an empty block (RFC 7692, section 7.2.3.4).
_BEHIND_FINAL = 1


class Deflate(PerMessageDeflate):
    """permessage-deflate that lets a ping pass between two fragments, and unpacks no more than a message may have."""

    def __init__(self) -> None:
        super().__init__()
        self._control = False
        self._unpacked = 0

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """A frame begins; a control frame is no part of the message that it comes within."""
        # wsproto 1.3 forgets at a ping that the message around it is compressed, and takes the rest of it as it is.
        self._control = opcode.iscontrol()
        if self._control:
            return CloseReason.PROTOCOL_ERROR if rsv.rsv1 else RsvBits(False, False, False)
        return super().frame_inbound_header(proto, opcode, rsv, payload_length)

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        """Unpack a part of a message, up to the first byte too much."""
        decompressor = self._decompressor
        if self._control or not self._inbound_compressed or decompressor is None:
            return data
        try:
            found = decompressor.decompress(data, MESSAGE_LIMIT - self._unpacked + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        if len(decompressor.unused_data) > _BEHIND_FINAL:
            # Each further piece would be kept as well, and copied with all before it.
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._unpacked += len(found)
        return CloseReason.MESSAGE_TOO_BIG if self._unpacked > MESSAGE_LIMIT else found

    def frame_inbound_complete(self, proto: FrameDecoder | FrameProtocol, fin: bool) -> bytes | CloseReason | None:
        """A frame is over, and with ``fin`` the message."""
        if self._control:
            return None
        if fin:
            self._unpacked = 0
        found = super().frame_inbound_complete(proto, fin)
        if fin and self._decompressor is not None and self._decompressor.eof:
            # It would take the next message for something behind this one.
            self._decompressor = None
        return found
