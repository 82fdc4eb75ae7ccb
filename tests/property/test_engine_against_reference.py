"""The engine gives what the reference gives, command for command, and every invariant holds after each.

    SOAK_SEQUENCES=100000 pytest -m soak tests/property

runs many more sequences (from SOAK_FIRST_SEED on) than the default run has time for.
"""

import os
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings

from exchange.terms.stream import CommandEntry
from tests.property import strategies
from tests.property.comparison import Comparison, check_restored
from tests.property.flows import flow
from tests.property.shrink import shrunk, written

SEQUENCES = 2_000
SLICES = 8
"""The default run's sequences come in slices, so that several workers can share them."""


def compare(entries: Sequence[CommandEntry], rows_too: bool, restored_at: float) -> None:
    """Every check there is; `restored_at` says after which part of the flow (0 to 1) the machine is taken down.

    Raises:
        AssertionError: one of them does not hold.
    """
    comparison = Comparison(rows_too)
    for entry in entries:
        comparison.step(entry)
    check_restored(entries, at=int(len(entries) * restored_at))


def compare_seeds(seeds: range) -> int:
    """Compare the flow of each seed; the number of commands. A failing flow is shown shrunk."""
    commands = 0
    for seed in seeds:
        entries = flow(seed)
        commands += len(entries)
        rows_too = seed % 4 == 0
        restored_at = seed % 11 / 10
        try:
            compare(entries, rows_too, restored_at)
        except Exception as difference:  # noqa: BLE001 - whatever it is, the flow that brings it about is wanted

            def fails(part: Sequence[CommandEntry], restored_at: float = restored_at) -> bool:
                try:
                    compare(part, rows_too=True, restored_at=restored_at)
                except Exception:  # noqa: BLE001 - see above
                    return True
                return False

            small = shrunk(entries, fails)
            pytest.fail(f"seed {seed}: {difference!r}\nthe shortest sequence that fails:\n{written(small)}")
    return commands


@pytest.mark.parametrize("part", range(SLICES))
def test_generated_sequences_have_the_outcome_of_the_reference(part: int) -> None:
    share = SEQUENCES // SLICES
    commands = compare_seeds(range(part * share, (part + 1) * share))
    assert commands >= 55 * share


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(strategies.flows())
def test_any_sequence_has_the_outcome_of_the_reference(entries: list[CommandEntry]) -> None:
    compare(entries, rows_too=True, restored_at=0.5)


@pytest.mark.parametrize("rules", [1, 2, 3])
def test_one_long_history_has_the_outcome_of_the_reference(rules: int) -> None:
    entries = flow(seed=20_240_229, length=600, rules=rules)
    compare(entries, rows_too=True, restored_at=0.7)


def test_shrinking_keeps_only_what_the_failure_needs() -> None:
    entries = flow(seed=3, length=60)
    needed = {entries[7].id, entries[31].id, entries[32].id}

    small = shrunk(entries, lambda part: needed <= {entry.id for entry in part})

    assert {entry.id for entry in small} == needed


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_very_many_generated_sequences_have_the_outcome_of_the_reference() -> None:
    first = int(os.environ.get("SOAK_FIRST_SEED", "1000000"))
    count = int(os.environ.get("SOAK_SEQUENCES", "100000"))
    assert compare_seeds(range(first, first + count)) > 10 * count
