"""`exchange project NAME`: a projection of the event stream as a process."""

import argparse
import asyncio
import sys
from collections.abc import Callable

import uvloop

from exchange import compiled
from exchange.cli._role import Stop, begin
from exchange.effects.ports import EffectError
from exchange.effects.redis_group import EventGroup
from exchange.effects.redis_log import AsyncRedisLog
from exchange.projections.timescale.anchor import CannotProject
from exchange.projections.timescale.database import DatabaseRefused
from exchange.projections.timescale.projector import BATCH, Projector
from exchange.projections.timescale.words import NAME
from exchange.projections.timescale.writer import Inconsistent, Writer
from exchange.settings import Settings, SettingsError

HELP = "A projection of the event stream: `timescale` keeps the history in SQL."

PROJECTIONS = (NAME,)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("name", choices=PROJECTIONS, help="the projection")
    parser.add_argument("--rebuild", action="store_true", help="drop its rows first and make them again from the log")
    parser.add_argument("--batch", type=int, default=BATCH, help="most entries in one transaction (%(default)s)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Follow the log until told to stop."""
    if not settings.redis_url:
        raise SettingsError("no stream server is known: set REDIS_URL, or start `exchange up` in this EXCHANGE_HOME")
    if not settings.database_url:
        raise SettingsError("no database is known: set DATABASE_URL, or start `exchange up` in this EXCHANGE_HOME")
    begin(settings, args.name)
    stopping = Stop()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_live(settings, args.batch, args.rebuild, stopping))
    except (CannotProject, Inconsistent, DatabaseRefused, EffectError) as refusal:
        print(f"exchange project {args.name}: {refusal}", file=sys.stderr, flush=True)
        return compiled.REFUSAL
    return 0


async def _live(settings: Settings, batch: int, rebuild: bool, stopping: Callable[[], bool]) -> None:
    url = settings.redis_for("projector")
    log = AsyncRedisLog(
        url,
        settings.commands_key,
        settings.events_key,
        name="project",
        replicas=settings.replicas,
        replicas_on_disk=settings.replicas_on_disk,
    )
    group = EventGroup(url, settings.events_key, NAME)
    writer = Writer(settings.database_url)
    try:
        await Projector(log, group, writer, batch=batch).run(stopping, rebuild=rebuild)
    finally:
        await writer.close()
        await group.aclose()
        await log.aclose()
