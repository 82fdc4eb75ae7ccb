"""Messages of streams as the venue writes them (Binance: web-socket-streams.md): one function for each.

Prices and quantities have all the decimals of their assets, as in answers (`shapes.market`). Every time is milliseconds
times `unit`; `now_ms` is the market's time at which a message is written.
"""

from exchange.api.v3.shapes import market as shown
from exchange.api.v3.streams.names import WINDOWS
from exchange.projections.live.aggregates import Aggregate
from exchange.projections.live.feeds import Levels
from exchange.projections.live.records import LiveMarket
from exchange.projections.live.tape import DAY_MS, MINUTE_MS, MarketTape
from exchange.projections.live.trade import TapeTrade
from exchange.terms.words import BUY, SELL

Json = dict[str, object]


def trade(told: TapeTrade, symbol: str, of: LiveMarket, now_ms: int, unit: int) -> Json:
    """A trade."""
    return {
        "e": "trade",
        "E": now_ms * unit,
        "s": symbol,
        "t": told.id,
        "p": of.format.quote(told.price),
        "q": of.format.base(told.quantity),
        "T": told.ms * unit,
        "m": told.taker_side == SELL,
        "M": True,
    }


def aggregate(told: Aggregate, symbol: str, of: LiveMarket, now_ms: int, unit: int) -> Json:
    """An aggregate trade."""
    return {"e": "aggTrade", "E": now_ms * unit, "s": symbol, **shown.aggregate(told, of, unit)}


def book_ticker(symbol: str, of: LiveMarket) -> Json:
    """The best prices and the sequence at which they are so; zeros where there is none."""
    bid, bids, ask, asks = shown.best(of)
    return {"u": of.seq, "s": symbol, "b": bid, "B": bids, "a": ask, "A": asks}


def depth_update(levels: Levels, symbol: str, of: LiveMarket, now_ms: int, unit: int) -> Json:
    """Every level touched from `levels.first_seq` to the market's sequence now, with its quantity now."""
    form = of.format
    bids: list[list[str]] = []
    asks: list[list[str]] = []
    for side, price in sorted(levels.touched):
        level = [form.quote(price), form.base(of.side(side).quantity(price))]
        (bids if side == BUY else asks).append(level)
    bids.reverse()
    told: Json = {"e": "depthUpdate", "E": now_ms * unit, "s": symbol}
    return {**told, "U": levels.first_seq, "u": of.seq, "b": bids, "a": asks}


def average(symbol: str, of: LiveMarket, tape: MarketTape, now_ms: int, unit: int) -> Json:
    """The average price of the last minutes."""
    price, traded_ms = shown.average_price(of, tape, now_ms)
    told: Json = {"e": "avgPrice", "E": now_ms * unit, "s": symbol}
    return {**told, "i": f"{shown.AVERAGE_MINUTES}m", "w": price, "T": traded_ms * unit}


class Window:
    """A market's statistics over the last `minutes`, up to a minute more."""

    def __init__(self, of: LiveMarket, tape: MarketTape, minutes: int, now_ms: int) -> None:
        self.open_ms = now_ms - now_ms % MINUTE_MS - minutes * MINUTE_MS
        self.before = tape.before(self.open_ms)
        whole = tape.window(minutes, now_ms)
        self.statistics = shown.Statistics(whole, self.before or tape.last or 0, of.format)


def mini_ticker(symbol: str, of: LiveMarket, tape: MarketTape, now_ms: int, unit: int) -> Json:
    """The last 24 hours in few words."""
    told = Window(of, tape, DAY_MS // MINUTE_MS, now_ms).statistics
    return {
        "e": "24hrMiniTicker",
        "E": now_ms * unit,
        "s": symbol,
        "c": told.close,
        "o": told.open,
        "h": told.high,
        "l": told.low,
        "v": told.volume,
        "q": told.quote_volume,
    }


def ticker(symbol: str, of: LiveMarket, tape: MarketTape, now_ms: int, unit: int) -> Json:
    """The last 24 hours and the best prices."""
    window = Window(of, tape, DAY_MS // MINUTE_MS, now_ms)
    bid, bids, ask, asks = shown.best(of)
    told = window_ticker(symbol, window, "24hrTicker", now_ms, unit)
    last = shown.last_quantity(of, tape)
    return {**told, "x": of.format.quote(window.before), "Q": last, "b": bid, "B": bids, "a": ask, "A": asks}


def rolling(window: str, symbol: str, of: LiveMarket, tape: MarketTape, now_ms: int, unit: int) -> Json:
    """The last hours, as `window` says how many."""
    return window_ticker(symbol, Window(of, tape, WINDOWS[window], now_ms), f"{window}Ticker", now_ms, unit)


def window_ticker(symbol: str, window: Window, event: str, now_ms: int, unit: int) -> Json:
    """What all tickers of a window say."""
    told = window.statistics
    return {
        "e": event,
        "E": now_ms * unit,
        "s": symbol,
        "p": told.change,
        "P": told.percent,
        "o": told.open,
        "h": told.high,
        "l": told.low,
        "c": told.close,
        "w": told.average,
        "v": told.volume,
        "q": told.quote_volume,
        "O": window.open_ms * unit,
        "C": now_ms * unit,
        "F": told.first_trade,
        "L": told.last_trade,
        "n": told.count,
    }
