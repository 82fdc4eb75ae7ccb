"""Refusing in time: new orders are turned away while the stream server still has room for the results of the old.

A server that is out of memory refuses commands and results alike, and then nobody can even cancel. So a gateway looks
at the server's room a few times a second, and stops taking commands before it ends: those that give nothing up first,
cancels and an operator's halt last. The engine's results always fit. With room again (the journal trims, the operator
gives more) commands are taken again, by themselves.

What is looked at: the server's memory against its limit, whether it can write to its disk, and, where its files are on
this machine, the free space there. New orders are refused if there would be too little at the next look, were as much
used up until then as since the last one. Not to know is no reason to refuse: a server that does not answer takes no
commands either.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

import structlog

from exchange.api.errors import ApiError, GatewayCode
from exchange.commands.types import Batch, Cancel, CancelAll, CancelList, Command, SetMarketStatus
from exchange.effects.ports import Clock, EffectError
from exchange.effects.redis.room import Room

_logger = structlog.get_logger(__name__)

EVERY_S: Final = 0.25
FULL_PERCENT: Final = 90
"""Of the server's memory limit; from there on only what gives room back is taken…"""
CLOSED_PERCENT: Final = 95
"""… and from there on nothing."""
FULL_DISK: Final = 256 << 20
"""The same for the disk, in free bytes: enough for the results of all that was taken, and for PostgreSQL's log."""
CLOSED_DISK: Final = 128 << 20
RETRY_AFTER_S: Final = 5

_RELIEF: Final = (Cancel, CancelAll, CancelList, SetMarketStatus)
_REFUSED: Final = "The log has no room now; nothing was carried out. Cancels are still taken. Try again later."

Level = Literal["open", "full", "closed"]


class Usage(NamedTuple):
    """How much of something is used up, as of one look."""

    level: Level
    text: str
    """What is scarce; for operators."""


class Headroom:
    """Whether there is room for one more command. `look` or `follow` keeps it up to date."""

    def __init__(self, room: Callable[[], Awaitable[Room]], free_disk: Callable[[], int | None] = lambda: None) -> None:
        """Nothing is known, and so nothing refused, until the first look.

        Args:
            room: asks the server.
            free_disk: free bytes where the server's files are; None when they are elsewhere.
        """
        self._room = room
        self._free_disk = free_disk
        self._used: int | None = None
        self._free: int | None = None
        self._level: Level = "open"
        self.problem = ""
        """What there is too little of; empty while there is room."""

    def require(self, command: Command) -> None:
        """See that a command may be taken.

        Raises:
            ApiError: `log_full`; it was not carried out.
        """
        if self._level == "open":
            return
        if self._level == "full":
            parts = command.items if isinstance(command, Batch) else (command,)
            if all(isinstance(part, _RELIEF) for part in parts):
                return
            raise ApiError(GatewayCode.LOG_FULL, detail=_REFUSED, retry_after=RETRY_AFTER_S)
        raise ApiError(GatewayCode.LOG_FULL, retry_after=RETRY_AFTER_S)

    async def look(self) -> None:
        """Look once.

        Raises:
            EffectError: the server does not say; what was known stands.
        """
        room = await self._room()
        found = [_of_writes(room), self._of_memory(room), self._of_disk(self._free_disk())]
        worst = next((one for level in ("closed", "full") for one in found if one.level == level), found[0])
        if worst.level != self._level:
            _logger.warning("room in the log", now=worst.level, was=self._level, reason=worst.text or "there is room")
        self._level = worst.level
        taken = "nothing is" if worst.level == "closed" else "only cancels are"
        self.problem = "" if worst.level == "open" else f"{worst.text}: {taken} taken until there is room"

    async def follow(self, clock: Clock) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except (EffectError, TimeoutError, OSError) as error:
                _logger.debug("room not known", reason=str(error))
            await clock.sleep(EVERY_S)

    def _of_memory(self, room: Room) -> Usage:
        grown = max(0, room.used - self._used) if self._used is not None else 0
        self._used = room.used
        if not room.limit:
            return Usage("open", "")
        percent = 100 * room.used // room.limit
        soon = 100 * (room.used + grown) // room.limit
        level: Level = "closed" if percent >= CLOSED_PERCENT else "full" if soon >= FULL_PERCENT else "open"
        return Usage(level, f"the stream server's memory is at {percent} % of {room.limit >> 20} MB")

    def _of_disk(self, free: int | None) -> Usage:
        if free is None:
            return Usage("open", "")
        shrunk = max(0, self._free - free) if self._free is not None else 0
        self._free = free
        level: Level = "closed" if free < CLOSED_DISK else "full" if free - shrunk < FULL_DISK else "open"
        return Usage(level, f"the stream server's disk has {free >> 20} MB left")


def _of_writes(room: Room) -> Usage:
    if room.writes:
        return Usage("open", "")
    return Usage("closed", "the stream server cannot write to its disk (see its log)")


def disk_of(folder: Path) -> Callable[[], int | None]:
    """Asks for the free bytes of the disk that has a folder; there may be no such folder here."""

    def free() -> int | None:
        return shutil.disk_usage(folder).free if folder.is_dir() else None

    return free


async def _unlimited() -> Room:
    await asyncio.sleep(0)
    return Room(0, 0)


def endless() -> Headroom:
    """Room without end, for who does not ask."""
    return Headroom(_unlimited)
