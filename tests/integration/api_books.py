"""Clients of the depth feed, and a flow of orders that keeps it busy."""

import random

from tests.integration.api_world import Client, Json


class Book:
    """A client's book, kept as `docs/api.md` says, over reconnects and resyncs."""

    def __init__(self) -> None:
        self.seq = -1
        self.sides: dict[str, dict[str, str]] = {}
        self.updates = 0
        self.resyncs = 0

    def take(self, message: Json) -> bool:
        """Take a message in; False when a step is missing and the book must be begun again."""
        data = message["data"]
        if message["type"] == "snapshot":
            self.seq = data["seq"]
            self.sides = {side: dict(data[side]) for side in ("bids", "asks")}
            self.resyncs += 1
            return True
        if data["first_seq"] != self.seq + 1:
            return False
        for side, levels in self.sides.items():
            for price, quantity in data[side]:
                if quantity == "0":
                    levels.pop(price, None)
                else:
                    levels[price] = quantity
        self.seq = data["last_seq"]
        self.updates += 1
        return True

    def equals(self, depth: Json) -> bool:
        return self.seq == depth["seq"] and self.sides == {side: dict(depth[side]) for side in ("bids", "asks")}


async def flow(user: Client, seed: int, count: int) -> None:
    """Random orders and cancels of one user."""
    chance = random.Random(seed)
    mine: list[int] = []
    for _ in range(count):
        if mine and chance.random() < 0.35:
            id = mine.pop(chance.randrange(len(mine)))
            answer = await user.call("DELETE", f"/api/v1/order/{id}")
            assert answer.status in {200, 404}
            continue
        kind = chance.choice(["buy", "sell"])
        price = f"{chance.randint(90, 110)}.{chance.choice(['00', '05', '50'])}"
        answer = await user.limit(kind, price, str(chance.randint(1, 9)))
        assert answer.status == 201
        mine.append(answer.data["id"])
