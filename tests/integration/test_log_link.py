"""The connection beneath the log: how it is let in, what it sends ahead, what a batch of appends is, how it is lost."""

import asyncio
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import redis

from exchange.effects.ports import EffectError, Fenced, LogFull, LogUnavailable
from exchange.effects.redis import wire
from exchange.effects.redis.address import Address
from exchange.effects.redis.link import Link
from exchange.effects.redis.log import AsyncRedisLog, BlockingRedisLog, run
from exchange.embedded.valkey import ValkeyServer
from exchange.terms.stream import START, EventEntry, Head, genesis_head
from tests.integration.trading import all_commands, all_events, entries_after

KEYS = ("t:commands", "t:events")
MANY = [b"%0200d" % number for number in range(1_000)]
"""More than the server reads from a connection at once."""


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(
        tmp_path / "valkey", sockets=tmp_path / "run", log=tmp_path / "valkey.log", fsync="always", guarded=False
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_log(own_server: ValkeyServer) -> Iterator[BlockingRedisLog]:
    log = BlockingRedisLog(own_server.url, *KEYS, timeout=2)
    yield log
    log.close()


def kill(server: ValkeyServer) -> None:
    assert server.child is not None
    os.kill(server.child.pid, signal.SIGKILL)
    server.child.wait()


# --- being let in ----------------------------------------------------------------------------------------------------


async def both_append(url: str) -> None:
    blocking, asynchronous = BlockingRedisLog(url, *KEYS), AsyncRedisLog(url, *KEYS)
    await blocking.append(b"one")
    await asynchronous.append(b"two")
    assert [entry.fields[1] for entry in await asynchronous.commands(START, 10)] == [b"one", b"two"]
    blocking.close()
    await asynchronous.aclose()


async def test_a_user_a_password_and_a_database_are_taken_from_the_url(own_server: ValkeyServer) -> None:
    with redis.Redis.from_url(own_server.url) as admin:
        admin.acl_setuser("maker", enabled=True, passwords=["+p@ss/word"], keys=["*"], commands=["+@all"])
        await both_append(own_server.url.replace("unix://", "unix://maker:p%40ss%2Fword@").replace("db=0", "db=3"))
        assert admin.exists("t:commands") == 0
    with redis.Redis.from_url(own_server.url.replace("db=0", "db=3")) as third:
        assert third.xlen("t:commands") == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:6379",
        "rediss://localhost:6379?ssl_cert_reqs=perhaps",
        "rediss://localhost:6379?ssl_ca_certs=no-such-file",
    ],
)
def test_a_url_that_makes_no_sense_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|ssl_cert_reqs|TLS"):
        BlockingRedisLog(url, *KEYS)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    made, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(made)),
        ],
        check=True,
        capture_output=True,
    )
    return made, key


@pytest.fixture
def tls_port(own_server: ValkeyServer, certificate: tuple[Path, Path]) -> Iterator[int]:
    """TLS in front of the server's socket."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    path = unquote(urlsplit(own_server.url).path)
    listening = socket.create_server(("127.0.0.1", 0))

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with closing(target):
            try:
                while data := source.recv(1 << 16):
                    target.sendall(data)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            try:
                outside = context.wrap_socket(accepted, server_side=True)
            except OSError:
                continue
            inside = socket.socket(socket.AF_UNIX)
            inside.connect(path)
            for pair in ((outside, inside), (inside, outside)):
                threading.Thread(target=pass_on, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    port: int = listening.getsockname()[1]
    yield port
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


async def test_tls_is_spoken_to_a_server_whose_certificate_is_known_and_to_no_other(
    tls_port: int, certificate: tuple[Path, Path]
) -> None:
    await both_append(f"rediss://localhost:{tls_port}?ssl_ca_certs={certificate[0]}")
    log = AsyncRedisLog(f"rediss://localhost:{tls_port}", *KEYS)
    for stranger in (log, BlockingRedisLog(f"rediss://localhost:{tls_port}", *KEYS)):
        with pytest.raises(LogUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.head()
    unchecked = BlockingRedisLog(f"rediss://localhost:{tls_port}?ssl_cert_reqs=none", *KEYS)
    assert len(await unchecked.commands(START, 10)) == 2


def test_tcp_without_tls(own_server: ValkeyServer) -> None:
    """And what is asked on one connection is answered in order, however much of it there is."""
    with redis.Redis.from_url(own_server.url) as admin, closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
        probe.close()
        admin.config_set("bind", "127.0.0.1")
        admin.config_set("port", port)
        link = Link(Address.of(f"redis://127.0.0.1:{port}"), 2)
        answers = link.ask(*[wire.request("ECHO", "x" * size) for size in range(0, 100_000, 5_000)])
        for size, answer in zip(range(0, 100_000, 5_000), answers, strict=True):
            assert link.wait(answer) == [b"x" * size]
        link.close()


# --- appends ---------------------------------------------------------------------------------------------------------


async def test_many_appends_are_one_transaction_in_order(own_server: ValkeyServer, own_log: BlockingRedisLog) -> None:
    ids = own_log.append_many(MANY)
    assert [(entry.id, entry.fields[1]) for entry in all_commands(own_log)] == list(zip(ids, MANY, strict=True))
    asynchronous = AsyncRedisLog(own_server.url, *KEYS)
    more = await asyncio.gather(*[asynchronous.append(raw) for raw in MANY])
    assert [entry.id for entry in all_commands(own_log)] == ids + more
    with redis.Redis.from_url(own_server.url) as admin:
        assert admin.info("commandstats")["cmdstat_exec"]["calls"] == 2
        admin.config_set("maxmemory", 1)
        with pytest.raises(LogFull, match="OOM"):
            own_log.append_many(MANY)
        refused = await asyncio.gather(*[asynchronous.append(raw) for raw in MANY], return_exceptions=True)
        assert {type(one) for one in refused} == {LogFull}
        admin.config_set("maxmemory", 0)
    assert len(all_commands(own_log)) == 2 * len(MANY)
    own_log.append_many(MANY[:3])
    await asynchronous.aclose()


async def test_what_comes_while_two_writes_are_under_way_shares_the_third(own_server: ValkeyServer) -> None:
    log = AsyncRedisLog(own_server.url, *KEYS)
    await log.append(b"first")
    with redis.Redis.from_url(own_server.url) as admin:
        before = admin.info("commandstats")["cmdstat_xadd"]["calls"]
        assert own_server.child is not None
        os.kill(own_server.child.pid, signal.SIGSTOP)
        tasks = []
        for number in range(200):
            tasks.append(asyncio.create_task(log.append(b"%0200d" % number)))
            await asyncio.sleep(0)
        os.kill(own_server.child.pid, signal.SIGCONT)
        ids = await asyncio.gather(*tasks)
        assert ids == sorted(ids)
        stats = admin.info("commandstats")
        assert stats["cmdstat_xadd"]["calls"] - before == 200
        assert stats["cmdstat_exec"]["calls"] == 1
    await log.aclose()


async def test_closing_the_log_ends_every_append_and_opens_nothing_new(own_server: ValkeyServer) -> None:
    log = AsyncRedisLog(own_server.url, *KEYS)
    await log.append(b"first")
    assert own_server.child is not None
    os.kill(own_server.child.pid, signal.SIGSTOP)
    tasks = []
    for number in range(20):
        tasks.append(asyncio.create_task(log.append(b"%d" % number)))
        await asyncio.sleep(0)
    await log.aclose()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ends} == {LogUnavailable}
    os.kill(own_server.child.pid, signal.SIGCONT)
    opening = AsyncRedisLog(own_server.url, *KEYS)
    early = asyncio.create_task(opening.append(b"early"))
    await asyncio.sleep(0)
    await opening.aclose()
    with pytest.raises(LogUnavailable):
        await early
    with redis.Redis.from_url(own_server.url) as admin:
        assert len(admin.client_list()) == 1


# --- reading ahead ---------------------------------------------------------------------------------------------------


def test_reading_on_gives_each_entry_once_whatever_was_asked_for_ahead(
    log: BlockingRedisLog, redis_url: str, streams: str
) -> None:
    other = BlockingRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    sent = other.append_many(MANY)
    seen = []
    after = START
    for count in (100, 100, 300, 60, 100, 1, 100, 1_000, 1_000):
        entries = run(log.commands(after, count))
        assert len(entries) <= count
        seen += [entry.id for entry in entries]
        after = seen[-1]
        sent += other.append_many(MANY[:20])
    while entries := run(log.commands(after, 100)):
        seen += [entry.id for entry in entries]
        after = seen[-1]
    assert seen == sent
    assert [entry.id for entry in run(log.commands(sent[99], 100))] == sent[100:200], "one that goes back"
    other.close()


def test_that_nothing_was_there_ahead_is_asked_anew(log: BlockingRedisLog, redis_url: str, streams: str) -> None:
    """Who has seen a command's result looks for the command: it must not hear what was so before."""
    other = BlockingRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    first = other.append_many(MANY[:100])
    assert [entry.id for entry in run(log.commands(START, 100))] == first
    run(log.head())  # so the answer to what was asked ahead is here
    later = other.append_many(MANY[:10])
    assert [entry.id for entry in run(log.commands(first[-1], 100))] == later
    other.close()


# --- a publication under way -----------------------------------------------------------------------------------------


def test_commands_are_read_while_a_publication_is_under_way(log: BlockingRedisLog) -> None:
    ids = log.append_many(MANY)
    assert len(run(log.commands(START, 500))) == 500
    batch = entries_after(genesis_head(), 300, b"x" * 1_000)
    under_way = log.publish(genesis_head(), batch)
    assert [entry.id for entry in run(log.commands(ids[499], 500))] == ids[500:]
    run(under_way)
    end = Head(batch[-1].id, batch[-1].chain)
    assert run(log.head()) == end
    refused = log.publish(genesis_head(), batch)
    assert run(log.commands(ids[-1], 500)) == []
    with pytest.raises(Fenced):
        run(refused)
    assert len(all_events(log)) == 300


def test_a_publication_under_way_when_the_connection_is_lost_is_unavailable(
    own_server: ValkeyServer, own_log: BlockingRedisLog
) -> None:
    run(own_log.head())
    under_way = own_log.publish(genesis_head(), entries_after(genesis_head(), 3))
    kill(own_server)
    with pytest.raises(LogUnavailable):
        run(own_log.commands(START, 10))
    own_server.start()
    with pytest.raises(LogUnavailable):
        run(under_way)
    assert len(all_events(own_log)) in {0, 3}


def test_a_publication_is_not_sent_to_a_server_that_came_back_unseen(
    own_server: ValkeyServer, own_log: BlockingRedisLog
) -> None:
    run(own_log.head())
    kill(own_server)
    own_server.start()
    with pytest.raises(LogUnavailable):
        run(own_log.publish(genesis_head(), entries_after(genesis_head(), 3)))
    assert all_events(own_log) == []


async def test_who_waits_in_vain_is_told_and_what_comes_late_is_nobody_elses(own_server: ValkeyServer) -> None:
    log = AsyncRedisLog(own_server.url, *KEYS, timeout=0.3)
    await log.append(b"before")
    assert own_server.child is not None
    os.kill(own_server.child.pid, signal.SIGSTOP)
    try:
        with pytest.raises(LogUnavailable, match=r"no answer within 0\.3 s"):
            await log.append(b"late")
    finally:
        os.kill(own_server.child.pid, signal.SIGCONT)
    ids = [await log.append(b"%d" % number) for number in range(5)]
    found = {entry.id: entry.fields[1] for entry in await log.commands(START, 100)}
    assert [found[id] for id in ids] == [b"%d" % number for number in range(5)]
    await log.aclose()


def test_something_unasked_closes_the_connection() -> None:
    """A server that says more than it was asked is not believed anything."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def babble() -> None:
            accepted, _ = listening.accept()
            with closing(accepted):
                accepted.recv(1_000)
                accepted.sendall(b"+PONG\r\n+PONG\r\n")
                accepted.recv(1_000)

        threading.Thread(target=babble, daemon=True).start()
        link = Link(Address.of(f"redis://127.0.0.1:{listening.getsockname()[1]}"), 2)
        (answer,) = link.ask(wire.request("PING"))
        with pytest.raises(LogUnavailable, match="unasked"):
            link.wait(answer)
        link.close()


def test_refusals_have_their_meaning() -> None:
    assert isinstance(wire.refused("OOM command not allowed when used memory > 'maxmemory'."), LogFull)
    assert isinstance(wire.refused("ERR OOM command not allowed, script: 5a, on @user_script:20."), LogFull)
    assert isinstance(wire.refused("LOADING server is loading the dataset in memory"), LogUnavailable)
    assert isinstance(wire.refused("ERR max number of clients reached"), LogUnavailable)
    for text in ("NOAUTH Authentication required.", "WRONGPASS invalid username-password pair"):
        refusal = wire.refused(text)
        assert type(refusal) is EffectError
        assert "REDIS_URL" in str(refusal)
    assert type(wire.refused("WRONGTYPE Operation against a key holding the wrong kind of value")) is EffectError


def test_entries_come_back_from_their_bytes() -> None:
    raw: wire.Raw = [(b"5-9", [b"e", b"{}", b"h", b"00" * 32]), (b"5-10", [b"e"]), (b"18446744073709551615-1", [])]
    found = [(entry.id, entry.payload, entry.chain) for entry in wire.event_entries(raw)]
    assert found == [((5, 9), b"{}", bytes(32)), ((5, 10), b"e", b""), ((2**64 - 1, 1), b"", b"")]
    assert [entry.id for entry in wire.command_entries(raw)] == [id for id, _, _ in found]
    with pytest.raises(ValueError, match="cannot follow"):
        wire.compare_and_append("k", genesis_head(), [EventEntry((0, 0), b"", bytes(32))])
