"""Driving a recording through the engine itself: each rule on a few events, then the recorded hour."""

from collections.abc import Sequence

import pytest

from exchange.clients.judge import LEVELS
from exchange.clients.lobster import (
    BookRow,
    LobsterError,
    Message,
    Quote,
    companions,
    read_levels,
    read_messages,
    read_quotes,
)
from exchange.clients.stage import DriveError
from exchange.commands.types import CreateAsset, CreateMarket, Deposit, OpenAccount, Place
from exchange.engine import Machine
from exchange.events.codec import decode
from exchange.events.types import Trade
from tests.unit.clients.recordings import RECORDED_HOUR, MachineStream, drive, message

OPENING = BookRow([(10200, 50), (10300, 60)], [(10000, 70), (9900, 80)], 50)
"""The book after event 1 of the recordings below."""

NEW = message(1, 1, 7, 20, 10000, "buy")


def book(machine: Machine, market: str = "AAPL-USD") -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    found = machine.state.markets[market]
    return tuple([(t, side.levels[t].lots) for t in side.prices()] for side in (found.asks, found.bids))  # type: ignore[return-value]


def after(*messages: Message) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    stream = MachineStream()
    _, judge, _ = drive(stream, [NEW, *messages], [OPENING])
    assert judge.mismatches == []
    return book(stream.machine)


def test_the_opening_book_is_there_before_the_first_event_and_the_recorded_one_after_it() -> None:
    assert after() == ([(102, 50), (103, 60)], [(100, 70), (99, 80)])


def test_a_partial_cancel_keeps_the_place_and_a_delete_takes_all() -> None:
    _, bids = after(message(2, 2, 7, 5, 10000, "buy"))
    assert bids[0] == (100, 65)
    _, bids = after(message(2, 2, 7, 5, 10000, "buy"), message(3, 3, 7, 15, 10000, "buy"))
    assert bids[0] == (100, 50)


def test_an_execution_takes_from_the_named_order() -> None:
    _, bids = after(message(2, 1, 8, 30, 10100, "buy"), message(3, 4, 8, 10, 10100, "buy"))
    assert bids[:2] == [(101, 20), (100, 70)]


def test_unknown_orders_act_on_the_anonymous_order_of_their_level_or_are_skipped() -> None:
    stream = MachineStream()
    events = [
        NEW,
        message(2, 3, 900, 20, 10300, "sell"),
        message(3, 2, 901, 10, 10300, "sell"),
        message(4, 4, 902, 30, 10200, "sell"),
        message(5, 3, 903, 99, 10300, "sell"),
        message(6, 3, 904, 10, 10400, "sell"),
        message(7, 5, 0, 10, 10100, "sell"),
    ]
    driven, judge, flow = drive(stream, events, [OPENING])
    assert judge.mismatches == []
    assert book(stream.machine) == ([(102, 20)], [(100, 70), (99, 80)])
    assert (flow.counts["anonymous"], flow.counts["no_level"], flow.counts["oversize"]) == (5, 1, 1)
    assert (flow.counts["executions"], flow.counts["known_executions"]) == (1, 0)
    assert (driven.events, judge.counts["trades"]) == (7, 1)


def test_an_execution_out_of_turn_meets_the_named_order_and_leaves_the_queue_as_recorded() -> None:
    events = [
        NEW,
        message(2, 1, 11, 10, 10100, "buy"),
        message(3, 1, 12, 20, 10100, "buy"),
        message(4, 1, 13, 30, 10100, "buy"),
        message(5, 4, 12, 5, 10100, "buy"),
        message(6, 4, 12, 5, 10100, "buy"),
        message(7, 2, 12, 4, 10100, "buy"),
        message(8, 4, 11, 10, 10100, "buy"),
        message(9, 4, 12, 6, 10100, "buy"),
        message(10, 4, 13, 30, 10100, "buy"),
    ]
    stream = MachineStream()
    _, judge, flow = drive(stream, events, [OPENING])
    assert judge.mismatches == []
    assert book(stream.machine) == ([(102, 50), (103, 60)], [(100, 70), (99, 80)])
    assert (judge.counts["known"], judge.counts["at_best"], judge.counts["at_head"]) == (5, 5, 3)
    assert (flow.counts["first_executions"], flow.counts["rebuilt_queues"]) == (3, 2)


def test_each_execution_is_one_trade() -> None:
    stream = MachineStream()
    drive(stream, [NEW, message(2, 4, 7, 5, 10000, "buy")], [OPENING])
    trades = [e for entry in stream.entries for e in decode(entry.payload).events if isinstance(e, Trade)]
    assert len(trades) == 1


# --- mismatches are seen ---------------------------------------------------------------------------------------------


def mismatches(messages: Sequence[Message], levels: Sequence[BookRow], quotes: Sequence[Quote]) -> list[str]:
    _, judge, _ = drive(MachineStream(), messages, levels, quotes)
    assert judge.wrong == len(judge.mismatches)
    return [str(m) for m in judge.mismatches]


def test_another_book_than_the_recorded_one_is_named_with_both_sides() -> None:
    wrong = BookRow(OPENING.asks, [(10000, 70), (9900, 81)], 50)
    found = mismatches([NEW, message(2, 5, 0, 1, 1, "buy")], [OPENING, wrong], [])
    assert found == ["event 2: bid level 2 (price, quantity): expected [(99, 81)], got [(99, 80)]"]


def test_another_best_quote_than_the_recorded_one_is_named() -> None:
    quotes = [Quote(10200, 50, 10000, 70), Quote(10200, 50, 10000, 66)]
    found = mismatches([NEW, message(2, 2, 7, 5, 10000, "buy")], [OPENING], quotes)
    assert found == [
        "event 2: best quote 2 (ask, quantity, bid, quantity): expected (102, 50, 100, 66), got (102, 50, 100, 65)"
    ]


def test_quotes_that_never_came_are_missed() -> None:
    quotes = [Quote(10200, 50, 10000, 70), Quote(10200, 50, 10000, 65)]
    assert mismatches([NEW], [OPENING], quotes) == ["event 0: distinct best quotes: expected 2, got 1"]


def test_an_execution_that_meets_a_better_price_first_is_a_mismatch() -> None:
    found = mismatches([NEW, message(2, 1, 8, 5, 10400, "sell"), message(3, 4, 8, 5, 10400, "sell")], [OPENING], [])
    assert [line.split(":")[1] for line in found[:2]] == [
        " the best price before an execution",
        " the execution (maker, price, quantity)",
    ]


def test_a_refused_command_is_a_mismatch() -> None:
    stream = MachineStream()
    stream.append(CreateAsset("AAPL", 0))
    stream.append(CreateAsset("USD", 2))
    stream.append(CreateMarket("AAPL-USD", 50, 1, 0, 0, 0))
    _, judge, _ = drive(stream, [message(1, 1, 7, 20, 10000, "buy"), message(2, 1, 8, 20, 10500, "buy")])
    assert [str(m) for m in judge.mismatches] == ["event 2: rest l8: expected acceptance, got off_tick"]


def test_somebody_elses_order_in_the_market_is_a_mismatch() -> None:
    stream = MachineStream()
    user = 100

    def intrude(raw: bytes) -> list[Place]:
        if b'"l8"' not in raw:
            return []
        return [Place(user, "AAPL-USD", "buy", "limit", "gtc", 9000, 1, 0, "mine")]

    stream.append(CreateAsset("USD", 2))
    stream.append(OpenAccount("stranger"))
    stream.append(Deposit(user, "USD", 10**9, "stranger"))
    stream.before = intrude  # type: ignore[assignment]
    _, judge, _ = drive(stream, [NEW, message(2, 1, 8, 20, 9900, "buy")], [OPENING])
    assert "not ours" in str(judge.mismatches[0])


# --- the stage -------------------------------------------------------------------------------------------------------


def test_a_second_run_on_the_same_market_is_refused_and_another_name_is_not() -> None:
    stream = MachineStream()
    drive(stream, [NEW], [OPENING])
    with pytest.raises(DriveError, match="--market AAPL2-USD"):
        drive(stream, [NEW], [OPENING])
    _, judge, _ = drive(stream, [NEW], [OPENING], market="AAPL2-USD")
    assert judge.mismatches == []
    assert book(stream.machine) == book(stream.machine, "AAPL2-USD")


def test_a_market_that_nobody_used_is_taken_as_it_is_with_its_assets_decimals() -> None:
    stream = MachineStream()
    stream.append(CreateAsset("AAPL", 4))
    stream.append(CreateAsset("USD", 6))
    stream.append(CreateMarket("AAPL-USD", 10_000, 10_000, 0, 1000, 2000))
    quotes = [Quote(10200, 50, 10000, 70), Quote(10200, 50, 10000, 65)]
    _, judge, _ = drive(stream, [NEW, message(2, 4, 7, 5, 10000, "buy")], [OPENING._replace(bids=[(10000, 20)])])
    assert judge.mismatches == []
    stream = MachineStream()
    _, judge, _ = drive(stream, [NEW, message(2, 2, 7, 5, 10000, "buy")], [OPENING], quotes)
    assert (judge.mismatches, judge.counts["quotes"], judge.counts["books"]) == ([], 2, 1)


def test_a_quote_asset_that_cannot_tell_a_cent_is_refused() -> None:
    stream = MachineStream()
    stream.append(CreateAsset("USD", 1))
    with pytest.raises(LobsterError, match="finer"):
        drive(stream, [NEW], [OPENING])


def test_a_name_that_is_no_market_is_refused() -> None:
    with pytest.raises(DriveError, match="BASE-QUOTE"):
        drive(MachineStream(), [NEW], [OPENING], market="aapl")


def test_a_recording_that_places_an_open_order_again_is_refused() -> None:
    with pytest.raises(LobsterError, match="event 2"):
        drive(MachineStream(), [NEW, NEW._replace(number=2)], [OPENING])


# --- the recorded hour -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not RECORDED_HOUR.exists(), reason=f"the recorded hour is not at {RECORDED_HOUR}")
def test_the_recorded_hour_shows_all_that_a_correct_replay_shows() -> None:
    beside = companions(RECORDED_HOUR)
    assert beside.levels is not None
    assert beside.quotes is not None
    stream = MachineStream()
    driven, judge, flow = drive(
        stream, read_messages(RECORDED_HOUR), read_levels(beside.levels), read_quotes(beside.quotes)
    )
    assert [str(m) for m in judge.mismatches] == []
    assert driven.events == 91_997
    assert driven.head == stream.machine.head
    assert (LEVELS, judge.counts["books"], judge.counts["quotes"]) == (20, 672, 15_999)
    assert judge.counts["trades"] == flow.counts["executions"] == 4_067
    assert (judge.counts["known"], judge.counts["at_best"], judge.counts["at_head"]) == (4_055, 4_055, 4_031)
    assert flow.counts["rebuilt_queues"] == 24
    assert (flow.counts["anonymous"], flow.counts["no_level"]) == (84, 45)
