"""The database's rows as the view's own records, so that both can be joined and shown alike."""

from typing import Final

from exchange.events.types import Prevented
from exchange.projections.live.orders import OPEN, LiveList, LiveOrder
from exchange.projections.live.records import (
    Amendment,
    DepositRecord,
    Fill,
    PreventedMatch,
    TransferRecord,
    WithdrawalRecord,
)
from exchange.projections.live.tape import TapeTrade
from exchange.projections.timescale.history import (
    AmendmentRow,
    FillRow,
    ListRow,
    OrderRow,
    PreventedRow,
    TransferRow,
)
from exchange.terms.words import BUY, SELL

_WITHDRAWAL_STATUS: Final = {"reserved": "pending", "settled": "settled", "released": "released"}


def order_of(row: OrderRow) -> LiveOrder:
    """An order; what it shows on the book now, only the view knows."""
    order = LiveOrder(
        row.id,
        row.account,
        row.market,
        row.side,
        row.type,
        row.tif,
        row.price,
        row.quantity,
        row.quote_amount,
        row.client_id,
        row.created[0],
        row.instructions,
        row.order_list,
    )
    order.filled = row.filled
    order.prevented = row.prevented
    order.paid = row.filled_quote
    order.fee = row.fee
    order.status = OPEN if row.status == "partially_filled" else row.status
    order.reason = row.reason
    order.updated = row.updated[0]
    order.activated = row.activated_ms
    return order


def list_of(row: ListRow) -> LiveList:
    """An order list."""
    made = LiveList(row.id, row.account, row.market, row.kind, row.client_id, row.orders, row.created[0])
    made.status = row.status
    made.updated = row.updated[0]
    return made


def prevented_of(row: PreventedRow) -> PreventedMatch:
    """A trade with oneself that was not made; what it took off the book is not kept."""
    event = Prevented(
        row.id,
        row.market,
        row.seq,
        row.price,
        row.stp,
        row.taker_side,
        row.maker_order,
        row.taker_order,
        row.maker,
        row.taker,
        row.maker_quantity,
        row.taker_quantity,
        0,
        row.maker_left,
    )
    return PreventedMatch(event, row.ms)


def amendment_of(row: AmendmentRow) -> Amendment:
    """A reduction of an order."""
    return Amendment(row.key, row.order, row.quantity, row.reduced_by)


def fill_of(row: FillRow) -> Fill:
    """One side of a trade."""
    taker_side = row.side if row.liquidity == "taker" else (SELL if row.side == BUY else BUY)
    trade = TapeTrade(
        row.trade, row.market, row.seq, row.price, row.quantity, row.notional, taker_side, row.ms, row.auction
    )
    return Fill(trade, row.order, row.side, row.liquidity, row.fee, row.rebate)


def deposit_of(row: TransferRow) -> DepositRecord:
    """A deposit."""
    return DepositRecord(row.created, row.account, row.asset, row.amount, row.ref)


def withdrawal_of(row: TransferRow) -> WithdrawalRecord:
    """A withdrawal."""
    record = WithdrawalRecord(row.withdrawal, row.account, row.asset, row.amount, row.ref, row.created)
    record.status = _WITHDRAWAL_STATUS[row.state]
    record.updated = row.updated
    return record


def transfer_of(row: TransferRow) -> TransferRecord:
    """A transfer between accounts."""
    return TransferRecord(row.created, row.account, row.to, row.asset, row.amount, row.ref)
