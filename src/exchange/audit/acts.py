"""The trail out of the log itself: what administrators asked for, who they were, and whether it was done.

Unlike the table of acts this tells refused acts too, and those of a log or time that took no names. Each entry's chain
is checked on the way, so that what is told is what the engine published.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import orjson

from exchange.audit.walking import STREAMS, Walk, pairs
from exchange.commands.codec import decode, encode
from exchange.commands.types import Administrative, Deposit, Record
from exchange.effects.ports import Log
from exchange.events.codec import decode as decode_events
from exchange.events.types import Rejected
from exchange.roles.recovery import beginning
from exchange.terms.codes import Refused
from exchange.terms.stream import START, CommandEntry, StreamId, genesis_head

_NOT_DETAILS: Final = frozenset(["v", "type", "by", "act", "subject", "known"])


@dataclass(frozen=True)
class Act:
    """One act: `by` is empty where the log was not told, `kind` the command's type or what was recorded, `details` the
    command's other members, `refused` the code if it was refused."""

    id: StreamId
    by: str
    kind: str
    details: dict[str, object]
    refused: str


async def acts(log: Log, until: StreamId, by: str = "", kind: str = "") -> AsyncIterator[Act]:
    """All acts up to a position, oldest first; of one person, or of one kind, if asked for.

    Raises:
        Found: the log is not chained as it should be.
        Trimmed: it does not reach back to its beginning.
        EffectError: see `walking.translated`.
    """
    await beginning(log, await log.head())
    walk = Walk(genesis_head(), None, 0)
    async for batch in pairs(log, START, until):
        for command, entry in batch:
            walk.take(STREAMS, command, entry)
            asked = _asked(command)
            if asked is None or (by and asked.by != by):
                continue
            act = _act(asked, command.id, entry.payload)
            if not kind or act.kind == kind:
                yield act


def _asked(command: CommandEntry) -> Administrative | None:
    """What an administrator asked for; a deposit that names nobody is a user's own."""
    try:
        read = decode(command.fields)
    except Refused:
        return None
    if not isinstance(read, Administrative) or (isinstance(read, Deposit) and not read.by):
        return None
    return read


def _act(asked: Administrative, id: StreamId, payload: bytes) -> Act:
    body: dict[str, object] = orjson.loads(encode(asked))
    details = {name: value for name, value in body.items() if name not in _NOT_DETAILS}
    kind = str(body["type"])
    if isinstance(asked, Record):
        kind, details = asked.act, {"subject": asked.subject}
    codes = [event.code for event in decode_events(payload).events if isinstance(event, Rejected)]
    return Act(id, asked.by, kind, details, codes[0] if codes else "")
