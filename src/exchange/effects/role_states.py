"""What the supervisor knows of its processes, left in the home for others to read: `<home>/run/roles.json`.

It is how an operator's command, or the gateway's health, learns that a role refuses to run: a role that is down cannot
say so itself. The file exists only while the supervisor runs, and is never half written.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

FILE: Final = "roles.json"

State = Literal["runs", "crashed", "refused"]


@dataclass(frozen=True)
class RoleState:
    """A role or server that the supervisor keeps."""

    name: str
    pid: int
    """Of its process, or of the last one."""
    state: State
    since_ms: int
    """Since when, in milliseconds since the epoch."""
    reason: str = ""
    """What it said last, if it does not run."""


def write(folder: Path, states: Sequence[RoleState]) -> None:
    """Leave what is known now.

    Raises:
        OSError: it cannot be written.
    """
    new = folder / f"{FILE}.new"
    new.touch(mode=0o600)
    new.write_text(json.dumps([asdict(state) for state in states]))
    new.rename(folder / FILE)


def read(folder: Path) -> list[RoleState]:
    """What the supervisor left; nothing when none runs here, or nothing readable is there."""
    try:
        return [RoleState(**state) for state in json.loads((folder / FILE).read_text())]
    except (OSError, ValueError, TypeError):
        return []


def forget(folder: Path) -> None:
    """No supervisor runs here any more."""
    (folder / FILE).unlink(missing_ok=True)
