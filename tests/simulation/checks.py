"""What must hold at the end of a run, told from the log's bytes.

The judge sees everything (both streams whole, every answer, every file) and shares as little as it can with the
judged: the chain is hashed here afresh, the payloads are read as plain JSON, money is added up from postings. Only
"the same log gives the same bytes" asks the engine itself, a new one, from the first command on.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import orjson

from exchange.engine import Machine
from exchange.engine.snapshot import rows
from exchange.roles import snapshots
from exchange.terms.stream import CommandEntry, EventEntry, StreamId, format_id
from exchange.terms.words import FEES, OUTSIDE
from tests.simulation.clients import Answer
from tests.simulation.disk import Disk
from tests.simulation.projector import Rows

_KEYED = {
    "place": ("accepted", "client_id"),
    "deposit": ("deposited", "ref"),
    "withdraw": ("withdrawal_reserved", "ref"),
    "transfer": ("transferred", "ref"),
}
_REFUSED_UNREMEMBERED = {"unknown_account", "log_not_open"}
_OWN = {"accepted", "rejected", "duplicate", "deposited", "withdrawal_reserved", "transferred"}


class Violation(Exception):
    """A promise is broken; the message says which and where."""


def one_entry_each(commands: Sequence[CommandEntry], events: Sequence[EventEntry]) -> None:
    """I1, G2: each command has exactly one entry, with its id, in order, without a hole."""
    asked = [entry.id for entry in commands]
    told = [entry.id for entry in events]
    if asked != told:
        for position, id in enumerate(told):
            if position >= len(asked) or asked[position] != id:
                raise Violation(f"entry {format_id(id)} stands where another command's result should")
        raise Violation(f"command {format_id(asked[len(told)])} has no result")


def chain_holds(commands: Sequence[CommandEntry], events: Sequence[EventEntry]) -> None:
    """I4, G6: the chain hash of every entry, computed from the bytes alone."""
    hash = bytes(32)
    for command, event in zip(commands, events, strict=True):
        digest = sha256(hash)
        digest.update(f"{event.id[0]}-{event.id[1]}\n".encode())
        for field in command.fields:
            digest.update(str(len(field)).encode() + b":" + field + b",")
        digest.update(b"\n" + event.payload)
        hash = digest.digest()
        if hash != event.chain:
            raise Violation(f"the chain breaks at entry {format_id(event.id)}")


def replayed(commands: Sequence[CommandEntry], events: Sequence[EventEntry]) -> Machine:
    """G4: a new engine computes the same bytes; gives it."""
    machine = Machine()
    for command, event in zip(commands, events, strict=True):
        entry = machine.step(command)
        if entry.payload != event.payload or entry.chain != event.chain:
            raise Violation(f"entry {format_id(event.id)} says {event.payload!r}, a new engine says {entry.payload!r}")
    return machine


def answers_stand(answers: Sequence[Answer], events: Sequence[EventEntry], cuts: int, lossy: bool) -> int:
    """I5, G1: every answer is in the log with the bytes the client saw; gives how many a power cut took back, which
    only a lossy log may have, and only with a cut after the result was published."""
    payloads = {entry.id: entry.payload for entry in events}
    lost = 0
    for answer in answers:
        if payloads.get(answer.id) != answer.payload:
            if not lossy or cuts == answer.cuts:
                raise Violation(f"the answer {format_id(answer.id)} {answer.payload!r} is not in the log")
            lost += 1
    return lost


def archived(archive: Sequence[EventEntry], events: Sequence[EventEntry], first: int) -> None:
    """I7: the archive is the log's beginning, and everything before the first entry that the streams still have is in
    it."""
    for kept, entry in zip(archive, events, strict=False):
        if kept.id != entry.id or kept.chain != entry.chain:
            raise Violation(f"the archive has {format_id(kept.id)} where the log has {format_id(entry.id)}")
    if len(archive) < first:
        raise Violation(f"{first} entries were trimmed, {len(archive)} of them are archived")


def bodies(events: Sequence[EventEntry]) -> list[dict[str, Any]]:
    """The payloads as plain JSON."""
    return [orjson.loads(entry.payload) for entry in events]


def own_event(body: dict[str, Any]) -> dict[str, Any]:
    """The first event of the command itself: what was due before it, and what a mere tick found, is passed over."""
    for event in body["events"]:
        if event["type"] in _OWN:
            found: dict[str, Any] = event
            return found
    return {"type": "other"}


def once_each(commands: Sequence[CommandEntry], results: Sequence[dict[str, Any]]) -> None:
    """G3: of all commands with one client order id (or transfer reference) only the first has a result of its own, and
    the others point at it; and no order is accepted twice for one request, whatever its id says."""
    first: dict[tuple[str, int, str], StreamId] = {}
    accepted: dict[tuple[int, str], str] = {}
    for command, body in zip(commands, results, strict=True):
        result = own_event(body)
        if result["type"] == "accepted":
            request = (result["account"], result["quantity"])
            if request in accepted:
                raise Violation(f"request {request} was accepted twice: {accepted[request]!r}, {result['client_id']!r}")
            accepted[request] = result["client_id"]
        if result["type"] == "rejected" and result["code"] in _REFUSED_UNREMEMBERED and result["field"] != "to":
            continue
        key = _key(command)
        if key is None:
            continue
        if key not in first:
            if result["type"] == "duplicate":
                raise Violation(f"{key} at {format_id(command.id)} repeats {result['first']}, which never was")
            first[key] = command.id
        elif result != {"type": "duplicate", "first": format_id(first[key])}:
            raise Violation(
                f"{key} at {format_id(command.id)} took effect again after {format_id(first[key])}: {result}"
            )


def _key(command: CommandEntry) -> tuple[str, int, str] | None:
    """What makes a repetition of this command recognisable: kind, account and the client's own id."""
    if len(command.fields) != 2 or command.fields[0] != b"c":
        return None
    try:
        body: object = orjson.loads(command.fields[1])
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict) or body.get("v") != 1 or body.get("type") not in _KEYED:
        return None
    name = body.get(_KEYED[body["type"]][1])
    account = body.get("account")
    return (body["type"], account, name) if isinstance(name, str) and isinstance(account, int) else None


def money_conserved(results: Sequence[dict[str, Any]]) -> Rows:
    """G5: the balance changes of each entry sum to zero for each asset, and nobody but the outside world is ever below
    zero; gives the balances."""
    folded = Rows()
    for number, body in enumerate(results):
        sums: dict[str, int] = {}
        for account, asset, available, locked in body["postings"]:
            sums[asset] = sums.get(asset, 0) + int(available) + int(locked)
            balance = folded.balances.setdefault((account, asset), [0, 0])
            balance[0] += int(available)
            balance[1] += int(locked)
            if account != OUTSIDE and min(balance) < 0:
                raise Violation(f"account {account} is below zero in {asset} after entry {number}")
        if any(sums.values()):
            raise Violation(f"entry {number} makes or destroys money: {sums}")
        folded.trades += [event["trade"] for event in body["events"] if event["type"] == "trade"]
    return folded


def machine_agrees(machine: Machine, folded: Rows) -> None:
    """The engine's balances are those of the postings, and what it has locked is what orders and withdrawals bind."""
    state = machine.state
    held = {
        (account.id, balance.asset): [balance.available, balance.locked]
        for account in state.accounts.values()
        for balance in account.balances.values()
        if balance.available or balance.locked
    }
    told = {key: value for key, value in folded.balances.items() if any(value)}
    if held != told:
        raise Violation(f"the engine holds {held}, the postings say {told}")
    bound: dict[tuple[int, str], int] = {}
    for order in state.orders.values():
        market = order.market
        key = (order.account, market.quote if order.buy else market.base)
        lots = order.left
        bound[key] = bound.get(key, 0) + (lots * order.ticks * market.unit if order.buy else lots * market.lot_size)
    for withdrawal in state.withdrawals.values():
        key = (withdrawal.account, withdrawal.asset)
        bound[key] = bound.get(key, 0) + withdrawal.amount
    locked = {key: value[1] for key, value in held.items() if value[1]}
    if locked != bound:
        raise Violation(f"locked is {locked}, orders and withdrawals bind {bound}")
    if any(value[1] for (account, _), value in held.items() if account in (OUTSIDE, FEES)):
        raise Violation("the house has something locked")


def same_state(one: Machine, other: Machine, what: str) -> None:
    """Two machines are the same, row by row."""
    if one.head != other.head:
        raise Violation(f"{what} stands at {other.head}, not at {one.head}")
    for expected, found in zip(rows(one), rows(other), strict=False):
        if expected != found:
            raise Violation(f"{what} has {found} where {expected} should be")


def snapshots_restore(
    disk: Disk, commands: Sequence[CommandEntry], events: Sequence[EventEntry], machine: Machine
) -> None:
    """G7: every snapshot that is whole and of this log, restored and carried to the end, is the same machine."""
    places = {entry.id: place for place, entry in enumerate(events)}
    for name in disk.names():
        try:
            lines = disk.files[name]
            header = snapshots.verify(lines)
            restored = snapshots.build(header, lines)
        except snapshots.Damaged as damage:
            if name in disk.rotten:
                continue
            raise Violation(f"snapshot {name} is not whole, and nothing happened to it: {damage}") from damage
        place = places.get(header.head.id)
        if place is None or events[place].chain != header.head.chain:
            continue
        for command in commands[place + 1 :]:
            restored.step(command)
        same_state(machine, restored, f"snapshot {name}, carried on,")
