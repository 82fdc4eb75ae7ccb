"""What the gateway serves: requests brought to their routes, tokens read, every error brought into the one shape.

Plain requests come from `connections`; the others from the web server, of which only the lower half is used: its upper
half (resources, middlewares, signals) would cost a request more than all that is here.

Nothing else in the house knows the web server's requests but `answers` and `sockets`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from aiohttp import HttpVersion11, hdrs, web

from exchange.api import pages
from exchange.api.contract.declared import Access, Route
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.gateway import CATCH_UP_S, Gateway, Principal
from exchange.api.http.answers import Answer, Outgoing, Response, refused
from exchange.api.http.behind import Behind, Patient
from exchange.api.http.connections import Connections
from exchange.api.http.crowd import Crowd
from exchange.api.http.heads import PlainRequest
from exchange.api.http.request import MAX_BODY_BYTES, Request
from exchange.api.http.routing import Table
from exchange.api.try_it import files
from exchange.api.v1 import sockets as own_sockets
from exchange.api.v1.call import BEARER, Call, Reply
from exchange.api.v1.hub import Hub
from exchange.api.v1.limiting import weigh
from exchange.api.v1.owning import ACCOUNT, act_for
from exchange.api.v1.routes.table import ROUTES
from exchange.api.v1.signed import KEY, signed_request
from exchange.api.v3.door import RestDoor, refused_there
from exchange.api.v3.routes.table import ROUTES as COMPATIBLE
from exchange.terms.codes import Code
from exchange.terms.stream import parse_id

PREFIX: Final = "/api/v1/"
COMPATIBLE_PREFIXES: Final = ("/api/v3/", "/sapi/", "/ws-api/", "/ws", "/stream")
AT_LEAST: Final = "X-Exchange-At-Least"

_HTTP_CODES: Final = {413: GatewayCode.BODY_TOO_LARGE}
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_WHERE: Final = f"WebSockets are at {PREFIX}ws, and for clients of Binance Spot at /ws, /stream and /ws-api/v3."

_Served = Answer | web.WebSocketResponse
_Handler = Callable[[Request, Mapping[str, str]], Awaitable[_Served]]
_logger = structlog.get_logger(__name__)


class Door:
    """Everything that is served; `connections` makes the protocol of a connection, `server` is the web server behind
    it, for what is not plain."""

    def __init__(
        self, gateway: Gateway, hub: Hub, crowd: Crowd, sockets: Mapping[str, Callable[[Patient], Awaitable[_Served]]]
    ) -> None:
        """`sockets`: what serves WebSockets, by path."""
        self._gateway = gateway
        self._hub = hub
        self._outgoing = Outgoing()
        self._table: Table[_Handler] = Table()
        for route in ROUTES:
            self._table.add(route.method, PREFIX + route.path, self._through(route))
        compatible = RestDoor(gateway)
        for theirs in COMPATIBLE:
            answers = compatible.through(theirs.endpoint)
            self._table.add(theirs.method, theirs.path, answers)
            if theirs.method == hdrs.METH_GET:
                self._table.add(hdrs.METH_HEAD, theirs.path, answers)
        for method in (hdrs.METH_GET, hdrs.METH_HEAD):
            self._table.add(method, "/", self._page)
            self._table.add(method, "/healthz", self._health)
            for path, serve_file in files.paths().items():
                self._table.add(method, path, serve_file)
        self._table.add(hdrs.METH_GET, PREFIX + "ws", self._socket)
        for path, serve in sockets.items():
            self._table.add(hdrs.METH_GET, path, _opening(serve))
        self.server = Behind(self._respond, self._outgoing, MAX_BODY_BYTES)
        self.connections = Connections(self._answer, MAX_BODY_BYTES, self._outgoing, self.server, crowd)

    async def _answer(self, request: PlainRequest) -> Answer:
        served = await self._serve(request)
        if not isinstance(served, Answer):
            raise TypeError("a plain request opens no WebSocket")
        return served

    async def _respond(self, request: Patient) -> web.StreamResponse:
        with self.connections.answering(request.protocol) as handed:
            request.handed = handed
            served = await self._serve(request)
        return Response(self._outgoing, served) if isinstance(served, Answer) else served

    async def _serve(self, request: Request) -> _Served:
        """The answer to a request, whatever happens."""
        pattern = ""
        try:
            if isinstance(request, web.BaseRequest) and hdrs.EXPECT in request.headers:
                await _continue(request)
            found = self._table.find(request.path)
            if found is None:
                return _refused(request, ApiError(GatewayCode.NOT_FOUND))
            place, parts = found
            pattern = place.pattern
            handler = place.methods.get(request.method)
            if handler is None:
                return _refused(request, ApiError(GatewayCode.METHOD_NOT_ALLOWED), {hdrs.ALLOW: place.allowed})
            return await handler(request, parts)
        except ApiError as error:
            return _refused(request, error)
        except web.HTTPException as error:
            return _refused(request, ApiError(_HTTP_CODES.get(error.status, GatewayCode.MALFORMED_REQUEST)))
        except ConnectionError:
            return _refused(request, ApiError(GatewayCode.INTERNAL))  # the client is gone: nobody will read this
        except Exception:
            # The pattern holds nothing that a client wrote.
            _logger.exception("request failed", method=request.method, route=pattern)
            return _refused(request, ApiError(GatewayCode.INTERNAL))

    def _through(self, route: Route) -> _Handler:
        gateway = self._gateway
        access, declared = route.access, route.endpoint
        handler = declared.handler

        async def handle(request: Request, parts: Mapping[str, str]) -> _Served:
            weigh(gateway, gateway.addresses.of(request), declared.weight)
            at_least = request.headers.get(AT_LEAST)
            if at_least is not None:
                await _at_least(gateway, at_least)
            principal: Principal | None = None
            if access is not Access.PUBLIC:
                if KEY in request.headers:
                    principal = await signed_request(gateway, request, access)
                else:
                    principal = await gateway.principal(_token(request))
                if access is Access.ADMIN:
                    await gateway.require_admin(principal)
                elif ACCOUNT in request.headers:
                    act_for(gateway, principal, request.headers[ACCOUNT])
            call = Call(gateway, request, parts, principal, declared)
            await call.check()
            return _answer(await handler(call))

        return handle

    async def _socket(self, request: Request, _: Mapping[str, str]) -> _Served:
        return await own_sockets.serve(self._gateway, self._hub, _upgraded(request))

    async def _page(self, request: Request, _: Mapping[str, str]) -> _Served:
        if hdrs.UPGRADE in request.headers:
            raise ApiError(GatewayCode.NOT_FOUND, detail=_WHERE)
        return Answer(200, pages.WELCOME.encode(), content_type="text/html; charset=utf-8")

    async def _health(self, request: Request, _: Mapping[str, str]) -> _Served:
        healthy, told = await self._gateway.health()
        return _answer(Reply(told, status=200 if healthy else 503))


def _opening(serve: Callable[[Patient], Awaitable[_Served]]) -> _Handler:
    async def handle(request: Request, _: Mapping[str, str]) -> _Served:
        return await serve(_upgraded(request))

    return handle


def _upgraded(request: Request) -> Patient:
    """A request that is a WebSocket's handshake.

    Raises:
        ApiError: it is none.
    """
    if isinstance(request, Patient) and request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
        return request
    raise ApiError(GatewayCode.NOT_FOUND, detail="This is a WebSocket's address: connect with a WebSocket.")


def _refused(request: Request, error: ApiError, headers: Mapping[str, str] | None = None) -> Answer:
    """A refusal in the shape of the door that was knocked at."""
    if request.path.startswith(COMPATIBLE_PREFIXES):
        return refused_there(error, headers)
    return refused(error, headers)


def _answer(reply: Reply) -> Answer:
    return Answer(reply.status, reply.body(), content_type=reply.content_type, headers=reply.headers())


async def _continue(request: web.BaseRequest) -> None:
    """Ask for the body of who waits to be asked.

    Raises:
        ApiError: the client expects something else.
    """
    if request.version < HttpVersion11:
        return
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        raise ApiError(GatewayCode.MALFORMED_REQUEST)
    await request.writer.write(_CONTINUE)
    request.writer.output_size = 0  # what counts is whether the answer has begun


def _token(request: Request) -> str:
    header = request.headers.get(hdrs.AUTHORIZATION, "")
    if header[: len(BEARER)].lower() != BEARER:
        raise ApiError(GatewayCode.UNAUTHORIZED)
    return header[len(BEARER) :]


async def _at_least(gateway: Gateway, text: str) -> None:
    try:
        position = parse_id(text)
    except ValueError:
        raise ApiError(Code.INVALID_FIELD, AT_LEAST, detail="A position is written ms-seq.") from None
    await gateway.follower.at_least(position, CATCH_UP_S)
