"""One user's way to the public API: signs up or in by itself, waits when told to, repeats what may be repeated.

    ApiError
    ├── Refused       the exchange said no: `code` says why, asking again gives the same
    └── Unavailable   nobody answered, or not now: try again later, with the same client order id

A request whose outcome is unknown (504, a connection that broke) is repeated as it is: orders carry a client order id
and deposits a reference, cancels and reads may be repeated. The newest position seen goes with every request, so that
what one gateway did is in what another one shows.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import structlog

from exchange.clients.credentials import Credentials
from exchange.terms.stream import START, StreamId, format_id, parse_id

_logger = structlog.get_logger(__name__)

Json = dict[str, Any]

_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
_TRIES: Final = 4
_LONGEST_PAUSE: Final = 5.0


class ApiError(Exception):
    """A request that was not carried out."""


class Refused(ApiError):
    """The exchange's refusal."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


class Unavailable(ApiError):
    """The exchange cannot be asked now."""


class PublicApi:
    """A user of the exchange at one address. Close it."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._url = url.rstrip("/")
        self._credentials = credentials
        self._session: aiohttp.ClientSession | None = None
        self._token = ""
        self._refresh_token = ""
        self._signing_in = asyncio.Lock()
        self._position: StreamId = START

    async def close(self) -> None:
        """Let the connections go."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, **parameters: str | int) -> Json:
        """Read. Raises `Refused`, `Unavailable`."""
        return await self._signed("GET", path, parameters, None)

    async def post(self, path: str, body: Mapping[str, str]) -> Json:
        """Act. Raises `Refused`, `Unavailable`."""
        return await self._signed("POST", path, {}, body)

    async def delete(self, path: str) -> Json:
        """Take back. Raises `Refused`, `Unavailable`."""
        return await self._signed("DELETE", path, {}, None)

    async def _signed(
        self, method: str, path: str, parameters: Mapping[str, str | int], body: Mapping[str, str] | None
    ) -> Json:
        token = self._token
        if token:
            try:
                return await self._ask(method, path, parameters, body)
            except Refused as refusal:
                if refusal.status != 401:
                    raise
        async with self._signing_in:
            if self._token == token and not await self._refreshed():  # nobody else has renewed it meanwhile
                await self._sign_in()
        return await self._ask(method, path, parameters, body)

    async def _refreshed(self) -> bool:
        """Get the next token of this session; False when it is over, or has not begun."""
        if not self._refresh_token:
            return False
        self._token = ""
        try:
            self._signed_in(await self._ask("POST", "/refresh", {}, {"refresh_token": self._refresh_token}))
        except Refused:
            self._refresh_token = ""
            return False
        return True

    def _signed_in(self, answer: Json) -> None:
        if answer["account"] is None:
            raise Unavailable("the exchange has not opened an account for us yet")
        self._token, self._refresh_token = str(answer["token"]), str(answer["refresh_token"])

    async def _sign_in(self) -> None:
        """Sign in, and up first if nobody knows us.

        Raises:
            Refused: the address belongs to somebody else.
            Unavailable: also while there is no account yet.
        """
        self._token = ""
        user = self._credentials._asdict()
        try:
            answer = await self._ask("POST", "/signin", {}, user)
        except Refused as refusal:
            if refusal.code != "wrong_credentials":
                raise
            await self._ask("POST", "/signup", {}, user)
            _logger.info("signed up", email=self._credentials.email)
            answer = await self._ask("POST", "/signin", {}, user)
        self._signed_in(answer)

    async def _ask(
        self, method: str, path: str, parameters: Mapping[str, str | int], body: Mapping[str, str] | None
    ) -> Json:
        pause = 0.1
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                status, wait, answer = await self._once(method, path, parameters, body)
            except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
                status, wait, answer = 0, "", {"error": {"code": "unreachable", "message": repr(error)}}
            if 200 <= status < 300:
                return answer
            code, message = _reason(answer)
            if status not in (0, 429) and status < 500:
                raise Refused(status, code, message)
            if last:
                break
            await asyncio.sleep(min(float(wait), _LONGEST_PAUSE) if wait.isdigit() else pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise Unavailable(f"{method} {path}: {status or 'no answer'} {code}: {message}")

    async def _once(
        self, method: str, path: str, parameters: Mapping[str, str | int], body: Mapping[str, str] | None
    ) -> tuple[int, str, Json]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if self._position != START:
            headers["X-Exchange-At-Least"] = format_id(self._position)
        async with self._session.request(
            method, f"{self._url}/api/v1{path}", params=parameters, json=body, headers=headers
        ) as response:
            answer: Json = json.loads(await response.read())
            seen = response.headers.get("X-Exchange-Position")
            if seen is not None:
                self._position = max(self._position, parse_id(seen))
            return response.status, response.headers.get("Retry-After", ""), answer


def _reason(answer: Json) -> tuple[str, str]:
    try:
        return str(answer["error"]["code"]), str(answer["error"]["message"])
    except (KeyError, TypeError):
        return "unreadable", str(answer)[:200]
