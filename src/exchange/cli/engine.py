"""`exchange engine`: the matching engine as a process."""

import argparse

from exchange.cli._clock import open_clock, wait_ms
from exchange.cli._role import Stop, begin, open_log, serve
from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.log import BlockingRedisLog
from exchange.roles.engine import Engine
from exchange.roles.replica import BATCH
from exchange.settings import Settings

_PAUSE = 0.1

HELP = "The matching engine: reads commands, publishes results. Two at once do no harm."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--batch", type=int, default=BATCH, help="most commands in one publication (%(default)s)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Serve the log until told to stop."""
    begin(settings, "engine")
    stopping = Stop()
    log = open_log(settings, "engine", "engine")
    timers = open_clock(settings)
    store = FileSnapshotStore(settings.snapshots)
    engine = Engine(log, store, timers, batch=args.batch, wait_ms=wait_ms(settings))
    return serve("engine", _life(log, BlockingClock(), engine, stopping))


async def _life(log: BlockingRedisLog, clock: BlockingClock, engine: Engine, stopping: Stop) -> None:
    while not stopping():
        try:
            log.refuse_unfit()
            break
        except LogUnavailable:
            await clock.sleep(_PAUSE)
    await engine.run(stopping)
