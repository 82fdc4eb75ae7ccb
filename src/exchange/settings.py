"""The one settings object: typed, from the environment, printed by `exchange settings`.

Each field is read from `EXCHANGE_<NAME>`; `REDIS_URL` and `DATABASE_URL` keep the names everybody knows. Where no
server's URL is set, the addresses that a running `exchange up` left in `<home>/run/servers.json` are used, so that any
sub-command finds the servers of the exchange in this home.

No password of the stream server of one's own stands in the settings: `redis_for` looks it up for who is about to
connect.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, Literal, get_args

from exchange.effects import sandbox_mark
from exchange.effects.redis import passwords as redis_passwords

Fsync = Literal["always", "everysec"]
TimescaleMode = Literal["auto", "on", "off"]

_RANGES = (
    ("standbys", 0, 8),
    ("takeover_ms", 10, 60_000),
    ("replicas", 0, 8),
    ("stream_memory_mb", 0, 10_000_000),
    ("stream_keep", 1_000, 10**12),
    ("journal_every", 1, 1_000_000),
    ("journal_seconds", 1, 86_400),
    ("token_minutes", 1, 1_440),
    ("session_days", 1, 366),
    ("limit_weight", 0, 10**12),
    ("limit_raw", 0, 10**12),
    ("limit_connections", 0, 10**12),
    ("limit_orders_10s", 0, 10**12),
    ("limit_orders_day", 0, 10**12),
)
"""Whole numbers with bounds of their own."""

_PREFIX: Final = re.compile(r"[\w.:{}-]+", re.ASCII)
"""What may stand before a key without being taken for a pattern in the stream users' rules."""

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says what would do."""


@dataclass(frozen=True)
class Settings:
    """Everything that can be set, with its default."""

    home: Path
    """All state: server data, keys, logs, pid files."""
    snapshots: Path
    """Engine snapshots: `<home>/snapshots`, but `./snapshots` for the home `./var`; those of what runs in the home."""
    host: str = "127.0.0.1"
    """Address the gateway listens on; loopback unless asked otherwise."""
    port: int = 8000
    """The gateway's port, REST and WebSocket."""
    gateways: int = 1
    """Gateway processes sharing the port."""
    redis_url: str = ""
    """The streams' server; empty: an embedded one."""
    database_url: str = ""
    """PostgreSQL, `postgresql://…`; empty: an embedded one."""
    streams: str = "exchange"
    """Prefix of every Redis key; one prefix is one log."""
    fsync: Fsync = "always"
    """The embedded stream server's `appendfsync`. With `everysec` a power loss takes back up to a second of
    acknowledged commands; a killed process takes back nothing in either mode."""
    timescale: TimescaleMode = "auto"
    """Hypertables: when the extension is there, always (else refuse), or never."""
    demo: bool = False
    """Demo assets, markets and market maker, and a faucet: deposits credit at once. `make up` sets it."""
    snapshot_every: int = 50_000
    """The standby takes a snapshot after this many commands…"""
    snapshot_seconds: int = 300
    """… or this many seconds, if any command came."""
    snapshot_keep: int = 3
    """How many snapshots are kept; at least 2."""
    standbys: int = 1
    """Shadow engines that `exchange up` runs; 0 to 8. Without any there are no snapshots, and so nothing is trimmed."""
    takeover_ms: int = 100
    """A standby publishes itself when a command has had no result for so long."""
    replicas: int = 0
    """Nobody is shown an entry before so many replicas of the stream server have it; 0 to 8."""
    replicas_on_disk: bool = False
    """… and have it on their disks (WAITAOF: Redis 7.2 or newer, Valkey)."""
    stream_memory_mb: int = 0
    """Memory limit of the embedded stream server; 0: half of the machine's."""
    stream_keep: int = 200_000
    """So many of the newest entries are never trimmed from the streams."""
    journal_every: int = 10_000
    """Most entries in one segment of the journal…"""
    journal_seconds: int = 10
    """… and the longest that an entry waits to be archived."""
    journal_folder: str = ""
    """Also keep the journal's segments as files in this folder; empty: only in the database."""
    token_minutes: int = 15
    """How long an access token is valid; clients refresh it."""
    session_days: int = 30
    """How long a session lives that is not refreshed."""
    limit_weight: int = 6_000
    """Request weight that an address has in a minute; 0: no limit."""
    limit_raw: int = 61_000
    """Requests of an address in five minutes; 0: no limit."""
    limit_connections: int = 300
    """New WebSocket connections of an address in five minutes; 0: no limit."""
    limit_orders_10s: int = 100
    """New orders of an account in ten seconds, but for those that traded; 0: no limit."""
    limit_orders_day: int = 200_000
    """The same in a UTC day."""
    proxies: str = ""
    """Addresses and networks of proxies in front, with commas: their X-Forwarded-For is believed."""
    log_level: str = "info"
    """debug, info, warning or error."""

    @property
    def commands_key(self) -> str:
        """The command stream."""
        return f"{self.streams}:commands"

    @property
    def events_key(self) -> str:
        """The event stream."""
        return f"{self.streams}:events"

    @property
    def limits_key(self) -> str:
        """What counters' keys begin with."""
        return f"{self.streams}:limits"

    @property
    def proxy_networks(self) -> list[IPv4Network | IPv6Network]:
        """The proxies whose word on where a request comes from is taken.

        Raises:
            SettingsError: one of them is no address and no network.
        """
        try:
            return [ip_network(part.strip()) for part in self.proxies.split(",") if part.strip()]
        except ValueError as error:
            raise SettingsError(
                f"EXCHANGE_PROXIES is a list of addresses and networks, like 10.0.0.7,10.1.0.0/16: {error}"
            ) from None

    def redis_for(self, user: str) -> str:
        """The stream server's address for who connects as this user (`effects.redis.users`).

        For the server that `exchange up` runs in this home, its user and password are put in. Any other address is used
        as it is, and so is one that has credentials already.

        Raises:
            SettingsError: no stream server is known, or its passwords cannot be read.
        """
        if not self.redis_url:
            raise SettingsError(
                "no stream server is known: set REDIS_URL, or start `exchange up` in this EXCHANGE_HOME"
            )
        note = _running_servers(self.home)
        passwords = note.get("passwords")
        if not passwords or note.get("redis_url") != self.redis_url or redis_passwords.has_credentials(self.redis_url):
            return self.redis_url
        try:
            password = redis_passwords.load(Path(passwords))[user]
        except redis_passwords.PasswordsUnusable as error:
            raise SettingsError(str(error)) from error
        return redis_passwords.with_credentials(self.redis_url, user, password)

    @property
    def sandbox(self) -> bool:
        """Whether this home is a fork's: a market with a clock of its own, for ever."""
        return (self.home / sandbox_mark.FILE).exists()

    @property
    def clock_key(self) -> str:
        """The sandbox's clock; empty where time is time."""
        return f"{self.streams}:clock" if self.sandbox else ""

    @property
    def run_dir(self) -> Path:
        """Pid files, sockets and `servers.json` of what runs now."""
        return self.home / "run"

    @property
    def keys_dir(self) -> Path:
        """Generated keys (0700)."""
        return self.home / "keys"

    @property
    def logs_dir(self) -> Path:
        """One log file for each role and server."""
        return self.home / "logs"


_PUBLIC_NAMES = {"redis_url": "REDIS_URL", "database_url": "DATABASE_URL"}


def variable(name: str) -> str:
    """The environment variable that sets a field."""
    return _PUBLIC_NAMES.get(name, f"EXCHANGE_{name.upper()}")


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a value has the wrong form or is out of range.
    """
    env = os.environ if environ is None else environ
    home = Path(env.get("EXCHANGE_HOME") or "var").absolute()
    running = _running_servers(home)
    own = Path("snapshots") if home == Path("var").absolute() else home / "snapshots"
    values: dict[str, object] = {
        "home": home,
        "snapshots": Path(env.get("EXCHANGE_SNAPSHOTS") or running.get("snapshots") or own).absolute(),
    }
    for field in fields(Settings):
        if field.name in values:
            continue
        text = env.get(variable(field.name))
        if text is not None:
            values[field.name] = _read(field.name, field.type, text)
    for name in _PUBLIC_NAMES:
        if not values.get(name) and name in running:
            values[name] = running[name]
    settings = Settings(**values)  # type: ignore[arg-type]
    _check(settings)
    return settings


def _read(name: str, kind: object, text: str) -> object:
    if kind is bool:
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise SettingsError(f"{variable(name)} must be yes or no, not {text!r}")
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise SettingsError(f"{variable(name)} must be a whole number, not {text!r}") from None
    choices = get_args(kind)
    if choices and text not in choices:
        raise SettingsError(f"{variable(name)} must be one of {', '.join(choices)}, not {text!r}")
    return text


def _check(settings: Settings) -> None:
    if not 0 < settings.port < 65536:
        raise SettingsError(f"EXCHANGE_PORT must be between 1 and 65535, not {settings.port}")
    if settings.gateways < 1:
        raise SettingsError("EXCHANGE_GATEWAYS must be at least 1")
    if settings.snapshot_keep < 2:
        raise SettingsError("EXCHANGE_SNAPSHOT_KEEP must be at least 2: the newest may turn out damaged")
    for name, lowest, highest in _RANGES:
        if not lowest <= getattr(settings, name) <= highest:
            raise SettingsError(f"{variable(name)} must be between {lowest} and {highest}")
    if _PREFIX.fullmatch(settings.streams) is None:
        raise SettingsError("EXCHANGE_STREAMS may have letters, digits and . : _ - { } only")
    if settings.replicas_on_disk and not settings.replicas:
        raise SettingsError("EXCHANGE_REPLICAS_ON_DISK says where replicas keep entries: set EXCHANGE_REPLICAS too")
    if settings.replicas_on_disk and settings.fsync != "always":
        raise SettingsError(
            "EXCHANGE_REPLICAS_ON_DISK needs EXCHANGE_FSYNC=always: under everysec a server says so too early"
        )
    _ = settings.proxy_networks
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise SettingsError("EXCHANGE_LOG_LEVEL must be debug, info, warning or error")


def _running_servers(home: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((home / "run" / "servers.json").read_text())
    except (OSError, ValueError):
        return {}
    return found
