"""Rows of what happens rarely: money that came and went, the log, assets, markets, accounts, administrators' acts."""

from decimal import Decimal
from typing import Final

from exchange.events.types import (
    EVENT_NAMES,
    AccountOpened,
    AccountStatusSet,
    Act,
    AllCanceled,
    AssetCreated,
    Deposited,
    Duplicate,
    Event,
    FeeTiersSet,
    Item,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketLimitsSet,
    MarketStatusSet,
    Recorded,
    Rejected,
    Replenished,
    RulesSet,
    StpSet,
    SwitchFired,
    SwitchSet,
    TradeGroupSet,
    Transferred,
    Uncrossed,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.projections.timescale.order_rows import NULL
from exchange.projections.timescale.schema import LIMITS
from exchange.projections.timescale.words import TransferState
from exchange.terms.words import FEES, OUTSIDE

TransferEnd = tuple[int, TransferState, str, int]
"""A withdrawal, how it ended, and the moment and sequence of the entry."""

Value = str | int | Decimal

_NO_ROWS: Final = (Rejected, Duplicate, Item, AllCanceled, Replenished, RulesSet, FeeTiersSet, Uncrossed, Recorded)
"""Events that change no table: what they tell stands in other events, or is of the moment only."""


def transfer(added: dict[str, list[str]], ended: list[TransferEnd], e: Event, at: str, seq: int) -> bool:
    """Fold an event, if it is about money that came or went."""
    to = NULL
    if isinstance(e, Deposited):
        middle = f"deposit\t{NULL}\t{e.account}\t{e.asset}\t{e.amount}\t{e.ref}\tsettled"
    elif isinstance(e, WithdrawalReserved):
        middle = f"withdrawal\t{e.withdrawal}\t{e.account}\t{e.asset}\t{e.amount}\t{e.ref}\treserved"
    elif isinstance(e, Transferred):
        middle = f"transfer\t{NULL}\t{e.account}\t{e.asset}\t{e.amount}\t{e.ref}\tsettled"
        to = str(e.to)
    elif isinstance(e, (WithdrawalSettled, WithdrawalReleased)):
        ended.append((e.withdrawal, "settled" if isinstance(e, WithdrawalSettled) else "released", at, seq))
        return True
    else:
        return False
    added["transfers"].append(f"{at}\t{seq}\t{middle}\t{at}\t{seq}\t{to}")
    return True


def act(added: dict[str, list[str]], e: Act, at: str, seq: int, index: int) -> None:
    """Note what somebody did. The first member that says what it is about is the subject."""
    if isinstance(e, Recorded):
        name, subject = e.act, e.subject
    else:
        name = EVENT_NAMES[type(e)]
        about: list[object] = [getattr(e, member) for member in _SUBJECTS if hasattr(e, member)]
        subject = str(about[0])
    added["acts"].append(f"{at}\t{seq}\t{index}\t{e.by}\t{name}\t{subject}\t{e.json()}")


_SUBJECTS: Final = ("withdrawal", "account", "market", "asset", "rules")


class SettingsRows:
    """What markets and accounts are after a batch.

    `markets` and `accounts` hold new values by row and column. `log_id` is set when the log's first command is among
    the entries.
    """

    def __init__(self, added: dict[str, list[str]]) -> None:
        self._added = added
        self.log_id = ""
        self.markets: dict[str, dict[str, Value]] = {}
        self.accounts: dict[int, dict[str, Value]] = {}

    def add(self, e: Event, at: str) -> None:
        """Fold an event.

        Raises:
            TypeError: there is no table for it.
        """
        if isinstance(e, AccountOpened):
            self._account(e.account, e.ref, at)
        elif isinstance(e, MarketCreated):
            base, quote = e.market.split("-")
            self._added["markets"].append(
                f"{e.market}\t{base}\t{quote}\t{e.tick_size}\t{e.lot_size}\t{e.min_notional}\t"
                f"{e.maker_fee}\t{e.taker_fee}\topen\t{at}" + "\t0" * (len(LIMITS) + 2)
            )
        elif isinstance(e, AssetCreated):
            self._added["assets"].append(f"{e.asset}\t{e.decimals}\t{at}")
        elif isinstance(e, LogOpened):
            self.log_id = e.log_id
            self._account(OUTSIDE, "outside", at)
            self._account(FEES, "fees", at)
        elif not self._market(e) and not self._settings(e) and not isinstance(e, _NO_ROWS):
            raise TypeError(f"no table for {e!r}")

    def _account(self, account: int, ref: str, at: str) -> None:
        self._added["accounts"].append(f"{account}\t{ref}\t{at}\topen\tnone\t0\t0")

    def _market(self, e: Event) -> bool:
        if isinstance(e, MarketStatusSet):
            values: dict[str, Value] = {"status": e.status}
        elif isinstance(e, MarketFeesSet):
            values = {"maker_fee": e.maker_fee, "taker_fee": e.taker_fee}
        elif isinstance(e, MarketLimitsSet):
            values = {
                "reference": Decimal(e.reference),
                "bid_up": e.bid_up,
                "bid_down": e.bid_down,
                "ask_up": e.ask_up,
                "ask_down": e.ask_down,
                "slippage_bps": e.slippage_bps,
                "max_orders": e.max_orders,
                "max_conditional": e.max_conditional,
                "max_parts": e.max_parts,
                "max_fills": e.max_fills,
                "max_position": Decimal(e.max_position),
            }
        else:
            return False
        self.markets.setdefault(e.market, {}).update(values)
        return True

    def _settings(self, e: Event) -> bool:
        if isinstance(e, AccountStatusSet):
            values: dict[str, Value] = {"status": e.status}
        elif isinstance(e, StpSet):
            values = {"stp": e.stp}
        elif isinstance(e, TradeGroupSet):
            values = {"trade_group": e.group}
        elif isinstance(e, (SwitchSet, SwitchFired)):
            values = {"switch_ms": e.at_ms if isinstance(e, SwitchSet) else 0}
        else:
            return False
        self.accounts.setdefault(e.account, {}).update(values)
        return True
