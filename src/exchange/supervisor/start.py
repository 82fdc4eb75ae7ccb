"""From nothing to `ready`, and back.

Servers, schema, roles, demo data, market maker: each step is said when it is done, and each that fails says what to do.
Then everything is watched until somebody asks for the end, and stopped in the opposite order: clients first, servers
last, so that no role loses its server while it finishes.
"""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from exchange import __version__, compiled, demo
from exchange.effects import role_states
from exchange.embedded import memory
from exchange.embedded.postgres import PostgresServer
from exchange.embedded.process import ServerError, spawn, tail
from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Settings, load, variable
from exchange.supervisor.children import LONGEST_HALT, Children, Refusal, Role, last_words
from exchange.supervisor.home import Home, HomeError, masked, refuse_taken_port
from exchange.supervisor.kinds import (
    DOORS,
    ENGINE,
    GATEWAY,
    JOURNAL,
    MARKET_MAKER,
    MIGRATION,
    PROJECTOR,
    STANDBY,
    Kind,
    environment,
    numbered,
)
from exchange.supervisor.signals import Signals, Stop, watched

CRASHES_AT_START = 4
"""So many crashes of one role while everything starts, and the start is given up."""
READY_SECONDS = 300.0
STOP_SECONDS = 15.0
_PATIENCE_SECONDS = 10.0

CLIENTS = ("market-maker",)

_MEGABYTE = 1024 * 1024


def up(settings: Settings, say: Callable[[str], None]) -> int:
    """Run the exchange in the home of these settings until a signal asks for the end.

    Returns:
        The exit code: 0 after a clean end, 1 when it could not start (said).
    """
    home = Home(settings)
    try:
        home.take(address(settings))
        try:
            settings = load_again(settings)
            refuse_shared(settings)
            with watched() as signals:
                return _Exchange(home, settings, signals, say).run()
        finally:
            home.release()
    except HomeError as error:
        say(f"exchange: {error}")
        return 1


def refuse_shared(settings: Settings) -> None:
    """See that a sandbox keeps to its own home: on the source's servers it would write the source's tables anew, and
    throw away its snapshots.

    Raises:
        HomeError: something is set that lies elsewhere.
    """
    if not settings.sandbox:
        return
    elsewhere = [variable(name) for name in ("redis_url", "database_url", "journal_folder") if getattr(settings, name)]
    if not settings.snapshots.is_relative_to(settings.home):
        elsewhere.append(variable("snapshots"))
    if elsewhere:
        raise HomeError(f"{settings.home} is a sandbox, and keeps to its own folder: unset {', '.join(elsewhere)}")


def load_again(settings: Settings) -> Settings:
    """The settings without what an earlier run that was killed left: only what the environment names counts."""
    fresh = load()
    return replace(settings, redis_url=fresh.redis_url, database_url=fresh.database_url, snapshots=fresh.snapshots)


def address(settings: Settings) -> str:
    """Where a browser on this machine finds the gateway."""
    host = reach(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def reach(host: str) -> str:
    """The address at which this machine reaches what listens on `host`: loopback for those that mean every address."""
    return "127.0.0.1" if host in {"", "0.0.0.0", "::"} else host  # noqa: S104  nothing is bound here


class _Exchange:
    def __init__(self, home: Home, settings: Settings, signals: Signals, say: Callable[[str], None]) -> None:
        self._home = home
        self._settings = settings
        self._signals = signals
        self._say = say
        self._children = Children(signals, lambda line: say(f"{time.strftime('%H:%M:%S')}  {line}"))
        self._valkey: ValkeyServer | None = None
        self._postgres: PostgresServer | None = None
        self._began = time.monotonic()

    def run(self) -> int:
        code = 0
        try:
            self._start()
            while True:
                self._signals.pause(self._look())
        except Stop:
            self._say("stopping (once more: at once)")
        except (ServerError, HomeError, Refusal, demo.DemoError) as error:
            self._say(f"exchange: {error}")
            code = 1
        self._stop()
        if code == 0:
            self._say("stopped; the next start goes on from here")
        return code

    def _start(self) -> None:
        self._say(f"exchange {__version__}, engine {compiled.status()}, state in {self._home.path}")
        if self._settings.sandbox:
            self._say("SANDBOX: a fork with a clock of its own; nothing here is the real market")
        refuse_taken_port(self._settings.host, self._settings.port)
        self._streams()
        self._note()
        self._roles({"engine": ENGINE, **dict.fromkeys(numbered("standby", self._settings.standbys), STANDBY)})
        self._database()
        self._note()
        self._migrate()
        doors = {f"{DOORS}-{number}": GATEWAY for number in range(1, self._settings.gateways + 1)}
        self._roles({"project-timescale": PROJECTOR, "project-journal": JOURNAL, **doors})
        self._wait_healthy()
        if self._settings.demo:
            self._done("demo", demo.prepare(self._settings, address(self._settings), self._signals.pause))
            self._roles(dict.fromkeys(CLIENTS, MARKET_MAKER))
        self._say(f"ready {address(self._settings)}")
        self._say(screen(self._settings, self._home))

    def _streams(self) -> None:
        if self._settings.redis_url:
            self._done("streams", "the server of REDIS_URL")
            return
        if self._settings.replicas:
            raise HomeError(
                "EXCHANGE_REPLICAS asks for replicas, and the stream server that is started here has none: set "
                "REDIS_URL to a server that has, or EXCHANGE_REPLICAS=0"
            )
        self._valkey = ValkeyServer(
            self._settings.home / "valkey",
            sockets=self._home.run_dir / "valkey",
            log=self._home.log("valkey"),
            fsync=self._settings.fsync,
            keys=self._settings.keys_dir,
            streams=self._settings.streams,
            sandbox=self._settings.sandbox,
            memory=stream_memory(self._settings),
            pause=self._signals.pause,
        )
        self._children.start(self._valkey, LONGEST_HALT)
        self._settings = replace(self._settings, redis_url=self._valkey.url)
        limit = f"up to {stream_memory(self._settings) // _MEGABYTE:,} MB"
        self._done("streams", f"a server of its own, fsync {self._settings.fsync}, {limit}")

    def _database(self) -> None:
        if self._settings.database_url:
            self._done("database", "the server of DATABASE_URL")
            return
        self._postgres = PostgresServer(
            self._settings.home / "postgres",
            sockets=self._home.run_dir / "postgres",
            log=self._home.log("postgres"),
            pause=self._signals.pause,
        )
        self._children.start(self._postgres)
        self._settings = replace(self._settings, database_url=self._postgres.url)
        self._done("database", "a PostgreSQL of its own")

    def _migrate(self) -> None:
        log = self._home.log("migrate")
        child = spawn(_argv(*MIGRATION.words), log=log, environ=environment(self._settings, MIGRATION))
        try:
            while child.poll() is None:
                self._signals.pause(0.5)
        except Stop:
            child.terminate()
            child.wait()
            raise
        if child.returncode != 0:
            raise ServerError(f"the database's schema cannot be brought up to date.\n{tail(log)}")
        self._done("schema", last_words(log))

    def _roles(self, roles: Mapping[str, Kind]) -> None:
        """Start roles, by their names."""
        for name, kind in roles.items():
            environ = environment(self._settings, kind)
            self._children.start(Role(name, _argv(*kind.words), environ, self._home.log(name)))
        self._done("roles", ", ".join(roles))

    def _note(self) -> None:
        """Tell other commands where the servers are."""
        passwords = self._valkey.passwords if self._valkey else None
        self._home.note_servers(self._settings.redis_url, self._settings.database_url, passwords)

    def _look(self) -> float:
        """Look after the children, and note for others what became of them; the seconds until the next look."""
        seconds = self._children.look()
        if self._children.changed:
            self._children.changed = False
            role_states.write(self._home.run_dir, self._children.states())
        return seconds

    def _wait_healthy(self) -> None:
        began = time.monotonic()
        said = began
        while (answer := health(self._settings)) != "":
            now = time.monotonic()
            if now - began > READY_SECONDS:
                raise Refusal(f"not healthy after {READY_SECONDS:.0f} s: {answer}; logs in {self._home.logs_dir}")
            if now - said > _PATIENCE_SECONDS:
                said = now
                self._say(f"  … not healthy yet: {answer}")
            self._look()
            self._children.refuse_failing(CRASHES_AT_START)
            self._signals.pause(0.05)
        self._done("healthy", f"{address(self._settings)}/healthz")

    def _stop(self) -> None:
        names = self._children.names()
        doors = [name for name in names if name.startswith(f"{DOORS}-")]
        servers = [server.name for server in (self._postgres, self._valkey) if server is not None]
        inner = [name for name in names if name not in {*CLIENTS, *doors, *servers}]
        for group in ([*CLIENTS], doors, inner):
            self._children.stop(group, signal.SIGTERM, STOP_SECONDS)
        for server in (self._postgres, self._valkey):
            if server is not None:
                self._children.stop([server.name], server.stop_signal, STOP_SECONDS)
                server.stop()

    def _done(self, step: str, what: str) -> None:
        self._say(f"{time.monotonic() - self._began:6.1f} s  {step:<9} {what}")


def stream_memory(settings: Settings) -> int:
    """The memory limit in bytes of a stream server of one's own: as set, or half of what there is."""
    return settings.stream_memory_mb * _MEGABYTE or memory.available() // 2


def health(settings: Settings) -> str:
    """What the gateway's health check finds missing; the empty text when nothing."""
    connection = HTTPConnection(reach(settings.host), settings.port, timeout=5.0)
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        body = response.read(4096).decode(errors="replace").strip()
    except (OSError, HTTPException) as error:
        return f"no answer from the gateway ({error})"
    finally:
        connection.close()
    return "" if response.status == 200 else f"{response.status} {body}"


def screen(settings: Settings, home: Home) -> str:
    """One screen of addresses and of what to try."""
    url = address(settings)
    command = _near(Path(sys.executable).with_name("exchange"))
    if home.path != load({}).home:
        command = f"EXCHANGE_HOME={_near(home.path)} {command}"
    places = [
        ("REST", f"{url}/api/v1 (docs/api.md)"),
        ("feeds", f"{url.replace('http', 'ws', 1)}/api/v1/ws"),
        ("streams", f"{masked(settings.redis_url)} ({settings.commands_key}, {settings.events_key})"),
        ("database", masked(settings.database_url)),
        ("logs", str(home.logs_dir)),
    ]
    things = [
        (f"{command} doctor", "how every part stands, and what a crash would cost now"),
        (f"{command} replay", "re-execute the whole log and compare every entry"),
    ]
    if settings.demo:
        places.insert(2, ("sign in", demo.accounts()))
        things.insert(0, (f"curl -s '{url}/api/v1/depth?market=TATA-INR&limit=5'", "a book"))
    else:
        things.insert(0, (f"{command} admin token", "an administrator's token, to make assets and markets"))
    shown = [f"  {name:<9} {place}" for name, place in places] + [""]
    shown += [f"  {thing}\n      {why}" for thing, why in things]
    title = ["", "  SANDBOX: a fork; its time is what `exchange clock` says"] if settings.sandbox else []
    return "\n".join([*title, "", *shown, ""])


def _near(path: Path) -> str:
    """The path as one types it from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _argv(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "exchange", *arguments]
