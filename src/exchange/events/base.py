"""What every event is, what an entry holds of them, and the three that say how a command was taken."""

from mypy_extensions import mypyc_attr


@mypyc_attr(acyclic=True)
class Event:
    """What every event is; see the subclasses."""

    def json(self) -> str:
        """The event as it stands in an entry's payload."""
        raise NotImplementedError


@mypyc_attr(acyclic=True)
class Act(Event):
    """What an administrator did; `by` as in the command, left out when it was not told."""

    def __init__(self, by: str) -> None:
        self.by = by

    def by_json(self) -> str:
        """The member that says who it was, if anybody said so."""
        return f',"by":"{self.by}"' if self.by else ""


@mypyc_attr(acyclic=True, free_list_len=1)
class Posting:
    """A balance change: `available` and `locked` are signed amounts.

    Over one entry the postings of an asset sum to zero, the outside world (account 0) and the fees (account 1)
    included.
    """

    def __init__(self, account: int, asset: str, available: int, locked: int) -> None:
        self.account = account
        self.asset = asset
        self.available = available
        self.locked = locked

    def json(self) -> str:
        return f'[{self.account},"{self.asset}","{self.available}","{self.locked}"]'


@mypyc_attr(acyclic=True, free_list_len=1)
class Outcome:
    """The whole result of one command: its events in order, then the balance changes they made together."""

    def __init__(self, events: list[Event], postings: list[Posting]) -> None:
        self.events = events
        self.postings = postings


class Rejected(Event):
    """The command was refused and changed nothing (what was due before it stands before this); `field` is the command's
    field at fault, or empty."""

    def __init__(self, code: str, field: str) -> None:
        self.code = code
        self.field = field

    def json(self) -> str:
        return f'{{"type":"rejected","code":"{self.code}","field":"{self.field}"}}'


class Duplicate(Event):
    """The command repeats one that has its result already, in the entry `first` (`ms-seq`); nothing changed."""

    def __init__(self, first: str) -> None:
        self.first = first

    def json(self) -> str:
        return f'{{"type":"duplicate","first":"{self.first}"}}'


class Item(Event):
    """The events after this, up to the next `item`, are those of part `index` of the command. With a `code` the part
    was refused, with `first` it repeated the command of that entry; then it has no events."""

    def __init__(self, index: int, code: str = "", field: str = "", first: str = "") -> None:
        self.index = index
        self.code = code
        self.field = field
        self.first = first

    def json(self) -> str:
        if self.code:
            return f'{{"type":"item","index":{self.index},"code":"{self.code}","field":"{self.field}"}}'
        if self.first:
            return f'{{"type":"item","index":{self.index},"first":"{self.first}"}}'
        return f'{{"type":"item","index":{self.index}}}'
