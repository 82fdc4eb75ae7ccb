"""Reading single fields of a command's JSON object.

Every reader here gives the field's value or refuses the command, naming the field: `missing_field` when it is not
there, `invalid_field` when it has the wrong type or form. None of them looks at the state, and none may ever read
something else than before: both versions of the rules, and so the replay of every log, stand on them.
"""

from typing import Final

from exchange.terms.amounts import MAX_COUNT, parse_digits
from exchange.terms.codes import Code, Refused
from exchange.terms.words import ASSET_PATTERN, BY_PATTERN, CLIENT_ID_PATTERN, MARKET_PATTERN, REF_PATTERN

Object = dict[str, object]
"""A JSON object as it was read."""

_CLIENT_ID_SIZE: Final = 36
"""As `CLIENT_ID_PATTERN`, which the loop below spells out."""
_HEAD: Final = frozenset(["v", "type"])


def refusal(body: Object, name: str) -> Refused:
    """Why a field that is needed was not read: it is missing, or it is not what it should be."""
    return Refused(Code.INVALID_FIELD if name in body else Code.MISSING_FIELD, name)


def invalid(name: str) -> Refused:
    """A field that was read and does not do."""
    return Refused(Code.INVALID_FIELD, name)


def integer(body: Object, name: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`; neither a boolean nor a string is one."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise refusal(body, name)
    return value


def account(body: Object) -> int:
    """The account's number, which may be any: whether there is such an account is the engine's to say."""
    return integer(body, "account", 0, MAX_COUNT)


def flag(body: Object, name: str) -> bool:
    """True or false."""
    value = body.get(name)
    if not isinstance(value, bool):
        raise refusal(body, name)
    return value


def objects(body: Object, name: str) -> list[Object]:
    """A list of JSON objects."""
    value = body.get(name)
    if not isinstance(value, list):
        raise refusal(body, name)
    parts: list[Object] = []
    for part in value:
        if not isinstance(part, dict):
            raise invalid(name)
        parts.append(part)
    return parts


def amount(body: Object, name: str) -> int:
    """An amount in smallest units: a string of digits."""
    read = parse_digits(body.get(name))
    if read < 0:
        raise refusal(body, name)
    return read


def positive(body: Object, name: str) -> int:
    """An amount that is not zero, where zero would mean that it was not given."""
    read = amount(body, name)
    if read == 0:
        raise Refused(Code.NOT_POSITIVE, name)
    return read


def text(body: Object, name: str) -> str:
    """Any string: of a name that is only looked up, an unknown one needs no form."""
    value = body.get(name)
    if not isinstance(value, str):
        raise refusal(body, name)
    return value


def asset(body: Object) -> str:
    """An asset's name."""
    value = text(body, "asset")
    if ASSET_PATTERN.fullmatch(value) is None:
        raise invalid("asset")
    return value


def market(body: Object) -> str:
    """A market's name, `BASE-QUOTE`."""
    value = text(body, "market")
    if MARKET_PATTERN.fullmatch(value) is None:
        raise invalid("market")
    return value


def ref(body: Object, name: str = "ref") -> str:
    """The outside's name for a transfer, a holder, or what else somebody did something to."""
    value = text(body, name)
    if REF_PATTERN.fullmatch(value) is None:
        raise invalid(name)
    return value


def by(body: Object) -> str:
    """Who did it."""
    value = text(body, "by")
    if BY_PATTERN.fullmatch(value) is None:
        raise invalid("by")
    return value


def client_id(body: Object) -> str:
    """The client's own name for an order or list."""
    value = text(body, "client_id")
    size = len(value)
    if size == 0 or size > _CLIENT_ID_SIZE:
        raise invalid("client_id")
    for place in range(size):  # compiled, a third of what matching the pattern takes
        sign = ord(value[place])
        if not (97 <= sign <= 122 or 45 <= sign <= 58 or 65 <= sign <= 90 or sign == 95):  # a-z -./0-9: A-Z _
            raise invalid("client_id")
    return value


def only(body: Object, known: int, names: frozenset[str]) -> None:
    """Refuse fields of a command beyond the `known` ones of these names that were read; `v` and `type` come on top."""
    if len(body) != known + 2:
        raise surplus(body, names | _HEAD)


def surplus(body: Object, names: frozenset[str]) -> Refused:
    """Why an object with too many fields is refused: one is unknown, or known ones exclude each other."""
    for name in body:
        if name not in names:
            return Refused(Code.UNKNOWN_FIELD, name[:64] if CLIENT_ID_PATTERN.fullmatch(name) else "")
    return Refused(Code.INVALID_FIELD)
