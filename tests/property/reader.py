"""What somebody who reads only the event stream knows: balances, visible levels, sequences."""

from exchange.engine.queries import depth
from exchange.engine.state import State
from exchange.events.types import (
    Amended,
    AuctionTrade,
    Canceled,
    Event,
    MarketCreated,
    Outcome,
    Prevented,
    Replenished,
    Rested,
    Trade,
)
from tests.property.invariants import held
from tests.property.reference import Holding, netted


class Reader:
    """A fold over published outcomes."""

    def __init__(self) -> None:
        self._balances: dict[Holding, tuple[int, int]] = {}
        self._levels: dict[str, dict[str, dict[int, int]]] = {}
        self._seqs: dict[str, int] = {}

    def read(self, outcome: Outcome) -> None:
        """Take in an entry. Over it, each asset's postings sum to zero, and sequences go up by one."""
        sums: dict[str, int] = {}
        for holding, change in netted(outcome.postings).items():
            was = self._balances.get(holding, (0, 0))
            self._balances[holding] = (was[0] + change[0], was[1] + change[1])
            sums[holding[1]] = sums.get(holding[1], 0) + change[0] + change[1]
        assert not any(sums.values()), f"postings do not sum to zero: {sums}"
        for event in outcome.events:
            self._read(event)

    def _read(self, event: Event) -> None:
        if isinstance(event, MarketCreated):
            self._levels[event.market] = {"buy": {}, "sell": {}}
            self._seqs[event.market] = 0
        elif isinstance(event, Trade):
            self._change(event.market, event.seq, _facing(event.taker_side), event.price, -event.quantity)
        elif isinstance(event, Prevented):
            self._change(event.market, event.seq, _facing(event.taker_side), event.price, -event.shown)
        elif isinstance(event, AuctionTrade):
            self._change(event.market, event.seq, "buy", event.buy_price, -event.buy_shown)
            self._change(event.market, 0, "sell", event.sell_price, -event.sell_shown, told=True)
        elif isinstance(event, (Rested, Replenished)):
            self._change(event.market, event.seq, event.side, event.price, event.quantity)
        elif isinstance(event, Canceled):
            self._change(event.market, event.seq, event.side, event.price, -event.quantity)
        elif isinstance(event, Amended):
            self._change(event.market, event.seq, event.side, event.price, -event.by)

    def _change(self, market: str, seq: int, side: str, price: int, change: int, told: bool = False) -> None:
        if not told:
            if seq == 0:
                return
            assert seq == self._seqs[market] + 1, f"{market}: sequence {seq} after {self._seqs[market]}"
            self._seqs[market] = seq
            assert change != 0, f"{market}: sequence {seq} is of no change"
        level = self._levels[market][side]
        level[price] = level.get(price, 0) + change
        assert level[price] >= 0, f"{market}: {side} level {price} is negative"
        if level[price] == 0:
            del level[price]

    def check(self, state: State) -> None:
        """The engine's own state is what its events tell."""
        told = {holding: parts for holding, parts in self._balances.items() if parts != (0, 0)}
        assert held(state) == told, "the postings do not add up to the balances"
        for name, market in state.markets.items():
            assert market.seq == self._seqs[name]
            bids, asks = depth(state, name, 10**6)
            assert bids == sorted(self._levels[name]["buy"].items(), reverse=True), f"{name}: bids are not as told"
            assert asks == sorted(self._levels[name]["sell"].items()), f"{name}: asks are not as told"


def _facing(taker_side: str) -> str:
    return "sell" if taker_side == "buy" else "buy"
