"""What lies in the home: snapshots, checkpoints, what the supervisor left, and room on the disks they grow on.

A snapshot counts as a start-up would count it: whole, of a format this version reads, and the log has its entry. With
the stream server away only the first two can be seen.
"""

import json
import shutil
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from exchange.audit.checkpoints import Shelf
from exchange.doctor.streams import Streams
from exchange.doctor.survey import Checkpoint, Disk, Snapshot
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.roles import snapshots
from exchange.settings import Settings
from exchange.terms.stream import format_id, parse_id

_SECONDS: Final = 3.0


def newest_snapshot(settings: Settings, log: BlockingRedisLog | None, streams: Streams | None) -> Snapshot | None:
    """The newest snapshot that a start-up could use, if there is one.

    Args:
        log: to see that it has the snapshot's entry; None when it cannot be asked.
        streams: to count the commands after it; None when they cannot be asked.

    Raises:
        OSError: the folder cannot be read.
        EffectError: the log went away meanwhile.
    """
    store = FileSnapshotStore(settings.snapshots)
    good: list[tuple[str, snapshots.Header]] = []
    refused: list[str] = []
    for name in store.names():
        try:
            header = snapshots.verify(store.read(name))
        except (snapshots.Damaged, snapshots.TooNew, OSError) as error:
            refused.append(f"{name}: {error}")
            continue
        if log is not None and not run(snapshots.anchored(log, header.head)):
            refused.append(f"{name}: the log has no entry {format_id(header.head.id)} with its chain")
        else:
            good.append((name, header))
    if not good:
        return Snapshot("", "", 0, 0, 0, 0, refused) if refused else None
    name, header = good[0]
    return Snapshot(
        name=name,
        position=format_id(header.head.id),
        created_ms=header.created,
        bytes=(settings.snapshots / name).stat().st_size,
        replay=streams.count_after(header.head.id) if streams is not None else 0,
        usable=len(good),
        refused=refused,
    )


def newest_checkpoint(settings: Settings) -> Checkpoint | None:
    """The newest checkpoint in the home, as its name and what it says have it; `exchange audit` verifies it."""
    for path in Shelf(settings.home).paths():
        try:
            body = json.loads(path.read_bytes())
            parse_id(body["position"])
            return Checkpoint(body["position"], int(body["time"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def disks(settings: Settings) -> list[Disk]:
    """The file systems that grow, each once for everything on it."""
    wanted = {
        "streams": settings.home / "valkey",
        "database": settings.home / "postgres",
        "snapshots": settings.snapshots,
        "home": settings.home,
    }
    if settings.journal_folder:
        wanted["segments"] = Path(settings.journal_folder)
    found: dict[int, Disk] = {}
    for what, path in wanted.items():
        if not path.is_dir():
            continue
        device = path.stat().st_dev
        usage = shutil.disk_usage(path)
        other = found.get(device)
        name, place = (f"{other.what}, {what}", other.path) if other else (what, str(path))
        found[device] = Disk(name, place, usage.free, usage.total)
    return list(found.values())


def gateway_health(host: str, port: int) -> str:
    """What the gateway's health check finds wrong; the empty text when nothing."""
    try:
        status, body = _get(host, port, "/healthz")
    except (OSError, HTTPException) as error:
        return f"no answer ({type(error).__name__}: {error})"
    try:
        wrong = [f"{name}: {said}" for name, said in body["checks"].items() if said != "ok"]
    except (KeyError, TypeError, AttributeError):
        wrong = []
    return "; ".join(wrong) or ("" if status == 200 else f"status {status}")


def halted_markets(host: str, port: int) -> list[str]:
    """The markets that the gateway knows as halted; none when it does not answer."""
    try:
        _, body = _get(host, port, "/api/v1/markets")
        return sorted(market["market"] for market in body["markets"] if market["status"] == "halted")
    except (OSError, HTTPException, KeyError, TypeError):
        return []


def _get(host: str, port: int, path: str) -> tuple[int, Any]:
    """Status and body of an answer; an empty body where it is no JSON.

    Raises:
        OSError, HTTPException: there is no answer.
    """
    connection = HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        raw = response.read()
    finally:
        connection.close()
    try:
        return response.status, json.loads(raw)
    except ValueError:
        return response.status, {}
