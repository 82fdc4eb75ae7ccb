"""The shapes of what is answered, as JSON Schemas: one for each function of `projections.live.shapes` and `replies`.

Answers are closed: a field that is not here is never sent (tests hold every recorded answer to it), so a field must be
written down before it can leak.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from exchange.api.contract.declared import POSITION as POSITION_PATTERN
from exchange.api.contract.declared import Json
from exchange.projections.timescale.candles import INTERVALS
from exchange.terms.words import (
    ACCOUNT_STATUSES,
    LIST_KINDS,
    MARKET_STATUSES,
    ORDER_TYPES,
    SELF_TRADES,
    SIDES,
    TIMES_IN_FORCE,
)

COMPONENTS: Final[dict[str, Json]] = {}
"""The shapes that have a name, filled below."""


def thing(**fields: Json) -> Json:
    """An object with all these fields and no others."""
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def named(name: str, schema: Json) -> Json:
    """Give a shape a name; the answer refers to it."""
    COMPONENTS[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


def many(of: Json) -> Json:
    """A list."""
    return {"type": "array", "items": of}


def maybe(schema: Json) -> Json:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def word(words: Iterable[str]) -> Json:
    """One of a closed set."""
    return {"type": "string", "enum": sorted(words)}


def either(*schemas: Json) -> Json:
    """One of several shapes."""
    return {"anyOf": list(schemas)}


def _with(schema: Json, **fields: Json) -> Json:
    known = schema["properties"]
    assert isinstance(known, Mapping)  # noqa: S101 - made by `thing`
    return thing(**known, **fields)


AMOUNT: Final = named("Amount", {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"})
ID: Final = named("Id", {"type": "integer", "minimum": 0, "maximum": 2**53 - 1})
TIME: Final = named(
    "Time", {"type": "integer", "minimum": 0, "description": "Milliseconds since the epoch, by the log's clock."}
)
POSITION: Final = named("Position", {"type": "string", "pattern": POSITION_PATTERN})
TEXT: Final[Json] = {"type": "string"}
NAME: Final[Json] = {"type": "string", "pattern": "^[A-Z0-9]{1,16}$"}
MARKET_NAME: Final[Json] = {"type": "string", "pattern": "^[A-Z0-9]{1,16}-[A-Z0-9]{1,16}$"}
OUTSIDE_ID: Final[Json] = {"type": "string", "pattern": "^[A-Za-z0-9_.:/-]{1,64}$"}
FLAG: Final[Json] = {"type": "boolean"}
COUNT: Final[Json] = {"type": "integer", "minimum": 0}
KIND: Final = word(SIDES)

ERROR: Final = named(
    "Error",
    thing(error=thing(code=TEXT, message=TEXT, field=maybe(TEXT))),
)

_FILL: Final = thing(
    id=ID,
    trade=ID,
    order=ID,
    market=MARKET_NAME,
    kind=KIND,
    price=AMOUNT,
    quantity=AMOUNT,
    total=AMOUNT,
    fee=AMOUNT,
    fee_asset=NAME,
    rebate=maybe(AMOUNT),
    rebate_asset=maybe(NAME),
    liquidity=word(("maker", "taker")),
    auction=FLAG,
    time=TIME,
)
FILL: Final = named("Fill", _FILL)

_ORDER_STATUS: Final = word(
    ("open", "waiting", "pending", "filled", "canceled", "expired", "expired_in_match"),
)
_ORDER: Final = thing(
    id=ID,
    client_order_id=maybe(OUTSIDE_ID),
    market=MARKET_NAME,
    type=word(ORDER_TYPES),
    kind=KIND,
    time_in_force=word(TIMES_IN_FORCE),
    price=maybe(AMOUNT),
    quantity=maybe(AMOUNT),
    quote_amount=maybe(AMOUNT),
    filled=AMOUNT,
    filled_quote=maybe(AMOUNT),
    average_price=maybe(AMOUNT),
    fee=maybe(AMOUNT),
    fee_asset=NAME,
    status=_ORDER_STATUS,
    reason=maybe({"type": "string", "pattern": "^[a-z_]{1,32}$"}),
    created_at=maybe(TIME),
    updated_at=maybe(TIME),
    activated_at=maybe(TIME),
    prevented_quantity=AMOUNT,
    order_list=maybe(ID),
    stop_price=maybe(AMOUNT),
    trailing_bps=maybe(COUNT),
    trailing_amount=maybe(AMOUNT),
    expires_at=maybe(TIME),
    post_only=maybe(word(("refuse", "reprice"))),
    display=maybe(AMOUNT),
    hidden=maybe(AMOUNT),
    stp=maybe(word(SELF_TRADES)),
    slippage_bps=maybe(COUNT),
)
ORDER: Final = named("Order", _ORDER)
ORDER_PLACED: Final = named("OrderPlaced", _with(_ORDER, fills=many(FILL)))
ORDER_ENDED: Final = named(
    "OrderEnded",
    thing(id=ID, market=MARKET_NAME, kind=maybe(KIND), price=maybe(AMOUNT), canceled=AMOUNT, status=_ORDER_STATUS),
)
ORDER_AMENDED: Final = named(
    "OrderAmended",
    thing(
        id=ID,
        market=MARKET_NAME,
        kind=KIND,
        price=maybe(AMOUNT),
        quantity=AMOUNT,
        reduced_by=AMOUNT,
        status=word(("open", "waiting", "pending")),
    ),
)
AMENDMENT: Final = named(
    "Amendment",
    thing(
        id={"type": "string", "pattern": "^[0-9]+-[0-9]+-[0-9]+$"},
        order=ID,
        quantity=AMOUNT,
        reduced_by=AMOUNT,
        time=TIME,
    ),
)
_LIST: Final = thing(
    id=ID,
    client_list_id=maybe(OUTSIDE_ID),
    market=MARKET_NAME,
    kind=word(LIST_KINDS),
    orders=many(ID),
    status=word(("open", "done")),
    created_at=maybe(TIME),
    updated_at=maybe(TIME),
)
ORDER_LIST: Final = named("OrderList", _with(_LIST, legs=many(ORDER)))
LIST_PLACED: Final = named("OrderListPlaced", _with(_LIST, legs=many(ORDER_PLACED)))
LIST_ENDED: Final = named(
    "OrderListEnded", thing(id=ID, market=MARKET_NAME, status=word(("done",)), orders=many(ORDER_ENDED))
)
PREVENTED: Final = named(
    "PreventedMatch",
    thing(
        id=ID,
        market=MARKET_NAME,
        price=AMOUNT,
        stp=word(SELF_TRADES),
        taker_side=KIND,
        maker_order=ID,
        taker_order=ID,
        maker_account=ID,
        taker_account=ID,
        maker_quantity=AMOUNT,
        taker_quantity=AMOUNT,
        time=TIME,
    ),
)

QUOTE: Final = named(
    "Quote",
    thing(
        market=MARKET_NAME,
        kind=KIND,
        quantity=maybe(AMOUNT),
        quote_amount=maybe(AMOUNT),
        fillable_quantity=AMOUNT,
        average_price=maybe(AMOUNT),
        worst_price=maybe(AMOUNT),
        total=AMOUNT,
        fee=AMOUNT,
        fee_asset=NAME,
        complete=FLAG,
        seq=COUNT,
    ),
)

ASSET: Final = named("Asset", thing(asset=NAME, decimals=COUNT))
LIMITS: Final = named(
    "Limits",
    thing(
        reference=maybe(AMOUNT),
        bid_up=maybe(COUNT),
        bid_down=maybe(COUNT),
        ask_up=maybe(COUNT),
        ask_down=maybe(COUNT),
        slippage_bps=maybe(COUNT),
        max_orders=maybe(COUNT),
        max_conditional=maybe(COUNT),
        max_parts=maybe(COUNT),
        max_position=maybe(AMOUNT),
        max_fills=maybe(COUNT),
    ),
)
MARKET_STATUS: Final = word(MARKET_STATUSES)
MARKET: Final = named(
    "Market",
    thing(
        market=MARKET_NAME,
        base=NAME,
        quote=NAME,
        tick_size=AMOUNT,
        lot_size=AMOUNT,
        min_notional=AMOUNT,
        maker_fee=AMOUNT,
        taker_fee=AMOUNT,
        tiered=FLAG,
        limits=LIMITS,
        status=MARKET_STATUS,
        seq=COUNT,
    ),
)
STATUSES: Final = thing(**{name: thing(orders=TEXT, cancel=FLAG, trading=FLAG) for name in MARKET_STATUSES})
FEE_TIERS: Final = named(
    "FeeTiers", thing(asset=NAME, tiers=many(thing(volume=AMOUNT, maker_fee=AMOUNT, taker_fee=AMOUNT)))
)
LEVELS: Final[Json] = many({"type": "array", "items": AMOUNT, "minItems": 2, "maxItems": 2})
CSV: Final[Json] = {"type": "string", "contentMediaType": "text/csv"}
DEPTH: Final = named("Depth", thing(market=MARKET_NAME, seq=COUNT, bids=LEVELS, asks=LEVELS, checksum=COUNT))
TRADE: Final = named(
    "Trade",
    thing(
        trade=ID,
        market=MARKET_NAME,
        seq=COUNT,
        price=AMOUNT,
        quantity=AMOUNT,
        total=AMOUNT,
        taker_side=KIND,
        auction=FLAG,
        time=TIME,
    ),
)
TICKER: Final = named(
    "Ticker",
    thing(
        market=MARKET_NAME,
        last=maybe(AMOUNT),
        open=maybe(AMOUNT),
        high=maybe(AMOUNT),
        low=maybe(AMOUNT),
        change=maybe(AMOUNT),
        change_percent=maybe(AMOUNT),
        volume=AMOUNT,
        quote_volume=AMOUNT,
        trades=COUNT,
        bid=maybe(AMOUNT),
        bid_quantity=maybe(AMOUNT),
        ask=maybe(AMOUNT),
        ask_quantity=maybe(AMOUNT),
        seq=COUNT,
        time=TIME,
    ),
)
INTERVAL: Final = word(INTERVALS)
CANDLE: Final = named(
    "Candle",
    thing(
        time=TIME,
        open=AMOUNT,
        high=AMOUNT,
        low=AMOUNT,
        close=AMOUNT,
        volume=AMOUNT,
        quote_volume=AMOUNT,
        trades=COUNT,
    ),
)

ACCOUNT_STATUS: Final = word(ACCOUNT_STATUSES)
STP: Final = word(SELF_TRADES)
ACCOUNT: Final = named(
    "Account",
    thing(
        account=ID,
        status=ACCOUNT_STATUS,
        stp=STP,
        trade_group=maybe(ID),
        switch_at=maybe(TIME),
        fees=many(thing(market=MARKET_NAME, maker_fee=AMOUNT, taker_fee=AMOUNT)),
        volumes=many(thing(asset=NAME, volume=AMOUNT)),
    ),
)
BALANCE: Final = named("Balance", thing(asset=NAME, available=AMOUNT, locked=AMOUNT))
DEPOSIT: Final = named(
    "Deposit", thing(id=POSITION, account=ID, asset=NAME, amount=AMOUNT, ref=maybe(OUTSIDE_ID), time=TIME)
)
TRANSFER: Final = named(
    "Transfer",
    thing(**{"id": POSITION, "from": ID, "to": ID, "asset": NAME, "amount": AMOUNT, "ref": OUTSIDE_ID, "time": TIME}),
)
ACT: Final = named(
    "Act",
    thing(
        id={"type": "string", "pattern": r"^[0-9]+-[0-9]+-[0-9]+$"},
        time=TIME,
        by={"type": "string", "pattern": "^([0-9a-f]{32}|operator)$"},
        act=TEXT,
        subject=TEXT,
        details={"type": "object", "description": "The event as it stands in the log; amounts are smallest units."},
    ),
)
_ENDED: Final = {
    "id": ID,
    "account": ID,
    "asset": NAME,
    "amount": AMOUNT,
    "status": word(("pending", "settled", "released")),
    "updated_at": maybe(TIME),
}
WITHDRAWAL_ENDED: Final = named("WithdrawalEnded", thing(**_ENDED))
WITHDRAWAL: Final = named(
    "Withdrawal", thing(**_ENDED, ref=maybe(OUTSIDE_ID), position=maybe(POSITION), created_at=maybe(TIME))
)
