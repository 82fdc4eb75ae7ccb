"""An account: balances, rates, trades, prevented matches, limits (Binance: rest-api.md, "Account Endpoints")."""

from typing import Final

from exchange.api.contract.declared import Flag, Text, Whole, optional
from exchange.api.v3 import faults, paging
from exchange.api.v3.call import Call
from exchange.api.v3.declared import Moment, Security, endpoint
from exchange.api.v3.ordering import LONG
from exchange.api.v3.params import Params
from exchange.api.v3.shapes import account as shapes
from exchange.api.v3.shapes import info
from exchange.api.v3.shapes import order_schemas as schemas
from exchange.api.v3.shapes.orders import Json
from exchange.projections.live.records import Fill, PreventedMatch

_FIRST: Final = 1


@endpoint(
    "The account and its balances.",
    params={"omitZeroBalances": Flag(required=False)},
    security=Security.USER_DATA,
    weight=20,
    answer=schemas.ACCOUNT,
    method="account.status",
)
async def status(call: Call) -> object:
    """`GET /api/v3/account`: its rates are those of the first market; `account/commission` tells each."""
    omit = call.params.flag("omitZeroBalances", default=False)
    view = call.view
    market = next(iter(view.markets.values()), None)
    rates = (0, 0) if market is None else view.rates(call.account.id, market, call.now_ms)
    return shapes.account(call.account, view, rates, call.unit, omit_zero=omit)


@endpoint(
    "What the account's orders of a market pay.",
    params={"symbol": Text()},
    security=Security.USER_DATA,
    weight=20,
    answer=schemas.COMMISSION,
    method="account.commission",
    codes=(faults.BAD_SYMBOL,),
)
async def commission(call: Call) -> object:
    """`GET /api/v3/account/commission`."""
    market = call.market()
    rates = call.view.rates(call.account.id, market, call.now_ms)
    return shapes.commission(call.symbol(market.name), rates)


@endpoint(
    "The account's trades of a market: from a number or a moment on, of an order, or the newest.",
    params={
        "symbol": Text(),
        "orderId": optional(LONG),
        "startTime": Moment(required=False),
        "endTime": Moment(required=False),
        "fromId": optional(LONG),
        "limit": optional(Whole(_FIRST, 1000, 500)),
    },
    security=Security.USER_DATA,
    weight=lambda values: 5 if "orderId" in values else 20,
    answer=schemas.many(schemas.TRADE),
    method="myTrades",
    codes=(faults.BAD_SYMBOL, faults.BAD_COMBINATION, faults.MORE_THAN_HOURS),
)
async def trades(call: Call) -> object:
    """`GET /api/v3/myTrades`."""
    params = call.params
    account = call.account.id
    market = call.market()
    span = paging.span(params, "fromId")
    timed = span.start_ms is not None or span.end_ms is not None
    if timed and (span.first is not None or "orderId" in params):
        raise faults.combination()
    order = params.whole("orderId") if "orderId" in params else None
    past = call.gateway.past
    found: list[Fill] = await past.fills_in(call.view, account, market.name, order, span)
    orders = await past.orders_of(call.view, account, sorted({fill.order for fill in found}))
    symbol = call.symbol(market.name)
    lists = {id: known.order_list for id, known in orders.items()}
    return [shapes.trade(fill, market, symbol, lists.get(fill.order, 0), call.unit) for fill in found]


@endpoint(
    "The trades with itself that the account did not make.",
    params={
        "symbol": Text(),
        "preventedMatchId": optional(LONG),
        "orderId": optional(LONG),
        "fromPreventedMatchId": optional(LONG),
        "limit": optional(Whole(_FIRST, 1000, 500)),
    },
    security=Security.USER_DATA,
    weight=lambda values: 20 if "orderId" in values else 2,
    answer=schemas.many(schemas.PREVENTED),
    method="myPreventedMatches",
    codes=(faults.BAD_SYMBOL, faults.BAD_COMBINATION),
)
async def prevented(call: Call) -> object:
    """`GET /api/v3/myPreventedMatches`: one by its number, or those of an order, oldest first."""
    params = call.params
    account = call.account
    market = call.market()
    limit = params.whole("limit")
    found: list[PreventedMatch]
    if "preventedMatchId" in params:
        if "orderId" in params or "fromPreventedMatchId" in params:
            raise faults.combination()
        number = params.whole("preventedMatchId")
        page = await call.gateway.past.prevented(
            call.view, account.id, market=market.name, order=None, before=number + 1, limit=1
        )
        found = [match for match in page if match.event.prevented == number]
    elif "orderId" in params:
        found = await _matches_of(call, account.id, market.name, params, limit)
    else:
        raise faults.either("preventedMatchId", "orderId")
    symbol = call.symbol(market.name)
    return [shapes.prevented(match, market, symbol, account.group, call.unit) for match in found]


async def _matches_of(call: Call, account: int, market: str, params: Params, limit: int) -> list[PreventedMatch]:
    """Those of an order, from a number on; an order has few, so they are read from the newest back."""
    order = params.whole("orderId")
    first = params.whole("fromPreventedMatchId") if "fromPreventedMatchId" in params else 0
    found: list[PreventedMatch] = []
    before: int | None = None
    while True:
        page = await call.gateway.past.prevented(
            call.view, account, market=market, order=order, before=before, limit=1000
        )
        found += [match for match in page if match.event.prevented >= first]
        if len(page) < 1000 or page[-1].event.prevented < first:
            break
        before = page[-1].event.prevented
    return found[::-1][:limit]


@endpoint(
    "What smart order routing has allotted: nothing, there is none here.",
    params={
        "symbol": Text(),
        **dict.fromkeys(("startTime", "endTime"), Moment(required=False)),
        **dict.fromkeys(("fromAllocationId", "orderId"), optional(LONG)),
        "limit": optional(Whole(_FIRST, 1000, 500)),
    },
    security=Security.USER_DATA,
    weight=20,
    answer={"type": "array", "maxItems": 0},
    method="myAllocations",
    codes=(faults.BAD_SYMBOL, faults.MORE_THAN_HOURS),
)
async def allocations(call: Call) -> object:
    """`GET /api/v3/myAllocations`."""
    call.market()
    paging.span(call.params, "fromAllocationId")
    nothing: list[Json] = []
    return nothing


@endpoint(
    "How many orders the account has placed that have not traded, by limit.",
    security=Security.USER_DATA,
    weight=40,
    answer=schemas.many(schemas.COUNT),
    method="account.rateLimits.orders",
)
async def order_counts(call: Call) -> object:
    """`GET /api/v3/rateLimit/order`."""
    counts = call.gateway.limiter.placed(call.account.id, call.now_ms)
    return [{**info.rate_limit(limit), "count": count} for limit, count in counts]


@endpoint(
    "The filters that the account's orders of a market meet.",
    params={"symbol": Text()},
    security=Security.USER_DATA,
    weight=40,
    answer=schemas.FILTERS,
    method="myFilters",
    codes=(faults.BAD_SYMBOL,),
)
async def filters(call: Call) -> object:
    """`GET /api/v3/myFilters`: those of the market; there are none of the exchange or of an asset."""
    return {"exchangeFilters": [], "symbolFilters": info.filters(call.market()), "assetFilters": []}
