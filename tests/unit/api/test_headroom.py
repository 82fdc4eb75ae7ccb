"""Turning commands away in time: new ones first, cancels later, and back again by itself."""

from pathlib import Path

import pytest

from exchange.api import headroom
from exchange.api.errors import ApiError
from exchange.api.headroom import CLOSED_DISK, FULL_DISK, Headroom
from exchange.commands.types import Batch, Cancel, CancelAll, CancelList, Command, Place, SetMarketStatus
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.room import Room

PLACE = Place(100, "A-B", "buy", "limit", "gtc", 5, 7, 0, "")
CANCEL = Cancel(100, 1, "")
LIMIT = 1_000 << 20
PERCENT = LIMIT // 100


class Server:
    """Says what a test sets."""

    def __init__(self) -> None:
        self.used = 0
        self.limit = LIMIT
        self.free: int | None = None
        self.away = False
        self.writes = True
        self.room = Headroom(self._ask, lambda: self.free)

    async def _ask(self) -> Room:
        if self.away:
            raise LogUnavailable("away")
        return Room(self.used, self.limit, self.writes)

    async def at(self, percent: int) -> Headroom:
        """A second look at so much, so that nothing grows."""
        self.used = percent * PERCENT
        await self.room.look()
        await self.room.look()
        return self.room


def taken(room: Headroom, command: Command) -> bool:
    try:
        room.require(command)
    except ApiError as refused:
        told = refused.status, refused.code.value, bool(refused.retry_after)
    else:
        return True
    assert told == (503, "log_full", True)
    return False


async def test_new_orders_are_refused_before_cancels_and_taken_again_with_room() -> None:
    server = Server()
    assert taken(server.room, PLACE), "nothing is known yet"
    for percent, place, cancel in ((89, True, True), (90, False, True), (94, False, True), (95, False, False)):
        room = await server.at(percent)
        assert (taken(room, PLACE), taken(room, CANCEL)) == (place, cancel), percent
        assert bool(room.problem) is not place
    assert "95 % of 1000 MB" in server.room.problem
    room = await server.at(50)
    assert taken(room, PLACE)
    assert room.problem == ""


async def test_what_gives_room_back_and_an_operators_halt_count_as_cancels() -> None:
    room = await Server().at(92)
    for command in (
        CancelAll(100, "A-B"),
        CancelList(100, 1, ""),
        SetMarketStatus("A-B", "halted"),
        Batch(100, [CANCEL]),
    ):
        assert taken(room, command), command
    assert not taken(room, Batch(100, [CANCEL, PLACE]))


async def test_what_will_have_grown_by_the_next_look_counts() -> None:
    server = Server()
    await server.at(70)
    server.used = 81 * PERCENT
    await server.room.look()
    assert not taken(server.room, PLACE), "81 % and 11 more are 92 %"
    await server.room.look()
    assert taken(server.room, PLACE)


async def test_a_server_without_a_limit_is_never_full() -> None:
    server = Server()
    server.limit = 0
    assert taken(await server.at(500), PLACE)


async def test_the_disk_counts_where_it_is_known() -> None:
    server = Server()
    for free, place, cancel in (
        (FULL_DISK, True, True),
        (FULL_DISK - 1, False, True),
        (CLOSED_DISK - 1, False, False),
        (10 * FULL_DISK, True, True),
    ):
        server.free = free
        room = await server.at(10)
        assert (taken(room, PLACE), taken(room, CANCEL)) == (place, cancel), free
    server.free = FULL_DISK - (1 << 20)
    assert "disk has 255 MB left" in (await server.at(10)).problem


async def test_a_server_that_cannot_write_takes_nothing() -> None:
    server = Server()
    server.writes = False
    room = await server.at(10)
    assert (taken(room, PLACE), taken(room, CANCEL)) == (False, False)
    assert "cannot write" in room.problem
    server.writes = True
    assert taken(await server.at(10), PLACE)


async def test_a_server_that_does_not_say_changes_nothing() -> None:
    server = Server()
    room = await server.at(92)
    server.away = True
    with pytest.raises(LogUnavailable):
        await room.look()
    assert not taken(room, PLACE)


async def test_who_does_not_ask_has_room() -> None:
    room = headroom.endless()
    await room.look()
    assert taken(room, PLACE)


def test_the_disk_of_a_folder_that_is_not_here_is_not_known(tmp_path: Path) -> None:
    assert (headroom.disk_of(tmp_path)() or 0) > 0
    assert headroom.disk_of(tmp_path / "none")() is None
