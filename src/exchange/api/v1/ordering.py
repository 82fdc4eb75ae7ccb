"""Reading an order out of a request: the outside's names and decimal strings become the fields of a command, and the
command's own reader says whether they fit together, so that there is one set of rules for the form of an order."""

from collections.abc import Callable
from typing import Final, NoReturn

from exchange.api.contract.declared import Amount, Shape, Text, Whole, Word, optional
from exchange.api.contract.reading import Fields
from exchange.api.errors import OUTSIDE_NAMES, ApiError, refusal
from exchange.commands.fields import Object
from exchange.commands.read_orders import place
from exchange.commands.types import Place
from exchange.projections.live.records import LiveMarket
from exchange.terms.amounts import MAX_COUNT, POINTS
from exchange.terms.codes import Code, Refused
from exchange.terms.words import (
    CLIENT_ID_PATTERN,
    GTC,
    IOC,
    ORDER_TYPES,
    POST_ONLIES,
    PRICED,
    SELF_TRADES,
    SIDES,
    TIMES_IN_FORCE,
)

CLIENT_ID: Final = Text(CLIENT_ID_PATTERN, "A client's id is 1 to 36 of A-Z a-z 0-9 _ . : / -")

_PART: Final = optional(Amount())
_POINTS: Final = optional(Whole(1, POINTS - 1))

ORDER: Final[Shape] = {
    "type": Word(ORDER_TYPES),
    "kind": Word(SIDES),
    "price": _PART,
    "quantity": _PART,
    "quote_amount": _PART,
    "time_in_force": optional(Word(TIMES_IN_FORCE)),
    "client_order_id": optional(CLIENT_ID),
    "stop_price": _PART,
    "trailing_bps": _POINTS,
    "trailing_amount": _PART,
    "expires_at": optional(Whole(1, MAX_COUNT)),
    "post_only": optional(Word(POST_ONLIES)),
    "display": _PART,
    "stp": optional(Word(SELF_TRADES)),
    "slippage_bps": _POINTS,
}
"""The fields of an order, but for its market."""

_WHY: Final = {
    "price": "An order of this type has no price.",
    "quote_amount": "Only an order of type market has a quote_amount: instead of quantity, and not with fok.",
    "tif": "An order without a price is ioc; one of type market by quantity may be fok.",
    "stop_price": "Only the types stop_loss and take_profit, and those with _limit, have a stop_price.",
    "trailing_bps": "Only the types stop_loss and take_profit, and those with _limit, can trail.",
    "trailing_amount": "Only stop_loss and take_profit types can trail, by trailing_bps or by trailing_amount.",
    "expires_ms": "expires_at goes with gtd, and only with it.",
    "post_only": "Only an order of type limit that is gtc or gtd can be post-only.",
    "display": "Only an order with a price that is gtc or gtd can show a part of itself.",
    "slippage_bps": "Only an order without a price has a slippage_bps.",
}
"""What to say of a field that does not go with the others."""

_Read = Callable[[Fields, str, LiveMarket], object]


def read_order(fields: Fields, account: int, market: LiveMarket) -> Place:
    """The order that a request's fields describe.

    Raises:
        ApiError: a field is missing, malformed, or does not go with the others.
    """
    order_type = fields.choice("type", ORDER_TYPES)
    body: Object = {"v": 1, "type": "place", "account": account, "market": market.name}
    body["side"] = fields.choice("kind", SIDES)
    body["order_type"] = order_type
    body["tif"] = GTC if order_type in PRICED else IOC
    for name in fields:
        known = _FIELDS.get(name)
        if known is not None:
            body[known[0]] = known[1](fields, name, market)
    try:
        command = place(body)
    except Refused as refused:
        if refused.code is Code.INVALID_FIELD and refused.field in _WHY:
            outside = OUTSIDE_NAMES.get(refused.field, refused.field)
            raise ApiError(refused.code, outside, detail=_WHY[refused.field]) from None
        raise refusal(refused.code.value, refused.field) from None
    assert isinstance(command, Place)  # noqa: S101 - what else could it be
    return command


def positive(fields: Fields, name: str, decimals: int) -> int:
    """An amount above zero.

    Raises:
        ApiError: it is missing, malformed, zero or negative.
    """
    return fields.amount(name, decimals) or _zero(name)


def _quote(fields: Fields, name: str, market: LiveMarket) -> str:
    return str(fields.amount(name, market.quote_decimals) or _zero(name))


def _base(fields: Fields, name: str, market: LiveMarket) -> str:
    return str(fields.amount(name, market.base_decimals) or _zero(name))


def _zero(name: str) -> NoReturn:
    raise ApiError(Code.NOT_POSITIVE, name)


def _points(fields: Fields, name: str, _: LiveMarket) -> int:
    return fields.number(name)


_FIELDS: Final[dict[str, tuple[str, _Read]]] = {
    "price": ("price", _quote),
    "quantity": ("quantity", _base),
    "quote_amount": ("quote_amount", _quote),
    "time_in_force": ("tif", lambda fields, name, _: fields.choice(name, TIMES_IN_FORCE)),
    "client_order_id": ("client_id", lambda fields, name, _: fields.matched(name)),
    "stop_price": ("stop_price", _quote),
    "trailing_bps": ("trailing_bps", _points),
    "trailing_amount": ("trailing_amount", _quote),
    "expires_at": ("expires_ms", lambda fields, name, _: fields.number(name)),
    "post_only": ("post_only", lambda fields, name, _: fields.choice(name, POST_ONLIES)),
    "display": ("display", _base),
    "stp": ("stp", lambda fields, name, _: fields.choice(name, SELF_TRADES)),
    "slippage_bps": ("slippage_bps", _points),
}
"""For each field its name inside, and how it is read."""
