"""Something to trade: assets, markets and two people with money, made by commands like anything else.

Assets and markets are appended to the log, people sign up at the gateway and use its faucet. Everything is asked for
before it is made, so that starting again adds nothing to the log.
"""

import json
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from exchange.commands.codec import encode
from exchange.commands.types import Command, CreateAsset, CreateMarket
from exchange.effects.ports import EffectError
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.events.codec import decode
from exchange.events.types import Rejected
from exchange.settings import Settings
from exchange.terms.codes import Code
from exchange.terms.stream import StreamId, format_id

ASSETS: Final = {"INR": 2, "TATA": 4, "USDT": 8, "BTC": 8, "ETH": 8}
"""Decimals of each asset."""

FEE: Final = 1000
"""0.1 %, maker and taker."""

MARKETS: Final = {
    # ticks of 0.05 INR, whole shares, orders from 10 INR
    "TATA-INR": CreateMarket("TATA-INR", 5, 10**4, 10 * 10**2, FEE, FEE),
    # ticks of 0.01 USDT, lots of 0.00001 BTC, orders from 5 USDT
    "BTC-USDT": CreateMarket("BTC-USDT", 10**6, 10**3, 5 * 10**8, FEE, FEE),
    # ticks of 0.01 USDT, lots of 0.0001 ETH, orders from 5 USDT
    "ETH-USDT": CreateMarket("ETH-USDT", 10**6, 10**4, 5 * 10**8, FEE, FEE),
}

PEOPLE: Final = ("alice@example.org", "bob@example.org")
PASSWORD: Final = "demo-password"  # noqa: S105  everybody may know it
MONEY: Final = {"INR": "1000000", "TATA": "10000", "USDT": "1000000", "BTC": "20", "ETH": "300"}
"""What each of them gets, in whole units."""

_RESULT_SECONDS = 10.0


class DemoError(Exception):
    """The demo data cannot be made; the message says why."""


def accounts() -> str:
    """Who can sign in, for the screen."""
    return f"{', '.join(PEOPLE)} (password: {PASSWORD})"


def prepare(settings: Settings, url: str, pause: Callable[[float], None]) -> str:
    """Make what is missing, through a gateway that is healthy and the log it follows.

    Args:
        settings: where the log is.
        url: the gateway.
        pause: waits; what it raises ends the waiting.

    Returns:
        What there is now, for the screen.

    Raises:
        DemoError: the gateway or the engine refuses, or does not answer.
    """
    gateway = _Gateway(url)
    try:
        position = _list(settings, _missing(gateway), pause)
        gateway.at_least = position
        joined = [email for email in PEOPLE if _join(gateway, email)]
    except (OSError, HTTPException, EffectError) as error:
        raise DemoError(f"demo data cannot be made: {error!r}") from error
    made = f"; funded {', '.join(joined)}" if joined else ""
    return f"{', '.join(MARKETS)}{made}"


def _missing(gateway: "_Gateway") -> list[Command]:
    assets = {asset["asset"] for asset in gateway.get("/api/v1/assets")["assets"]}
    markets = {market["market"] for market in gateway.get("/api/v1/markets")["markets"]}
    commands: list[Command] = [CreateAsset(name, places) for name, places in ASSETS.items() if name not in assets]
    return commands + [command for name, command in MARKETS.items() if name not in markets]


def _list(settings: Settings, commands: list[Command], pause: Callable[[float], None]) -> str:
    """Append the commands and wait for their results; gives the last one's position."""
    if not commands:
        return ""
    url, clock_key = settings.redis_for("operator"), settings.clock_key
    log = BlockingRedisLog(url, settings.commands_key, settings.events_key, clock_key=clock_key)
    try:
        ids = log.append_many([encode(command) for command in commands])
        for id in ids:
            _await_result(log, id, pause)
    finally:
        log.close()
    return format_id(ids[-1])


def _await_result(log: BlockingRedisLog, id: StreamId, pause: Callable[[float], None]) -> None:
    until = time.monotonic() + _RESULT_SECONDS
    while (entry := run(log.event(id))) is None:
        if time.monotonic() > until:
            raise DemoError(f"the engine gave no result for {format_id(id)} within {_RESULT_SECONDS:.0f} s")
        pause(0.01)
    for event in decode(entry.payload).events:
        if isinstance(event, Rejected) and event.code not in {Code.ASSET_EXISTS, Code.MARKET_EXISTS}:
            raise DemoError(f"the engine refused {format_id(id)}: {event.code} {event.field}")


def _join(gateway: "_Gateway", email: str) -> bool:
    """Sign somebody up and fund the account; False when they were there already (perhaps with another password)."""
    credentials = {"email": email, "password": PASSWORD}
    status, answer = gateway.call("POST", "/api/v1/signup", credentials)
    if status == 201:
        status, answer = gateway.call("POST", "/api/v1/signin", credentials)
    if status == 401:
        return False
    if status != 200:
        raise DemoError(f"{email} could not join: {status} {answer}")
    token = answer["token"]
    status, answer = gateway.call("GET", "/api/v1/balances", token=token)
    if status != 200:
        raise DemoError(f"what {email} holds cannot be asked: {status} {answer}")
    held = {balance["asset"] for balance in answer["balances"]}
    missing = {asset: amount for asset, amount in MONEY.items() if asset not in held}
    for asset, amount in missing.items():
        deposit = {"asset": asset, "amount": amount, "ref": f"demo-{asset}"}
        status, answer = gateway.call("POST", "/api/v1/deposits", deposit, token)
        if status != 201:
            raise DemoError(f"the faucet refused {amount} {asset} for {email}: {status} {answer}")
    return bool(missing)


class _Gateway:
    """The gateway's REST door, one request at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30.0)
        self.at_least = ""

    def get(self, path: str) -> dict[str, Any]:
        status, answer = self.call("GET", path)
        if status != 200:
            raise DemoError(f"GET {path} answered {status}: {answer}")
        return answer

    def call(
        self, method: str, path: str, body: Mapping[str, str] | None = None, token: str = ""
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if self.at_least:
            headers["X-Exchange-At-Least"] = self.at_least
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        try:
            answer: dict[str, Any] = json.loads(response.read())
        except ValueError:
            raise DemoError(f"{method} {path} answered {response.status} without JSON") from None
        return response.status, answer
