"""First results remembered, so that a command repeated takes effect once.

A result is remembered, rejections included, while `now − first ≤ window` in stream time, and as long as the order it
opened is open. Looking up decides by time alone; forgetting is only house-keeping, a few at each command so that no
command pays for all.
"""

from typing import Final

from exchange.engine.accounts import Account, Remembered
from exchange.engine.state import State
from exchange.terms.stream import StreamId

ORDER: Final = "o"
DEPOSIT: Final = "d"
WITHDRAWAL: Final = "w"

_SWEEP_PER_COMMAND: Final = 8


def names(account: Account, kind: str) -> dict[str, Remembered]:
    """The account's remembered results of one kind."""
    if kind == ORDER:
        return account.orders
    return account.deposits if kind == DEPOSIT else account.withdrawals


def recall(state: State, account: Account, kind: str, name: str, now_ms: int) -> Remembered | None:
    """The first result under a name, if it is still remembered."""
    found = names(account, kind).get(name)
    if found is None:
        return None
    if now_ms - found.id[0] <= state.dedup_window_ms or found.order in state.orders:
        return found
    return None


def remember(state: State, account: Account, kind: str, name: str, id: StreamId, order: int) -> None:
    """Keep a first result; `order` is the order it opened, or zero."""
    result = Remembered(account.id, kind, name, id, order)
    names(account, kind)[name] = result
    state.remembered.append(result)


def sweep(state: State, now_ms: int) -> None:
    """Forget some of what the window has passed; an open order keeps its name until it closes."""
    queue = state.remembered
    for _ in range(_SWEEP_PER_COMMAND):
        if not queue or now_ms - queue[0].id[0] <= state.dedup_window_ms:
            return
        result = queue.popleft()
        book = names(state.accounts[result.account], result.kind)
        if book.get(result.name) is result:
            if result.order in state.orders:
                result.swept = True
            else:
                del book[result.name]


def order_closed(state: State, account: int, client_id: str) -> None:
    """An order has closed: its name goes too if only the order kept it."""
    if client_id:
        book = state.accounts[account].orders
        result = book.get(client_id)
        if result is not None and result.swept:
            del book[client_id]
