"""`exchange drive`: a recorded order flow through the running exchange, and whether it did what was recorded."""

import argparse
import secrets
import sys
from pathlib import Path

from exchange.cli._role import open_log
from exchange.clients import lobster
from exchange.clients.drive import PATIENCE, CommandDoor, Door, Driven, Driver, Pace, plan
from exchange.clients.flow import Flow
from exchange.clients.gateway_door import Gateway, GatewayDoor
from exchange.clients.judge import LEVELS, Judge
from exchange.clients.lobster import BookRow, LobsterError, Quote
from exchange.clients.published import BookError
from exchange.clients.stage import ActionRefused, DriveError, LogStream, Stage, prepare
from exchange.effects.ports import EffectError
from exchange.events.codec import UnreadableEvent
from exchange.settings import Settings
from exchange.supervisor.start import address
from exchange.terms.stream import format_id

HELP = "Feed a recorded order flow (LOBSTER format) through the running exchange and check what it publishes."

MISMATCH = 1
CANNOT_RUN = 2


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=Path, metavar="FILE", help="the messages, x_messages.csv or x_messages.csv.gz")
    parser.add_argument("--market", default="AAPL-USD", help="a market nobody has used; made if absent (%(default)s)")
    parser.add_argument(
        "--by",
        choices=("commands", "gateway"),
        default="commands",
        help="straight onto the command stream, or request by request to the public API (%(default)s)",
    )
    parser.add_argument("--url", default="", help="the gateway's address (the settings' host and port)")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--rate", type=_positive, default=0.0, help="recorded events a second; else as fast as it goes")
    pace.add_argument(
        "--speed", type=_positive, default=0.0, help="times the recording's own pace: 60 is a minute a second"
    )
    parser.add_argument("--limit", type=_count, default=0, metavar="N", help="only the first N recorded events")
    parser.epilog = (
        "Beside FILE, x_levels*.csv gives the opening book and the books to compare with, x_best_quotes*.csv the\n"
        "quotes. exit code: 0 all as recorded, 1 a mismatch (named), 2 it could not be run"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    if not settings.redis_url:
        return _cannot("no exchange is running here: start one (`exchange up`), or set REDIS_URL")
    log = open_log(settings)
    try:
        return _drive(args, settings, LogStream(log))
    except (LobsterError, DriveError, EffectError, UnreadableEvent) as error:
        return _cannot(str(error))
    except ActionRefused as refusal:
        print(f"MISMATCH {refusal}")
        return MISMATCH
    except BookError as error:
        print(f"MISMATCH the published events contradict each other: {error}")
        return MISMATCH
    finally:
        log.close()


def _drive(args: argparse.Namespace, settings: Settings, stream: LogStream) -> int:
    messages = lobster.read_messages(args.file, args.limit)
    levels, quotes = _beside(args.file)
    steps, flow = plan(messages, levels)
    name = secrets.token_hex(4)
    gateway = None
    if args.by == "gateway":
        gateway = Gateway(args.url or address(settings), args.market, name)
    stage = prepare(stream, args.market, steps, name, PATIENCE, gateway.open_accounts if gateway is not None else None)
    _tell(f"made: {', '.join(stage.made)}")
    door: Door = CommandDoor(stream, stage) if gateway is None else GatewayDoor(gateway, stage)
    judge = Judge(args.market, stage.units, levels, quotes)
    driver = Driver(door, stream, judge, stage.after)
    total = len(messages)

    def progress(events: int, seconds: float) -> None:
        _tell(f"{events:>9,} of {total:,} events, {events / seconds:,.0f} a second, {judge.wrong} mismatches")

    driven = driver.run(steps, Pace(args.rate, args.speed), progress)
    judge.finish(complete=not args.limit)
    _report(driven, flow, judge, stage)
    return MISMATCH if judge.wrong else 0


def _beside(path: Path) -> tuple[list[BookRow], list[Quote]]:
    """The companion files' contents; what is absent is told, for it is not checked."""
    found = lobster.companions(path)
    levels = lobster.read_levels(found.levels) if found.levels else []
    quotes = lobster.read_quotes(found.quotes) if found.quotes else []
    _tell(f"levels: {found.levels or 'none beside the file: the book opens empty, and no books are compared'}")
    _tell(f"quotes: {found.quotes or 'none beside the file: no quotes are compared'}")
    return levels, quotes


def _report(driven: Driven, flow: Flow, judge: Judge, stage: Stage) -> None:
    did = flow.counts
    saw = judge.counts
    rows = [
        ("events", f"{driven.events:,} ({did['skipped_hidden']:,} hidden, auction or halt: no order)"),
        ("commands", f"{driven.commands:,} in {driven.seconds:.2f} s"),
        (
            "rate",
            f"{driven.events / driven.seconds:,.0f} events, {driven.commands / driven.seconds:,.0f} commands a second",
        ),
        ("books equal", f"{saw['books']:,} to {LEVELS} levels"),
        ("best quotes equal", f"{saw['quotes']:,} distinct, in order"),
        ("executions", f"{did['executions']:,} recorded, {saw['trades']:,} trades"),
        (
            "known orders",
            f"{saw['known']:,}, at the best price {saw['at_best']:,}, first in their queue {saw['at_head']:,}",
        ),
        ("out of turn", f"{did['rebuilt_queues']:,}: queue rebuilt around them, each met its named order"),
        ("unknown orders", f"{did['anonymous']:,}, of which {did['no_level']:,} met no level and were skipped"),
        ("oversize", f"{did['oversize']:,} took more than their level held, and were cut to it"),
        ("accounts", f"{stage.resting} rests, {stage.taking} takes"),
        ("chain head", f"{format_id(driven.head.id)} {driven.head.chain.hex()}"),
    ]
    for label, text in rows:
        print(f"{label:<18} {text}")
    for mismatch in judge.mismatches:
        print(f"MISMATCH {mismatch}")
    if judge.wrong > len(judge.mismatches):
        print(f"MISMATCH … and {judge.wrong - len(judge.mismatches):,} more")
    print(f"drive: events={driven.events} trades={saw['trades']} mismatches={judge.wrong}")


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} must be greater than zero")
    return value


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _cannot(reason: str) -> int:
    _tell(f"exchange drive: {reason}")
    return CANNOT_RUN
