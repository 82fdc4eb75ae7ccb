"""A candle: prices and sums of the trades of one interval, and how candles that follow one another become one."""

from collections.abc import Iterable

from exchange.projections.live.trade import TapeTrade
from exchange.terms.words import BUY


class Candle:
    """Prices and sums of one interval that begins at `ms`.

    Prices are quote units for one whole base unit, `volume` base units, `quote_volume` quote units; `trades` counts,
    `first_trade` and `last_trade` are the numbers that set open and close. `taker_volume` and `taker_quote_volume` are
    the part of the volumes in which the taker bought.
    """

    __slots__ = (
        "close",
        "first_trade",
        "high",
        "last_trade",
        "low",
        "ms",
        "open",
        "quote_volume",
        "taker_quote_volume",
        "taker_volume",
        "trades",
        "volume",
    )

    def __init__(
        self,
        ms: int,
        opened: int,
        high: int,
        low: int,
        close: int,
        volume: int,
        quote_volume: int,
        trades: int,
        first_trade: int,
        last_trade: int,
        taker_volume: int,
        taker_quote_volume: int,
    ) -> None:
        self.ms = ms
        self.open = opened
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume
        self.quote_volume = quote_volume
        self.trades = trades
        self.first_trade = first_trade
        self.last_trade = last_trade
        self.taker_volume = taker_volume
        self.taker_quote_volume = taker_quote_volume

    def add(self, trade: TapeTrade) -> None:
        """Count one more trade."""
        price = trade.price
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.volume += trade.quantity
        self.quote_volume += trade.notional
        self.trades += 1
        self.last_trade = trade.id
        if trade.taker_side == BUY:
            self.taker_volume += trade.quantity
            self.taker_quote_volume += trade.notional

    def join(self, part: "Candle") -> None:
        """Take in the candle of the interval that follows."""
        self.high = max(self.high, part.high)
        self.low = min(self.low, part.low)
        self.close = part.close
        self.volume += part.volume
        self.quote_volume += part.quote_volume
        self.trades += part.trades
        self.last_trade = part.last_trade
        self.taker_volume += part.taker_volume
        self.taker_quote_volume += part.taker_quote_volume


def first(ms: int, trade: TapeTrade) -> Candle:
    """The candle of one trade."""
    price = trade.price
    bought = trade.taker_side == BUY
    return Candle(
        ms,
        price,
        price,
        price,
        price,
        trade.quantity,
        trade.notional,
        1,
        trade.id,
        trade.id,
        trade.quantity if bought else 0,
        trade.notional if bought else 0,
    )


def flat(ms: int, price: int) -> Candle:
    """The candle of an interval without a trade: it stays where the one before closed."""
    return Candle(ms, price, price, price, price, 0, 0, 0, -1, -1, 0, 0)


def merge(ms: int, parts: Iterable[Candle]) -> Candle | None:
    """One candle out of those that follow one another, or None out of none."""
    whole: Candle | None = None
    for part in parts:
        if whole is None:
            whole = Candle(
                ms,
                part.open,
                part.high,
                part.low,
                part.close,
                part.volume,
                part.quote_volume,
                part.trades,
                part.first_trade,
                part.last_trade,
                part.taker_volume,
                part.taker_quote_volume,
            )
        else:
            whole.join(part)
    return whole
