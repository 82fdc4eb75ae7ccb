"""One request and its answer, as the routes see them: nothing of the web server."""

from collections.abc import Mapping
from typing import ClassVar, Final

import orjson
from aiohttp import hdrs

from exchange.api.contract.declared import NOTHING, Endpoint
from exchange.api.contract.reading import Fields, digits, json_object
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.gateway import Gateway, Principal
from exchange.api.http.answers import JSON, POSITION
from exchange.api.http.request import Request
from exchange.projections.live.records import LiveAccount
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code
from exchange.terms.stream import StreamId, format_id

BEARER = "bearer "
"""The scheme, whose name may come in any case."""
NEXT: Final = "X-Exchange-Next"


class Call:
    """A request that was let through; `principal` is None on public routes."""

    __slots__ = ("_declared", "_parts", "_principal", "_request", "gateway")

    def __init__(
        self,
        gateway: Gateway,
        request: Request,
        parts: Mapping[str, str],
        principal: Principal | None,
        declared: Endpoint,
    ) -> None:
        self.gateway = gateway
        self._declared = declared
        self._request = request
        self._parts = parts
        self._principal = principal

    @property
    def principal(self) -> Principal:
        """Who asks. Only for routes that are not public."""
        if self._principal is None:
            raise ApiError(GatewayCode.UNAUTHORIZED)
        return self._principal

    @property
    def account(self) -> LiveAccount:
        """The account of who asks.

        Raises:
            ApiError: the operator has none.
        """
        account = self.principal.account
        if account is None:
            raise ApiError(GatewayCode.NO_ACCOUNT)
        return account

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.gateway.addresses.of(self._request)

    @property
    def agent(self) -> str:
        """What the client calls itself."""
        return self._request.headers.get(hdrs.USER_AGENT, "")

    def path(self, name: str) -> str:
        """A part of the path."""
        return self._parts[name]

    def path_number(self, name: str, missing: Code) -> int:
        """A part of the path that is a number as things here have; anything else names nothing that exists.

        Raises:
            ApiError: `missing`.
        """
        number = digits(self.path(name))
        if number is None or not 1 <= number <= MAX_COUNT:
            raise ApiError(missing, name)
        return number

    def query(self) -> Fields:
        """The query's parameters, each of which must be declared and come once."""
        values: dict[str, object] = {}
        for name, value in self._request.query.items():
            if name in values:
                raise ApiError(Code.INVALID_FIELD, name[:64], detail="This parameter was given twice.")
            values[name] = value
        return Fields(values, self._declared.query)

    async def body(self) -> Fields:
        """The JSON body's fields, each of which must be declared.

        Raises:
            ApiError: it is no JSON object, too large, or too slow.
        """
        request = self._request
        declared = request.headers.get(hdrs.CONTENT_TYPE)
        # Taking the header apart is slow, and hardly anybody adds parameters to it.
        json = declared == JSON or request.content_type == JSON
        if not json or hdrs.CONTENT_ENCODING in request.headers:
            raise ApiError(GatewayCode.UNSUPPORTED_MEDIA_TYPE)
        return Fields(json_object(await request.read()), self._declared.body or NOTHING)

    async def check(self) -> None:
        """See that nothing is there which the handler would not look at: parameters of a route that takes none, a body
        (but for an empty object) of a route without one."""
        if not self._declared.query and self._request.query:
            self.query()
        if self._declared.body is None and self._request.can_read_body:
            await self.body()


class Reply:
    """An answer: status, what becomes JSON, and the position that it shows, if it shows one."""

    __slots__ = ("data", "position", "status")

    content_type: ClassVar[str] = JSON

    def __init__(self, data: Mapping[str, object], position: StreamId | None = None, *, status: int = 200) -> None:
        self.data = data
        self.position = position
        self.status = status

    def body(self) -> bytes:
        """As it is sent."""
        return orjson.dumps(self.data)

    def headers(self) -> dict[str, str]:
        """What goes with it."""
        return {} if self.position is None else {POSITION: format_id(self.position)}


class CsvReply(Reply):
    """An answer in CSV; `following` is what to send as `before` for what did not fit, if anything did not."""

    __slots__ = ("following", "text")

    content_type: ClassVar[str] = "text/csv; charset=utf-8; header=present"

    def __init__(self, text: bytes, position: StreamId, *, following: str | None = None) -> None:
        super().__init__({}, position)
        self.text = text
        self.following = following

    def body(self) -> bytes:
        """As it is sent."""
        return self.text

    def headers(self) -> dict[str, str]:
        """What goes with it."""
        more = {} if self.following is None else {NEXT: self.following}
        return {**super().headers(), hdrs.CONTENT_DISPOSITION: "attachment", **more}
