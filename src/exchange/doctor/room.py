"""How long memory and disks would last at the present rate, estimated from what the entries so far have taken.

Without entries, or before there are enough to tell, there is no estimate: a guess would only frighten or lull.
"""

from typing import Final

from exchange.doctor.survey import Disk, StreamServer, Survey

_ENOUGH: Final = 10_000
"""Entries, before what each of them takes can be told."""
_EMPTY_DATABASE: Final = 8_500_000
"""What a database takes before the first entry."""


def memory_seconds(server: StreamServer) -> float | None:
    """How long the memory would last if nothing were trimmed; None when nothing comes or it is unknown."""
    streams = [stream for stream in (server.commands, server.events) if stream and stream.length and stream.bytes]
    if not streams or not server.rate or not server.memory_limit:
        return None
    each = sum((stream.bytes or 0) / stream.length for stream in streams)
    return max(server.memory_limit - server.memory, 0) / (each * server.rate)


def disk_seconds(survey: Survey, disk: Disk) -> float | None:
    """How long a disk would last at the present rate; None when nothing comes, or nothing that is known grows on it."""
    server, database = survey.server, survey.database
    if server is None or not server.rate or server.events is None:
        return None
    added = server.events.added or server.events.length
    if added < _ENOUGH:
        return None
    each = 0.0
    if "streams" in disk.what:
        each += server.aof_bytes / added
    if "database" in disk.what and database is not None:
        each += max(database.bytes - _EMPTY_DATABASE, 0) / added
    return disk.free / (each * server.rate) if each else None
