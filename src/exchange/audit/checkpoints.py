"""Checkpoints: a signed word on where the log stood.

    {"algorithm":"ed25519","chain":…,"entries":N,"format":"exchange-checkpoint-1","key":…,"log_id":…,
     "position":"ms-seq","signature":…,"time":ms}

The chain hash vouches for every byte before it, and so a checkpoint that somebody keeps elsewhere makes the whole
history up to it unchangeable, even for who holds the key. They are stored in `<home>/checkpoints/<position>.json`, the
file being the document; a name sorts by position.
"""

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.audit import signing
from exchange.audit.signing import HEX_32, Json, NotGenuine, Signer
from exchange.terms.stream import Head, StreamId, format_id, parse_id
from exchange.terms.words import LOG_ID_PATTERN

FORMAT: Final = "exchange-checkpoint-1"
FOLDER: Final = "checkpoints"
_MEMBERS: Final = frozenset({"format", "log_id", "position", "chain", "entries", "time"})
_NAME: Final = re.compile(r"([0-9]{20})-([0-9]{20})\.json", re.ASCII)
_MOST: Final = 2**63


@dataclass(frozen=True)
class Checkpoint:
    """Where the log `log_id` stood: at `head`, after `entries` entries. `time`: the signer's clock, milliseconds."""

    log_id: str
    head: Head
    entries: int
    time: int
    key: str
    document: Json

    @property
    def id(self) -> str:
        """The position, `ms-seq`."""
        return format_id(self.head.id)


def sign(signer: Signer, log_id: str, head: Head, entries: int, time_ms: int) -> Checkpoint:
    """Sign a position that was verified."""
    body: Json = {
        "format": FORMAT,
        "log_id": log_id,
        "position": format_id(head.id),
        "chain": head.chain.hex(),
        "entries": entries,
        "time": time_ms,
    }
    return Checkpoint(log_id, head, entries, time_ms, signer.public, signer.sign(body))


def verify(raw: bytes, key: str | None) -> Checkpoint:
    """The checkpoint that `key` signed; None: the key that it names, for who only passes it on.

    Raises:
        NotGenuine: the document is not genuine.
    """
    body = signing.verified(raw, key, _MEMBERS)
    if body["format"] != FORMAT:
        raise NotGenuine(f"its format is not {FORMAT}")
    log_id, entries, time_ms = body["log_id"], body["entries"], body["time"]
    if not isinstance(log_id, str) or LOG_ID_PATTERN.fullmatch(log_id) is None:
        raise NotGenuine("its log_id is not 32 hex digits")
    if not (_count(entries) and _count(time_ms)):
        raise NotGenuine("its entries or time are no numbers")
    head = read_head(body)
    return Checkpoint(log_id, head, int(str(entries)), int(str(time_ms)), str(body["key"]), body)


def read_head(body: Json) -> Head:
    """The position and chain that a document names.

    Raises:
        NotGenuine: it names none.
    """
    position, hash = body["position"], body["chain"]
    if not isinstance(position, str) or not isinstance(hash, str) or HEX_32.fullmatch(hash) is None:
        raise NotGenuine("its position or chain is malformed")
    try:
        id = parse_id(position)
    except ValueError as error:
        raise NotGenuine(str(error)) from error
    if format_id(id) != position:
        raise NotGenuine("its position is not written ms-seq")
    return Head(id, bytes.fromhex(hash))


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST


class Shelf:
    """The stored checkpoints of a home."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    def paths(self) -> list[Path]:
        """The files, newest position first."""
        try:
            found = [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        return sorted(found, reverse=True)

    def put(self, checkpoint: Checkpoint) -> Path:
        """Store a checkpoint; one that is there already stays.

        Raises:
            OSError: it cannot be written.
        """
        return write_once(self._folder / name_of(checkpoint.head.id), signing.canonical(checkpoint.document))

    def verified(self, key: str | None) -> Iterator[tuple[Path, Checkpoint]]:
        """The checkpoints, newest first.

        Raises:
            NotGenuine: one of them is not; the message begins with its path.
            OSError: one cannot be read.
        """
        for path in self.paths():
            try:
                checkpoint = verify(path.read_bytes(), key)
            except NotGenuine as error:
                raise NotGenuine(f"{path}: {error}") from error
            if path.name != name_of(checkpoint.head.id):
                raise NotGenuine(f"{path}: it is of {checkpoint.id}")
            yield path, checkpoint

    def newest(self, key: str | None) -> Checkpoint | None:
        """The newest checkpoint.

        Raises:
            NotGenuine, OSError.
        """
        return next((checkpoint for _, checkpoint in self.verified(key)), None)


def name_of(position: StreamId) -> str:
    """A checkpoint's file name; names sort by position."""
    return f"{position[0]:020d}-{position[1]:020d}.json"


def write_once(path: Path, content: bytes) -> Path:
    """Write a file that appears whole and on the disk, or leave the one that is there.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
    return path


def sync_folder(folder: Path) -> None:
    """Make a folder's names durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
