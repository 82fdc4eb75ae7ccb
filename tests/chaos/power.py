"""A stream server whose power can be cut and whose disk can be filled, and which nobody but its own start tells apart.

The supervisor finds a program `valkey-server` first on its PATH: a few lines that put the shim (tests/shim) before the
real server's calls. The shim notes how far each file was synced. To cut the power is to leave a mark and kill the
server: whoever starts it next takes back from its files, before it begins, what no fsync had reached. So no restart is
fast enough to find more than a machine would that lost its power. A start without a mark finds everything, and all of
that is on the disk then: the product syncs what a killed server left before the next one serves it.
"""

import os
import shlex
import sys
from pathlib import Path

from exchange.embedded.valkey import find_binary
from tests import shim

REPOSITORY = Path(__file__).parent.parent.parent

_PROGRAM = """\
#!/bin/sh
if [ "$1" != --version ]; then
    {python} -m tests.chaos.power {data} {folder} "$(cat {mark} 2>/dev/null || echo 1)"
    rm -f {mark}
fi
{environ} exec {server} "$@"
"""


class Power:
    """The stream server's, of one home."""

    def __init__(self, folder: Path, data: Path) -> None:
        """Make the program.

        Args:
            folder: where the program, the mark and the shim's notes go.
            data: the server's data folder.
        """
        self._folder = folder
        self._shim = folder / "shim"
        self._shim.mkdir(parents=True)
        self._mark = folder / "cut"
        self.path = folder / "bin"
        self.path.mkdir()
        program = self.path / "valkey-server"
        quoted = {
            "mark": shlex.quote(str(self._mark)),
            "python": f"cd {shlex.quote(str(REPOSITORY))} && PYTHONPATH=src {shlex.quote(sys.executable)}",
            "data": shlex.quote(str(data)),
            "folder": shlex.quote(str(self._shim)),
            "environ": " ".join(f"{name}={shlex.quote(text)}" for name, text in shim.environ(self._shim).items()),
            "server": shlex.quote(str(find_binary())),
        }
        program.write_text(_PROGRAM.format(**quoted))
        program.chmod(0o755)

    def cut(self, keep: float) -> None:
        """Let the next start find only what was synced, and `keep` (0 to 1) of what was written after that: a torn
        tail. Call it before the server is killed."""
        whole = self._mark.with_suffix(".new")
        whole.write_text(str(keep))
        whole.rename(self._mark)

    def is_cut(self) -> bool:
        """Whether the next start has not come yet."""
        return self._mark.exists()

    def fill_disk(self) -> None:
        """From now on the server cannot write."""
        (self._shim / "full").touch()

    def free_disk(self) -> None:
        """It can again."""
        (self._shim / "full").unlink(missing_ok=True)

    def environ(self) -> dict[str, str]:
        """What the supervisor has to be started with."""
        return {"PATH": f"{self.path}{os.pathsep}{os.environ['PATH']}"}


if __name__ == "__main__":
    shim.power_cut(Path(sys.argv[1]), Path(sys.argv[2]), keep=float(sys.argv[3]))
