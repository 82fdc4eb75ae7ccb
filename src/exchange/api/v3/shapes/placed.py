"""What becomes of commands about orders, as the venue tells it: functions of the command's entry, and of the view that
has taken it in.

An order is told by its own events, as `projections.live.orders` tells it, so that the answer shows it as it stands
after the whole entry, with the trades that it had at once.
"""

from collections.abc import Iterable, Sequence

from exchange.api.commanding import Answer
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.parts import WHOLE, parts
from exchange.api.v3.shapes.orders import Json, acknowledged, reported
from exchange.events.types import Accepted, AuctionTrade, Canceled, Done, Event, ListDone, ListOpened, Prevented, Trade
from exchange.projections.live.orders import CANCELED, DONE, LiveList, LiveOrder
from exchange.projections.live.records import LiveMarket
from exchange.projections.live.view import LiveView
from exchange.terms.words import BUY, DECREMENT, EXPIRE_BOTH, EXPIRE_MAKER, EXPIRE_TAKER

_TAKER_LOSES = (EXPIRE_TAKER, EXPIRE_BOTH, DECREMENT)
_MAKER_LOSES = (EXPIRE_MAKER, EXPIRE_BOTH, DECREMENT)


def order_placed(view: LiveView, answer: Answer, symbol: str, how: str, unit: int = 1) -> Json:
    """A new order: `how` is `ACK`, `RESULT` or `FULL`."""
    events: Sequence[Event] = answer.outcome.events
    if answer.part != WHOLE:
        events = parts(answer.outcome)[answer.part].events
    return order_told(view, answer, first_accepted(events), symbol, how, unit)


def order_told(view: LiveView, answer: Answer, accepted: Accepted, symbol: str, how: str, unit: int = 1) -> Json:
    """An order that the entry accepted."""
    ms = answer.id[0]
    order = LiveOrder.of(accepted, ms)
    if how == "ACK":
        return acknowledged(order, symbol, ms, unit)
    market = view.markets[order.market]
    events = answer.outcome.events
    fills: list[Json] = []
    matches: list[Json] = []
    for event in events[events.index(accepted) + 1 :]:
        if not order.tell(event, ms):
            continue
        if isinstance(event, Trade):
            fills.append(_fill(event, order, market))
        elif isinstance(event, Prevented) and event.taker_order == order.id:
            matches.append(_match(event, market))
        elif isinstance(event, AuctionTrade):
            fills.append(_auction_fill(event, order, market))
    told = reported(order, market, symbol, ms, unit)
    if how == "FULL":
        told["fills"] = fills
    if matches:
        told["preventedMatches"] = matches
        group = view.accounts[order.account].group
        if group:
            told["tradeGroupId"] = group
    return told


def first_accepted(events: Iterable[Event]) -> Accepted:
    """The command's own order, or the first of them."""
    for event in events:
        if isinstance(event, Accepted):
            return event
    raise _lacks("Accepted")


def list_placed(answer: Answer) -> tuple[LiveList, list[Accepted]]:
    """A new order list, and its orders in the order of the legs."""
    events = answer.outcome.events
    for event in events:
        if isinstance(event, ListOpened):
            opened = event
            break
    else:
        raise _lacks("ListOpened")
    ms = answer.id[0]
    made = LiveList(opened.order_list, opened.account, opened.market, opened.kind, opened.client_id, opened.orders, ms)
    if any(isinstance(event, ListDone) and event.order_list == made.id for event in events):
        made.status = DONE
    accepted = {event.order: event for event in events if isinstance(event, Accepted)}
    return made, [accepted[order] for order in opened.orders]


def ended_by_hand(events: Iterable[Event], account: int) -> list[int]:
    """The orders of an account that a cancelling command ended, those of their lists included, in the order of the
    events; what its passing of time ended before is not among them."""
    ended: list[int] = []
    found = False
    for event in events:
        if isinstance(event, (Canceled, Done)) and event.account == account:
            own = not event.reason and (isinstance(event, Canceled) or event.end == CANCELED)
            found = found or own
            if own or (found and event.reason == "list"):
                ended.append(event.order)
    return ended


def _fill(event: Trade, order: LiveOrder, market: LiveMarket) -> Json:
    if event.taker_order == order.id:
        return _told_fill(event.trade, event.price, event.quantity, event.taker_fee, 0, order, market)
    return _told_fill(event.trade, event.price, event.quantity, event.maker_fee, event.rebate, order, market)


def _auction_fill(event: AuctionTrade, order: LiveOrder, market: LiveMarket) -> Json:
    buys = order.kind == BUY
    fee = event.buy_fee if buys else event.sell_fee
    rebate = 0 if (event.taker_side == BUY) == buys else event.rebate
    return _told_fill(event.trade, event.price, event.quantity, fee, rebate, order, market)


def _told_fill(
    trade: int, price: int, quantity: int, fee: int, rebate: int, order: LiveOrder, market: LiveMarket
) -> Json:
    amount, asset = commission(order.kind == BUY, fee, rebate, market)
    return {
        "price": market.format.quote(price),
        "qty": market.format.base(quantity),
        "commission": amount,
        "commissionAsset": asset,
        "tradeId": trade,
    }


def commission(buys: bool, fee: int, rebate: int, market: LiveMarket) -> tuple[str, str]:
    """A trade's fee and its asset, which is the one received; a maker's rebate is a negative one in the other."""
    form = market.format
    if rebate:
        return (form.quote(-rebate), market.quote) if buys else (form.base(-rebate), market.base)
    return (form.base(fee), market.base) if buys else (form.quote(fee), market.quote)


def _match(event: Prevented, market: LiveMarket) -> Json:
    told: Json = {
        "preventedMatchId": event.prevented,
        "makerOrderId": event.maker_order,
        "price": market.format.quote(event.price),
    }
    told.update(loses(event, market))
    return told


def loses(event: Prevented, market: LiveMarket) -> Json:
    """What the orders of a prevented match lost by it, where its mode takes something off them (Binance:
    faqs/stp_faq.md)."""
    form = market.format
    told: Json = {}
    if event.stp in _TAKER_LOSES:
        told["takerPreventedQuantity"] = form.base(event.taker_quantity)
    if event.stp in _MAKER_LOSES:
        told["makerPreventedQuantity"] = form.base(event.maker_quantity)
    return told


def _lacks(kind: str) -> ApiError:
    return ApiError(GatewayCode.INTERNAL, detail=f"The engine's answer has no {kind}.")
