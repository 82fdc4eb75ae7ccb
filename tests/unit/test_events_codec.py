"""Events are written and read back the same, their bytes are fixed, and the chain covers every one of them."""

from hashlib import sha256

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.engine import Machine
from exchange.events.codec import UnreadableEvent, chain, decode, encode
from exchange.events.types import (
    EVENT_NAMES,
    Accepted,
    AccountOpened,
    Amended,
    AssetCreated,
    Canceled,
    Deposited,
    Done,
    Duplicate,
    Event,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketStatusSet,
    Outcome,
    Posting,
    Rejected,
    Rested,
    Trade,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.terms.amounts import MAX_AMOUNT
from exchange.terms.stream import GENESIS_CHAIN
from tests.property.flows import LOG_ID, flow

WRITTEN: dict[str, Event] = {
    '{"type":"rejected","code":"off_tick","field":"price"}': Rejected("off_tick", "price"),
    '{"type":"duplicate","first":"17-3"}': Duplicate("17-3"),
    f'{{"type":"log_opened","log_id":"{LOG_ID}","rules":1,"dedup_window_ms":60000}}': LogOpened(LOG_ID, 1, 60_000),
    '{"type":"asset_created","asset":"BTC","decimals":8}': AssetCreated("BTC", 8),
    '{"type":"market_created","market":"A-B","tick_size":"1","lot_size":"2","min_notional":"3","maker_fee":4,'
    '"taker_fee":5}': MarketCreated("A-B", 1, 2, 3, 4, 5),
    '{"type":"market_status_set","market":"A-B","status":"halted"}': MarketStatusSet("A-B", "halted"),
    '{"type":"market_fees_set","market":"A-B","maker_fee":4,"taker_fee":5}': MarketFeesSet("A-B", 4, 5),
    '{"type":"account_opened","account":100,"ref":"r"}': AccountOpened(100, "r"),
    '{"type":"deposited","account":100,"asset":"BTC","amount":"7","ref":"r"}': Deposited(100, "BTC", 7, "r"),
    '{"type":"withdrawal_reserved","withdrawal":1,"account":100,"asset":"BTC","amount":"7","ref":"r"}': (
        WithdrawalReserved(1, 100, "BTC", 7, "r")
    ),
    '{"type":"withdrawal_settled","withdrawal":1,"account":100,"asset":"BTC","amount":"7"}': (
        WithdrawalSettled(1, 100, "BTC", 7)
    ),
    '{"type":"withdrawal_released","withdrawal":1,"account":100,"asset":"BTC","amount":"7"}': (
        WithdrawalReleased(1, 100, "BTC", 7)
    ),
    '{"type":"accepted","order":1,"account":100,"market":"A-B","side":"buy","order_type":"limit","tif":"gtc",'
    '"price":"5","quantity":"6","quote_amount":"0","maker_fee":7,"taker_fee":8,"client_id":"c"}': (
        Accepted(1, 100, "A-B", "buy", "limit", "gtc", 5, 6, 0, 7, 8, "c")
    ),
    '{"type":"trade","trade":1,"market":"A-B","seq":2,"price":"3","quantity":"4","notional":"12","taker_side":"sell",'
    '"maker_order":5,"taker_order":6,"maker":100,"taker":101,"maker_fee":"7","taker_fee":"8","maker_left":"9"}': (
        Trade(1, "A-B", 2, 3, 4, 12, "sell", 5, 6, 100, 101, 7, 8, 9)
    ),
    '{"type":"rested","order":1,"account":100,"market":"A-B","seq":2,"side":"buy","price":"3","quantity":"4"}': (
        Rested(1, 100, "A-B", 2, "buy", 3, 4)
    ),
    '{"type":"done","order":1,"account":100,"market":"A-B","end":"expired","left":"4"}': (
        Done(1, 100, "A-B", "expired", 4)
    ),
    '{"type":"canceled","order":1,"account":100,"market":"A-B","seq":2,"side":"sell","price":"3","quantity":"4"}': (
        Canceled(1, 100, "A-B", 2, "sell", 3, 4)
    ),
    '{"type":"amended","order":1,"account":100,"market":"A-B","seq":2,"side":"buy","price":"3","quantity":"4",'
    '"by":"5"}': Amended(1, 100, "A-B", 2, "buy", 3, 4, 5),
}
"""Each event with the bytes it has had since the first log was written: they may not change."""


@pytest.mark.parametrize("written", WRITTEN, ids=lambda written: orjson.loads(written)["type"])
def test_the_bytes_of_each_event_are_fixed_and_read_back(written: str) -> None:
    event = WRITTEN[written]
    payload = encode(Outcome([event], []))
    assert payload == f'{{"v":1,"events":[{written}],"postings":[]}}'.encode()

    read = decode(payload)

    assert [type(found) for found in read.events] == [type(event)]
    assert encode(read) == payload
    assert orjson.dumps(orjson.loads(payload)) == payload  # it is what a serialiser would have written


def test_every_event_has_its_bytes_written_down_under_its_name() -> None:
    assert {type(event) for event in WRITTEN.values()} == set(EVENT_NAMES)
    for written, event in WRITTEN.items():
        assert orjson.loads(written)["type"] == EVENT_NAMES[type(event)]


def test_postings_are_signed_and_of_any_size() -> None:
    postings = [Posting(100, "BTC", -5, 5), Posting(0, "INR", -(10**40), 0)]

    payload = encode(Outcome([], postings))

    assert payload == (
        b'{"v":1,"events":[],"postings":[[100,"BTC","-5","5"],[0,"INR","-10000000000000000000000000000000000000000",'
        b'"0"]]}'
    )
    assert [posting.available for posting in decode(payload).postings] == [-5, -(10**40)]


def test_what_the_engine_publishes_is_read_back_the_same() -> None:
    for seed in range(50):
        machine = Machine()
        for entry in flow(seed):
            payload = machine.step(entry).payload
            assert encode(decode(payload)) == payload
            assert orjson.dumps(orjson.loads(payload)) == payload


def test_amounts_beyond_a_machine_word_are_exact() -> None:
    read = decode(encode(Outcome([Deposited(100, "BTC", MAX_AMOUNT, "r")], [])))

    assert isinstance(read.events[0], Deposited)
    assert read.events[0].amount == MAX_AMOUNT


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"v":2,"events":[],"postings":[]}',
        b'{"v":1,"events":[]}',
        b'{"v":1,"postings":[]}',
        b'{"v":1,"events":[{}],"postings":[]}',
        b'{"v":1,"events":[{"type":"unheard"}],"postings":[]}',
        b'{"v":1,"events":[{"type":"deposited","account":1}],"postings":[]}',
        b'{"v":1,"events":[{"type":"rejected","code":1,"field":""}],"postings":[[1,"A","x","0"]]}',
        b'{"v":1,"events":[],"postings":[[1,"A","0"]]}',
        b'{"v":1,"events":5,"postings":[]}',
        b'{"v":1,"events":[],"postings":[]',
    ],
)
def test_a_damaged_payload_is_refused_and_raises_nothing_else(payload: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        decode(payload)


def test_the_chain_is_what_anybody_can_work_out_again() -> None:
    told = GENESIS_CHAIN + b"17-3" + b"\n" + b"1:c,2:{}," + b"\n" + b'{"v":1}'

    assert chain(GENESIS_CHAIN, (17, 3), b"1:c,2:{},", b'{"v":1}') == sha256(told).digest()


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_flipped_bit_anywhere_changes_the_chain(place: int, bit: int) -> None:
    framed, payload = b"1:c,2:{},", b'{"v":1,"events":[],"postings":[]}'
    whole = bytearray(GENESIS_CHAIN + framed + payload)
    whole[place % len(whole)] ^= 1 << bit
    flipped = bytes(whole)
    before, framed_too, rest = flipped[:32], flipped[32 : 32 + len(framed)], flipped[32 + len(framed) :]

    assert chain(before, (1, 0), framed_too, rest) != chain(GENESIS_CHAIN, (1, 0), framed, payload)
