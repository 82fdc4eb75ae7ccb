"""What a gateway believes of sessions while the database is slow, or away."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import sqlalchemy as sa

from exchange.api.auth.sessions import Sessions
from exchange.api.auth.store import Store
from exchange.api.errors import ApiError, GatewayCode

SUBJECT = uuid.UUID(int=1).hex
ENDED = uuid.UUID(int=2)
KEY = bytes(range(64))


class Rows:
    """A result of one column."""

    def __init__(self, ids: list[uuid.UUID]) -> None:
        self._ids = ids

    def scalars(self) -> "Rows":
        return self

    def all(self) -> list[uuid.UUID]:
        return self._ids

    def __iter__(self) -> Iterator[uuid.UUID]:
        return iter(self._ids)


class Database:
    """Ends the one session there is; tells at the next question what it knew when it was asked."""

    def __init__(self) -> None:
        self.ended: list[uuid.UUID] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.away = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Database"]:
        if self.away:
            raise ApiError(GatewayCode.DATABASE_UNAVAILABLE)
        yield self

    async def execute(self, statement: object) -> Rows:
        if isinstance(statement, sa.Select):
            known = list(self.ended)
            await self.answering.wait()
            return Rows(known)
        self.ended = [ENDED]
        return Rows(self.ended)


class Clock:
    """Time that passes when others have had their turn."""

    def now_ms(self) -> int:
        return 0

    async def sleep(self, _: float) -> None:
        await asyncio.sleep(0)


async def turns(count: int) -> None:
    """Let others have theirs."""
    for _ in range(count):
        await asyncio.sleep(0)


def sessions_in(database: Database) -> Sessions:
    return Sessions(cast(Store, database), KEY, days=30, token_minutes=15)


async def test_an_answer_that_was_under_way_does_not_bring_a_session_back() -> None:
    database = Database()
    sessions = sessions_in(database)
    database.answering.clear()
    asking = asyncio.create_task(sessions.learn())
    await asyncio.sleep(0)
    assert await sessions.end(SUBJECT, ENDED.hex)
    database.answering.set()
    await asking
    assert sessions.ended(ENDED.hex)
    await sessions.learn()
    assert sessions.ended(ENDED.hex)


async def test_what_another_gateway_ended_is_learnt_and_stays_known_while_the_database_is_away() -> None:
    database = Database()
    sessions = sessions_in(database)
    following = asyncio.create_task(sessions.follow(Clock()))
    assert not sessions.ended(ENDED.hex)
    database.ended = [ENDED]
    await turns(10)
    database.away = True
    await turns(10)
    assert sessions.ended(ENDED.hex)
    assert not sessions.ended(uuid.UUID(int=3).hex)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
