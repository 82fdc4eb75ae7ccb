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
    AccountStatusSet,
    Activated,
    AllCanceled,
    Amended,
    AssetCreated,
    AuctionTrade,
    Canceled,
    Deposited,
    Done,
    Duplicate,
    Event,
    FeeTiersSet,
    Item,
    ListDone,
    ListOpened,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketLimitsSet,
    MarketStatusSet,
    Outcome,
    Posting,
    Prevented,
    Recorded,
    Rejected,
    Replenished,
    Rested,
    RulesSet,
    StpSet,
    SwitchFired,
    SwitchSet,
    Trade,
    TradeGroupSet,
    Transferred,
    Uncrossed,
    Waiting,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.terms.amounts import MAX_AMOUNT
from exchange.terms.instructions import PLAIN, Instructions
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
    f'{{"type":"log_opened","log_id":"{LOG_ID}","rules":2,"dedup_window_ms":60000,"dedup_names":9}}': (
        LogOpened(LOG_ID, 2, 60_000, 9)
    ),
    '{"type":"rules_set","rules":2,"dedup_names":9}': RulesSet(2, 9),
    '{"type":"market_fees_set","market":"A-B","maker_fee":-4,"taker_fee":5,"tiered":true}': (
        MarketFeesSet("A-B", -4, 5, True)
    ),
    '{"type":"fee_tiers_set","asset":"Q","tiers":[["0",1,2],["500",-1,1]]}': (
        FeeTiersSet("Q", [(0, 1, 2), (500, -1, 1)])
    ),
    '{"type":"market_limits_set","market":"A-B","reference":"1","bid_up":2,"bid_down":3,"ask_up":4,"ask_down":5,'
    '"slippage_bps":6,"max_orders":7,"max_conditional":8,"max_parts":9,"max_position":"10","max_fills":11}': (
        MarketLimitsSet("A-B", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    ),
    '{"type":"account_status_set","account":100,"status":"frozen"}': AccountStatusSet(100, "frozen"),
    '{"type":"stp_set","account":100,"stp":"decrement"}': StpSet(100, "decrement"),
    '{"type":"trade_group_set","account":100,"group":7}': TradeGroupSet(100, 7),
    '{"type":"switch_set","account":100,"at_ms":1700}': SwitchSet(100, 1700),
    '{"type":"switch_fired","account":100}': SwitchFired(100),
    '{"type":"accepted","order":1,"account":100,"market":"A-B","side":"buy","order_type":"limit","tif":"gtd",'
    '"price":"5","quantity":"6","quote_amount":"0","maker_fee":-7,"taker_fee":8,"client_id":"","expires_ms":1700,'
    '"post_only":"reprice","display":"2","stp":"decrement"}': (
        Accepted(
            1,
            100,
            "A-B",
            "buy",
            "limit",
            "gtd",
            5,
            6,
            0,
            -7,
            8,
            "",
            Instructions(expires_ms=1700, post_only="reprice", display=2, stp="decrement"),
        )
    ),
    '{"type":"accepted","order":1,"account":100,"market":"A-B","side":"buy","order_type":"stop_loss","tif":"ioc",'
    '"price":"0","quantity":"6","quote_amount":"0","maker_fee":7,"taker_fee":8,"client_id":"","stop_price":"9",'
    '"trailing_bps":50,"slippage_bps":20,"order_list":3}': (
        Accepted(
            1,
            100,
            "A-B",
            "buy",
            "stop_loss",
            "ioc",
            0,
            6,
            0,
            7,
            8,
            "",
            Instructions(stop_price=9, trailing_bps=50, slippage_bps=20),
            3,
        )
    ),
    '{"type":"accepted","order":1,"account":100,"market":"A-B","side":"buy","order_type":"take_profit","tif":"ioc",'
    '"price":"0","quantity":"6","quote_amount":"0","maker_fee":7,"taker_fee":8,"client_id":"",'
    '"trailing_amount":"4"}': (
        Accepted(1, 100, "A-B", "buy", "take_profit", "ioc", 0, 6, 0, 7, 8, "", Instructions(trailing_amount=4))
    ),
    '{"type":"accepted","order":1,"account":100,"market":"A-B","side":"buy","order_type":"limit","tif":"gtc",'
    '"price":"5","quantity":"6","quote_amount":"0","maker_fee":7,"taker_fee":8,"client_id":"c","order_list":3}': (
        Accepted(1, 100, "A-B", "buy", "limit", "gtc", 5, 6, 0, 7, 8, "c", PLAIN, 3)
    ),
    '{"type":"waiting","order":1,"account":100,"market":"A-B","on":"price"}': Waiting(1, 100, "A-B", "price"),
    '{"type":"activated","order":1,"account":100,"market":"A-B","by":"list"}': Activated(1, 100, "A-B", "list"),
    '{"type":"trade","trade":1,"market":"A-B","seq":2,"price":"3","quantity":"4","notional":"12","taker_side":"sell",'
    '"maker_order":5,"taker_order":6,"maker":100,"taker":101,"maker_fee":"0","taker_fee":"8","maker_left":"9",'
    '"rebate":"3"}': Trade(1, "A-B", 2, 3, 4, 12, "sell", 5, 6, 100, 101, 0, 8, 9, 3),
    '{"type":"auction_trade","trade":1,"market":"A-B","seq":2,"price":"3","quantity":"4","notional":"12",'
    '"taker_side":"buy","buy_order":5,"sell_order":6,"buyer":100,"seller":101,"buy_price":"7","sell_price":"2",'
    '"buy_shown":"4","sell_shown":"1","buy_fee":"8","sell_fee":"9","rebate":"0","buy_left":"10","sell_left":"11"}': (
        AuctionTrade(1, "A-B", 2, 3, 4, 12, "buy", 5, 6, 100, 101, 7, 2, 4, 1, 8, 9, 0, 10, 11)
    ),
    '{"type":"prevented","prevented":1,"market":"A-B","seq":2,"price":"3","stp":"expire_both","taker_side":"sell",'
    '"maker_order":5,"taker_order":6,"maker":100,"taker":101,"maker_quantity":"7","taker_quantity":"8","shown":"4",'
    '"maker_left":"0"}': Prevented(1, "A-B", 2, 3, "expire_both", "sell", 5, 6, 100, 101, 7, 8, 4, 0),
    '{"type":"uncrossed","market":"A-B","price":"3","quantity":"4"}': Uncrossed("A-B", 3, 4),
    '{"type":"rested","order":1,"account":100,"market":"A-B","seq":2,"side":"buy","price":"3","quantity":"4",'
    '"hidden":"9"}': Rested(1, 100, "A-B", 2, "buy", 3, 4, 9),
    '{"type":"replenished","order":1,"account":100,"market":"A-B","seq":2,"side":"buy","price":"3","quantity":"4",'
    '"hidden":"0"}': Replenished(1, 100, "A-B", 2, "buy", 3, 4, 0),
    '{"type":"done","order":1,"account":100,"market":"A-B","end":"expired_in_match","left":"0","reason":"fok"}': (
        Done(1, 100, "A-B", "expired_in_match", 0, "fok")
    ),
    '{"type":"canceled","order":1,"account":100,"market":"A-B","seq":2,"side":"sell","price":"3","quantity":"4",'
    '"hidden":"9","reason":"switch"}': Canceled(1, 100, "A-B", 2, "sell", 3, 4, 9, "switch"),
    '{"type":"amended","order":1,"account":100,"market":"A-B","seq":0,"side":"buy","price":"3","quantity":"4",'
    '"by":"0","hidden":"5"}': Amended(1, 100, "A-B", 0, "buy", 3, 4, 0, 5),
    '{"type":"list_opened","order_list":3,"account":100,"market":"A-B","kind":"oco","client_id":"l","orders":[1,2]}': (
        ListOpened(3, 100, "A-B", "oco", "l", [1, 2])
    ),
    '{"type":"list_done","order_list":3,"account":100,"market":"A-B"}': ListDone(3, 100, "A-B"),
    '{"type":"all_canceled","account":100,"count":5,"more":true}': AllCanceled(100, 5, True),
    '{"type":"all_canceled","account":100,"count":0,"more":false}': AllCanceled(100, 0, False),
    '{"type":"transferred","account":100,"to":101,"asset":"BTC","amount":"7","ref":"t"}': (
        Transferred(100, 101, "BTC", 7, "t")
    ),
    '{"type":"recorded","act":"role.granted","subject":"k/1","by":"operator"}': (
        Recorded("operator", "role.granted", "k/1")
    ),
    '{"type":"rules_set","rules":4,"dedup_names":9,"by":"operator"}': RulesSet(4, 9, "operator"),
    '{"type":"asset_created","asset":"BTC","decimals":8,"by":"operator"}': AssetCreated("BTC", 8, "operator"),
    '{"type":"market_created","market":"A-B","tick_size":"1","lot_size":"2","min_notional":"0","maker_fee":3,'
    '"taker_fee":4,"by":"operator"}': MarketCreated("A-B", 1, 2, 0, 3, 4, "operator"),
    '{"type":"market_status_set","market":"A-B","status":"halted","by":"operator"}': (
        MarketStatusSet("A-B", "halted", "operator")
    ),
    '{"type":"market_fees_set","market":"A-B","maker_fee":1,"taker_fee":2,"by":"operator"}': (
        MarketFeesSet("A-B", 1, 2, False, "operator")
    ),
    '{"type":"fee_tiers_set","asset":"B","tiers":[],"by":"operator"}': FeeTiersSet("B", [], "operator"),
    '{"type":"market_limits_set","market":"A-B","reference":"1","bid_up":2,"bid_down":3,"ask_up":4,"ask_down":5,'
    '"slippage_bps":6,"max_orders":7,"max_conditional":8,"max_parts":9,"max_position":"10","max_fills":11,'
    '"by":"operator"}': MarketLimitsSet("A-B", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, "operator"),
    '{"type":"account_status_set","account":100,"status":"frozen","by":"operator"}': (
        AccountStatusSet(100, "frozen", "operator")
    ),
    '{"type":"trade_group_set","account":100,"group":7,"by":"operator"}': TradeGroupSet(100, 7, "operator"),
    '{"type":"deposited","account":100,"asset":"BTC","amount":"7","ref":"r","by":"operator"}': (
        Deposited(100, "BTC", 7, "r", "operator")
    ),
    '{"type":"withdrawal_settled","withdrawal":4,"account":100,"asset":"BTC","amount":"7","by":"operator"}': (
        WithdrawalSettled(4, 100, "BTC", 7, "operator")
    ),
    '{"type":"withdrawal_released","withdrawal":4,"account":100,"asset":"BTC","amount":"7","by":"operator"}': (
        WithdrawalReleased(4, 100, "BTC", 7, "operator")
    ),
    '{"type":"uncrossed","market":"A-B","price":"5","quantity":"7","by":"operator"}': (
        Uncrossed("A-B", 5, 7, "operator")
    ),
    '{"type":"item","index":0}': Item(0),
    '{"type":"item","index":1,"code":"off_tick","field":"price"}': Item(1, "off_tick", "price"),
    '{"type":"item","index":2,"first":"17-3"}': Item(2, first="17-3"),
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


def test_plain_orders_share_their_instructions() -> None:
    for written, event in WRITTEN.items():
        if isinstance(event, Accepted):
            read = decode(f'{{"v":1,"events":[{written}],"postings":[]}}'.encode()).events[0]
            assert isinstance(read, Accepted)
            assert (read.instructions is PLAIN) == (event.instructions is PLAIN)
            assert read.instructions.named() == event.instructions.named()


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
        b'{"v":1,"events":[{"type":"fee_tiers_set","asset":"Q","tiers":[["0",1]]}],"postings":[]}',
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
