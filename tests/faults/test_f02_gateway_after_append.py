"""F2: a gateway is killed after it appended a command and before it answered. The same client order id gets the first
result, from any gateway, and takes effect once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import redis.asyncio

from exchange.events.types import Accepted, Duplicate
from exchange.settings import Settings
from tests.faults.gateways import all_events, gateway_process, up
from tests.integration.api_world import Client, eventually, free_port, world

MakeSettings = Callable[..., Settings]


@pytest.mark.parametrize("when", ["waiting", "answered"])
async def test_f02_an_order_through_a_killed_gateway_takes_effect_once(
    make_settings: MakeSettings, redis_url: str, database_url: str, tmp_path: Path, when: str
) -> None:
    """F2: the gateway dies after the append; the same client order id gets the first result elsewhere."""
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as place:
        user = await place.user(INR="1000")
        settings = replace(place.settings, port=free_port())
        process = await gateway_process(settings, tmp_path / "err")
        doomed = Client(place.session, f"http://127.0.0.1:{settings.port}", user.token)
        await eventually(lambda: up(doomed), 30)
        if when == "waiting":
            await place.stop_engine()
        order = asyncio.create_task(doomed.limit("buy", "10", "1", client_order_id="once"))
        if when == "waiting":
            log = redis.asyncio.Redis.from_url(redis_url)
            before = await log.xlen(settings.events_key)

            async def appended() -> bool:
                return bool(await log.xlen(settings.commands_key) > before)

            await eventually(appended)
            await log.aclose()
            process.kill()
            with pytest.raises(aiohttp.ClientError):
                await order
            await place.start_engine()
        else:
            assert (await order).status == 201
            process.kill()
        await process.wait()
        again = await user.limit("buy", "10", "1", client_order_id="once")
        third = await user.limit("buy", "10", "1", client_order_id="once")
        assert (again.status, third.data) == (201, again.data)
        events = await all_events(place.settings)
        accepted = [event for event in events if isinstance(event, Accepted)]
        assert [event.client_id for event in accepted] == ["once"]
        assert any(isinstance(event, Duplicate) for event in events)
        assert await user.balances() == {"INR": ("990.00", "10.00")}
