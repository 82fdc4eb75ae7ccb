"""What only the journal may do to real streams: trim both as one, and see how far the groups have come."""

from collections.abc import AsyncIterator

import pytest
import redis

from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.group import EventGroup
from exchange.effects.redis.trim import RedisTrimmer
from exchange.terms.stream import START
from tests.integration.archiving import everything, live, put
from tests.unit.projections.segments import a_log, content_of

PAIRS = a_log(8, 80)
IDS = [command.id for command, _ in PAIRS]


@pytest.fixture
async def trimmer(redis_url: str, streams: str) -> AsyncIterator[RedisTrimmer]:
    opened = RedisTrimmer(redis_url, f"{streams}:commands", f"{streams}:events")
    yield opened
    await opened.aclose()


async def test_both_streams_end_up_beginning_at_the_horizon(
    trimmer: RedisTrimmer, redis_url: str, streams: str, client: redis.Redis
) -> None:
    put(client, streams, PAIRS)
    async with live(redis_url, streams) as log:
        for first in (0, 1, 40, 40, 7, 79):
            assert await trimmer.trim(IDS[first]) == len(PAIRS) - max(first, 40 if first == 7 else 0)
            assert await everything(log, 1000) == content_of(PAIRS[max(first, 40 if first == 7 else 0) :])
        assert (await log.head()).id == IDS[-1]
        await trimmer.trim((IDS[-1][0] + 1, 0))  # ids stay known even then
        assert (await log.head()).id == IDS[-1]


async def test_groups_are_told_by_name(
    trimmer: RedisTrimmer, redis_url: str, streams: str, client: redis.Redis
) -> None:
    assert await trimmer.groups() == {}
    put(client, streams, PAIRS)
    assert await trimmer.groups() == {}
    for name, place in (("one", 3), ("two", 50)):
        group = EventGroup(redis_url, f"{streams}:events", name)
        await group.begin(START)
        await group.move([entry for _, entry in PAIRS[: place + 1]])
        await group.aclose()
    client.xgroup_create(f"{streams}:events", "three", "0")
    assert await trimmer.groups() == {"one": IDS[3], "two": IDS[50], "three": START}


async def test_a_server_that_is_away_is_said_to_be() -> None:
    trimmer = RedisTrimmer("redis://127.0.0.1:1/0", "c", "e", timeout=0.5)
    with pytest.raises(LogUnavailable):
        await trimmer.trim(IDS[3])
    with pytest.raises(LogUnavailable):
        await trimmer.groups()
