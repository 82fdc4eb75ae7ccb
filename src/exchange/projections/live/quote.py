"""What a market order would get now: the book walked as the engine would walk it.

Order by order, because the fee of each fill is rounded up on its own. Only what orders show counts: the hidden part of
an iceberg is nobody's to know. Nothing is promised: another order may come first.
"""

from exchange.engine.market import MAX_FILLS
from exchange.projections.live.records import LiveMarket
from exchange.projections.live.shapes import Json
from exchange.terms.amounts import FEE_SCALE, POINTS
from exchange.terms.words import BUY, SELL, Side


class Quote:
    """The result of a walk, in smallest units: `fillable` base, `total` quote, `fee` in the asset received.

    `complete` says whether the book holds all that was asked for, where a market order may take it.
    """

    def __init__(self) -> None:
        self.fillable = 0
        self.total = 0
        self.fee = 0
        self.worst: int | None = None
        self.complete = False


def walk(market: LiveMarket, kind: Side, quantity: int, quote_amount: int, taker_fee: int) -> Quote:
    """Take `quantity` (base units, on the lot) from the facing side, or as much as spends (a buy) or brings (a sell) a
    `quote_amount`; `taker_fee` is the rate in millionths."""
    quote = Quote()
    buys = kind == BUY
    scale = 10**market.base_decimals
    wanted, spend = quantity, quote_amount
    bounds = Bounds(market, buys)
    for level in market.side(SELL if buys else BUY).best_first():
        lot_cost = level.price * market.lot_size // scale
        for order in level.orders.values():
            if quote_amount:
                wanted = spend // lot_cost * market.lot_size
            if wanted and bounds.stop(level.price):
                return quote
            taken = min(wanted, order.shown)
            if taken:
                notional = level.price * taken // scale
                quote.fillable += taken
                quote.total += notional
                quote.fee += -(-(taken if buys else notional) * taker_fee // FEE_SCALE)
                quote.worst = level.price
                bounds.made += 1
                wanted -= taken
                spend -= notional
            if taken < order.shown:
                quote.complete = True
                return quote
    quote.complete = spend == 0 if quote_amount else wanted == 0
    return quote


class Bounds:
    """How far a market order may go now: the band of its side, the market's slippage cap, the number of its trades
    (docs/rules.md, Matching). `made` counts the trades."""

    def __init__(self, market: LiveMarket, buys: bool) -> None:
        limits = market.limits
        reference = market.last or limits.reference
        self._high = reference * (limits.bid_up if buys else limits.ask_up)
        self._low = reference * (limits.bid_down if buys else limits.ask_down)
        best = market.side(SELL if buys else BUY).best()
        self._worst = 0
        if limits.slippage_bps and best is not None:
            self._worst = best.price * (POINTS + (limits.slippage_bps if buys else -limits.slippage_bps))
        self._buys = buys
        self._most = limits.max_fills or MAX_FILLS
        self.made = 0

    def stop(self, price: int) -> bool:
        """Whether it may not go on at a price."""
        scaled = price * POINTS
        if (self._high and scaled > self._high) or (self._low and scaled < self._low):
            return True
        if self._worst and (scaled > self._worst if self._buys else scaled < self._worst):
            return True
        return self.made >= self._most


def shape(market: LiveMarket, kind: Side, quantity: int, quote_amount: int, quote: Quote) -> Json:
    """A quote as `docs/api.md` shows it."""
    form = market.format
    buys = kind == BUY
    return {
        "market": market.name,
        "kind": kind,
        "quantity": form.quantity(quantity) if quantity else None,
        "quote_amount": form.quote(quote_amount) if quote_amount else None,
        "fillable_quantity": form.quantity(quote.fillable),
        "average_price": form.average(quote.total, quote.fillable) if quote.fillable else None,
        "worst_price": None if quote.worst is None else form.price(quote.worst),
        "total": form.quote(quote.total),
        "fee": form.base(quote.fee) if buys else form.quote(quote.fee),
        "fee_asset": market.base if buys else market.quote,
        "complete": quote.complete,
        "seq": market.seq,
    }
