"""CSV that every reader reads back, and no spreadsheet runs."""

import csv
import io

import pytest

from exchange.api.v1.csv_text import Cell, moment, table, text


def read(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode(), newline="")))


def test_what_is_written_is_read_back() -> None:
    rows: list[list[Cell]] = [[1, "plain", None], [True, 'a "quoted", text', "two\r\nlines"], ["-1.50", "", False]]
    raw = table(("a", "b", "c"), rows)
    assert read(raw) == [
        ["a", "b", "c"],
        ["1", "plain", ""],
        ["true", 'a "quoted", text', "two\r\nlines"],
        ["-1.50", "", "false"],
    ]
    assert raw.startswith(b"a,b,c\r\n1,plain,\r\n")
    assert raw.endswith(b"\r\n")
    assert table(("a",), []) == b"a\r\n"


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_a_spreadsheet_would_run_is_marked_as_text(begins: str) -> None:
    assert text(f"{begins}1+2") == f"'{begins}1+2"
    (row,) = read(table(("a",), [[text(f"{begins}HYPERLINK(1)")]]))[1:]
    assert row[0].startswith("'")


def test_other_texts_stay_as_they_are() -> None:
    assert [text(one) for one in ("my-1", "a=b", None, "")] == ["my-1", "a=b", "", ""]


def test_times_are_in_utc_to_the_millisecond() -> None:
    assert moment(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
    assert moment(None) == ""
