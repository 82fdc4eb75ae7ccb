"""The log, assets, markets, accounts: what is set up and changed by command, so that the log alone rebuilds it."""

from exchange.commands.types import (
    RULES,
    CreateAsset,
    CreateMarket,
    OpenAccount,
    OpenLog,
    SetMarketFees,
    SetMarketStatus,
)
from exchange.engine.accounts import Account
from exchange.engine.book import Market
from exchange.engine.state import Asset, State, Step
from exchange.events.types import (
    AccountOpened,
    AssetCreated,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketStatusSet,
)
from exchange.terms.codes import Code, Refused


def open_log(state: State, step: Step, command: OpenLog) -> None:
    """Give the log its identity."""
    if state.log_id:
        raise Refused(Code.LOG_ALREADY_OPEN)
    if command.rules > RULES:
        raise Refused(Code.UNKNOWN_RULES, "rules")
    state.log_id = command.log_id
    state.rules = command.rules
    state.dedup_window_ms = command.dedup_window_ms
    step.emit(LogOpened(command.log_id, command.rules, command.dedup_window_ms))


def create_asset(state: State, step: Step, command: CreateAsset) -> None:
    """Make an asset known."""
    if command.asset in state.assets:
        raise Refused(Code.ASSET_EXISTS, "asset")
    state.assets[command.asset] = Asset(command.asset, command.decimals)
    step.emit(AssetCreated(command.asset, command.decimals))


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
    state.markets[command.market] = Market(
        command.market,
        base,
        quote,
        command.tick_size,
        command.lot_size,
        unit,
        command.min_notional,
        command.maker_fee,
        command.taker_fee,
    )
    step.emit(
        MarketCreated(
            command.market,
            command.tick_size,
            command.lot_size,
            command.min_notional,
            command.maker_fee,
            command.taker_fee,
        )
    )


def set_market_status(state: State, step: Step, command: SetMarketStatus) -> None:
    """Open, restrict or halt a market. Resting orders stay."""
    state.market(command.market).status = command.status
    step.emit(MarketStatusSet(command.market, command.status))


def set_market_fees(state: State, step: Step, command: SetMarketFees) -> None:
    """Change the rates for orders accepted from here on."""
    market = state.market(command.market)
    market.maker_fee = command.maker_fee
    market.taker_fee = command.taker_fee
    step.emit(MarketFeesSet(command.market, command.maker_fee, command.taker_fee))


def open_account(state: State, step: Step, command: OpenAccount) -> None:
    """Give a holder an account number."""
    if command.ref in state.refs:
        raise Refused(Code.ACCOUNT_EXISTS, "ref")
    account = Account(state.next_account, command.ref)
    state.next_account += 1
    state.accounts[account.id] = account
    state.refs[account.ref] = account.id
    step.emit(AccountOpened(account.id, account.ref))
