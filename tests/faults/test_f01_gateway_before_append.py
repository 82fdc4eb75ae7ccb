"""F1: a gateway is killed before it appends. The client gets an error, nothing happened, and asking again is safe."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from exchange.events.types import Accepted, Duplicate
from exchange.settings import Settings
from tests.faults.gateways import all_events, gateway_process, up
from tests.integration.api_world import DEADLINE_S, Client, eventually, free_port, world

MakeSettings = Callable[..., Settings]


@pytest.mark.parametrize("orders", [1, 8])
async def test_f01_an_order_through_a_gateway_killed_before_its_append_is_no_order_until_it_is_asked_again(
    make_settings: MakeSettings, redis_url: str, database_url: str, tmp_path: Path, orders: int
) -> None:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as place:
        user = await place.user(INR="1000")
        settings = replace(place.settings, port=free_port())
        process = await gateway_process(settings, tmp_path / "err", failpoint="before_append")
        doomed = Client(place.session, f"http://127.0.0.1:{settings.port}", user.token)
        await eventually(lambda: up(doomed), 30)
        names = [f"once-{number}" for number in range(orders)]
        before = len(await all_events(place.settings))

        answers = await asyncio.gather(
            *(doomed.limit("buy", "10", "1", client_order_id=name) for name in names), return_exceptions=True
        )

        assert all(isinstance(answer, aiohttp.ClientError) for answer in answers), answers
        assert await asyncio.wait_for(process.wait(), DEADLINE_S) == -9
        assert len(await all_events(place.settings)) == before, "something was appended"
        assert (await user.get("/api/v1/orders")).data == {"orders": []}
        again = [await user.limit("buy", "10", "1", client_order_id=name) for name in names]
        assert [answer.status for answer in again] == [201] * orders
        events = await all_events(place.settings)
        assert [event.client_id for event in events if isinstance(event, Accepted)] == names
        assert not any(isinstance(event, Duplicate) for event in events)
        assert await user.balances() == {"INR": (f"{1000 - 10 * orders}.00", f"{10 * orders}.00")}
