"""Stream ids: written as Redis writes them, read strictly, stepped back by one."""

import pytest

from exchange.terms.stream import StreamId, format_id, parse_id, previous


@pytest.mark.parametrize("id", [(0, 0), (1, 0), (1795435261873, 7), (2**64 - 1, 2**64 - 1)])
def test_an_id_reads_back_as_it_was_written(id: StreamId) -> None:
    assert parse_id(format_id(id)) == id


def test_an_id_without_a_sequence_is_the_first_of_its_millisecond() -> None:
    assert parse_id("5") == (5, 0)


@pytest.mark.parametrize(
    "text", ["", "-", "-1", "a", "1-b", "1--1", "1.0", " 1", "１", "1-2-3", f"{2**64}", f"1-{2**64}"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="stream id"):
        parse_id(text)


@pytest.mark.parametrize("id, below", [((5, 3), (5, 2)), ((5, 1), (5, 0)), ((5, 0), (4, 2**64 - 1)), ((0, 1), (0, 0))])
def test_the_previous_id_is_the_largest_one_below(id: StreamId, below: StreamId) -> None:
    assert previous(id) == below
