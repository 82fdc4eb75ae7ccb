"""Snapshot files: a machine's rows, wrapped so that damage shows.

    {"snapshot":1,"format":…,"log_id":…,"head":"ms-seq","chain":…,"version":…,"created":…}   header
    [[row],[row],…]                                                                          rows, many a line
    {"sha256":…}                                                                             trailer

The trailer's hash covers every byte before it, line ends included, and header and trailer keep their form in every
future format: so a file that was cut or changed is told from one of a newer format. Rows stand many to a line because
parsing a million short lines takes seconds. A snapshot only counts for a log if the entry that it names stands in the
event stream with the same chain; that is `recovery`'s to check.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Final

import orjson

from exchange import __version__
from exchange.commands.types import RULES
from exchange.effects.ports import Log, SnapshotStore
from exchange.engine import Machine
from exchange.engine.snapshot import FORMAT, SnapshotError, format_of, restore, rows
from exchange.terms.stream import Head, StreamId, format_id, parse_id, previous

ENVELOPE: Final = 1
"""The version of the lines around the rows."""

_ROWS_A_LINE: Final = 1000
_NAME: Final = re.compile(r"([0-9]{20})-([0-9]{20})\.snapshot")


class Damaged(Exception):
    """A snapshot that cannot be used; the message says why."""


class TooNew(Exception):
    """A whole snapshot of a format, or of rules, that this version does not know."""


@dataclass(frozen=True)
class Header:
    """What a snapshot says of itself: of which log, at which position, written when (milliseconds) and by what."""

    format: int
    log_id: str
    head: Head
    version: str
    created: int


def name_of(position: StreamId) -> str:
    """A snapshot's name; names sort by position."""
    return f"{position[0]:020d}-{position[1]:020d}.snapshot"


def position_of(name: str) -> StreamId:
    """The position in a snapshot's name.

    Raises:
        ValueError: it is no snapshot's name.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"not a snapshot's name: {name!r}")
    return int(match[1]), int(match[2])


def state_hash(machine: Machine) -> str:
    """SHA-256 over the machine's canonical rows, one JSON array a line: equal states, equal positions, equal hash."""
    digest = sha256()
    for row in rows(machine):
        digest.update(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return digest.hexdigest()


def encode(machine: Machine, created: int) -> Iterator[bytes]:
    """A machine as the lines of a snapshot, without line ends. The machine must not step meanwhile.

    Args:
        created: wall time, milliseconds since the epoch; told to people, never used.
    """
    digest = sha256()
    header = orjson.dumps(
        {
            "snapshot": ENVELOPE,
            "format": format_of(machine.state),
            "log_id": machine.state.log_id,
            "head": format_id(machine.head.id),
            "chain": machine.head.chain.hex(),
            "version": __version__,
            "created": created,
        }
    )
    digest.update(header + b"\n")
    yield header
    source = rows(machine)
    while batch := list(islice(source, _ROWS_A_LINE)):
        line = orjson.dumps(batch)
        digest.update(line + b"\n")
        yield line
    yield _trailer(digest.hexdigest())


def _trailer(checksum: str) -> bytes:
    return orjson.dumps({"sha256": checksum})


def verify(lines: Iterable[bytes]) -> Header:
    """Check that a snapshot is whole and unchanged, without building its state.

    Raises:
        Damaged: it is not.
        TooNew: it is, and of a newer format.
    """
    digest = sha256()
    first: bytes | None = None
    last: bytes | None = None
    for line in lines:
        if last is None:
            first = line
        else:
            digest.update(last + b"\n")
        last = line
    if first is None:
        raise Damaged("it is empty")
    if last != _trailer(digest.hexdigest()):
        raise Damaged("its checksum does not hold: it was cut or changed")
    return _header(first)


def build(header: Header, lines: list[bytes]) -> Machine:
    """Build the machine of a snapshot that `verify` found whole.

    Raises:
        Damaged: the rows do not describe a machine at the position that the header names.
        TooNew: they do, and it follows newer rules.
    """
    try:
        machine = restore(row for line in lines[1:-1] for row in orjson.loads(line))
    except (SnapshotError, orjson.JSONDecodeError) as error:
        raise Damaged(str(error)) from error
    if machine.head != header.head or machine.state.log_id != header.log_id:
        raise Damaged("its header and its rows name different positions or logs")
    if machine.state.rules > RULES:
        raise TooNew(f"its log follows rules {machine.state.rules}, this version knows rules up to {RULES}")
    return machine


async def anchored(log: Log, head: Head) -> bool:
    """Whether the log still has the entry and the command of this position, the entry with the same chain.

    Both are asked for: an XREAD from an id that was trimmed away goes on with what is left, without an error.

    Raises:
        LogUnavailable.
    """
    entry = await log.event(head.id)
    if entry is None or entry.chain != head.chain:
        return False
    commands = await log.commands(previous(head.id), 1)
    return bool(commands) and commands[0].id == head.id


def take(machine: Machine, store: SnapshotStore, created: int) -> str:
    """Write a snapshot of a machine that stands at a confirmed position, read it back and verify it; one that is
    there already, and whole, is left as it is.

    Returns:
        Its name.

    Raises:
        OSError: it could not be written.
        Damaged: the store gives back something else than was written.
    """
    name = name_of(machine.head.id)
    if name in store.names() and _holds(store, name, machine.head):
        return name
    store.write(name, encode(machine, created))
    if not _holds(store, name, machine.head):
        raise Damaged(f"{name} does not read back as it was written")
    return name


def _holds(store: SnapshotStore, name: str, head: Head) -> bool:
    try:
        return verify(store.read(name)).head == head
    except (OSError, Damaged, TooNew):
        return False


async def prune(log: Log, store: SnapshotStore, keep: int) -> list[str]:
    """Delete what is older than the `keep` (at least two) newest valid snapshots, and give the names.

    Valid is what a start-up could use: whole, and anchored in the log. What is not valid does not count, so that the
    newest two valid ones are never deleted, whatever lies beside them.

    Raises:
        LogUnavailable: nothing was deleted.
    """
    valid = 0
    deleted = []
    for name in store.names():
        if valid >= max(keep, 2):
            store.delete(name)
            deleted.append(name)
            continue
        try:
            header = verify(store.read(name))
        except (OSError, Damaged, TooNew):
            continue
        if await anchored(log, header.head):
            valid += 1
    return deleted


def _header(line: bytes) -> Header:
    try:
        body: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Damaged("its header cannot be read")
    envelope, format = body.get("snapshot"), body.get("format")
    if not isinstance(envelope, int) or not isinstance(format, int):
        raise Damaged("it does not begin with a snapshot's header")
    if envelope > ENVELOPE or format > FORMAT:
        raise TooNew(f"it has format {envelope}.{format}, this version reads up to {ENVELOPE}.{FORMAT}")
    log_id, head, chain = body.get("log_id"), body.get("head"), body.get("chain")
    version, created = body.get("version"), body.get("created")
    if not (isinstance(log_id, str) and isinstance(head, str) and isinstance(chain, str)):
        raise Damaged("its header lacks the log or the position")
    if not (isinstance(version, str) and isinstance(created, int)):
        raise Damaged("its header lacks the version or the date")
    try:
        return Header(format, log_id, Head(parse_id(head), bytes.fromhex(chain)), version, created)
    except ValueError as error:
        raise Damaged(f"its header names no position: {error}") from error
