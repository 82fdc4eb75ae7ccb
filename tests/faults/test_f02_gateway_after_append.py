"""F2: a gateway is killed after it appended a command and before it answered. The same client order id gets the first
result, from any gateway, and takes effect once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import redis
import redis.asyncio

from exchange.events.types import Accepted, Duplicate
from exchange.projections.journal.database import DatabaseSegments
from exchange.settings import Settings
from exchange.terms.stream import START, parse_id
from tests.faults.gateways import all_events, gateway_process, up
from tests.integration.api_world import Client, eventually, free_port, world
from tests.integration.archiving import keep, live, trim

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


async def test_f02_a_repetition_gets_its_first_result_after_that_has_left_the_streams(
    make_settings: MakeSettings, redis_url: str, database_url: str, streams: str, client: redis.Redis
) -> None:
    """Names are remembered for longer than the streams keep entries; the journal has what they came to."""
    settings = make_settings(redis_url=redis_url, database_url=database_url, demo=True)
    async with world(settings) as place, live(redis_url, streams) as log:
        user = await place.user(INR="1000")
        placed = await user.limit("buy", "10", "1", client_order_id="once")
        refused = await user.limit("buy", "10.01", "1", client_order_id="never")
        gift = await user.post("/api/v1/deposits", {"asset": "INR", "amount": "5", "ref": "gift"})
        assert (placed.status, refused.status, gift.status) == (201, 422, 201)
        last = await user.limit("buy", "11", "1")
        pairs = list(zip(await log.commands(START, 1_000), await log.events(START, 1_000), strict=True))
        trim(client, streams, parse_id(last.headers["X-Exchange-Position"]))

        gone = await user.limit("buy", "10", "1", client_order_id="once")
        assert (gone.status, gone.code) == (409, "result_gone")  # nobody has archived it: nothing may be made up

        segments = DatabaseSegments(database_url)
        await keep(segments, pairs, 7)
        await segments.close()
        again = await asyncio.gather(*(user.limit("buy", "10", "1", client_order_id="once") for _ in range(4)))
        assert [answer.data for answer in again] == [placed.data] * 4
        still = await user.limit("buy", "10.01", "1", client_order_id="never")
        assert (still.status, still.code) == (422, "off_tick")
        other = await user.limit("buy", "12", "1", client_order_id="once")
        assert (other.status, other.code) == (409, "client_order_id_reused")
        given = await user.post("/api/v1/deposits", {"asset": "INR", "amount": "5", "ref": "gift"})
        assert given.data == gift.data
        assert await user.balances() == {"INR": ("984.00", "21.00")}
