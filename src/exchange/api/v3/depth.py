"""The answer to `depth`, written once for all who ask while the book stands.

It is the most polled of all answers. What is kept is JSON text by market and limit, for the limits that clients use,
and is good as long as the market's sequence is what it was written at.
"""

from typing import Final

from exchange.projections.live.records import LiveMarket
from exchange.projections.live.written import levels

KEPT: Final = frozenset([5, 10, 20, 50, 100, 500, 1000, 5000])


class DepthAnswers:
    """The answers of one gateway; a market's are forgotten with the first change of its book."""

    def __init__(self) -> None:
        self._written: dict[str, tuple[LiveMarket, int, dict[int, bytes]]] = {}

    def depth(self, of: LiveMarket, limit: int) -> bytes:
        """A market's best `limit` levels, as JSON."""
        if limit not in KEPT:
            return _write(of, limit)
        known = self._written.get(of.name)
        if known is None or known[0] is not of or known[1] != of.seq:
            known = self._written[of.name] = (of, of.seq, {})
        written = known[2].get(limit)
        if written is None:
            written = known[2][limit] = _write(of, limit)
        return written


def _write(of: LiveMarket, limit: int) -> bytes:
    bids, asks = levels(of.bids, of.format, limit), levels(of.asks, of.format, limit)
    return f'{{"lastUpdateId":{of.seq},"bids":{bids},"asks":{asks}}}'.encode()
