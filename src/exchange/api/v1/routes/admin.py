"""Administration: assets, markets, statuses, fees, limits, auctions, accounts, rules; each a command in the log that
says whose it is."""

from typing import Final

from exchange.api.contract.declared import Amount, Flag, Kind, Objects, Shape, Text, Whole, Word, endpoint, optional
from exchange.api.contract.reading import Fields
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1 import replies, schemas
from exchange.api.v1.acting import signed
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.refusals import COMMAND
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
from exchange.terms.amounts import MAX_COUNT, MAX_DECIMALS, MAX_FEE, POINTS
from exchange.terms.codes import Code
from exchange.terms.words import (
    ACCOUNT_STATUSES,
    ASSET_PATTERN,
    AUCTION,
    CANCEL_ONLY,
    HALTED,
    MARKET_PATTERN,
    MARKET_STATUSES,
    MarketStatus,
)

_RATES: Final[Shape] = {"maker_fee": Amount(signed=True), "taker_fee": Amount()}
_COUNT: Final = optional(Whole(0, MAX_LIMIT))
_BAND: Final = optional(Whole(0, MAX_BAND))

ASSET: Final[Shape] = {
    "asset": Text(ASSET_PATTERN, "An asset's name is 1 to 16 of A-Z 0-9."),
    "decimals": Whole(0, MAX_DECIMALS),
}
MARKET: Final[Shape] = {
    "market": Text(MARKET_PATTERN, "A market is named BASE-QUOTE."),
    "tick_size": Amount(),
    "lot_size": Amount(),
    "min_notional": Amount(),
    **_RATES,
}
FEES: Final[Shape] = {**_RATES, "tiered": optional(Flag())}
TIER: Final[Shape] = {"volume": Amount(), **_RATES}
LIMITS: Final[Shape] = {
    "reference": optional(Amount()),
    "bid_up": _BAND,
    "bid_down": _BAND,
    "ask_up": _BAND,
    "ask_down": _BAND,
    "slippage_bps": optional(Whole(0, POINTS - 1)),
    "max_orders": _COUNT,
    "max_conditional": _COUNT,
    "max_parts": _COUNT,
    "max_position": optional(Amount()),
    "max_fills": _COUNT,
}
"""A market's limits."""
RULES: Final[Shape] = {"rules": Whole(1, MAX_COUNT), "dedup_names": Whole(0, MAX_DEDUP_NAMES)}
ACCOUNT_NUMBER: Final[Kind] = Whole(0, MAX_COUNT)
TRADE_GROUP: Final[Kind] = Whole(0, MAX_COUNT)

_AFTER_AUCTION: Final = {name: status for name, status in MARKET_STATUSES.items() if status != AUCTION}
_ON_MARKET: Final = COMMAND | {Code.UNKNOWN_MARKET}
_ON_ACCOUNT: Final = COMMAND | {Code.UNKNOWN_ACCOUNT, Code.HOUSE_ACCOUNT, Code.MISSING_FIELD}


@endpoint("Make an asset.", body=ASSET, answer=schemas.ASSET, status=201, codes=COMMAND | {Code.ASSET_EXISTS})
async def create_asset(call: Call) -> Reply:
    """`POST admin/assets`."""
    body = await call.body()
    command = CreateAsset(body.matched("asset"), body.number("decimals"))
    answer = await call.gateway.commands.carry_out(signed(call, command))
    return Reply(replies.asset_created(answer.outcome), answer.id, status=201)


@endpoint(
    "Make a market, open at once.",
    body=MARKET,
    answer=schemas.MARKET,
    status=201,
    codes=COMMAND | {Code.MARKET_EXISTS, Code.UNKNOWN_ASSET, Code.INEXACT_MARKET},
)
async def create_market(call: Call) -> Reply:
    """`POST admin/markets`."""
    body = await call.body()
    gateway = call.gateway
    answer = await gateway.commands.carry_out(signed(call, market_command(gateway.view.assets, body)))
    return Reply(replies.market_created(gateway.view, answer.outcome), answer.id, status=201)


@endpoint(
    "Set a market's status, or its fees.",
    body={"status": optional(Word(MARKET_STATUSES)), **{name: optional(kind) for name, kind in FEES.items()}},
    answer=schemas.either(
        schemas.thing(market=schemas.MARKET_NAME, status=schemas.MARKET_STATUS),
        schemas.thing(
            market=schemas.MARKET_NAME, maker_fee=schemas.AMOUNT, taker_fee=schemas.AMOUNT, tiered=schemas.FLAG
        ),
    ),
    codes=_ON_MARKET | {Code.BOOK_CROSSED, Code.MISSING_FIELD, GatewayCode.MARKET_HALTED},
)
async def change_market(call: Call) -> Reply:
    """`PATCH admin/markets/{market}`."""
    body = await call.body()
    gateway = call.gateway
    market = gateway.market(call.path("market"))
    if "status" not in body:
        answer = await gateway.commands.carry_out(signed(call, fees_command(market.name, body)))
        return Reply(replies.fees_set(answer.outcome), answer.id)
    if any(name in body for name in ("maker_fee", "taker_fee", "tiered")):
        raise ApiError(Code.INVALID_FIELD, "status", detail="Change the status or the fees, one at a time.")
    command = status_command(market, body.choice("status", MARKET_STATUSES))
    answer = await gateway.commands.carry_out(signed(call, command))
    return Reply(replies.status_set(answer.outcome), answer.id)


@endpoint(
    "Set all protective limits of a market; those that are left out are none.",
    body=LIMITS,
    answer=schemas.thing(market=schemas.MARKET_NAME, limits=schemas.LIMITS),
    codes=_ON_MARKET,
)
async def set_limits(call: Call) -> Reply:
    """`PUT admin/markets/{market}/limits`."""
    body = await call.body()
    gateway = call.gateway
    command = limits_command(gateway.market(call.path("market")), body)
    answer = await gateway.commands.carry_out(signed(call, command))
    return Reply(replies.limits_set(gateway.view, answer.outcome), answer.id)


@endpoint(
    "End an auction: trade what crosses at one price.",
    body={"status": Word(_AFTER_AUCTION)},
    answer=schemas.thing(
        market=schemas.MARKET_NAME,
        price=schemas.maybe(schemas.AMOUNT),
        quantity=schemas.maybe(schemas.AMOUNT),
        status=schemas.MARKET_STATUS,
    ),
    codes=_ON_MARKET | {Code.NOT_IN_AUCTION},
)
async def uncross(call: Call) -> Reply:
    """`POST admin/markets/{market}/uncross`."""
    body = await call.body()
    gateway = call.gateway
    market = gateway.market(call.path("market")).name
    command = Uncross(market, body.choice("status", _AFTER_AUCTION))
    answer = await gateway.commands.carry_out(signed(call, command))
    return Reply(replies.uncrossed(gateway.view, answer.outcome, market), answer.id)


@endpoint(
    "Set the fee table of a quote asset; an empty one takes it away.",
    body={"tiers": Objects((TIER,), 0, MAX_TIERS)},
    answer=schemas.FEE_TIERS,
    codes=COMMAND | {Code.UNKNOWN_ASSET},
)
async def set_fee_tiers(call: Call) -> Reply:
    """`PUT admin/assets/{asset}/fee-tiers`."""
    body = await call.body()
    gateway = call.gateway
    asset = call.path("asset")
    rows = [Fields(row, TIER) for row in body.objects("tiers")]
    command = tiers_command(asset, gateway.decimals(asset), rows)
    answer = await gateway.commands.carry_out(signed(call, command))
    return Reply(replies.tiers_set(gateway.view, answer.outcome), answer.id)


@endpoint(
    "Freeze an account, open it again, or put it into a trade group (0: none).",
    body={"status": optional(Word(ACCOUNT_STATUSES)), "trade_group": optional(TRADE_GROUP)},
    answer=schemas.either(
        schemas.thing(account=schemas.ID, status=schemas.ACCOUNT_STATUS),
        schemas.thing(account=schemas.ID, trade_group=schemas.maybe(schemas.ID)),
    ),
    codes=_ON_ACCOUNT,
)
async def change_account(call: Call) -> Reply:
    """`PATCH admin/accounts/{account}`."""
    body = await call.body()
    account = call.path_number("account", Code.UNKNOWN_ACCOUNT)
    commands = call.gateway.commands
    if "trade_group" not in body:
        freeze = SetAccountStatus(account, body.choice("status", ACCOUNT_STATUSES))
        answer = await commands.carry_out(signed(call, freeze))
        return Reply(replies.account_status_set(answer.outcome), answer.id)
    if "status" in body:
        raise ApiError(Code.INVALID_FIELD, "status", detail="Change the status or the trade group, one at a time.")
    answer = await commands.carry_out(signed(call, SetTradeGroup(account, body.number("trade_group"))))
    return Reply(replies.trade_group_set(answer.outcome), answer.id)


@endpoint(
    "Go over to a newer version of the rules, for good.",
    body=RULES,
    answer=schemas.thing(rules=schemas.COUNT, dedup_names=schemas.COUNT),
    codes=COMMAND | {Code.UNKNOWN_RULES},
)
async def set_rules(call: Call) -> Reply:
    """`PUT admin/rules`."""
    body = await call.body()
    command = SetRules(body.number("rules"), body.number("dedup_names"))
    answer = await call.gateway.commands.carry_out(signed(call, command))
    return Reply(replies.rules_set(answer.outcome), answer.id)


def status_command(market: LiveMarket, status: MarketStatus) -> SetMarketStatus:
    """The command for a market's status. From a halt, which may have been in doubt, it takes two acts to trade again.

    Raises:
        ApiError: the market is halted, and this is not the first of the two.
    """
    if market.status == HALTED and status not in (HALTED, CANCEL_ONLY):
        raise ApiError(GatewayCode.MARKET_HALTED, "status")
    return SetMarketStatus(market.name, status)


def market_command(assets: dict[str, int], body: Fields) -> CreateMarket:
    """The command for a new market out of decimal strings; `assets` are the decimals by asset.

    Raises:
        ApiError: a field is wrong, or an asset is not there.
    """
    name = body.matched("market")
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
    given = {name: body.amount(name, decimals[name]) if name in decimals else body.number(name) for name in body}
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
