"""What keeps processes alive, holds the home and turns signals into waiting."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchange.effects.redis import passwords as redis_passwords
from exchange.settings import Settings, load
from exchange.supervisor import kinds, start
from exchange.supervisor.children import Children, Refusal, Role
from exchange.supervisor.home import Home, HomeError, refuse_taken_port
from exchange.supervisor.signals import Signals, Stop, watched

STEADY = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
REFUSING = (
    "import sys; print('exchange x: the log has a gap', file=sys.stderr); print('{}', file=sys.stderr); sys.exit(3)"
)
CRASHING = "raise ValueError('broken')"

HOLDER = """
import sys, time
from exchange.settings import load
from exchange.supervisor.home import Home

home = Home(load())
home.take("http://127.0.0.1:1")
home.note_servers("redis://gone", "postgresql://gone")
print("held", flush=True)
time.sleep(60)
"""


class Stage:
    """Children under test, what was said, and the children's names and processes."""

    def __init__(self, folder: Path, signals: Signals) -> None:
        self.said: list[str] = []
        self.signals = signals
        self.children = Children(signals, self.said.append)
        self.roles: dict[str, Role] = {}
        self._folder = folder

    def start(self, name: str, source: str) -> Role:
        role = Role(name, [sys.executable, "-c", source], os.environ, self._folder / f"{name}.log")
        self.roles[name] = role
        self.children.start(role)
        return role

    def wait_for(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.said
            self.signals.wait(min(0.02, self.children.look()))

    def up(self, name: str) -> bool:
        log = self.roles[name].log
        return log.exists() and "up" in log.read_text()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with watched() as signals:
        made = Stage(tmp_path, signals)
        yield made
        for role in made.roles.values():
            if role.child is not None:
                with contextlib.suppress(ProcessLookupError):
                    role.child.kill()
                role.child.wait()


def test_a_killed_role_is_started_again_and_the_screen_says_so(stage: Stage) -> None:
    role = stage.start("engine", STEADY)
    assert role.child is not None
    first = role.child.pid
    role.child.kill()
    stage.wait_for(lambda: any("runs again" in line for line in stage.said))
    assert role.child.pid != first
    assert role.child.poll() is None
    assert stage.said[0].startswith("engine was killed by signal 9 after")
    assert stage.said[1] == f"engine runs again (process {role.child.pid})"


def test_crashes_are_followed_by_longer_and_longer_waits(stage: Stage) -> None:
    stage.start("api-1", CRASHING)
    stage.wait_for(lambda: len([line for line in stage.said if "ended with code 1" in line]) == 4)
    waits = [line.rsplit(" in ", 1)[1] for line in stage.said if "ended with code 1" in line]
    assert waits == ["0.1 s", "0.2 s", "0.4 s", "0.8 s"]
    with pytest.raises(Refusal, match=r"api-1 crashed 4 times: ValueError: broken \(log: .*api-1\.log\)"):
        stage.children.refuse_failing(4)


def test_a_role_that_refuses_stays_down_and_its_reason_is_said(stage: Stage) -> None:
    role = stage.start("engine", REFUSING)
    stage.wait_for(lambda: any("refuses to run" in line for line in stage.said))
    assert "exchange x: the log has a gap" in stage.said[0]
    with pytest.raises(Refusal, match="engine refuses to run: exchange x: the log has a gap"):
        stage.children.refuse_failing(4)
    for _ in range(20):
        stage.children.look()
        stage.signals.wait(0.02)
    assert role.child is not None
    assert role.child.returncode == 3
    assert not any("runs again" in line for line in stage.said)


def test_a_refusal_is_said_again_and_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.supervisor.children.REMIND_SECONDS", 0.05)
    stage.start("standby", REFUSING)
    stage.wait_for(lambda: len([line for line in stage.said if "still down" in line]) == 3)
    assert all(line.startswith("!!! ") for line in stage.said)
    assert stage.said[-1] == "!!! standby is still down, it refuses to run: exchange x: the log has a gap"


def test_what_is_known_of_each_is_told_and_that_it_changed(stage: Stage) -> None:
    steady, refusing = stage.start("engine", STEADY), stage.start("standby", REFUSING)
    assert stage.children.changed
    stage.children.changed = False
    stage.wait_for(lambda: stage.children.changed)
    assert steady.child is not None
    assert refusing.child is not None
    engine, standby = stage.children.states()
    assert (engine.name, engine.pid, engine.state, engine.reason) == ("engine", steady.child.pid, "runs", "")
    assert (standby.name, standby.pid, standby.state) == ("standby", refusing.child.pid, "refused")
    assert standby.reason == "exchange x: the log has a gap"
    assert 0 <= time.time() * 1000 - standby.since_ms < 60_000
    stage.children.changed = False
    steady.child.kill()
    stage.wait_for(lambda: stage.children.changed)
    assert stage.children.states()[0].state == "crashed"


def test_a_child_is_let_in_to_what_it_needs_and_nothing_else(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(redis_url="unix:///x.sock?db=0", database_url="postgresql://u:p@h/d")
    passwords = redis_passwords.load_or_make(settings.keys_dir)
    home = Home(settings)
    home.take("http://127.0.0.1:2")
    try:
        home.note_servers(settings.redis_url, settings.database_url, settings.keys_dir / "streams.json")
        users = {
            kinds.ENGINE: ("engine", False),
            kinds.STANDBY: ("engine", False),
            kinds.PROJECTOR: ("projector", True),
            kinds.JOURNAL: ("journal", True),
            kinds.GATEWAY: ("gateway", True),
            kinds.MARKET_MAKER: ("", False),
            kinds.MIGRATION: ("", True),
        }
        for kind, (user, database) in users.items():
            environ = kinds.environment(settings, kind)
            url = f"unix://{user}:{passwords[user]}@/x.sock?db=0" if user else ""
            assert (environ["REDIS_URL"], environ["DATABASE_URL"] != "") == (url, database), kind.words
            others = [password for name, password in passwords.items() if name != user]
            assert not any(password in text for text in environ.values() for password in others)
    finally:
        home.release()


def test_replicas_that_the_own_server_cannot_have_are_refused(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = make_settings(replicas=1, port=port)
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("EXCHANGE_HOME", str(settings.home))
    said: list[str] = []
    assert start.up(settings, said.append) == 1
    assert "EXCHANGE_REPLICAS asks for replicas" in said[-1]
    assert not (settings.home / "valkey").exists()


@pytest.mark.parametrize("count,names", [(0, []), (1, ["standby"]), (3, ["standby-1", "standby-2", "standby-3"])])
def test_several_of_a_kind_are_numbered(count: int, names: list[str]) -> None:
    assert kinds.numbered("standby", count) == names


def test_memory_for_the_streams_is_what_is_asked_for_or_half_of_what_there_is(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.embedded.memory.available", lambda: 3_000_000_000)
    assert start.stream_memory(make_settings()) == 1_500_000_000
    assert start.stream_memory(make_settings(stream_memory_mb=100)) == 100 * 1024 * 1024


def test_what_ignores_the_request_to_stop_is_killed_after_its_time(stage: Stage) -> None:
    steady, stubborn = stage.start("steady", STEADY), stage.start("stubborn", STUBBORN)
    stage.wait_for(lambda: stage.up("steady") and stage.up("stubborn"))
    stage.children.stop(["steady", "stubborn"], signal.SIGTERM, 1.0)
    assert steady.child is not None
    assert stubborn.child is not None
    assert (steady.child.returncode, stubborn.child.returncode) == (-signal.SIGTERM, -signal.SIGKILL)
    assert stage.said == ["stubborn did not stop by itself: killed"]
    assert stage.children.names() == []


def test_a_second_signal_makes_it_hurry(stage: Stage) -> None:
    stage.start("stubborn", STUBBORN)
    stage.wait_for(lambda: stage.up("stubborn"))
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Stop):
        stage.signals.pause(5.0)
    again = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    again.start()
    began = time.monotonic()
    stage.children.stop(["stubborn"], signal.SIGTERM, 30.0)
    assert time.monotonic() - began < 5.0
    again.join()


def test_the_end_of_a_child_ends_the_wait(stage: Stage) -> None:
    stage.start("brief", "pass")
    began = time.monotonic()
    stage.signals.pause(30.0)
    assert time.monotonic() - began < 10.0


def test_signals_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
    with watched():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)] == before


@contextlib.contextmanager
def holder(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the home."""
    environ = os.environ | {"EXCHANGE_HOME": str(settings.home)}
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True, env=environ)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_exchange_in_a_home_is_told_who_holds_it(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    with holder(settings) as process:
        with pytest.raises(
            HomeError, match=rf"process {process.pid}, http://127.0.0.1:1.*exchange down.*EXCHANGE_HOME"
        ):
            Home(settings).take("http://127.0.0.1:2")
        assert Home(settings).running() is not None


def test_a_killed_holder_leaves_the_home_free_and_its_notes_are_forgotten(
    make_settings: Callable[..., Settings],
) -> None:
    settings = make_settings()
    with holder(settings) as process:
        assert load({"EXCHANGE_HOME": str(settings.home)}).redis_url == "redis://gone"
        process.kill()
        process.wait()
        home = Home(settings)
        assert home.running() is None
        home.take("http://127.0.0.1:2")
        assert load({"EXCHANGE_HOME": str(settings.home)}).redis_url == ""
        home.release()


def test_where_the_servers_are_is_for_the_owner_only(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    home = Home(settings)
    home.take("http://127.0.0.1:2")
    home.note_servers("redis://:secret@127.0.0.1/0", "postgresql://u:p@127.0.0.1/d")
    note = settings.run_dir / "servers.json"
    assert note.stat().st_mode & 0o777 == 0o600
    assert settings.run_dir.stat().st_mode & 0o777 == 0o700
    home.release()
    assert not note.exists()


def test_stopping_waits_until_the_home_is_free(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    assert Home(settings).stop_running(1.0) is None
    with holder(settings) as process:
        stopped = Home(settings).stop_running(10.0)
        assert stopped is not None
        assert stopped.pid == process.pid
        assert Home(settings).running() is None


def test_a_taken_port_is_said_with_one_that_is_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(HomeError, match=rf"127\.0\.0\.1:{port} cannot be listened on .*example EXCHANGE_PORT=\d+"):
            refuse_taken_port("127.0.0.1", port)
    refuse_taken_port("127.0.0.1", port)


def test_large_logs_are_set_aside(make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.supervisor.home.LOG_BYTES", 10)
    settings = make_settings()
    settings.logs_dir.mkdir(parents=True)
    home = Home(settings)
    (settings.logs_dir / "engine.log").write_text("short\n")
    home.log("engine")
    assert (settings.logs_dir / "engine.log").exists()
    (settings.logs_dir / "engine.log").write_text("longer than that\n")
    assert home.log("engine") == settings.logs_dir / "engine.log"
    assert not (settings.logs_dir / "engine.log").exists()
    assert (settings.logs_dir / "engine.log.1").read_text() == "longer than that\n"
