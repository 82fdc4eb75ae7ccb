"""One run: a world wired from a seed, broken for a while, then left alone until everything is done.

In the safety phase something breaks every few steps: a process is killed between two effects, the server dies in
mid-turn, the power goes, replies vanish, the disk rots. In the liveness phase nothing breaks any more, and every client
must get its answer and every reader reach the end. Then the checks judge what is left.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import log as logarithm
from random import Random

from exchange.settings import Fsync
from exchange.terms.stream import EventEntry, StreamId, format_id
from tests.simulation import actors, checks, gateway, journal
from tests.simulation.checks import Violation
from tests.simulation.clients import Answer, Client, meddle, set_up
from tests.simulation.clock import SimClock
from tests.simulation.disk import Disk
from tests.simulation.log import SimLog
from tests.simulation.projector import Database
from tests.simulation.scheduler import Process, Scheduler, Stuck, Task, Wait
from tests.simulation.server import Server

LIVENESS_STEPS = 10_000
_OPENED = b'"type":"log_opened"'
LONGEST_PAUSE_US = 3_000_000
HANGING_US = 150_000
"""How long a reader on an undisturbed server may take to come by an entry."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a seed makes of a run."""

    seed: int
    fsync: Fsync
    engines: int
    standbys: int
    headless: bool
    """Once the faults stop no engine comes back: what is left is the standbys' to do."""
    gateways: int
    clients: int
    requests: int
    clock_back: bool
    """The server's clock is set back an hour: ids go on by their sequence, and those lost in a cut are given again."""
    trims: bool
    """A journal archives, and trims the streams."""
    crashes: int
    fault_every: int
    """Mean number of steps between two faults."""

    @staticmethod
    def of(seed: int) -> "Plan":
        """Draw a plan. A log that may lose its tail is not trimmed: its projection may have to begin again."""
        random = Random(seed)
        fsync: Fsync = "always" if random.random() < 0.55 else "everysec"
        return Plan(
            seed,
            fsync,
            (1, 1, 2, 3)[int(random.random() * 4)],
            (1, 1, 2, 3)[int(random.random() * 4)],
            random.random() < 0.25,
            1 + int(random.random() * 2),
            2 + int(random.random() * 3),
            4 + int(random.random() * 12),
            random.random() < 0.75,
            fsync == "always" and random.random() < 0.5,
            20 + int(random.random() * 60),
            8 + int(random.random() * 40) if random.random() < 0.8 else 60 + int(random.random() * 100),
        )


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended. `failure` is empty when everything held."""

    plan: Plan
    failure: str
    crashes: int
    commands: int
    answers: int
    lost: int
    steps: int
    seen: Counter[str]
    """How often the run came into which plight: a simulator that has gone blind shows here."""
    trace: str
    """A hash over every step and the log that came out: equal runs have equal ones."""


class World:
    """Server, disk, database and all processes of one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = Random(plan.seed ^ 0x5EED)
        self.scheduler = Scheduler(self.random)
        self.seen: Counter[str] = Counter()
        self.server = Server(self.scheduler, self.random, plan.fsync, self.seen)
        self.disk = Disk(self.random, self.seen)
        self.database = Database()
        self.crashes = 0
        self.failure = ""
        self._trading_clients = plan.clients
        self._headless = False
        self.answers: list[Answer] = []
        self.told: dict[StreamId, list[tuple[list[bytes], bytes, int]]] = {}
        """Every result that ever was in the log: the command's fields, the payload, the cuts before it."""
        self.published_us: dict[StreamId, int] = {}
        self.server.on_publish = self._published
        self.disk.on_kill = self._count
        outside = Process(self.scheduler, "outside", 1)
        self._outside = outside
        clock = SimClock(outside)
        self.gateways = [gateway.GatewayActor(self, number) for number in range(plan.gateways)]
        self.engines = [actors.EngineActor(self, number) for number in range(plan.engines)]
        self.standbys = [actors.StandbyActor(self, number) for number in range(plan.standbys)]
        self.projection = actors.ProjectorActor(self, "projector")
        self.archive: list[EventEntry] = []
        """What the journal has archived."""
        journals = [journal.JournalActor(self, "journal")] if plan.trims else []
        self.actors: list[actors.Actor] = [*self.gateways, *self.engines, *self.standbys, self.projection, *journals]
        self.clients = [
            Client(number, self.random, clock, self._submit, self._answered) for number in range(plan.clients)
        ]
        outside.spawn(self._trading(outside), self._outside_ended)
        outside.spawn(meddle(SimLog(self.server, outside), clock, self.random, 6), self._outside_ended)

    # --- the outside -----------------------------------------------------------------------------------------------

    async def _trading(self, outside: Process) -> None:
        await set_up(self.clients[0], self.plan.clients)
        # What an everysec log may take back begins here: accounts lost with their numbers would only test the test.
        self.server.settle()
        if self.plan.clock_back and not self._headless:
            self.server.clock_offset_ms -= 3_600_000
        for client in self.clients:
            outside.spawn(client.trade(self.plan.requests), self._client_ended)

    def _client_ended(self, error: BaseException | None) -> None:
        self._trading_clients -= 1
        self._outside_ended(error)

    def _outside_ended(self, error: BaseException | None) -> None:
        if error is not None:
            self.fail(f"the outside broke: {error!r}")

    def _submit(self, raw: bytes) -> Wait[tuple[StreamId, bytes]]:
        gateway = self.gateways[int(self.random.random() * len(self.gateways))]
        return gateway.submit(raw)

    def _answered(self, raw: bytes, id: StreamId, payload: bytes) -> None:
        """A client got an answer: it must be the result of the client's own command, or that the result is no longer
        there."""
        if not payload and self.told.get(id) and self.server.trimmed(id):
            self.seen["first result trimmed"] += 1
            return
        for fields, told, cuts in self.told.get(id, []):
            if fields == [b"c", raw] and told == payload:
                self.answers.append(Answer(raw, id, payload, cuts))
                return
        self.fail(f"{raw!r} was answered with {format_id(id)} {payload!r}, which is not its result")

    def _published(self, entries: Sequence[EventEntry]) -> None:
        """Results went into the log: each must be the next command's."""
        server = self.server
        at = len(server.events) - len(entries)
        for offset, entry in enumerate(entries):
            if at + offset >= len(server.commands) or server.commands[at + offset].id != entry.id:
                self.fail(f"entry {format_id(entry.id)} was published where it does not belong")
                return
            self.published_us[entry.id] = self.scheduler.now_us
            fields = server.commands[at + offset].fields
            self.told.setdefault(entry.id, []).append((fields, entry.payload, server.cuts))

    def deadline_passed(self, gateway: str, id: StreamId) -> None:
        """F8: nobody waits in vain for a result that has long been there to read."""
        server = self.server
        if server.event(id) is not None:
            since = max(self.published_us[id], server.disturbed_us)
            if self.scheduler.now_us - since > HANGING_US:
                self.fail(f"{gateway} waited in vain for {format_id(id)}, which had been there to read")

    def fail(self, what: str) -> None:
        """Note what broke; the first counts."""
        if not self.failure:
            self.failure = what

    # --- breaking --------------------------------------------------------------------------------------------------

    def _count(self) -> None:
        self.crashes += 1

    def _break_something(self) -> None:
        """One fault, drawn by weight."""
        random = self.random
        server = self.server
        if self.plan.trims and random.random() < 0.08:
            self._pause_somebody()
        dice = random.random() * 100
        if 57 <= dice < 73 and self._sleepers() and random.random() < 0.9:
            dice = 0  # a restart would wake up whoever sleeps through a trim
        if dice < 57:
            self._kill_somebody()
        elif dice < 61:
            self._take_down_server("kill")
        elif dice < 71:
            self._take_down_server("cut")
        elif dice < 73:
            self._black_out()
        elif dice < 78:
            server.break_connection()
        elif dice < 83:
            server.faults.lose_reply = True
        elif dice < 85:
            server.stall(int(random.random() * 900_000))
            self.seen["server stalled"] += 1
        elif dice < 88:
            server.full = True
            self.scheduler.later(int(random.random() * 200_000), self._make_room)
        elif dice < 90:
            server.clock_offset_ms += int(random.random() * 7_200_000) - 3_600_000
            self.seen["clock set"] += 1
        elif dice < 91:
            self.disk.full = not self.disk.full
        elif dice < 94:
            self.database.down = True
            self.seen["database away"] += 1
            self.scheduler.later(int(random.random() * 200_000), self._database_back)
        elif dice < 97:
            self._pause_somebody()
        else:
            self._rot()

    def _make_room(self) -> None:
        self.server.full = False

    def _database_back(self) -> None:
        self.database.down = False

    def _kill_somebody(self) -> None:
        """Kill a process, more likely one that has just got what it waited for."""
        ready = self.scheduler.ready
        if ready and self.random.random() < 0.6:
            item = ready[int(self.random.random() * len(ready))]
            if isinstance(item, Task) and item.process is not self._outside:
                self._kill(item.process)
                return
        process = self.actors[int(self.random.random() * len(self.actors))].process
        if not process.paused or self.random.random() < 0.1:  # who sleeps is to wake up some time
            self._kill(process)

    def _kill(self, process: Process) -> None:
        if process.alive:
            self.crashes += 1
            self.seen[f"{process.name.split('-')[0]} killed"] += 1
            process.kill()

    def _pause_somebody(self) -> None:
        """Let an engine or a standby stand still for a while, in which others may take over, and the streams be
        trimmed past it."""
        roles = [*self.engines, *self.standbys]
        if self.plan.trims and len(self._sleepers()) == len(roles) - 1:
            return
        process = roles[int(self.random.random() * len(roles))].process
        if process.alive and not process.paused:
            self.seen[f"{process.name.split('-')[0]} paused"] += 1
            process.pause()
            self.scheduler.later(int(self.random.random() ** 3 * LONGEST_PAUSE_US), process.go_on)

    def _sleepers(self) -> list[actors.ReplicaActor]:
        return [role for role in [*self.engines, *self.standbys] if role.process.alive and role.process.paused]

    def gone_for_good(self, actor: actors.Actor) -> bool:
        """Whether an actor that died is not started again."""
        return self._headless and isinstance(actor, actors.EngineActor)

    def _take_down_server(self, how: str) -> None:
        """Kill the server or cut its power, now or in the middle of its next turn."""
        server = self.server
        if not server.up:
            return
        self.crashes += 1
        self.seen[f"server {how}"] += 1
        if self.random.random() < 0.5:
            server.faults.die = how
        elif how == "kill":
            server.kill()
        else:
            server.cut_power()
        self.scheduler.later(int(self.random.random() * 60_000), self._restart_server)

    def _restart_server(self) -> None:
        self.server.faults.die = ""
        self.server.restart()

    def _black_out(self) -> None:
        """The power of everything goes at once."""
        self.crashes += 1
        self.seen["blackout"] += 1
        self.server.cut_power()
        for actor in self.actors:
            actor.process.kill()
        self.scheduler.later(int(self.random.random() * 60_000), self._restart_server)

    def _rot(self) -> None:
        """Damage the newest snapshot, unless one is damaged already."""
        names = self.disk.names()
        if names and not any(name in self.disk.files for name in self.disk.rotten):
            self.disk.rot(names[0])

    def trimmed(self, horizon: StreamId) -> None:
        """The journal has trimmed the streams; a role that is behind has to catch up by a snapshot."""
        self.seen["trimmed past a role"] += any(role.head().id < horizon for role in self._replicas())

    # --- phases ----------------------------------------------------------------------------------------------------

    def run(self) -> Result:
        """Both phases, then the checks."""
        try:
            self._safety()
            self._liveness()
        except Stuck as stuck:
            self.fail(str(stuck))
        lost = 0
        if not self.failure:
            try:
                lost = self._judge()
            except Violation as violation:
                self.fail(str(violation))
        result = self._result(lost)
        for actor in self.actors:
            actor.process.kill()
        self._outside.kill()
        return result

    def _safety(self) -> None:
        scheduler = self.scheduler
        random = self.random
        self.disk.kill_writer = 0.1
        mean = self.plan.fault_every
        due = mean
        while self.crashes < self.plan.crashes and not self.failure and self._trading_clients:
            scheduler.step()
            if scheduler.steps >= due:
                self._break_something()
                due = scheduler.steps + 1 - int(mean * logarithm(1.0 - random.random()))

    def _liveness(self) -> None:
        """Nothing breaks any more: everything must be done within a bounded number of steps."""
        server = self.server
        server.heal()
        self.disk.kill_writer = 0.0
        self.disk.full = False
        self.database.down = False
        for role in [*self.engines, *self.standbys]:
            role.process.go_on()
        if self.plan.headless and any(_OPENED in entry.payload for entry in server.events):
            self._headless = True  # from here on what falls due is the standbys' too: by a clock that is right again
            self.seen["headless"] += 1
            server.clock_offset_ms = max(0, server.clock_offset_ms)
            for engine in self.engines:
                engine.process.kill()
        scheduler = self.scheduler
        limit = scheduler.steps + LIVENESS_STEPS
        while not self.failure and (self._trading_clients or not self._quiet()):
            scheduler.step()
            if scheduler.steps > limit:
                raise Stuck(self._who_waits())

    def _quiet(self) -> bool:
        server = self.server
        return (
            len(server.events) == len(server.commands)
            and self.database.position == server.head()
            and all(replica.at(server.head()) for replica in self._replicas())
            and not (self._headless and self.standbys[0].machine().state.due_ms() >= 0)
        )

    def _replicas(self) -> list[actors.ReplicaActor]:
        """Those that live."""
        return [actor for actor in [*self.engines, *self.standbys] if actor.process.alive]

    def _who_waits(self) -> str:
        server = self.server
        waiting = [client.name for client in self.clients if not client.done]
        return (
            f"without faults, still not done after {LIVENESS_STEPS} steps: waiting {waiting}, "
            f"{len(server.commands)} commands, {len(server.events)} entries, projector at {self.database.position}, "
            f"roles at {[(role.name, role.head()) for role in self._replicas()]}"
        )

    # --- judging ---------------------------------------------------------------------------------------------------

    def _judge(self) -> int:
        server = self.server
        commands, events = server.commands, server.events
        checks.one_entry_each(commands, events)
        checks.chain_holds(commands, events)
        lost = checks.answers_stand(self.answers, events, server.cuts, self.plan.fsync == "everysec")
        results = checks.bodies(events)
        checks.once_each(commands, results)
        folded = checks.money_conserved(results)
        machine = checks.replayed(commands, events)
        checks.machine_agrees(machine, folded)
        for actor in self._replicas():
            checks.same_state(machine, actor.machine(), actor.name)
        checks.archived(self.archive, events, server.first_event)
        checks.snapshots_restore(self.disk, commands, events, machine)
        if self.database.rows != folded:
            raise Violation(f"the projection has {self.database.rows.balances}, the log says {folded.balances}")
        return lost

    def _result(self, lost: int) -> Result:
        server = self.server
        self.seen["projection rebuilt"] += self.database.rebuilt
        digest = sha256(self.scheduler.trace.to_bytes(8, "big"))
        for entry in server.events:
            digest.update(entry.chain)
        for answer in self.answers:
            digest.update(answer.raw + answer.payload)
        digest.update(repr((self.failure, self.crashes, self.random.random(), self.scheduler.now_us)).encode())
        return Result(
            self.plan,
            self.failure,
            self.crashes,
            len(server.commands),
            len(self.answers),
            lost,
            self.scheduler.steps,
            self.seen,
            digest.hexdigest()[:16],
        )
