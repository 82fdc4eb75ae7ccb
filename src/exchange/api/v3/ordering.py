"""Reading an order out of a request: which parameters an order of each type must have, may have and must not have.

The rules are the venue's (Binance: rest-api.md, "New order"). A leg of an order list is read by the same rules, its
parameters only have other names: `Naming` has those of one order. What is off a tick or a lot, too small or too far,
the engine says.

A fault of the form is found here, so nothing malformed is ever sent on.
"""

from collections.abc import Mapping
from typing import Final

from exchange.api.contract.declared import Amount, Kind, Text, Whole, Word, optional
from exchange.api.contract.reading import digits
from exchange.api.v3 import faults, refusing
from exchange.api.v3.faults import Fault
from exchange.api.v3.params import DIGITS, Params
from exchange.commands.types import Place
from exchange.projections.live.records import LiveMarket
from exchange.terms.amounts import MAX_COUNT, POINTS
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import (
    BUY,
    CLIENT_ID_PATTERN,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    REFUSE,
    SELL,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    OrderType,
    SelfTrade,
    Side,
    TimeInForce,
)

MAKER: Final = "LIMIT_MAKER"
TYPES: Final[Mapping[str, OrderType]] = {
    "LIMIT": LIMIT,
    MAKER: LIMIT,
    "MARKET": MARKET,
    "STOP_LOSS": STOP_LOSS,
    "STOP_LOSS_LIMIT": STOP_LOSS_LIMIT,
    "TAKE_PROFIT": TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": TAKE_PROFIT_LIMIT,
}
SIDES: Final[Mapping[str, Side]] = {"BUY": BUY, "SELL": SELL}
TIMES: Final[Mapping[str, TimeInForce]] = {"GTC": GTC, "IOC": IOC, "FOK": FOK}
MODES: Final[Mapping[str, SelfTrade]] = {
    "NONE": "none",
    "EXPIRE_TAKER": "expire_taker",
    "EXPIRE_MAKER": "expire_maker",
    "EXPIRE_BOTH": "expire_both",
    "DECREMENT": "decrement",
}
RESPONSES: Final[Mapping[str, str]] = {word: word for word in ("ACK", "RESULT", "FULL")}
LEAST_STRATEGY: Final = 1_000_000
"""Below this, types of strategies are the venue's own (Binance: rest-api.md, New order)."""

CLIENT_ID: Final = Text(CLIENT_ID_PATTERN)
LONG: Final = Whole(0, MAX_COUNT)
_AMOUNT: Final = optional(Amount())
_WORD: Final = optional(Text())
_LONG: Final = optional(LONG)
_PEGS: Final = ("PriceType", "OffsetValue", "OffsetType")


class Naming:
    """What the parameters of one order of a request are called; `prefix` stands before each name but those that are
    given whole. A leg's side and quantity may be those of the whole list."""

    def __init__(
        self,
        prefix: str,
        *,
        client_id: str = "",
        side: str = "",
        quantity: str = "",
        price: str = "",
        tif: str = "",
        stop: str = "",
        trailing: str = "",
    ) -> None:
        def name(plain: str) -> str:
            return prefix + plain[0].upper() + plain[1:] if prefix else plain

        self.type = name("type")
        self.tif = tif or name("timeInForce")
        self.price = price or name("price")
        self.iceberg = name("icebergQty")
        self.stop = stop or name("stopPrice")
        self.trailing = trailing or name("trailingDelta")
        self.strategy_id = name("strategyId")
        self.strategy_type = name("strategyType")
        self.side = side or name("side")
        self.quantity = quantity or name("quantity")
        self.client_id = client_id or name("clientOrderId")
        self.quote = name("quoteOrderQty")
        self.pegs = tuple(name(f"peg{what}") for what in _PEGS)

    def shape(self, *, sided: bool = True, sized: bool = True) -> dict[str, Kind]:
        """The declaration of these parameters; without side or quantity where they are the whole list's."""
        found: dict[str, Kind] = {
            self.type: Word(TYPES),
            self.tif: optional(Word(TIMES)),
            self.price: _AMOUNT,
            self.client_id: optional(CLIENT_ID),
            self.strategy_id: _LONG,
            self.strategy_type: _LONG,
            self.stop: _AMOUNT,
            self.trailing: _LONG,
            self.iceberg: _AMOUNT,
            **dict.fromkeys(self.pegs, _WORD),
        }
        if sided:
            found[self.side] = Word(SIDES)
        if sized:
            found[self.quantity] = _AMOUNT
        return found


ORDER: Final = Naming("", client_id="newClientOrderId")
STP: Final[Mapping[str, Kind]] = {"selfTradePreventionMode": optional(Word(MODES))}
RESPONSE: Final[Mapping[str, Kind]] = {"newOrderRespType": optional(Word(RESPONSES))}


def read_order(params: Params, account: int, market: LiveMarket, names: Naming = ORDER) -> Place:
    """The order that a request's parameters describe.

    Raises:
        Fault: a parameter is missing, malformed, or does not go with the others.
    """
    side = params.choice(names.side, SIDES, Fault(faults.INVALID_SIDE, "Invalid side."))
    word = params.text(names.type)
    kind = TYPES.get(word)
    if kind is None:
        raise Fault(faults.INVALID_TYPE, "Invalid orderType.")
    client_id = params.text(names.client_id) if names.client_id in params else ""
    if names.strategy_id in params or names.strategy_type in params:
        _see_strategy(params, names)
    for peg in names.pegs:
        if peg in params:
            raise Fault(faults.NEW_ORDER_REJECTED, "Pegged orders are not supported for this symbol.")
    stp = self_trade(params)
    if kind == LIMIT:
        tif: TimeInForce = GTC
        if word != MAKER:
            tif = _tif(params, names.tif)
        else:
            _no_tif(params, names)
        _needless(params, names.stop, names.trailing, names.quote)
        price = _positive(params, names.price, market.quote_decimals, refusing.PRICE_FILTER)
        quantity = _positive(params, names.quantity, market.base_decimals, refusing.LOT_SIZE)
        display = _iceberg(params, names, market, tif) if names.iceberg in params else 0
        instructions = PLAIN
        if word == MAKER or display or stp is not None:
            instructions = Instructions(post_only=REFUSE if word == MAKER else "", display=display, stp=stp)
        return Place(account, market.name, side, LIMIT, tif, price, quantity, 0, client_id, instructions)
    if kind == MARKET:
        return _market(params, account, market, names, side, client_id, stp)
    return _conditional(params, account, market, names, side, kind, client_id, stp)


def self_trade(params: Params) -> SelfTrade | None:
    """The self-trade prevention that a request asks for; None for the account's own.

    Raises:
        Fault: there is no such mode, or it is not offered here.
    """
    if "selfTradePreventionMode" not in params:
        return None
    if params.text("selfTradePreventionMode") == "TRANSFER":
        msg = "This symbol does not allow the specified self-trade prevention mode."
        raise Fault(faults.INVALID_MESSAGE, msg)
    return params.choice("selfTradePreventionMode", MODES)


def response(params: Params, default: str) -> str:
    """How much of an order is to be answered: `ACK`, `RESULT` or `FULL`.

    Raises:
        Fault: it is none of them.
    """
    return params.choice("newOrderRespType", RESPONSES) if "newOrderRespType" in params else default


def default_response(place: Place) -> str:
    """What is answered when the request does not say (Binance: rest-api.md, New order)."""
    return "FULL" if place.order_type == MARKET or _is_limit(place) else "ACK"


def _is_limit(place: Place) -> bool:
    return place.order_type == LIMIT and not place.instructions.post_only


def _market(
    params: Params,
    account: int,
    market: LiveMarket,
    names: Naming,
    side: Side,
    client_id: str,
    stp: SelfTrade | None,
) -> Place:
    _no_tif(params, names)
    _needless(params, names.price, names.stop, names.trailing, names.iceberg)
    instructions = PLAIN if stp is None else Instructions(stp=stp)
    quantity = quote_amount = 0
    if names.quote in params:
        if names.quantity in params:
            raise faults.combination()
        quote_amount = _positive(params, names.quote, market.quote_decimals, refusing.NOTIONAL)
    elif names.quantity in params:
        quantity = _positive(params, names.quantity, market.base_decimals, refusing.LOT_SIZE)
    elif names is ORDER:
        raise faults.either(names.quantity, names.quote)
    else:
        raise faults.mandatory(names.quantity)
    return Place(account, market.name, side, MARKET, IOC, 0, quantity, quote_amount, client_id, instructions)


def _conditional(
    params: Params,
    account: int,
    market: LiveMarket,
    names: Naming,
    side: Side,
    kind: OrderType,
    client_id: str,
    stp: SelfTrade | None,
) -> Place:
    _needless(params, names.quote)
    quantity = _positive(params, names.quantity, market.base_decimals, refusing.LOT_SIZE)
    price = display = 0
    tif: TimeInForce = IOC
    if kind in (STOP_LOSS_LIMIT, TAKE_PROFIT_LIMIT):
        tif = _tif(params, names.tif)
        price = _positive(params, names.price, market.quote_decimals, refusing.PRICE_FILTER)
        display = _iceberg(params, names, market, tif) if names.iceberg in params else 0
    else:
        _no_tif(params, names)
        _needless(params, names.price, names.iceberg)
    if names.stop not in params and names.trailing not in params:
        raise faults.either(names.stop, names.trailing)
    stop = 0
    if names.stop in params:
        stop = _positive(params, names.stop, market.quote_decimals, refusing.PRICE_FILTER)
    trail = _trail(params, names.trailing) if names.trailing in params else 0
    instructions = Instructions(stop_price=stop, trailing_bps=trail, display=display, stp=stp)
    return Place(account, market.name, side, kind, tif, price, quantity, 0, client_id, instructions)


def _tif(params: Params, name: str) -> TimeInForce:
    return params.choice(name, TIMES, Fault(faults.INVALID_TIF, "Invalid timeInForce."))


def _no_tif(params: Params, names: Naming) -> None:
    if names.tif in params:
        raise Fault(faults.TIF_NOT_REQUIRED, "TimeInForce parameter sent when not required.")


def _needless(params: Params, *names: str) -> None:
    for name in names:
        if name in params:
            raise faults.needless(name)


def _positive(params: Params, name: str, decimals: int, name_of_filter: str) -> int:
    amount = params.decimal(name, decimals)
    if not amount:
        raise refusing.filter_failure(name_of_filter)
    return amount


def _iceberg(params: Params, names: Naming, market: LiveMarket, tif: TimeInForce) -> int:
    display = params.decimal(names.iceberg, market.base_decimals)
    if display and tif != GTC:
        raise Fault(faults.UNKNOWN_COMPOSITION, "Unsupported order combination.")
    return display


def _trail(params: Params, name: str) -> int:
    number = digits(params.text(name))
    if number is None:
        raise faults.illegal(name, DIGITS)
    if not 1 <= number < POINTS:
        raise refusing.filter_failure("TRAILING_DELTA")
    return number


def _see_strategy(params: Params, names: Naming) -> None:
    """A strategy's label is looked at, and not kept."""
    if names.strategy_id in params:
        params.whole(names.strategy_id)
    if names.strategy_type in params and params.whole(names.strategy_type) < LEAST_STRATEGY:
        raise Fault(faults.BAD_STRATEGY, f"`{names.strategy_type}` was less than {LEAST_STRATEGY}.")
