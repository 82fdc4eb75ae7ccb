"""A survey on a screen: what needs attention first, then every part, then what a crash would cost."""

from collections.abc import Iterator

from exchange.doctor.room import disk_seconds, memory_seconds
from exchange.doctor.streams import COUNT_LIMIT
from exchange.doctor.survey import Disk, Snapshot, StreamServer, Survey

_WIDTH = 12


def lines(survey: Survey) -> Iterator[str]:
    """The screen, line by line."""
    sandbox = "SANDBOX, " if survey.sandbox else ""
    count = len(survey.concerns)
    verdict = "fine" if not count else "1 thing needs attention" if count == 1 else f"{count} things need attention"
    yield f"exchange {survey.version}, engine {survey.engine}, {sandbox}{survey.home}: {verdict}"
    for concern in survey.concerns:
        yield ""
        yield f"!! {concern.about}: {concern.what}"
        yield f"   {concern.do}"
    yield ""
    for label, text in _parts(survey):
        yield f"{label:<{_WIDTH}}{text}"
    yield ""
    for text in survey.crash:
        yield f"{'a crash now':<{_WIDTH}}{text}" if text == survey.crash[0] else f"{'':<{_WIDTH}}{text}"


def _parts(survey: Survey) -> Iterator[tuple[str, str]]:
    server = survey.server
    if server is not None:
        yield from _server(survey, server)
    if survey.database is not None:
        database = survey.database
        yield "database", f"PostgreSQL {database.version}, {_size(database.bytes)}"
        for name, position in database.projections.items():
            yield f"  {name}", f"{position}{_behind(position, server)}"
        if database.journal:
            entries = f"{database.journal_entries:,} entries"
            yield "journal", f"archived {entries}, up to {database.journal}{_behind(database.journal, server)}"
        elif database.journal is not None:
            yield "journal", "nothing is archived yet"
    if survey.gateway is not None:
        yield "gateway", survey.gateway or "healthy"
    if survey.snapshot is not None and survey.snapshot.usable:
        yield "snapshot", _snapshot(survey, survey.snapshot)
    if survey.checkpoint is not None:
        age = _ago(survey.now_ms - survey.checkpoint.time_ms)
        yield "checkpoint", f"{survey.checkpoint.position}, signed {age} ago (`exchange audit` verifies it)"
    for disk in survey.disks:
        yield "disk", f"{_size(disk.free)} of {_size(disk.size)} free for {disk.what}{_disk_left(survey, disk)}"


def _server(survey: Survey, server: StreamServer) -> Iterator[tuple[str, str]]:
    replicas = f"{server.replicas} replica{'' if server.replicas == 1 else 's'}"
    turned = f", {server.refused:,} refused by the users' rules" if server.refused else ""
    mode = f"fsync {server.fsync or 'unknown'}, {replicas}, up {_ago(1000 * server.uptime_s)}"
    yield "streams", f"{server.version}, {mode}, clock {server.clock_ahead_ms:+,} ms{turned}"
    yield "memory", _memory(server)
    for name, stream in (("commands", server.commands), ("events", server.events)):
        if stream is None:
            yield f"  {name}", "nothing yet"
            continue
        trimmed = f", {stream.added - stream.length:,} trimmed" if stream.added is not None else ""
        yield f"  {name}", f"{stream.length:,} entries, {stream.first or 'none'} to {stream.last}{trimmed}"
    if server.chain and server.events is not None:
        yield "chain head", f"{server.events.last} {server.chain}"
    waiting = f"{_counted(server.waiting)} commands wait" if server.waiting else "no command waits"
    yield "engine", f"{waiting}{f', the oldest for {server.waiting_ms:,} ms' if server.waiting else ''}"
    yield "roles", "as they said themselves, at most a second ago while they read"
    for presence in server.roles or []:
        if presence.behind is None:
            where = "connected"
        else:
            late = f", {presence.behind_ms:,} ms" if presence.behind and not survey.sandbox else ""
            where = f"at {presence.position}, {_counted(presence.behind)} entries behind{late}"
        yield f"  {presence.role}", f"process {presence.pid}, {where}"


def _memory(server: StreamServer) -> str:
    if not server.memory_limit:
        return f"{_size(server.memory)}, no limit"
    text = f"{_size(server.memory)} of {_size(server.memory_limit)}"
    left = memory_seconds(server)
    return text if left is None else f"{text}; untrimmed it would last {_ago(int(1000 * left))} at the present rate"


def _disk_left(survey: Survey, disk: Disk) -> str:
    left = disk_seconds(survey, disk)
    return f"; about {_ago(int(1000 * left))} at the present rate" if left is not None else ""


def _snapshot(survey: Survey, snapshot: Snapshot) -> str:
    again = (
        f", {_counted(snapshot.replay)} commands since" if survey.server is not None else ", not compared to the log"
    )
    age = _ago(survey.now_ms - snapshot.created_ms)
    return f"{snapshot.position}, {age} old, {_size(snapshot.bytes)}{again}; {snapshot.usable} can be used"


def _behind(position: str, server: StreamServer | None) -> str:
    if server is None or server.events is None or not position:
        return ""
    return ", up to date" if position == server.events.last else f" of {server.events.last}"


def _counted(count: int) -> str:
    return f"{count:,}" if count < COUNT_LIMIT else f"{COUNT_LIMIT:,} or more"


def _size(count: int) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"


def _ago(ms: int) -> str:
    seconds = max(ms, 0) / 1000
    for unit, size in (("y", 31_557_600), ("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"
