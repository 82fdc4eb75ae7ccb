"""What of a survey needs attention, and what to do about it.

Each rule looks at one part, says what is wrong in the operator's words and what would help, and nothing when all is
well. A part that could not be asked is a concern of its own; nothing is concluded from what is unknown.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from exchange.doctor.room import disk_seconds
from exchange.doctor.survey import Concern, Database, StreamServer, Survey
from exchange.terms.stream import parse_id

SKEW_MS: Final = 1_000
LAG_MS: Final = 10_000
WAITING_MS: Final = 2_000
NEARLY_FULL: Final = 0.8
LITTLE_FREE: Final = 0.1
LITTLE_BYTES: Final = 1 << 30
LITTLE_SECONDS: Final = 24 * 3600.0
AHEAD_MS: Final = 60_000
FIRST_SNAPSHOT_S: Final = 30
"""How long after its start a server may be without any snapshot."""

_REASON: Final = re.compile(r"exchange [a-z -]+: (\w+): ")

_COMPARE: Final = (
    "the market is halted, or about to be: find the first difference with `exchange audit`, keep the logs, and open "
    "again only when you know which side is wrong"
)

REFUSALS: Final = {
    "WrongLog": "the streams are not those that the snapshots belong to: check REDIS_URL, EXCHANGE_STREAMS and "
    "EXCHANGE_SNAPSHOTS. Nothing was changed",
    "NewerFormat": "a newer version wrote this: run that version; there is no way back",
    "NewerRules": "a newer version wrote this: run that version; there is no way back",
    "Gap": "a part of the streams is missing: bring back the stream server's data, or fill an empty one with "
    "`exchange restore`",
    "Trimmed": "bring back a snapshot or the stream server's data, or fill an empty server with `exchange restore`",
    "Mismatch": _COMPARE,
    "Diverged": _COMPARE,
    "Unsound": "the money does not add up: leave the market halted, run `exchange audit`, and report what it names",
    "Halted": "the engine broke a rule of its own at the command that it names: leave it halted and report it",
}
"""What to do when a role refuses to run, by the reason it gives (`roles.stops`)."""

_UNASKED: Final = {
    "streams": "nobody trades; nothing that was answered is lost. `exchange up` starts its own server again by itself; "
    "a server of your own start yourself, and see its log",
    "database": "trading goes on; history, sign-in and archiving wait, and nothing is trimmed. `exchange up` starts "
    "its own server again by itself; a server of your own start yourself",
    "snapshots": "see that this user may read EXCHANGE_SNAPSHOTS",
}

_MAKE_ROOM: Final = "make room: without, nothing is accepted any more, and nothing acknowledged is lost"

_ANY_REFUSAL: Final = "its last words say what to do; after that start the exchange again"

Rule = Callable[[Survey], Iterator[Concern]]


def concerns(survey: Survey) -> list[Concern]:
    """Everything that needs attention, what stops trading first."""
    return [concern for rule in _RULES for concern in rule(survey)]


def _supervised(survey: Survey) -> Iterator[Concern]:
    for state in survey.supervised:
        if state.state == "refused":
            found = _REASON.search(state.reason)
            advice = REFUSALS.get(found[1], _ANY_REFUSAL) if found else _ANY_REFUSAL
            log = f"{survey.asked.logs}/{state.name}.log"
            yield Concern(state.name, f"REFUSES TO RUN: {state.reason}", f"{advice} (its log: {log})")
        elif state.state == "crashed":
            yield Concern(state.name, f"crashed: {state.reason}", "it is started again by itself; if not, see its log")


def _asked(survey: Survey) -> Iterator[Concern]:
    for part, reason in survey.why.items():
        yield Concern(part, f"cannot be asked: {reason}", _UNASKED[part])


def _gateway(survey: Survey) -> Iterator[Concern]:
    if survey.gateway:
        yield Concern("gateway", survey.gateway, "what stands above names the cause; clients are told 503 meanwhile")


def _markets(survey: Survey) -> Iterator[Concern]:
    if survey.halted:
        names = ", ".join(survey.halted)
        yield Concern(
            "markets",
            f"halted: {names}",
            "find out why first (a standby halts all of them when in doubt; `exchange audit verify`); then "
            "`exchange admin set-status MARKET cancel_only`, and from there `open`",
        )


def _durable(survey: Survey) -> Iterator[Concern]:
    server = survey.server
    if server is None:
        return
    if server.fsync == "off":
        yield Concern("streams", "there is no append-only file: a restart forgets all", "set appendonly yes at once")
    elif server.fsync not in {None, survey.asked.fsync} and not any(one.name == "valkey" for one in survey.supervised):
        yield Concern(
            "streams",
            f"the server's appendfsync is {server.fsync}, EXCHANGE_FSYNC says {survey.asked.fsync}",
            f"set appendfsync {survey.asked.fsync} there, or EXCHANGE_FSYNC as it is",
        )
    if server.eviction.startswith("allkeys"):
        yield Concern("streams", f"the log may be evicted ({server.eviction})", "set maxmemory-policy noeviction")
    if server.write_error:
        yield Concern("streams", server.write_error, "make room on its disk; it goes on by itself")
    if server.replicas < survey.asked.replicas:
        yield Concern(
            "replicas",
            f"{server.replicas} of {survey.asked.replicas} are connected: nothing is shown to anybody until they are",
            "bring them back, or lower EXCHANGE_REPLICAS",
        )


def _clocks(survey: Survey) -> Iterator[Concern]:
    server = survey.server
    if server is None or survey.sandbox:
        return
    if abs(server.clock_ahead_ms) > SKEW_MS:
        yield Concern(
            "clock",
            f"the stream server's is {server.clock_ahead_ms:+,} ms from this machine's",
            "let both follow a time server: signed requests and expiries are judged by it",
        )
    last = max((parse_id(stream.last) for stream in (server.commands, server.events) if stream), default=(0, 0))
    if last[0] - server.now_ms > AHEAD_MS:
        yield Concern(
            "clock",
            f"the log's newest id is {(last[0] - server.now_ms) // 1000:,} s ahead of the server's clock",
            "the clock was set back, or somebody gave an id of their own; time stands still for orders until then",
        )


def _streams(survey: Survey) -> Iterator[Concern]:
    server = survey.server
    if server is None or server.events is None or server.commands is None:
        return
    if server.waiting and server.waiting_ms > WAITING_MS:
        yield Concern(
            "engine",
            f"{server.waiting:,} commands wait for a result, the oldest for {server.waiting_ms / 1000:,.1f} s",
            "see that an engine or a standby runs; if one does, it is catching up",
        )
    if parse_id(server.events.last) > parse_id(server.commands.last):
        yield Concern(
            "streams",
            f"results reach up to {server.events.last}, commands only up to {server.commands.last}",
            "the command stream lost its end: bring back the server's data or `exchange restore` into an empty one",
        )
    begins = server.commands.first, server.events.first
    if all(begins) and begins[0] != begins[1]:
        yield Concern(
            "streams",
            f"commands begin at {begins[0]}, results at {begins[1]}: one was trimmed alone, as the journal never does",
            "somebody appended with MAXLEN or MINID: change the passwords, and run `exchange audit` over the journal",
        )


def _roles(survey: Survey) -> Iterator[Concern]:
    server = survey.server
    if server is None:
        return
    if server.roles is None:
        yield Concern("roles", "this user may not ask who is connected", "use the user operator in REDIS_URL")
        return
    known = {state.name for state in survey.supervised if state.state != "runs"}
    for role, wanted in survey.expected.items():
        found = [presence for presence in server.roles if presence.role == role]
        if len(found) < wanted and not any(name.startswith(role) for name in known):
            yield Concern(role, f"{len(found)} of {wanted} connected", f"start it: `exchange up`, or {_command(role)}")
        elif len(found) > wanted and role != "gateway":
            pids = ", ".join(str(presence.pid) for presence in found)
            yield Concern(
                role,
                f"{len(found)} run, {wanted} wanted (processes {pids})",
                "harmless; find out who started the other",
            )
    for presence in server.roles:
        if presence.behind and (presence.behind_ms or 0) > LAG_MS and not survey.sandbox:
            yield Concern(
                presence.role,
                f"process {presence.pid} is {presence.behind:,} entries and {(presence.behind_ms or 0) / 1000:,.0f} s "
                "behind",
                "it catches up by itself, or is stopped; see its log if it does not",
            )


def _database(survey: Survey) -> Iterator[Concern]:
    server, database = survey.server, survey.database
    if server is None or server.events is None or database is None:
        return
    head = parse_id(server.events.last)
    for name, text in database.projections.items():
        position = parse_id(text)
        if position > head:
            yield Concern(
                f"project {name}",
                f"stands at {text}, after the log's end {server.events.last}: the log lost its end",
                f"it makes itself again when it starts; else `exchange project {name} --rebuild`",
            )
        elif head[0] - position[0] > LAG_MS and not survey.sandbox:
            yield Concern(
                f"project {name}", f"is {(head[0] - position[0]) / 1000:,.0f} s behind", "see that it runs, and its log"
            )
    yield from _archived(survey, server, database)


def _archived(survey: Survey, server: StreamServer, database: Database) -> Iterator[Concern]:
    events = server.events
    if events is None or database.journal is None or not events.first:
        return
    trimmed = events.added is not None and events.added > events.length
    if trimmed and (not database.journal or parse_id(database.journal) < parse_id(events.first)):
        # The entry at the beginning of the streams is kept as well: what is archived reaches up to it at least.
        yield Concern(
            "journal",
            f"archived up to {database.journal or 'nothing'}, the streams begin at {events.first}: what was between is "
            "in neither",
            "bring back a copy of the database or of the segment files",
        )
        return
    late_ms = parse_id(events.last)[0] - parse_id(database.journal or "0-0")[0]
    allowed_ms = 2_000 * survey.asked.journal_seconds + LAG_MS
    if survey.expected.get("journal") and database.journal and late_ms > allowed_ms and not survey.sandbox:
        yield Concern(
            "journal",
            f"archived up to {database.journal}, {late_ms / 1000:,.0f} s before the newest entry",
            "nothing is trimmed meanwhile and memory fills: see that `exchange project journal` runs, and its log",
        )


def _snapshots(survey: Survey) -> Iterator[Concern]:
    snapshot, server = survey.snapshot, survey.server
    for text in snapshot.refused if snapshot else []:
        yield Concern("snapshot", f"cannot be used: {text}", "an older one is used; move it away once you know why")
    added = (server.events.added or 0) if server and server.events else 0
    if added and (snapshot is None or not snapshot.usable):
        if survey.expected.get("standby") and server and server.uptime_s >= FIRST_SNAPSHOT_S:
            yield Concern("snapshot", "there is none", "the standby takes one when it has caught up; see its log")
        return
    trimmed = server is not None and server.events is not None and added > server.events.length
    if snapshot is not None and trimmed and snapshot.usable < 2:
        yield Concern(
            "snapshot",
            "only one can be used, and the beginning of the streams is trimmed",
            "see that a standby runs: it takes the next one; copy this one meanwhile",
        )
    if snapshot is not None and snapshot.replay > 2 * survey.asked.snapshot_every:
        yield Concern(
            "snapshot",
            f"{snapshot.replay:,} commands have come since the newest",
            "see that a standby runs, and its log",
        )


def _room(survey: Survey) -> Iterator[Concern]:
    server = survey.server
    if server is not None and not server.memory_limit:
        yield Concern(
            "memory",
            "the stream server has no limit: it would be killed by the system instead of refusing in time",
            "set maxmemory there, with maxmemory-policy noeviction",
        )
    elif server is not None and server.memory > NEARLY_FULL * server.memory_limit:
        used = 100 * server.memory / server.memory_limit
        yield Concern(
            "memory",
            f"the stream server uses {used:.0f} % of its limit; from 90 % on, new commands are refused",
            "see that the journal archives and trims, lower EXCHANGE_STREAM_KEEP or raise EXCHANGE_STREAM_MEMORY_MB",
        )
    for disk in survey.disks:
        if disk.free < min(LITTLE_FREE * disk.size, 10 * LITTLE_BYTES) or disk.free < LITTLE_BYTES:
            yield Concern(
                "disk",
                f"{disk.free / 1e9:,.1f} GB of {disk.size / 1e9:,.0f} GB are free for {disk.what} ({disk.path})",
                _MAKE_ROOM,
            )
        elif (left := disk_seconds(survey, disk)) is not None and left < LITTLE_SECONDS:
            what = f"{disk.free / 1e9:,.1f} GB are free for {disk.what}: {left / 3600:,.0f} h at the present rate"
            yield Concern("disk", what, _MAKE_ROOM)


def _command(role: str) -> str:
    return {
        "gateway": "`exchange api`",
        "project": "`exchange project timescale`",
        "journal": "`exchange project journal`",
    }.get(role, f"`exchange {role}`")


_RULES: Final[tuple[Rule, ...]] = (
    _asked,
    _supervised,
    _roles,
    _streams,
    _gateway,
    _markets,
    _durable,
    _clocks,
    _snapshots,
    _database,
    _room,
)
