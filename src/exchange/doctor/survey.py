"""What the doctor found out: plain facts, without an opinion. None means that it could not be asked; `why` has reasons.

Positions are entries' ids as text, times milliseconds since the epoch, sizes bytes, rates entries a second.
"""

from dataclasses import dataclass, field

from exchange.effects.role_states import RoleState


@dataclass(frozen=True)
class Stream:
    """One of the two streams."""

    length: int
    first: str
    """The oldest entry that is there; empty when there is none."""
    last: str
    """The newest entry that was ever added."""
    added: int | None
    """How many were ever added, if the server counts them (Redis 7.0 or newer)."""
    bytes: int | None
    """Memory, estimated by the server from a sample."""


@dataclass(frozen=True)
class Presence:
    """A role's process, as its connections name it."""

    role: str
    pid: int
    position: str
    """How far it had come when it last said so, at most a second before it last read."""
    behind: int | None = None
    """Entries of the event stream after that, counted up to a limit."""
    behind_ms: int | None = None
    """How long before the newest entry that was, by the log's time."""


@dataclass(frozen=True)
class StreamServer:
    """The stream server and what it holds."""

    version: str
    fsync: str | None
    """`appendfsync`; `off` without an append-only file; None when it may not be asked."""
    write_error: str
    """Why it last could not write its append-only file; empty when it could."""
    memory: int
    memory_limit: int
    """0: none."""
    eviction: str
    aof_bytes: int
    replicas: int
    now_ms: int
    """Its clock."""
    clock_ahead_ms: int
    """How far its clock is before this machine's; within half a round trip."""
    refused: int
    """Commands and log-ins that the users' rules turned away since it started."""
    uptime_s: int
    commands: Stream | None
    events: Stream | None
    chain: str
    """Of the newest event entry."""
    waiting: int
    """Commands without a result, counted up to a limit."""
    waiting_ms: int
    """How long the oldest of them has been waiting."""
    rate: float | None
    """Entries a second, over the last thousand; None in a sandbox, whose time is not the wall's."""
    roles: list[Presence] | None
    """None when it may not be asked who is connected."""
    groups: dict[str, str]
    """How far each consumer group of the event stream has come."""


@dataclass(frozen=True)
class Database:
    """The database, its projections and the journal in it."""

    version: str
    bytes: int
    projections: dict[str, str]
    journal: str | None
    """Where the newest archived segment ends; empty when nothing is archived; None without the table."""
    journal_entries: int
    """How many entries are archived."""


@dataclass(frozen=True)
class Snapshot:
    """The newest snapshot that a start-up could use."""

    name: str
    position: str
    created_ms: int
    bytes: int
    replay: int
    """Commands after it, counted up to a limit."""
    usable: int
    """How many snapshots are whole and of this log, this one included."""
    refused: list[str]
    """Newer ones, or ones beside it, that could not be used, with the reason."""


@dataclass(frozen=True)
class Checkpoint:
    """The newest signed checkpoint that is kept in the home."""

    position: str
    time_ms: int


@dataclass(frozen=True)
class Disk:
    """A file system that something here grows on."""

    what: str
    path: str
    free: int
    size: int


@dataclass(frozen=True)
class Concern:
    """Something that needs attention, and what to do about it."""

    about: str
    what: str
    do: str


@dataclass(frozen=True)
class Asked:
    """The settings that facts are judged by (`Settings`)."""

    fsync: str
    replicas: int
    takeover_ms: int
    snapshot_every: int
    journal_seconds: int
    logs: str


@dataclass
class Survey:
    """Everything that was found."""

    version: str
    engine: str
    """Whether the engine is compiled here."""
    home: str
    sandbox: bool
    now_ms: int
    asked: Asked
    expected: dict[str, int]
    """How many processes of each role these settings ask for."""
    server: StreamServer | None = None
    database: Database | None = None
    gateway: str | None = None
    """What the gateway's health check says; empty when all is well, None when it was not asked."""
    halted: list[str] = field(default_factory=list)
    """Markets that are halted, as far as the gateway says."""
    supervised: list[RoleState] = field(default_factory=list)
    snapshot: Snapshot | None = None
    checkpoint: Checkpoint | None = None
    disks: list[Disk] = field(default_factory=list)
    why: dict[str, str] = field(default_factory=dict)
    """For each part that could not be asked, the reason."""
    concerns: list[Concern] = field(default_factory=list)
    recovery_s: float | None = None
    """Estimated seconds from a crash of the engine back to trading, without a standby."""
    crash: list[str] = field(default_factory=list)
    """What a crash now would cost, in plain words."""
