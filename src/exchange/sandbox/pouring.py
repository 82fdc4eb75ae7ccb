"""A log's prefix into another server's empty streams: the same commands and results under the same ids.

Results go in as an engine puts them there, by compare-and-append, so a prefix with a hole or a wrong order ends in a
refusal and not in a log.
"""

from exchange.commands.codec import frame
from exchange.effects import redis_wire as wire
from exchange.effects.ports import EffectError, Log
from exchange.effects.redis_address import Address
from exchange.effects.redis_link import Link
from exchange.effects.redis_log import TIMEOUT, BlockingRedisLog
from exchange.effects.redis_wire import Refusal
from exchange.events.codec import chain
from exchange.roles.stops import Gap
from exchange.terms.stream import CommandEntry, EventEntry, Head, StreamId, format_id, genesis_head

_BATCH = 1_000


async def pour(history: Log, url: str, commands_key: str, events_key: str, until: StreamId) -> tuple[Head, int]:
    """Write every command and result up to and including `until` into streams that are not there yet.

    Returns:
        Where the new log ends, and how many entries it has.

    Raises:
        Gap: a command or a result is missing from the history, or was changed.
        LogUnavailable, LogFull, Fenced, EffectError.
    """
    log = BlockingRedisLog(url, commands_key, events_key)
    link = Link(Address.of(url), TIMEOUT)
    head, count = genesis_head(), 0
    try:
        while head.id < until:
            events = [entry for entry in await history.events(head.id, _BATCH) if entry.id <= until]
            if not events:
                break
            commands = await history.commands(head.id, len(events))
            events = events[: len(commands)]  # one side of an archive may give fewer than the other
            if not events or [command.id for command in commands] != [entry.id for entry in events]:
                raise Gap(f"after {format_id(head.id)} commands and results are not of the same ids")
            _see_linked(head, commands, events)
            _write(link, commands_key, commands)
            await log.publish(head, events)
            head = Head(events[-1].id, events[-1].chain)
            count += len(events)
    finally:
        link.close()
        log.close()
    return head, count


def _see_linked(head: Head, commands: list[CommandEntry], events: list[EventEntry]) -> None:
    """See that each entry's chain hash follows from what is in it and the one before."""
    last = head.chain
    for command, entry in zip(commands, events, strict=True):
        last = chain(last, entry.id, frame(command.fields), entry.payload)
        if last != entry.chain:
            raise Gap(
                f"the chain hash of {format_id(entry.id)} is not what its command and result give: it was changed"
            )


def _write(link: Link, key: str, commands: list[CommandEntry]) -> None:
    answers = link.ask(*(wire.request("XADD", key, format_id(command.id), *command.fields) for command in commands))
    for answer in answers:
        (reply,) = link.wait(answer)
        if isinstance(reply, Refusal):
            raise wire.refused(str(reply))
        if not isinstance(reply, bytes):
            raise EffectError(f"the stream server answers XADD with {reply!r}")
