"""Time passes for the machine although nobody sends anything: the engine appends a tick when something is due."""

import time

from exchange.commands.codec import decode, encode
from exchange.commands.types import Place, SetSwitch, Tick
from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.events.codec import decode as read
from exchange.events.types import Canceled, Event, SwitchFired
from exchange.roles.engine import Engine
from exchange.terms.instructions import Instructions
from exchange.terms.words import FIRST_USER
from tests.integration.trading import LOT, TICK, all_commands, all_events, assert_sound, drain, open_world

DEADLINE_S = 10.0


def turn_until_told(engine: Engine, log: BlockingRedisLog, kind: type[Event]) -> list[Event]:
    """Let the engine go on until it tells of such an event; all that it told."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        told = [event for entry in all_events(log) for event in read(entry.payload).events]
        if any(isinstance(event, kind) for event in told):
            return told
        assert time.monotonic() < deadline, f"no {kind.__name__} within {DEADLINE_S} s"
        run(engine.turn())


def ticks(log: BlockingRedisLog) -> int:
    return sum(isinstance(decode(entry.fields), Tick) for entry in all_commands(log))


def test_an_order_expires_soon_after_its_time_although_nothing_else_happens(
    log: BlockingRedisLog, store: FileSnapshotStore
) -> None:
    engine = open_world(log, store)
    at_ms = BlockingClock().now_ms() + 250
    order = Place(FIRST_USER, "BTC-USD", "buy", "limit", "gtd", TICK, LOT, 0, "short", Instructions(expires_ms=at_ms))
    log.append_many([encode(order)])
    told = turn_until_told(engine, log, Canceled)
    assert [event.reason for event in told if isinstance(event, Canceled)] == ["time"]
    expired = all_events(log)[-1].id[0]
    assert at_ms <= expired < at_ms + 5_000
    assert ticks(log) >= 1
    assert_sound(log)


def test_a_dead_mans_switch_fires_although_nothing_else_happens(
    log: BlockingRedisLog, store: FileSnapshotStore
) -> None:
    engine = open_world(log, store)
    log.append_many([encode(SetSwitch(FIRST_USER, 100))])
    turn_until_told(engine, log, SwitchFired)
    assert_sound(log)


def test_nothing_is_appended_while_nothing_is_due(log: BlockingRedisLog, store: FileSnapshotStore) -> None:
    engine = open_world(log, store)
    order = Place(FIRST_USER, "BTC-USD", "buy", "limit", "gtc", TICK, LOT, 0, "")
    log.append_many([encode(order), encode(SetSwitch(FIRST_USER, 3_600_000))])
    drain(engine, log)
    before = len(all_commands(log))
    for _ in range(20):
        run(engine.turn())
    assert (len(all_commands(log)), ticks(log)) == (before, 0)
