"""What clients were told: one `Asked` for each thing somebody wants, with every answer it ever had.

A thing is asked for under a name (client order id, client list id, reference), as often as it takes; the name is what
makes asking again safe, and what judges go by. An answer is final when it comes from the engine (a position, or a
success); anything else leaves the outcome unknown, and unknown things are asked again in peace.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

Json = dict[str, Any]
Kind = Literal["place", "list", "deposit", "withdraw", "cancel", "amend"]

NAMED: Final[frozenset[Kind]] = frozenset(["place", "list", "deposit", "withdraw"])
"""What carries a name of the client's own, and may be asked any number of times."""

AGAIN: Final = frozenset(["expiring"])
"""Refusals by the engine that are not remembered: they ask to be asked again."""


class Answer(NamedTuple):
    """One answer; status 0 means that none came. `position` is the log's, empty where the answer has none."""

    status: int
    body: Json
    position: str

    @property
    def code(self) -> str:
        """The error's code; empty when it is none."""
        error = self.body.get("error")
        return str(error["code"]) if isinstance(error, dict) else ""

    @property
    def accepted(self) -> bool:
        """Whether it was carried out."""
        return self.status in {200, 201}

    @property
    def refused(self) -> bool:
        """Whether the engine said no, for good."""
        return 400 <= self.status < 500 and bool(self.position) and self.code not in AGAIN

    @property
    def final(self) -> bool:
        """Whether there is nothing left to ask."""
        return self.accepted or self.refused


@dataclass
class Asked:
    """A thing that an account wants: for orders, lists and transfers `name` is the client's; a cancel's is its order's
    number, an amendment's the order's number and the new total."""

    kind: Kind
    account: int
    name: str
    method: str
    path: str
    body: Json | None
    answers: list[Answer] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, int, str]:
        """What it is known by in the record."""
        return self.kind, self.account, self.name

    @property
    def acked(self) -> list[Answer]:
        """Every answer that said it was carried out."""
        return [answer for answer in self.answers if answer.accepted]

    @property
    def refused(self) -> list[Answer]:
        """Every answer by which the engine refused it."""
        return [answer for answer in self.answers if answer.refused]

    @property
    def known(self) -> bool:
        """Whether the outcome is known. That an order is not open (any more) says all there is to know of its cancel or
        amendment; a gateway sees that without asking the engine."""
        closed = self.kind not in NAMED and any(answer.code == "unknown_order" for answer in self.answers)
        return closed or any(answer.final for answer in self.answers)
