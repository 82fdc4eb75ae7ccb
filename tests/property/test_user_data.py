"""User data over generated flows: what an account is told, folded, is what the view says of it, at every step."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from exchange.api.symbols import Symbols
from exchange.api.v3.shapes.words import client_id_of, status_of
from exchange.api.v3.userdata.reports import Entry
from exchange.engine import Machine
from exchange.events import codec
from exchange.projections.live.orders import LiveOrder
from exchange.projections.live.view import LiveView
from exchange.terms.amounts import format_decimal
from exchange.terms.words import FIRST_USER
from tests.property.flows import flow

FLOWS = 240

_ON_BOOK = ("NEW", "PARTIALLY_FILLED")
_GOING_ON = (*_ON_BOOK, "PENDING_NEW")

Told = dict[str, Any]


class Listener:
    """What one account folds out of its events."""

    def __init__(self) -> None:
        self.orders: dict[int, Told] = {}
        self.balances: dict[str, tuple[str, str]] = {}
        self.lists: dict[int, str] = {}
        self.seen: set[str] = set()

    def take(self, event: Told) -> None:
        kind = event["e"]
        self.seen.add(kind)
        if kind == "executionReport":
            self._report(event)
        elif kind == "outboundAccountPosition":
            self.balances.update({row["a"]: (row["f"], row["l"]) for row in event["B"]})
        elif kind == "listStatus":
            before = self.lists.get(event["g"])
            assert before == (None if event["l"] == "EXEC_STARTED" else "EXEC_STARTED")
            self.lists[event["g"]] = event["l"]

    def _report(self, event: Told) -> None:
        self.seen |= {event["x"], event["X"], *event}
        last = self.orders.get(event["i"])
        if last is None:
            assert event["x"] == "NEW"
            assert event["X"] in ("NEW", "PENDING_NEW")
            last = {"z": "0", "Z": "0", "A": "0", "X": event["X"], "I": -1}
        assert last["X"] in _GOING_ON, "nothing happens to an order after its end"
        assert Decimal(event["z"]) == Decimal(last["z"]) + Decimal(event["l"])
        assert Decimal(event["Z"]) == Decimal(last["Z"]) + Decimal(event["Y"])
        assert Decimal(event.get("A", "0")) == Decimal(last.get("A", "0")) + Decimal(event.get("B", "0"))
        assert (event["t"] != -1) == (event["x"] == "TRADE") == (Decimal(event["l"]) > 0)
        assert ("v" in event) == (event["x"] == "TRADE_PREVENTION")
        assert event["X"] != "PARTIALLY_FILLED" or Decimal(event["z"]) < Decimal(event["q"]) or event["Q"] != "0"
        assert event["X"] != "NEW" or Decimal(event["z"]) == 0
        assert event["I"] > last["I"]
        assert not event["w"] or event["X"] in _ON_BOOK
        self.orders[event["i"]] = event


def follow(seed: int) -> tuple[LiveView, dict[int, Listener]]:
    """Everything that the accounts of a flow are told."""
    machine, view, symbols = Machine(), LiveView(), Symbols()
    listeners: dict[int, Listener] = defaultdict(Listener)
    for command in flow(seed):
        event = machine.step(command)
        outcome = codec.decode(event.payload)
        change = view.apply(event.id, outcome)
        told = Entry(view, change, outcome, event.id[0], lambda market: symbols.symbol(view.markets, market))
        for account in view.accounts:
            if account >= FIRST_USER:
                for one in told.told(account):
                    listeners[account].take(one)
                reported = {one["i"] for one in told.told(account) if one["e"] == "executionReport"}
                for order in change.orders.values():
                    if order.account == account and order.id in reported:
                        agree(view, order, listeners[account].orders[order.id])
    return view, listeners


def agree(view: LiveView, order: LiveOrder, last: Told) -> None:
    """See that an order's last report says what the view does."""
    form = view.markets[order.market].format
    assert last["X"] == status_of(order)
    assert last["z"] == form.base(order.filled)
    assert order.paid is not None
    assert last["Z"] == form.quote(order.paid)
    assert last["q"] == form.base(order.quantity or order.filled)
    assert last["p"] == form.quote(order.price)
    assert last["C" if last["x"] == "CANCELED" else "c"] == client_id_of(order)
    assert last.get("A", form.base(0)) == form.base(order.prevented)


@pytest.mark.parametrize("part", range(3))
def test_what_accounts_are_told_adds_up_to_what_the_view_says(part: int) -> None:
    seen: set[str] = set()
    for seed in range(part * FLOWS // 3, (part + 1) * FLOWS // 3):
        view, listeners = follow(seed)
        for account, listener in listeners.items():
            seen |= listener.seen
            held = view.accounts[account].balances
            shown = {asset: balance for asset, balance in held.items() if asset in listener.balances}
            assert shown.keys() >= {asset for asset, one in held.items() if one.available or one.locked}
            for asset, balance in shown.items():
                decimals = view.assets[asset]
                amounts = (format_decimal(balance.available, decimals), format_decimal(balance.locked, decimals))
                assert listener.balances[asset] == amounts
            going_on = {id for id, last in listener.orders.items() if last["X"] in _GOING_ON}

            assert going_on == set(view.accounts[account].open)
            assert {id for id, told in listener.lists.items() if told == "EXEC_STARTED"} == set(
                view.accounts[account].lists
            )
    assert seen >= {"NEW", "TRADE", "CANCELED", "EXPIRED", "REPLACED", "TRADE_PREVENTION", "EXPIRED_IN_MATCH", "FILLED"}
    assert seen >= {
        "PENDING_NEW",
        "eR",
        "d",
        "executionReport",
        "listStatus",
        "balanceUpdate",
        "outboundAccountPosition",
    }
