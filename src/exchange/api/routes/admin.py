"""Administration: assets, markets, statuses, fees; each a command in the log."""

from exchange.api import replies
from exchange.api.call import Call, Reply
from exchange.api.errors import ApiError
from exchange.api.reading import Fields
from exchange.commands.types import CreateAsset, CreateMarket, SetMarketFees, SetMarketStatus
from exchange.projections.live.formatting import FEE_DECIMALS
from exchange.terms.amounts import MAX_DECIMALS, MAX_FEE
from exchange.terms.codes import Code
from exchange.terms.words import ASSET_PATTERN, MARKET_PATTERN, MARKET_STATUSES


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
    body = await call.body("status", "maker_fee", "taker_fee")
    gateway = call.gateway
    market = gateway.market(call.path("market")).name
    if "status" not in body:
        fees = SetMarketFees(market, fee(body, "maker_fee"), fee(body, "taker_fee"))
        answer = await gateway.commands.carry_out(fees)
        return Reply(replies.fees_set(answer.outcome), answer.id)
    if "maker_fee" in body or "taker_fee" in body:
        raise ApiError(Code.INVALID_FIELD, "status", detail="Change the status or the fees, one at a time.")
    answer = await gateway.commands.carry_out(SetMarketStatus(market, body.choice("status", MARKET_STATUSES)))
    return Reply(replies.status_set(answer.outcome), answer.id)


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
        fee(body, "maker_fee"),
        fee(body, "taker_fee"),
    )


def fee(body: Fields, name: str) -> int:
    """A fee rate, given as a fraction, in millionths.

    Raises:
        ApiError: it is missing, malformed or above the highest rate.
    """
    rate = body.amount(name, FEE_DECIMALS)
    if rate > MAX_FEE:
        raise ApiError(Code.OUT_OF_RANGE, name, detail="A fee is at most 0.1, which is 10 %.")
    return rate
