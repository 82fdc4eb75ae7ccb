"""Names of streams, outboxes under slow clients, depth put together, and candles at the ends of their time."""

import asyncio
from typing import Any, cast

import orjson
import pytest

from exchange.api.v3.streams.feeds import Depth
from exchange.api.v3.streams.klines import GRACE_MS, Klines
from exchange.api.v3.streams.listener import Listener
from exchange.api.v3.streams.names import parse
from exchange.api.websocket import frames, outbox
from exchange.api.websocket.outbox import Outbox
from exchange.projections.live.candle import Candle
from exchange.projections.live.records import LiveMarket
from exchange.projections.live.trade import TapeTrade
from exchange.projections.live.view import LiveView
from exchange.terms.words import BUY, SELL

MARKET = "TATA-INR"
DAY_MS = 86_400_000


class Wire:
    """A transport that holds what is written, and tells of too much as real ones do."""

    def __init__(self, box: Outbox, room: int = 1 << 30) -> None:
        self.box = box
        self.room = room
        self.writes: list[bytes] = []
        box.opened(cast(asyncio.WriteTransport, self))

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == outbox.HIGH_WATER

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self.room -= len(data)
        if self.room < 0:
            self.box.hold(True)

    def read(self, room: int = 1 << 30) -> None:
        """The client reads everything, and will hold so much."""
        self.room = room
        self.box.hold(False)

    @property
    def messages(self) -> list[Any]:
        data, found, place = b"".join(self.writes), [], 0
        while place < len(data):
            length, place = data[place + 1], place + 2
            if length == 126:
                length, place = int.from_bytes(data[place : place + 2], "big"), place + 2
            found.append(orjson.loads(data[place : place + length]))
            place += length
        return found


@pytest.mark.parametrize(
    "name",
    ["TATAINR@trade", "tatainr", "tatainr@", "@trade", "tatainr@depth6", "tatainr@depth@10ms", "tatainr@kline_2m",
     "tatainr@kline_1m@+09:00", "tatainr@ticker_2h", "!ticker_2h@arr", "!ticker", "tatainr@trade@100ms", "1"],
)  # fmt: skip
def test_what_is_no_stream_is_not_taken_for_one(name: str) -> None:
    assert parse(name) is None


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_a_frame_says_its_length(length: int) -> None:
    frame = frames.text(b"x" * length)
    head = {0: 2, 125: 2, 126: 4, 65_535: 4, 65_536: 10}[length]
    assert (frame[0], len(frame)) == (0x81, head + length)
    told = frame[1] if head == 2 else int.from_bytes(frame[2:head], "big")
    assert told == length


async def test_what_a_turn_of_the_loop_brings_goes_out_with_one_write() -> None:
    box = Outbox()
    box.put(b'"early"')
    wire = Wire(box)
    for number in range(3):
        box.put(b"%d" % number)
    assert wire.messages == ["early"]
    await asyncio.sleep(0)
    assert wire.messages == ["early", 0, 1, 2]
    assert len(wire.writes) == 2


async def test_a_client_that_does_not_read_waits_alone_gets_the_latest_and_is_let_go_in_the_end() -> None:
    box = Outbox()
    wire = Wire(box, room=3)
    ended: list[str] = []
    box.ended = lambda: ended.append("closed")
    box.put(b'"fills it"')
    await asyncio.sleep(0)
    assert box.held
    for number in range(100):
        box.put_latest("ticker", frames.text(b"%d" % number))
    box.put(b'"trade"')
    box.put_latest("kline", frames.text(b'"open"'))
    box.put_last("kline", frames.text(b'"closed"'))
    assert box.waiting == 3
    wire.read()
    assert wire.messages == ["fills it", "trade", "closed", 99]
    box.hold(True)
    for _ in range(outbox.MAX_QUEUE + 1):
        box.put(b"1")
    assert ended == ["closed"]
    assert box.closing == (1013, "too slow: messages were waiting beyond the limit")
    box.put(b"1")
    assert box.waiting == 0


async def test_many_bytes_that_wait_are_too_many_too_and_are_sent_in_pieces_when_read() -> None:
    box = Outbox()
    wire = Wire(box, room=1)
    box.put(b'"%b"' % (b"x" * 100))
    await asyncio.sleep(0)
    for _ in range(100):
        box.put(b'"%b"' % (b"x" * 1000))
    wire.read(room=5_000)
    assert box.held, "it takes no more than the transport holds"
    assert 0 < box.waiting < 100
    wire.read()
    assert (box.waiting, len(wire.messages)) == (0, 101)
    box.hold(True)
    while box.closing is None:
        box.put(b"x" * 100_000)
        assert box.waiting * 100_000 <= outbox.MAX_QUEUED_BYTES


def view_of(market: LiveMarket) -> LiveView:
    view = LiveView()
    view.markets[MARKET] = market
    return view


def market() -> LiveMarket:
    return LiveMarket(MARKET, 4, 2, 5, 10_000, 100, 1000, 2345)


async def test_depth_is_put_together_for_who_does_not_read_and_goes_on_without_a_gap() -> None:
    of = market()
    view = view_of(of)
    stream = parse("tatainr@depth@100ms")
    assert stream is not None
    feed = Depth(stream, "TATAINR", MARKET)
    quick, slow = (Listener(Outbox(), combined=False, unit=1) for _ in range(2))
    wires = [Wire(listener.outbox) for listener in (quick, slow)]
    feed.listeners |= {quick, slow}

    def changes(count: int) -> None:
        for _ in range(count):
            of.seq += 1
            feed.entry([], (of.seq, {(BUY, 100 * of.seq), (SELL, 50_000)}))

    for number in range(12):
        slow.outbox.hold(3 <= number < 7 or number == 9)
        changes(number % 3)
        feed.due(view, 1000 * number)
        await asyncio.sleep(0)
    for wire in wires:
        last = 0
        for message in wire.messages:
            assert message["U"] == last + 1
            last = message["u"]
            assert len(message["b"]) == message["u"] - message["U"] + 1
        assert last == of.seq
    assert len(wires[1].messages) < len(wires[0].messages)
    assert slow.behind == {}


async def base_of(part: Candle | None, seam_ms: int) -> tuple[Candle | None, int]:
    return part, seam_ms


def trade(ms: int, id: int, price: int = 10_000) -> TapeTrade:
    return TapeTrade(id, MARKET, id, price, 20_000, 2 * price, BUY, ms, taker_order=1)


async def test_a_candle_is_told_once_as_closed_also_without_trades_and_late_trades_still_count() -> None:
    view = view_of(market())
    stream = parse("tatainr@kline_1m")
    assert stream is not None
    begin = 1_700_000_000_000 // 60_000 * 60_000
    feed = Klines(stream, "TATAINR", MARKET, lambda *_: base_of(None, 0), view, begin)
    listener = Listener(Outbox(), combined=False, unit=1)
    wire = Wire(listener.outbox)
    feed.listeners.add(listener)
    tape = view.tape.market(MARKET)

    def happens(traded: TapeTrade) -> None:
        tape.add(traded)
        feed.entry([traded], None)

    happens(trade(begin + 1000, 1))
    feed.due(view, begin + 1100)
    feed.due(view, begin + 1200)
    happens(trade(begin + 59_999, 2, 12_000))  # read after the minute is over
    feed.due(view, begin + 60_000 + GRACE_MS)
    feed.due(view, begin + 180_000 + GRACE_MS)
    await asyncio.sleep(0)
    klines = [message["k"] for message in wire.messages]
    assert [kline["t"] - begin for kline in klines if kline["x"]] == [0, 60_000, 120_000]
    first, flat, _ = [kline for kline in klines if kline["x"]]
    assert (first["n"], first["c"], first["f"], first["L"]) == (2, "120.00", 1, 2)
    assert (flat["n"], flat["o"], flat["c"], flat["v"], flat["f"]) == (0, "120.00", "120.00", "0.0000", -1)
    assert [kline["n"] for kline in klines if not kline["x"]] == [1, 0, 0]


async def test_a_candle_longer_than_the_tape_waits_for_the_database_and_goes_on_from_there() -> None:
    view = view_of(market())
    stream = parse("tatainr@kline_1w")
    assert stream is not None
    monday = (1_700_000_000_000 // (7 * DAY_MS)) * 7 * DAY_MS + 4 * DAY_MS
    now = monday + 3 * DAY_MS
    seam = now - 3_600_000
    older = Candle(monday, 8_000, 20_000, 8_000, 9_000, 50_000, 500, 7, 1, 7, 0, 0)
    feed = Klines(stream, "TATAINR", MARKET, lambda *_: base_of(older, seam), view, now)
    listener = Listener(Outbox(), combined=False, unit=1)
    wire = Wire(listener.outbox)
    feed.listeners.add(listener)
    tape = view.tape.market(MARKET)
    for traded in (trade(seam - 120_000, 7), trade(seam + 60_000, 8)):
        tape.add(traded)
        feed.entry([traded], None)
    feed.due(view, now)
    assert not feed.whole
    assert feed.asks(now)
    await feed.ask(view, now)
    assert not feed.asks(now + 60_000)
    feed.due(view, now + 1)
    await asyncio.sleep(0)
    (kline,) = [message["k"] for message in wire.messages]
    assert (kline["t"], kline["n"], kline["o"], kline["h"], kline["c"]) == (monday, 8, "80.00", "200.00", "100.00")
