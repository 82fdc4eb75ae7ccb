"""What each durability mode costs: `POST /api/v1/order` as in `rest`, in each of them, with a replica on this machine.

The replica has the same `appendfsync` as the server. All are in one run, one after the other: read the proportions.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self, cast

from redis import Redis

from benchmarks.report import Figure
from benchmarks.rest import MOST, Gateways
from benchmarks.running import wait
from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Fsync


@dataclass(frozen=True)
class Mode:
    """A mode and its name in the figures."""

    name: str
    fsync: Fsync
    replicas: int = 0
    on_disk: bool = False


MODES: Final = (
    Mode("always", "always"),
    Mode("always_replicated", "always", 1),
    Mode("always_replicated_on_disk", "always", 1, on_disk=True),
    Mode("everysec", "everysec"),
    Mode("everysec_replicated", "everysec", 1),
)


def figures(seconds: float) -> Iterator[Figure]:
    """The median of one client in milliseconds, and the orders a second of many, for each mode."""
    for mode in MODES:
        with Replicated(mode) as gateways:
            yield Figure(f"durability.p50_ms.{mode.name}", gateways.load(1, seconds)["p50"], "ms")
            yield Figure(f"durability.orders_per_s.{mode.name}", gateways.load(MOST, seconds)["rate"], "orders/s")


class Replicated(Gateways):
    """An exchange in a mode; with a replica, if the mode asks for one."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode.fsync)
        self.settings = replace(self.settings, replicas=mode.replicas, replicas_on_disk=mode.on_disk)
        self._replica = ValkeyServer(
            self.home / "replica",
            sockets=self.home / "run-replica",
            log=self.home / "replica.log",
            fsync=mode.fsync,
            guarded=False,
        )

    def __enter__(self) -> Self:
        if self.settings.replicas:
            self._replica.start()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.settings.replicas:
            self._replica.stop()
        super().__exit__(kind, error, trace)

    def serve(self) -> None:
        """Once the servers run, have the replica follow."""
        super().serve()
        if not self.settings.replicas:
            return
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with Redis.from_url(self.settings.redis_url) as primary, Redis.from_url(self._replica.url) as replica:
            for name, value in (("bind", "127.0.0.1"), ("port", port), ("repl-diskless-sync-delay", 0)):
                primary.config_set(name, value)
            replica.execute_command("REPLICAOF", "127.0.0.1", port)
            wait(lambda: cast(dict[str, object], replica.info("replication")).get("master_link_status") == "up")
