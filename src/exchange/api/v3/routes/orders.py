"""One order: placed, tried, looked at, cancelled (Binance: rest-api.md, "Trading endpoints").

What is one command is declared so (`asking`): the function makes the command out of parameters and view, and `show`
makes the answer out of the command's entry; neither waits for anything.
"""

from typing import Final

from exchange.api.commanding import Answer
from exchange.api.contract.declared import Amount, Flag, Text, Word, optional
from exchange.api.parts import refusal_of
from exchange.api.v3 import canceling, faults, finding, ordering, refusing, trying
from exchange.api.v3.call import Call
from exchange.api.v3.declared import Asks, Security, Shape, asking, endpoint
from exchange.api.v3.faults import Fault
from exchange.api.v3.ordering import CLIENT_ID, LONG
from exchange.api.v3.refusing import Asked
from exchange.api.v3.shapes import account as accounts
from exchange.api.v3.shapes import order_schemas as schemas
from exchange.api.v3.shapes import orders as shapes
from exchange.api.v3.shapes import placed

ORDER: Final[Shape] = {
    "symbol": Text(),
    **ordering.ORDER.shape(),
    ordering.ORDER.quote: optional(Amount()),
    **ordering.STP,
    **ordering.RESPONSE,
}
NAMED: Final[Shape] = {"symbol": Text(), "orderId": optional(LONG), "origClientOrderId": optional(Text())}


@asking(
    "Place an order.",
    params=ORDER,
    security=Security.TRADE,
    orders=1,
    answer=schemas.NEW_ORDER,
    method="order.place",
    codes=refusing.PLACING,
)
def place(call: Call) -> Asks:
    """`POST /api/v3/order`."""
    params = call.params
    account = call.account.id
    symbol = params.text("symbol")
    market = call.market_of(symbol)
    command = ordering.read_order(params, account, market)
    how = ordering.response(params, ordering.default_response(command))

    def show(answer: Answer) -> object:
        refused = refusal_of(answer.outcome, answer.part)
        if refused is not None:
            raise refusing.refused(*refused, Asked.PLACING)
        return placed.order_placed(call.view, answer, call.symbol(market.name), how, call.unit)

    return Asks(command, show)


@endpoint(
    "See whether an order would be accepted, without placing it.",
    params={**ORDER, "computeCommissionRates": Flag(required=False)},
    security=Security.TRADE,
    weight=lambda values: 20 if values.get("computeCommissionRates", "").lower() == "true" else 1,
    answer={"anyOf": [schemas.EMPTY, schemas.COMMISSION_FOR_ORDER]},
    method="order.test",
    codes=refusing.PLACING,
)
async def test(call: Call) -> object:
    """`POST /api/v3/order/test`."""
    params = call.params
    account, market = call.account, call.market()
    command = ordering.read_order(params, account.id, market)
    ordering.response(params, "")
    trying.see_acceptable(account, market, command)
    if command.client_id in account.open_by_client_id:
        raise Fault(faults.NEW_ORDER_REJECTED, "Duplicate order sent.")
    if not params.flag("computeCommissionRates", default=False):
        return {}
    return accounts.commission_for_order(call.view.rates(account.id, market, call.now_ms))


@endpoint(
    "One order.",
    params=NAMED,
    security=Security.USER_DATA,
    weight=4,
    answer=schemas.QUERIED,
    method="order.status",
    codes=(faults.NO_SUCH_ORDER, faults.WRONG_CLIENT_ID),
)
async def show(call: Call) -> object:
    """`GET /api/v3/order`."""
    account = call.account.id
    market = call.market()
    order = await finding.order(call, account)
    if order is None or order.market != market.name:
        raise Fault(faults.NO_SUCH_ORDER, "Order does not exist.")
    match = await finding.last_match(call, order)
    return shapes.queried(order, market, call.symbol(market.name), call.unit, match)


@asking(
    "Cancel an order.",
    params={
        **NAMED,
        "newClientOrderId": optional(CLIENT_ID),
        "cancelRestrictions": optional(Word(canceling.RESTRICTIONS)),
    },
    security=Security.TRADE,
    answer={"anyOf": [schemas.CANCELED, schemas.LIST_CANCELED]},
    method="order.cancel",
    codes=refusing.CANCELING,
)
def cancel(call: Call) -> Asks:
    """`DELETE /api/v3/order`."""
    params = call.params
    account = call.account.id
    market = call.market()
    name = params.text("newClientOrderId") if "newClientOrderId" in params else ""
    status = canceling.restriction(call)
    command = canceling.to_cancel(call, market.name, "orderId", "origClientOrderId", status)

    def show(answer: Answer) -> object:
        refused = refusal_of(answer.outcome)
        if refused is not None:
            raise refusing.refused(*refused, Asked.CANCELING)
        return canceling.canceled(call, answer, account, name)

    return Asks(command, show)
