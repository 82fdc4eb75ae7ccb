"""What has passed: the database's rows joined with what the view has seen since (`asking` says how)."""

from collections.abc import Callable
from typing import TypeVar

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.past.asking import Page, asked, newest
from exchange.api.past.candles import PastCandles
from exchange.api.past.rows import deposit_of, fill_of, transfer_of, withdrawal_of
from exchange.api.past.spans import PastSpans
from exchange.api.past.trades import PastTrades
from exchange.api.seeding import candle_of
from exchange.projections.live.recent import Recent
from exchange.projections.live.records import DepositRecord, Fill, TransferRecord, WithdrawalRecord
from exchange.projections.live.tape import Candle
from exchange.projections.live.view import LiveView
from exchange.projections.timescale.candles import INTERVALS
from exchange.projections.timescale.history import ActKey, ActRow, TransferRow
from exchange.projections.timescale.words import TransferKind
from exchange.terms.stream import StreamId

Moved = TypeVar("Moved")


class Past(PastSpans, PastTrades, PastCandles):
    """All reads of history. Every method raises ApiError `database_unavailable` where it needs the database and cannot
    have it."""

    async def fills(
        self,
        view: LiveView,
        account: int,
        *,
        market: str | None,
        order: int | None,
        before: int | None,
        limit: int,
    ) -> Page[Fill]:
        """An account's fills, newest first."""
        history = self.available()
        reached = await asked(history.position())
        rows = await asked(history.fills(account, market=market, order=order, before=before, limit=limit))
        found = {row.id: fill_of(row) for row in rows}
        if reached.id < view.fills.complete_since:
            return Page(list(found.values()), reached.id)
        found |= {
            id: fill
            for id, fill in view.fills.of(account).items()
            if (market is None or fill.trade.market == market)
            and (order is None or fill.order == order)
            and (before is None or id < before)
        }
        return Page(newest(found, limit), view.position)

    async def deposits(
        self, view: LiveView, account: int, *, before: StreamId | None, limit: int
    ) -> Page[DepositRecord]:
        """An account's deposits, newest first."""
        return await self._moved(view, account, "deposit", view.deposits, deposit_of, before, limit)

    async def transfers(
        self, view: LiveView, account: int, *, before: StreamId | None, limit: int
    ) -> Page[TransferRecord]:
        """What was moved from an account to others or to it, newest first."""
        return await self._moved(view, account, "transfer", view.transfers, transfer_of, before, limit)

    async def _moved(
        self,
        view: LiveView,
        account: int,
        kind: TransferKind,
        recent: Recent[StreamId, Moved],
        record: Callable[[TransferRow], Moved],
        before: StreamId | None,
        limit: int,
    ) -> Page[Moved]:
        """What moved money once and for all, newest first."""
        history = self.available()
        reached = await asked(history.position())
        rows = await asked(history.transfers(account, kind=kind, before=before, limit=limit))
        found = {row.created: record(row) for row in rows}
        if reached.id < recent.complete_since:
            return Page(list(found.values()), reached.id)
        live = recent.of(account)
        found |= {position: moved for position, moved in live.items() if before is None or position < before}
        return Page(newest(found, limit), view.position)

    async def acts(self, *, by: str | None, act: str | None, before: ActKey | None, limit: int) -> Page[ActRow]:
        """What administrators did, newest first, as far as the database has come."""
        history = self.available()
        reached = await asked(history.position())
        return Page(await asked(history.acts(by=by, act=act, before=before, limit=limit)), reached.id)

    async def withdrawals(
        self, view: LiveView, account: int, *, before: StreamId | None, limit: int
    ) -> Page[WithdrawalRecord]:
        """An account's withdrawals, newest first."""
        history = self.available()
        reached = await asked(history.position())
        rows = await asked(history.transfers(account, kind="withdrawal", before=before, limit=limit))
        found = {row.created: withdrawal_of(row) for row in rows}
        if reached.id < view.withdrawals.complete_since:
            return Page(list(found.values()), reached.id)
        created = {record.id: position for position, record in found.items()}
        for id, record in view.withdrawals.of(account).items():
            position = record.created or created.get(id)
            if position is None or (before is not None and position >= before):
                continue
            if record.created is None:
                record.created, record.ref = position, found[position].ref
            found[position] = record
        return Page(newest(found, limit), view.position)

    async def candles(
        self,
        view: LiveView,
        market: str,
        interval: str,
        *,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
    ) -> tuple[list[Candle], bool]:
        """Candles that open from `start_ms` to `end_ms`, oldest first, and whether none is missing for want of the
        database: the first `limit` when a start is given, else the last."""
        tape = view.tape.market(market)
        known = tape.known_since(interval)
        live = [
            candle
            for candle in tape.candles(interval, max(known, _opening(start_ms or 0, interval)))
            if end_ms is None or candle.ms <= end_ms
        ]
        enough = start_ms >= known if start_ms is not None else known == 0 or len(live) >= limit
        older: list[Candle] = []
        complete = True
        if not enough and self.history is not None:
            end = known if end_ms is None else min(known, end_ms + 1)
            wanted = limit if start_ms is not None else limit - len(live)
            try:
                rows = await asked(self.history.candles(market, interval, start_ms=start_ms, end_ms=end, limit=wanted))
                older = [candle_of(row) for row in rows]
            except ApiError:
                complete = False
        elif not enough:
            complete = False
        if not complete and not live:
            raise ApiError(GatewayCode.DATABASE_UNAVAILABLE)
        both = older + live
        return (both[:limit] if start_ms is not None else both[-limit:]), complete


def _opening(ms: int, interval: str) -> int:
    """The first opening time of an interval at or after a moment."""
    length = INTERVALS[interval]
    return -(-ms // length) * length
