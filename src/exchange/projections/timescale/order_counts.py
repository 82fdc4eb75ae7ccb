"""How many orders accounts placed on a day: what a gateway that starts in the middle of it cannot count itself."""

import sqlalchemy as sa

from exchange.projections.timescale.reads import Reads
from exchange.projections.timescale.schema import orders
from exchange.terms.stream import StreamId


class OrderCountReads(Reads):
    """Counts of orders; see `history`."""

    async def unfilled(self, since_ms: int, until: StreamId) -> dict[int, int]:
        """For each account how many of its orders that were placed from a moment on, up to a position, have not traded.

        Raises:
            DatabaseUnavailable, DatabaseRefused.
        """
        first = await self._first(since_ms)
        if first is None:
            return {}
        placed = sa.tuple_(orders.c.created_at, orders.c.created_entry)
        latest = sa.tuple_(
            sa.literal(until[0], orders.c.created_at.type), sa.literal(until[1], orders.c.created_entry.type)
        )
        query = sa.select(orders.c.account, sa.func.count().label("placed"))
        query = query.where(orders.c.id >= first, orders.c.filled == 0, placed <= latest).group_by(orders.c.account)
        return {row.account: row.placed for row in await self._rows(query)}

    async def _first(self, since_ms: int) -> int | None:
        """The first order from a moment on: numbers rise with time, so halving finds it without an index on times."""
        newest = await self._rows(sa.select(sa.func.max(orders.c.id).label("id")))
        low, high = 0, newest[0].id
        if high is None:
            return None
        found: int | None = None
        while low <= high:
            middle = (low + high) // 2
            query = sa.select(orders.c.id, orders.c.created_at).where(orders.c.id >= middle)
            (row,) = await self._rows(query.order_by(orders.c.id).limit(1))
            if row.created_at >= since_ms:
                found = row.id
                high = middle - 1
            else:
                low = row.id + 1
        return found
