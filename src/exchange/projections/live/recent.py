"""The newest of what has passed, by account: closed orders and lists, fills, transfers, ….

The database follows the log at a distance; what has just passed is answered from here, so that a read follows a write.
Bounded over all accounts together: the oldest goes first, and `complete_since` says from where on nothing is missing,
so that whoever joins this with the database knows whether the two meet.
"""

from collections import deque
from typing import Generic, TypeVar

from exchange.terms.stream import StreamId

Key = TypeVar("Key", int, StreamId, tuple[int, int, int])
Item = TypeVar("Item")


class Recent(Generic[Key, Item]):
    """The newest `limit` items, each with a key that goes up."""

    def __init__(self, limit: int, since: StreamId) -> None:
        self._limit = limit
        self._order: deque[tuple[int, Key, StreamId]] = deque()
        self._items: dict[int, dict[Key, tuple[Item, StreamId]]] = {}
        self.complete_since = since
        """Everything that came or changed after this position is here."""

    def add(self, account: int, key: Key, item: Item, position: StreamId) -> None:
        """Something new passed, or something that is here changed."""
        self._items.setdefault(account, {})[key] = (item, position)
        self._order.append((account, key, position))
        if len(self._order) > self._limit:
            self._forget_oldest()

    def get(self, account: int, key: Key) -> Item | None:
        """The item of an account with this key, if it is here."""
        found = self._items.get(account, {}).get(key)
        return None if found is None else found[0]

    def of(self, account: int) -> dict[Key, Item]:
        """All items of an account, by key, oldest first."""
        return {key: item for key, (item, _) in self._items.get(account, {}).items()}

    def _forget_oldest(self) -> None:
        account, key, position = self._order.popleft()
        self.complete_since = position
        items = self._items[account]
        if items[key][1] == position:
            del items[key]
            if not items:
                del self._items[account]
