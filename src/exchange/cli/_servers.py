"""The servers of a home for a command that works while the exchange does not run.

A server whose address is set is used as it is. For one that `exchange up` would start itself, the home's own is started
for as long as the command takes: the stream server without its rules, because bringing a log back takes what no role
may do. Meanwhile no exchange can start in the home.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from exchange.embedded.postgres import PostgresServer
from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Settings
from exchange.supervisor.home import Home
from exchange.supervisor.start import address, load_again


@contextmanager
def own_servers(settings: Settings) -> Iterator[Settings]:
    """The settings with the addresses of servers that run, for as long as the context lasts.

    Raises:
        HomeError: an exchange runs in this home.
        ServerError: a server cannot be started.
    """
    with ExitStack() as stack:
        home = Home(settings)
        home.take(address(settings))
        stack.callback(home.release)
        found = load_again(settings)
        if not found.redis_url:
            streams = ValkeyServer(
                settings.home / "valkey",
                sockets=home.run_dir / "valkey",
                log=home.log("valkey"),
                fsync=settings.fsync,
                guarded=False,
            )
            stack.callback(streams.stop)
            streams.start()
            found = replace(found, redis_url=streams.url)
        if not found.database_url and (settings.home / "postgres").is_dir():
            database = PostgresServer(
                settings.home / "postgres", sockets=home.run_dir / "postgres", log=home.log("postgres")
            )
            stack.callback(database.stop)
            database.start()
            found = replace(found, database_url=database.url)
        yield found
