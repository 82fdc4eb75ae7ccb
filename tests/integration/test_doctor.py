"""The doctor on real servers: what it finds in a whole exchange, and what it says when parts are away."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest
import redis

from exchange.cli.main import main
from exchange.doctor.examine import examine
from exchange.doctor.survey import Survey
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.effects.role_states import RoleState, forget, read, write
from exchange.embedded.valkey import ValkeyServer
from exchange.projections.timescale.migrations import migrate
from exchange.roles.engine import Engine
from exchange.settings import Settings
from exchange.supervisor.home import Home
from exchange.terms.stream import format_id
from tests.integration.trading import drain, open_world, some, standby

ROLES = {
    "engine": "engine",
    "gateway": "gateway",
    "journal": "journal",
    "project": "projector",
    "standby": "engine",
}
"""The roles, and as which user each is connected."""
MB = 1024 * 1024


@dataclass
class Place:
    """A home with a stream server of its own, an engine, and every role connected."""

    settings: Settings
    server: ValkeyServer
    engine: Engine
    store: FileSnapshotStore
    logs: dict[str, BlockingRedisLog]

    def examined(self, **changes: object) -> Survey:
        return examine(replace(self.settings, **changes), "", [])  # type: ignore[arg-type]

    def work(self, count: int) -> None:
        self.logs["engine"].append_many(some(3, count))
        drain(self.engine, self.logs["engine"])

    def connect(self, role: str) -> BlockingRedisLog:
        url = self.server.url_for(ROLES[role])
        log = BlockingRedisLog(url, self.settings.commands_key, self.settings.events_key, name=role)
        run(log.head())
        return log


def said(survey: Survey) -> list[str]:
    return [f"{concern.about}: {concern.what}" for concern in survey.concerns]


@pytest.fixture
async def tables(database_url: str) -> str:
    await migrate(database_url, timescale="off", wait_seconds=10)
    return database_url


@pytest.fixture
def place(tmp_path: Path, tables: str) -> Iterator[Place]:
    home = tmp_path / "home"
    server = ValkeyServer(
        home / "valkey", sockets=home / "run" / "valkey", log=tmp_path / "log", fsync="always", memory=256 * MB
    )
    server.start()
    settings = Settings(home=home, snapshots=home / "snapshots", redis_url=server.url, database_url=tables)
    Home(settings).note_servers(server.url, tables, server.passwords)
    store = FileSnapshotStore(settings.snapshots)
    log = BlockingRedisLog(server.url_for("engine"), settings.commands_key, settings.events_key, name="engine")
    made = Place(settings, server, open_world(log, store), store, {"engine": log})
    made.logs |= {role: made.connect(role) for role in ROLES if role != "engine"}
    run(standby(made.logs["standby"], store).turn())
    try:
        yield made
    finally:
        for opened in made.logs.values():
            opened.close()
        server.stop()


async def stand(database: str, position: str) -> None:
    """Let the projection stand at a position."""
    ms, seq = map(int, position.split("-"))
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            "INSERT INTO projections (name, position_ms, position_seq, chain, log_id)"
            " VALUES ('timescale', $1, $2, '', '')"
            " ON CONFLICT (name) DO UPDATE SET position_ms = $1, position_seq = $2",
            ms,
            seq,
        )
    finally:
        await connection.close()


def test_a_whole_exchange_is_fine_and_told_exactly(place: Place) -> None:
    place.work(300)
    head = run(place.logs["engine"].head())
    survey = place.examined()
    assert said(survey) == []
    server = survey.server
    assert server is not None
    assert server.events is not None
    assert server.commands is not None
    assert server.fsync == "always"
    assert server.eviction == "noeviction"
    assert server.memory_limit == 256 * MB
    assert server.events.length == server.commands.length == server.events.added
    assert server.events.last == server.commands.last == format_id(head.id)
    assert server.chain == head.chain.hex()
    assert (server.waiting, server.waiting_ms) == (0, 0)
    assert abs(server.clock_ahead_ms) < 1_000
    assert server.rate is not None
    assert server.rate > 1
    assert sorted(presence.role for presence in server.roles or []) == sorted(ROLES)
    assert survey.snapshot is not None
    assert survey.snapshot.usable == 1
    assert survey.snapshot.replay == 300
    assert survey.database is not None
    assert survey.database.journal == ""
    assert survey.disks[0].free > 0
    assert survey.crash[:2] == [
        "kill of any process: nothing that was answered",
        "power loss: nothing that was answered (fsync always)",
    ]


async def test_positions_in_the_database_are_compared_with_the_log(place: Place) -> None:
    head = format_id(run(place.logs["engine"].head()).id)
    await stand(place.settings.database_url, head)
    survey = await asyncio.to_thread(place.examined)
    assert said(survey) == []
    assert survey.database is not None
    assert survey.database.projections == {"timescale": head}
    await stand(place.settings.database_url, "9999999999999-0")
    (one,) = (await asyncio.to_thread(place.examined)).concerns
    assert "project timescale" in one.about
    assert "after the log's end" in one.what


def test_roles_that_are_missing_or_there_twice_are_named(place: Place) -> None:
    place.logs["engine"].close()
    again = place.connect("project")
    second = BlockingRedisLog(place.server.url_for("operator"), "exchange:commands", "exchange:events")
    try:
        assert said(place.examined()) == ["engine: 0 of 1 connected"]  # two logs of one process are one role
        assert said(place.examined(standbys=3)) == ["engine: 0 of 1 connected", "standby: 1 of 3 connected"]
        wanted = place.examined(standbys=0)
        assert [line.partition(" (")[0] for line in said(wanted)] == [
            "engine: 0 of 1 connected",
            "standby: 1 run, 0 wanted",
        ]
    finally:
        again.close()
        second.close()


def test_commands_without_a_result_are_counted(place: Place) -> None:
    place.logs["engine"].append_many(some(5, 40))
    survey = place.examined()
    assert survey.server is not None
    assert survey.server.waiting == 40
    assert survey.server.waiting_ms >= 0


def test_a_stream_that_was_trimmed_by_an_append_is_noticed(place: Place) -> None:
    place.work(20)
    gateway = redis.Redis.from_url(place.server.url_for("gateway"))
    gateway.xadd(place.settings.commands_key, {"c": "{}"}, maxlen=5, approximate=False)
    drain(place.engine, place.logs["engine"])
    found = said(place.examined())
    assert any("one was trimmed alone" in line for line in found), found


def test_a_damaged_snapshot_is_named_and_the_older_one_counts(place: Place) -> None:
    place.work(50)
    run(standby(place.connect("standby"), place.store).turn())
    newest, older = place.store.names()
    path = place.settings.snapshots / newest
    path.write_bytes(path.read_bytes()[:-20])
    survey = place.examined()
    assert survey.snapshot is not None
    assert survey.snapshot.name == older
    assert survey.snapshot.replay == 50
    (one,) = survey.concerns
    assert one.what.startswith(f"cannot be used: {newest}: its checksum does not hold")


def test_without_the_stream_server_the_rest_is_told(place: Place) -> None:
    place.server.stop()
    survey = place.examined()
    assert survey.server is None
    assert "streams" in survey.why
    assert survey.database is not None
    assert survey.snapshot is not None
    assert survey.snapshot.usable == 1
    (one,) = survey.concerns
    assert one.what.startswith("cannot be asked")
    assert "nothing that was answered is lost" in one.do


def test_without_the_database_the_rest_is_told(place: Place) -> None:
    survey = place.examined(database_url="postgresql://u@127.0.0.1:1/d")
    assert survey.database is None
    assert survey.server is not None
    assert [concern.about for concern in survey.concerns] == ["database"]
    none = place.examined(database_url="")
    assert said(none) == [
        "database: cannot be asked: none is known: set DATABASE_URL, or start `exchange up` in this EXCHANGE_HOME"
    ]


def test_another_user_than_the_operator_learns_less_and_is_told_so(place: Place) -> None:
    survey = place.examined(redis_url=place.server.url_for("gateway"))
    assert said(survey) == ["roles: this user may not ask who is connected"]
    assert survey.server is not None
    assert survey.server.fsync is None
    assert survey.crash[1].startswith("power loss: unknown")


def test_a_wrong_password_is_told_and_not_an_empty_log(place: Place) -> None:
    survey = place.examined(redis_url=place.server.url.replace("unix://", "unix://operator:wrong@"))
    (one,) = survey.concerns
    assert "refuses the log-in" in one.what


def test_the_command_prints_text_or_json_and_its_code_says_whether_to_look(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EXCHANGE_HOME", str(place.settings.home))
    monkeypatch.setenv("EXCHANGE_PORT", "1")
    for name in ("REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert main(["doctor"]) == 1
    screen = capsys.readouterr().out
    assert "1 thing needs attention" in screen.splitlines()[0]
    assert "!! gateway: no answer" in screen
    assert "a crash now kill of any process: nothing that was answered" in screen
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [concern["about"] for concern in told["concerns"]] == ["gateway"]
    assert told["server"]["events"]["length"] == told["server"]["commands"]["length"]
    password = json.loads((place.settings.keys_dir / "streams.json").read_text())["operator"]
    assert password not in screen + json.dumps(told)
    shutil.rmtree(place.settings.run_dir, ignore_errors=True)
    assert main(["doctor"]) == 2
    assert "start `exchange up`" in capsys.readouterr().err


def test_what_the_supervisor_knows_is_left_whole_and_for_the_owner(tmp_path: Path) -> None:
    assert read(tmp_path) == []
    states = [RoleState("engine", 5, "runs", 7), RoleState("standby", 6, "refused", 8, "Mismatch: …")]
    write(tmp_path, states)
    assert read(tmp_path) == states
    assert (tmp_path / "roles.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "roles.json").write_text('[{"name"')
    assert read(tmp_path) == []
    forget(tmp_path)
    forget(tmp_path)
    assert not list(tmp_path.iterdir())
