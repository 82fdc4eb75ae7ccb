"""Which route a path names: a dictionary, and a few patterns for the paths that carry a part of the client's.

A path that is a route's own always wins against a pattern. Nothing is decoded, cut or forgiven here: a path names a
route, or it does not.
"""

from collections.abc import Mapping
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_NOTHING: Final[Mapping[str, str]] = {}


class Place(Generic[T]):
    """One path or pattern, like `/order/{id}`, and what answers there by method."""

    __slots__ = ("methods", "pattern")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.methods: dict[str, T] = {}

    @property
    def allowed(self) -> str:
        """The methods, as the header `Allow` has them."""
        return ",".join(sorted(self.methods))


class Table(Generic[T]):
    """All places."""

    def __init__(self) -> None:
        self._places: dict[str, Place[T]] = {}
        self._exact: dict[str, Place[T]] = {}
        self._patterns: dict[int, list[tuple[list[str], Place[T]]]] = {}

    def add(self, method: str, pattern: str, target: T) -> None:
        """Let `target` answer a method at a path or pattern; `{name}` stands for one part that is not empty."""
        place = self._places.get(pattern)
        if place is None:
            place = self._places[pattern] = Place(pattern)
            if "{" in pattern:
                parts = pattern.split("/")
                self._patterns.setdefault(len(parts), []).append((parts, place))
            else:
                self._exact[pattern] = place
        if method in place.methods:
            raise ValueError(f"{method} {pattern} is there already")
        place.methods[method] = target

    def find(self, path: str) -> tuple[Place[T], Mapping[str, str]] | None:
        """The place that a path names, and the parts that its pattern leaves to the client, by their names."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact, _NOTHING
        given = path.split("/")
        for parts, place in self._patterns.get(len(given), ()):
            named = _match(parts, given)
            if named is not None:
                return place, named
        return None


def _match(parts: list[str], given: list[str]) -> dict[str, str] | None:
    named: dict[str, str] = {}
    for part, text in zip(parts, given, strict=True):
        if part.startswith("{"):
            if not text:
                return None
            named[part[1:-1]] = text
        elif part != text:
            return None
    return named
