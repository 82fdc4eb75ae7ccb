"""The limits at this door: the same counts as at the compatible one, but none for this machine's own addresses.

A market maker, a bench or a proxy of one's own on this machine is not held up; who comes from elsewhere is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.gateway import Gateway
from exchange.api.http.crowd import HOME
from exchange.api.limits.limiter import LimitReached
from exchange.api.v1.call import Call


def weigh(gateway: Gateway, address: str, weight: int) -> None:
    """Count a request.

    Raises:
        ApiError: there were too many from this address.
    """
    if address and address not in HOME:
        try:
            gateway.limiter.request(address, weight, gateway.clock.now_ms())
        except LimitReached as reached:
            raise refused(reached) from None


@contextmanager
def placing(call: Call, orders: int) -> Iterator[None]:
    """See that the caller's account may place so many orders more; they are under way meanwhile.

    Raises:
        ApiError: it may not now.
    """
    address = call.address
    if not orders or not address or address in HOME:
        yield
        return
    gateway, account = call.gateway, call.account.id
    try:
        gateway.limiter.place(account, orders, gateway.time.now_ms())
    except LimitReached as reached:
        raise refused(reached) from None
    try:
        yield
    finally:
        gateway.limiter.forget(account, orders)


def refused(reached: LimitReached) -> ApiError:
    """What a limit that was reached is called at this door."""
    code = GatewayCode.TOO_MANY_REQUESTS
    if reached.banned:
        code = GatewayCode.SHUT_OUT
    elif reached.limit.kind == "ORDERS":
        code = GatewayCode.TOO_MANY_NEW_ORDERS
    return ApiError(code, retry_after=reached.retry_after)
