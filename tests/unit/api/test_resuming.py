"""Going on from a position: everything missed, nothing twice, or a refusal."""

import random
from copy import deepcopy

import orjson
import pytest

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1 import resuming
from exchange.api.v1.resuming import Missed
from exchange.projections.live import shapes
from exchange.projections.live.feeds import parse_channel
from exchange.projections.live.shapes import Json
from exchange.projections.live.view import LiveView
from exchange.terms.stream import StreamId, format_id
from tests.unit.live.pipeline import MARKET, USERS, Pipeline, limit, opened, random_command

ME, OTHER, _ = USERS


def told(view: LiveView, channel: str, missed: Missed, after: StreamId, account: int | None = ME) -> Json | None:
    known = parse_channel(channel)
    assert known is not None
    message = resuming.update(view, account, known, missed.after(after))
    if message is None:
        return None
    found: Json = orjson.loads(message)
    assert (found["channel"], found["type"], found["position"]) == (channel, "update", format_id(view.position))
    return found


def rows(found: Json | None) -> list[Json]:
    data = [] if found is None else found["data"]
    assert isinstance(data, list)
    return data


class Listening:
    """A pipeline with what is missed of it, and all trades and fills as they happened."""

    def __init__(self, most: int = 10_000) -> None:
        self.pipeline: Pipeline = opened()
        self.missed = Missed(most)
        self.missed.begun(self.pipeline.view.position)
        self.trades: list[tuple[StreamId, int]] = []
        self.fills: list[tuple[StreamId, int]] = []

    @property
    def view(self) -> LiveView:
        return self.pipeline.view

    def go(self, chance: random.Random, steps: int) -> None:
        for _ in range(steps):
            change = self.pipeline.do(random_command(chance, self.pipeline))
            self.missed.add(change)
            self.trades += [(change.position, trade.id) for trade in change.trades]
            self.fills += [(change.position, fill.id) for owner, fill in change.fills if owner == ME]


@pytest.mark.parametrize("seed", range(8))
def test_everything_since_the_position_comes_once_and_as_it_is_now(seed: int) -> None:
    chance = random.Random(seed)
    world = Listening()
    world.go(chance, 100)
    view = world.view
    after = view.position
    book = {side: {level[0]: level[1] for level in shown} for side, shown in zip("ba", depth(view), strict=True)}
    first_seq = view.markets[MARKET].seq + 1
    balances = deepcopy({row["asset"]: row for row in held(view)})
    world.go(chance, 150)

    trades = [row["trade"] for row in rows(told(view, f"trades@{MARKET}", world.missed, after))]
    assert trades == [trade for position, trade in world.trades if position > after]
    fills = [row["id"] for row in rows(told(view, "fills", world.missed, after))]
    assert fills == [fill for position, fill in world.fills if position > after]

    for order in rows(told(view, "orders", world.missed, after)):
        now = view.order(ME, int(str(order["id"])))
        assert now is not None
        assert order == orjson.loads(orjson.dumps(shapes.order(now, view.markets[MARKET])))
    balances |= {row["asset"]: row for row in rows(told(view, "balances", world.missed, after))}
    assert list(balances.values()) == held(view)

    update = told(view, f"depth@{MARKET}", world.missed, after)
    assert update is not None
    data = update["data"]
    assert isinstance(data, dict)
    assert (data["first_seq"], data["last_seq"]) == (first_seq, view.markets[MARKET].seq)
    for side, changed in (("b", data["bids"]), ("a", data["asks"])):
        for price, quantity in changed:
            book[side][price] = quantity
    left = [
        {price: quantity for price, quantity in book[side].items() if quantity not in ("0", "0.00")} for side in "ba"
    ]
    assert left == [dict(shown) for shown in depth(view)]


def depth(view: LiveView) -> tuple[list[list[str]], list[list[str]]]:
    bids, asks, _complete = shapes.depth(view.markets[MARKET], 1000)
    return bids, asks


def held(view: LiveView) -> list[Json]:
    balances = view.accounts[ME].balances
    return [shapes.balance(asset, view.assets[asset], balance) for asset, balance in sorted(balances.items())]


def test_who_missed_nothing_is_told_nothing() -> None:
    world = Listening()
    world.go(random.Random(1), 50)
    for channel in (
        "orders",
        "fills",
        "balances",
        "lists",
        "prevented",
        "account",
        f"trades@{MARKET}",
        f"depth@{MARKET}",
    ):
        assert told(world.view, channel, world.missed, world.view.position) is None


def test_another_accounts_part_is_not_told() -> None:
    world = Listening()
    after = world.view.position
    world.missed.add(world.pipeline.do(limit(OTHER, "buy", 500 * 100, 100)))
    for channel in ("orders", "balances", "fills"):
        assert told(world.view, channel, world.missed, after) is None
        assert told(world.view, channel, world.missed, after, None) is None
    assert len(rows(told(world.view, "orders", world.missed, after, OTHER))) == 1


def test_what_is_no_longer_remembered_is_refused_and_never_told_in_part() -> None:
    world = Listening(most=20)
    positions = [world.view.position]
    for _ in range(50):
        world.missed.add(world.pipeline.do(limit(ME, "buy", 500 * 100, 100)))
        positions.append(world.view.position)
    assert len(rows(told(world.view, "orders", world.missed, positions[-21]))) == 20
    for early in (positions[-22], positions[0], (0, 1)):
        with pytest.raises(ApiError) as refused:
            world.missed.after(early)
        assert refused.value.code is GatewayCode.TOO_OLD


def test_what_was_before_a_view_began_again_is_refused() -> None:
    world = Listening()
    world.go(random.Random(1), 10)
    before = world.view.position
    world.go(random.Random(2), 10)
    world.missed.begun(world.view.position)
    with pytest.raises(ApiError):
        world.missed.after(before)
    assert told(world.view, "orders", world.missed, world.view.position) is None


def test_too_much_for_one_message_is_refused() -> None:
    world = Listening()
    after = world.view.position
    for _ in range(resuming.MOST + 1):
        world.missed.add(world.pipeline.do(limit(ME, "buy", 500 * 100, 100)))
    with pytest.raises(ApiError) as refused:
        told(world.view, "orders", world.missed, after)
    assert refused.value.code is GatewayCode.TOO_OLD
    assert told(world.view, "balances", world.missed, after) is not None
