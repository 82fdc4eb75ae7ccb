"""Reading the event stream as it grows: every entry after a fixed position, once, in order.

A reader that starts "at the end" starts at a different place each time it asks. So the position is given before
anything is requested, every request goes on from the last entry delivered, and after anything that could have changed
the stream underneath (a lost connection, a restarted server, a lag so long that the stream may have been trimmed) the
entry at the position must still be there with its chain, or the tail ends rather than skip.
"""

from collections.abc import Callable

from exchange.effects.ports import Log
from exchange.terms.stream import START, EventEntry, Head, format_id


class TailLost(Exception):
    """The stream no longer has the entry that was delivered last: it was trimmed, or it is not the stream it was.

    What was built from the tail must be built again, from a snapshot and a new position.
    """


async def read_on(log: Log, position: Head, count: int, wait_ms: int = 0, *, check: bool = True) -> list[EventEntry]:
    """Up to `count` entries that follow `position`; waits up to `wait_ms` for the first.

    Args:
        check: see that the position's entry is still there. It is done in any case when there are `count` entries: who
            is that far behind may be behind what is left of the stream. Before its first entry there is nothing to see.

    Raises:
        TailLost: see there.
        LogUnavailable.
    """
    entries = await log.events(position.id, count, wait_ms)
    if position.id != START and (check or len(entries) >= count):
        # After the read, so that what was read provably went on from the position.
        entry = await log.event(position.id)
        if entry is None or entry.chain != position.chain:
            raise TailLost(f"the event stream no longer has entry {format_id(position.id)} as it was read")
    return entries


class EventTail:
    """A tail over a log of its own (a read that waits holds up others).

    `position` is the last entry delivered; `connected` tells that nothing may have changed since the last request.
    """

    def __init__(
        self,
        log: Log,
        start: Head,
        deliver: Callable[[EventEntry], None],
        *,
        batch: int = 500,
        wait_ms: int = 1_000,
    ) -> None:
        self._log = log
        self._deliver = deliver
        self._batch = batch
        self._wait_ms = wait_ms
        self.position = start
        self.connected = False

    async def turn(self) -> int:
        """Read and deliver one batch, waiting for it if there is none; how many entries it had.

        Raises:
            LogUnavailable: nothing was delivered; the next turn goes on from the same position. Who catches this sets
                `connected` to false.
            TailLost: see there.
            Whatever `deliver` raises; the entry then counts as not delivered.
        """
        # Before the first batch and after a failure the position is checked even if nothing comes.
        wait_ms = self._wait_ms if self.connected else 0
        entries = await read_on(self._log, self.position, self._batch, wait_ms, check=not self.connected)
        self.connected = True
        for entry in entries:
            if entry.id <= self.position.id:
                raise TailLost(f"entry {format_id(entry.id)} came after {format_id(self.position.id)}")
            self._deliver(entry)
            self.position = Head(entry.id, entry.chain)
        return len(entries)
