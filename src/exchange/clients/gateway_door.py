"""Driving a recording by the gateway's public API: one request for each action, one after the other.

Orders must reach the log in the recording's order, so nothing is sent before the last answer is there; an answer says
which entry of the log it is about (`X-Exchange-Position`), and by that the judge knows the result when it comes by in
the event stream.
"""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Final
from urllib.parse import quote, urlsplit

from exchange.clients.flow import Action, Reduce, Remove, Rest
from exchange.clients.stage import ActionRefused, DriveError, Stage
from exchange.terms.amounts import format_decimal
from exchange.terms.stream import StreamId, parse_id

_TIMEOUT: Final = 30.0
_TRIES: Final = 20


class Gateway:
    """One connection to a gateway, with the users that this run signed up."""

    def __init__(self, url: str, market: str, name: str) -> None:
        """Nothing is sent yet; `name` is this run's, and stands in the users' addresses.

        Raises:
            DriveError: the address is not one of HTTP.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise DriveError(f"{url!r} is no gateway's address: http://127.0.0.1:8000")
        self.url = url
        self._connection = HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT)
        self._users = [f"drive-{market.lower()}-{name}-{role}@example.org" for role in ("resting", "taking")]
        self.tokens = ["", ""]
        self._refresh_tokens = ["", ""]

    def open_accounts(self) -> tuple[int, int]:
        """Sign both users up and in; their accounts.

        Raises:
            DriveError: the gateway refuses, or has no account for them.
        """
        accounts: list[int] = []
        for place, email in enumerate(self._users):
            user = {"email": email, "password": secrets.token_urlsafe(24)}
            self._expect(201, "POST", "/api/v1/signup", user)
            answer = self._expect(200, "POST", "/api/v1/signin", user)
            if answer["account"] is None:
                raise DriveError(f"{self.url} has no account for {email} yet: is the engine running?")
            self._keep(place, answer)
            accounts.append(answer["account"])
        return accounts[0], accounts[1]

    def request(self, method: str, path: str, body: object, token: str = "") -> tuple[HTTPResponse, Any]:
        """One request and its answer; asks again, after the time told, while the gateway is busy or its log away, and
        with the next token when this one is over.

        Raises:
            DriveError: it cannot be reached, stays unavailable, or does not know the outcome.
        """
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        content = None if body is None else json.dumps(body)
        for _ in range(_TRIES):
            try:
                self._connection.request(method, path, content, headers)
                response = self._connection.getresponse()
                answer = json.loads(response.read())
            except (OSError, HTTPException, ValueError) as error:
                self._connection.close()
                raise DriveError(f"{self.url} does not answer: {type(error).__name__}: {error}") from error
            if response.status == 401 and token in self.tokens and token:
                place = self.tokens.index(token)
                again = {"refresh_token": self._refresh_tokens[place]}
                self._keep(place, self._expect(200, "POST", "/api/v1/refresh", again))
                token = self.tokens[place]
                headers["Authorization"] = f"Bearer {token}"
                continue
            if response.status not in (429, 503):
                break
            time.sleep(float(response.headers.get("Retry-After") or 1))
        if response.status >= 500 or response.status == 429:
            raise DriveError(f"{self.url}{path}: {response.status} {_words(answer)}")
        return response, answer

    def _keep(self, place: int, signed: Any) -> None:
        self.tokens[place], self._refresh_tokens[place] = signed["token"], signed["refresh_token"]

    def _expect(self, status: int, method: str, path: str, body: object) -> Any:
        response, answer = self.request(method, path, body)
        if response.status != status:
            raise DriveError(f"{self.url}{path}: {response.status} {_words(answer)}")
        return answer


class GatewayDoor:
    """The public API as a way in."""

    batch = 1
    needs_number: tuple[type[Action], ...] = (Reduce,)

    def __init__(self, gateway: Gateway, stage: Stage) -> None:
        self._gateway = gateway
        self._stage = stage
        self._base_decimals, self._quote_decimals = stage.units

    def send(self, actions: Sequence[Action], numbers: Mapping[str, int]) -> list[StreamId]:
        """Send one request for each action and give the positions that the answers tell.

        Raises:
            ActionRefused: an action was refused.
            DriveError: the gateway cannot be reached, stays unavailable, or does not know the outcome.
        """
        return [self._send(action, numbers) for action in actions]

    def _send(self, action: Action, numbers: Mapping[str, int]) -> StreamId:
        gateway = self._gateway
        resting, taking = gateway.tokens
        if isinstance(action, Remove):
            path = f"/api/v1/orders?client_order_id={quote(action.name, safe='')}"
            response, answer = gateway.request("DELETE", path, None, resting)
        elif isinstance(action, Reduce):
            body = {"quantity": self._size(action.total)}
            response, answer = gateway.request("PATCH", f"/api/v1/order/{numbers[action.name]}", body, resting)
        else:
            rests = isinstance(action, Rest)
            body = {
                "type": "limit",
                "kind": "buy" if action.buy else "sell",
                "market": self._stage.market,
                "price": format_decimal(self._stage.units.price(action.price), self._quote_decimals),
                "quantity": self._size(action.size),
                "time_in_force": "gtc" if rests else "ioc",
                "client_order_id": action.name,
            }
            response, answer = gateway.request("POST", "/api/v1/order", body, resting if rests else taking)
        position = response.headers.get("X-Exchange-Position")
        if response.status >= 400 or position is None:
            raise ActionRefused(f"{type(action).__name__.lower()} {action.name}: {response.status} {_words(answer)}")
        return parse_id(position)

    def _size(self, recorded: int) -> str:
        return format_decimal(self._stage.units.size(recorded), self._base_decimals)


def _words(answer: Any) -> str:
    try:
        return f"{answer['error']['code']}: {answer['error']['message']}"
    except (KeyError, TypeError):
        return str(answer)[:200]
