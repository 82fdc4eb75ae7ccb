"""The state machine with its place in the log: one command entry in, one event entry out.

Every entry has its result, a rejection included; nothing that is appended can stop the machine. Two things do: an id
that does not go forward, and an exception that no rule raises, after which the machine refuses to go on, because a
half-applied command is worse than none.
"""

from exchange.commands.codec import decode, frame
from exchange.commands.types import (
    Amend,
    Cancel,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Place,
    ReleaseWithdrawal,
    SetMarketFees,
    SetMarketStatus,
    SettleWithdrawal,
    Withdraw,
)
from exchange.engine import admin, memory, orders, transfers
from exchange.engine.state import State, Step
from exchange.events.codec import chain, encode
from exchange.events.types import Outcome, Rejected
from exchange.terms.codes import Code, Refused
from exchange.terms.stream import CommandEntry, EventEntry, Head, StreamId, format_id, genesis_head


class BrokenInvariant(Exception):
    """The machine found itself in a state that no rule allows, and has stopped for good."""


class Machine:
    """A state and the head of the log it stands for.

    `outcome` is the last step's result as objects, for who would else have to decode it again.
    """

    def __init__(self, state: State | None = None, head: Head | None = None) -> None:
        self.state = State() if state is None else state
        self.head = genesis_head() if head is None else head
        self.outcome = Outcome([], [])
        self._step = Step()
        self._broken = ""

    def step(self, entry: CommandEntry) -> EventEntry:
        """Apply the next command and give its result, chained to the one before.

        Raises:
            ValueError: the id is not above the head's.
            BrokenInvariant: this or an earlier command could not be applied cleanly; the machine is not usable.
        """
        if self._broken:
            raise BrokenInvariant(self._broken)
        if entry.id <= self.head.id:
            raise ValueError(f"command {format_id(entry.id)} does not come after {format_id(self.head.id)}")
        self._broken = f"command {format_id(entry.id)} failed in mid-apply"
        outcome = self.apply(entry.id, entry.fields)
        payload = encode(outcome)
        hash = chain(self.head.chain, entry.id, frame(entry.fields), payload)
        self.head = Head(entry.id, hash)
        self.outcome = outcome
        self._broken = ""
        return EventEntry(entry.id, payload, hash)

    def apply(self, id: StreamId, fields: list[bytes]) -> Outcome:
        """Apply a command's fields without moving the head: `step` is the way in, this the part that rules decide."""
        step = self._step
        step.begin(id)
        try:
            self._execute(id[0], decode(fields))
        except Refused as refusal:
            if not step.untouched():
                raise BrokenInvariant(f"command {format_id(id)} was refused in mid-apply") from refusal
            return Outcome([Rejected(refusal.code.value, refusal.field)], [])
        return Outcome(step.events, step.postings.take())

    def _execute(self, now_ms: int, command: Command) -> None:
        state = self.state
        step = self._step
        if not state.log_id and not isinstance(command, OpenLog):
            raise Refused(Code.LOG_NOT_OPEN)
        memory.sweep(state, now_ms)
        if isinstance(command, Place):
            orders.place(state, step, command)
        elif isinstance(command, Cancel):
            orders.cancel(state, step, command)
        elif isinstance(command, Amend):
            orders.amend(state, step, command)
        elif isinstance(command, Deposit):
            transfers.deposit(state, step, command)
        elif isinstance(command, Withdraw):
            transfers.withdraw(state, step, command)
        elif isinstance(command, SettleWithdrawal):
            transfers.settle(state, step, command)
        elif isinstance(command, ReleaseWithdrawal):
            transfers.release(state, step, command)
        elif isinstance(command, OpenAccount):
            admin.open_account(state, step, command)
        elif isinstance(command, SetMarketStatus):
            admin.set_market_status(state, step, command)
        elif isinstance(command, SetMarketFees):
            admin.set_market_fees(state, step, command)
        elif isinstance(command, CreateMarket):
            admin.create_market(state, step, command)
        elif isinstance(command, CreateAsset):
            admin.create_asset(state, step, command)
        elif isinstance(command, OpenLog):
            admin.open_log(state, step, command)
        else:
            raise BrokenInvariant(f"no handler for {command!r}")
