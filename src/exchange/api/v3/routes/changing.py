"""An order made smaller in its place, and one order for another (Binance: rest-api.md, "Order Amend Keep Priority" and
"Cancel an Existing Order and Send a New Order")."""

from typing import Final

from exchange.api.commanding import Answer
from exchange.api.contract.declared import Amount, Text, Whole, Word, optional
from exchange.api.parts import parts, refusal_of
from exchange.api.v3 import canceling, faults, finding, ordering, refusing
from exchange.api.v3.call import Call
from exchange.api.v3.declared import Asks, Security, asking, endpoint
from exchange.api.v3.faults import Fault
from exchange.api.v3.ordering import CLIENT_ID, LONG
from exchange.api.v3.refusing import Asked
from exchange.api.v3.routes.orders import NAMED, ORDER
from exchange.api.v3.shapes import order_schemas as schemas
from exchange.api.v3.shapes import orders as shapes
from exchange.api.v3.shapes import placed
from exchange.api.v3.shapes.orders import Json
from exchange.api.v3.shapes.words import client_id_of
from exchange.commands.types import Amend, CancelReplace, Place
from exchange.events.types import Amended
from exchange.projections.live.records import AmendmentKey, LiveAccount

MODES: Final = {"STOP_ON_FAILURE": True, "ALLOW_FAILURE": False}
OVER_LIMIT: Final = {word: word for word in ("DO_NOTHING", "CANCEL_ONLY")}

SUCCESS: Final = "SUCCESS"
FAILURE: Final = "FAILURE"
NOT_ATTEMPTED: Final = "NOT_ATTEMPTED"

_PAGES: Final = 20
_PAGE: Final = 1000
_CROWD: Final = 64


@asking(
    "Reduce an order, which keeps its place in the queue.",
    params={**NAMED, "newClientOrderId": optional(CLIENT_ID), "newQty": Amount()},
    security=Security.TRADE,
    weight=4,
    answer=schemas.AMENDED,
    method="order.amend.keepPriority",
    codes=refusing.AMENDING,
)
def amend(call: Call) -> Asks:
    """`PUT /api/v3/order/amend/keepPriority`: the order also keeps its client's id; another is refused."""
    params = call.params
    account = call.account
    market = call.market()
    quantity = params.decimal("newQty", market.base_decimals)
    number = _to_amend(call, account, market.name, quantity)

    def show(answer: Answer) -> object:
        refused = refusal_of(answer.outcome)
        if refused is not None:
            raise refusing.refused(*refused, Asked.AMENDING)
        return _amended(call, answer, account.id, number)

    return Asks(Amend(account.id, number, quantity), show)


def _to_amend(call: Call, account: LiveAccount, market: str, quantity: int) -> int:
    """The number of the order that is meant."""
    id, name = finding.named(call.params, "orderId", "origClientOrderId")
    unknown = Fault(faults.AMEND_REJECTED, "Unknown order sent.")
    if id is None and name not in account.open_by_client_id:
        id = finding.number_in(name)
    order = account.open_by_client_id.get(name) if id is None else account.open.get(id)
    if order is None:
        if id is None or name or call.view.closed.get(account.id, id) is not None or not id:
            raise unknown
        _see_quantity(quantity)
        if "newClientOrderId" in call.params:
            raise faults.invalid("newClientOrderId")
        return id
    if order.market != market or (name and not finding.is_named(order, name)):
        raise unknown
    _see_quantity(quantity)
    if "newClientOrderId" in call.params and call.params.text("newClientOrderId") != client_id_of(order):
        raise faults.invalid("newClientOrderId")
    if quantity == order.quantity:
        raise Fault(faults.AMEND_REJECTED, "The requested action would change no state; rejecting")
    return order.id


def _see_quantity(quantity: int) -> None:
    if not quantity:
        raise refusing.filter_failure(refusing.LOT_SIZE)


def _amended(call: Call, answer: Answer, account: int, number: int) -> Json:
    events = answer.outcome.events
    index = next(i for i, event in enumerate(events) if isinstance(event, Amended) and event.order == number)
    order = call.view.order(account, number)
    if order is None:
        raise Fault(faults.UNKNOWN, "An unknown error occurred while processing the request.", status=500)
    market = call.view.markets[order.market]
    symbol = call.symbol(market.name)
    told: Json = {
        "transactTime": answer.id[0] * call.unit,
        "executionId": execution_id((*answer.id, index)),
        "amendedOrder": shapes.amended(order, market, symbol, call.unit),
    }
    order_list = canceling.list_of(call, order)
    if order_list is not None:
        whole = shapes.listed(order_list, symbol, canceling.members(call, order_list))
        told["listStatus"] = {
            name: value for name, value in whole.items() if name not in ("listStatusType", "transactionTime")
        }
    return told


def execution_id(key: AmendmentKey) -> int:
    """A reduction's number: it rises with the order's reductions, and every JSON reader has it exactly until 2039."""
    ms, seq, index = key
    return (ms * _CROWD + min(seq, _CROWD - 1)) * _CROWD + min(index, _CROWD - 1)


@endpoint(
    "The reductions of an order.",
    params={
        "symbol": Text(),
        "orderId": LONG,
        "fromExecutionId": optional(Whole(0, 2**63 - 1)),
        "limit": optional(Whole(1, 1000, 500)),
    },
    security=Security.USER_DATA,
    weight=4,
    answer=schemas.many(schemas.AMENDMENT),
    method="order.amendments",
    codes=(faults.BAD_SYMBOL, faults.NO_SUCH_ORDER),
)
async def amendments(call: Call) -> object:
    """`GET /api/v3/order/amendments`: oldest first."""
    params = call.params
    account = call.account.id
    market = call.market()
    limit = params.whole("limit")
    past, view = call.gateway.past, call.view
    order = await past.order(view, account, params.whole("orderId"))
    if order is None or order.market != market.name:
        raise Fault(faults.NO_SUCH_ORDER, "Order does not exist.")
    first = params.whole("fromExecutionId") if "fromExecutionId" in params else None
    before: AmendmentKey | None = None
    found: list[Json] = []
    for _ in range(_PAGES):
        page = await past.amendments(view, account, order.id, before=before, limit=_PAGE)
        for made in page:
            number = execution_id(made.key)
            if first is not None and number < first:
                break
            found.append(
                {
                    "symbol": call.symbol(market.name),
                    "orderId": order.id,
                    "executionId": number,
                    "origClientOrderId": client_id_of(order),
                    "newClientOrderId": client_id_of(order),
                    "origQty": market.format.base(made.quantity + made.by),
                    "newQty": market.format.base(made.quantity),
                    "time": made.key[0] * call.unit,
                }
            )
        if len(page) < _PAGE or (first is None and len(found) >= limit):
            break
        before = page[-1].key
    found.reverse()
    return found[-limit:] if first is None else found[:limit]


@asking(
    "Cancel an order and place another.",
    params={
        **ORDER,
        "cancelReplaceMode": Word(MODES),
        "cancelNewClientOrderId": optional(CLIENT_ID),
        "cancelOrigClientOrderId": optional(Text()),
        "cancelOrderId": optional(LONG),
        "cancelRestrictions": optional(Word(canceling.RESTRICTIONS)),
        "orderRateLimitExceededMode": optional(Word(OVER_LIMIT)),
    },
    security=Security.TRADE,
    orders=1,
    answer=schemas.REPLACED,
    method="order.cancelReplace",
    codes=refusing.PLACING | refusing.CANCELING | {faults.CANCEL_REPLACE_FAILED, faults.CANCEL_REPLACE_PARTLY},
)
def cancel_replace(call: Call) -> Asks:
    """`POST /api/v3/order/cancelReplace`."""
    params = call.params
    account = call.account.id
    market = call.market()
    stop = params.choice("cancelReplaceMode", MODES)
    if "orderRateLimitExceededMode" in params:
        params.choice("orderRateLimitExceededMode", OVER_LIMIT)
    placing = ordering.read_order(params, account, market)
    how = ordering.response(params, ordering.default_response(placing))
    name = params.text("cancelNewClientOrderId") if "cancelNewClientOrderId" in params else ""
    status = canceling.restriction(call)
    exceeded = None if call.over is None else refusing.of_limit(call.over, call.now_ms).body()
    try:
        ended = canceling.to_cancel(call, market.name, "cancelOrderId", "cancelOrigClientOrderId", status)
    except Fault as fault:
        if fault.code != faults.CANCEL_REJECTED:
            raise
        if stop:
            raise _result(fault.body(), None, over=exceeded is not None) from None
        if exceeded is not None:
            raise _result(fault.body(), exceeded) from None
        return _place_alone(call, placing, fault.body(), how)

    def show(answer: Answer) -> object:
        if exceeded is not None:
            return _only_canceled(call, answer, account, name, exceeded, stop=stop)
        refused = refusal_of(answer.outcome, answer.part)
        if refused is not None:
            raise refusing.refused(*refused, Asked.PLACING)
        found = parts(answer.outcome)
        canceled: Json
        if found[0].code:
            canceled = refusing.refused(found[0].code, found[0].field, Asked.CANCELING).body()
        else:
            canceled = canceling.canceled(call, answer, account, name, found[0].events)
        new: Json | None = None
        part = found.get(1)
        if part is not None and part.code:
            new = refusing.refused(part.code, part.field, Asked.PLACING).body()
        elif part is not None:
            accepted = placed.first_accepted(part.events)
            new = placed.order_told(call.view, answer, accepted, call.symbol(market.name), how, call.unit)
        if new is None or "code" in canceled or "code" in new:
            raise _result(canceled, new)
        return _both(canceled, new)

    return Asks(ended if exceeded is not None else CancelReplace(ended, placing, stop), show)


def _place_alone(call: Call, placing: Place, canceled: Json, how: str) -> Asks:
    """The new order, after it is plain already that the other will not be cancelled."""

    def show(answer: Answer) -> object:
        refused = refusal_of(answer.outcome, answer.part)
        if refused is not None:
            raise _result(canceled, refusing.refused(*refused, Asked.PLACING).body())
        raise _result(canceled, placed.order_placed(call.view, answer, call.symbol(placing.market), how, call.unit))

    return Asks(placing, show)


def _only_canceled(call: Call, answer: Answer, account: int, name: str, exceeded: Json, *, stop: bool) -> object:
    """The other order's end where a new one was not to be placed any more."""
    refused = refusal_of(answer.outcome)
    if refused is None:
        raise _result(canceling.canceled(call, answer, account, name), exceeded, over=stop)
    canceled = refusing.refused(*refused, Asked.CANCELING).body()
    raise _result(canceled, None if stop else exceeded, over=stop)


def _result(canceled: Json, new: Json | None, *, over: bool = False) -> Fault:
    """That one of the two has failed, or both; `over`: for the limit of orders."""
    failed = "code" in canceled and (new is None or "code" in new)
    code = faults.CANCEL_REPLACE_FAILED if failed else faults.CANCEL_REPLACE_PARTLY
    msg = "Order cancel-replace failed." if failed else "Order cancel-replace partially failed."
    status = 429 if over else 400 if failed else 409
    return Fault(code, msg, status=status, data=_both(canceled, new))


def _both(canceled: Json, new: Json | None) -> Json:
    return {
        "cancelResult": FAILURE if "code" in canceled else SUCCESS,
        "newOrderResult": NOT_ATTEMPTED if new is None else FAILURE if "code" in new else SUCCESS,
        "cancelResponse": canceled,
        "newOrderResponse": new,
    }
