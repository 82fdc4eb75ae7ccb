"""The processes of a run, each started anew whenever it was killed.

An actor owns no state of its own between two lives: what a new life knows it has from the log, the disk or the
database. The real roles run inside; a role that ends by itself has failed, since nothing here asks one to stop.
"""

from typing import TYPE_CHECKING

from exchange.engine import Machine
from exchange.roles.engine import Engine
from exchange.roles.memory import Memory
from exchange.roles.standby import Standby
from exchange.terms.stream import Head
from tests.simulation.aside import SimAside
from tests.simulation.clock import SimClock
from tests.simulation.disk import SimSnapshots
from tests.simulation.log import SimLog
from tests.simulation.projector import Connection, Projector
from tests.simulation.scheduler import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

SNAPSHOT_EVERY = 12
RESTART_US = 30_000
LONG_AWAY = 0.15


def never() -> bool:
    """No role is asked to stop."""
    return False


class Actor:
    """Something with a name that is always started again."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.lives = 0
        self.boot()

    def boot(self) -> None:
        """Begin a life."""
        if self.lives and self.world.gone_for_good(self):
            return
        self.lives += 1
        self.process = Process(self.world.scheduler, self.name, self.lives)
        self.process.on_death.append(self._died)
        self.start(self.process)

    def _died(self) -> None:
        world = self.world
        delay = RESTART_US * (10 if world.random.random() < LONG_AWAY else 1)
        world.scheduler.later(int(world.random.random() * delay), self.boot)

    def start(self, process: Process) -> None:
        """Start what a life consists of."""
        raise NotImplementedError

    def ended(self, error: BaseException | None) -> None:
        """A coroutine that should have gone on for ever has ended."""
        self.world.fail(f"{self.name} stopped: {type(error).__name__}: {error}")


class ReplicaActor(Actor):
    """A role with a machine."""

    memory: Memory

    def machine(self) -> Machine:
        """The role's machine, where it stands now."""
        replica = self.memory._replica
        return Machine() if replica is None else replica.machine

    def head(self) -> Head:
        """Up to where the role's machine equals the log."""
        replica = self.memory._replica
        return Machine().head if replica is None else replica.confirmed

    def at(self, head: Head) -> bool:
        """Whether the role's machine stands there, with nothing left to do."""
        replica = self.memory._replica
        return replica is not None and replica.confirmed == head and not replica.pending


class EngineActor(ReplicaActor):
    """The matching engine, one of several."""

    def __init__(self, world: "World", number: int) -> None:
        self._number = number
        super().__init__(world, f"engine-{number}")

    def start(self, process: Process) -> None:
        world = self.world
        engine = Engine(
            SimLog(world.server, process),
            SimSnapshots(world.disk, process),
            SimClock(process),
            batch=1 + int(world.random.random() * 8),
            overlap_from=int(world.random.random() * 5),
            new_log_id=lambda: f"{world.random.getrandbits(128):032x}",
        )
        self.memory = engine._memory
        process.spawn(engine.run(never), self.ended)


class StandbyActor(ReplicaActor):
    """A shadow engine, one of several, which keeps the snapshots."""

    def __init__(self, world: "World", number: int) -> None:
        super().__init__(world, f"standby-{number}")

    def start(self, process: Process) -> None:
        world = self.world
        store = SimSnapshots(world.disk, process)
        standby = Standby(
            SimLog(world.server, process),
            store,
            SimClock(process),
            SimAside(process, store),
            takeover_ms=10 + int(world.random.random() * 100),
            every=1 + int(world.random.random() * SNAPSHOT_EVERY),
            seconds=3600,
            keep=2 + int(world.random.random() * 2),
            batch=1 + int(world.random.random() * 8),
        )
        self.memory = standby._memory
        process.spawn(standby.run(never), self.ended)


class ProjectorActor(Actor):
    """The projection's process."""

    def start(self, process: Process) -> None:
        world = self.world
        projector = Projector(
            SimLog(world.server, process),
            Connection(world.database, process),
            SimClock(process),
            world.database,
        )
        process.spawn(projector.run(), self.ended)
