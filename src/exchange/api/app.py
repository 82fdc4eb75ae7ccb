"""The web server's side: routes put into aiohttp, tokens read, every error brought into the one shape.

Nothing else in the house knows aiohttp's requests but `sockets`; nothing leaves here without the security headers.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import hdrs, web

from exchange.api import pages, sockets
from exchange.api.call import BEARER, JSON, MAX_BODY_BYTES, Access, Call, Reply
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.gateway import CATCH_UP_S, Gateway, Principal
from exchange.api.hub import Hub
from exchange.api.routes.table import ROUTES, Route
from exchange.terms.codes import Code
from exchange.terms.stream import format_id, parse_id

PREFIX: Final = "/api/v1/"
POSITION: Final = "X-Exchange-Position"
AT_LEAST: Final = "X-Exchange-At-Least"

_HEADERS: Final = {
    "Content-Security-Policy": pages.POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "exchange",
}
_HTTP_CODES: Final = {
    404: GatewayCode.NOT_FOUND,
    405: GatewayCode.METHOD_NOT_ALLOWED,
    413: GatewayCode.BODY_TOO_LARGE,
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_logger = structlog.get_logger(__name__)


def build(gateway: Gateway, hub: Hub) -> web.Application:
    """The application."""
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_one_error_shape])
    for route in ROUTES:
        app.router.add_route(route.method, PREFIX + route.path, _handler(gateway, route))

    async def door(request: web.Request) -> web.StreamResponse:
        if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
            return await sockets.serve(gateway, hub, request)
        if request.path == "/ws":
            raise ApiError(GatewayCode.NOT_FOUND, detail="This is the WebSocket's address: connect with a WebSocket.")
        return web.Response(text=pages.WELCOME, content_type="text/html")

    async def health(_: web.Request) -> web.StreamResponse:
        healthy, told = await gateway.health()
        return _response(Reply(told, status=200 if healthy else 503))

    app.router.add_get("/", door)
    app.router.add_get("/ws", door)
    app.router.add_get("/healthz", health)
    app.on_response_prepare.append(_secure)
    return app


def _handler(gateway: Gateway, route: Route) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        await _at_least(gateway, request)
        principal: Principal | None = None
        if route.access is not Access.PUBLIC:
            principal = await gateway.principal(_token(request))
            if route.access is Access.ADMIN:
                await gateway.require_admin(principal)
        return _response(await route.handler(Call(gateway, request, principal)))

    return handle


def _token(request: web.Request) -> str:
    header = request.headers.get(hdrs.AUTHORIZATION, "")
    if header[: len(BEARER)].lower() != BEARER:
        raise ApiError(GatewayCode.UNAUTHORIZED)
    return header[len(BEARER) :]


async def _at_least(gateway: Gateway, request: web.Request) -> None:
    text = request.headers.get(AT_LEAST)
    if text is None:
        return
    try:
        position = parse_id(text)
    except ValueError:
        raise ApiError(Code.INVALID_FIELD, AT_LEAST, detail="A position is written ms-seq.") from None
    await gateway.follower.at_least(position, CATCH_UP_S)


def _response(reply: Reply) -> web.Response:
    response = web.Response(body=reply.json(), status=reply.status, content_type=JSON)
    if reply.position is not None:
        response.headers[POSITION] = format_id(reply.position)
    return response


def _refused(error: ApiError) -> web.Response:
    response = _response(Reply(error.body(), error.position, status=error.status))
    if error.retry_after is not None:
        response.headers[hdrs.RETRY_AFTER] = str(error.retry_after)
    if error.status == 401:
        response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return response


@web.middleware
async def _one_error_shape(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return _refused(error)
    except web.HTTPException as error:
        code = _HTTP_CODES.get(error.status, GatewayCode.MALFORMED_REQUEST)
        response = _refused(ApiError(code))
        if hdrs.ALLOW in error.headers:
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return response
    except ConnectionError:
        raise  # the client is gone: there is nobody to tell
    except Exception:
        _logger.exception("request failed", method=request.method, route=_shown(request))
        return _refused(ApiError(GatewayCode.INTERNAL))


def _shown(request: web.Request) -> str:
    """The route's pattern, which holds nothing that a client wrote."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
