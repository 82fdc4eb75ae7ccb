"""Diary against record: for everything that was told, exactly one effect in the log, with the very result told.

    lost      told that it was carried out (or refused by the engine), and the log has nothing of it
    doubled   two effects of one name
    diverged  the log has something else than was told, two answers to one wish differ, or nobody asked for it

Pure functions of what lies on the table, so that a doctored log or a doctored answer shows whether they see it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from exchange.events.types import Accepted, Amended, Canceled, Deposited, Done, ListOpened, WithdrawalReserved
from exchange.terms.stream import format_id, parse_id
from tests.chaos.record import Effect, Record, fills_of, status_after
from tests.chaos.told import NAMED, Answer, Asked, Json


@dataclass
class Verdict:
    """What was found, each in a sentence."""

    commands: int = 0
    acked: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    """What did not become well in its time."""

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.lost or self.doubled or self.diverged or self.stuck)

    def findings(self) -> Iterable[str]:
        """Everything found, with its kind."""
        for name in ("lost", "doubled", "diverged", "stuck"):
            for text in getattr(self, name):
                yield f"{name}: {text}"


def balance(told: Sequence[Asked], record: Record, known: Collection[str] = ()) -> Verdict:
    """Judge all that was told by the log. `known` are the names that others than the clients used for them."""
    verdict = Verdict(commands=record.entries, acked=sum(bool(asked.acked) for asked in told))
    verdict.diverged += record.flaws
    for asked in told:
        _judge(verdict, asked, record)
    _strangers(verdict, told, record, known)
    return verdict


def _judge(verdict: Verdict, asked: Asked, record: Record) -> None:
    effects = record.effects.get(asked.key, [])
    if len(effects) > 1:
        places = ", ".join(format_id(effect.id) for effect in effects)
        verdict.doubled.append(f"{asked.key} took effect {len(effects)} times: {places}")
    for answer in asked.answers:
        if answer.status == 500 or answer.code == "result_gone":
            verdict.diverged.append(f"{asked.key} was answered {answer.status} {answer.code}")
    if asked.acked and not effects:
        verdict.lost.append(f"{asked.key} was told {_shown(asked.acked[0])}, and the log has no such effect")
    elif asked.acked:
        for answer in asked.acked:
            _compare(verdict, asked, answer, effects[0], record)
    if asked.refused:
        _refusal(verdict, asked, effects, record)
    if asked.kind in NAMED and len({repr(answer.body) for answer in asked.acked}) > 1:
        verdict.diverged.append(f"{asked.key} was told two things: {[answer.body for answer in asked.acked]}")
    not_open = asked.kind == "cancel" and any(answer.code == "unknown_order" for answer in asked.answers)
    if not_open and int(asked.name) not in record.ended:
        verdict.diverged.append(f"{asked.key} was refused as not open, and the order never ended")
    if not asked.known:
        verdict.stuck.append(f"{asked.key} has no outcome: {[_shown(answer) for answer in asked.answers]}")


def _refusal(verdict: Verdict, asked: Asked, effects: Sequence[Effect], record: Record) -> None:
    """A name that was refused stays refused. A cancel or an amendment may well be refused the second time."""
    said = record.refusals.get(asked.key, [])
    for answer in asked.refused:
        if not record.asked.get(asked.key):
            verdict.lost.append(f"{asked.key} was refused ({answer.code}), and the log has no such command")
        elif answer.code not in said:
            verdict.diverged.append(f"{asked.key} was refused with {answer.code}; the log says {said}")
    if effects and asked.kind in NAMED:
        verdict.diverged.append(f"{asked.key} was refused, and took effect in {format_id(effects[0].id)}")


def _compare(verdict: Verdict, asked: Asked, answer: Answer, effect: Effect, record: Record) -> None:
    """The answer says what the effect's entry says."""
    if answer.position and parse_id(answer.position) < effect.id:
        verdict.diverged.append(f"{asked.key} was answered from {answer.position}, before it took effect")
    try:
        wrong = list(_differences(answer.body, effect, record))
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        wrong = [f"it cannot be read ({error!r})"]
    if wrong:
        verdict.diverged.append(
            f"{asked.key} was told something else than {format_id(effect.id)}: {'; '.join(wrong)} in {answer.body}"
        )


def _differences(body: Json, effect: Effect, record: Record) -> Iterable[str]:
    event = effect.event
    if isinstance(event, Accepted):
        yield from _order(body, event, effect, record)
    elif isinstance(event, ListOpened):
        yield from _unequal("id", body["id"], event.order_list)
        yield from _unequal("orders", body["orders"], event.orders)
        by_id = {leg.order: leg for leg in effect.outcome.events if isinstance(leg, Accepted)}
        for leg in body["legs"]:
            yield from _order(leg, by_id[leg["id"]], Effect(effect.id, by_id[leg["id"]], effect.outcome), record)
    elif isinstance(event, (Deposited, WithdrawalReserved)):
        yield from _unequal("amount", record.amount(body["amount"], event.asset), event.amount)
        yield from _unequal("account", body["account"], event.account)
        number: object = format_id(effect.id) if isinstance(event, Deposited) else event.withdrawal
        yield from _unequal("id", body["id"], number)
    elif isinstance(event, (Canceled, Done)):
        base, _ = record.markets[event.market]
        left = event.quantity + event.hidden if isinstance(event, Canceled) else event.left
        yield from _unequal("canceled", record.amount(body["canceled"], base), left)
    elif isinstance(event, Amended):
        base, _ = record.markets[event.market]
        yield from _unequal("quantity", record.amount(body["quantity"], base), event.quantity)
        yield from _unequal("reduced_by", record.amount(body["reduced_by"], base), event.by + event.hidden)


def _order(body: Json, event: Accepted, effect: Effect, record: Record) -> Iterable[str]:
    base, quote = record.markets[event.market]
    yield from _unequal("id", body["id"], event.order)
    yield from _unequal("market", body["market"], event.market)
    yield from _unequal("kind", body["kind"], event.side)
    yield from _unequal("type", body["type"], event.order_type)
    told = [
        (fill["trade"], record.amount(fill["price"], quote), record.amount(fill["quantity"], base))
        for fill in body["fills"]
    ]
    happened = fills_of(effect, event.order)
    yield from _unequal("fills", told, happened)
    yield from _unequal("filled", record.amount(body["filled"], base), sum(fill[2] for fill in happened))
    status = "waiting" if body["status"] == "pending" else body["status"]
    yield from _unequal("status", status, status_after(effect, event.order))


def _unequal(name: str, told: object, logged: object) -> Iterable[str]:
    if told != logged:
        yield f"{name} {told!r} against {logged!r}"


def _strangers(verdict: Verdict, told: Sequence[Asked], record: Record, known: Collection[str]) -> None:
    """What the clients' accounts did, they asked for."""
    wished = {asked.key for asked in told}
    accounts = {asked.account for asked in told}
    for key in record.asked:
        if key[1] in accounts and key not in wished and key[2] not in known:
            verdict.diverged.append(f"{key} is in the log, and nobody asked for it")


def _shown(answer: Answer) -> str:
    return f"{answer.status} {answer.code}".strip()
