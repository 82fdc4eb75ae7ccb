"""Comparing two logs: where they part, and what each says there."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from exchange.audit.findings import CannotAudit, text
from exchange.audit.walking import Pair, pairs
from exchange.effects.ports import Log
from exchange.terms.stream import START, StreamId, format_id, previous

Relation = Literal["equal", "first is a prefix of second", "second is a prefix of first", "parted"]


@dataclass(frozen=True)
class Comparison:
    """`common` entries are the same in both, the last of them `last`; from `first` on there were both to compare. Where
    they part, `at` is the id, `one` and `other` what each says."""

    relation: Relation
    first: StreamId
    common: int
    last: StreamId
    at: StreamId | None = None
    one: str = ""
    other: str = ""


async def compare(one: Log, other: Log) -> Comparison:
    """Compare two logs from the first entry that both have.

    Raises:
        CannotAudit: they have no entry in common to begin with, or one of them is empty.
        EffectError: see `walking.translated`.
    """
    begins = [await _first(log) for log in (one, other)]
    start = max(begins)
    if start != min(begins) and any([await log.event(start) is None for log in (one, other)]):
        raise CannotAudit(
            f"one begins at {format_id(begins[0])}, the other at {format_id(begins[1])}, and the later one is "
            "not in both: compare histories that reach back (source auto or journal)"
        )
    ends = [await log.head() for log in (one, other)]
    left, right = (_single(log, previous(start), end.id) for log, end in zip((one, other), ends, strict=True))
    common, last = 0, previous(start) if start != START else START
    while True:
        ours, theirs = await anext(left, None), await anext(right, None)
        if ours is None or theirs is None:
            relation: Relation = "equal"
            if ours is not None or theirs is not None:
                relation = "first is a prefix of second" if ours is None else "second is a prefix of first"
            return Comparison(relation, start, common, last)
        if _said(ours) != _said(theirs):
            at = min(ours[0].id, theirs[0].id)
            told, odd = _difference(ours, theirs)
            return Comparison("parted", start, common, last, at, told, odd)
        common, last = common + 1, ours[0].id


async def _first(log: Log) -> StreamId:
    entries = await log.events(START, 1)
    if not entries:
        raise CannotAudit("one of the logs is empty")
    return entries[0].id


async def _single(log: Log, after: StreamId, until: StreamId) -> AsyncIterator[Pair]:
    async for batch in pairs(log, after, until):
        for pair in batch:
            yield pair


def _said(pair: Pair) -> tuple[object, ...]:
    command, entry = pair
    return command.id, command.fields, entry.id, entry.payload, entry.chain


def _difference(ours: Pair, theirs: Pair) -> tuple[str, str]:
    for one, other in zip(_told(ours), _told(theirs), strict=True):
        if one != other:
            return one, other
    raise AssertionError("they are the same")


def _told(pair: Pair) -> tuple[str, ...]:
    command, entry = pair
    beside = "" if command.id == entry.id else f" beside command {format_id(command.id)}"
    return (
        f"entry {format_id(entry.id)}{beside}",
        f"command {text(b' '.join(command.fields))}",
        f"result {text(entry.payload)}",
        f"chain {entry.chain.hex()}",
    )
