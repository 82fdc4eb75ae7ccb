"""Commands of several parts: each part has its own result, told after an `item` that marks it."""

from exchange.commands.types import Amend, Batch, Cancel, CancelReplace, Command, Place
from exchange.engine import memory, orders
from exchange.engine.accounts import ORDER, Account, Remembered
from exchange.engine.closing import end
from exchange.engine.entry import admit, draft
from exchange.engine.state import State, Step
from exchange.events.base import Duplicate, Item, Rejected
from exchange.terms.codes import Code, Refused
from exchange.terms.words import FROZEN


def batch(state: State, step: Step, command: Batch) -> None:
    """Carry out each item as if it came alone."""
    orders.trader(state, step, command.account)
    for index, item in enumerate(command.items):
        _item(state, step, index, item)


def _item(state: State, step: Step, index: int, item: Command) -> None:
    mark = Item(index)
    step.emit(mark)
    told = len(step.events)
    try:
        if isinstance(item, Place):
            orders.place(state, step, item)
        elif isinstance(item, Cancel):
            orders.cancel(state, step, item)
        else:
            assert isinstance(item, Amend)
            orders.amend(state, step, item)
    except Refused as refusal:
        assert len(step.events) == told
        mark.code = refusal.code.value
        mark.field = refusal.field
        return
    _mark(step, mark, told)


def _mark(step: Step, mark: Item, told: int) -> None:
    """If the part was told to be a repetition, or refused, its mark says so instead."""
    if len(step.events) > told:
        first = step.events[told]
        if isinstance(first, Duplicate):
            step.events.pop()
            mark.first = first.first
        elif isinstance(first, Rejected):
            step.events.pop()
            mark.code = first.code
            mark.field = first.field


def cancel_replace(state: State, step: Step, command: CancelReplace) -> None:
    """End an order and place another.

    The new order's form is checked before anything is done. *Binance: rest-api.md, "Cancel an Existing Order and Send a
    New Order".*
    """
    place = command.place
    account = orders.trader(state, step, place.account)
    name: Remembered | None = None
    if place.client_id:
        name = Remembered(account.id, ORDER, place.client_id, step.ms, step.seq)
        first = memory.claim(state, step, account, name)
        if first is not name:
            step.emit(Duplicate(f"{first.ms}-{first.seq}"))
            return
    _check(state, step, account, place)
    if not _canceled(state, step, account, command) and command.stop_on_failure:
        return
    mark = Item(1)
    step.emit(mark)
    try:
        orders.place_new(state, step, account, place, name)
    except Refused as refusal:
        mark.code = refusal.code.value
        mark.field = refusal.field


def _check(state: State, step: Step, account: Account, place: Place) -> None:
    if account.status == FROZEN:
        raise Refused(Code.ACCOUNT_FROZEN, "account")
    market = state.market(place.market)
    admit(market, place)
    draft(step, state.seat(account, market), place, None)


def _canceled(state: State, step: Step, account: Account, command: CancelReplace) -> bool:
    mark = Item(0)
    step.emit(mark)
    cancel = command.cancel
    told = len(step.events)
    try:
        market = state.market(command.place.market)
        order = orders.own_order(state, step, account, cancel.order, cancel.client_id, market)
    except Refused as refusal:
        mark.code = refusal.code.value
        mark.field = refusal.field
        return False
    if order is None:
        _mark(step, mark, told)
        return False
    end(state, step, order, "")
    return True
