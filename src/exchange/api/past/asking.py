"""Asking the database for what has passed, with a deadline, and knowing how far it and the view's memory reach.

The database follows the log at a distance, the view is at its end but remembers only the newest. Where the two meet
(the database has come as far as the view's memory reaches back) their union leaves nothing out; where they do not, the
answer is the database's alone, which is a true state of some moments ago, and its position says of when.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Final, TypeVar

from exchange.api.auth.store import DATABASE_S
from exchange.api.errors import ApiError, GatewayCode
from exchange.projections.live.recent import Item, Key, Recent
from exchange.projections.live.records import AmendmentKey
from exchange.projections.live.view import LiveView
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable
from exchange.projections.timescale.history import History
from exchange.terms.stream import START, StreamId

MEET_S: Final = 1.0
"""How long a request waits for the database to come to where the view's memory begins."""

_LOOK_S: Final = 0.05

_T = TypeVar("_T")
_K = TypeVar("_K", int, StreamId, AmendmentKey)


class Page(list[_T]):
    """A page of items, newest first; `position` is the state of the log that it shows."""

    def __init__(self, items: list[_T], position: StreamId) -> None:
        super().__init__(items)
        self.position = position


class Asking:
    """Whoever reads history. Every method raises ApiError `database_unavailable` where it needs the database and
    cannot have it."""

    def __init__(self, history: History | None) -> None:
        self.history = history

    def available(self) -> History:
        """The database."""
        if self.history is None:
            raise ApiError(GatewayCode.DATABASE_UNAVAILABLE)
        return self.history

    async def reached(self, recent: Recent[Key, Item]) -> StreamId | None:
        """How far the database has come; None when it is away and the view, which saw the log begin, needs it not."""
        try:
            return (await asked(self.available().position())).id
        except ApiError:
            if recent.complete_since == START:
                return None
            raise

    async def must_reach(self, recent: Recent[Key, Item]) -> None:
        """Before saying that there is no such thing, see that the database has come as far as the view's memory."""
        reached = await asked(self.available().position())
        if reached.id < recent.complete_since:
            raise ApiError(GatewayCode.VIEW_BEHIND, detail="The database is still catching up with the log; try again.")

    async def meets(self, view: LiveView, ms: int) -> StreamId:
        """Wait until the database has all that came before a moment, or all that the view has; how far it has come."""
        history = self.available()
        position = view.position
        looks = round(MEET_S / _LOOK_S)
        for look in range(looks + 1):
            reached = (await asked(history.position())).id
            if reached[0] >= ms or reached >= position:
                return reached
            if look < looks:
                await asyncio.sleep(_LOOK_S)
        raise ApiError(GatewayCode.VIEW_BEHIND, detail="The database is still catching up with the log; try again.")


async def asked(question: Awaitable[_T]) -> _T:
    """The answer, in time.

    Raises:
        ApiError: `database_unavailable`.
    """
    try:
        async with asyncio.timeout(DATABASE_S):
            return await question
    except (DatabaseUnavailable, DatabaseRefused, TimeoutError):
        raise ApiError(GatewayCode.DATABASE_UNAVAILABLE) from None


def newest(found: Mapping[_K, _T], limit: int) -> list[_T]:
    """A page of what was found, newest first."""
    return [found[key] for key in sorted(found, reverse=True)[:limit]]
