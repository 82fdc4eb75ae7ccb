"""Orders by smart order routing: refused for every market, as the venue does for one that has none."""

from exchange.api.contract.declared import Flag
from exchange.api.v3 import faults
from exchange.api.v3.call import Call
from exchange.api.v3.declared import Security, endpoint
from exchange.api.v3.faults import Fault
from exchange.api.v3.routes.orders import ORDER
from exchange.api.v3.shapes import order_schemas as schemas


@endpoint(
    "Smart order routing is not offered here.",
    params=ORDER,
    security=Security.TRADE,
    answer=schemas.EMPTY,
    method="sor.order.place",
    codes=(faults.BAD_SYMBOL, faults.UNSUPPORTED),
)
async def place(call: Call) -> object:
    """`POST /api/v3/sor/order`."""
    return _refuse(call)


@endpoint(
    "Smart order routing is not offered here.",
    params={**ORDER, "computeCommissionRates": Flag(required=False)},
    security=Security.TRADE,
    answer=schemas.EMPTY,
    method="sor.order.test",
    codes=(faults.BAD_SYMBOL, faults.UNSUPPORTED),
)
async def test(call: Call) -> object:
    """`POST /api/v3/sor/order/test`."""
    return _refuse(call)


def _refuse(call: Call) -> object:
    call.market()
    raise Fault(faults.UNSUPPORTED, "This operation is not supported.")
