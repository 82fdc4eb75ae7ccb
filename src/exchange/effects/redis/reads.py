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

from exchange.effects.ports import EffectError, LogUnavailable
from exchange.effects.redis import wire
from exchange.effects.redis.wire import Refusal, Request
from exchange.terms.stream import START, StreamId, format_id

NAME_EVERY_S: Final = 1.0
"""A connection's name says how far its role had come, at most so long ago (while it reads)."""

WRITTEN_S: Final = 2.0
"""Redis holds a write back so long at most while an fsync is under way (`appendfsync everysec`)…"""
SYNCED_S: Final = 1.2
"""… and begins one within a second of the write, unless an older one is still under way."""

_PATIENCE_S: Final = 15.0
_LOOK_S: Final = 0.02
_INFO: Final = wire.request("INFO", "persistence")


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
            words = [wire.request("PUBLISH", channel, ""), wire.request("WAIT", replicas, wait_ms)]
            if on_disk:
                # Not alone: asked the moment it hears of an entry, a replica has not synced it yet, and speaks again
                # only a second later.
                words.append(wire.request("WAITAOF", 1, replicas, wait_ms))
            self._after = Request(b"".join([word.packed for word in words]), len(words))

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


def settling(now: Callable[[], float] = monotonic) -> Generator[Request | float, Sequence[object], None]:
    """What to do under `appendfsync everysec`, until what was read before is on the server's own disk: requests, whose
    replies are to be sent in, and seconds to wait.

    WAITAOF would be made for this, but up to Valkey 9.1 it says yes as soon as the server has nothing left to write,
    whether an fsync followed or not. So INFO has to do. First all has been written: the server says that nothing waits,
    or `WRITTEN_S` have passed; and no fsync is under way. Then an fsync is seen to begin and end, or `SYNCED_S` pass,
    within which one began, and none is under way.

    Raises:
        LogUnavailable: it is not known to be there.
    """
    begun = now()
    written = 0.0
    seen = False
    while now() < begun + _PATIENCE_S:
        (reply,) = yield _INFO
        under_way, waits = _of_disk(reply)
        if not written:
            if not under_way and (not waits or now() >= begun + WRITTEN_S):
                written = now()
        elif under_way:
            seen = True
        elif seen or now() >= written + SYNCED_S:
            return
        yield _LOOK_S
    raise LogUnavailable("the stream server's disk does not keep up: no end of its fsync was seen")


def _of_disk(reply: object) -> tuple[bool, bool]:
    """INFO's word: whether an fsync is under way, and whether something waits to be written.

    Raises:
        LogUnavailable: there is no append-only file, or it cannot be written.
        EffectError: INFO is refused.
    """
    if isinstance(reply, Refusal):
        raise wire.refused(str(reply))
    if wire.info_field(reply, "aof_enabled") != "1":
        raise LogUnavailable("the stream server keeps no append-only file: set appendonly yes")
    if wire.info_field(reply, "aof_last_write_status") != "ok":
        raise LogUnavailable("the stream server cannot write its append-only file: see its log")
    return wire.info_field(reply, "aof_pending_bio_fsync") != "0", wire.info_field(reply, "aof_buffer_length") != "0"
