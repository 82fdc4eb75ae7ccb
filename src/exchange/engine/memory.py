"""First results remembered, so that a command repeated takes effect once.

A result is remembered, rejections included, while `now − first ≤ window` in stream time and (since the second rules)
while it is among the newest so many, and as long as the order or list it opened is open. Looking up decides by time and
by being there; forgetting is a few at each command, so that no command pays for all.
"""

from typing import Final

from exchange.engine.accounts import Account, Remembered
from exchange.engine.state import State, Step

_SWEEP_PER_COMMAND: Final = 8


def recall(state: State, step: Step, account: Account, kind: int, name: str) -> Remembered | None:
    """The first result under a name, if it is still remembered."""
    found = account.names(kind).get(name)
    if found is None or not _lasts(state, step, found):
        return None
    return found


def _lasts(state: State, step: Step, found: Remembered) -> bool:
    return found.swept or step.ms - found.ms <= state.dedup_window_ms or is_open(state, found)


def is_open(state: State, result: Remembered) -> bool:
    """Whether the order or list that a result opened is open."""
    if not result.order:
        return False
    if result.order < 0:
        return -result.order in state.lists
    return result.order in state.orders


def remember(state: State, step: Step, account: Account, kind: int, name: str) -> Remembered:
    """Keep the result of the command at hand under a name that has none; its `order` is set when one is opened."""
    result = Remembered(account.id, kind, name, step.ms, step.seq)
    account.names(kind)[name] = result
    state.remembered.append(result)
    return result


def claim(state: State, step: Step, account: Account, result: Remembered) -> Remembered:
    """The first result under a name if there is one, else this `result`, which is remembered. One look-up."""
    names = account.names(result.kind())
    found = names.setdefault(result.name, result)
    if found is not result:
        if _lasts(state, step, found):
            return found
        names[result.name] = result
    state.remembered.append(result)
    return result


def sweep(state: State, now_ms: int) -> None:
    """Forget some of what the window has passed, and all beyond the number; an open order keeps its name until it
    closes."""
    queue = state.remembered
    if not queue:
        return
    swept = 0
    most = state.dedup_names
    while queue:
        if most and len(queue) > most:
            pass
        elif swept == _SWEEP_PER_COMMAND or now_ms - queue[0].ms <= state.dedup_window_ms:
            return
        swept += 1
        result = queue.popleft()
        names = state.accounts[result.account()].names(result.kind())
        if names.get(result.name) is result:
            if is_open(state, result):
                result.swept = True
            else:
                del names[result.name]


def closed(names: dict[str, Remembered], name: str) -> None:
    """An order or list has closed: its name goes too if only that kept it."""
    result = names.get(name)
    if result is not None and result.swept:
        del names[name]
