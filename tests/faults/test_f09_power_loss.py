"""F9: the stream server is killed, or loses its power, at any byte of its file.

Under `always` nothing that anybody was told is ever lost: neither a result nor that a command was taken. Under
`everysec` a killed server loses nothing, and a power loss takes a tail, never a hole: both streams stay what an engine
computes. `make soak` cuts a thousand times.
"""

import os
import random
import shutil
from pathlib import Path

import pytest

from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.roles.engine import Engine
from tests.faults.traffic import KEYS, Traffic
from tests.integration.trading import all_commands, all_events, assert_sound, drain, open_world, some
from tests.shim import ShimmedServer

CUTS = 12
SOAK_CUTS = 1_000
_A_LIFE = 50
"""Cuts of one log; then the next log begins, since an engine reads all of it after each."""


async def test_f09_always_loses_nothing_that_anybody_was_told(tmp_path: Path) -> None:
    await _cut_power(CUTS, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_f09_a_thousand_power_cuts(tmp_path: Path) -> None:
    await _cut_power(SOAK_CUTS, tmp_path)


async def _cut_power(cuts: int, tmp_path: Path) -> None:
    dice = random.Random(9)
    done = told = appended = torn = 0
    while done < cuts:
        server = ShimmedServer(tmp_path / f"life-{done}")
        server.start()
        traffic = Traffic(server.url, tmp_path / f"life-{done}", callers=16)
        log = BlockingRedisLog(server.url, *KEYS)
        try:
            async with traffic.flowing():
                for _ in range(min(_A_LIFE, cuts - done)):
                    await traffic.more(dice.randint(1, 120))
                    torn += server.cut_power(keep=dice.random()) > 0
                    server.start()
                    done += 1
                    _assert_kept(log, traffic)
                await traffic.more(20)
            _assert_kept(log, traffic)
            assert_sound(log)
        finally:
            log.close()
            server.stop()
        told += len(traffic.told)
        appended += len(traffic.appended)
    print(f"{done} power cuts, {torn} with a torn tail: 0 of {told} results and {appended} commands lost")
    assert done >= cuts
    assert told > 10 * done


def _assert_kept(log: BlockingRedisLog, traffic: Traffic) -> None:
    """What anybody was told before this is in the log."""
    told, appended = dict(traffic.told), list(traffic.appended)
    log.close()
    events = {entry.id: entry.payload for entry in all_events(log)}
    assert [id for id in told if events.get(id) != told[id]] == []
    commands = {entry.id for entry in all_commands(log)}
    assert [id for id in appended if id not in commands] == []


def test_f09_what_a_restarted_server_shows_is_on_the_disk(tmp_path: Path) -> None:
    """It was killed between write and fsync, and loses its power before anybody writes again."""
    server = ShimmedServer(tmp_path)
    server.start()
    log = BlockingRedisLog(server.url, *KEYS)
    try:
        log.append_many([b"x"] * 10)
        server.kill()
        for record in server.shim.glob("synced-*"):
            record.unlink()  # as if no fsync had come after the last writes
        server.start()
        log.close()
        shown = all_commands(log)
        assert len(shown) == 10
        assert server.cut_power() == 0
        server.start()
        log.close()
        assert [one.id for one in all_commands(log)] == [one.id for one in shown]
    finally:
        log.close()
        server.stop()


async def test_f09_killing_the_server_loses_nothing_under_everysec(tmp_path: Path) -> None:
    server = ShimmedServer(tmp_path, fsync="everysec")
    server.start()
    traffic = Traffic(server.url, tmp_path)
    log = BlockingRedisLog(server.url, *KEYS)
    try:
        async with traffic.flowing():
            for _ in range(4):
                await traffic.more(60)
                server.kill()
                server.start()
                _assert_kept(log, traffic)
        assert_sound(log)
    finally:
        log.close()
        server.stop()
    print(f"4 kills: 0 of {len(traffic.told)} results lost")


@pytest.mark.parametrize("seed", range(2))
def test_f09_everysec_loses_a_tail_and_nothing_else(seed: int, tmp_path: Path) -> None:
    """Some of it had settled: that stays."""
    dice = random.Random(seed)
    server = ShimmedServer(tmp_path, fsync="everysec")
    server.start()
    log = BlockingRedisLog(server.url, *KEYS, fsync="everysec")
    store = FileSnapshotStore(tmp_path / "snapshots")
    lost = settled = 0
    try:
        engine = open_world(log, store)
        for turn in range(3):
            for part in range(5):
                log.append_many(some(100 * seed + 10 * turn + part, dice.randint(1, 40)))
                drain(engine, log)
                if part == turn:
                    run(log.settled())
                    settled = len(all_events(log))
            log.append_many(some(100 * seed + turn, dice.randint(1, 20)))
            commands, events = all_commands(log), all_events(log)
            server.cut_power(keep=dice.random())
            server.start()
            log.close()
            left, results = all_commands(log), all_events(log)
            assert [one.id for one in left] == [one.id for one in commands[: len(left)]]
            assert [one.chain for one in results] == [one.chain for one in events[: len(results)]]
            assert settled <= len(results) <= len(left)
            lost += len(commands) - len(left)
            engine = Engine(log, store, BlockingClock(), wait_ms=1)
            drain(engine, log)
            assert_sound(log)
    finally:
        log.close()
        server.stop()
    print(f"3 power cuts: the last {lost} commands lost in all, none of what had settled")
    assert lost, "nothing was at stake"


def test_f09_a_file_that_ends_at_any_byte_is_a_prefix_of_the_log(tmp_path: Path) -> None:
    cuts = CUTS
    server = ShimmedServer(tmp_path / "whole")
    server.start()
    log = BlockingRedisLog(server.url, *KEYS)
    engine = open_world(log, FileSnapshotStore(tmp_path / "snapshots"))
    for seed in range(40):
        log.append_many(some(seed, 2))
        drain(engine, log)
    commands, events = all_commands(log), all_events(log)
    log.close()
    server.stop()
    (file,) = server.data.glob("appendonlydir/*.incr.aof")
    size = file.stat().st_size
    dice = random.Random(0)
    lengths = set()
    for number in range(cuts):
        folder = tmp_path / f"cut-{number}"
        shutil.copytree(server.data, folder / "data")
        os.truncate(folder / "data" / file.relative_to(server.data), dice.randrange(size))
        again = ShimmedServer(folder)
        again.start()
        log = BlockingRedisLog(again.url, *KEYS)
        try:
            left, results = all_commands(log), all_events(log)
            assert [one.fields for one in left] == [one.fields for one in commands[: len(left)]]
            assert [one.chain for one in results] == [one.chain for one in events[: len(results)]]
            lengths.add((len(left), len(results)))
            drain(Engine(log, FileSnapshotStore(folder / "snapshots"), BlockingClock(), wait_ms=1), log)
            if left:
                assert_sound(log)
        finally:
            log.close()
            again.stop()
        shutil.rmtree(folder)
    print(f"cut at {cuts} of {size} bytes: {len(lengths)} different prefixes, every one went on")
    assert len(lengths) > cuts // 2
