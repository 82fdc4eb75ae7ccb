"""`exchange restore`: bring the streams back from the journal, or make a snapshot when all are lost.

Exit codes: 0 done, 1 history has a difference (named), 2 could not be done; then nothing was changed.
"""

import argparse
import asyncio
import sys
import time

from exchange.cli._history import add_source, open_history
from exchange.cli._moments import moment
from exchange.cli._role import begin
from exchange.cli._servers import own_servers
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import EffectError, Log
from exchange.effects.redis.pour import RedisPouring
from exchange.embedded.process import ServerError
from exchange.engine.solvency import unsound
from exchange.projections.journal.segment import SegmentDamaged
from exchange.projections.journal.trimming import SNAPSHOTS
from exchange.roles import snapshots
from exchange.roles.pouring import pour
from exchange.roles.recovery import beginning, verified
from exchange.roles.replica import Replica
from exchange.roles.stops import CannotStart, Diverged, Halted, Trimmed
from exchange.roles.usable import UsableSnapshots
from exchange.settings import Settings, SettingsError
from exchange.supervisor.home import HomeError
from exchange.terms.stream import START, EventEntry, StreamId, format_id, genesis_head

HELP = "Bring the streams back from the journal: 0 done, 1 a difference (named), 2 could not be done."

_PROGRESS_SECONDS = 1.0


class NothingToRestore(Exception):
    """The source has no log."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_source(parser)
    parser.add_argument(
        "--until",
        type=moment,
        metavar="ID|TIME",
        help="restore the log as it was after this entry or time; default: all",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="every entry from the log's beginning, not only what the exchange needs besides its snapshots",
    )
    parser.add_argument(
        "--snapshot",
        action="store_true",
        help="do not touch the streams: compute the state again from the log's beginning, and write a snapshot of it",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it; the exit code."""
    begin(settings, "restore")
    try:
        if args.snapshot and (args.until is not None or args.all):
            raise SettingsError("--snapshot is of the streams' end: leave --until and --all out")
        with own_servers(settings) as found:
            asyncio.run(_snapshot(found, args.source) if args.snapshot else _streams(found, args))
    except (Trimmed, CannotStart, NothingToRestore, SettingsError, HomeError, ServerError, OSError) as error:
        return _failed(error, 2)
    except (Diverged, Halted, SegmentDamaged) as error:
        return _failed(error, 1)
    except EffectError as error:
        return _failed(error, 2)
    return 0


async def _streams(settings: Settings, args: argparse.Namespace) -> None:
    async with open_history(settings, args.source) as history:
        end = await history.head()
        until = end.id if args.until is None else min(args.until, end.id)
        first = START if args.all else await _first(settings, history, until)
        target = RedisPouring(settings.redis_url, settings.commands_key, settings.events_key)
        try:
            head, count = await pour(history, target, until, first=first, progress=_Progress())
        finally:
            await target.aclose()
    if not count:
        raise NothingToRestore(f"there is nothing in the source ({args.source}) up to {format_id(until)}")
    begins = "its beginning" if first == START else f"{format_id(first)} (a snapshot covers what is before it)"
    print(f"{count:,} entries restored, from {begins} to {format_id(head.id)}, chain {head.chain.hex()}")
    if head.id != end.id:
        print(
            f"the journal goes on to {format_id(end.id)}: it will refuse these streams. Run them with a database of "
            "their own (`exchange fork` makes such a place)"
        )


async def _first(settings: Settings, history: Log, until: StreamId) -> StreamId:
    """Where the streams have to begin: at the second-newest snapshot that history vouches for, or at the log's
    beginning if there are not two."""
    store = FileSnapshotStore(settings.snapshots)
    usable = await UsableSnapshots(store).newest(history, len(store.names()))
    heads = [head.id for head in usable if head.id <= until]
    return heads[SNAPSHOTS - 1] if len(heads) >= SNAPSHOTS else START


async def _snapshot(settings: Settings, source: str) -> None:
    store = FileSnapshotStore(settings.snapshots)
    progress = _Progress()
    async with open_history(settings, source) as history:
        end = await history.head()
        if end == genesis_head():
            raise NothingToRestore(f"there is no log in the source ({source})")
        machine = await beginning(history, end)
        count = 0

        def each(entry: EventEntry) -> None:
            nonlocal count
            count += 1
            progress(entry.id, count)

        await verified(history, Replica(machine), end, each)
        unsound_state = unsound(machine.state)
        if unsound_state:
            raise Halted(machine.head.id, f"the state is not sound: {unsound_state}")
        name = snapshots.take(machine, store, time.time_ns() // 1_000_000)
    print(f"{count:,} commands computed again and found equal; snapshot {name} in {settings.snapshots}")


class _Progress:
    """How far it is, on standard error, once a second."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._told = self._began

    def __call__(self, position: StreamId, count: int) -> None:
        now = time.monotonic()
        if now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            rate = count / (now - self._began)
            print(f"{format_id(position)}  {count:,} entries  {rate:,.0f}/s", file=sys.stderr, flush=True)


def _failed(error: Exception, code: int) -> int:
    print(f"exchange restore: {type(error).__name__}: {error}", file=sys.stderr)
    return code
