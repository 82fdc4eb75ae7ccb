"""REST requests of this door: read, weighed, let through, answered, and every refusal in the venue's shape."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from aiohttp import hdrs, web

from exchange.api.errors import ApiError
from exchange.api.gateway import Gateway
from exchange.api.http.answers import Answer
from exchange.api.http.request import Request
from exchange.api.limits.limiter import LimitReached
from exchange.api.v3 import faults, refusing
from exchange.api.v3.call import Call, Told
from exchange.api.v3.declared import Endpoint, Security
from exchange.api.v3.faults import Fault
from exchange.api.v3.params import Params, pairs
from exchange.api.v3.security import KEY_HEADER, key_of, payload, see_signed, see_timely

FORM: Final = "application/x-www-form-urlencoded"
UNIT_HEADER: Final = "X-MBX-TIME-UNIT"
_UNITS: Final = {"MILLISECOND": 1, "MICROSECOND": 1000}

Handler = Callable[[Request, Mapping[str, str]], Awaitable[Answer]]


class RestDoor:
    """Makes what answers a route."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def through(self, endpoint: Endpoint) -> Handler:
        """What answers a route."""

        async def handle(request: Request, _: Mapping[str, str]) -> Answer:
            gateway = self._gateway
            address = gateway.addresses.of(request)
            now_ms = gateway.clock.now_ms()
            headers: dict[str, str] = {}
            try:
                told = await self._answer(endpoint, request, address, now_ms, headers)
            except Fault as fault:
                if fault.retry_after is not None:
                    headers[hdrs.RETRY_AFTER] = str(fault.retry_after)
                told = Told(fault.body(), fault.status)
            for limit, used in gateway.limiter.weighed(address, now_ms):
                headers[f"X-MBX-USED-WEIGHT-{limit.short}"] = str(used)
                if limit.short == "1M":
                    headers["X-MBX-USED-WEIGHT"] = str(used)
            data = told.data
            return Answer(told.status, data if isinstance(data, bytes) else orjson.dumps(data), headers=headers)

        return handle

    async def _answer(
        self, endpoint: Endpoint, request: Request, address: str, now_ms: int, headers: dict[str, str]
    ) -> Told:
        try:
            return await self._carried_out(endpoint, request, address, now_ms, headers)
        except LimitReached as reached:
            raise refusing.of_limit(reached, now_ms) from None
        except ApiError as error:
            raise refusing.of(error) from None
        except web.HTTPException as error:
            raise Fault(faults.UNKNOWN, "The request cannot be read.", status=error.status) from None

    async def _carried_out(
        self, endpoint: Endpoint, request: Request, address: str, now_ms: int, headers: dict[str, str]
    ) -> Told:
        gateway = self._gateway
        query = request.raw_query
        try:
            body = await _form(request)
            values = pairs(query)
            if body:
                values = {**pairs(body), **values}
        except Fault:
            gateway.limiter.request(address, 1, now_ms)
            raise
        weight = endpoint.weight
        if not isinstance(weight, int):
            weight = weight(values)
        gateway.limiter.request(address, weight, now_ms)
        key = None
        security = endpoint.security
        if security is not Security.NONE:
            key = await key_of(gateway.keys, request.headers.get(KEY_HEADER), security, address, now_ms)
        params = Params(values, endpoint.known)
        if key is not None and security is not Security.KEY:
            see_timely(params, gateway.clock.now_ms() * 1000)
            see_signed(key, params, payload(query, body))
        call = Call(gateway, params, key, address, gateway.time.now_ms(), _unit(request))
        if key is None or not endpoint.orders:
            told = await endpoint.handler(call)
        else:
            told = await self._place(endpoint, call, key.account, headers)
        return told if isinstance(told, Told) else Told(told)

    async def _place(self, endpoint: Endpoint, call: Call, account: int, headers: dict[str, str]) -> object:
        """Carry out what places orders, counted as under way until it is answered."""
        limiter = call.gateway.limiter
        try:
            limiter.place(account, endpoint.orders, call.now_ms)
        except LimitReached as reached:
            if not goes_on(call.params):
                raise
            call.over = reached
            return await endpoint.handler(call)
        try:
            told = await endpoint.handler(call)
        finally:
            limiter.forget(account, endpoint.orders)
        for limit, count in limiter.placed(account, call.now_ms):
            headers[f"X-MBX-ORDER-COUNT-{limit.short}"] = str(count)
        return told


def goes_on(params: Params) -> bool:
    """Whether a request cancels even where it may place no more orders (Binance: rest-api.md, cancelReplace)."""
    name = "orderRateLimitExceededMode"
    return name in params and params.text(name) == "CANCEL_ONLY"


def refused_there(error: ApiError, headers: Mapping[str, str] | None = None) -> Answer:
    """A refusal of what came to no route, or went wrong inside."""
    fault = refusing.of(error)
    return Answer(fault.status, orjson.dumps(fault.body()), headers=headers)


def _unit(request: Request) -> int:
    """What times in the answer are multiplied by, from milliseconds.

    Raises:
        Fault: there is no such unit.
    """
    word = request.headers.get(UNIT_HEADER)
    if word is None:
        return 1
    unit = _UNITS.get(word.upper())
    if unit is None:
        msg = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
        raise Fault(faults.INVALID_TIME_UNIT, msg)
    return unit


async def _form(request: Request) -> str:
    """The body, a form; one without a content type is taken for one. What is only looked at has its parameters in the
    query string: a body is not looked into.

    Raises:
        Fault: it is anything else.
    """
    if not request.can_read_body or request.method in (hdrs.METH_GET, hdrs.METH_HEAD):
        return ""
    raw = await request.read()
    if not raw:
        return ""
    if request.content_type not in (FORM, "application/octet-stream"):
        raise Fault(faults.UNKNOWN, f"Send parameters in the query string, or as {FORM}.", status=415)
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        raise Fault(faults.ILLEGAL_CHARS, "Illegal characters found in a parameter.") from None
