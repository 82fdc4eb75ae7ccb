"""An exchange's whole past in real places (streams, table, folder of segments, snapshots), and the audit run on it."""

import asyncio
import contextlib
import io
import json
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import redis

from exchange.cli import _audit, audit
from exchange.effects.files import FileSnapshotStore
from exchange.engine import Machine
from exchange.projections.journal.segment import key_of, name_of
from exchange.projections.timescale.migrations import migrate
from exchange.roles import snapshots
from exchange.settings import Settings
from exchange.terms.stream import format_id
from tests.integration.archiving import database_store, file_store, put, trim
from tests.integration.archiving import keep as archive
from tests.unit.projections.segments import Pair


@dataclass(frozen=True)
class Told:
    """What a run of the audit came to."""

    code: int
    out: str
    error: str

    @property
    def json(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.out)
        return decoded

    @property
    def place(self) -> str:
        """Where the difference was found."""
        return str(self.json["difference"]["place"])

    @property
    def id(self) -> str:
        """The difference's id."""
        return str(self.json["difference"]["id"])


def ask(settings: Settings, *arguments: str) -> Told:
    """Run `exchange audit …` in this process, for machines."""
    parser = ArgumentParser()
    audit.configure(parser)
    args = parser.parse_args([*arguments, "--json"])
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = _audit.carry_out(args.act, args, settings)
    return Told(code, out.getvalue(), error.getvalue())


def said(settings: Settings, *arguments: str) -> Told:
    """The same, for people."""
    parser = ArgumentParser()
    audit.configure(parser)
    args = parser.parse_args(list(arguments))
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = _audit.carry_out(args.act, args, settings)
    return Told(code, out.getvalue(), error.getvalue())


@dataclass
class Past:
    """A log of `pairs`, of which the first `archived` entries stand in the journal, `size` in a segment."""

    settings: Settings
    client: redis.Redis
    pairs: Sequence[Pair]
    archived: int
    size: int

    @property
    def segments(self) -> Path:
        """The folder of segment files."""
        return Path(self.settings.journal_folder)

    def id(self, place: int) -> str:
        """An entry's id."""
        return format_id(self.pairs[place][1].id)

    def files(self) -> list[Path]:
        """The segment files, oldest first."""
        return sorted(path for path in self.segments.iterdir() if key_of(path.name) is not None)

    def snapshots(self) -> list[Path]:
        """The snapshot files, oldest first."""
        return sorted(self.settings.snapshots.glob("*.snapshot"))

    def rewrite(self, pairs: Sequence[Pair]) -> None:
        """Put another log into the streams."""
        self.client.delete(self.settings.commands_key, self.settings.events_key)
        put(self.client, self.settings.streams, pairs)

    def trim(self, place: int) -> None:
        """Trim the streams so that this entry is their first."""
        trim(self.client, self.settings.streams, self.pairs[place][1].id)

    async def store(self, url: str, place: int, data: bytes) -> None:
        """Overwrite the data of one row of the table, as somebody could who owns the server."""
        key = self.pairs[min((place + 1) * self.size, self.archived) - 1][1].id
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("ALTER TABLE journal DISABLE TRIGGER ALL")
            done = await connection.execute(
                "UPDATE journal SET data = $3 WHERE last_ms = $1 AND last_seq = $2", *key, data
            )
            assert done == "UPDATE 1"
        finally:
            await connection.close()


def a_past(
    make_settings: Callable[..., Settings],
    client: redis.Redis,
    redis_url: str,
    pairs: Sequence[Pair],
    *,
    archived: int = 0,
    size: int = 40,
    database_url: str = "",
    snapshots_at: Sequence[int] = (),
) -> Past:
    """Put a log into streams, the first of it into table and folder too, and snapshots of it into the home."""
    settings = make_settings(redis_url=redis_url, database_url=database_url)
    folder = settings.home / "journal"
    settings = make_settings(
        redis_url=redis_url, database_url=database_url, journal_folder=str(folder) if archived else ""
    )
    settings.home.mkdir(exist_ok=True)
    put(client, settings.streams, pairs)

    async def fill() -> None:
        if database_url:
            await migrate(database_url, timescale="off", wait_seconds=10)
        if archived:
            async with file_store(folder) as files:
                await archive(files, pairs[:archived], size)
            if database_url:
                async with database_store(database_url) as table:
                    await archive(table, pairs[:archived], size)

    asyncio.run(fill())
    store = FileSnapshotStore(settings.snapshots)
    machine = Machine()
    for place, (command, _) in enumerate(pairs):
        machine.step(command)
        if place in snapshots_at:
            snapshots.take(machine, store, 1)
    return Past(settings, client, pairs, archived, size)


def segment_name(pair: Pair) -> str:
    """The name of the segment that ends with an entry."""
    return name_of(pair[1].id)
