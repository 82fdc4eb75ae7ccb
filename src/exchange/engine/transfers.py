"""Money in, out, and between accounts of one holder. The outside world is an account too: what it owes is what the
users deposited."""

from exchange.commands.types import Deposit, ReleaseWithdrawal, SettleWithdrawal, Transfer, Withdraw
from exchange.engine import memory
from exchange.engine.accounts import DEPOSIT, TRANSFER, WITHDRAWAL, Account, Remembered
from exchange.engine.state import State, Step, Withdrawal
from exchange.events.types import (
    Deposited,
    Duplicate,
    Transferred,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.terms.amounts import MAX_AMOUNT
from exchange.terms.codes import Code, Refused
from exchange.terms.words import FIRST_USER, FROZEN, OUTSIDE


def deposit(state: State, step: Step, command: Deposit) -> None:
    """Credit what came in."""
    account = state.user(command.account)
    if _repeated(state, step, account, DEPOSIT, command.ref):
        return
    if command.asset not in state.assets:
        raise Refused(Code.UNKNOWN_ASSET, "asset")
    if command.amount == 0:
        raise Refused(Code.NOT_POSITIVE, "amount")
    if account.total(command.asset) + command.amount > MAX_AMOUNT:
        raise Refused(Code.BALANCE_LIMIT, "amount")
    step.postings.available(account.balance(command.asset), command.amount)
    step.postings.available(state.accounts[OUTSIDE].balance(command.asset), -command.amount)
    step.emit(Deposited(command.account, command.asset, command.amount, command.ref, command.by))


def withdraw(state: State, step: Step, command: Withdraw) -> None:
    """Bind what is to leave."""
    account = state.user(command.account)
    if _repeated(state, step, account, WITHDRAWAL, command.ref):
        return
    if account.status == FROZEN:
        raise Refused(Code.ACCOUNT_FROZEN, "account")
    if command.asset not in state.assets:
        raise Refused(Code.UNKNOWN_ASSET, "asset")
    if command.amount == 0:
        raise Refused(Code.NOT_POSITIVE, "amount")
    if account.available(command.asset) < command.amount:
        raise Refused(Code.INSUFFICIENT_FUNDS, "amount")
    withdrawal = Withdrawal(state.next_withdrawal, command.account, command.asset, command.amount)
    state.next_withdrawal += 1
    state.withdrawals[withdrawal.id] = withdrawal
    step.postings.lock(account.balance(command.asset), command.amount)
    step.emit(WithdrawalReserved(withdrawal.id, command.account, command.asset, command.amount, command.ref))


def settle(state: State, step: Step, command: SettleWithdrawal) -> None:
    """The bound money has left."""
    withdrawal = _pending(state, command.withdrawal)
    del state.withdrawals[withdrawal.id]
    step.postings.locked(state.accounts[withdrawal.account].balance(withdrawal.asset), -withdrawal.amount)
    step.postings.available(state.accounts[OUTSIDE].balance(withdrawal.asset), withdrawal.amount)
    step.emit(WithdrawalSettled(withdrawal.id, withdrawal.account, withdrawal.asset, withdrawal.amount, command.by))


def release(state: State, step: Step, command: ReleaseWithdrawal) -> None:
    """The bound money is free again."""
    withdrawal = _pending(state, command.withdrawal)
    del state.withdrawals[withdrawal.id]
    step.postings.lock(state.accounts[withdrawal.account].balance(withdrawal.asset), -withdrawal.amount)
    step.emit(WithdrawalReleased(withdrawal.id, withdrawal.account, withdrawal.asset, withdrawal.amount, command.by))


def transfer(state: State, step: Step, command: Transfer) -> None:
    """Move money to another account of the trade group. Who may not withdraw may not send, nor receive."""
    account = state.user(command.account)
    if _repeated(state, step, account, TRANSFER, command.ref):
        return
    if account.status == FROZEN:
        raise Refused(Code.ACCOUNT_FROZEN, "account")
    to = state.accounts.get(command.to)
    if to is None:
        raise Refused(Code.UNKNOWN_ACCOUNT, "to")
    if to.id < FIRST_USER:
        raise Refused(Code.HOUSE_ACCOUNT, "to")
    if to is account:
        raise Refused(Code.SAME_ACCOUNT, "to")
    if account.group == 0 or to.group != account.group:
        raise Refused(Code.NOT_SAME_GROUP, "to")
    if to.status == FROZEN:
        raise Refused(Code.ACCOUNT_FROZEN, "to")
    if command.asset not in state.assets:
        raise Refused(Code.UNKNOWN_ASSET, "asset")
    if command.amount == 0:
        raise Refused(Code.NOT_POSITIVE, "amount")
    if account.available(command.asset) < command.amount:
        raise Refused(Code.INSUFFICIENT_FUNDS, "amount")
    if to.total(command.asset) + command.amount > MAX_AMOUNT:
        raise Refused(Code.BALANCE_LIMIT, "amount")
    step.postings.available(account.balance(command.asset), -command.amount)
    step.postings.available(to.balance(command.asset), command.amount)
    step.emit(Transferred(account.id, to.id, command.asset, command.amount, command.ref))


def _pending(state: State, id: int) -> Withdrawal:
    withdrawal = state.withdrawals.get(id)
    if withdrawal is None:
        raise Refused(Code.UNKNOWN_WITHDRAWAL, "withdrawal")
    return withdrawal


def _repeated(state: State, step: Step, account: Account, kind: int, ref: str) -> bool:
    """Whether the transfer has its result already, which is then told again; else this one's is remembered, whatever
    it will be."""
    result = Remembered(account.id, kind, ref, step.ms, step.seq)
    first = memory.claim(state, step, account, result)
    if first is result:
        return False
    step.emit(Duplicate(f"{first.ms}-{first.seq}"))
    return True
