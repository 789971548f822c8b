"""Compression of WebSocket messages (RFC 7692), with wsproto's gaps closed."""

from __future__ import annotations

import re
import zlib

from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

MESSAGE_LIMIT = 64 * 1024 * 1024
"""Bytes that one message may have; as large as a request body may be."""
# A message whose last block says that it is the last one ends with an empty block (RFC 7692, section 7.2.3.4).
_BEHIND_FINAL = 1
_FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
_WINDOWS = ("server_max_window_bits", "client_max_window_bits")
_BITS = re.compile(r"[89]|1[0-5]")
# zlib makes no smaller window, and reads what was made with one all the same.
_LEAST_BITS = 9


def parameters(extension: str, *, offered: bool) -> dict[str, int | None]:
    """The parameters of an offer, or of the answer to one. Raises ValueError for any that RFC 7692, 7.1 does not know.

    An offer that holds one is to be declined, and an answer that does ends the connection.
    """
    found: dict[str, int | None] = {}
    for part in extension.split(";")[1:]:
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if name in found:
            raise ValueError(f"{name} stands there twice")
        if not equals and (name in _FLAGS or (offered and name == "client_max_window_bits")):
            found[name] = None
        elif equals and name in _WINDOWS and _BITS.fullmatch(value):
            found[name] = int(value)
        else:
            raise ValueError(f"the parameter {part.strip()!r} is not known")
    return found


class Deflate(PerMessageDeflate):
    """permessage-deflate that lets a ping pass between two fragments, and unpacks no more than a message may have."""

    def __init__(self) -> None:
        super().__init__()
        self._control = False
        self._unpacked = 0

    def accept(self, offer: str) -> bool | str | None:
        """What is answered to an offer, None where it is declined."""
        try:
            parameters(offer, offered=True)
        except ValueError:
            return None
        # wsproto 1.3 takes a parameter that it does not know for one that is not there, and knows no quotes.
        return super().accept(offer.replace('"', ""))

    def finalize(self, offer: str) -> None:
        """Take the answer to our own offer. Raises ValueError for one that we did not ask for or cannot keep to."""
        agreed = parameters(offer, offered=False)
        self.server_no_context_takeover = "server_no_context_takeover" in agreed
        self.client_no_context_takeover = "client_no_context_takeover" in agreed
        self.server_max_window_bits = max(_LEAST_BITS, agreed.get("server_max_window_bits") or 15)
        self.client_max_window_bits = agreed.get("client_max_window_bits") or 15
        self._enabled = True

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
