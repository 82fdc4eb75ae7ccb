"""The state machine with its place in the log: one command entry in, one event entry out.

Every entry has its result, a rejection included; nothing that is appended can stop the machine. Two things do: an id
that does not go forward, and an exception that no rule raises, after which the machine refuses to go on, because a
half-applied command is worse than none.
"""

from exchange.commands.codec import decode, frame
from exchange.commands.types import (
    Amend,
    Batch,
    Cancel,
    CancelAll,
    CancelList,
    CancelReplace,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Place,
    PlaceList,
    Record,
    ReleaseWithdrawal,
    SetAccountStatus,
    SetFeeTiers,
    SetMarketFees,
    SetMarketLimits,
    SetMarketStatus,
    SetRules,
    SetStp,
    SetSwitch,
    SettleWithdrawal,
    SetTradeGroup,
    Tick,
    Transfer,
    Uncross,
    Withdraw,
)
from exchange.engine import admin, auction, batches, due, lists, memory, orders, transfers, waiting
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
        try:
            command = decode(fields, self.state.rules)
        except Refused as refusal:
            return Outcome([Rejected(refusal.code.value, refusal.field)], [])
        return self.decide(id, command)

    def decide(self, id: StreamId, command: Command) -> Outcome:
        """The outcome of a command that has been read, without moving the head."""
        state = self.state
        step = self._step
        step.begin(id[0], id[1])
        if state.remembered:
            memory.sweep(state, id[0])
        if state.rules > 1:
            due.catch_up(state, step)
        told = len(step.events)
        touched = step.postings.touched()
        try:
            self._execute(command)
        except Refused as refusal:
            if len(step.events) != told or step.postings.touched() != touched:
                raise BrokenInvariant(f"command {format_id(id)} was refused in mid-apply") from refusal
            step.emit(Rejected(refusal.code.value, refusal.field))
        if step.markets:
            waiting.settle(state, step)
        return Outcome(step.events, step.postings.take())

    def _execute(self, command: Command) -> None:
        state = self.state
        step = self._step
        if not state.log_id and not isinstance(command, OpenLog):
            raise Refused(Code.LOG_NOT_OPEN)
        if isinstance(command, Place):
            orders.place(state, step, command)
        elif isinstance(command, Cancel):
            orders.cancel(state, step, command)
        elif isinstance(command, Amend):
            orders.amend(state, step, command)
        elif isinstance(command, CancelReplace):
            batches.cancel_replace(state, step, command)
        elif isinstance(command, Batch):
            batches.batch(state, step, command)
        elif isinstance(command, CancelAll):
            orders.cancel_all(state, step, command)
        elif isinstance(command, PlaceList):
            lists.place_list(state, step, command)
        elif isinstance(command, CancelList):
            lists.cancel_list(state, step, command)
        elif isinstance(command, SetSwitch):
            admin.set_switch(state, step, command)
        elif isinstance(command, Tick):
            pass  # what was due has happened
        else:
            self._execute_rare(command)

    def _execute_rare(self, command: Command) -> None:
        state = self.state
        step = self._step
        if isinstance(command, Deposit):
            transfers.deposit(state, step, command)
        elif isinstance(command, Withdraw):
            transfers.withdraw(state, step, command)
        elif isinstance(command, SettleWithdrawal):
            transfers.settle(state, step, command)
        elif isinstance(command, ReleaseWithdrawal):
            transfers.release(state, step, command)
        elif isinstance(command, Transfer):
            transfers.transfer(state, step, command)
        elif isinstance(command, OpenAccount):
            admin.open_account(state, step, command)
        elif isinstance(command, SetStp):
            admin.set_stp(state, step, command)
        elif isinstance(command, OpenLog):
            admin.open_log(state, step, command)
        else:
            self._administer(command)

    def _administer(self, command: Command) -> None:
        state = self.state
        step = self._step
        if isinstance(command, SetAccountStatus):
            admin.set_account_status(state, step, command)
        elif isinstance(command, SetTradeGroup):
            admin.set_trade_group(state, step, command)
        elif isinstance(command, SetMarketStatus):
            admin.set_market_status(state, step, command)
        elif isinstance(command, Uncross):
            auction.uncross(state, step, command)
        elif isinstance(command, SetMarketFees):
            admin.set_market_fees(state, step, command)
        elif isinstance(command, SetMarketLimits):
            admin.set_market_limits(state, step, command)
        elif isinstance(command, SetFeeTiers):
            admin.set_fee_tiers(state, step, command)
        elif isinstance(command, CreateMarket):
            admin.create_market(state, step, command)
        elif isinstance(command, CreateAsset):
            admin.create_asset(state, step, command)
        elif isinstance(command, SetRules):
            admin.set_rules(state, step, command)
        elif isinstance(command, Record):
            admin.record(step, command)
        else:
            raise BrokenInvariant(f"no handler for {command!r}")
