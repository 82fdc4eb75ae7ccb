"""Each user of the stream server does what its role does, and nothing else: tried out command by command."""

import json
import signal
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from exchange.cli.main import main
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.effects.redis.passwords import with_credentials
from exchange.effects.redis.users import NAMES, USERS, acl_file, user_rules
from exchange.embedded.process import Readiness, ServerError, end, spawn, wait_ready
from exchange.embedded.valkey import ValkeyServer, find_binary
from exchange.terms.stream import EventEntry, genesis_head

P = "market"
COMMANDS, EVENTS, CLOCK = f"{P}:commands", f"{P}:events", f"{P}:clock"
ALL = frozenset(NAMES)
NOBODY: frozenset[str] = frozenset()
APPENDERS = frozenset({"gateway", "engine", "operator"})
ENGINE, JOURNAL, OPERATOR = frozenset({"engine"}), frozenset({"journal"}), frozenset({"operator"})
GROUPS = frozenset({"projector", "journal"})
SCRIPTERS = frozenset({"gateway", "engine", "operator"})
GATEWAY = frozenset({"gateway"})
COUNTER = f"{P}:limits:x"


def script(*words: str) -> str:
    return f"return redis.call({', '.join(repr(word) for word in words)})"


Row = tuple[tuple[object, ...], frozenset[str]]

READS: list[Row] = [
    (("PING",), ALL),
    (("INFO", "server"), ALL),
    (("TIME",), ALL),
    (("WAIT", 0, 1), ALL),
    (("WAITAOF", 0, 0, 1), ALL),
    (("SELECT", 0), ALL),
    (("CLIENT", "SETNAME", "exchange/engine/1/0-0"), ALL),
    (("CLIENT", "GETNAME"), ALL),
    (("PUBLISH", EVENTS, ""), ALL),
    (("PUBLISH", "other", ""), NOBODY),
    (("SUBSCRIBE", EVENTS), NOBODY),
    *[
        ((*command[:place], key, *command[place:]), may)
        for key, may in ((COMMANDS, ALL), (EVENTS, ALL), ("other:events", NOBODY), (f"{P}2:commands", NOBODY))
        for command, place in (
            (("EXISTS",), 1),
            (("XLEN",), 1),
            (("XRANGE", "-", "+"), 1),
            (("XREVRANGE", "+", "-"), 1),
            (("XREAD", "COUNT", 1, "STREAMS", "0-0"), 4),
            (("XINFO", "STREAM"), 2),
            (("XINFO", "GROUPS"), 2),
        )
    ],
    (("CLIENT", "LIST"), OPERATOR),
    (("CONFIG", "GET", "appendfsync"), OPERATOR),
    (("MEMORY", "USAGE", EVENTS), OPERATOR),
]

WRITES: list[Row] = [
    (("XADD", COMMANDS, "*", "c", "{}"), APPENDERS),
    (("XADD", EVENTS, "*", "e", "{}", "h", "00"), ENGINE),
    (("XADD", "other:events", "*", "e", "{}"), NOBODY),
    (("XTRIM", COMMANDS, "MINID", "0-1"), JOURNAL),
    (("XTRIM", EVENTS, "MINID", "0-1"), JOURNAL),
    (("XGROUP", "CREATE", EVENTS, "g", "0"), GROUPS),
    (("XGROUP", "SETID", EVENTS, "g", "0"), GROUPS),
    (("XGROUP", "DESTROY", EVENTS, "g"), NOBODY),
    (("XGROUP", "DELCONSUMER", EVENTS, "g", "c"), NOBODY),
    (("XREADGROUP", "GROUP", "g", "c", "STREAMS", EVENTS, ">"), NOBODY),
    (("XACK", EVENTS, "g", "0-1"), NOBODY),
    (("XDEL", EVENTS, "0-1"), NOBODY),
    (("XSETID", EVENTS, "1-1"), NOBODY),
    (("SET", COMMANDS, "1"), NOBODY),
    (("SET", EVENTS, "1"), NOBODY),
    (("SET", f"{P}:clock", "1"), NOBODY),
    (("SET", "other", "1"), NOBODY),
    (("DEL", COMMANDS), NOBODY),
    (("UNLINK", EVENTS), NOBODY),
    (("RENAME", EVENTS, COMMANDS), NOBODY),
    (("RENAMENX", EVENTS, COMMANDS), NOBODY),
    (("COPY", EVENTS, COMMANDS, "REPLACE"), NOBODY),
    (("MOVE", EVENTS, 1), NOBODY),
    (("DUMP", EVENTS), NOBODY),
    (("RESTORE", EVENTS, 0, "x", "REPLACE"), NOBODY),
    (("EXPIRE", EVENTS, 1), NOBODY),
    (("PERSIST", EVENTS), NOBODY),
]

SCRIPTS: list[Row] = [
    (("EVAL", "return 1", 0), ENGINE),
    (("SCRIPT", "LOAD", "return 1"), ENGINE),
    (("EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", 0), ENGINE),
    (("EVAL", script("XADD", EVENTS, "*", "e", "{}"), 0), ENGINE),
    (("EVAL", script("XADD", EVENTS, "*", "e", "{}"), 1, EVENTS), ENGINE),
    (("EVAL", script("XTRIM", EVENTS, "MINID", "0-1"), 0), NOBODY),
    (("EVAL", script("DEL", EVENTS), 0), NOBODY),
    (("EVAL", script("FLUSHALL"), 0), NOBODY),
    (("SCRIPT", "FLUSH"), NOBODY),
    (("FUNCTION", "LIST"), NOBODY),
    (("FUNCTION", "FLUSH"), NOBODY),
    (("FCALL", "f", 0), NOBODY),
]

ADMINISTRATION: list[Row] = [
    (tuple(text.split()), NOBODY)
    for text in (
        "FLUSHALL",
        "FLUSHDB",
        "SWAPDB 0 1",
        "CONFIG SET appendfsync no",
        "CONFIG REWRITE",
        "CONFIG RESETSTAT",
        "DEBUG SLEEP 0",
        "DEBUG RELOAD",
        "SHUTDOWN NOSAVE",
        "SAVE",
        "BGSAVE",
        "BGREWRITEAOF",
        "REPLICAOF 127.0.0.1 1",
        "PSYNC ? -1",
        "REPLCONF listening-port 1",
        "FAILOVER ABORT",
        "CLUSTER RESET",
        "MODULE LIST",
        "MONITOR",
        "ACL LIST",
        "ACL SETUSER gateway +@all",
        "ACL SETUSER default on nopass +@all",
        "ACL GETUSER engine",
        "ACL LOAD",
        "CLIENT KILL TYPE normal",
        "CLIENT PAUSE 1",
        "CLIENT UNBLOCK 1",
        "CLIENT NO-EVICT on",
        "KEYS *",
        "SCAN 0",
        "RANDOMKEY",
        "DBSIZE",
        "SLOWLOG GET",
        "LATENCY RESET",
        "MEMORY DOCTOR",
        "MEMORY PURGE",
        "LASTSAVE",
        "SORT x",
        "MIGRATE 127.0.0.1 1 x 0 1",
    )
]

CLOCKED: list[Row] = [
    (("GET", CLOCK), SCRIPTERS),
    (("SET", CLOCK, "1"), frozenset({"gateway", "operator"})),
    (("EVAL", script("GET", CLOCK), 2, COMMANDS, CLOCK), SCRIPTERS),
    (("EVAL", script("XADD", COMMANDS, "*", "c", "{}"), 2, COMMANDS, CLOCK), SCRIPTERS),
    (("EVAL", script("SET", CLOCK, "2"), 1, CLOCK), frozenset({"gateway", "operator"})),
    (("EVAL", script("XADD", EVENTS, "*", "e", "{}"), 0), ENGINE),
    (("EVAL", script("SET", COMMANDS, "2"), 1, COMMANDS), NOBODY),
    (("EVAL", script("DEL", CLOCK), 0), NOBODY),
    (("DEL", CLOCK), NOBODY),
]


COUNTERS: list[Row] = [
    *[
        ((command[0], key, *command[1:]), GATEWAY if key == COUNTER else NOBODY)
        for key in (COUNTER, COMMANDS, EVENTS, CLOCK, f"{P}:limits", f"{P}2:limits:x", "limits:x")
        for command in (("GET",), ("SET", "1", "PX", 60_000), ("INCRBY", 1), ("PEXPIRE", 60_000))
    ],
    *[
        ((*command, COUNTER), NOBODY)
        for command in (("DEL",), ("UNLINK",), ("PERSIST",), ("INCR",), ("TTL",), ("RENAME", COUNTER), ("DUMP",))
    ],
    (("EXPIRE", COUNTER, 1), NOBODY),
    (("XADD", COUNTER, "*", "c", "{}"), NOBODY),
    (("XLEN", COUNTER), NOBODY),
    (("SCAN", 0, "MATCH", f"{P}:limits:*"), NOBODY),
]


class Clients:
    """A server with its users, each connected."""

    def __init__(self, server: ValkeyServer) -> None:
        self.server = server
        self._open = {name: self.connect(server.url_for(name)) for name in NAMES}

    @staticmethod
    def connect(url: str) -> redis.Redis:
        return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0))

    def refuses(self, user: str, *command: object) -> bool:
        """Whether the server says that this user may not; what else it says does not matter here."""
        try:
            self._open[user].execute_command(*command)  # type: ignore[no-untyped-call]
        except redis.exceptions.NoPermissionError:
            return True
        except redis.exceptions.ResponseError as error:
            return "ACL failure in script" in str(error) or "command not allowed" in str(error)
        return False

    def close(self) -> None:
        for client in self._open.values():
            client.close()


def clients(folder: Path, *, sandbox: bool) -> Iterator[Clients]:
    server = ValkeyServer(
        folder / "home" / "valkey", sockets=folder / "r", log=folder / "log", streams=P, sandbox=sandbox
    )
    server.start()
    opened = Clients(server)
    try:
        seeded = Clients.connect(server.url_for("engine"))
        seeded.xadd(COMMANDS, {"c": "{}"}, id="1-1")
        seeded.xadd(EVENTS, {"e": "{}", "h": "00"}, id="1-1")
        seeded.close()
        yield opened
    finally:
        opened.close()
        server.stop()


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    yield from clients(tmp_path_factory.mktemp("acl"), sandbox=False)


@pytest.fixture(scope="module")
def sandboxed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    yield from clients(tmp_path_factory.mktemp("acl-sandbox"), sandbox=True)


def wrong(clients: Clients, rows: list[Row]) -> list[str]:
    """The users and commands that are not as the table says."""
    return [
        f"{user} {'may not' if user in may else 'may'}: {' '.join(map(str, command))}"
        for (command, may), user in product(rows, NAMES)
        if clients.refuses(user, *command) != (user not in may)
    ]


@pytest.mark.parametrize(
    "rows,tried",
    [(READS, 42 * 5), (WRITES, 27 * 5), (SCRIPTS, 12 * 5), (ADMINISTRATION, 39 * 5), (COUNTERS, 39 * 5)],
    ids=["reading", "writing", "scripts", "administration", "counters"],
)
def test_each_user_may_do_what_its_role_does_and_no_more(users: Clients, rows: list[Row], tried: int) -> None:
    assert wrong(users, rows) == []
    assert len(rows) * len(NAMES) == tried


def test_a_sandboxs_clock_is_moved_by_who_may_and_opens_nothing_else(users: Clients, sandboxed: Clients) -> None:
    assert wrong(sandboxed, CLOCKED) == []
    assert wrong(sandboxed, ADMINISTRATION) == []
    assert wrong(sandboxed, WRITES[:2]) == []
    assert wrong(sandboxed, [row for row in COUNTERS if CLOCK not in row[0] and row[0][0] != "GET"]) == []
    assert wrong(users, [(command, NOBODY) for command, _ in CLOCKED if command[0] != "EVAL"]) == []


def test_a_transaction_asks_for_each_of_its_commands(users: Clients) -> None:
    """As the journal trims: both streams or neither."""
    journal = redis.Redis.from_url(users.server.url_for("journal"))
    trim = journal.pipeline(transaction=True)
    for key in (COMMANDS, EVENTS):
        trim.xtrim(key, minid="0-1", approximate=False)
    assert trim.execute() == [0, 0]
    mixed = journal.pipeline(transaction=True)
    mixed.xtrim(COMMANDS, minid="0-1")
    mixed.xadd(COMMANDS, {"c": "{}"})
    with pytest.raises(redis.exceptions.ResponseError, match="permission"):
        mixed.execute()


def test_compare_and_append_is_the_engines_alone(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path / "home" / "valkey", sockets=tmp_path / "r", log=tmp_path / "log", streams=P)
    server.start()
    entry = EventEntry((1, 1), b"{}", b"\x01" * 32)
    try:
        for user in sorted(ALL - ENGINE):
            log = BlockingRedisLog(server.url_for(user), COMMANDS, EVENTS)
            with pytest.raises(Exception, match="permissions"):
                publish(log, entry)
            log.close()
        log = BlockingRedisLog(server.url_for("engine"), COMMANDS, EVENTS)
        publish(log, entry)
        assert run(log.head()).id == (1, 1)
        log.close()
    finally:
        server.stop()


def publish(log: BlockingRedisLog, entry: EventEntry) -> None:
    async def life() -> None:
        await log.publish(genesis_head(), [entry])

    run(life())


def test_nobody_comes_in_without_a_users_own_password(users: Clients) -> None:
    passwords = users.server.passwords
    assert passwords is not None
    known = json.loads(passwords.read_text())
    assert sorted(known) == sorted(NAMES)
    assert len(set(known.values())) == len(NAMES)
    socket = users.server.url.removeprefix("unix://").partition("?")[0]
    for name, password in (("default", ""), ("gateway", known["engine"]), ("root", known["operator"])):
        stranger = redis.Redis(unix_socket_path=socket, username=name, password=password, retry=Retry(NoBackoff(), 0))
        with pytest.raises(redis.exceptions.AuthenticationError):
            stranger.ping()
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(unix_socket_path=socket, retry=Retry(NoBackoff(), 0)).ping()


def test_passwords_are_kept_for_the_owner_and_only_their_hashes_reach_the_server(users: Clients) -> None:
    passwords = users.server.passwords
    assert passwords is not None
    rules = passwords.parent.parent / "valkey" / "users.acl"
    assert passwords.stat().st_mode & 0o777 == 0o600
    assert rules.stat().st_mode & 0o777 == 0o600
    assert users.server.child is not None
    argv = Path(f"/proc/{users.server.child.pid}/cmdline").read_bytes().decode()
    for password in json.loads(passwords.read_text()).values():
        assert password not in rules.read_text()
        assert password not in argv


def test_passwords_outlive_a_restart_and_are_made_anew_when_deleted(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path / "home" / "valkey", sockets=tmp_path / "r", log=tmp_path / "log", streams=P)
    server.start()
    first = server.url_for("engine")
    redis.Redis.from_url(first).xadd(COMMANDS, {"c": "{}"})
    server.stop()
    server.start()
    assert server.url_for("engine") == first
    server.stop()
    assert server.passwords is not None
    server.passwords.unlink()
    server.start()
    try:
        assert server.url_for("engine") != first
        assert redis.Redis.from_url(server.url_for("engine")).xlen(COMMANDS) == 1
    finally:
        server.stop()


def test_an_older_home_without_users_gets_them_and_keeps_its_data(tmp_path: Path) -> None:
    place = {"sockets": tmp_path / "r", "log": tmp_path / "log", "streams": P}
    older = ValkeyServer(tmp_path / "home" / "valkey", guarded=False, **place)  # type: ignore[arg-type]
    older.start()
    kept = redis.Redis.from_url(older.url).xadd(COMMANDS, {"c": "{}"})
    older.stop()
    newer = ValkeyServer(tmp_path / "home" / "valkey", **place)  # type: ignore[arg-type]
    newer.start()
    try:
        assert redis.Redis.from_url(newer.url_for("operator")).xrange(COMMANDS) == [(kept, {b"c": b"{}"})]
        with pytest.raises(redis.exceptions.AuthenticationError):
            redis.Redis.from_url(newer.url, retry=Retry(NoBackoff(), 0)).ping()
    finally:
        newer.stop()


def test_passwords_that_cannot_be_used_stop_the_start_with_what_to_do(tmp_path: Path) -> None:
    keys = tmp_path / "home" / "keys"
    keys.mkdir(parents=True)
    file = keys / "streams.json"
    file.touch(mode=0o600)
    file.write_text('{"gateway": "x"}')
    server = ValkeyServer(tmp_path / "home" / "valkey", sockets=tmp_path / "r", log=tmp_path / "log")
    with pytest.raises(ServerError, match=r"streams\.json does not hold a password.*delete the file"):
        server.start()


def test_the_rules_for_a_server_of_ones_own_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EXCHANGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EXCHANGE_STREAMS", P)
    file = tmp_path / "users.acl"
    assert main(["acl", "--file", str(file)]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    assert main(["acl"]) == 0
    printed = capsys.readouterr()
    passwords = json.loads((tmp_path / "home" / "keys" / "streams.json").read_text())
    assert printed.out == file.read_text() == "".join(f"{line}\n" for line in acl_file(passwords, P))
    assert "streams.json" in printed.err
    assert not any(password in printed.out + printed.err for password in passwords.values())

    place = ["--port", "0", "--unixsocket", str(tmp_path / "s"), "--dir", str(tmp_path), "--aclfile", str(file)]
    server = spawn([str(find_binary()), *place], log=tmp_path / "log")
    try:
        url = with_credentials(f"unix://{tmp_path}/s", "gateway", passwords["gateway"])
        client = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0))
        wait_ready(server, lambda: answers(client), name="the stream server", log=tmp_path / "log")
        client.xadd(COMMANDS, {"c": "{}"})
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.xadd(EVENTS, {"e": "{}"})
    finally:
        end(server, signal.SIGTERM, 10.0)


def answers(client: redis.Redis) -> Readiness:
    try:
        return "ready" if client.ping() else "no"
    except redis.exceptions.ConnectionError:
        return "no"


def test_older_servers_get_rules_that_they_can_read() -> None:
    known = dict.fromkeys(NAMES, "x")
    oldest = "\n".join(acl_file(known, P, version=(6, 2)))
    assert "%R~" not in oldest
    assert "(" not in oldest
    assert "waitaof" not in oldest
    assert "client|setinfo" not in oldest
    between = "\n".join(acl_file(known, P, version=(7, 0)))
    assert f"%R~{EVENTS}" in between
    assert "waitaof" not in between
    gateway = USERS[0]
    assert f"%R~{EVENTS}" in user_rules(gateway, P)
    assert f"~{COMMANDS}" in user_rules(gateway, P)
