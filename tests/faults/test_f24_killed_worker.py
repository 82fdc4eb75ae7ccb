"""F24: a worker that is killed around its commit leaves every row once: rows and position are one transaction."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.history import History
from exchange.terms.stream import format_id
from tests.faults.archivers import journal_process, killed, run_until
from tests.integration.archiving import everything
from tests.integration.projecting import a_log, expected, projecting, put, stored
from tests.integration.test_timescale_projector import DEADLINE, SOURCE, ask, database, entries, mark, position
from tests.unit.projections.segments import content

__all__ = ["database"]


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_f24_a_kill_around_the_commit_neither_loses_nor_doubles(
    client: redis.Redis, redis_url: str, streams: str, database: str, point: str
) -> None:
    pairs = a_log(5, 250)
    put(client, streams, pairs)
    ends = ["0-0", *(format_id(entry.id) for _, entry in pairs)]
    command = [sys.executable, "-m", "exchange", "project", "timescale", "--batch", "40"]
    environ = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "REDIS_URL": redis_url,
        "DATABASE_URL": database,
        "EXCHANGE_STREAMS": streams,
    }
    committed = 0
    for turn in (1, 2, 1):
        killed = subprocess.run(
            command, env={**environ, "EXCHANGE_FAILPOINT": f"{point}:{turn}"}, timeout=DEADLINE, check=False
        )
        assert killed.returncode == -signal.SIGKILL
        # Each batch that was committed counts, once; the group never is ahead of it.
        committed += 40 * (turn if point == "after_commit" else turn - 1)
        assert asyncio.run(position(database)) == ends[committed]
        assert mark(client, streams)[0] == ends[committed - 40 if point == "after_commit" else committed]

    async def finish() -> None:
        async with projecting(redis_url, streams, database, 40) as projector:
            await projector.catch_up()
        assert await stored(database) == expected(entries(pairs))

    asyncio.run(finish())
    assert mark(client, streams) == (ends[-1], 0, 0)


@pytest.mark.parametrize("point", ["before_segment", "before_segment_rename", "after_segment_file", "after_segment"])
def test_f24_a_kill_around_a_segment_archives_every_entry_once(
    client: redis.Redis, redis_url: str, streams: str, database: str, tmp_path: Path, point: str
) -> None:
    """The journal's commit is a segment: first the file, then the row, then the group's mark."""
    pairs = a_log(5, 160)
    put(client, streams, pairs)
    home = tmp_path / "home"
    done = 0
    for turn in (2, 1):
        killed(journal_process(redis_url, streams, database, home, f"{point}:{turn}"))
        done += turn if point == "after_segment" else turn - 1
        files = sorted((home / "journal").glob("*.segment"))
        # The file alone may be there: then the next start brings the table level.
        assert len(files) == done + (point == "after_segment_file")
        done += point == "after_segment_file"
        rows = asyncio.run(ask(database, "SELECT count(*) FROM journal"))[0][0]
        assert rows == len(files) - (point == "after_segment_file")
    run_until(
        journal_process(redis_url, streams, database, home),
        lambda: bool(client.exists(f"{streams}:events")) and mark_of(client, streams) == format_id(pairs[-1][1].id),
    )

    async def both() -> list[list[tuple[object, ...]]]:
        found = []
        for store in (DatabaseSegments(database), FileSegments(home / "journal")):
            found.append(await everything(History(store, None), 1_000))
            await store.close()
        return found

    whole = content([command for command, _ in pairs], entries(pairs))
    assert asyncio.run(both()) == [whole, whole]


def mark_of(client: redis.Redis, streams: str) -> str:
    """Where the journal's group stands."""
    groups = client.xinfo_groups(f"{streams}:events")
    return str(groups[0]["last-delivered-id"].decode()) if groups else ""
