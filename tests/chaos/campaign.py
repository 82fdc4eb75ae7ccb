"""One run: set up, faults under load, peace, judgement.

The faults stop first, the clients last: in peace everything must become well within a bounded time while it is being
used. Then every unknown outcome is asked for again, under its name, until it is known; the feeds run dry; and the books
are balanced.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from exchange.effects.ports import LogUnavailable
from exchange.terms.stream import format_id
from tests.chaos import audit, judge
from tests.chaos.beside import Beside
from tests.chaos.faults import Hand, schedule
from tests.chaos.judge import Verdict
from tests.chaos.readers import Reader
from tests.chaos.record import read
from tests.chaos.traders import LONGEST_MS, Market, Trader, sent_twice
from tests.chaos.venue import ROLES, Venue, open_venue
from tests.e2e.nursery import Nursery

REPOSITORY: Final = Path(__file__).parent.parent.parent
PLACES: Final = {"BTC": 3, "ETH": 2, "USD": 6, "EUR": 6}
MARKETS: Final = (
    Market("BTC-USD", 2_000_000, 50, 2, 3),
    Market("ETH-USD", 150_000, 90, 2, 2),
    Market("ETH-EUR", 14_000, 90, 1, 2),
)
MONEY: Final = {"BTC": "100000", "ETH": "1000000", "USD": "1000000000", "EUR": "1000000000"}

WELL_SECONDS: Final = 60.0
"""So long may it take, once there is peace, until all is well."""

_BESIDE: Final = ("engine", "engine", "standby", "api", "api")


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    seed: int
    seconds: float
    """How long things are broken, at least…"""
    kills: int = 0
    """… and until so many were killed."""
    traders: int = 8
    readers: int = 3
    slow_readers: int = 2
    rate: float = 10.0
    """Wishes of one trader a second."""
    pace: float = 0.5
    """Mean rest between two faults, in seconds."""
    long_pauses: bool = True
    thorough: bool = True
    """Replay the log in every way there is."""


@dataclass
class Report:
    """What a run came to."""

    verdict: Verdict = field(default_factory=Verdict)
    kills: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    told: list[tuple[str, str]] = field(default_factory=list)
    """Figures for people: a label and a text."""

    @property
    def line(self) -> str:
        """The last line."""
        verdict = self.verdict
        return (
            f"chaos: kills={self.kills.total()} commands={verdict.commands} acked={verdict.acked} "
            f"lost={len(verdict.lost)} doubled={len(verdict.doubled)} diverged={len(verdict.diverged)}"
        )


async def run(plan: Plan, folder: Path, say: Callable[[str], None]) -> Report:
    """One run in a folder, which keeps homes and logs."""
    report = Report()
    with open_venue(folder) as venue:
        traders, readers = await asyncio.to_thread(_set_up, plan, venue)
        say(f"ready: {len(traders)} traders, {len(readers)} readers, {len(MARKETS)} markets; logs in {folder}")
        nursery = Nursery(REPOSITORY, folder / "beside.log")
        try:
            await _live(_Run(plan, venue, traders, readers, nursery, report, say))
        finally:
            nursery.close()
            for trader in traders:
                await trader.close()
        code = await asyncio.to_thread(venue.exchange.stop)
        if code != 0:
            report.verdict.stuck.append(f"the exchange ended with code {code}")
    return report


def _set_up(plan: Plan, venue: Venue) -> tuple[list[Trader], list[Reader]]:
    """Markets, people and their money."""
    treasurer = venue.operator()
    for market in MARKETS:
        fees = {"maker_fee": "0.001", "taker_fee": "0.002", "min_notional": "0.01"}
        terms = {"tick_size": market.price(1), "lot_size": market.size(1)}
        venue.list_market(treasurer, PLACES, {"market": market.name, **terms, **fees})
    url = venue.exchange.url
    traders = []
    for number in range(plan.traders):
        user = venue.exchange.join(f"trader-{number}")
        for asset, amount in MONEY.items():
            body = {"asset": asset, "amount": amount, "account": user.account, "ref": f"start-{user.account}-{asset}"}
            venue.exchange.ok("POST", "/api/v1/deposits", body, treasurer)
        traders.append(Trader(url, user.account, user.token, treasurer, MARKETS, plan.seed * 1000 + number))
    names = [market.name for market in MARKETS]
    readers = [Reader(url, names, number) for number in range(plan.readers)]
    readers += [Reader(url, names, 100 + number, naps=6.0) for number in range(plan.slow_readers)]
    return traders, readers


@dataclass
class _Run:
    """What belongs to one run."""

    plan: Plan
    venue: Venue
    traders: Sequence[Trader]
    readers: Sequence[Reader]
    nursery: Nursery
    report: Report
    say: Callable[[str], None]


async def _live(run: _Run) -> None:
    traded, read_up = asyncio.Event(), asyncio.Event()
    trading = [asyncio.create_task(trader.trade(traded, run.plan.rate)) for trader in run.traders]
    reading = [asyncio.create_task(reader.read(read_up)) for reader in run.readers]
    try:
        began = time.monotonic()
        await _break(run)
        run.say(f"peace after {time.monotonic() - began:.0f} s")
        well = await _within(WELL_SECONDS, run.report, "all is well", lambda: _well(run.venue))
        run.report.told.append(("well again after", f"{well:.1f} s"))
        traded.set()
        await asyncio.gather(*trading)
        await asyncio.sleep(LONGEST_MS / 1000 + 0.5)  # nothing is due any more: the log is at its end
        await _within(WELL_SECONDS, run.report, "every outcome is known", lambda: _all_known(run.traders))
        await _within(WELL_SECONDS, run.report, "tables and journal have come to the end", lambda: _told_all(run.venue))
        read_up.set()
        await asyncio.wait_for(asyncio.gather(*reading), WELL_SECONDS)
    finally:
        for task in (*trading, *reading):
            task.cancel()
        await asyncio.gather(*trading, *reading, return_exceptions=True)
    await _judge(run)


async def _break(run: _Run) -> None:
    """The faults' time."""
    plan = run.plan
    hand = Hand(run.venue)
    beside = Beside(run.nursery, run.venue.environ, random.Random(plan.seed + 1))
    beside.start(_BESIDE)
    end = time.monotonic() + plan.seconds
    told = time.monotonic()
    try:
        for fault in schedule(plan.seed, plan.pace, long_pauses=plan.long_pauses):
            await hand.bring(fault)
            rest_until = time.monotonic() + fault.rest
            while time.monotonic() < rest_until:
                beside.look()
                await asyncio.sleep(0.01)
            if time.monotonic() - told > 10.0:
                told = time.monotonic()
                known = sum(asked.known for trader in run.traders for asked in trader.diary)
                kills = hand.kills.total() + beside.kills.total()
                run.say(f"{max(0.0, end - told):6.0f} s left: {kills} kills, {known} outcomes known")
            if time.monotonic() >= end and hand.kills.total() + beside.kills.total() >= plan.kills:
                break
    finally:
        await hand.undo()
        beside.stop()
        run.report.kills = hand.kills + beside.kills
        run.report.others = hand.others
        run.report.verdict.stuck += beside.oddities


async def _within(seconds: float, report: Report, what: str, condition: Callable[[], Awaitable[str]]) -> float:
    """Wait until a condition finds nothing amiss any more; the seconds it took. Not in time: the run is stuck."""
    began = time.monotonic()
    while amiss := await condition():
        if time.monotonic() - began > seconds:
            report.verdict.stuck.append(f"not within {seconds:.0f} s: {what}; {amiss}")
            break
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def _well(venue: Venue) -> str:
    """Nothing, or what is not well: every role there is runs, and every gateway says that it is healthy."""
    missing = [role for role in ROLES if not venue.found(role)]
    if missing:
        return f"no {', '.join(missing)}"
    for _ in range(6):
        if not await asyncio.to_thread(venue.exchange.healthy):
            return "a gateway is not healthy"
    return ""


async def _all_known(traders: Sequence[Trader]) -> str:
    left = sum(await asyncio.gather(*(trader.find_out() for trader in traders)))
    return f"{left} outcomes are unknown" if left else ""


async def _told_all(venue: Venue) -> str:
    """Nothing, or who has not come to where the commands end."""
    try:
        end = await audit.last_command(venue.settings)
        positions = {
            "the engine": await audit.head(venue.settings, "streams"),
            "the journal": await audit.head(venue.settings, "journal"),
            "the tables": await audit.projected(venue.settings),
        }
    except (LogUnavailable, asyncpg.PostgresError, OSError) as error:
        return f"a server is away: {error!r}"
    behind = [f"{name} at {format_id(position)}" for name, position in positions.items() if position != end]
    return f"{', '.join(behind)}; the commands end at {format_id(end)}" if behind else ""


async def _judge(run: _Run) -> None:
    """Everything on the table."""
    report, settings = run.report, run.venue.settings
    story = await audit.read_story(settings, "auto")
    record = read(story.commands, story.entries)
    diary = [asked for trader in run.traders for asked in trader.diary]
    starts = {f"start-{trader.account}-{asset}" for trader in run.traders for asset in MONEY}
    verdict = judge.balance(diary, record, starts)
    verdict.stuck += report.verdict.stuck + run.venue.refusals()
    machine, different = audit.recompute(story)
    chains = {entry.id: entry.chain for entry in story.entries}
    verdict.diverged += different + audit.run_checks(
        audit.check_state(machine, record),
        audit.check_snapshots(settings, chains),
        audit.check_feeds(run.readers, machine, record),
        await audit.check_tables(settings, record),
        await asyncio.to_thread(
            lambda: list(audit.ask_the_product(run.venue.environ, machine, thorough=run.plan.thorough))
        ),
    )
    for source in audit.archives(settings):
        verdict.diverged += audit.check_same(source, await audit.read_story(settings, source), story)
    report.verdict = verdict
    _tell(run, report, len(record.trades))


def _tell(run: _Run, report: Report, trades: int) -> None:
    wishes = [asked for trader in run.traders for asked in trader.diary]
    answers = Counter(f"{answer.status} {answer.code}".strip() for asked in wishes for answer in asked.answers)
    let_go = Counter[int]()
    for reader in run.readers:
        let_go.update(reader.heard.let_go)
    report.told += [
        ("wishes", f"{len(wishes):,}, of which {sent_twice(wishes):,} asked for more than once"),
        ("answers", ", ".join(f"{name} × {count:,}" for name, count in answers.most_common())),
        ("trades", f"{trades:,}"),
        ("feeds", f"{sum(reader.heard.updates for reader in run.readers):,} steps, {sum(let_go.values())} reconnects"),
        ("let go", ", ".join(f"{code or 'broken off'} × {count}" for code, count in let_go.most_common()) or "nobody"),
    ]
