"""`exchange migrate`: bring the database schema up to date. Safe to repeat, and for two at once."""

import argparse
import asyncio
import sys

from exchange.projections.timescale.migrations import MigrationError, migrate
from exchange.settings import Settings

HELP = "bring the database schema up to date"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait", type=float, default=30.0, metavar="SECONDS", help="how long to wait for the database (30)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    try:
        done = asyncio.run(migrate(settings.database_url, timescale=settings.timescale, wait_seconds=args.wait))
    except MigrationError as error:
        print(f"exchange migrate: {error}", file=sys.stderr)
        return 2
    was = "was already there" if done.before == done.after else f"from {done.before or 'nothing'}"
    print(f"schema at revision {done.after} ({was})")
    if done.hypertables:
        print(f"hypertables: {', '.join(done.hypertables)}")
    else:
        print(f"plain tables, no hypertables: {done.reason}")
    return 0
