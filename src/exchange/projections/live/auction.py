"""What a call auction would come to now: the engine's own rule, asked on the view's book.

Only what crosses is looked at: no other level can be in the price. What icebergs hide counts (docs/rules.md, Call
auction).
"""

from exchange.engine.auction import uncross_price
from exchange.projections.live.book import BookSide
from exchange.projections.live.records import LiveMarket
from exchange.projections.live.shapes import Json
from exchange.terms.words import AUCTION


def indicative(market: LiveMarket) -> tuple[int, int]:
    """Price (quote units) and quantity (base units) at which the market would be uncrossed now; both zero when nothing
    crosses or it is in no auction."""
    bid, ask = market.bids.best(), market.asks.best()
    if market.status != AUCTION or bid is None or ask is None or bid.price < ask.price:
        return 0, 0
    ticks, lots = uncross_price(
        _levels(market, market.bids, ask.price, bid.price),
        _levels(market, market.asks, ask.price, bid.price),
        (market.last or market.limits.reference) // market.tick_size,
    )
    return ticks * market.tick_size, lots * market.lot_size


def _levels(market: LiveMarket, side: BookSide, low: int, high: int) -> list[tuple[int, int]]:
    """The levels from `low` to `high` in ticks and lots, best first."""
    found: list[tuple[int, int]] = []
    for level in side.best_first():
        if not low <= level.price <= high:
            break
        found.append((level.price // market.tick_size, (level.quantity + level.hidden) // market.lot_size))
    return found


def shape(market: LiveMarket, outcome: tuple[int, int] | None) -> Json:
    """A market's auction as `docs/api.md` shows it; `outcome` is what one that has just ended came to."""
    form = market.format
    price, quantity = indicative(market)
    return {
        "market": market.name,
        "status": market.status,
        "indicative_price": form.price(price) if price else None,
        "indicative_quantity": form.quantity(quantity) if price else None,
        "uncrossed_price": form.price(outcome[0]) if outcome and outcome[1] else None,
        "uncrossed_quantity": None if outcome is None else form.quantity(outcome[1]),
        "seq": market.seq,
    }
