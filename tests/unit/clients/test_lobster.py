"""Reading recordings: the messages, what stands beside them, and the lines that are none."""

from pathlib import Path

import pytest

from exchange.clients.lobster import (
    BookRow,
    LobsterError,
    Quote,
    companions,
    opening_levels,
    read_levels,
    read_messages,
    read_quotes,
)
from tests.unit.clients.recordings import message, write_recording

NEW_18 = "34200.004241176,1,16113575,18,5853300,1"


def test_a_message_keeps_its_nanoseconds_and_prices_as_integers(tmp_path: Path) -> None:
    path = write_recording(tmp_path, [NEW_18, "34200.1,4,9,5,5859400,-1"], [], [])
    first, second = read_messages(path)
    assert first == (1, 34_200_004_241_176, 1, 16113575, 18, 5853300, True)
    assert (second.number, second.time_ns, second.buy) == (2, 34_200_100_000_000, False)


def test_a_limit_reads_only_the_first_events(tmp_path: Path) -> None:
    path = write_recording(tmp_path, [NEW_18] * 5, [], [])
    assert [m.number for m in read_messages(path, 3)] == [1, 2, 3]


@pytest.mark.parametrize(
    "line",
    ["", "a,b", "34200.0,1,2,3,4", "34200.0,1,2,3,4,0", "34200.0,8,2,3,4,1", "34200.0,1,2,x,4,1", "1,1,1,1,1,1,1"],
)
def test_a_line_that_is_no_event_is_named(tmp_path: Path, line: str) -> None:
    path = write_recording(tmp_path, [NEW_18, line], [], [])
    with pytest.raises(LobsterError, match="line 2"):
        read_messages(path)


def test_a_file_that_is_no_gzip_or_is_cut_says_so(tmp_path: Path) -> None:
    whole = write_recording(tmp_path, [NEW_18] * 100, [], []).read_bytes()
    for content in (b"34200.0,1,2,3,4,1\n", whole[:-10], whole[:40] + b"\xff\xff" + whole[42:]):
        path = tmp_path / "cut_messages.csv.gz"
        path.write_bytes(content)
        with pytest.raises(LobsterError, match="cut_messages"):
            read_messages(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LobsterError, match="no events"):
        read_messages(write_recording(tmp_path, [], [], []))


def test_levels_leave_out_the_places_that_no_level_fills(tmp_path: Path) -> None:
    write_recording(tmp_path, [NEW_18], ["101,5,100,7,9999999999,0,99,8"], [])
    found = companions(tmp_path / "toy_messages.csv.gz").levels
    assert found is not None
    assert read_levels(found) == [BookRow([(101, 5)], [(100, 7), (99, 8)], 2)]


def test_companions_are_found_by_name_beside_the_messages(tmp_path: Path) -> None:
    path = write_recording(tmp_path, [NEW_18], ["101,5,100,7"], ["101,5,100,7"])
    found = companions(path)
    assert found.levels == tmp_path / "toy_levels_first.csv"
    assert found.quotes == tmp_path / "toy_best_quotes.csv"
    assert read_quotes(tmp_path / "toy_best_quotes.csv") == [Quote(101, 5, 100, 7)]


def test_without_companions_none_are_told(tmp_path: Path) -> None:
    assert companions(write_recording(tmp_path, [NEW_18], [], [])) == (None, None)
    assert companions(tmp_path / "flow.csv") == (None, None)


@pytest.mark.parametrize("line", ["101,5,100", "101,5,100,x", "101,5,100,7,1,1,1,1"])
def test_a_quote_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "quotes.csv"
    path.write_text(f"101,5,100,7\n{line}\n")
    with pytest.raises(LobsterError, match="line 2"):
        read_quotes(path)


def test_the_opening_book_is_the_first_row_without_the_first_event() -> None:
    row = BookRow([(101, 5)], [(100, 18), (99, 8)], 2)
    assert opening_levels(message(1, 1, 1, 18, 100, "buy"), row) == [(True, 99, 8), (False, 101, 5)]
    assert opening_levels(message(1, 1, 1, 10, 100, "buy"), row)[0] == (True, 100, 8)
    assert opening_levels(message(1, 3, 1, 4, 102, "sell"), row)[2:] == [(False, 101, 5), (False, 102, 4)]
    assert opening_levels(message(1, 5, 0, 4, 102, "sell"), row) == [(True, 100, 18), (True, 99, 8), (False, 101, 5)]
