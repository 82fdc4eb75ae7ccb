"""Symbols: `BTCUSDT` there is the market `BTC-USDT` here.

Without the dash two markets can have one name (`AB-CDE`, `ABC-DE`): the one that was made first has it, the other is
known here by its name with the dash, which every market answers to.
"""

from collections.abc import Iterator, Mapping

from exchange.projections.live.records import LiveMarket


class Symbols:
    """Finds markets by symbol; kept in step with the view that is handed in, which only ever gains markets."""

    def __init__(self) -> None:
        self._markets: Mapping[str, LiveMarket] = {}
        self._count = -1
        self._by_symbol: dict[str, str] = {}
        self._symbols: dict[str, str] = {}

    def market(self, markets: Mapping[str, LiveMarket], symbol: str) -> LiveMarket | None:
        """The market of a symbol, or None."""
        self._see(markets)
        return markets.get(self._by_symbol.get(symbol, symbol))

    def symbol(self, markets: Mapping[str, LiveMarket], market: str) -> str:
        """The symbol of a market."""
        self._see(markets)
        return self._symbols[market]

    def all(self, markets: Mapping[str, LiveMarket]) -> Iterator[tuple[str, LiveMarket]]:
        """Every symbol with its market, in the order in which the markets were made."""
        self._see(markets)
        return iter([(self._symbols[name], market) for name, market in markets.items()])

    def _see(self, markets: Mapping[str, LiveMarket]) -> None:
        if markets is self._markets and len(markets) == self._count:
            return
        self._markets, self._count = markets, len(markets)
        self._by_symbol, self._symbols = {}, {}
        for name in markets:
            short = name.replace("-", "")
            symbol = short if short not in self._by_symbol else name
            self._by_symbol[symbol] = name
            self._symbols[name] = symbol
