"""First results, by name: a plain list of all of them, searched from its end."""

from exchange.terms.stream import StreamId
from tests.property.reference.model import OrderList, Result, World


class Repeated(Exception):
    """The command repeats one that has its result already, in the entry `first`."""

    def __init__(self, first: StreamId) -> None:
        super().__init__(first)
        self.first = first


def forget(world: World) -> None:
    """Results that have passed the window or the number are no longer fresh."""
    for place, result in enumerate(reversed(world.results)):
        if world.now - result.id[0] > world.dedup_window_ms or (world.dedup_names and place >= world.dedup_names):
            result.fresh = False


def recalled(world: World, kind: str, account: int, name: str) -> Result | None:
    """The first result under a name, if it is remembered: fresh, or what it opened is open."""
    for result in reversed(world.results):
        if (result.kind, result.account, result.name) == (kind, account, name) and (result.fresh or _open(result)):
            return result
    return None


def claim(world: World, kind: str, account: int, name: str) -> Result:
    """The command at hand has its result under this name from here on, whatever that will be.

    Raises:
        Repeated: an earlier one has.
    """
    result = Result(kind, account, name, world.id)
    if name:
        first = recalled(world, kind, account, name)
        if first is not None:
            raise Repeated(first.id)
        world.results.append(result)
    return result


def _open(result: Result) -> bool:
    opened = result.opened
    if isinstance(opened, OrderList):
        return any(member.standing != "ended" for member in opened.members)
    return opened is not None and opened.standing != "ended"
