"""What a gateway shows everybody, against an engine replayed to exactly the position that each answer names.

What is expected comes from the engine's own state and results, not from a second live view: the two share the words of
the answers and nothing else.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from exchange.audit.findings import CannotAudit, Found, short
from exchange.effects.ports import Log
from exchange.engine import Machine
from exchange.projections.live import shapes
from exchange.projections.live.load import view_of
from exchange.projections.live.shapes import Json
from exchange.projections.live.tape import Tape
from exchange.projections.live.view import LiveView
from exchange.roles.recovery import beginning
from exchange.roles.replica import BATCH, Replica
from exchange.terms.stream import EventEntry, StreamId, format_id

MAX_LEVELS: Final = 5000
MAX_TRADES: Final = 1000


@dataclass(frozen=True)
class Shown:
    """One answer of the gateway: what was asked, at which position it was answered, and what it said."""

    path: str
    query: dict[str, str]
    position: StreamId
    data: Json

    @property
    def name(self) -> str:
        """`depth?market=BTC-USD&limit=5000`."""
        asked = "&".join([f"{name}={value}" for name, value in self.query.items()])
        return f"{self.path}?{asked}" if asked else self.path


Ask = Callable[[str, dict[str, str]], Awaitable[Shown]]


async def ask_all(ask: Ask) -> list[Shown]:
    """Everything that is public and follows from the log."""
    shown = [await ask(path, {}) for path in ("assets", "markets", "fee-tiers")]
    markets = shown[1].data.get("markets")
    for market in markets if isinstance(markets, list) else []:
        name = {"market": str(market["market"])}
        shown.append(await ask("depth", {**name, "limit": str(MAX_LEVELS)}))
        shown.append(await ask("trades", {**name, "limit": str(MAX_TRADES)}))
        shown.append(await ask("ticker", name))
    return shown


async def compare(log: Log, shown: list[Shown]) -> int:
    """Compare answers with the engine at their positions; how many were compared.

    Raises:
        Found: an answer that the engine would not give.
        CannotAudit: the log does not reach back to its beginning, or not up to an answer.
        EffectError, MustStop: see `walking.translated`.
    """
    machine = await beginning(log, await log.head())
    replica, tape = Replica(machine), Tape()

    def follow(entry: EventEntry) -> None:
        tape.apply(entry.id, machine.outcome)

    for answer in sorted(shown, key=lambda one: one.position):
        while replica.confirmed.id < answer.position:
            if not await replica.catch_up(log, BATCH, until=answer.position, each=follow):
                if (await log.head()).id < answer.position:
                    raise CannotAudit(f"the log ends before {format_id(answer.position)}, which {answer.name} names")
                break
        if replica.confirmed.id != answer.position:
            raise Found(f"gateway {answer.name}", format_id(answer.position), "a position of the log", "none of it")
        view = _view(machine, tape)
        _compare(answer, expected(view, answer))
    return len(shown)


def _view(machine: Machine, tape: Tape) -> LiveView:
    view = view_of(machine)
    view.tape = tape
    return view


def expected(view: LiveView, answer: Shown) -> Json:
    """What a gateway with this view would have answered."""
    if answer.path == "assets":
        return {"assets": [shapes.asset(*asset) for asset in sorted(view.assets.items())]}
    if answer.path == "markets":
        return {"markets": [shapes.market(market) for _, market in sorted(view.markets.items())]}
    if answer.path == "fee-tiers":
        tiers = sorted(view.fee_tiers.items())
        return {
            "fee_tiers": [
                {"asset": asset, "tiers": shapes.fee_tiers(rows, view.assets[asset])} for asset, rows in tiers
            ]
        }
    market = view.markets[answer.query["market"]]
    tape = view.tape.market(market.name)
    if answer.path == "depth":
        bids, asks, _ = shapes.depth(market, MAX_LEVELS)
        return {"market": market.name, "seq": market.seq, "bids": bids, "asks": asks}
    if answer.path == "trades":
        return {"trades": [shapes.trade(trade, market) for trade in reversed(tape.trades)]}
    return shapes.ticker(market, tape, int(str(answer.data["time"])))


def _compare(answer: Shown, told: Json) -> None:
    for member, value in told.items():
        there = answer.data.get(member)
        if there == value:
            continue
        if isinstance(value, list) and isinstance(there, list):
            for place in range(max(len(value), len(there))):
                pair = [str(rows[place]) if place < len(rows) else "nothing" for rows in (value, there)]
                if pair[0] != pair[1]:
                    raise _found(answer, f"{member}[{place}] {pair[0]}", f"{member}[{place}] {pair[1]}")
        raise _found(answer, f"{member} {value}", f"{member} {there}")


def _found(answer: Shown, told: str, there: str) -> Found:
    return Found(f"gateway {answer.name}", format_id(answer.position), short(told), short(there))
