"""From nothing to `ready`, and back.

Servers, schema, roles, demo data, market maker: each step is said when it is done, and each that fails says what to do.
Then everything is watched until somebody asks for the end, and stopped in the opposite order: clients first, servers
last, so that no role loses its server while it finishes.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from http.client import HTTPConnection, HTTPException

from exchange import __version__, compiled, demo
from exchange.embedded.postgres import PostgresServer
from exchange.embedded.process import ServerError, spawn, tail
from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Settings, load, variable
from exchange.supervisor.children import Children, Refusal, Role, last_words
from exchange.supervisor.home import Home, HomeError, refuse_taken_port
from exchange.supervisor.signals import Signals, Stop, watched

CRASHES_AT_START = 4
"""So many crashes of one role while everything starts, and the start is given up."""
READY_SECONDS = 300.0
STOP_SECONDS = 15.0
_PATIENCE_SECONDS = 10.0

CLIENTS = ("market-maker",)
DOORS = "api"
"""Gateways are named `api-1`, `api-2`…"""


def up(settings: Settings, say: Callable[[str], None]) -> int:
    """Run the exchange in the home of these settings until a signal asks for the end.

    Returns:
        The exit code: 0 after a clean end, 1 when it could not start (said).
    """
    home = Home(settings)
    try:
        home.take(address(settings))
        try:
            with watched() as signals:
                return _Exchange(home, load_again(settings), signals, say).run()
        finally:
            home.release()
    except HomeError as error:
        say(f"exchange: {error}")
        return 1


def load_again(settings: Settings) -> Settings:
    """The settings without servers of an earlier run that was killed: only what the environment names counts."""
    fresh = load()
    return replace(settings, redis_url=fresh.redis_url, database_url=fresh.database_url)


def address(settings: Settings) -> str:
    """Where a browser on this machine finds the gateway."""
    host = reach(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def reach(host: str) -> str:
    """The address at which this machine reaches what listens on `host`: loopback for those that mean every address."""
    return "127.0.0.1" if host in {"", "0.0.0.0", "::"} else host  # noqa: S104  nothing is bound here


def environment(settings: Settings) -> dict[str, str]:
    """What a child is started with: exactly these settings, whatever this process was started with."""
    values = {variable(field.name): getattr(settings, field.name) for field in fields(settings)}
    texts = {
        name: ("yes" if value else "no") if isinstance(value, bool) else str(value) for name, value in values.items()
    }
    return dict(os.environ) | texts


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
                self._signals.pause(self._children.look())
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
        settings = self._settings
        self._say(f"exchange {__version__}, engine {compiled.status()}, state in {settings.home}")
        refuse_taken_port(settings.host, settings.port)
        self._start_servers()
        self._migrate()
        for role in self._roles():
            self._children.start(role)
        self._done("roles", ", ".join(name for name in self._children.names() if name not in {"valkey", "postgres"}))
        self._wait_healthy()
        if settings.demo:
            self._demo()
        self._say(f"ready {address(settings)}")
        self._say(screen(settings, self._home))

    def _start_servers(self) -> None:
        settings, run_dir = self._settings, self._home.run_dir
        if settings.redis_url:
            self._done("streams", "the server of REDIS_URL")
        else:
            self._valkey = ValkeyServer(
                settings.home / "valkey",
                sockets=run_dir / "valkey",
                log=self._home.log("valkey"),
                fsync=settings.fsync,
                pause=self._signals.pause,
            )
            self._children.start(self._valkey)
            self._done("streams", f"a server of its own, fsync {settings.fsync}")
        if settings.database_url:
            self._done("database", "the server of DATABASE_URL")
        else:
            self._postgres = PostgresServer(
                settings.home / "postgres",
                sockets=run_dir / "postgres",
                log=self._home.log("postgres"),
                pause=self._signals.pause,
            )
            self._children.start(self._postgres)
            self._done("database", "a PostgreSQL of its own")
        self._settings = replace(
            settings,
            redis_url=self._valkey.url if self._valkey else settings.redis_url,
            database_url=self._postgres.url if self._postgres else settings.database_url,
        )
        self._home.note_servers(self._settings.redis_url, self._settings.database_url)

    def _migrate(self) -> None:
        log = self._home.log("migrate")
        child = spawn(_argv("migrate"), log=log, environ=environment(self._settings))
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

    def _roles(self) -> Iterator[Role]:
        yield self._role("engine", "engine")
        yield self._role("standby", "standby")
        yield self._role("project-timescale", "project", "timescale")
        for number in range(1, self._settings.gateways + 1):
            yield self._role(f"{DOORS}-{number}", DOORS)

    def _role(self, name: str, *arguments: str) -> Role:
        return Role(name, _argv(*arguments), environment(self._settings), self._home.log(name))

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
            self._children.look()
            self._children.refuse_failing(CRASHES_AT_START)
            self._signals.pause(0.05)
        self._done("healthy", f"{address(self._settings)}/healthz")

    def _demo(self) -> None:
        self._done("demo", demo.prepare(self._settings, address(self._settings), self._signals.pause))
        self._children.start(self._role(CLIENTS[0], *CLIENTS))
        self._done("clients", ", ".join(CLIENTS))

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
    socket_url = url.replace("http", "ws", 1)
    lines = [
        "",
        f"  REST      {url}/api/v1/markets     docs/api.md",
        f"  feeds     {socket_url}/ws     SUBSCRIBE trades@TATA-INR, depth@BTC-USDT, kline@ETH-USDT_1m …",
        f"  streams   {settings.redis_url}",
        f"            {settings.commands_key}, {settings.events_key}",
        f"  database  {settings.database_url}",
        f"  logs      {home.logs_dir}",
        "",
        f"  curl -s '{url}/api/v1/depth?market=TATA-INR&limit=5'",
        f"  EXCHANGE_HOME={settings.home} exchange replay",
        "",
    ]
    if settings.demo:
        lines.insert(-1, f"  demo accounts: {demo.accounts()}")
    return "\n".join(lines)


def _argv(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "exchange", *arguments]
