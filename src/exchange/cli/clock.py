"""`exchange clock`: what time it is in a sandbox, and making it another.

Time goes forward only. After a jump the command returns when everything that fell due has happened.

Exit codes: 0 done, 1 refused (it would go back, or beyond the year 9999), 2 could not be done.
"""

import argparse
import re
import sys
from decimal import Decimal

import orjson

from exchange import logs
from exchange.cli._moments import iso, time_ms
from exchange.effects.ports import EffectError
from exchange.effects.redis.clock import HIGHEST_RATE, RATE, BlockingSandboxClock, Move, Moved, Refused
from exchange.effects.redis.log import BlockingRedisLog
from exchange.effects.redis.log import run as drive
from exchange.roles.moves import TICK, settled
from exchange.settings import Settings, SettingsError
from exchange.terms.stream import format_id

HELP = "A sandbox's clock: show it, pause it, step or set it forward, let it run at a rate."

_STEP = re.compile(r"([0-9]{1,15})(ms|s|m|h|d)", re.ASCII)
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_RATE = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?", re.ASCII)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add one sub-command for each move."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    acts = parser.add_subparsers(dest="act", metavar="ACT")
    acts.add_parser("show", help="what it shows (default)")
    acts.add_parser("pause", help="stand still")
    acts.add_parser("step", help="go on by so much").add_argument("by", type=_step, help="like 250ms, 90s, 5m, 2h, 1d")
    run = acts.add_parser("run", help="go on by itself")
    run.add_argument("--rate", type=_rate, default=RATE, help="times real time, 0.001 to 10000 (1)")
    set_ = acts.add_parser("set", help="go to a later time")
    set_.add_argument("time", type=time_ms, help="ISO 8601, UTC unless it says otherwise, or ms since the epoch")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Show or move it; the exit code."""
    logs.configure(settings, "clock")
    if not settings.sandbox:
        raise SettingsError(f"{settings.home} is no sandbox: `exchange fork` makes one; set EXCHANGE_HOME to it")
    amount = {"step": "by", "run": "rate", "set": "time"}.get(args.act or "")
    try:
        moved = _move(settings, args.act or "show", getattr(args, amount) if amount else 0)
    except Refused as error:
        print(f"exchange clock: {error}", file=sys.stderr)
        return 1
    except EffectError as error:
        print(f"exchange clock: {error}", file=sys.stderr)
        return 2
    _tell(moved, args.json)
    return 0


def _move(settings: Settings, move: Move, amount: int) -> Moved:
    """Move it, and after a jump wait for what fell due; what it shows then, with the last tick's id."""
    url = settings.redis_for("operator")
    clock = BlockingSandboxClock(url, settings.commands_key, settings.clock_key)
    log = BlockingRedisLog(url, settings.commands_key, settings.events_key, clock_key=settings.clock_key)
    try:
        moved = clock.move(move, amount, TICK)
        if moved.tick is None:
            return moved
        return moved._replace(tick=drive(settled(log, clock, moved.tick)))
    finally:
        clock.close()
        log.close()


def _tell(moved: Moved, json: bool) -> None:
    rate = format(Decimal(moved.rate) / RATE, "f")
    position = format_id(moved.tick) if moved.tick is not None else None
    if json:
        print(orjson.dumps({"time": moved.now_ms, "rate": rate, "position": position}).decode())
        return
    how = f"runs at {rate} times real time" if moved.rate else "paused"
    print(f"{iso(moved.now_ms)}  {how}{f', settled at {position}' if position else ''}")


def _step(text: str) -> int:
    match = _STEP.fullmatch(text)
    if match is None or not int(match[1]):
        raise argparse.ArgumentTypeError(f"a step is a number and ms, s, m, h or d, like 90s: not {text!r}")
    return int(match[1]) * _UNITS[match[2]]


def _rate(text: str) -> int:
    rate = int(Decimal(text) * RATE) if _RATE.fullmatch(text) else 0
    if not 1 <= rate <= HIGHEST_RATE:
        raise argparse.ArgumentTypeError(f"a rate is a number from 0.001 to 10000, like 60: not {text!r}")
    return rate
