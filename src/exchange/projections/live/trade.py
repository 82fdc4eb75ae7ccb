"""A trade as everybody may see it: the tape's smallest piece."""

from exchange.events.types import AuctionTrade, Trade
from exchange.terms.stream import StreamId
from exchange.terms.words import BUY, Side


class TapeTrade:
    """A trade: price, quantity and notional in smallest units, `ms` the time of its entry; `auction` when an uncrossing
    made it. `taker_order` is zero where it is not known (one's own fills out of the database)."""

    __slots__ = (
        "auction",
        "id",
        "market",
        "ms",
        "notional",
        "price",
        "quantity",
        "seq",
        "taker_order",
        "taker_side",
    )

    def __init__(
        self,
        id: int,
        market: str,
        seq: int,
        price: int,
        quantity: int,
        notional: int,
        taker_side: Side,
        ms: int,
        auction: bool = False,
        taker_order: int = 0,
    ) -> None:
        self.id = id
        self.market = market
        self.seq = seq
        self.price = price
        self.quantity = quantity
        self.notional = notional
        self.taker_side: Side = taker_side
        self.ms = ms
        self.auction = auction
        self.taker_order = taker_order


def tape_trade(id: StreamId, event: Trade | AuctionTrade) -> TapeTrade:
    """A trade event of the entry `id` as everybody may see it."""
    if isinstance(event, Trade):
        auction, taker = False, event.taker_order
    else:
        auction, taker = True, event.buy_order if event.taker_side == BUY else event.sell_order
    return TapeTrade(
        event.trade,
        event.market,
        event.seq,
        event.price,
        event.quantity,
        event.notional,
        event.taker_side,
        id[0],
        auction,
        taker,
    )
