"""Market data as the venue shows it (Binance: rest-api.md, "Market Data endpoints"): one function for each shape.

Prices and quantities have all the decimals of their assets, which exchangeInfo tells as precisions. Every time is
milliseconds times `unit`. An interval without a trade stays at the last price before it, zero where there is none.
"""

from exchange.projections.live.aggregates import Aggregate
from exchange.projections.live.book import BookSide
from exchange.projections.live.candle import Candle, flat
from exchange.projections.live.formatting import MarketFormat
from exchange.projections.live.records import LiveMarket
from exchange.projections.live.tape import DAY_MS, MINUTE_MS, MarketTape
from exchange.projections.live.trade import TapeTrade
from exchange.terms.amounts import format_decimal
from exchange.terms.words import SELL

Json = dict[str, object]

AVERAGE_MINUTES = 5
"""The average price is that of so many minutes."""


def levels(side: BookSide, form: MarketFormat, limit: int) -> list[list[str]]:
    """The best `limit` levels of a side: price and quantity."""
    shown: list[list[str]] = []
    for level in side.best_first():
        if len(shown) == limit:
            break
        shown.append([form.quote(level.price), form.base(level.quantity)])
    return shown


def depth(of: LiveMarket, limit: int) -> Json:
    """The best `limit` levels of both sides."""
    form = of.format
    return {
        "lastUpdateId": of.seq,
        "bids": levels(of.bids, form, limit),
        "asks": levels(of.asks, form, limit),
    }


def best(of: LiveMarket) -> tuple[str, str, str, str]:
    """Bid price and quantity, ask price and quantity; zeros where there is none."""
    form = of.format
    bid, ask = of.bids.best(), of.asks.best()
    return (
        form.quote(0 if bid is None else bid.price),
        form.base(0 if bid is None else bid.quantity),
        form.quote(0 if ask is None else ask.price),
        form.base(0 if ask is None else ask.quantity),
    )


def book_ticker(symbol: str, of: LiveMarket) -> Json:
    """The best prices."""
    bid, bids, ask, asks = best(of)
    return {"symbol": symbol, "bidPrice": bid, "bidQty": bids, "askPrice": ask, "askQty": asks}


def trade(shown: TapeTrade, of: LiveMarket, unit: int = 1) -> Json:
    """A trade."""
    form = of.format
    return {
        "id": shown.id,
        "price": form.quote(shown.price),
        "qty": form.base(shown.quantity),
        "quoteQty": form.quote(shown.notional),
        "time": shown.ms * unit,
        "isBuyerMaker": shown.taker_side == SELL,
        "isBestMatch": True,
    }


def aggregate(shown: Aggregate, of: LiveMarket, unit: int = 1) -> Json:
    """An aggregate trade; the same fields in answers and in streams."""
    form = of.format
    return {
        "a": shown.first,
        "p": form.quote(shown.price),
        "q": form.base(shown.quantity),
        "f": shown.first,
        "l": shown.last,
        "T": shown.ms * unit,
        "m": shown.taker_side == SELL,
        "M": True,
    }


def kline(shown: Candle, end_ms: int, of: LiveMarket, unit: int = 1) -> list[object]:
    """A candle that ends before `end_ms`, as answers have it."""
    form = of.format
    return [
        shown.ms * unit,
        form.quote(shown.open),
        form.quote(shown.high),
        form.quote(shown.low),
        form.quote(shown.close),
        form.base(shown.volume),
        end_ms * unit - 1,
        form.quote(shown.quote_volume),
        shown.trades,
        form.base(shown.taker_volume),
        form.quote(shown.taker_quote_volume),
        "0",
    ]


def streamed_kline(
    shown: Candle, end_ms: int, symbol: str, interval: str, of: LiveMarket, *, closed: bool, unit: int = 1
) -> Json:
    """A candle that ends before `end_ms`, as streams have it (their `k`)."""
    form = of.format
    return {
        "t": shown.ms * unit,
        "T": end_ms * unit - 1,
        "s": symbol,
        "i": interval,
        "f": shown.first_trade,
        "L": shown.last_trade,
        "o": form.quote(shown.open),
        "c": form.quote(shown.close),
        "h": form.quote(shown.high),
        "l": form.quote(shown.low),
        "v": form.base(shown.volume),
        "n": shown.trades,
        "x": closed,
        "q": form.quote(shown.quote_volume),
        "V": form.base(shown.taker_volume),
        "Q": form.quote(shown.taker_quote_volume),
        "B": "0",
    }


class Statistics:
    """What tickers of a window say, written out; `percent` has three decimals."""

    __slots__ = (
        "average",
        "change",
        "close",
        "count",
        "first_trade",
        "high",
        "last_trade",
        "low",
        "open",
        "percent",
        "quote_volume",
        "volume",
    )

    def __init__(self, window: Candle | None, before: int, form: MarketFormat) -> None:
        """`before` is the last price before the window, or zero."""
        whole = flat(0, before) if window is None else window
        self.open = form.quote(whole.open)
        self.high = form.quote(whole.high)
        self.low = form.quote(whole.low)
        self.close = form.quote(whole.close)
        self.change = form.quote(whole.close - whole.open)
        self.percent = _percent(whole.close - whole.open, whole.open)
        self.average = form.average(whole.quote_volume, whole.volume) if whole.volume else form.quote(0)
        self.volume = form.base(whole.volume)
        self.quote_volume = form.quote(whole.quote_volume)
        self.first_trade = whole.first_trade
        self.last_trade = whole.last_trade
        self.count = whole.trades


def window_ticker(symbol: str, shown: Statistics, open_time: int, close_time: int, *, full: bool) -> Json:
    """A window's statistics; the times are in the unit that is answered."""
    told: Json = {"symbol": symbol}
    if full:
        told["priceChange"] = shown.change
        told["priceChangePercent"] = shown.percent
        told["weightedAvgPrice"] = shown.average
    _extent(told, shown, open_time, close_time)
    return told


def day_ticker(symbol: str, of: LiveMarket, tape: MarketTape, now_ms: int, *, full: bool, unit: int = 1) -> Json:
    """The last 24 hours: up to a minute more, as `openTime` says."""
    form = of.format
    open_ms = now_ms - now_ms % MINUTE_MS - DAY_MS
    before = tape.before(open_ms)
    shown = Statistics(tape.day(now_ms), before or tape.last or 0, form)
    if not full:
        return window_ticker(symbol, shown, open_ms * unit, now_ms * unit, full=False)
    bid, bids, ask, asks = best(of)
    told: Json = {
        "symbol": symbol,
        "priceChange": shown.change,
        "priceChangePercent": shown.percent,
        "weightedAvgPrice": shown.average,
        "prevClosePrice": form.quote(before),
        "lastPrice": shown.close,
        "lastQty": last_quantity(of, tape),
        "bidPrice": bid,
        "bidQty": bids,
        "askPrice": ask,
        "askQty": asks,
    }
    _extent(told, shown, open_ms * unit, now_ms * unit)
    return told


def _extent(told: Json, shown: Statistics, open_time: int, close_time: int) -> None:
    told["openPrice"] = shown.open
    told["highPrice"] = shown.high
    told["lowPrice"] = shown.low
    told["lastPrice"] = shown.close
    told["volume"] = shown.volume
    told["quoteVolume"] = shown.quote_volume
    told["openTime"] = open_time
    told["closeTime"] = close_time
    told["firstId"] = shown.first_trade
    told["lastId"] = shown.last_trade
    told["count"] = shown.count


def last_quantity(of: LiveMarket, tape: MarketTape) -> str:
    """The last trade's quantity."""
    return of.format.base(tape.trades[-1].quantity if tape.trades else 0)


def last_price(of: LiveMarket, tape: MarketTape) -> str:
    """The last price; zero before the first."""
    return of.format.quote(tape.last or of.last)


def average_price(of: LiveMarket, tape: MarketTape, now_ms: int) -> tuple[str, int]:
    """The average price of the last minutes weighted by volume, or the last price when nothing traded in them, and the
    time of the last trade in milliseconds (zero before the first)."""
    form = of.format
    window = tape.window(AVERAGE_MINUTES, now_ms)
    price = last_price(of, tape) if window is None else form.average(window.quote_volume, window.volume)
    return price, tape.trades[-1].ms if tape.trades else 0


def _percent(part: int, whole: int) -> str:
    """`part` in hundredths of `whole`, rounded towards zero."""
    thousandths = abs(part) * 100_000 // whole if whole else 0
    return format_decimal(-thousandths if part < 0 else thousandths, 3)
