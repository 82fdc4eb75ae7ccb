"""The log, assets, markets, accounts: what is set up and changed by command, so that the log alone rebuilds it."""

from heapq import heappush

from exchange.commands.types import (
    RULES,
    CreateAsset,
    CreateMarket,
    OpenAccount,
    OpenLog,
    Record,
    SetAccountStatus,
    SetFeeTiers,
    SetMarketFees,
    SetMarketLimits,
    SetMarketStatus,
    SetRules,
    SetStp,
    SetSwitch,
    SetTradeGroup,
)
from exchange.engine.accounts import Account
from exchange.engine.book import Rates
from exchange.engine.market import Market
from exchange.engine.state import Asset, State, Step
from exchange.events.setup import (
    AccountOpened,
    AccountStatusSet,
    AssetCreated,
    FeeTiersSet,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketLimitsSet,
    MarketStatusSet,
    Recorded,
    RulesSet,
    StpSet,
    SwitchSet,
    TradeGroupSet,
)
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code, Refused
from exchange.terms.words import FEES, OPEN, POST_ONLY


def open_log(state: State, step: Step, command: OpenLog) -> None:
    """Give the log its identity."""
    if state.log_id:
        raise Refused(Code.LOG_ALREADY_OPEN)
    if command.rules > RULES:
        raise Refused(Code.UNKNOWN_RULES, "rules")
    state.log_id = command.log_id
    state.rules = command.rules
    state.dedup_window_ms = command.dedup_window_ms
    state.dedup_names = command.dedup_names
    step.emit(LogOpened(command.log_id, command.rules, command.dedup_window_ms, command.dedup_names))


def set_rules(state: State, step: Step, command: SetRules) -> None:
    """Go over to newer rules."""
    if command.rules <= state.rules or command.rules > RULES:
        raise Refused(Code.UNKNOWN_RULES, "rules")
    state.rules = command.rules
    state.dedup_names = command.dedup_names
    step.emit(RulesSet(command.rules, command.dedup_names, command.by))


def create_asset(state: State, step: Step, command: CreateAsset) -> None:
    """Make an asset known."""
    if command.asset in state.assets:
        raise Refused(Code.ASSET_EXISTS, "asset")
    state.assets[command.asset] = Asset(command.asset, command.decimals)
    step.emit(AssetCreated(command.asset, command.decimals, command.by))


def create_market(state: State, step: Step, command: CreateMarket) -> None:
    """Open a market between two assets, if every notional in it is exact."""
    if command.market in state.markets:
        raise Refused(Code.MARKET_EXISTS, "market")
    base, quote = command.market.split("-")
    if base not in state.assets or quote not in state.assets:
        raise Refused(Code.UNKNOWN_ASSET, "market")
    if base == quote:
        raise Refused(Code.INVALID_FIELD, "market")
    if command.tick_size == 0:
        raise Refused(Code.NOT_POSITIVE, "tick_size")
    if command.lot_size == 0:
        raise Refused(Code.NOT_POSITIVE, "lot_size")
    whole = 10 ** state.assets[base].decimals
    unit, rest = divmod(command.tick_size * command.lot_size, whole)
    if rest != 0:
        raise Refused(Code.INEXACT_MARKET, "tick_size")
    house = state.accounts[FEES]
    state.markets[command.market] = Market(
        command.market,
        base,
        quote,
        command.tick_size,
        command.lot_size,
        unit,
        command.min_notional,
        Rates(command.maker_fee, command.taker_fee),
        house.balance(base),
        house.balance(quote),
    )
    step.emit(
        MarketCreated(
            command.market,
            command.tick_size,
            command.lot_size,
            command.min_notional,
            command.maker_fee,
            command.taker_fee,
            command.by,
        )
    )


def set_market_status(state: State, step: Step, command: SetMarketStatus) -> None:
    """Open, restrict or halt a market. Resting orders stay."""
    market = state.market(command.market)
    if market.uncrossing is not None:
        raise Refused(Code.MARKET_CLOSED, "market")
    if command.status in (OPEN, POST_ONLY) and market.crossed():
        raise Refused(Code.BOOK_CROSSED, "status")
    market.status = command.status
    step.emit(MarketStatusSet(command.market, command.status, command.by))
    if market.queue:
        step.touch(market)


def set_market_fees(state: State, step: Step, command: SetMarketFees) -> None:
    """Change the rates for orders accepted from here on."""
    market = state.market(command.market)
    market.rates = Rates(command.maker_fee, command.taker_fee)
    market.pinned = state.rules > 1 and not command.tiered
    step.emit(MarketFeesSet(command.market, command.maker_fee, command.taker_fee, command.tiered, command.by))


def set_fee_tiers(state: State, step: Step, command: SetFeeTiers) -> None:
    """Give the markets of a quote asset a table of fees, or take it away."""
    if command.asset not in state.assets:
        raise Refused(Code.UNKNOWN_ASSET, "asset")
    if command.tiers:
        state.tiers[command.asset] = command.tiers
    else:
        state.tiers.pop(command.asset, None)
    table = [(tier.volume, tier.maker_fee, tier.taker_fee) for tier in command.tiers]
    step.emit(FeeTiersSet(command.asset, table, command.by))


def set_market_limits(state: State, step: Step, command: SetMarketLimits) -> None:
    """Put limits in place of the market's."""
    market = state.market(command.market)
    limits = command.limits
    if limits.reference % market.tick_size:
        raise Refused(Code.OFF_TICK, "reference")
    if limits.reference > MAX_COUNT * market.tick_size:
        raise Refused(Code.OUT_OF_RANGE, "reference")
    market.limit(limits)
    step.emit(
        MarketLimitsSet(
            command.market,
            limits.reference,
            limits.bid_up,
            limits.bid_down,
            limits.ask_up,
            limits.ask_down,
            limits.slippage_bps,
            limits.max_orders,
            limits.max_conditional,
            limits.max_parts,
            limits.max_position,
            limits.max_fills,
            command.by,
        )
    )


def open_account(state: State, step: Step, command: OpenAccount) -> None:
    """Give a holder an account number."""
    if command.ref in state.refs:
        raise Refused(Code.ACCOUNT_EXISTS, "ref")
    account = Account(state.next_account, command.ref)
    state.next_account += 1
    state.accounts[account.id] = account
    state.refs[account.ref] = account.id
    step.emit(AccountOpened(account.id, account.ref))


def set_account_status(state: State, step: Step, command: SetAccountStatus) -> None:
    """Freeze an account, or open it again."""
    state.user(command.account).status = command.status
    step.emit(AccountStatusSet(command.account, command.status, command.by))


def set_stp(state: State, step: Step, command: SetStp) -> None:
    """The account's self-trade prevention."""
    state.user(command.account).stp = command.stp
    step.emit(StpSet(command.account, command.stp))


def set_trade_group(state: State, step: Step, command: SetTradeGroup) -> None:
    """Put an account into a trade group."""
    state.user(command.account).group = command.group
    step.emit(TradeGroupSet(command.account, command.group, command.by))


def set_switch(state: State, step: Step, command: SetSwitch) -> None:
    """Arm or disarm an account's dead man's switch.

    As Kraken's "cancel all orders after X".
    """
    account = state.user(command.account)
    account.switch_ms = step.ms + command.timeout_ms if command.timeout_ms else 0
    if account.switch_ms:
        heappush(state.switches, (account.switch_ms, account.id))
    step.emit(SwitchSet(account.id, account.switch_ms))


def record(step: Step, command: Record) -> None:
    """Tell what somebody did elsewhere."""
    step.emit(Recorded(command.by, command.act, command.subject))
