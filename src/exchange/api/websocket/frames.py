"""Frames that a server sends (RFC 6455, section 5): unmasked, whole, never compressed.

A frame is made once for a message and the same bytes are sent to all who get it. Compression is not offered: each
connection would need a compressor of its own, a window of memory for it, and the work done again for every subscriber.
"""

from struct import Struct
from typing import Final

_TEXT: Final = 0x81
_PING: Final = 0x89
_PONG: Final = 0x8A
_SHORT: Final = Struct("!BB")
_LONG: Final = Struct("!BBH")


def text(message: bytes) -> bytes:
    """A text frame; `message` is UTF-8."""
    length = len(message)
    if length < 126:
        return _SHORT.pack(_TEXT, length) + message
    if length < 1 << 16:
        return _LONG.pack(_TEXT, 126, length) + message
    return bytes((_TEXT, 127)) + length.to_bytes(8, "big") + message


def ping(payload: bytes) -> bytes:
    """A ping; the payload has at most 125 bytes."""
    return bytes((_PING, len(payload))) + payload


def pong(payload: bytes) -> bytes:
    """The answer to a ping, with its payload."""
    return bytes((_PONG, len(payload))) + payload
