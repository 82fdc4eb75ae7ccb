"""Everything but orders folded into a live view: the log, assets, markets, accounts, money that came, went or was
moved."""

from exchange.commands.types import Limits
from exchange.events.types import (
    AccountOpened,
    AccountStatusSet,
    AssetCreated,
    Deposited,
    Event,
    FeeTiersSet,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketLimitsSet,
    MarketStatusSet,
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
from exchange.projections.live.records import DepositRecord, LiveAccount, LiveMarket, TransferRecord, WithdrawalRecord
from exchange.projections.live.state import Change, LiveState
from exchange.terms.stream import StreamId


def fold(state: LiveState, id: StreamId, event: Event, change: Change) -> None:
    """Take in an event; one that changes nothing that a view holds is passed over.

    Raises:
        KeyError, ValueError: it does not fit.
    """
    if isinstance(event, Deposited):
        record = DepositRecord(id, event.account, event.asset, event.amount, event.ref)
        state.deposits.add(event.account, id, record, id)
    elif isinstance(event, Transferred):
        moved = TransferRecord(id, event.account, event.to, event.asset, event.amount, event.ref)
        for account in (event.account, event.to):
            state.transfers.add(account, id, moved, id)
    elif isinstance(event, WithdrawalReserved):
        withdrawal = WithdrawalRecord(event.withdrawal, event.account, event.asset, event.amount, event.ref, id)
        state.pending[withdrawal.id] = withdrawal
        state.withdrawals.add(event.account, withdrawal.id, withdrawal, id)
    elif isinstance(event, WithdrawalSettled):
        _withdrawal_ended(state, id, event.withdrawal, "settled")
    elif isinstance(event, WithdrawalReleased):
        _withdrawal_ended(state, id, event.withdrawal, "released")
    elif isinstance(event, AccountOpened):
        state.accounts[event.account] = LiveAccount(event.account, event.ref)
        state.refs[event.ref] = event.account
    elif isinstance(event, AssetCreated):
        state.assets[event.asset] = event.decimals
    elif isinstance(event, LogOpened):
        state.log_id = event.log_id
        state.rules = event.rules
    elif isinstance(event, RulesSet):
        state.rules = event.rules
    elif not _account(state, event, change):
        _market(state, event, change)


def _account(state: LiveState, event: Event, change: Change) -> bool:
    if not isinstance(event, (AccountStatusSet, StpSet, TradeGroupSet, SwitchSet, SwitchFired)):
        return False
    account = state.accounts[event.account]
    if isinstance(event, AccountStatusSet):
        account.status = event.status
    elif isinstance(event, StpSet):
        account.stp = event.stp
    elif isinstance(event, TradeGroupSet):
        account.group = event.group
    elif isinstance(event, SwitchSet):
        account.switch_ms = event.at_ms
    else:
        account.switch_ms = 0
    change.accounts.add(account.id)
    return True


def _market(state: LiveState, event: Event, change: Change) -> None:
    if isinstance(event, MarketStatusSet):
        state.markets[event.market].status = event.status
        change.markets.add(event.market)
    elif isinstance(event, MarketFeesSet):
        market = state.markets[event.market]
        market.maker_fee = event.maker_fee
        market.taker_fee = event.taker_fee
        market.tiered = event.tiered or state.rules < 2  # the first rules knew no tables to turn away from
        change.markets.add(event.market)
    elif isinstance(event, MarketLimitsSet):
        state.markets[event.market].limits = limits_of(event)
        change.markets.add(event.market)
    elif isinstance(event, FeeTiersSet):
        state.fee_tiers[event.asset] = event.tiers
        change.markets.update(name for name, market in state.markets.items() if market.quote == event.asset)
    elif isinstance(event, Uncrossed):
        change.uncrossed[event.market] = (event.price, event.quantity)
        if event.quantity:
            state.markets[event.market].last = event.price
    elif isinstance(event, MarketCreated):
        base, quote = event.market.split("-")
        state.markets[event.market] = LiveMarket(
            event.market,
            state.assets[base],
            state.assets[quote],
            event.tick_size,
            event.lot_size,
            event.min_notional,
            event.maker_fee,
            event.taker_fee,
        )


def limits_of(event: MarketLimitsSet) -> Limits:
    """The limits that an event tells of."""
    return Limits(
        event.reference,
        event.bid_up,
        event.bid_down,
        event.ask_up,
        event.ask_down,
        event.slippage_bps,
        event.max_orders,
        event.max_conditional,
        event.max_parts,
        event.max_position,
        event.max_fills,
    )


def _withdrawal_ended(state: LiveState, id: StreamId, withdrawal: int, status: str) -> None:
    record = state.pending.pop(withdrawal)
    record.status = status
    record.updated = id
    state.withdrawals.add(record.account, withdrawal, record, id)
