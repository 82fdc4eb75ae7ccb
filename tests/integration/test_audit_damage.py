"""A damaged byte in a stream, a row, a segment file or a snapshot is found and named by `exchange audit verify`.

The default run tries 220; the long one 11,000:

    pytest -m soak tests/integration/test_audit_damage.py
"""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from exchange.settings import Settings
from exchange.terms.stream import StreamId, format_id
from tests.integration.audited import Past, Told, a_past, ask
from tests.integration.projecting import a_log_of_everything
from tests.integration.trading import add_raw
from tests.unit.projections.segments import Pair, cut

Make = Callable[..., Settings]
Entries = list[tuple[StreamId, list[bytes]]]

LENGTH = 90
ARCHIVED = 80
SIZE = 20


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return a_log_of_everything(11, LENGTH)


@pytest.fixture
def past(make_settings: Make, client: redis.Redis, redis_url: str, pairs: list[Pair]) -> Past:
    made = a_past(
        make_settings, client, redis_url, pairs, archived=ARCHIVED, size=SIZE, snapshots_at=(30, len(pairs) - 5)
    )
    assert ask(made.settings, "verify").code == 0
    return made


def flipped(data: bytes, dice: random.Random) -> bytes:
    """The same with one bit another."""
    at = dice.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << dice.randrange(8))]) + data[at + 1 :]


def found_and_named(told: Told, place: str, damage: str) -> None:
    assert told.code == 1, f"{damage}: exit code {told.code}; {told.error}"
    assert told.place.startswith(place), f"{damage}: {told.error}"
    assert told.json["difference"]["found"] and told.json["difference"]["expected"]


def both_streams(pairs: list[Pair]) -> tuple[Entries, Entries]:
    """The streams' entries as they stand in the server, fields and all."""
    commands = [(command.id, list(command.fields)) for command, _ in pairs]
    events = [(entry.id, [b"e", entry.payload, b"h", entry.chain.hex().encode()]) for _, entry in pairs]
    return commands, events


def damaged_streams(past: Past, seed: int, count: int) -> None:
    """One bit in one field, or in one id, of either stream; what is archived and what is not."""
    dice = random.Random(seed)
    client, settings = past.client, past.settings
    keys = (settings.commands_key, settings.events_key)
    tried = 0
    while tried < count:
        sides = both_streams(list(past.pairs))
        side, place = dice.randrange(2), dice.randrange(len(past.pairs))
        id, fields = sides[side][place]
        if dice.random() < 0.1:
            lower = sides[side][place - 1][0] if place else (0, 0)
            upper = sides[side][place + 1][0] if place + 1 < len(past.pairs) else (2**62, 0)
            moved = dice.choice(
                [(id[0] ^ (1 << dice.randrange(40)), id[1]), (id[0], id[1] ^ (1 << dice.randrange(16)))]
            )
            if not lower < moved < upper:
                continue  # such an id the server itself refuses to load
            sides[side][place] = (moved, fields)
        else:
            field = dice.choices(range(len(fields)), [len(value) + 1 for value in fields])[0]
            if not fields[field]:
                continue
            fields[field] = flipped(fields[field], dice)
        client.delete(*keys)
        for key, entries in zip(keys, sides, strict=True):
            with client.pipeline(transaction=False) as pipeline:
                for entry_id, values in entries:
                    add_raw(pipeline, key, values, format_id(entry_id))
                pipeline.execute()
        told = ask(settings, "verify")
        tried += 1
        damage = f"flip {tried} of {seed}: {'event' if side else 'command'} {format_id(id)} {fields!r}"
        found_and_named(told, "streams", damage)
        named = {format_id(id), format_id(sides[side][place][0])}
        assert told.id in named, f"{damage}: named {told.id}"
    past.rewrite(past.pairs)


def damaged_files(past: Past, files: list[Path], place: str, seed: int, count: int) -> None:
    dice = random.Random(seed)
    for number in range(count):
        path = dice.choice(files)
        content = path.read_bytes()
        path.write_bytes(flipped(content, dice))
        told = ask(past.settings, "verify")
        found_and_named(told, place, f"flip {number} of {seed} in {path.name}")
        assert path.name in told.place
        path.write_bytes(content)
    assert ask(past.settings, "verify").code == 0


def damaged_rows(past: Past, database_url: str, seed: int, count: int) -> None:
    dice = random.Random(seed)
    rows = [data for _, data in cut(past.pairs[:ARCHIVED], SIZE)]
    for number in range(count):
        place = dice.randrange(len(rows))
        asyncio.run(past.store(database_url, place, flipped(rows[place], dice)))
        told = ask(past.settings, "verify")
        found_and_named(told, "segment journal row", f"flip {number} of {seed} in row {place}")
        assert past.id((place + 1) * SIZE - 1) in told.place
        asyncio.run(past.store(database_url, place, rows[place]))
    assert ask(past.settings, "verify").code == 0


@pytest.fixture
def tabled(make_settings: Make, client: redis.Redis, redis_url: str, database_url: str, pairs: list[Pair]) -> Past:
    return a_past(make_settings, client, redis_url, pairs, archived=ARCHIVED, size=SIZE, database_url=database_url)


def test_a_hundred_flips_in_the_streams_are_found_and_named(past: Past) -> None:
    damaged_streams(past, 1, 100)


def test_sixty_flips_in_segment_files_are_found_and_named(past: Past) -> None:
    damaged_files(past, past.files(), "segment", 2, 60)


def test_forty_flips_in_snapshots_are_found_and_named(past: Past) -> None:
    damaged_files(past, past.snapshots(), "snapshot", 3, 40)


def test_twenty_flips_in_rows_of_the_journal_are_found_and_named(tabled: Past, database_url: str) -> None:
    damaged_rows(tabled, database_url, 4, 20)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_ten_thousand_flips_are_found_and_named(past: Past) -> None:
    damaged_streams(past, 5, 4_000)
    damaged_files(past, past.files(), "segment", 6, 3_000)
    damaged_files(past, past.snapshots(), "snapshot", 7, 3_000)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_flips_in_rows_are_found_and_named(tabled: Past, database_url: str) -> None:
    damaged_rows(tabled, database_url, 8, 1_000)
