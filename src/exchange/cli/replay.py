"""`exchange replay`: re-execute the log and compare every entry, byte for byte.

Exit codes: 0 verified, 1 a difference (named: id, what was published, what is computed), 2 could not run.
"""

import argparse
import sys
from collections.abc import Iterator

import orjson
import uvloop

from exchange import compiled
from exchange.cli._history import AUTO, STREAMS, add_source, open_history
from exchange.cli._moments import Progress, moment
from exchange.cli._role import begin as begin_role
from exchange.cli._role import open_log
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import EffectError, Log
from exchange.effects.redis.log import run as drive
from exchange.engine import Machine
from exchange.engine.queries import balances, depth
from exchange.roles import replay
from exchange.roles.snapshots import state_hash
from exchange.roles.stops import CannotStart, Diverged, Halted, Mismatch, Trimmed
from exchange.settings import Settings, SettingsError
from exchange.terms.amounts import format_decimal
from exchange.terms.stream import format_id

HELP = "Re-execute the log and compare every entry: 0 verified, 1 a difference (named), 2 could not run."

_LEVELS_SHOWN = 10

Json = dict[str, object]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--from",
        dest="start",
        default=replay.GENESIS,
        metavar="genesis|snapshot|NAME",
        help="where to begin: the log's beginning (default), the newest snapshot, or the snapshot file NAME",
    )
    parser.add_argument(
        "--until",
        type=moment,
        metavar="ID|TIME",
        help="stop at this entry (ms-seq) or time (ISO 8601, UTC unless it says otherwise, or milliseconds since the "
        "epoch), and print books and balances as they were then",
    )
    add_source(parser)
    parser.add_argument("--market", help="print this market's book and the balances of its two assets")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Replay; the exit code."""
    begin_role(settings, "replay")
    report: Json = {"verified": False}
    try:
        code = _from_streams_or_journal(settings, args, report)
    except (Trimmed, CannotStart, EffectError, SettingsError) as error:
        report["error"] = f"{type(error).__name__}: {error}"
        code = 2
    except (Diverged, Halted) as error:
        report["error"] = f"{type(error).__name__}: {error}"
        if isinstance(error, Mismatch):
            report["difference"] = {
                "id": format_id(error.id),
                "expected": {"e": _text(error.computed.payload), "h": error.computed.chain.hex()},
                "found": {"e": _text(error.published.payload), "h": error.published.chain.hex()},
            }
        code = 1
    if args.json:
        print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        for line in _lines(report):
            print(line)
    if "error" in report:
        print(f"exchange replay: {report['error']}", file=sys.stderr)
    return code


def _from_streams_or_journal(settings: Settings, args: argparse.Namespace, report: Json) -> int:
    """Replay what the streams hold, which is fastest, and, where they do not reach back, what the journal has."""
    store = FileSnapshotStore(settings.snapshots)
    if args.source == STREAMS or (args.source == AUTO and settings.redis_url):
        try:
            return drive(_replay(open_log(settings), store, args, report))
        except (Trimmed, replay.NoSuchStart):
            if args.source == STREAMS:
                raise
    return uvloop.run(_replay_history(settings, store, args, report))


async def _replay_history(settings: Settings, store: FileSnapshotStore, args: argparse.Namespace, report: Json) -> int:
    async with open_history(settings, args.source) as log:
        return await _replay(log, store, args, report)


async def _replay(log: Log, store: FileSnapshotStore, args: argparse.Namespace, report: Json) -> int:
    head = await log.head()
    end = head.id if args.until is None else min(args.until, head.id)
    machine = await replay.begin(log, store, args.start, head)
    if machine.head.id > end:
        raise replay.NoSuchStart(f"the snapshot is of {format_id(machine.head.id)}, after --until: begin with an older")
    tally = replay.Tally()
    progress = Progress(machine.head.id, end)
    report |= {"engine": compiled.status(), "from": format_id(machine.head.id)}
    try:
        await replay.replay(log, machine, end, tally, progress)
    finally:
        progress.done()
        seconds = progress.seconds()
        report |= {
            "commands": tally.commands,
            "events": dict(sorted(tally.events.items())),
            "refusals": dict(sorted(tally.refusals.items())),
            "seconds": round(seconds, 3),
            "commands_per_s": round(tally.commands / seconds) if seconds > 0 else 0,
        }
    report |= {
        "verified": True,
        "log_id": machine.state.log_id,
        "head": format_id(machine.head.id),
        "chain": machine.head.chain.hex(),
        "state_hash": state_hash(machine),
    }
    if args.market is not None and args.market not in machine.state.markets:
        report["error"] = f"there is no market {args.market} at {format_id(machine.head.id)}"
        return 2
    if args.until is not None or args.market is not None:
        report |= _view(machine, args.market)
    return 0


def _view(machine: Machine, market: str | None) -> Json:
    """Books and balances as decimal strings; all markets and assets unless one market is named."""
    state = machine.state
    names = sorted(state.markets) if market is None else [market]
    assets = set(state.assets) if market is None else set(market.split("-"))
    books: Json = {}
    for name in names:
        found = state.markets[name]
        price, size = state.assets[found.quote].decimals, state.assets[found.base].decimals
        sides = depth(state, name, len(found.bids.levels) + len(found.asks.levels))
        bids, asks = ([[format_decimal(p, price), format_decimal(q, size)] for p, q in side] for side in sides)
        books[name] = {"status": found.status, "seq": found.seq, "bids": bids, "asks": asks}
    held: Json = {}
    for id, account in sorted(state.accounts.items()):
        amounts = {
            asset: [format_decimal(amount, state.assets[asset].decimals) for amount in pair]
            for asset, pair in balances(state, id).items()
            if asset in assets and any(pair)
        }
        if amounts:
            held[str(id)] = {"ref": account.ref, "balances": amounts}
    return {"books": books, "accounts": held}


def _lines(report: Json) -> Iterator[str]:
    for name in ("log_id", "from", "head", "chain", "state_hash", "engine"):
        if name in report:
            yield f"{name.replace('_', ' '):<12}{report[name]}"
    for name in ("events", "refusals"):
        counts = report.get(name)
        if isinstance(counts, dict) and counts:
            yield f"{name:<12}" + ", ".join(f"{key} {count:,}" for key, count in counts.items())
    yield from _view_lines(report)
    if "commands" in report:
        word = "verified" if report["verified"] else "equal so far"
        yield f"{word:<12}{report['commands']:,} commands, {report['commands_per_s']:,}/s"


def _view_lines(report: Json) -> Iterator[str]:
    books, accounts = report.get("books"), report.get("accounts")
    if not isinstance(books, dict) or not isinstance(accounts, dict):
        return
    for name, book in books.items():
        yield f"\n{name}  {book['status']}, sequence {book['seq']}"
        for side in ("asks", "bids"):
            levels = book[side]
            shown = [f"  {side[:-1]}  {price:>24}  {quantity:>24}" for price, quantity in levels[:_LEVELS_SHOWN]]
            more = [f"  … {len(levels) - _LEVELS_SHOWN:,} more levels"] if len(levels) > _LEVELS_SHOWN else []
            yield from reversed(shown + more) if side == "asks" else shown + more
    yield ""
    for id, account in accounts.items():
        for asset, (available, locked) in account["balances"].items():
            yield f"account {id:<8}{asset:<8}{available:>24} available{locked:>24} locked"
    yield ""


def _text(payload: bytes) -> str:
    return payload.decode("utf-8", "backslashreplace")
