"""The snapshot store: what the port promises, and the ways a disk keeps or breaks it.

A write goes line by line into a temporary file and gets its name at the end. The process may be killed after any line,
before the rename and after it: a name either stands for all the lines or does not exist, and strays of killed writers
lie about. What rots is rotten for good: a flipped bit, a lost line, a lost tail.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from random import Random

from exchange.effects.ports import SnapshotStore
from tests.simulation.scheduler import Killed, Process


class Disk:
    """The files; it outlives every process."""

    def __init__(self, random: Random, seen: Counter[str]) -> None:
        self.random = random
        self.seen = seen
        self.files: dict[str, list[bytes]] = {}
        self.full = False
        self.rotten: dict[str, None] = {}
        self.written = 0
        self.stamps: dict[str, int] = {}
        """Which write a file comes from; rot does not show in it."""
        self.kill_writer = 0.0
        """How likely it is that a process dies during a write."""
        self.on_kill: Callable[[], None] = lambda: None

    def names(self) -> list[str]:
        """The complete snapshots, newest first."""
        return sorted(self.files, reverse=True)

    def put(self, name: str, lines: Iterable[bytes], process: Process) -> None:
        """Write as the port promises: all the lines under the name, or nothing."""
        dies_after = self.dies_after()
        written: list[bytes] = []
        for line in lines:
            if len(written) == dies_after:
                self._kill(process)
            if self.full:
                raise OSError(28, "No space left on device")
            written.append(line)
        if dies_after >= 0 and self.random.random() < 0.5:
            self._kill(process)
        self.files[name] = written
        self.written += 1
        self.stamps[name] = self.written
        self.seen["snapshot written"] += 1
        self.rotten.pop(name, None)
        if dies_after >= 0:
            self._kill(process)

    def dies_after(self) -> int:
        """The line at which this write's process dies (possibly after the last), or −1."""
        if self.kill_writer and self.random.random() < self.kill_writer:
            return int(self.random.random() * 5)
        return -1

    def _kill(self, process: Process) -> None:
        self.seen["killed in a snapshot's write"] += 1
        self.on_kill()
        process.kill()
        raise Killed

    def rot(self, name: str) -> None:
        """Damage a snapshot without anybody noticing."""
        lines = list(self.files[name])
        how = int(self.random.random() * 6)
        place = int(self.random.random() * sum(len(line) for line in lines))
        at = 0
        while at < len(lines) - 1 and place >= len(lines[at]):
            place -= len(lines[at])
            at += 1
        if how < 4 and lines:
            line = bytearray(lines[at])
            line[place] ^= 1 << int(self.random.random() * 8)
            lines[at] = bytes(line)
        elif how == 4:
            del lines[at:]
        else:
            del lines[at : at + 1]
        self.files[name] = lines
        self.rotten[name] = None
        self.seen["snapshot rotten"] += 1


class SimSnapshots(SnapshotStore):
    """The port `SnapshotStore`, as one process sees the disk. A child that works beside it is another one."""

    def __init__(self, disk: Disk, process: Process) -> None:
        self._disk = disk
        self._process = process

    def belongs_to(self, process: Process) -> None:
        """From here on this process reads and writes."""
        self._process = process

    def names(self) -> list[str]:
        """See `ports.SnapshotStore`; so for the methods below."""
        self._process.check()
        return self._disk.names()

    def read(self, name: str) -> Iterable[bytes]:
        self._process.check()
        if name not in self._disk.files:
            raise FileNotFoundError(2, "No such file", name)
        if name in self._disk.rotten:
            self._disk.seen["rotten snapshot read"] += 1
        return iter(list(self._disk.files[name]))

    def stamp(self, name: str) -> tuple[int, ...]:
        """See `roles.usable.StampedStore`."""
        self._process.check()
        if name not in self._disk.files:
            raise FileNotFoundError(2, "No such file", name)
        return (self._disk.stamps.get(name, 0),)

    def write(self, name: str, lines: Iterable[bytes]) -> None:
        self._process.check()
        self._disk.put(name, lines, self._process)

    def delete(self, name: str) -> None:
        self._process.check()
        self._disk.files.pop(name, None)
