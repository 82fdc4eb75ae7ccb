"""Keys as a gateway knows them: for how long what was read is believed, and what happens while the database is away."""

import asyncio
import hmac
from collections.abc import Iterable

import pytest

from exchange.api.auth import keys as module
from exchange.api.auth.key_rows import KeyRow, KeyRows
from exchange.api.auth.keys import ASK_S, BELIEVED_S, IN_USE_S, PURPOSE, UNKNOWN_S, KeyStore, random_text
from exchange.api.auth.secrets import Secrets
from exchange.api.errors import ApiError, GatewayCode

SECRETS = Secrets(bytes(32))
SECRET = "s" * 64
NOW_MS = 1_764_000_000_000


class Hands:
    """A clock for people and one for patience, both moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now_ms(self) -> int:
        return NOW_MS + int((self.seconds - 1000.0) * 1000)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Table(KeyRows):
    """The table in memory, which can be away or stand still."""

    def __init__(self) -> None:
        self.rows: dict[str, KeyRow] = {}
        self.asked: list[list[str]] = []
        self.noted: list[tuple[list[str], int]] = []
        self.away = False
        self.going = asyncio.Event()
        self.going.set()

    async def read(self, ids: Iterable[str]) -> dict[str, KeyRow]:
        self.asked.append(list(ids))
        found = {id: self.rows[id] for id in ids if id in self.rows}
        await self.going.wait()
        if self.away:
            raise ApiError(GatewayCode.DATABASE_UNAVAILABLE)
        return found

    async def change(self, subject: str, id: str, values: dict[str, object]) -> KeyRow | None:
        row = self.rows.get(id)
        if row is None or row.subject != subject:
            return None
        self.rows[id] = row._replace(scopes=tuple(values["scopes"]))  # type: ignore[arg-type]
        return self.rows[id]

    async def revoke(self, subject: str, id: str, now_ms: int) -> bool:
        row = self.rows.get(id)
        if row is None or row.subject != subject:
            return False
        del self.rows[id]
        return True

    async def used(self, ids: Iterable[str], now_ms: int) -> None:
        self.noted.append((list(ids), now_ms))

    def put(self, secrets: Secrets = SECRETS) -> str:
        id = random_text()
        sealed = secrets.seal(PURPOSE, id, SECRET.encode())
        self.rows[id] = KeyRow(id, "0" * 32, 7, "x", "hmac", ("read",), (), sealed, None, NOW_MS, None, None)
        return id


class World:
    def __init__(self) -> None:
        self.hands, self.table = Hands(), Table()
        self.store = KeyStore(self.table, SECRETS, self.hands, lambda: self.hands.seconds)

    async def again(self) -> None:
        """What `follow` does every `ASK_S`."""
        await self.store._again(self.hands.seconds)

    async def pass_in_use(self, seconds: float, id: str) -> None:
        """Time passes, with a request every `ASK_S`."""
        end = self.hands.seconds + seconds
        while self.hands.seconds < end:
            self.hands.seconds += ASK_S
            self.store.current(id)
            await self.again()


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_key_in_use_is_read_again_in_the_background_and_never_waited_for(world: World) -> None:
    id = world.table.put()
    first = await world.store.find(id)
    assert first is not None and first.account == 7
    assert world.table.asked == [[id]]
    await world.pass_in_use(20, id)
    assert world.store.current(id) is first  # the same object: its secret was not opened again
    assert len(world.table.asked) == 41


async def test_a_key_that_nobody_uses_is_not_read_again_and_is_asked_for_when_somebody_does(world: World) -> None:
    id = world.table.put()
    await world.store.find(id)
    world.hands.seconds += IN_USE_S + 1
    await world.again()
    assert len(world.table.asked) == 1
    del world.table.rows[id]  # taken back elsewhere meanwhile
    assert world.store.current(id) is None
    assert await world.store.find(id) is None


async def test_a_key_that_was_taken_back_elsewhere_is_refused_within_a_second(world: World) -> None:
    id = world.table.put()
    await world.store.find(id)
    await world.pass_in_use(5, id)
    del world.table.rows[id]
    assert world.store.known(id)
    world.hands.seconds += ASK_S
    await world.again()
    assert not world.store.known(id)
    assert await world.store.find(id) is None


async def test_without_being_read_again_a_key_is_believed_for_a_second_and_no_longer(world: World) -> None:
    id = world.table.put()
    await world.store.find(id)
    del world.table.rows[id]
    world.hands.seconds += BELIEVED_S
    assert await world.store.find(id) is not None
    world.hands.seconds += 0.001
    assert await world.store.find(id) is None


async def test_a_key_that_was_taken_back_here_is_gone_at_once_also_when_it_is_being_read(world: World) -> None:
    id = world.table.put()
    await world.store.find(id)
    world.hands.seconds += BELIEVED_S + 1
    world.table.going.clear()
    asking = asyncio.create_task(world.store.find(id))
    reading = asyncio.create_task(world.again())
    await asyncio.sleep(0)  # both have what the row was
    world.hands.seconds += 0.1
    assert not await world.store.revoke("1" * 32, id)  # somebody else's try
    assert await world.store.revoke("0" * 32, id)
    assert not world.store.known(id)
    world.table.going.set()
    await reading
    assert await asking is None
    assert world.store.current(id) is None and await world.store.find(id) is None


async def test_a_key_that_was_changed_here_is_so_at_once_also_when_it_is_being_read(world: World) -> None:
    id = world.table.put()
    await world.store.find(id)
    world.hands.seconds += BELIEVED_S + 1
    world.table.going.clear()
    asking = asyncio.create_task(world.store.find(id))
    await asyncio.sleep(0)
    world.hands.seconds += 0.1
    assert await world.store.change("1" * 32, id, {"scopes": ["trade"]}) is None
    assert await world.store.change("0" * 32, id, {"scopes": ["trade"]}) is not None
    world.table.going.set()
    key = await asking
    assert key is not None and key.scopes == {"trade"}


async def test_while_the_database_is_away_known_keys_are_believed_and_unknown_ones_refused_for_now(
    world: World,
) -> None:
    id = world.table.put()
    stranger = world.table.put()
    await world.store.find(id)
    world.table.away = True
    world.hands.seconds += 600  # also one that was long not used
    assert await world.store.find(id) is not None
    await world.again()
    for _ in range(20):
        world.hands.seconds += 5
        assert world.store.current(id) is not None
        await world.again()
    with pytest.raises(ApiError) as refused:
        await world.store.find(stranger)
    assert refused.value.code is GatewayCode.DATABASE_UNAVAILABLE
    del world.table.rows[id]
    world.table.away = False
    await world.again()
    assert await world.store.find(id) is None
    assert await world.store.find(stranger) is not None


async def test_after_the_database_is_back_nothing_old_is_believed_even_if_no_key_was_in_use(world: World) -> None:
    id = world.table.put()
    await world.store.find(id)
    world.table.away = True
    world.hands.seconds += 2
    await world.again()
    assert world.store.current(id) is not None
    world.hands.seconds += IN_USE_S + 1
    world.table.away = False
    del world.table.rows[id]
    await world.again()
    assert world.store.current(id) is None


async def test_a_database_that_stands_still_holds_a_known_key_up_once_and_shortly(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.02)
    id = world.table.put()
    await world.store.find(id)
    world.hands.seconds += 5
    world.table.going.clear()
    assert await world.store.find(id) is not None
    asked = len(world.table.asked)
    for _ in range(100):
        assert world.store.current(id) is not None
    assert len(world.table.asked) == asked
    world.table.going.set()
    await world.store.close()


async def test_unknown_keys_are_asked_for_together_and_remembered_for_a_moment_within_a_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_UNKNOWN", 2_000)
    guesses = [random_text() for _ in range(3_000)]
    assert await asyncio.gather(*map(world.store.find, guesses)) == [None] * 3_000
    assert len(world.table.asked) <= 3_000 / 500 + 1
    assert len(world.store._unknown) == 2_000
    asked = len(world.table.asked)
    assert await world.store.find(guesses[-1]) is None
    assert len(world.table.asked) == asked
    world.hands.seconds += UNKNOWN_S + 0.1
    assert await world.store.find(guesses[-1]) is None
    assert len(world.table.asked) == asked + 1
    assert await world.store.find("short") is None and await world.store.find("") is None
    assert len(world.table.asked) == asked + 1


async def test_more_guesses_at_once_than_there_is_room_for_are_refused_and_stop_no_known_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 100)
    id = world.table.put()
    await world.store.find(id)
    world.table.going.clear()
    guesses = [asyncio.create_task(world.store.find(random_text())) for _ in range(200)]
    await asyncio.sleep(0)
    assert await world.store.find(id) is not None
    world.hands.seconds += BELIEVED_S + 1
    assert await world.store.find(id) is not None  # no room to ask: believed
    world.table.going.set()
    told = await asyncio.gather(*guesses, return_exceptions=True)
    assert told.count(None) == 100
    assert [error.code for error in told if isinstance(error, ApiError)] == [GatewayCode.BUSY] * 100


async def test_a_secret_of_another_key_file_is_refused_clearly_and_stops_nothing_else(world: World) -> None:
    other = world.table.put(Secrets(b"\1" * 32))
    id = world.table.put()
    told = await asyncio.gather(world.store.find(other), world.store.find(id), return_exceptions=True)
    assert isinstance(told[0], ApiError) and told[0].code is GatewayCode.KEY_UNREADABLE
    assert told[1] is not None
    world.table.rows[id] = world.table.rows[id]._replace(secret=world.table.rows[other].secret)
    await world.again()  # a secret moved to another row does not open there
    assert not world.store.known(id)
    with pytest.raises(ApiError):
        await world.store.find(id)


async def test_use_is_noted_to_the_minute_and_only_of_keys_that_have_proven_themselves(world: World) -> None:
    id, named = world.table.put(), world.table.put()
    key = await world.store.find(id)
    assert key is not None and await world.store.find(named) is not None
    assert not key.verify(b"sent", "0" * 64)
    await world.store.note()
    assert world.table.noted == []
    assert key.verify(b"sent", hmac.digest(SECRET.encode(), b"sent", "sha256").hex())
    world.hands.seconds += 70
    await world.store.note()
    await world.store.note()
    assert world.table.noted == [([id], NOW_MS + 60_000)]


async def test_an_end_is_seen_without_being_read_again(world: World) -> None:
    id = world.table.put()
    world.table.rows[id] = world.table.rows[id]._replace(expires_ms=NOW_MS + 500)
    key = await world.store.find(id)
    assert key is not None and key.usable("", NOW_MS + 499) and not key.usable("", NOW_MS + 500)
    assert world.store.known(id)
    world.hands.seconds += 0.5
    assert not world.store.known(id)
