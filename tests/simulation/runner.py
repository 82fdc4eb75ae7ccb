"""Many runs, one verdict.

Runs are told apart by their seeds alone, so they can be shared out among worker processes in slices and the verdict is
the same. Each worker counts, and keeps the first failures word for word.
"""

import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import count, islice

import structlog

from tests.simulation import bugs
from tests.simulation.world import Plan, Result, World

SLICE = 50
_KEPT = 5


@dataclass(slots=True)
class Verdict:
    """What many runs came to. `failures` counts them; `examples` are the first, in order of their seeds."""

    runs: int = 0
    crashes: int = 0
    failures: int = 0
    commands: int = 0
    answers: int = 0
    lost: int = 0
    steps: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    examples: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count a run."""
        self.runs += 1
        self.crashes += result.crashes
        self.commands += result.commands
        self.answers += result.answers
        self.lost += result.lost
        self.steps += result.steps
        self.seen.update(result.seen)
        if result.failure:
            self.failures += 1
            self.examples = [*self.examples, result][:_KEPT]

    def merge(self, other: "Verdict") -> None:
        """Count what another has counted of later seeds."""
        self.runs += other.runs
        self.crashes += other.crashes
        self.failures += other.failures
        self.commands += other.commands
        self.answers += other.answers
        self.lost += other.lost
        self.steps += other.steps
        self.seen.update(other.seen)
        self.examples = [*self.examples, *other.examples][:_KEPT]


def quiet() -> None:
    """Let the roles' log lines go nowhere: there would be thousands a second, all of them about faults."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("critical"),
        logger_factory=structlog.ReturnLoggerFactory(),
    )


def run(seed: int, bug: str = "") -> Result:
    """One run, with a design bug planted if one is named."""
    with bugs.planted(bug):
        return World(Plan.of(seed)).run()


def run_slice(seeds: range, bug: str) -> Verdict:
    """Some runs, one after the other."""
    quiet()
    verdict = Verdict()
    for seed in seeds:
        verdict.add(run(seed, bug))
    return verdict


def slices(first: int, runs: int | None) -> Iterator[range]:
    """The seeds from `first`, `runs` of them or without end, in slices."""
    for start in count(first, SLICE):
        stop = start + SLICE if runs is None else min(start + SLICE, first + runs)
        if start >= stop:
            return
        yield range(start, stop)


def run_many(first: int, runs: int | None, crashes: int, bug: str, workers: int) -> Iterator[Verdict]:
    """Run from seed `first` on: `runs` of them, or slice after slice until there were so many `crashes`; gives the
    verdict so far, after each slice."""
    verdict = Verdict()
    for part in _verdicts(slices(first, runs), bug, workers):
        verdict.merge(part)
        yield verdict
        if runs is None and verdict.crashes >= crashes:
            return


def _verdicts(work: Iterator[range], bug: str, workers: int) -> Iterator[Verdict]:
    if workers <= 1:
        yield from (run_slice(seeds, bug) for seeds in work)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        under_way = [pool.submit(run_slice, seeds, bug) for seeds in islice(work, workers * 2)]
        while under_way:
            yield under_way.pop(0).result()
            under_way += [pool.submit(run_slice, seeds, bug) for seeds in islice(work, 1)]


def found(bug: str, seeds: Iterable[int]) -> Result | None:
    """The first failing run with a planted bug."""
    return next((result for seed in seeds if (result := run(seed, bug)).failure), None)
