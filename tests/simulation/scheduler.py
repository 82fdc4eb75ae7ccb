"""Coroutines, virtual time and processes, from one random source.

A simulated effect returns a `Wait`; awaiting it parks the coroutine until somebody resolves it. Among everything that
can go on, the next step is drawn at random: that one rule makes every interleaving reachable, and the seed makes each
repeatable. A `Process` groups the coroutines that die together; killing it closes them where they stand.

It must never let order depend on anything but the seed: no sets of objects, no hashes, no addresses.
"""

import heapq
from collections.abc import Callable, Coroutine, Generator
from random import Random
from typing import Any, Generic, TypeVar

T = TypeVar("T")

STEP_US = 60
"""Virtual microseconds that one step takes."""


class Killed(BaseException):
    """The process this runs in has been killed; raised only by effects, caught only by the scheduler."""


class Stuck(Exception):
    """Nothing can run any more, or the run needs far more steps than it may."""


class Wait(Generic[T]):
    """Something that will be known later; one coroutine may await it."""

    __slots__ = ("scheduler", "task", "done", "value", "error")

    def __init__(self, scheduler: "Scheduler") -> None:
        self.scheduler = scheduler
        self.task: Task | None = None
        self.done = False
        self.value: T | None = None
        self.error: Exception | None = None

    def resolve(self, value: T) -> None:
        """Give the value; the first call counts."""
        if not self.done:
            self.done = True
            self.value = value
            if self.task is not None:
                self.scheduler.ready.append(self.task)

    def fail(self, error: Exception) -> None:
        """Give an error instead; the first call counts."""
        if not self.done:
            self.done = True
            self.error = error
            if self.task is not None:
                self.scheduler.ready.append(self.task)

    def __await__(self) -> Generator["Wait[Any]", None, T]:
        if not self.done:
            yield self
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


class Process:
    """One life of an actor: what it started dies with it. `incarnation` counts the lives of that actor."""

    def __init__(self, scheduler: "Scheduler", name: str, incarnation: int) -> None:
        self.scheduler = scheduler
        self.name = name
        self.incarnation = incarnation
        self.alive = True
        self.paused = False
        self.tasks: list[Task] = []
        self._held: list[Task] = []
        self.on_death: list[Callable[[], None]] = []

    def check(self) -> None:
        """Raises Killed when this life is over: what a `finally` of a killed coroutine still tries does not happen."""
        if not self.alive:
            raise Killed

    def spawn(self, coro: Coroutine[Any, Any, Any], ended: "Callable[[BaseException | None], None]") -> "Task":
        """Run a coroutine in this process; `ended` hears how it ended, unless it was killed."""
        task = Task(self, coro, ended)
        self.tasks.append(task)
        self.scheduler.ready.append(task)
        return task

    def pause(self) -> None:
        """Stand still, as after SIGSTOP: whatever comes is taken up when this goes on."""
        self.paused = True

    def go_on(self) -> None:
        """End a pause."""
        self.paused = False
        held, self._held = self._held, []
        self.scheduler.ready.extend(held)

    def hold(self, task: "Task") -> None:
        """Keep what would run now for when the pause ends."""
        self._held.append(task)

    def kill(self) -> None:
        """End this life now, without a word to anybody in it."""
        if not self.alive:
            return
        self.alive = False
        for task in self.tasks:
            task.abandon()
        self.tasks.clear()
        hooks, self.on_death = self.on_death, []
        for hook in hooks:
            hook()


class Task:
    """A coroutine of a process."""

    __slots__ = ("process", "coro", "ended", "serial")

    def __init__(
        self,
        process: Process,
        coro: Coroutine[Any, Any, Any],
        ended: Callable[[BaseException | None], None],
    ) -> None:
        self.process = process
        self.coro: Coroutine[Any, Any, Any] | None = coro
        self.ended = ended
        self.serial = process.scheduler.next_serial()

    def abandon(self) -> None:
        """Drop the coroutine where it stands; a running one is dropped by the Killed that its effect raises."""
        coro, self.coro = self.coro, None
        if coro is not None and not coro.cr_running:  # type: ignore[attr-defined]
            try:
                coro.close()
            except (Killed, RuntimeError):  # a `finally` that awaits: a killed process would not have come there
                pass

    def step(self) -> None:
        """Run up to the next wait."""
        coro = self.coro
        if coro is None:
            return
        if self.process.paused:
            self.process.hold(self)
            return
        try:
            wait = coro.send(None)
        except StopIteration:
            self._finish(None)
        except Killed:
            self.coro = None
            self.process.kill()
        except Exception as error:  # noqa: BLE001 - whoever started the coroutine judges how it ended
            self._finish(error)
        else:
            if wait.done:
                self.process.scheduler.ready.append(self)
            else:
                wait.task = self

    def _finish(self, error: BaseException | None) -> None:
        self.coro = None
        if self.process.alive:
            self.process.tasks.remove(self)
            self.ended(error)


class Turn:
    """Something other than a coroutine that wants to run once, such as the server's next turn."""

    __slots__ = ("step", "serial")

    def __init__(self, step: Callable[[], None], serial: int) -> None:
        self.step = step
        self.serial = serial


class Scheduler:
    """Runs one thing at a time, drawn at random; `now_us` is virtual time, in microseconds."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now_us = 0
        self.steps = 0
        self.trace = 0
        self.ready: list[Task | Turn] = []
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._serials = 0

    def next_serial(self) -> int:
        """A number for each thing that can run, in the order they came to be: it stands for them in the trace."""
        self._serials += 1
        return self._serials

    def later(self, delay_us: int, action: Callable[[], None]) -> None:
        """Do something after a delay of virtual time."""
        heapq.heappush(self._timers, (self.now_us + delay_us, self.next_serial(), action))

    def sleep(self, seconds: float) -> Wait[None]:
        """A wait that ends after so many virtual seconds."""
        wait: Wait[None] = Wait(self)
        self.later(int(seconds * 1_000_000), lambda: wait.resolve(None))
        return wait

    def step(self) -> None:
        """One step of one thing; virtual time jumps to the next timer when nothing can run.

        Raises:
            Stuck: nothing can run, now or later.
        """
        timers = self._timers
        ready = self.ready
        while timers and (not ready or timers[0][0] <= self.now_us):
            at, _, action = heapq.heappop(timers)
            self.now_us = max(self.now_us, at)
            action()
        if not ready:
            raise Stuck("nothing can run any more")
        last = len(ready) - 1
        chosen = int(self.random.random() * (last + 1))
        item = ready[chosen]
        if chosen != last:
            ready[chosen] = ready[last]
        ready.pop()
        self.steps += 1
        self.now_us += STEP_US
        self.trace = (self.trace * 1_000_003 + item.serial + self.now_us) & 0xFFFFFFFFFFFFFFFF
        item.step()
