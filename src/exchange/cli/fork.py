"""`exchange fork`: a market as it was at some moment, or an empty one, in a new home with a clock that does as told.

Exit codes: 0 made, 1 the log has a difference (named) on the way, 2 it could not be made; then nothing is left.
"""

import argparse
import sys
from pathlib import Path

import uvloop

from exchange.cli._history import add_source, open_history
from exchange.cli._moments import iso, moment, time_ms
from exchange.cli._role import begin
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import EffectError
from exchange.effects.redis.clock import LATEST_MS
from exchange.embedded.process import ServerError
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable
from exchange.projections.timescale.migrations import MigrationError
from exchange.roles.stops import CannotStart, Diverged, Halted, Trimmed
from exchange.sandbox import fork
from exchange.sandbox.fork import Forked
from exchange.settings import Settings, SettingsError
from exchange.terms.stream import parse_id

HELP = "A sandbox: a new home with the log up to a moment, or an empty one, and a clock that does as it is told."

FIRST_TIME = "2020-01-01T00:00:00Z"
_DEFAULT_PREFIX = "exchange"
_END = (2**64 - 1, 2**64 - 1)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="the new home; not there, or empty")
    parser.add_argument(
        "--at",
        type=moment,
        default=None,
        metavar="ID|TIME",
        help="fork after this entry (ms-seq) or time (ISO 8601, or milliseconds since the epoch); default: now",
    )
    add_source(parser)
    parser.add_argument("--new", action="store_true", help="an empty market instead, with a log of its own")
    parser.add_argument("--time", type=time_ms, metavar="TIME", help=f"with --new: when it begins ({FIRST_TIME})")
    parser.add_argument("--seed", help="with --new: the same seed gives the log the same identity")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Make it; the exit code."""
    begin(settings, "fork")
    wrong = _contradiction(args)
    if wrong:
        return _failed(wrong, 2)
    into = args.into.absolute()
    try:
        if args.new:
            start = time_ms(FIRST_TIME) if args.time is None else args.time
            mark = fork.new(into, settings, start, args.seed)
            _say(f"a new market, log {mark.log_id}, at {iso(start)}; its clock is paused there")
        else:
            made = uvloop.run(_fork(args, into, settings))
            mark = made.mark
            _say(f"forked log {mark.log_id} at {mark.id} ({iso(parse_id(mark.id)[0])}), chain {mark.chain}")
            _say(f"{made.entries:,} entries, {made.users:,} users; the clock is paused there")
    except (Trimmed, CannotStart, EffectError, ServerError, SettingsError, OSError) as error:
        return _failed(error, 2)
    except (MigrationError, DatabaseRefused, DatabaseUnavailable) as error:
        return _failed(error, 2)
    except (Diverged, Halted) as error:
        return _failed(error, 1)
    prefix = "" if settings.streams == _DEFAULT_PREFIX else f"EXCHANGE_STREAMS={settings.streams} "
    _say(f"run it:    {prefix}EXCHANGE_HOME={into} EXCHANGE_PORT={settings.port + 1} exchange up")
    _say(f"its clock: {prefix}EXCHANGE_HOME={into} exchange clock")
    return 0


async def _fork(args: argparse.Namespace, into: Path, settings: Settings) -> Forked:
    async with open_history(settings, args.source) as history:
        store = FileSnapshotStore(settings.snapshots)
        return await fork.fork(history, store, args.at or _END, into, settings, _tell)


def _contradiction(args: argparse.Namespace) -> str:
    if args.new and args.at is not None:
        return "--new begins a log of its own: leave --at out, and say --time"
    if not args.new and (args.time is not None or args.seed is not None):
        return "--time and --seed are for --new; a fork has the time and the identity of its log"
    if args.time is not None and not 0 < args.time <= LATEST_MS:
        return "--time must lie between 1970 and 9999"
    return ""


def _failed(error: object, code: int) -> int:
    print(f"exchange fork: {error}", file=sys.stderr)
    return code


def _say(line: str) -> None:
    print(line, flush=True)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
