"""The simulated server: what it may take back, what never, and that it answers again after everything."""

from collections import Counter
from collections.abc import Awaitable
from random import Random
from typing import Any

import pytest

from exchange.effects.ports import Fenced, LogUnavailable
from exchange.settings import Fsync
from exchange.terms.stream import START, EventEntry, Head, StreamId, genesis_head
from tests.simulation.log import SimLog
from tests.simulation.scheduler import Process, Scheduler
from tests.simulation.server import Server

RESULTS = [EventEntry((1, number), b"{}", bytes([number]) * 32) for number in range(1, 6)]


class Bench:
    """A server and one process beside it; `do` drives a coroutine of that process to its end."""

    def __init__(self, fsync: Fsync = "always", seed: int = 1) -> None:
        self.scheduler = Scheduler(Random(seed))
        self.server = Server(self.scheduler, Random(seed), fsync, Counter())
        self.process = Process(self.scheduler, "tester", 1)
        self.log = SimLog(self.server, self.process)

    def do(self, asked: Awaitable[Any]) -> Any:
        results: list[Any] = []
        ends: list[BaseException | None] = []

        async def keep() -> None:
            results.append(await asked)

        self.process.spawn(keep(), ends.append)
        while not ends:
            self.scheduler.step()
        if ends[0] is not None:
            raise ends[0]
        return results[0]


@pytest.mark.parametrize("seed", range(20))
def test_under_always_a_power_cut_takes_back_nothing_that_was_answered(seed: int) -> None:
    bench = Bench(seed=seed)
    ids = [bench.do(bench.log.append(b"{}")) for _ in range(5)]
    bench.server.cut_power()
    bench.server.restart()
    assert bench.server.command_ids == ids


def test_under_everysec_a_power_cut_takes_back_a_tail_of_what_was_answered_and_nothing_else() -> None:
    kept = set()
    for seed in range(40):
        bench = Bench("everysec", seed)
        first = bench.do(bench.log.append(b"{}"))
        bench.server.settle()
        ids = [first, *[bench.do(bench.log.append(b"{}")) for _ in range(4)]]
        bench.server.cut_power()
        bench.server.restart()
        assert bench.server.command_ids == ids[: len(bench.server.command_ids)]
        kept.add(len(bench.server.command_ids))
    assert kept == {1, 2, 3, 4, 5}


def test_a_batch_of_results_is_kept_or_lost_as_one() -> None:
    kept = set()
    for seed in range(40):
        bench = Bench("everysec", seed)
        bench.server.settle()
        bench.do(bench.log.append(b"{}"))
        bench.do(bench.log.publish(genesis_head(), RESULTS))
        bench.server.cut_power()
        kept.add(len(bench.server.events))
    assert kept == {0, len(RESULTS)}


def test_compare_and_append_wants_id_and_chain() -> None:
    bench = Bench()
    bench.do(bench.log.publish(genesis_head(), RESULTS[:2]))
    top = RESULTS[1]
    for wrong in (genesis_head(), Head(top.id, bytes(32)), Head((1, 1), top.chain)):
        with pytest.raises(Fenced):
            bench.do(bench.log.publish(wrong, RESULTS[2:]))
    bench.do(bench.log.publish(Head(top.id, top.chain), RESULTS[2:]))
    assert bench.server.event_ids == [entry.id for entry in RESULTS]


def test_ids_go_forward_when_the_clock_goes_back() -> None:
    bench = Bench()
    ids: list[StreamId] = []
    for _ in range(5):
        ids.append(bench.do(bench.log.append(b"{}")))
        bench.server.clock_offset_ms -= 3_600_000
    assert ids == sorted(set(ids))


def test_a_connection_does_not_survive_the_server() -> None:
    bench = Bench()
    before = bench.do(bench.log.incarnation())
    bench.server.kill()
    bench.server.restart()
    with pytest.raises(LogUnavailable):
        bench.do(bench.log.incarnation())
    assert bench.do(bench.log.incarnation()) != before


def test_a_server_killed_in_a_stall_answers_when_it_is_back() -> None:
    bench = Bench()
    bench.server.stall(900_000)
    with pytest.raises(LogUnavailable):
        bench.do(bench.log.append(b"{}"))
    bench.server.kill()
    bench.server.restart()
    since = bench.scheduler.now_us
    bench.do(bench.log.append(b"{}"))
    assert bench.scheduler.now_us - since < 10_000


def test_a_read_that_waits_ends_with_an_entry_or_with_nothing_in_time() -> None:
    bench = Bench()
    assert bench.do(bench.log.commands(START, 10, 50)) == []
    bench.do(bench.log.append(b"{}"))
    assert len(bench.do(bench.log.commands(START, 10, 50))) == 1


def test_what_was_trimmed_is_skipped_without_an_error() -> None:
    bench = Bench()
    bench.do(bench.log.publish(genesis_head(), RESULTS))
    bench.server.trim(RESULTS[2].id)
    assert [entry.id for entry in bench.do(bench.log.events(START, 10))] == [entry.id for entry in RESULTS[2:]]
    assert bench.do(bench.log.event(RESULTS[1].id)) is None
    assert bench.do(bench.log.head()) == Head(RESULTS[4].id, RESULTS[4].chain)
