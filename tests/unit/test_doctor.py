"""The doctor's judgement: a healthy exchange raises nothing, and each fault raises what it should, with what to do."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from exchange.doctor import crash, judge
from exchange.doctor.room import disk_seconds, memory_seconds
from exchange.doctor.survey import Asked, Database, Disk, Presence, Snapshot, Stream, StreamServer, Survey
from exchange.doctor.telling import lines
from exchange.effects.role_states import RoleState

NOW = 1_700_000_100_000
HEAD = "1700000099000-0"
ROLES = ("engine", "gateway", "journal", "project", "standby")
EXPECTED = dict.fromkeys(ROLES, 1)

STREAM = Stream(length=200_000, first="1700000000000-0", last=HEAD, added=1_000_000, bytes=60_000_000)
SERVER = StreamServer(
    version="Valkey 9.1.2",
    fsync="always",
    write_error="",
    memory=150_000_000,
    memory_limit=1_000_000_000,
    eviction="noeviction",
    aof_bytes=400_000_000,
    replicas=0,
    now_ms=NOW,
    clock_ahead_ms=1,
    refused=0,
    uptime_s=3_600,
    commands=STREAM,
    events=STREAM,
    chain="ab" * 32,
    waiting=0,
    waiting_ms=0,
    rate=1_000.0,
    roles=[Presence(role, 100 + number, HEAD, 0, 0) for number, role in enumerate(ROLES)],
    groups={"timescale": HEAD},
)
DATABASE = Database("17.1", 2_000_000_000, {"timescale": HEAD}, "1700000098000-0", 999_000)
SNAPSHOT = Snapshot("s", "1700000090000-0", NOW - 60_000, 120_000_000, 14_000, 3, [])
DISK = Disk("streams, database", "/d", 500_000_000_000, 1_000_000_000_000)


def healthy() -> Survey:
    return Survey(
        version="1",
        engine="compiled",
        home="/h",
        sandbox=False,
        now_ms=NOW,
        asked=Asked("always", 0, 100, 50_000, 10, "/h/logs"),
        expected=EXPECTED,
        server=SERVER,
        database=DATABASE,
        gateway="",
        supervised=[RoleState(name, 1, "runs", NOW) for name in ("engine", "standby")],
        snapshot=SNAPSHOT,
        disks=[DISK],
    )


def served(**changes: object) -> Callable[[Survey], None]:
    def change(survey: Survey) -> None:
        survey.server = replace(SERVER, **changes)  # type: ignore[arg-type]

    return change


def kept(**changes: object) -> Callable[[Survey], None]:
    def change(survey: Survey) -> None:
        survey.database = replace(DATABASE, **changes)  # type: ignore[arg-type]

    return change


def shot(**changes: object) -> Callable[[Survey], None]:
    def change(survey: Survey) -> None:
        survey.snapshot = replace(SNAPSHOT, **changes)  # type: ignore[arg-type]

    return change


def having(**changes: object) -> Callable[[Survey], None]:
    def change(survey: Survey) -> None:
        for name, value in changes.items():
            setattr(survey, name, value)

    return change


def refused(reason: str) -> Callable[[Survey], None]:
    return having(supervised=[RoleState("standby", 7, "refused", NOW, reason)])


def without(role: str) -> list[Presence]:
    return [presence for presence in SERVER.roles or [] if presence.role != role]


LATE = Presence("project", 103, "1700000050000-0", 9_000, 49_000)

FAULTS: list[tuple[str, Callable[[Survey], None], str, str]] = [
    ("no engine", served(roles=without("engine")), "engine: 0 of 1 connected", "`exchange engine`"),
    ("no journal", served(roles=without("journal")), "journal: 0 of 1", "`exchange project journal`"),
    (
        "two engines",
        served(roles=[*(SERVER.roles or []), Presence("engine", 9, HEAD, 0, 0)]),
        "engine: 2 run, 1 wanted (processes 100, 9)",
        "harmless",
    ),
    ("a late projector", served(roles=[*without("project"), LATE]), "103 is 9,000 entries and 49 s behind", "its log"),
    ("not an operator", served(roles=None), "roles: this user may not ask", "the user operator"),
    ("no result", served(waiting=5, waiting_ms=3_000), "engine: 5 commands wait", "an engine or a standby"),
    ("no append-only file", served(fsync="off"), "a restart forgets all", "appendonly yes"),
    (
        "another fsync",
        served(fsync="everysec"),
        "appendfsync is everysec, EXCHANGE_FSYNC says always",
        "EXCHANGE_FSYNC",
    ),
    ("eviction", served(eviction="allkeys-lru"), "the log may be evicted", "noeviction"),
    ("a full disk", served(write_error="its last write to the disk failed"), "streams: its last write", "make room"),
    ("no limit", served(memory_limit=0), "memory: the stream server has no limit", "maxmemory"),
    ("little memory", served(memory=850_000_000), "uses 85 % of its limit", "the journal archives and trims"),
    ("a clock apart", served(clock_ahead_ms=-1_500), "-1,500 ms from this machine's", "a time server"),
    (
        "an id ahead",
        served(commands=replace(STREAM, last=f"{NOW + 3_600_000}-0")),
        "3,600 s ahead of the server's clock",
        "set back",
    ),
    ("a lost end", served(commands=replace(STREAM, last="1700000098000-0")), "commands only up to", "exchange restore"),
    (
        "trimmed alone",
        served(commands=replace(STREAM, first="1700000001000-0")),
        "commands begin at 1700000001000-0, results at 1700000000000-0",
        "MAXLEN",
    ),
    ("a late projection", kept(projections={"timescale": "1700000050000-0"}), "project timescale: is 49 s", "it runs"),
    (
        "a projection ahead",
        kept(projections={"timescale": "1700000099500-0"}),
        "after the log's end",
        "exchange project timescale --rebuild",
    ),
    ("a hole", kept(journal="1690000000000-0"), "what was between is in neither", "a copy of the database"),
    ("nothing archived", kept(journal=""), "archived up to nothing", "segment files"),
    ("a late journal", kept(journal="1700000060000-0"), "39 s before the newest entry", "nothing is trimmed"),
    ("no snapshot", having(snapshot=None), "snapshot: there is none", "the standby takes one"),
    ("a bad snapshot", shot(refused=["x: it is empty"]), "cannot be used: x: it is empty", "an older one is used"),
    ("one snapshot", shot(usable=1), "only one can be used", "copy this one"),
    ("an old snapshot", shot(replay=100_001), "100,001 commands have come since", "a standby runs"),
    ("a full partition", having(disks=[replace(DISK, free=500_000_000)]), "0.5 GB of 1,000 GB are free", "make room"),
    ("a disk that fills", served(rate=5_000.0), "500.0 GB are free for streams, database: 12 h", "make room"),
    ("a halted market", having(halted=["A-B", "C-D"]), "markets: halted: A-B, C-D", "cancel_only"),
    ("a sick gateway", having(gateway="view: stalled"), "gateway: view: stalled", "503"),
    ("streams away", having(server=None, why={"streams": "no answer"}), "cannot be asked: no answer", "nobody trades"),
    ("database away", having(database=None, why={"database": "gone"}), "database: cannot be asked", "trading goes on"),
    ("replicas away", having(asked=replace(healthy().asked, replicas=1)), "0 of 1 are connected", "EXCHANGE_REPLICAS"),
    (
        "a crash",
        having(supervised=[RoleState("engine", 7, "crashed", NOW, "boom")]),
        "engine: crashed: boom",
        "by itself",
    ),
    (
        "divergence",
        refused("exchange standby: Mismatch: entry 5-0 differs"),
        "standby: REFUSES TO RUN",
        "exchange audit",
    ),
    ("a gap", refused("exchange standby: Trimmed: the log"), "Trimmed: the log", "exchange restore"),
    ("a newer format", refused("exchange project journal: NewerFormat: x"), "NewerFormat", "run that version"),
    ("an unknown refusal", refused("something"), "REFUSES TO RUN: something", "its last words"),
]


def told(survey: Survey) -> list[tuple[str, str]]:
    return [(f"{concern.about}: {concern.what}", concern.do) for concern in judge.concerns(survey)]


def test_a_healthy_exchange_raises_nothing() -> None:
    assert told(healthy()) == []


@pytest.mark.parametrize("change,what,do", [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_a_fault_is_named_with_what_to_do(change: Callable[[Survey], None], what: str, do: str) -> None:
    survey = healthy()
    change(survey)
    found = [(said, advice) for said, advice in told(survey) if what in said]
    assert len(found) == 1, told(survey)
    assert do in found[0][1]
    assert len(told(survey)) == 1


def test_a_role_that_refuses_is_not_called_missing_as_well() -> None:
    survey = healthy()
    refused("exchange standby: Mismatch: x")(survey)
    survey.server = replace(SERVER, roles=without("standby"))
    assert [said.partition(":")[0] for said, _ in told(survey)] == ["standby"]


def test_in_a_sandbox_whose_time_is_not_the_walls_no_clock_is_held_against_it() -> None:
    survey = healthy()
    survey.sandbox = True
    ahead = replace(STREAM, last="1900000000000-0")
    late = [*without("project"), LATE]
    survey.server = replace(SERVER, clock_ahead_ms=9_999, commands=ahead, events=ahead, roles=late)
    assert told(survey) == []


@pytest.mark.parametrize(
    "change,words",
    [
        (
            having(),
            ["nothing that was answered", "nothing that was answered (fsync always)", "the last 1 s of the log"],
        ),
        (served(fsync="everysec"), ["nothing", "up to the last second", "where the journal ends"]),
        (served(fsync="off"), ["loses EVERYTHING", "EVERYTHING", "where the journal ends"]),
        (served(fsync=None), ["nothing", "unknown: this user may not ask", "where the journal ends"]),
        (kept(journal=""), ["nothing", "fsync always", "EVERYTHING: nothing is archived"]),
        (having(asked=replace(healthy().asked, replicas=2)), ["nothing", "always", "fewer than 2 replicas have"]),
    ],
)
def test_what_a_crash_would_cost_is_said_as_it_is(change: Callable[[Survey], None], words: list[str]) -> None:
    survey = healthy()
    change(survey)
    said = crash.told(survey)
    for word, line in zip(words, said, strict=False):
        assert word in line


def test_the_way_back_is_estimated_from_snapshot_and_replay() -> None:
    survey = healthy()
    assert crash.recovery_seconds(survey) == pytest.approx(0.4 + 2.0 + 0.1)
    survey.recovery_s = crash.recovery_seconds(survey)
    assert "in about 0.15 s by a standby, without one in 2.5 s" in crash.told(survey)[-1]
    survey.server = replace(SERVER, roles=without("standby"))
    assert "about 2.5 s after a crash of the engine" in crash.told(survey)[-1]
    survey.engine = "interpreted"
    assert crash.recovery_seconds(survey) == pytest.approx(0.4 + 2.0 + 0.5)
    survey.snapshot = None
    assert crash.recovery_seconds(survey) == pytest.approx(0.4 + 5 * 200_000 / 140_000)


def test_time_left_is_room_over_rate() -> None:
    survey = healthy()
    assert memory_seconds(SERVER) == pytest.approx(850_000_000 / (600 * 1_000))
    assert disk_seconds(survey, DISK) == pytest.approx(500e9 / ((400 + 1_991.5) * 1_000))
    assert memory_seconds(replace(SERVER, rate=0.0)) is None
    assert disk_seconds(survey, replace(DISK, what="snapshots")) is None


def test_the_screen_begins_with_what_needs_attention() -> None:
    survey = healthy()
    survey.crash = crash.told(survey)
    assert next(lines(survey)).endswith(": fine")
    survey.sandbox = True
    survey.server = replace(SERVER, fsync="everysec", rate=None)
    survey.concerns = judge.concerns(survey)
    screen = list(lines(survey))
    assert screen[0] == "exchange 1, engine compiled, SANDBOX, /h: 1 thing needs attention"
    assert screen[2].startswith("!! streams: the server's appendfsync is everysec")
    assert any(line.startswith("chain head  1700000099000-0 abab") for line in screen)
    assert any("process 100, at 1700000099000-0, 0 entries behind" in line for line in screen)
