"""The judges can fail: each lie, put into an honest log or an honest diary, is seen and counted as what it is."""

import copy
from collections.abc import Callable, Iterable
from decimal import Decimal

import pytest

from exchange.commands.codec import encode
from exchange.commands.types import (
    Amend,
    Cancel,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Place,
    PlaceList,
    SetMarketStatus,
    Withdraw,
)
from exchange.engine import Machine
from exchange.terms.instructions import Instructions
from exchange.terms.stream import CommandEntry, EventEntry, format_id
from tests.chaos import audit
from tests.chaos.audit import Story
from tests.chaos.faults import schedule
from tests.chaos.judge import Verdict, balance
from tests.chaos.readers import Book, Heard, Reader, holes
from tests.chaos.record import read
from tests.chaos.told import Answer, Asked, Json, Kind

SELLER, BUYER = 100, 101
MARKET = "AA-QQ"
START = frozenset(["seed-a", "seed-q"])


class Desk:
    """An honest exchange: a machine, the log it makes, and a diary of what its clients were told."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.story = Story([], [])
        self.diary: list[Asked] = []
        for command in (
            OpenLog("0" * 32, 2, 3_600_000),
            CreateAsset("AA", 1),
            CreateAsset("QQ", 2),
            CreateMarket(MARKET, 10, 1, 0, 0, 0),
            OpenAccount("seller"),
            OpenAccount("buyer"),
            Deposit(SELLER, "AA", 10**6, "seed-a"),
            Deposit(BUYER, "QQ", 10**6, "seed-q"),
        ):
            self.happen(command)

    def happen(self, command: Command) -> str:
        """A command and its entry; gives their position."""
        id = (1, len(self.story.commands) + 1)
        entry = CommandEntry(id, [b"c", encode(command)])
        self.story.commands.append(entry)
        self.story.entries.append(self.machine.step(entry))
        return format_id(id)

    def tell(self, kind: Kind, account: int, name: str, position: str, body: Json, status: int = 201) -> Asked:
        """A wish and its one answer."""
        asked = Asked(kind, account, name, "POST", "/", None, [Answer(status, body, position)])
        self.diary.append(asked)
        return asked

    def find(self, kind: Kind, name: str) -> Asked:
        (found,) = [asked for asked in self.diary if (asked.kind, asked.name) == (kind, name)]
        return found

    def forget(self, position: str) -> None:
        """Take a command and its entry out of the log, as if it had never been."""
        self.story.commands = [entry for entry in self.story.commands if format_id(entry.id) != position]
        self.story.entries = [entry for entry in self.story.entries if format_id(entry.id) != position]

    def rewrite(self, position: str, old: bytes, new: bytes) -> None:
        """Change an entry's payload."""
        for place, entry in enumerate(self.story.entries):
            if format_id(entry.id) == position:
                assert old in entry.payload
                self.story.entries[place] = EventEntry(entry.id, entry.payload.replace(old, new), entry.chain)

    def verdict(self) -> Verdict:
        return balance(self.diary, read(self.story.commands, self.story.entries), START)


def order(number: int, kind: str, status: str, fills: Iterable[tuple[int, str, str]] = ()) -> Json:
    """An order as the gateway tells it."""
    told = [{"trade": trade, "price": price, "quantity": quantity} for trade, price, quantity in fills]
    filled = str(sum(Decimal(fill["quantity"]) for fill in told if isinstance(fill["quantity"], str)))
    shape = {"id": number, "market": MARKET, "kind": kind, "type": "limit", "status": status}
    return {**shape, "filled": filled, "fills": told}


@pytest.fixture
def desk() -> Desk:
    """One of everything: a maker, a taker, a refusal, a cancel, an amendment, a list, and money both ways."""
    made = Desk()
    place = made.happen(Place(SELLER, MARKET, "sell", "limit", "gtc", 50, 20, 0, "maker"))
    made.tell("place", SELLER, "maker", place, order(1, "sell", "open"))
    amend = made.happen(Amend(SELLER, 1, 15))
    made.tell("amend", SELLER, "1:15", amend, {"quantity": "1.5", "reduced_by": "0.5"}, 200)
    taken = made.happen(Place(BUYER, MARKET, "buy", "limit", "ioc", 50, 5, 0, "taker"))
    made.tell("place", BUYER, "taker", taken, order(2, "buy", "filled", [(1, "0.50", "0.5")]))
    refused = made.happen(Place(BUYER, MARKET, "buy", "limit", "gtc", 10**9, 10**6, 0, "rich"))
    made.tell("place", BUYER, "rich", refused, {"error": {"code": "insufficient_funds"}}, 422)
    gone = made.happen(Cancel(SELLER, 1, ""))
    made.tell("cancel", SELLER, "1", gone, {"canceled": "1.0"}, 200)
    legs = [
        Place(SELLER, MARKET, "sell", "limit", "gtc", 90, 5, 0, "", Instructions(post_only="refuse")),
        Place(SELLER, MARKET, "sell", "stop_loss", "ioc", 0, 5, 0, "", Instructions(stop_price=20)),
    ]
    listed = made.happen(PlaceList(SELLER, MARKET, "oco", "pair", legs))
    told = [order(3, "sell", "open"), {**order(4, "sell", "waiting"), "type": "stop_loss"}]
    made.tell("list", SELLER, "pair", listed, {"id": 1, "orders": [3, 4], "legs": told})
    paid = made.happen(Deposit(BUYER, "QQ", 700, "in"))
    made.tell("deposit", BUYER, "in", paid, {"id": paid, "amount": "7.00", "account": BUYER})
    left = made.happen(Withdraw(BUYER, "QQ", 300, "out"))
    made.tell("withdraw", BUYER, "out", left, {"id": 1, "amount": "3.00", "account": BUYER})
    again = made.happen(Place(BUYER, MARKET, "buy", "limit", "ioc", 50, 5, 0, "taker"))
    made.find("place", "taker").answers.append(
        Answer(201, copy.deepcopy(made.find("place", "taker").answers[0].body), again)
    )
    return made


def test_an_honest_diary_of_an_honest_log_balances(desk: Desk) -> None:
    verdict = desk.verdict()
    assert list(verdict.findings()) == []
    assert verdict.clean
    assert (verdict.commands, verdict.acked) == (len(desk.story.entries), 7)
    machine, different = audit.recompute(desk.story)
    assert different == []
    assert list(audit.check_state(machine, read(desk.story.commands, desk.story.entries))) == []


@pytest.mark.parametrize("name", ["maker", "taker", "pair", "in", "out"])
def test_what_was_acknowledged_and_is_not_in_the_log_is_lost(desk: Desk, name: str) -> None:
    (asked,) = [asked for asked in desk.diary if asked.name == name]
    desk.forget(asked.answers[0].position)
    assert len(desk.verdict().lost) == 1


def test_a_cancel_an_amendment_and_a_refusal_can_be_lost_too(desk: Desk) -> None:
    for kind, name in (("cancel", "1"), ("amend", "1:15"), ("place", "rich")):
        (asked,) = [asked for asked in desk.diary if (asked.kind, asked.name) == (kind, name)]
        desk.forget(asked.answers[0].position)
    assert len(desk.verdict().lost) == 3


@pytest.mark.parametrize("repeat", [1, 2])
def test_two_effects_of_one_name_are_doubled(desk: Desk, repeat: int) -> None:
    """An engine that forgot the name: the same wish under another number."""
    for number in range(repeat):
        position = desk.happen(Place(SELLER, MARKET, "sell", "limit", "gtc", 900, 20, 0, f"other-{number}"))
        desk.rewrite(position, b"other-%d" % number, b"maker")
        command = desk.story.commands[-1]
        command.fields[1] = command.fields[1].replace(b"other-%d" % number, b"maker")
    assert len(desk.verdict().doubled) == 1


def test_two_deposits_under_one_reference_are_doubled(desk: Desk) -> None:
    position = desk.happen(Deposit(BUYER, "QQ", 700, "in-2"))
    desk.rewrite(position, b'"ref":"in-2"', b'"ref":"in"')
    desk.story.commands[-1].fields[1] = desk.story.commands[-1].fields[1].replace(b'"in-2"', b'"in"')
    assert len(desk.verdict().doubled) == 1


LIES: dict[str, Callable[[Desk], object]] = {
    "another number": lambda desk: desk.find("place", "maker").answers[0].body.update(id=9),
    "another side": lambda desk: desk.find("place", "maker").answers[0].body.update(kind="buy"),
    "another status": lambda desk: desk.find("place", "maker").answers[0].body.update(status="filled"),
    "more filled": lambda desk: desk.find("place", "taker").answers[0].body.update(filled="0.6"),
    "another fill's price": lambda desk: desk.find("place", "taker").answers[0].body["fills"][0].update(price="0.40"),
    "a fill left out": lambda desk: desk.find("place", "taker").answers[0].body["fills"].clear(),
    "more cancelled": lambda desk: desk.find("cancel", "1").answers[0].body.update(canceled="1.1"),
    "less reduced": lambda desk: desk.find("amend", "1:15").answers[0].body.update(reduced_by="0.4"),
    "another list": lambda desk: desk.find("list", "pair").answers[0].body.update(orders=[3, 5]),
    "another leg": lambda desk: desk.find("list", "pair").answers[0].body["legs"][1].update(status="open"),
    "more money": lambda desk: desk.find("deposit", "in").answers[0].body.update(amount="7.01"),
    "another withdrawal": lambda desk: desk.find("withdraw", "out").answers[0].body.update(id=2),
    "nothing that can be read": lambda desk: desk.find("withdraw", "out").answers[0].body.clear(),
    "another refusal": lambda desk: desk.find("place", "rich").answers[0].body["error"].update(code="off_tick"),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_says_something_else_than_the_log_has_diverged(desk: Desk, lie: str) -> None:
    LIES[lie](desk)
    verdict = desk.verdict()
    assert verdict.diverged
    assert not verdict.lost + verdict.doubled


def test_answers_that_contradict_each_other_or_the_log_have_diverged(desk: Desk) -> None:
    desk.find("place", "maker").answers.append(Answer(422, {"error": {"code": "off_lot"}}, "1-9"))
    desk.find("place", "rich").answers.append(Answer(500, {"error": {"code": "internal"}}, ""))
    desk.find("withdraw", "out").answers.append(Answer(409, {"error": {"code": "result_gone"}}, ""))
    desk.find("deposit", "in").answers[0] = desk.find("deposit", "in").answers[0]._replace(position="1-1")
    found = desk.verdict().diverged
    assert any("was refused, and took effect" in text for text in found)
    assert any("500 internal" in text for text in found)
    assert any("409 result_gone" in text for text in found)
    assert any("before it took effect" in text for text in found)


def test_an_order_that_is_said_not_to_be_open_has_ended(desk: Desk) -> None:
    desk.tell("cancel", SELLER, "3", "", {"error": {"code": "unknown_order"}}, 404)
    assert len(desk.verdict().diverged) == 1


def test_what_nobody_asked_for_has_diverged(desk: Desk) -> None:
    desk.happen(Deposit(BUYER, "QQ", 1, "gift"))
    assert desk.verdict().diverged == ["('deposit', 101, 'gift') is in the log, and nobody asked for it"]


def test_a_log_that_contradicts_itself_has_diverged(desk: Desk) -> None:
    last = desk.find("place", "taker").answers[-1].position
    del desk.story.commands[[format_id(entry.id) for entry in desk.story.commands].index(last)]
    assert any("has no command" in text for text in desk.verdict().diverged)
    desk.rewrite(desk.find("deposit", "in").answers[0].position, b'"QQ","700"', b'"QQ","900"')
    assert any("out of nothing" in text for text in desk.verdict().diverged)


def test_what_has_no_outcome_is_stuck_and_neither_lost_nor_found(desk: Desk) -> None:
    desk.find("deposit", "in").answers[:] = [Answer(504, {"error": {"code": "unknown_outcome"}}, "")]
    verdict = desk.verdict()
    assert len(verdict.stuck) == 1
    assert not verdict.clean
    assert not verdict.lost + verdict.doubled + verdict.diverged


def test_a_changed_byte_and_another_source_are_seen(desk: Desk) -> None:
    honest = Story(list(desk.story.commands), list(desk.story.entries))
    assert list(audit.check_same("the same", Story(honest.commands[3:], honest.entries[3:]), honest)) == []
    desk.rewrite(desk.find("deposit", "in").answers[0].position, b"700", b"701")
    assert len(audit.recompute(desk.story)[1]) == 1
    assert list(audit.check_same("changed", desk.story, honest)) == ["changed has other entries than the log"]
    short = Story(honest.commands[:-1], honest.entries[:-1])
    assert any("ends at" in text for text in audit.check_same("short", short, honest))


def test_balances_that_are_not_the_sum_of_the_postings_are_seen(desk: Desk) -> None:
    record = read(desk.story.commands, desk.story.entries)
    record.postings[BUYER, "QQ"][0] += 1
    assert len(list(audit.check_state(desk.machine, record))) == 1
    desk.machine.state.accounts[BUYER].balances["QQ"].available += 1
    assert any("not sound" in text for text in audit.check_state(desk.machine, record))


def test_a_market_that_somebody_halted_is_seen(desk: Desk) -> None:
    desk.happen(SetMarketStatus(MARKET, "halted"))
    found = list(audit.check_state(desk.machine, read(desk.story.commands, desk.story.entries)))
    assert found == [f"market {MARKET} is halted"]


def test_a_book_that_is_not_the_engines_and_a_missing_step_are_seen(desk: Desk) -> None:
    record = read(desk.story.commands, desk.story.entries)
    reader = Reader("", [MARKET], 1)
    book = reader.books[MARKET]
    book.seq = desk.machine.state.markets[MARKET].seq
    book.sides = audit.engine_book(desk.machine, MARKET)
    assert list(audit.check_feeds([reader], desk.machine, record)) == []
    book.sides["asks"][Decimal("0.9")] += 1
    reader.heard.gaps.append("a gap")
    assert len(list(audit.check_feeds([reader], desk.machine, record))) == 2


def test_a_book_takes_only_what_goes_on_from_where_it_stands() -> None:
    book = Book()
    assert book.take({"type": "snapshot", "data": {"seq": 5, "bids": [["1.0", "2"]], "asks": []}})
    assert book.take({"type": "update", "data": {"first_seq": 6, "last_seq": 8, "bids": [["1.00", "0"]], "asks": []}})
    assert book.sides == {"bids": {}, "asks": {}}
    assert not book.take({"type": "update", "data": {"first_seq": 10, "last_seq": 10, "bids": [], "asks": []}})


@pytest.mark.parametrize("stretch,wrong", [([2, 3], 0), ([3, 5], 0), ([1, 3], 1), ([2, 2], 1), ([5, 7], 1), ([4], 1)])
def test_a_stretch_of_trades_has_no_hole(stretch: list[int], wrong: int) -> None:
    heard = Heard(stretches=[(MARKET, stretch), (MARKET, [])])
    assert len(holes(heard, {MARKET: [1, 2, 3, 5]})) == wrong


def test_the_same_seed_gives_the_same_faults() -> None:
    def first(seed: int) -> list[object]:
        faults = schedule(seed, 0.5, long_pauses=True)
        return [next(faults) for _ in range(200)]

    assert first(1) == first(1)
    assert first(1) != first(2)
