"""Administration: assets, markets, statuses, fees, limits, auctions, accounts, rules; each a command in the log."""

from typing import Final

from exchange.api import replies
from exchange.api.call import Call, Reply
from exchange.api.errors import ApiError
from exchange.api.reading import Fields
from exchange.commands.read_setup import MAX_BAND, MAX_DEDUP_NAMES, MAX_LIMIT, MAX_TIERS
from exchange.commands.types import (
    CreateAsset,
    CreateMarket,
    Limits,
    SetAccountStatus,
    SetFeeTiers,
    SetMarketFees,
    SetMarketLimits,
    SetMarketStatus,
    SetRules,
    SetTradeGroup,
    Tier,
    Uncross,
)
from exchange.projections.live.formatting import FEE_DECIMALS
from exchange.projections.live.records import LiveMarket
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT, MAX_DECIMALS, MAX_FEE, POINTS
from exchange.terms.codes import Code
from exchange.terms.words import ACCOUNT_STATUSES, ASSET_PATTERN, AUCTION, MARKET_PATTERN, MARKET_STATUSES

TIER: Final = ("volume", "maker_fee", "taker_fee")

LIMITS: Final = {
    "reference": MAX_AMOUNT,
    "bid_up": MAX_BAND,
    "bid_down": MAX_BAND,
    "ask_up": MAX_BAND,
    "ask_down": MAX_BAND,
    "slippage_bps": POINTS - 1,
    "max_orders": MAX_LIMIT,
    "max_conditional": MAX_LIMIT,
    "max_parts": MAX_LIMIT,
    "max_position": MAX_AMOUNT,
    "max_fills": MAX_LIMIT,
}
"""A market's limits, each with the highest that it can be."""


async def create_asset(call: Call) -> Reply:
    """`POST admin/assets`."""
    body = await call.body("asset", "decimals")
    asset = body.text("asset")
    if ASSET_PATTERN.fullmatch(asset) is None:
        raise ApiError(Code.INVALID_FIELD, "asset", detail="An asset's name is 1 to 16 of A-Z 0-9.")
    answer = await call.gateway.commands.carry_out(CreateAsset(asset, body.number("decimals", 0, MAX_DECIMALS)))
    return Reply(replies.asset_created(answer.outcome), answer.id, status=201)


async def create_market(call: Call) -> Reply:
    """`POST admin/markets`."""
    body = await call.body("market", "tick_size", "lot_size", "min_notional", "maker_fee", "taker_fee")
    gateway = call.gateway
    answer = await gateway.commands.carry_out(market_command(gateway.view.assets, body))
    return Reply(replies.market_created(gateway.view, answer.outcome), answer.id, status=201)


async def change_market(call: Call) -> Reply:
    """`PATCH admin/markets/{market}`."""
    body = await call.body("status", "maker_fee", "taker_fee", "tiered")
    gateway = call.gateway
    market = gateway.market(call.path("market")).name
    if "status" not in body:
        answer = await gateway.commands.carry_out(fees_command(market, body))
        return Reply(replies.fees_set(answer.outcome), answer.id)
    if any(name in body for name in ("maker_fee", "taker_fee", "tiered")):
        raise ApiError(Code.INVALID_FIELD, "status", detail="Change the status or the fees, one at a time.")
    answer = await gateway.commands.carry_out(SetMarketStatus(market, body.choice("status", MARKET_STATUSES)))
    return Reply(replies.status_set(answer.outcome), answer.id)


async def set_limits(call: Call) -> Reply:
    """`PUT admin/markets/{market}/limits`."""
    body = await call.body(*LIMITS)
    gateway = call.gateway
    answer = await gateway.commands.carry_out(limits_command(gateway.market(call.path("market")), body))
    return Reply(replies.limits_set(gateway.view, answer.outcome), answer.id)


async def uncross(call: Call) -> Reply:
    """`POST admin/markets/{market}/uncross`."""
    body = await call.body("status")
    gateway = call.gateway
    market = gateway.market(call.path("market")).name
    after = {name: status for name, status in MARKET_STATUSES.items() if status != AUCTION}
    answer = await gateway.commands.carry_out(Uncross(market, body.choice("status", after)))
    return Reply(replies.uncrossed(gateway.view, answer.outcome, market), answer.id)


async def set_fee_tiers(call: Call) -> Reply:
    """`PUT admin/assets/{asset}/fee-tiers`."""
    body = await call.body("tiers")
    gateway = call.gateway
    asset = call.path("asset")
    rows = [Fields(row, TIER) for row in body.objects("tiers")]
    answer = await gateway.commands.carry_out(tiers_command(asset, gateway.decimals(asset), rows))
    return Reply(replies.tiers_set(gateway.view, answer.outcome), answer.id)


async def change_account(call: Call) -> Reply:
    """`PATCH admin/accounts/{account}`."""
    body = await call.body("status", "trade_group")
    account = call.path_number("account", Code.UNKNOWN_ACCOUNT)
    commands = call.gateway.commands
    if "trade_group" not in body:
        answer = await commands.carry_out(SetAccountStatus(account, body.choice("status", ACCOUNT_STATUSES)))
        return Reply(replies.account_status_set(answer.outcome), answer.id)
    if "status" in body:
        raise ApiError(Code.INVALID_FIELD, "status", detail="Change the status or the trade group, one at a time.")
    answer = await commands.carry_out(SetTradeGroup(account, body.number("trade_group", 0, MAX_COUNT)))
    return Reply(replies.trade_group_set(answer.outcome), answer.id)


async def set_rules(call: Call) -> Reply:
    """`PUT admin/rules`."""
    body = await call.body("rules", "dedup_names")
    command = SetRules(body.number("rules", 1, MAX_COUNT), body.number("dedup_names", 0, MAX_DEDUP_NAMES))
    answer = await call.gateway.commands.carry_out(command)
    return Reply(replies.rules_set(answer.outcome), answer.id)


def market_command(assets: dict[str, int], body: Fields) -> CreateMarket:
    """The command for a new market out of decimal strings; `assets` are the decimals by asset.

    Raises:
        ApiError: a field is wrong, or an asset is not there.
    """
    name = body.text("market")
    if MARKET_PATTERN.fullmatch(name) is None:
        raise ApiError(Code.INVALID_FIELD, "market", detail="A market is named BASE-QUOTE.")
    base, quote = name.split("-")
    if base not in assets or quote not in assets:
        raise ApiError(Code.UNKNOWN_ASSET, "market")
    return CreateMarket(
        name,
        body.amount("tick_size", assets[quote]),
        body.amount("lot_size", assets[base]),
        body.amount("min_notional", assets[quote]),
        *_rates(body),
    )


def fees_command(market: str, body: Fields) -> SetMarketFees:
    """The command for a market's fee rates, given as fractions.

    Raises:
        ApiError: a rate is missing, malformed or out of bounds.
    """
    tiered = "tiered" in body and body.flag("tiered")
    return SetMarketFees(market, *_rates(body), tiered)


def tiers_command(asset: str, decimals: int, rows: list[Fields]) -> SetFeeTiers:
    """The command for an asset's fee table out of decimal strings.

    Raises:
        ApiError: there are too many rows, or one of them is wrong or not above the one before.
    """
    if len(rows) > MAX_TIERS:
        raise ApiError(Code.INVALID_FIELD, "tiers", detail=f"A table has at most {MAX_TIERS} rows.")
    tiers: list[Tier] = []
    for row in rows:
        volume = row.amount("volume", decimals)
        if volume <= tiers[-1].volume if tiers else volume != 0:
            raise ApiError(Code.INVALID_FIELD, "volume", detail="The first volume is 0, and each is above the last.")
        tiers.append(Tier(volume, *_rates(row)))
    return SetFeeTiers(asset, tiers)


def limits_command(market: LiveMarket, body: Fields) -> SetMarketLimits:
    """The command for all limits of a market; those that are left out are none.

    Raises:
        ApiError: a limit is malformed or out of bounds.
    """
    decimals = {"reference": market.quote_decimals, "max_position": market.base_decimals}
    given = {
        name: body.amount(name, decimals[name]) if name in decimals else body.number(name, 0, LIMITS[name])
        for name in body
    }
    return SetMarketLimits(market.name, Limits(**given))


def _rates(body: Fields) -> tuple[int, int]:
    """Maker's and taker's fee rate, given as fractions, in millionths."""
    rates: list[int] = []
    for name in ("maker_fee", "taker_fee"):
        rate = body.signed(name, FEE_DECIMALS) if name == "maker_fee" else body.amount(name, FEE_DECIMALS)
        if abs(rate) > MAX_FEE:
            raise ApiError(Code.OUT_OF_RANGE, name, detail="A fee is at most 0.1, which is 10 %.")
        rates.append(rate)
    maker, taker = rates
    if maker < -taker:
        detail = "A rebate is paid out of the taker's fee, and is at most that rate."
        raise ApiError(Code.OUT_OF_RANGE, "maker_fee", detail=detail)
    return maker, taker
