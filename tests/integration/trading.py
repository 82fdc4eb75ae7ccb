"""Command sequences and ready-made logs for tests of what stands around the engine: enough of everything that a lost,
doubled or reordered command changes the state."""

import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

import redis
from structlog.testing import capture_logs

from exchange.commands.codec import encode
from exchange.commands.types import (
    Cancel,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    Place,
    SettleWithdrawal,
    Withdraw,
)
from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import AsideFailed, Fenced
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.engine import Machine
from exchange.events.codec import chain
from exchange.roles import snapshots
from exchange.roles.engine import Engine
from exchange.roles.recovery import recover
from exchange.roles.standby import Standby
from exchange.terms.stream import CommandEntry, EventEntry, Head, StreamId, format_id
from exchange.terms.words import FIRST_USER, Side

ACCOUNTS = 8
TICK = 100
LOT = 1_000_000

POISON: list[list[bytes]] = [
    [b"c", b""],
    [b"c", b"not json"],
    [b"c", b"[1,2,3]"],
    [b"c", b'{"v":1}'],
    [b"c", b'{"v":99,"type":"place"}'],
    [b"c", b'{"v":1,"type":"explode"}'],
    [b"c", b'{"v":1,"type":"open_log","log_id":"%b","rules":1,"dedup_window_ms":1}' % (b"f" * 32)],
    [b"c", b'{"v":1,"type":"cancel","account":true,"order":1}'],
    [b"c", b'{"v":1,"type":"transfer","account":100,"to":"101","asset":"BTC","amount":"1","ref":"t"}'],
    [b"c", b'{"v":1,"type":"transfer","account":100,"to":101,"asset":"BTC","amount":"1","ref":"t","by":"operator"}'],
    [b"c", b'{"v":1,"type":"record","act":"did","subject":"k"}'],
    [b"c", b'{"v":1,"type":"create_asset","asset":"NEW","decimals":2,"by":"somebody"}'],
    [b"c", b'{"v":1,"type":"create_asset","asset":"NEW","decimals":2,"by":["operator"]}'],
    [b"c", b"[" * 5000],
    [b"c", b'"\xff\xfe"'],
    [b"c", b"x" * 1_000_000],
    [b"x", b"{}"],
    [b"c", b"{}", b"c", b"{}"],
    [b"c", b"1", b"d", b"2", b"", b""],
    [b"", b""],
    [b"\x00\r\n", b"\r\n$5\r\n"],
]
"""Entries that are no command; each must have one rejection for its result."""


def world() -> list[Command]:
    """Two assets, their market, accounts with money."""
    commands: list[Command] = [
        CreateAsset("BTC", 8),
        CreateAsset("USD", 6),
        CreateMarket("BTC-USD", TICK, LOT, 0, 1000, 2000),
    ]
    commands += [OpenAccount(f"holder-{number}") for number in range(ACCOUNTS)]
    for number in range(ACCOUNTS):
        account = FIRST_USER + number
        commands += [Deposit(account, "BTC", 10**12, f"b{number}"), Deposit(account, "USD", 10**12, f"u{number}")]
    return commands


def trading(seed: int) -> Iterator[Command]:
    """Orders that cross and rest, cancels, transfers, and refusals, without end."""
    dice = random.Random(seed)
    number = 0
    while True:
        number += 1
        account = FIRST_USER + dice.randrange(ACCOUNTS)
        kind = dice.random()
        if kind < 0.75:
            price, lots = TICK * dice.randint(9_900, 10_100), dice.randint(1, 50)
            side: Side = "buy" if dice.random() < 0.5 else "sell"
            client_id = f"s{seed}-{number}" if dice.random() < 0.3 else ""
            yield Place(account, "BTC-USD", side, "limit", "gtc", price, LOT * lots, 0, client_id)
        elif kind < 0.85:
            yield Cancel(account, dice.randint(1, number), "")
        elif kind < 0.9:
            yield Place(account, "BTC-USD", "buy", "market", "ioc", 0, 0, 10**6 * dice.randint(1, 50), "")
        elif kind < 0.95:
            yield Deposit(account, "USD", dice.randint(1, 10**6), f"s{seed}-{number}")
        elif kind < 0.98:
            yield Withdraw(account, "BTC", dice.randint(1, 10**6), f"s{seed}-{number}")
        else:
            yield SettleWithdrawal(dice.randint(1, number))


def some(seed: int, count: int) -> list[bytes]:
    """The first `count` commands of a seed's trading, encoded."""
    source = trading(seed)
    return [encode(next(source)) for _ in range(count)]


def open_world(log: BlockingRedisLog, store: FileSnapshotStore) -> Engine:
    """Open the log, set the world up, and give the engine that did it."""
    engine = Engine(log, store, BlockingClock(), wait_ms=1)
    run(engine.turn())
    log.append_many([encode(command) for command in world()])
    drain(engine, log)
    return engine


def drain(engine: Engine, log: BlockingRedisLog) -> None:
    """Let the engine answer all that was appended."""
    while run(log.commands(run(log.head()).id, 1)):
        run(engine.turn())


def standby(log: BlockingRedisLog, store: FileSnapshotStore, every: int = 1, keep: int = 3) -> Standby:
    """A standby that takes a snapshot in every turn that has something new, and never takes over."""
    return Standby(
        log, store, BlockingClock(), AtOnce(), takeover_ms=3_600_000, every=every, seconds=3600, keep=keep, wait_ms=1
    )


class AtOnce:
    """An `Aside` without a process of its own: the work is done when it begins, and its end is heard of at once."""

    def __init__(self) -> None:
        self._ended: Callable[[], str] | None = None

    def begin(self, work: Callable[[], str]) -> bool:
        """See `Aside`."""
        if self._ended is not None:
            return False
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - a child would tell of any
            self._ended = partial(self._fail, f"{type(error).__name__}: {error}")
        else:
            self._ended = partial(str, result)
        return True

    def ended(self) -> str | None:
        """See `Aside`."""
        ended, self._ended = self._ended, None
        return None if ended is None else ended()

    @staticmethod
    def _fail(how: str) -> str:
        raise AsideFailed(how)


def all_commands(log: BlockingRedisLog) -> list[CommandEntry]:
    """The whole command stream."""
    return run(log.commands((0, 0), 10**9))


def all_events(log: BlockingRedisLog) -> list[EventEntry]:
    """The whole event stream."""
    return run(log.events((0, 0), 10**9))


def add_raw(client: redis.Redis, key: str, fields: list[bytes], id: str = "*") -> None:
    """Append an entry of any fields to any stream."""
    client.execute_command("XADD", key, id, *fields)  # type: ignore[no-untyped-call]


def copy_log(client: redis.Redis, streams: str, commands: list[CommandEntry], events: list[EventEntry]) -> None:
    """Write both streams as given, under another prefix."""
    with client.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command("XADD", f"{streams}:commands", format_id(command.id), *command.fields)  # type: ignore[no-untyped-call]
        for entry in events:
            written = [b"e", entry.payload, b"h", entry.chain.hex().encode()]
            pipeline.execute_command("XADD", f"{streams}:events", format_id(entry.id), *written)  # type: ignore[no-untyped-call]
        pipeline.execute()


def entries_after(head: Head, count: int, note: bytes = b"") -> list[EventEntry]:
    """A well-chained batch that no engine made, with ids right above the head."""
    made = []
    last = head
    for _ in range(count):
        id: StreamId = (last.id[0] + 1, 0)
        payload = b"%b%d" % (note, id[0])
        made.append(EventEntry(id, payload, chain(last.chain, id, b"", payload)))
        last = Head(id, made[-1].chain)
    return made


def assert_sound(log: BlockingRedisLog) -> Machine:
    """Each command has exactly one entry, in order; an independent machine computes the same bytes; money is
    conserved. The machine at the end."""
    commands, events = all_commands(log), all_events(log)
    assert [entry.id for entry in events] == [command.id for command in commands]
    machine = Machine()
    for command, entry in zip(commands, events, strict=True):
        computed = machine.step(command)
        assert (computed.payload, computed.chain) == (entry.payload, entry.chain)
    assert_conserved(machine)
    return machine


def assert_conserved(machine: Machine) -> None:
    """Per asset everything sums to zero with the outside world; nothing but the outside is below zero; what is locked
    is what open orders and withdrawals lock."""
    state = machine.state
    for asset in state.assets:
        held = [(id, account.balances[asset]) for id, account in state.accounts.items() if asset in account.balances]
        assert sum(balance.available + balance.locked for _, balance in held) == 0
        assert all(balance.available >= 0 and balance.locked >= 0 for id, balance in held if id != 0)
        locked = sum(one.amount for one in state.withdrawals.values() if one.asset == asset)
        for order in state.orders.values():
            market = order.market
            if order.buy and market.quote == asset:
                locked += order.ticks * order.left * market.unit
            elif not order.buy and market.base == asset:
                locked += order.left * market.lot_size
        assert locked == sum(balance.locked for _, balance in held)


def trade(engine: Engine, log: BlockingRedisLog, seed: int, count: int) -> None:
    log.append_many(some(seed, count))
    drain(engine, log)


def three_snapshots(log: BlockingRedisLog, store: FileSnapshotStore) -> Engine:
    """A log with snapshots at three positions and a stretch after the last."""
    engine = open_world(log, store)
    for seed in range(3):
        trade(engine, log, seed, 20)
        run(standby(log, store).turn())
    trade(engine, log, 3, 20)
    assert len(store.names()) == 3
    return engine


def hash_from_genesis(log: BlockingRedisLog) -> str:
    return snapshots.state_hash(assert_sound(log))


def reasons(log: BlockingRedisLog, store: FileSnapshotStore) -> tuple[Machine, list[str]]:
    with capture_logs() as logged:
        machine = run(recover(log, store))
    return machine, [str(line["reason"]) for line in logged if line["event"] == "snapshot refused"]


class Interposed(BlockingRedisLog):
    """Lets something happen right before a publication."""

    before_publish: object = None
    fenced = 0

    def publish(self, built_on: Head, entries: Sequence[EventEntry]) -> Awaitable[None]:
        if callable(self.before_publish):
            self.before_publish()
        return self._heard(super().publish(built_on, entries))

    async def _heard(self, publication: Awaitable[None]) -> None:
        try:
            await publication
        except Fenced:
            self.fenced += 1
            raise
