"""What a route takes and gives, declared as data beside its handler.

The idea: there is one declaration, and two readers of it. `reading.Fields` refuses by it whatever the route does not
know, and takes bounds, defaults and patterns from it; `openapi` describes it to the world. So the description cannot
promise what is not checked. What a declaration cannot say (how many decimals an asset has, which fields of an order go
together) the handler decides, and a test sees that each field is read as the kind that it is declared to be.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from exchange.api.errors import GatewayCode
from exchange.terms.codes import Code

if TYPE_CHECKING:
    from exchange.api.v1.call import Call, Reply

Json = dict[str, object]
AnyCode = GatewayCode | Code
Codes = frozenset[AnyCode]

MAX_TEXT: Final = 256
"""The most characters of any text in a request, amounts included."""

DECIMAL: Final = r"^(0|[1-9][0-9]{0,29})(\.[0-9]{1,18})?$"
POSITION: Final = r"^[0-9]{1,20}-[0-9]{1,20}$"


@dataclass(frozen=True, kw_only=True)
class Kind(ABC):
    """What a field may be. One that is not `required` may be left out, or be null."""

    required: bool = True

    @abstractmethod
    def schema(self) -> Json:
        """The same, as a JSON Schema."""


@dataclass(frozen=True, kw_only=True)
class Amount(Kind):
    """A decimal string; how many decimals it may have is the asset's to say."""

    signed: bool = False

    def schema(self) -> Json:
        """A text of ASCII digits."""
        return {"type": "string", "pattern": DECIMAL.replace("^", "^-?", 1) if self.signed else DECIMAL}


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number from `low` to `high`; `default` when it is left out."""

    low: int
    high: int
    default: int | None = None

    def schema(self) -> Json:
        """An integer with bounds."""
        bounds: Json = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return bounds if self.default is None else {**bounds, "default": self.default}


@dataclass(frozen=True)
class Word(Kind):
    """One of a closed set of words."""

    choices: Mapping[str, object]

    def schema(self) -> Json:
        """An enumeration."""
        return {"type": "string", "enum": list(self.choices)}


@dataclass(frozen=True)
class Text(Kind):
    """A text; `pattern` is all of it, and `detail` says so to people. Without a pattern it is only looked up, or read
    by rules of its own."""

    pattern: re.Pattern[str] | None = None
    detail: str = ""
    most: int = MAX_TEXT
    """The most characters."""

    def schema(self) -> Json:
        """A text of bounded length."""
        schema: Json = {"type": "string", "maxLength": self.most}
        return schema if self.pattern is None else {**schema, "pattern": f"^{self.pattern.pattern}$"}


@dataclass(frozen=True)
class Texts(Kind):
    """A list of at most `most` different texts, each of this kind."""

    each: Text | Word
    most: int

    def schema(self) -> Json:
        """An array."""
        return {"type": "array", "items": self.each.schema(), "maxItems": self.most, "uniqueItems": True}


@dataclass(frozen=True, kw_only=True)
class Flag(Kind):
    """`true` or `false`."""

    def schema(self) -> Json:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, kw_only=True)
class Position(Kind):
    """A position of the log, `ms-seq`."""

    def schema(self) -> Json:
        """Two numbers."""
        return {"type": "string", "pattern": POSITION}


@dataclass(frozen=True)
class Objects(Kind):
    """A list of `least` to `most` objects, each of one of these shapes."""

    shapes: "tuple[Shape, ...]"
    least: int
    most: int

    def schema(self) -> Json:
        """An array."""
        described = [described_object(shape) for shape in self.shapes]
        items: Json = described[0] if len(described) == 1 else {"anyOf": described}
        return {"type": "array", "items": items, "minItems": self.least, "maxItems": self.most}


Shape = Mapping[str, Kind]
"""The fields of a request by name."""

NOTHING: Final[Shape] = {}

_K = TypeVar("_K", bound=Kind)


def optional(kind: _K) -> _K:
    """The same kind of field, which may be left out."""
    return replace(kind, required=False)


def described_object(shape: Shape) -> Json:
    """A JSON Schema for an object with these fields and no others; what may be left out may also be null."""
    fields: Json = {}
    for name, kind in shape.items():
        schema = kind.schema()
        fields[name] = schema if kind.required else {"anyOf": [schema, {"type": "null"}]}
    return {
        "type": "object",
        "properties": fields,
        "required": [name for name, kind in shape.items() if kind.required],
        "additionalProperties": False,
    }


class Endpoint:
    """A handler with its declaration: `query` and `body` (None: it must be empty), the schema and status of the answer,
    and the codes with which it may refuse beyond those that follow from all this (`openapi.refusals`)."""

    __slots__ = ("answer", "body", "codes", "handler", "position", "query", "status", "summary", "weight")

    def __init__(
        self,
        handler: "Callable[[Call], Awaitable[Reply]]",
        summary: str,
        query: Shape,
        body: Shape | None,
        answer: Json,
        status: int,
        codes: frozenset[AnyCode],
        *,
        position: bool,
        weight: int = 1,
    ) -> None:
        self.handler = handler
        self.summary = summary
        self.query = query
        self.body = body
        self.answer = answer
        self.status = status
        self.codes = codes
        self.position = position
        self.weight = weight


def endpoint(
    summary: str,
    *,
    query: Shape = NOTHING,
    body: Shape | None = None,
    answer: Json,
    status: int = 200,
    codes: Iterable[AnyCode] = (),
    position: bool = True,
    weight: int = 1,
) -> "Callable[[Callable[[Call], Awaitable[Reply]]], Endpoint]":
    """Declare what the handler below takes and gives; `position`: whether its answers say of which state they are;
    `weight`: what a request counts against its address's limit."""

    def declare(handler: "Callable[[Call], Awaitable[Reply]]") -> Endpoint:
        return Endpoint(
            handler, summary, query, body, answer, status, frozenset(codes), position=position, weight=weight
        )

    return declare


class Access(Enum):
    """Who may call a route."""

    PUBLIC = "public"
    READ = "read"
    """A token, or a key that may read."""
    TRADE = "trade"
    """A token, or a key that may trade."""
    WITHDRAW = "withdraw"
    """A token, or a key that may withdraw."""
    USER = "user"
    """A token of a user, or the operator's; never a key."""
    ADMIN = "admin"
    """A token of an administrator; never a key."""

    @property
    def scope(self) -> str | None:
        """What a key must be allowed to; None where keys are not taken, or not looked at."""
        return self.value if self in (Access.READ, Access.TRADE, Access.WITHDRAW) else None

    @property
    def personal(self) -> bool:
        """Whether it is about the caller's own."""
        return self not in (Access.PUBLIC, Access.ADMIN)


class Route(NamedTuple):
    """A method and path under `/api/v1/`, who may call it, and what answers, with its declaration."""

    method: str
    path: str
    access: Access
    endpoint: Endpoint
