"""The log, assets, markets, accounts, and money in and out."""

from fractions import Fraction

from exchange.commands.types import (
    RULES,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Record,
    ReleaseWithdrawal,
    SetAccountStatus,
    SetFeeTiers,
    SetMarketFees,
    SetMarketLimits,
    SetMarketStatus,
    SetRules,
    SetStp,
    SetSwitch,
    SettleWithdrawal,
    SetTradeGroup,
    Transfer,
    Withdraw,
)
from exchange.events.types import (
    AccountOpened,
    AccountStatusSet,
    AssetCreated,
    Deposited,
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
    Transferred,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.terms.amounts import MAX_AMOUNT
from exchange.terms.codes import Code, Refused
from exchange.terms.words import FIRST_USER, OUTSIDE
from tests.property.reference import checks
from tests.property.reference.memory import claim
from tests.property.reference.model import Account, Market, Withdrawal, World


def open_log(world: World, command: OpenLog) -> None:
    if world.rules:
        raise Refused(Code.LOG_ALREADY_OPEN)
    if not 1 <= command.rules <= RULES:
        raise Refused(Code.UNKNOWN_RULES, "rules")
    world.log_id, world.rules = command.log_id, command.rules
    world.dedup_window_ms, world.dedup_names = command.dedup_window_ms, command.dedup_names
    world.tell(LogOpened(command.log_id, command.rules, command.dedup_window_ms, command.dedup_names))


def set_rules(world: World, command: SetRules) -> None:
    if not world.rules < command.rules <= RULES:
        raise Refused(Code.UNKNOWN_RULES, "rules")
    world.rules, world.dedup_names = command.rules, command.dedup_names
    world.tell(RulesSet(command.rules, command.dedup_names, command.by))


# --- assets and markets ----------------------------------------------------------------------------------------------


def create_asset(world: World, command: CreateAsset) -> None:
    if command.asset in world.assets:
        raise Refused(Code.ASSET_EXISTS, "asset")
    world.assets[command.asset] = command.decimals
    world.tell(AssetCreated(command.asset, command.decimals, command.by))


def create_market(world: World, command: CreateMarket) -> None:
    name, tick, lot = command.market, command.tick_size, command.lot_size
    if name in world.markets:
        raise Refused(Code.MARKET_EXISTS, "market")
    base, quote = name.split("-")
    if base not in world.assets or quote not in world.assets:
        raise Refused(Code.UNKNOWN_ASSET, "market")
    if base == quote:
        raise Refused(Code.INVALID_FIELD, "market")
    if tick == 0:
        raise Refused(Code.NOT_POSITIVE, "tick_size")
    if lot == 0:
        raise Refused(Code.NOT_POSITIVE, "lot_size")
    decimals = world.assets[base]
    if Fraction(tick * lot, 10**decimals).denominator != 1:
        raise Refused(Code.INEXACT_MARKET, "tick_size")
    least, maker_fee, taker_fee = command.min_notional, command.maker_fee, command.taker_fee
    world.markets[name] = Market(name, base, quote, decimals, tick, lot, least, maker_fee, taker_fee)
    world.tell(MarketCreated(name, tick, lot, least, maker_fee, taker_fee, command.by))


def set_market_status(world: World, command: SetMarketStatus) -> None:
    market = world.market(command.market)
    if market.uncrossing is not None:
        raise Refused(Code.MARKET_CLOSED, "market")
    if command.status in ("open", "post_only") and world.crossed(market):
        raise Refused(Code.BOOK_CROSSED, "status")
    market.status = command.status
    world.tell(MarketStatusSet(command.market, command.status, command.by))


def set_market_fees(world: World, command: SetMarketFees) -> None:
    market = world.market(command.market)
    market.maker_fee, market.taker_fee = command.maker_fee, command.taker_fee
    market.own_fees = world.rules >= 2 and not command.tiered
    world.tell(MarketFeesSet(command.market, command.maker_fee, command.taker_fee, command.tiered, command.by))


def set_market_limits(world: World, command: SetMarketLimits) -> None:
    market = world.market(command.market)
    limits = command.limits
    if limits.reference:
        checks.on_grid("reference", limits.reference, market.tick_size, Code.OFF_TICK)
    market.limits = limits
    world.tell(
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
        ),
    )


def set_fee_tiers(world: World, command: SetFeeTiers) -> None:
    if command.asset not in world.assets:
        raise Refused(Code.UNKNOWN_ASSET, "asset")
    table = [(tier.volume, tier.maker_fee, tier.taker_fee) for tier in command.tiers]
    world.tiers[command.asset] = table
    world.tell(FeeTiersSet(command.asset, table, command.by))


# --- accounts --------------------------------------------------------------------------------------------------------


def open_account(world: World, command: OpenAccount) -> None:
    if any(account.ref == command.ref for account in world.accounts.values()):
        raise Refused(Code.ACCOUNT_EXISTS, "ref")
    number = max([FIRST_USER - 1, *world.accounts]) + 1
    world.accounts[number] = Account(command.ref)
    world.tell(AccountOpened(number, command.ref))


def set_account_status(world: World, command: SetAccountStatus) -> None:
    world.user(command.account).status = command.status
    world.tell(AccountStatusSet(command.account, command.status, command.by))


def set_stp(world: World, command: SetStp) -> None:
    world.user(command.account).stp = command.stp
    world.tell(StpSet(command.account, command.stp))


def set_trade_group(world: World, command: SetTradeGroup) -> None:
    world.user(command.account).group = command.group
    world.tell(TradeGroupSet(command.account, command.group, command.by))


def set_switch(world: World, command: SetSwitch) -> None:
    at_ms = world.now + command.timeout_ms if command.timeout_ms else 0
    world.user(command.account).switch_ms = at_ms
    world.tell(SwitchSet(command.account, at_ms))


def record(world: World, command: Record) -> None:
    world.tell(Recorded(command.by, command.act, command.subject))


# --- money in and out ------------------------------------------------------------------------------------------------


def deposit(world: World, command: Deposit) -> None:
    world.user(command.account)
    claim(world, "deposit", command.account, command.ref)
    _check_transfer(world, command)
    if world.total(command.account, command.asset) + command.amount > MAX_AMOUNT:
        raise Refused(Code.BALANCE_LIMIT, "amount")
    world.transfer(OUTSIDE, command.account, command.asset, command.amount)
    world.tell(Deposited(command.account, command.asset, command.amount, command.ref, command.by))


def withdraw(world: World, command: Withdraw) -> None:
    world.user(command.account)
    claim(world, "withdraw", command.account, command.ref)
    checks.frozen(world, command.account)
    _check_transfer(world, command)
    if world.available(command.account, command.asset) < command.amount:
        raise Refused(Code.INSUFFICIENT_FUNDS, "amount")
    found = Withdrawal(len(world.withdrawals) + 1, command.account, command.asset, command.amount)
    world.withdrawals.append(found)
    world.tell(WithdrawalReserved(found.id, found.account, found.asset, found.amount, command.ref))


def transfer(world: World, command: Transfer) -> None:
    sender = world.user(command.account)
    claim(world, "transfer", command.account, command.ref)
    checks.frozen(world, command.account)
    if command.to not in world.accounts:
        raise Refused(Code.UNKNOWN_ACCOUNT, "to")
    if command.to < FIRST_USER:
        raise Refused(Code.HOUSE_ACCOUNT, "to")
    if command.to == command.account:
        raise Refused(Code.SAME_ACCOUNT, "to")
    receiver = world.accounts[command.to]
    if not sender.group or sender.group != receiver.group:
        raise Refused(Code.NOT_SAME_GROUP, "to")
    if receiver.status == "frozen":
        raise Refused(Code.ACCOUNT_FROZEN, "to")
    _check_transfer(world, command)
    if world.available(command.account, command.asset) < command.amount:
        raise Refused(Code.INSUFFICIENT_FUNDS, "amount")
    if world.total(command.to, command.asset) + command.amount > MAX_AMOUNT:
        raise Refused(Code.BALANCE_LIMIT, "amount")
    world.transfer(command.account, command.to, command.asset, command.amount)
    world.tell(Transferred(command.account, command.to, command.asset, command.amount, command.ref))


def _check_transfer(world: World, command: Deposit | Withdraw | Transfer) -> None:
    if command.asset not in world.assets:
        raise Refused(Code.UNKNOWN_ASSET, "asset")
    if command.amount == 0:
        raise Refused(Code.NOT_POSITIVE, "amount")


def finish_withdrawal(world: World, command: SettleWithdrawal | ReleaseWithdrawal) -> None:
    for found in world.withdrawals:
        if found.id == command.withdrawal and found.pending:
            found.pending = False
            if isinstance(command, ReleaseWithdrawal):
                world.tell(WithdrawalReleased(found.id, found.account, found.asset, found.amount, command.by))
                return
            world.transfer(found.account, OUTSIDE, found.asset, found.amount)
            world.tell(WithdrawalSettled(found.id, found.account, found.asset, found.amount, command.by))
            return
    raise Refused(Code.UNKNOWN_WITHDRAWAL, "withdrawal")
