"""The reference: what the exchange must answer, worked out in the slowest and plainest way.

It is written from docs/rules.md and the two vocabularies and shares no idea with the engine: nothing is kept that can
be worked out again. An entry's postings are the difference between the balances after and before it. A room for each
chapter of the rules: `setup`, `checks`, `orders`, `matching`, `conditional`, `ends`, `changes`, `auction`, `fees`,
`due`, `memory`, over what there is (`model`).

It must never import the engine: where the two differ, one of them is wrong, and a person decides which. Where the
documents leave something open, it says what has been decided: accounts below 100 that were never made are unknown, not
the house's; the references `outside` and `fees` are taken; a reduction to more lots than any order may have is out of
range before it is no reduction; in a halted market the field at fault is the one that named the order.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from exchange.commands import types as commands
from exchange.commands.types import Command
from exchange.events.types import Duplicate, Outcome, Posting, Rejected
from exchange.terms.codes import Code, Refused
from exchange.terms.stream import StreamId, format_id
from tests.property.reference import auction, changes, orders, setup
from tests.property.reference.conditional import note_last_prices, settle
from tests.property.reference.due import do_what_is_due
from tests.property.reference.memory import Repeated, forget
from tests.property.reference.model import Holding, Market, Order, OrderList, World

__all__ = ["Holding", "Market", "Order", "OrderList", "Reference", "netted"]

_HANDLERS: Final[dict[type[Command], Callable[[World, Any], None]]] = {
    commands.OpenLog: setup.open_log,
    commands.SetRules: setup.set_rules,
    commands.CreateAsset: setup.create_asset,
    commands.CreateMarket: setup.create_market,
    commands.SetMarketStatus: setup.set_market_status,
    commands.SetMarketFees: setup.set_market_fees,
    commands.SetMarketLimits: setup.set_market_limits,
    commands.SetFeeTiers: setup.set_fee_tiers,
    commands.OpenAccount: setup.open_account,
    commands.SetAccountStatus: setup.set_account_status,
    commands.SetStp: setup.set_stp,
    commands.SetTradeGroup: setup.set_trade_group,
    commands.SetSwitch: setup.set_switch,
    commands.Deposit: setup.deposit,
    commands.Withdraw: setup.withdraw,
    commands.SettleWithdrawal: setup.finish_withdrawal,
    commands.ReleaseWithdrawal: setup.finish_withdrawal,
    commands.Transfer: setup.transfer,
    commands.Record: setup.record,
    commands.Place: orders.place,
    commands.PlaceList: orders.place_list,
    commands.Cancel: changes.cancel,
    commands.CancelList: changes.cancel_list,
    commands.CancelAll: changes.cancel_all,
    commands.Amend: changes.amend,
    commands.CancelReplace: changes.cancel_replace,
    commands.Batch: changes.batch,
    commands.Uncross: auction.uncross,
    commands.Tick: lambda world, tick: None,
}


class Reference(World):
    """The whole exchange, from an unopened log; `apply` takes one command after the other, in stream order."""

    def apply(self, id: StreamId, command: Command | Refused) -> Outcome:
        """The outcome of the command at `id`; a `Refused` stands for an entry that could not be read."""
        self.hear(id, command)
        before, self.told = self.told, self.balances()
        return Outcome(self.events, _difference(before, self.told))

    def hear(self, id: StreamId, command: Command | Refused) -> None:
        """What `apply` does, for who does not ask what comes of it; not to be mixed with it."""
        self.id, self.events, self.ended, self.expiring, self.budget = id, [], 0, False, 0
        if isinstance(command, Refused):
            self.tell(Rejected(command.code, command.field))
            return
        forget(self)
        if self.rules >= 2:
            do_what_is_due(self)
        try:
            if self.rules == 0 and not isinstance(command, commands.OpenLog):
                raise Refused(Code.LOG_NOT_OPEN)
            _HANDLERS[type(command)](self, command)
        except Refused as refused:
            self.tell(Rejected(refused.code, refused.field))
        except Repeated as repeated:
            self.tell(Duplicate(format_id(repeated.first)))
        note_last_prices(self)
        for market in self.by_name():
            settle(self, market)


def _difference(
    before: dict[Holding, tuple[int, int]],
    after: dict[Holding, tuple[int, int]],
) -> list[Posting]:
    postings = []
    for account, asset in sorted(before.keys() | after.keys()):
        was = before.get((account, asset), (0, 0))
        now = after.get((account, asset), (0, 0))
        if was != now:
            postings.append(Posting(account, asset, now[0] - was[0], now[1] - was[1]))
    return postings


def netted(postings: Sequence[Posting]) -> dict[Holding, tuple[int, int]]:
    """Postings as a mapping; the same holding twice, or one that does not change, is an error of whoever wrote them."""
    changes: dict[Holding, tuple[int, int]] = {}
    for posting in postings:
        holding = (posting.account, posting.asset)
        assert holding not in changes, f"{holding} is posted twice"
        assert (posting.available, posting.locked) != (0, 0), f"{holding} is posted without a change"
        changes[holding] = (posting.available, posting.locked)
    return changes
