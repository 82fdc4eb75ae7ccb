"""What goes along with a read: the connection's name before it, and the word of the server's replicas after it.

A replica's word is had in the same write as the read, so it costs no round trip of its own. WAIT speaks of what its own
client wrote: since Redis 7.2, and in Valkey, after a mere read it says yes at once, whatever others have written. So a
PUBLISH that nobody hears goes before it. It travels to the replicas behind everything that the read can have seen, and
leaves nothing in memory or in the append-only file; it works at the memory limit too.

What fewer replicas confirm than were asked for is given to nobody. Without replicas nothing is asked, at no cost.
"""

import os
from collections.abc import Callable, Generator, Sequence
from time import monotonic
from typing import Final, cast

from exchange.effects import redis_wire as wire
from exchange.effects.ports import EffectError, LogUnavailable
from exchange.effects.redis_wire import Refusal, Request
from exchange.terms.stream import START, StreamId, format_id

NAME_EVERY_S: Final = 1.0
"""A connection's name says how far its role had come, at most so long ago (while it reads)."""

WRITTEN_S: Final = 2.0
"""Redis holds a write back so long at most while an fsync is under way (`appendfsync everysec`)…"""
SYNCED_S: Final = 1.5
"""… and within a second of the write begins an fsync, unless an older one is still under way."""

_PATIENCE_S: Final = 15.0
_LOOK_S: Final = 0.1


class Reads:
    """How one connection asks for entries, and what must be true of the answer."""

    def __init__(self, channel: str, wait_ms: int, *, name: str = "", replicas: int = 0, on_disk: bool = False) -> None:
        """Nothing is asked yet.

        Args:
            channel: where the PUBLISH goes that nobody hears.
            wait_ms: how long the server may wait for its replicas.
            name: the role's word; empty: the connection has no name.
            replicas: how many must have what was read.
            on_disk: they, and the server, must have it on their disks.
        """
        self._name = f"exchange/{name}/{os.getpid()}" if name else ""
        self._named_at = monotonic()
        self._replicas = replicas
        self._on_disk = on_disk
        self._after = Request(b"", 0)
        if replicas:
            word = ("WAITAOF", 1, replicas, wait_ms) if on_disk else ("WAIT", replicas, wait_ms)
            self._after = Request(wire.request("PUBLISH", channel, "").packed + wire.request(*word).packed, 2)

    @property
    def greeting(self) -> tuple[Request, ...]:
        """What names a new connection, before it has read anything."""
        return (self._naming(START),) if self._name else ()

    def request(self, read: Request, position: StreamId) -> Request:
        """A read of what follows a position, and what goes along with it."""
        packed, replies = read
        if self._replicas:
            packed += self._after.packed
            replies += self._after.replies
        if self._name and monotonic() - self._named_at >= NAME_EVERY_S:
            self._named_at = monotonic()
            packed = self._naming(position).packed + packed
            replies += 1
        return Request(packed, replies)

    def reply(self, replies: Sequence[object]) -> object:
        """The reply to the read itself, if it may be shown.

        Raises:
            LogUnavailable: too few replicas have it.
            EffectError: the server refuses something.
        """
        for reply in replies:
            if isinstance(reply, Refusal):
                raise self._refused(str(reply))
        if self._replicas:
            self._see_confirmed(replies[-1])
        return replies[-1 - self._after.replies]

    def _naming(self, position: StreamId) -> Request:
        return wire.request("CLIENT", "SETNAME", f"{self._name}/{format_id(position)}")

    def _see_confirmed(self, word: object) -> None:
        local, confirmed = cast(list[int], word) if self._on_disk else (1, cast(int, word))
        if confirmed < self._replicas:
            raise LogUnavailable(
                f"{confirmed} of {self._replicas} replicas have {'on disk ' if self._on_disk else ''}what was read: "
                "nothing is shown until they do (EXCHANGE_REPLICAS)"
            )
        if not local:
            raise LogUnavailable("the stream server does not have on its own disk what was read")

    def _refused(self, text: str) -> EffectError:
        if self._on_disk and "WAITAOF" in text and text.startswith("ERR unknown command"):
            return EffectError("EXCHANGE_REPLICAS_ON_DISK needs WAITAOF: Redis 7.2 or newer, or Valkey")
        return wire.refused(text)


def settling(
    key: str, wait_ms: int, now: Callable[[], float] = monotonic
) -> Generator[Request | float, Sequence[object], None]:
    """What to do, until what was read before is on the server's own disk: requests, whose replies are to be sent in,
    and seconds to wait.

    Where the server has WAITAOF, a write of `key` and then WAITAOF: it speaks of its own client's writes, and so of all
    that came before. Under `appendfsync always` it answers at once. Else (an older server, no room or no right to
    write) INFO has to do: after `WRITTEN_S` what was read has been written, and two looks that are `SYNCED_S` apart
    without an fsync under way then mean that one began after that and ended.

    Raises:
        LogUnavailable: it is not known to be there.
    """
    written, synced = yield Request(
        wire.request("SET", key, "").packed + wire.request("WAITAOF", 1, 0, wait_ms).packed, 2
    )
    if not isinstance(written, Refusal) and not isinstance(synced, Refusal):
        if cast(list[int], synced)[0] < 1:
            raise LogUnavailable("the stream server has not written its log to the disk in time")
        return
    if "appendonly is disabled" in str(synced):
        raise LogUnavailable(_NO_FILE)
    deadline = now() + _PATIENCE_S
    yield WRITTEN_S
    looks = 0
    while now() < deadline:
        (reply,) = yield wire.request("INFO", "persistence")
        looks += _idle(reply)
        if looks == 2:
            return
        yield SYNCED_S if looks else _LOOK_S
    raise LogUnavailable("the stream server's disk does not keep up: no end of its fsync was seen")


_NO_FILE: Final = "the stream server keeps no append-only file: set appendonly yes"


def _idle(reply: object) -> bool:
    """Whether no fsync is under way, by INFO's reply.

    Raises:
        LogUnavailable: there is no append-only file, or it cannot be written.
        EffectError: INFO is refused.
    """
    if isinstance(reply, Refusal):
        raise wire.refused(str(reply))
    if wire.info_field(reply, "aof_enabled") != "1":
        raise LogUnavailable(_NO_FILE)
    if wire.info_field(reply, "aof_last_write_status") != "ok":
        raise LogUnavailable("the stream server cannot write its append-only file: see its log")
    return wire.info_field(reply, "aof_pending_bio_fsync") == "0"
