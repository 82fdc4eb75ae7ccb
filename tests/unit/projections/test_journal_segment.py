"""A segment gives back what was put in, whatever the entries hold, and no byte of it can be changed unseen."""

import random
import zlib
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.commands.codec import frame
from exchange.events.codec import chain
from exchange.projections.journal import segment
from exchange.projections.journal.segment import BrokenChain, Gathering, SegmentDamaged, read
from exchange.projections.journal.stores import Stored, opened
from exchange.terms.stream import START, CommandEntry, EventEntry, format_id, genesis_head
from tests.integration.trading import POISON
from tests.property.flows import LOG_ID
from tests.unit.projections.segments import a_log, content, content_of, cut, linked, sealed

PAIRS = a_log(1, 60)
HEADER, DATA = sealed(PAIRS)


def reseal(data: bytes) -> bytes:
    """With a trailer that holds, as whoever wants to hide a change would make it."""
    return data[:-32] + sha256(data[:-32]).digest()


def repack(data: bytes, change: bytes, by: bytes) -> bytes:
    """The same segment with other entries, its header and trailer made to fit."""
    header = segment.read_header("it", data)
    start = data.index(b"\n") + 1
    raw = zlib.decompress(data[start:-32])
    assert raw.count(change) == 1
    body = zlib.compress(raw.replace(change, by))
    told = segment.Header(
        header.log_id,
        header.number,
        header.before,
        header.first,
        header.last,
        header.entries,
        len(raw) - len(change) + len(by),
        len(body),
    )
    return reseal(told.line() + b"\n" + body + bytes(32))


def test_a_segment_gives_back_the_log() -> None:
    found = read("it", DATA)
    assert content(found.commands, found.events) == content_of(PAIRS)
    assert found.ids == [command.id for command, _ in PAIRS]
    assert found.header == HEADER
    assert (HEADER.log_id, HEADER.number, HEADER.entries, HEADER.total) == (LOG_ID, 0, len(PAIRS), len(PAIRS))
    assert (HEADER.before, HEADER.first, HEADER.last.id) == (genesis_head(), PAIRS[0][0].id, PAIRS[-1][0].id)


def test_segments_go_on_from_one_another_and_carry_the_log_s_identity() -> None:
    parts = [read(str(number), data) for number, (_, data) in enumerate(cut(PAIRS, 7))]
    assert [entry for part in parts for entry in content(part.commands, part.events)] == content_of(PAIRS)
    for before, after in pairwise(parts):
        assert (after.header.before, after.header.number) == (before.header.last, before.header.total)
        assert after.header.log_id in {LOG_ID, ""}
    assert parts[-1].header.log_id == LOG_ID


def test_what_is_no_command_is_kept_as_it_came() -> None:
    pairs = linked([((5, number), fields, b"refused") for number, fields in enumerate(POISON)])
    found = read("it", sealed(pairs)[1])
    assert [command.fields for command in found.commands] == POISON


IDS = st.lists(st.tuples(st.integers(1, 2**64 - 1), st.integers(0, 2**64 - 1)), min_size=1, max_size=12, unique=True)


@settings(max_examples=150, deadline=None)
@given(ids=IDS, seed=st.integers(0, 2**32))
def test_any_bytes_at_any_ids_come_back(ids: list[tuple[int, int]], seed: int) -> None:
    dice = random.Random(seed)
    parts = [
        (
            id,
            [dice.randbytes(dice.randrange(40)) for _ in range(dice.randint(1, 6))],
            dice.randbytes(dice.randrange(60)),
        )
        for id in sorted(ids)
    ]
    pairs = linked(parts)
    found = read("it", sealed(pairs)[1])
    assert content(found.commands, found.events) == content_of(pairs)


def test_every_flipped_bit_is_found_and_the_segment_named() -> None:
    small = sealed(PAIRS[:4])[1]
    for place in range(len(small)):
        for bit in (1 << place % 8, 0xFF):
            flipped = bytearray(small)
            flipped[place] ^= bit
            with pytest.raises(SegmentDamaged, match="segment this is damaged") as found:
                read("this", bytes(flipped))
            assert found.value.segment == "this"


def test_every_cut_and_every_addition_is_found() -> None:
    small = sealed(PAIRS[:4])[1]
    for length in range(len(small)):
        with pytest.raises(SegmentDamaged):
            read("this", small[:length])
    with pytest.raises(SegmentDamaged):
        read("this", small + b"\0")


def test_a_change_under_a_checksum_made_anew_is_found_and_the_entry_named() -> None:
    named = 0
    for command, entry in PAIRS[1:30]:
        raw = command.fields[-1]
        if sum(other.fields[-1].count(raw) for other, _ in PAIRS) != 1 or not raw:
            continue
        with pytest.raises(SegmentDamaged, match=f"entry {format_id(entry.id)} does not follow") as found:
            read("this", repack(DATA, raw, raw[:-1] + bytes([raw[-1] ^ 1])))
        assert found.value.id == entry.id
        named += 1
    assert named >= 10


def test_headers_that_lie_are_found() -> None:
    header, body = DATA.split(b"\n", 1)
    lies = [
        (b'"entries":', b'"entries":1'),
        (b'"number":0', b'"number":3'),
        (b'"before":"0-0"', b'"before":"1-0"'),
        (header[header.index(b'"chain":"') : header.index(b'"chain":"') + 12], b'"chain":"000'),
        (b'"first":"', b'"first":"1'),
        (b'"raw":', b'"raw":9'),
        (b'"packed":', b'"packed":9'),
        (b'"segment":1', b'"segment":2'),
        (b'"segment":1', b'"segment": 1'),
    ]
    for true, false in lies:
        assert true in header
        with pytest.raises(SegmentDamaged):
            read("this", reseal(header.replace(true, false, 1) + b"\n" + body))


def test_a_bomb_is_not_unpacked() -> None:
    pairs = linked([((1, 0), [b"c", b"\0" * 50_000_000], b"")])
    header, data = sealed(pairs)
    small = segment.Header("", 0, header.before, header.first, header.last, 1, 1000, header.packed)
    with pytest.raises(SegmentDamaged, match="do not unpack to 1000 bytes"):
        read("this", reseal(small.line() + data[data.index(b"\n") :]))


def test_entries_that_do_not_follow_are_not_taken() -> None:
    (first, one), (second, two), (_, three) = PAIRS[:3]
    gathering = Gathering(genesis_head(), 0, "")
    gathering.add(first, one)
    wrong = [
        (second, three, "command is missing"),
        (first, one, "stands after"),
        (second, EventEntry(two.id, two.payload, bytes(32)), "chain hash"),
        (second, EventEntry(two.id, two.payload + b" ", two.chain), "chain hash"),
        (CommandEntry(second.id, [b"c", b"other"]), two, "chain hash"),
        (second, EventEntry(two.id, two.payload, b""), "chain hash"),
    ]
    for command, entry, why in wrong:
        with pytest.raises(BrokenChain, match=why) as refused:
            gathering.add(command, entry)
        assert refused.value.id == entry.id
    gathering.add(second, two)
    assert gathering.entries == 2


def test_an_empty_segment_is_not_made() -> None:
    with pytest.raises(ValueError, match="at least one entry"):
        Gathering(genesis_head(), 0, "").close()


def test_a_segment_in_the_wrong_place_is_found() -> None:
    (_, one), (two_header, two), (three_header, three) = cut(PAIRS[:30], 10)
    first = segment.read_header("one", one).last.id
    assert opened(Stored("two", two_header.last.id, first, two)).header == two_header
    with pytest.raises(SegmentDamaged, match="stands where one that ends at"):
        opened(Stored("two", three_header.last.id, first, two))
    with pytest.raises(SegmentDamaged, match="the segment before it ends at"):
        opened(Stored("three", three_header.last.id, first, three))
    with pytest.raises(SegmentDamaged, match="the segment before it is not there"):
        opened(Stored("two", two_header.last.id, START, two))


def test_what_only_looks_like_an_opening_gives_no_identity() -> None:
    payloads = [b'{"type":"log_opened"', b'{"v":1,"events":[],"postings":[],"x":{"type":"log_opened"}}']
    pairs = linked([((1, number), [b"c", b""], payload) for number, payload in enumerate(payloads)])
    assert sealed(pairs)[0].log_id == ""
    assert all(
        entry.chain == chain(before, entry.id, frame(command.fields), entry.payload)
        for before, (command, entry) in zip([bytes(32), pairs[0][1].chain], pairs, strict=True)
    )
