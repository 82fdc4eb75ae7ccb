"""Positions in the two streams and the entries that stand there.

One command has exactly one event entry, *with the same id*, so an id names both. An id is Redis's own:
milliseconds since the epoch and a sequence within that millisecond, written `ms-seq`
(Redis documentation, "Streams", entry ids).
"""

from typing import Final

from mypy_extensions import mypyc_attr

StreamId = tuple[int, int]
"""`(milliseconds, sequence)`; tuples compare in stream order."""

START: Final[StreamId] = (0, 0)
"""The id before the first entry; Redis never gives it to one."""

GENESIS_CHAIN: Final = bytes(32)
"""The chain hash before the first entry."""

_MAX_PART: Final = 2**64 - 1


def format_id(stream_id: StreamId) -> str:
    """Write an id as Redis does: `ms-seq`."""
    return f"{stream_id[0]}-{stream_id[1]}"


def parse_id(text: str) -> StreamId:
    """Read `ms-seq` (or `ms`, meaning `ms-0`).

    Raises:
        ValueError: the text is not a stream id.
    """
    ms, _, seq = text.partition("-")
    for part in (ms, seq or "0"):
        if not (part.isascii() and part.isdigit()):
            raise ValueError(f"not a stream id: {text!r}")
    parsed = (int(ms), int(seq or "0"))
    if parsed[0] > _MAX_PART or parsed[1] > _MAX_PART:
        raise ValueError(f"stream id out of range: {text!r}")
    return parsed


def previous(stream_id: StreamId) -> StreamId:
    """The largest id below one, so that reading after it begins with the one. Not for `START`, which has none below."""
    ms, seq = stream_id
    return (ms, seq - 1) if seq else (ms - 1, _MAX_PART)


@mypyc_attr(acyclic=True)
class CommandEntry:
    """One entry of the command stream, as it stands there.

    `fields` is the flat list name, value, name, value…; a well-formed entry is `[b"c", payload]`, but anyone who
    can append may append anything, and every entry gets its result.
    """

    def __init__(self, id: StreamId, fields: list[bytes]) -> None:
        self.id = id
        self.fields = fields


@mypyc_attr(acyclic=True)
class EventEntry:
    """One entry of the event stream: the result of the command with the same id.

    `payload` is the JSON text of its events; `chain` the 32-byte running hash up to and including this entry.
    """

    def __init__(self, id: StreamId, payload: bytes, chain: bytes) -> None:
        self.id = id
        self.payload = payload
        self.chain = chain


class Head:
    """A position with the chain hash there: what an engine has built up to, or what a stream ends on."""

    def __init__(self, id: StreamId, chain: bytes) -> None:
        self.id = id
        self.chain = chain

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Head) and self.id == other.id and self.chain == other.chain

    def __hash__(self) -> int:
        return hash((self.id, self.chain))

    def __repr__(self) -> str:
        return f"{format_id(self.id)}:{self.chain.hex()[:12]}"


def genesis_head() -> Head:
    """The head of an empty log."""
    return Head(START, GENESIS_CHAIN)
