"""The live view: a fold of outcomes into markets, books, accounts, open orders and what has just passed.

It believes the events: nothing is decided again here, amounts come from postings, book changes from the events that
tell them. What it checks is that nothing is missing: a market's sequence must go up by one, an order must have what
leaves it, and an entry must say what becomes of each order that it accepts. `apply` says what an entry changed, for the
feeds.

Must never do I/O or look at a clock: the same entries give the same view.
"""

from exchange.events.types import Outcome
from exchange.projections.live import fold_orders, fold_settings
from exchange.projections.live.orders import LiveOrder
from exchange.projections.live.records import LiveMarket
from exchange.projections.live.state import BrokenView, Change, LiveState
from exchange.terms.stream import StreamId, format_id

__all__ = ["BrokenView", "Change", "LiveView"]


class LiveView(LiveState):
    """The view, up to and including the entry `position`."""

    def apply(self, id: StreamId, outcome: Outcome) -> Change:
        """Take in the next entry.

        Raises:
            BrokenView: it does not fit; the view must not be used any more.
        """
        if id <= self.position:
            raise BrokenView(f"entry {format_id(id)} does not come after {format_id(self.position)}")
        change = Change(id)
        try:
            for index, event in enumerate(outcome.events):
                if not fold_orders.fold(self, id, index, event, change):
                    fold_settings.fold(self, id, event, change)
            for posting in outcome.postings:
                balance = self.accounts[posting.account].balance(posting.asset)
                balance.available += posting.available
                balance.locked += posting.locked
                change.balances.append((posting.account, posting.asset))
        except (KeyError, AttributeError, ValueError) as error:
            raise BrokenView(f"entry {format_id(id)} does not fit the view: {error!r}") from error
        if self.fresh:
            raise BrokenView(f"entry {format_id(id)} does not say what became of order {next(iter(self.fresh))}")
        self.tape.apply(id, outcome)
        self.position = id
        return change

    def account_of(self, ref: str) -> int | None:
        """The account number of a holder, if it is open."""
        return self.refs.get(ref)

    def order(self, account: int, id: int) -> LiveOrder | None:
        """An account's order, if it is open or closed lately."""
        order = self.orders.get(id)
        if order is not None:
            return order if order.account == account else None
        return self.closed.get(account, id)

    def volume(self, account: int, asset: str, ms: int) -> int:
        """What an account traded in the markets of a quote asset, as fee tiers count it at a moment: today and on the
        29 UTC days before, trades with itself or its group left out (docs/rules.md, Fees)."""
        volume = self.accounts[account].volumes.get(asset)
        return 0 if volume is None else volume.at(ms)

    def rates(self, account: int | None, market: LiveMarket, ms: int) -> tuple[int, int]:
        """What an order accepted at a moment would pay as maker and as taker, in millionths; for somebody who has not
        traded yet when `account` is None."""
        tiers = self.fee_tiers.get(market.quote)
        if not tiers or not market.tiered or self.rules < 2:
            return market.maker_fee, market.taker_fee
        volume = 0 if account is None else self.volume(account, market.quote, ms)
        reached = [(maker, taker) for least, maker, taker in tiers if least <= volume]
        return reached[-1]
