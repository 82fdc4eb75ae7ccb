"""What the caller of a command is told is about that command only, whatever else its entry tells of."""

import pytest

from exchange.api.commanding import Answer
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.parts import WHOLE, parts, refusal_of, same_part
from exchange.api.v1 import order_replies, replies
from exchange.commands.types import (
    Amend,
    Batch,
    Cancel,
    CancelAll,
    CancelList,
    CancelReplace,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    Limits,
    OpenAccount,
    OpenLog,
    Place,
    PlaceList,
    SetMarketLimits,
    SetMarketStatus,
    SetStp,
    SetSwitch,
    Tick,
    Uncross,
)
from exchange.events.types import Accepted, Canceled, Duplicate, Outcome, Trade
from exchange.projections.live.shapes import Json
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import OrderType, Side, TimeInForce
from tests.unit.live.pipeline import Pipeline
from tests.unit.live.traffic import Traffic, world

MARKET = "TATA-INR"
USER, OTHER = 100, 101


def opened() -> Pipeline:
    """A market with ticks of 5 and lots of 10,000 (whole shares), and two people with money."""
    pipeline = Pipeline()
    commands: list[Command] = [OpenLog("ab" * 16, 2, 3_600_000, 1_000)]
    commands += [CreateAsset("TATA", 4), CreateAsset("INR", 2), CreateMarket(MARKET, 5, 10_000, 1, 0, 0)]
    for number, ref in enumerate(("user", "other")):
        commands.append(OpenAccount(ref))
        commands += [Deposit(USER + number, asset, 10**10, ref + asset) for asset in ("TATA", "INR")]
    for command in commands:
        pipeline.do(command)
    return pipeline


def limit(
    side: Side, price: int, shares: int, said: Instructions = PLAIN, *, account: int = USER, client_id: str = ""
) -> Place:
    tif: TimeInForce = "gtd" if said.expires_ms else "gtc"
    return Place(account, MARKET, side, "limit", tif, price, 10_000 * shares, 0, client_id, said)


def trigger(order_type: OrderType, side: Side, stop: int, shares: int, said: Instructions | None = None) -> Place:
    return Place(
        USER, MARKET, side, order_type, "ioc", 0, 10_000 * shares, 0, "", said or Instructions(stop_price=stop)
    )


def ask(pipeline: Pipeline, command: Command) -> Answer:
    pipeline.do(command)
    return Answer(*pipeline.outcomes[-1])


def place(pipeline: Pipeline, command: Place) -> Json:
    return order_replies.placed(pipeline.view, ask(pipeline, command))


def until(pipeline: Pipeline, after_ms: int = 10) -> Instructions:
    return Instructions(expires_ms=pipeline.ms + after_ms)


def test_a_placed_order_is_the_callers_though_others_ended_before() -> None:
    pipeline = opened()
    due = [place(pipeline, limit("buy", price, 1, until(pipeline)))["id"] for price in (100, 105)]
    pipeline.ms += 10

    answer = ask(pipeline, limit("buy", 110, 3, client_id="mine"))

    assert [event.order for event in answer.outcome.events if isinstance(event, Canceled)] == due
    told = order_replies.placed(pipeline.view, answer)
    assert (told["client_order_id"], told["price"], told["status"], told["fills"]) == ("mine", "1.10", "open", [])


def test_a_refusal_or_repetition_after_what_was_due_is_found() -> None:
    pipeline = opened()
    first = ask(pipeline, limit("buy", 110, 3, client_id="mine"))
    place(pipeline, limit("buy", 100, 1, until(pipeline)))
    pipeline.ms += 10
    refused = ask(pipeline, limit("buy", 111, 3)).outcome
    assert isinstance(refused.events[0], Canceled)
    assert refusal_of(refused) == ("off_tick", "price")

    place(pipeline, limit("buy", 100, 1, until(pipeline)))
    pipeline.ms += 10
    repeated = ask(pipeline, limit("buy", 110, 3, client_id="mine")).outcome
    assert isinstance(repeated.events[0], Canceled)
    assert [event.first for event in repeated.events if isinstance(event, Duplicate)] == [
        f"{first.id[0]}-{first.id[1]}"
    ]


def test_trades_of_an_own_order_that_was_set_off_are_not_the_placed_ones() -> None:
    pipeline = opened()
    place(pipeline, trigger("stop_loss", "sell", 95, 2))  # triggered by the trade below
    place(pipeline, limit("buy", 95, 1, account=OTHER))
    place(pipeline, limit("buy", 90, 5, account=OTHER))

    told = place(pipeline, limit("sell", 95, 4))

    fills = told["fills"]
    assert isinstance(fills, list)
    assert ([fill["order"] for fill in fills], told["filled"], told["status"]) == ([told["id"]], "1", "open")


def test_a_rest_that_an_activation_takes_is_a_fill_of_the_maker() -> None:
    pipeline = opened()
    place(pipeline, limit("sell", 100, 1, account=OTHER))
    place(pipeline, trigger("take_profit", "sell", 100, 2))

    told = place(pipeline, limit("buy", 100, 4, account=OTHER))

    fills = told["fills"]
    assert isinstance(fills, list)
    assert [(fill["liquidity"], fill["quantity"]) for fill in fills] == [("taker", "1"), ("maker", "2")]
    assert (told["filled"], told["status"]) == ("3", "open")


def test_the_cancelled_order_is_the_named_one() -> None:
    pipeline = opened()
    due = place(pipeline, limit("buy", 100, 1, until(pipeline)))
    waits = place(pipeline, trigger("stop_loss", "sell", 50, 1, Instructions(stop_price=50)))
    stays = place(pipeline, limit("buy", 105, 2, client_id="stays"))
    pipeline.ms += 10

    told = order_replies.canceled(pipeline.view, ask(pipeline, Cancel(USER, 0, "stays")).outcome)
    assert (told["id"], told["price"], told["canceled"], told["status"]) == (stays["id"], "1.05", "2", "canceled")
    id = waits["id"]
    assert isinstance(id, int)
    told = order_replies.canceled(pipeline.view, ask(pipeline, Cancel(USER, id, "")).outcome)
    assert (told["id"], told["kind"], told["price"], told["status"]) == (id, "sell", None, "canceled")
    assert due["id"] != stays["id"]


def pair(name: str = "", said: Instructions | None = None) -> PlaceList:
    legs = [
        limit("sell", 200, 4, said or Instructions(post_only="refuse")),
        trigger("stop_loss", "sell", 50, 4),
    ]
    return PlaceList(USER, MARKET, "oco", name, legs)


def test_a_reduction_of_one_of_a_pair_is_told_of_the_named_one() -> None:
    pipeline = opened()
    made = order_replies.list_placed(pipeline.view, ask(pipeline, pair()))
    orders = made["orders"]
    assert isinstance(orders, list)
    for id, price, status in ((orders[1], None, "waiting"), (orders[0], "2.00", "open")):
        quantity = 30_000 if status == "waiting" else 20_000
        outcome = ask(pipeline, Amend(USER, id, quantity)).outcome
        told = order_replies.amended(pipeline.view, outcome, id)
        assert (told["id"], told["price"], told["status"], told["reduced_by"]) == (id, price, status, "1")
        assert told["quantity"] == str(quantity // 10_000)


def test_a_pending_order_that_is_reduced_is_pending() -> None:
    pipeline = opened()
    oto = PlaceList(USER, MARKET, "oto", "", [limit("buy", 100, 4), limit("sell", 110, 4)])
    made = order_replies.list_placed(pipeline.view, ask(pipeline, oto))
    orders = made["orders"]
    assert isinstance(orders, list)
    told = order_replies.amended(pipeline.view, ask(pipeline, Amend(USER, orders[1], 10_000)).outcome, orders[1])
    assert (told["status"], told["reduced_by"], told["price"]) == ("pending", "3", "1.10")


def test_a_cancelled_list_is_the_named_one_though_another_ended_before() -> None:
    pipeline = opened()
    soon = Instructions(post_only="refuse", expires_ms=pipeline.ms + 10)
    other = order_replies.list_placed(pipeline.view, ask(pipeline, pair(said=soon)))
    made = order_replies.list_placed(pipeline.view, ask(pipeline, pair("named")))
    pipeline.ms += 10

    told = order_replies.list_canceled(pipeline.view, ask(pipeline, CancelList(USER, 0, "named")).outcome)

    assert told["id"] == made["id"] != other["id"]
    ended = told["orders"]
    assert isinstance(ended, list)
    assert [(row["id"], row["canceled"]) for row in ended] == [(id, "4") for id in made["orders"]]  # type: ignore[attr-defined]


def test_a_switch_that_fires_does_not_hide_a_cancelling_of_all() -> None:
    pipeline = opened()
    place(pipeline, limit("buy", 100, 1))
    pipeline.do(SetSwitch(USER, 10))
    place(pipeline, limit("buy", 100, 1, account=OTHER))
    pipeline.ms += 10

    assert order_replies.all_canceled(ask(pipeline, CancelAll(OTHER, "")).outcome) == (1, False)


def test_an_auction_in_several_steps_is_told_as_unfinished() -> None:
    pipeline = opened()
    pipeline.do(SetMarketStatus(MARKET, "auction"))
    for _ in range(3):
        place(pipeline, limit("buy", 105, 1))
        place(pipeline, limit("sell", 95, 1, account=OTHER))
    pipeline.do(SetMarketLimits(MARKET, Limits(max_fills=2)))

    outcome = ask(pipeline, Uncross(MARKET, "open")).outcome
    assert replies.uncrossed(pipeline.view, outcome, MARKET) == {
        "market": MARKET,
        "price": None,
        "quantity": None,
        "status": "auction",
    }
    # The next command's entry begins with the end of it; that command's own answer is its own.
    outcome = ask(pipeline, SetMarketStatus(MARKET, "cancel_only")).outcome
    assert replies.status_set(outcome) == {"market": MARKET, "status": "cancel_only"}


def test_where_the_same_was_asked_before() -> None:
    one, two = limit("buy", 100, 1, client_id="a"), limit("buy", 100, 1, client_id="b")
    assert same_part(one, one) == WHOLE
    assert same_part(one, two) is None
    assert same_part(Batch(USER, [Cancel(USER, 1, ""), two, one]), one) == 2
    assert same_part(CancelReplace(Cancel(USER, 1, ""), one, True), one) == 1
    assert same_part(one, CancelReplace(Cancel(USER, 1, ""), one, True)) is None
    assert same_part(PlaceList(USER, MARKET, "oto", "l", [one, two]), one) is None
    assert same_part(SetStp(USER, "none"), one) is None


@pytest.mark.parametrize("seed", range(8))
def test_every_answer_in_a_busy_log_is_about_its_command(seed: int) -> None:
    pipeline = Pipeline()
    for command in world():
        pipeline.do(command)
    traffic = Traffic(seed)
    told: dict[type[Command], int] = {}
    for _ in range(1_500):
        pipeline.ms += traffic.step_ms()
        command = traffic.next(pipeline.machine.state, pipeline.ms)
        answer = ask(pipeline, command)
        if refusal_of(answer.outcome) is None and not any(isinstance(e, Duplicate) for e in answer.outcome.events):
            _check(pipeline, command, answer)
            told[type(command)] = told.get(type(command), 0) + 1
    assert set(told) >= {Place, PlaceList, Cancel, CancelReplace, CancelAll, CancelList, Batch, Amend, Tick}


def _check(pipeline: Pipeline, command: Command, answer: Answer) -> None:
    view, outcome = pipeline.view, answer.outcome
    if isinstance(command, Place):
        _check_order(pipeline, command, outcome, order_replies.placed(view, answer))
    elif isinstance(command, PlaceList):
        listed = order_replies.list_placed(view, answer)
        legs = listed["legs"]
        assert isinstance(legs, list)
        for leg, shown in zip(command.legs, legs, strict=True):
            _check_order(pipeline, leg, outcome, shown)
    elif isinstance(command, Cancel):
        assert order_replies.canceled(view, outcome)["id"] == command.order
    elif isinstance(command, Amend):
        assert order_replies.amended(view, outcome, command.order)["id"] == command.order
    elif isinstance(command, CancelList):
        assert order_replies.list_canceled(view, outcome)["id"] == command.order_list
    elif isinstance(command, CancelAll):
        assert order_replies.all_canceled(outcome)[0] >= 0
    elif isinstance(command, CancelReplace):
        _check_replaced(pipeline, command, answer)
    elif isinstance(command, Batch):
        for part in parts(outcome).values():
            if part.first:
                answer.firsts[part.index] = ApiError(GatewayCode.RESULT_GONE)
        for result, item, part in zip(
            order_replies.batch(view, answer, command), command.items, parts(outcome).values(), strict=True
        ):
            if part.code or part.first:
                assert set(result) == {"error"}
            else:
                _check_item(pipeline, item, outcome, result)


def _check_replaced(pipeline: Pipeline, command: CancelReplace, answer: Answer) -> None:
    try:
        told = order_replies.replaced(pipeline.view, answer, command)
    except ApiError:
        assert not any(isinstance(event, Accepted) for event in answer.outcome.events)
        return
    canceled, placed = told["canceled"], told["placed"]
    assert isinstance(canceled, dict) and isinstance(placed, dict)
    if "error" not in canceled:
        assert canceled["id"] == command.cancel.order
    if "error" not in placed:
        _check_order(pipeline, command.place, answer.outcome, placed)


def _check_item(pipeline: Pipeline, item: Command, outcome: Outcome, result: Json) -> None:
    if isinstance(item, Place):
        _check_order(pipeline, item, outcome, result)
    else:
        assert isinstance(item, (Cancel, Amend))
        assert result["id"] == item.order


def _check_order(pipeline: Pipeline, command: Place, outcome: Outcome, told: Json) -> None:
    """The order has what was asked for, its own fills, and the state that the view has of it."""
    assert (told["type"], told["kind"], told["client_order_id"]) == (
        command.order_type,
        command.side,
        command.client_id or None,
    )
    id = told["id"]
    assert isinstance(id, int)
    order = pipeline.view.order(command.account, id)
    assert order is not None
    assert (told["status"], told["reason"]) == (order.status, order.reason or None)
    fills = told["fills"]
    assert isinstance(fills, list)
    traded = [e for e in outcome.events if isinstance(e, Trade) and id in (e.maker_order, e.taker_order)]
    assert [fill["trade"] for fill in fills] == [event.trade for event in traded]
    assert {fill["order"] for fill in fills} <= {id}
