"""How much memory there is for this process and its children: the machine's, or less where a control group says so.

A container sees the whole machine's memory, and is killed when it uses more than its own share: so the limits of the
group that this process is in, and of all groups around it, count too.
"""

import os
from pathlib import Path
from typing import Final

_GROUPS: Final = Path("/sys/fs/cgroup")
_OF_PROCESS: Final = Path("/proc/self/cgroup")


def available(groups: Path = _GROUPS, of_process: Path = _OF_PROCESS) -> int:
    """Bytes that may be used, other processes' included."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(groups, of_process)])


def _limits(groups: Path, of_process: Path) -> list[int]:
    """The limits of every group around the process, of both versions of control groups."""
    try:
        lines = of_process.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers == "":
            found += _upwards(groups, place, "memory.max")
        elif "memory" in controllers.split(","):
            found += _upwards(groups / "memory", place, "memory.limit_in_bytes")
    return found


def _upwards(root: Path, place: str, name: str) -> list[int]:
    """The limits from a group up to the root; a container may not see the path that leads to its own group."""
    group = root / place.lstrip("/")
    texts = []
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            break
        try:
            texts.append((folder / name).read_text().strip())
        except OSError:
            continue
    return [int(text) for text in texts if text.isdigit()]
