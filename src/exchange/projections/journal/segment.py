"""A segment: a stretch of the log with both sides, packed. Pure.

    {"segment":1,"log_id":…,"number":…,"before":…,"before_chain":…,"first":…,"last":…,"chain":…,"entries":…,"raw":…,
     "packed":…}⏎                                       header: one line of JSON
    zlib data, `packed` bytes, `raw` bytes unpacked      the entries
    SHA-256 over every byte before it, 32 bytes          trailer

An entry is, all numbers big-endian and unsigned: milliseconds (8 bytes), sequence (8), mark (2), number of the
command's fields (4), each field as length (4) and bytes, the payload as length (4) and bytes. Chains are left out, they
are computed again; the mark is the first two bytes of the chain after the entry. So the trailer tells that a byte was
changed, and if somebody made the trailer anew, the first wrong mark tells in which entry.

Nothing is believed that was not checked, and nothing is unpacked beyond what the header says.
"""

import re
import struct
import zlib
from bisect import bisect_right
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import orjson

from exchange.commands.codec import frame
from exchange.effects.ports import EffectError
from exchange.events.codec import UnreadableEvent, chain, decode
from exchange.events.setup import LogOpened
from exchange.terms.stream import (
    START,
    CommandEntry,
    EventEntry,
    Head,
    StreamId,
    format_id,
    genesis_head,
    parse_id,
)

FORMAT: Final = 1
CLOSE_AT: Final = 16 * 1024 * 1024
"""A segment is closed when its entries come to so many bytes, whatever their number."""
LARGEST: Final = 1024 * 1024 * 1024 - 1
"""The most bytes that a segment unpacks to; a reader need not try more."""

_LEVEL: Final = 3
_ENTRY: Final = struct.Struct(">QQ2sI")
_LENGTH: Final = struct.Struct(">I")
_DIGEST: Final = 32
_LONGEST_HEADER: Final = 1_000
_NAME: Final = re.compile(r"([0-9]{20})-([0-9]{20})\.segment")
_OPENING: Final = b'"type":"log_opened"'


class SegmentDamaged(EffectError):
    """A segment is not what was written; `segment` is its name, `id` the entry in question, if it is known."""

    def __init__(self, segment: str, what: str, id: StreamId | None = None) -> None:
        self.segment = segment
        self.id = id
        super().__init__(f"segment {segment} is damaged: {what}. Put back a copy of it from a backup.")


class BrokenChain(Exception):
    """Entries that do not follow from what stands before them; `id` is the first that does not."""

    def __init__(self, id: StreamId, what: str) -> None:
        self.id = id
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment says of itself.

    `number` entries of the log come before the first one; `before` is the last of them (`genesis_head()` if none).
    `log_id` is empty while the log is not open. `raw` and `packed` are the bytes of the entries, unpacked and packed.
    """

    log_id: str
    number: int
    before: Head
    first: StreamId
    last: Head
    entries: int
    raw: int
    packed: int

    @property
    def total(self) -> int:
        """How many entries the log has up to the last one of this segment."""
        return self.number + self.entries

    def line(self) -> bytes:
        """As it stands in the segment, without the line end."""
        return orjson.dumps(
            {
                "segment": FORMAT,
                "log_id": self.log_id,
                "number": self.number,
                "before": format_id(self.before.id),
                "before_chain": self.before.chain.hex(),
                "first": format_id(self.first),
                "last": format_id(self.last.id),
                "chain": self.last.chain.hex(),
                "entries": self.entries,
                "raw": self.raw,
                "packed": self.packed,
            }
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment whose every byte was checked: commands and results side by side, in the log's order."""

    header: Header
    ids: list[StreamId]
    commands: list[CommandEntry]
    events: list[EventEntry]

    def covers(self, after: StreamId) -> bool:
        """Whether the entry that follows `after` is in here."""
        return self.header.before.id <= after < self.header.last.id

    def place(self, after: StreamId) -> int:
        """Where the first entry above `after` stands."""
        return bisect_right(self.ids, after)


def name_of(last: StreamId) -> str:
    """A segment's name, by the id of its last entry; names sort by position."""
    return f"{last[0]:020d}-{last[1]:020d}.segment"


def key_of(name: str) -> StreamId | None:
    """The id of the last entry of the segment with this name; None if it is no segment's name."""
    match = _NAME.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None


class Gathering:
    """A segment in the making: takes entries one by one, each provably the next.

    `number` entries of the log come before it; `head` is the last entry taken.
    """

    def __init__(self, before: Head, number: int, log_id: str) -> None:
        self._before = before
        self.number = number
        self._first: StreamId | None = None
        self._parts: list[bytes] = []
        self.log_id = log_id
        self.head = before
        self.entries = 0
        self.raw = 0

    def add(self, command: CommandEntry, entry: EventEntry) -> None:
        """Take the next entry and its command.

        Raises:
            BrokenChain: they do not follow; nothing was taken.
        """
        id = entry.id
        if command.id != id:
            raise BrokenChain(id, f"the entry's command is missing: the next command is {format_id(command.id)}")
        if id <= self.head.id:
            raise BrokenChain(id, f"it stands after {format_id(self.head.id)}")
        after = chain(self.head.chain, id, frame(command.fields), entry.payload)
        if after != entry.chain:
            raise BrokenChain(id, "its chain hash is not that of its command and payload after the entry before it")
        packed = _pack(command.fields, entry)
        if self.raw + len(packed) > LARGEST:
            raise BrokenChain(id, f"with {len(packed)} bytes it does not fit into a segment")
        if not self.log_id and _OPENING in entry.payload:
            self.log_id = _log_opened(entry.payload)
        self._parts.append(packed)
        self._first = self._first or id
        self.head = Head(id, after)
        self.entries += 1
        self.raw += len(packed)

    def close(self) -> tuple[Header, bytes]:
        """The segment of what was taken: its header, and all its bytes. At least one entry must have been."""
        if self._first is None:
            raise ValueError("a segment has at least one entry")
        body = zlib.compress(b"".join(self._parts), _LEVEL)
        header = Header(
            self.log_id, self.number, self._before, self._first, self.head, self.entries, self.raw, len(body)
        )
        data = b"%b\n%b" % (header.line(), body)
        return header, data + sha256(data).digest()


def read_header(name: str, data: bytes) -> Header:
    """The header of a segment of which at least the first line is given; what it says is not checked yet.

    Raises:
        SegmentDamaged: it cannot be read.
    """
    line, end, _ = data[:_LONGEST_HEADER].partition(b"\n")
    try:
        found: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        found = None
    if not end or not isinstance(found, dict):
        raise SegmentDamaged(name, "it does not begin with a segment's header")
    format = found.get("segment")
    if isinstance(format, int) and format > FORMAT:
        raise SegmentDamaged(name, f"it says that it has format {format}; this version reads {FORMAT}")
    try:
        header = Header(
            str(found["log_id"]),
            int(found["number"]),
            Head(parse_id(found["before"]), bytes.fromhex(found["before_chain"])),
            parse_id(found["first"]),
            Head(parse_id(found["last"]), bytes.fromhex(found["chain"])),
            int(found["entries"]),
            int(found["raw"]),
            int(found["packed"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        header = None
    if header is None or header.line() != line:
        raise SegmentDamaged(name, "its header is not one that was written")
    return header


def read(name: str, data: bytes) -> Segment:
    """Unpack a segment and check all of it.

    Raises:
        SegmentDamaged: anything is not as it was written; the entry is named when the damage can be told to be in one.
    """
    if sha256(memoryview(data)[:-_DIGEST]).digest() != data[-_DIGEST:]:
        raise SegmentDamaged(name, "its checksum does not hold, so it was cut or changed")
    header = read_header(name, data)
    if header.raw > LARGEST or header.entries < 1:
        raise SegmentDamaged(name, f"{header.entries} entries in {header.raw} bytes are none that were written")
    if header.before == genesis_head():
        if header.number:
            raise SegmentDamaged(name, f"it begins the log with entry number {header.number + 1}")
    elif header.before.id == START or not header.number:
        raise SegmentDamaged(name, "what it says of the entry before it makes no sense")
    body = memoryview(data)[data.index(b"\n") + 1 : -_DIGEST]
    return _entries(name, header, _unpacked(name, header, body))


def _unpacked(name: str, header: Header, body: memoryview) -> bytes:
    if len(body) != header.packed:
        raise SegmentDamaged(name, f"it has {len(body)} bytes of entries instead of {header.packed}")
    unpacking = zlib.decompressobj()
    try:
        raw = unpacking.decompress(body, header.raw + 1)
    except zlib.error as error:
        raise SegmentDamaged(name, f"its entries cannot be unpacked ({error})") from error
    if len(raw) != header.raw or not unpacking.eof or unpacking.unused_data:
        raise SegmentDamaged(name, f"its entries do not unpack to {header.raw} bytes")
    return raw


def _entries(name: str, header: Header, raw: bytes) -> Segment:
    ids: list[StreamId] = []
    commands: list[CommandEntry] = []
    events: list[EventEntry] = []
    last = header.before
    position = 0
    entry_at, length_at, head_size = _ENTRY.unpack_from, _LENGTH.unpack_from, _ENTRY.size
    try:
        for _ in range(header.entries):
            ms, seq, mark, count = entry_at(raw, position)
            position += head_size
            fields = []
            for _ in range(count + 1):  # the payload is the last
                start = position + 4
                position = start + length_at(raw, position)[0]
                fields.append(raw[start:position])
            payload = fields.pop()
            id = (ms, seq)
            if position > len(raw):
                raise SegmentDamaged(name, "its last entry is cut", id)
            after = chain(last.chain, id, frame(fields), payload)
            if id <= last.id or after[:2] != mark:
                raise SegmentDamaged(name, f"entry {format_id(id)} does not follow from the one before it", id)
            last = Head(id, after)
            ids.append(id)
            commands.append(CommandEntry(id, fields))
            events.append(EventEntry(id, payload, after))
    except struct.error as error:
        raise SegmentDamaged(name, f"it is cut after entry {format_id(last.id)}", last.id) from error
    if position != len(raw):
        raise SegmentDamaged(name, f"there is more after entry {format_id(last.id)}, its last", last.id)
    if ids[0] != header.first or last != header.last:
        raise SegmentDamaged(
            name, f"its entries do not begin and end as its header says, at {format_id(last.id)}", last.id
        )
    return Segment(header, ids, commands, events)


def _pack(fields: list[bytes], entry: EventEntry) -> bytes:
    size = _LENGTH.pack
    packed = [_ENTRY.pack(*entry.id, entry.chain[:2], len(fields))]
    for field in (*fields, entry.payload):
        packed += (size(len(field)), field)
    return b"".join(packed)


def _log_opened(payload: bytes) -> str:
    """The identity that an entry gave the log; empty if it gave none."""
    try:
        for event in decode(payload).events:
            if isinstance(event, LogOpened):
                return event.log_id
    except UnreadableEvent:
        pass  # it only looked like one
    return ""
