"""`exchange at`: books, balances and open orders as they were at any moment of the log.

It begins with the nearest snapshot before the moment, computes what follows and compares every entry on the way. Orders
are told as the API tells them; what the log up to there cannot say of them without being read from its beginning (what
an order paid before the snapshot) is null.

Exit codes: 0 shown, 1 a difference (named) on the way, 2 could not run.
"""

import argparse
import sys
from collections.abc import Iterator

import orjson
import uvloop

from exchange.cli._history import add_source, open_history
from exchange.cli._moments import Progress, iso, moment
from exchange.cli._role import begin
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import EffectError
from exchange.engine import Machine
from exchange.projections.live import shapes
from exchange.projections.live.load import view_of
from exchange.projections.live.orders import LiveOrder
from exchange.projections.live.view import LiveView
from exchange.roles import replay
from exchange.roles.snapshots import state_hash
from exchange.roles.stops import CannotStart, Diverged, Halted, Trimmed
from exchange.settings import Settings, SettingsError
from exchange.terms.stream import format_id

HELP = "Books, balances and open orders at any past id or time."

NEAREST = "nearest"

_LEVELS_SHOWN = 10
_ORDERS_SHOWN = 50

Json = dict[str, object]


class _NotThere(Exception):
    """The market or account was not there then."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "moment",
        type=moment,
        metavar="ID|TIME",
        help="an entry (ms-seq), or a time (ISO 8601, UTC unless it says otherwise, or milliseconds since the epoch)",
    )
    parser.add_argument("--market", help="only this market: its book, its orders, the balances of its two assets")
    parser.add_argument("--account", type=int, help="only this account's balances and orders")
    parser.add_argument(
        "--from",
        dest="start",
        default=NEAREST,
        metavar="nearest|genesis|NAME",
        help="where to begin: the nearest snapshot before (default), the log's beginning, or the snapshot file NAME",
    )
    add_source(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text, with everything")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Show; the exit code."""
    begin(settings, "at")
    try:
        report = uvloop.run(_report(args, settings))
    except (Trimmed, CannotStart, EffectError, SettingsError, _NotThere) as error:
        print(f"exchange at: {error}", file=sys.stderr)
        return 2
    except (Diverged, Halted) as error:
        print(f"exchange at: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        for line in _lines(report):
            print(line)
    return 0


async def _report(args: argparse.Namespace, settings: Settings) -> Json:
    store = FileSnapshotStore(settings.snapshots)
    async with open_history(settings, args.source) as log:
        head = await log.head()
        end = min(args.moment, head.id)
        machine = None
        if args.start == NEAREST:
            machine = await replay.before(log, store, end)
        if machine is None:
            start = replay.GENESIS if args.start == NEAREST else args.start
            machine = await replay.begin(log, store, start, head)
        if machine.head.id > end:
            raise replay.NoSuchStart(
                f"the snapshot is of {format_id(machine.head.id)}, after that moment: begin with an older"
            )
        began = machine.head.id
        tally = replay.Tally()
        progress = Progress(began, end)
        try:
            await replay.replay(log, machine, end, tally, progress)
        finally:
            progress.done()
    return {
        "id": format_id(machine.head.id),
        "time": iso(machine.head.id[0]),
        "log_id": machine.state.log_id,
        "chain": machine.head.chain.hex(),
        "from": format_id(began),
        "commands": tally.commands,
        "seconds": round(progress.seconds(), 3),
        **shown(machine, args.market, args.account),
    }


def shown(machine: Machine, market: str | None = None, account: int | None = None) -> Json:
    """The state for people: its hash, books by market, accounts with what they hold, open orders by number.

    Raises:
        _NotThere: there is no such market or account.
    """
    view = view_of(machine)
    if market is not None and market not in view.markets:
        raise _NotThere(f"there was no market {market} at {format_id(view.position)}")
    if account is not None and account not in view.accounts:
        raise _NotThere(f"there was no account {account} at {format_id(view.position)}")
    assets = set(view.assets) if market is None else set(market.split("-"))
    orders = [
        order
        for _, order in sorted(view.orders.items())
        if market in {None, order.market} and account in {None, order.account}
    ]
    return {
        "state_hash": state_hash(machine),
        "books": {name: _book(view, name) for name in sorted(view.markets) if market in {None, name}},
        "accounts": {
            str(id): found
            for id in sorted(view.accounts)
            if account in {None, id} and ((found := _account(view, id, assets))["balances"] or account == id)
        },
        "orders": [_order(view, order) for order in orders],
    }


def _book(view: LiveView, name: str) -> Json:
    market = view.markets[name]
    bids, asks, _ = shapes.depth(market, sys.maxsize)
    return {"status": market.status, "seq": market.seq, "bids": bids, "asks": asks}


def _account(view: LiveView, id: int, assets: set[str]) -> Json:
    account = view.accounts[id]
    held = [
        shapes.balance(asset, view.assets[asset], balance)
        for asset, balance in sorted(account.balances.items())
        if asset in assets and (balance.available or balance.locked)
    ]
    return {"ref": account.ref, "status": account.status, "balances": held}


def _order(view: LiveView, order: LiveOrder) -> Json:
    return {"account": order.account, **shapes.order(order, view.markets[order.market])}


def _lines(report: Json) -> Iterator[str]:
    for name in ("id", "time", "log_id", "chain", "state_hash", "from"):
        yield f"{name.replace('_', ' '):<12}{report[name]}"
    yield f"{'verified':<12}{report['commands']:,} commands in {report['seconds']} s"
    books, accounts, orders = report["books"], report["accounts"], report["orders"]
    if not (isinstance(books, dict) and isinstance(accounts, dict) and isinstance(orders, list)):
        raise TypeError("a report has books, accounts and orders")
    for name, book in books.items():
        yield f"\n{name}  {book['status']}, sequence {book['seq']}"
        for side in ("asks", "bids"):
            levels = book[side]
            told = [f"  {side[:-1]}  {price:>24}  {quantity:>24}" for price, quantity in levels[:_LEVELS_SHOWN]]
            more = [f"  … {len(levels) - _LEVELS_SHOWN:,} more levels"] if len(levels) > _LEVELS_SHOWN else []
            yield from reversed(told + more) if side == "asks" else told + more
    yield ""
    for id, account in accounts.items():
        for row in account["balances"]:
            yield (f"account {id:<8}{row['asset']:<8}{row['available']:>24} available{row['locked']:>24} locked")
    yield ""
    for order in orders[:_ORDERS_SHOWN]:
        yield (
            f"order {order['id']:<10}account {order['account']:<8}{order['market']:<14}{order['status']:<9}"
            f"{order['kind']:<5}{order['type']:<12}{order['price'] or '':>16}  "
            f"{order['filled']} filled of {order['quantity']}"
        )
    if len(orders) > _ORDERS_SHOWN:
        yield f"… {len(orders) - _ORDERS_SHOWN:,} more orders (--json, --market or --account shows them)"
