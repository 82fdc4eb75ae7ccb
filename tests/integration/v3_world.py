"""Users with API keys at the compatible door, over REST. Every answer is held to its declared schema."""

from typing import Any, Final

from exchange.api.v3.routes.table import ROUTES
from tests.integration.api_world import Client, World
from tests.integration.ws_world import Signer, hmac_key
from tests.security.schema import problems

SYMBOL: Final = "TATAINR"

_SCHEMAS: Final = {(route.method, route.path): route.endpoint.answer for route in ROUTES}


class Trader:
    """A user who signs. `headers` are those of the last answer, `status` its status."""

    def __init__(self, world: World, client: Client, key: Signer) -> None:
        self.world = world
        self.client = client
        self.key = key
        self.account = client.account
        self.more_headers: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.status = 0

    async def ask(self, method: str, path: str, **params: object) -> Any:
        """A signed request under `/api/v3/`, its parameters in the query string, with `more_headers`."""
        whole = path if path.startswith("/") else f"/api/v3/{path}"
        url = f"{self.world.base}{whole}?{self.key.query(**params)}"
        sent = {"X-MBX-APIKEY": self.key.id, **self.more_headers}
        async with self.world.session.request(method, url, headers=sent) as response:
            self.status, self.headers = response.status, dict(response.headers)
            told = await response.json()
        if self.status == 200:
            assert not problems(told, _SCHEMAS[method, whole], {})
        return told

    async def get(self, path: str, **params: object) -> Any:
        """What a read answers."""
        told = await self.ask("GET", path, **params)
        assert self.status == 200, told
        return told

    async def do(self, method: str, path: str, **params: object) -> Any:
        """What a request that is carried out answers."""
        told = await self.ask(method, path, **params)
        assert self.status == 200, told
        return told

    async def refused(self, method: str, path: str, **params: object) -> tuple[int, str]:
        """Code and text of a refusal."""
        told = await self.ask(method, path, **params)
        assert self.status >= 400, told
        return told["code"], told["msg"]

    async def order(self, side: str, kind: str, **params: object) -> Any:
        """Place an order."""
        return await self.do("POST", "order", symbol=SYMBOL, side=side, type=kind, **params)

    async def limit(self, side: str, price: str, quantity: str, **params: object) -> Any:
        """Place a limit order that rests."""
        order = {"timeInForce": "GTC", "price": price, "quantity": quantity, **params}
        return await self.order(side, "LIMIT", **order)

    async def shown(self, order: int) -> Any:
        """An order as it is now."""
        return await self.get("order", symbol=SYMBOL, orderId=order)


async def trader(world: World, **funds: str) -> Trader:
    """A new user with funds and a key."""
    client = await world.user(**(funds or {"TATA": "1000", "INR": "100000"}))
    return Trader(world, client, await hmac_key(client))
