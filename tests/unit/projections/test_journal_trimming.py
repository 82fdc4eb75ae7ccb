"""The horizon: never past what anybody needs, and as far as nobody does."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.projections.journal.trimming import Horizon, Needs, horizon
from exchange.terms.stream import START, StreamId

NEEDS = Needs(
    archived=(90, 0),
    kept=(80, 0),
    snapshots=[(70, 0), (75, 0), (60, 0)],
    groups={"timescale": (85, 3), "journal": (90, 0)},
    projections={"timescale": (85, 2)},
)


def but(**values: object) -> Horizon:
    fields = {name: getattr(NEEDS, name) for name in NEEDS.__slots__}
    return horizon(Needs(**{**fields, **values}))


def test_the_second_newest_snapshot_stays() -> None:
    assert but() == Horizon((70, 0), "the second-newest usable snapshot")


def test_each_one_s_need_is_the_horizon_when_it_is_the_lowest() -> None:
    assert but(archived=(5, 0)) == Horizon((5, 0), "the journal")
    assert but(kept=(5, 0)) == Horizon((5, 0), "EXCHANGE_STREAM_KEEP")
    assert but(groups={"mine": (5, 7)}) == Horizon((5, 7), "consumer group mine")
    assert but(projections={"old": (5, 8)}) == Horizon((5, 8), "projection old")


def test_nothing_is_trimmed_when_something_is_missing() -> None:
    for missing in (
        but(snapshots=[]),
        but(snapshots=[(70, 0)]),
        but(snapshots=[(70, 0), (70, 0)]),
        but(archived=START),
        but(kept=START),
        but(groups={"new": START}),
        but(projections={"new": START}),
    ):
        assert missing.at == START


ids = st.tuples(st.integers(0, 20), st.integers(0, 3))
positions = st.dictionaries(st.text(max_size=3), ids, max_size=4)


@given(archived=ids, kept=ids, snapshots=st.lists(ids, max_size=5), groups=positions, projections=positions)
def test_nobody_is_cut_off_and_nothing_else_is_kept(
    archived: StreamId,
    kept: StreamId,
    snapshots: list[StreamId],
    groups: dict[str, StreamId],
    projections: dict[str, StreamId],
) -> None:
    found = horizon(Needs(archived, kept, snapshots, groups, projections))
    everybody = [archived, kept, *groups.values(), *projections.values()]
    assert all(found.at <= position for position in everybody)
    at_or_above = {snapshot for snapshot in snapshots if snapshot >= found.at}
    assert found.at == START or len(at_or_above) >= 2
    allowed = [*everybody, *sorted(set(snapshots))[-2:-1]]
    assert found.at in allowed or (found.at == START and len(set(snapshots)) < 2)
