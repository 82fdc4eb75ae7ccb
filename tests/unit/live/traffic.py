"""Seeded commands in which everything of the rules happens, for the projections' tests.

Prices keep near one another and amounts small, so that orders meet, triggers are reached and budgets matter; what is
refused is part of it.
"""

import random

from exchange.commands.types import (
    Administrative,
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
    Limits,
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
    SetStp,
    SetSwitch,
    SettleWithdrawal,
    SetTradeGroup,
    Tick,
    Tier,
    Transfer,
    Uncross,
    Withdraw,
)
from exchange.engine.state import State
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import (
    ACCOUNT_STATUSES,
    CONDITIONAL,
    GTC,
    GTD,
    IOC,
    LIMIT,
    LIST_KINDS,
    MARKET,
    MARKET_STATUSES,
    ORDER_TYPES,
    PRICED,
    SELF_TRADES,
    SIDES,
    TIMES_IN_FORCE,
    OrderType,
    Side,
)

MARKETS = ("TATA-INR", "RELI-INR")
USERS = (100, 101, 102, 103)
TICK, LOT = 500, 100
DAY = 86_400_000
PEOPLE = ("operator", "ab" * 16)


def world(*, rules: int = 3, dedup_names: int = 50) -> list[Command]:
    """Two markets quoted in one asset, four funded users, a fee table with a rebate."""
    commands: list[Command] = [OpenLog("ab" * 16, rules, 3_600_000, dedup_names if rules > 1 else 0)]
    commands += [CreateAsset(asset, decimals) for asset, decimals in (("TATA", 4), ("RELI", 4), ("INR", 2))]
    commands += [CreateMarket(market, TICK, LOT, 100, 1000, 2000) for market in MARKETS]
    for number, user in enumerate(USERS):
        commands.append(OpenAccount(f"user-{number}"))
        commands += [Deposit(user, asset, 10**9, f"d{asset}") for asset in ("TATA", "RELI", "INR")]
    if rules > 1:
        commands.append(SetFeeTiers("INR", [Tier(0, 1000, 2000), Tier(10**5, 500, 1500), Tier(10**6, -300, 1000)]))
    return commands


class Traffic:
    """The commands; what they refer to is looked up in the engine's state, so that most find something."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._number = 0

    def step_ms(self) -> int:
        """How far stream time goes on before the next command."""
        return self.chance.choices((0, 7, 900, 40_000, DAY // 2), (20, 30, 30, 8, 1))[0]

    def next(self, state: State, ms: int) -> Command:
        """Some command at a moment; of an administrator's, mostly, under the third rules, who it is."""
        command = self._next(state, ms)
        if state.rules >= 3 and isinstance(command, Administrative) and self.chance.random() < 0.7:
            command.by = self.chance.choice(PEOPLE)
        return command

    def _next(self, state: State, ms: int) -> Command:
        chance = self.chance
        user = chance.choice(USERS)
        kind = chance.choices(
            ("place", "list", "change", "setting", "market", "money", "tick"), (58, 12, 16, 5, 5, 3, 2)
        )[0]
        if kind == "place":
            return self.place(user, chance.choice(MARKETS), ms)
        if kind == "list":
            return self.place_list(user, chance.choice(MARKETS), ms)
        if kind == "change":
            return self._change(state, user, ms)
        if kind == "setting":
            return self._setting(user)
        if kind == "market":
            return self._market(state)
        if kind == "money":
            return self._money(state, user)
        return Tick()

    def price(self) -> int:
        """A price near 100."""
        return TICK * round(self.chance.gauss(200, 6))

    def quantity(self) -> int:
        """A quantity of up to 40 lots."""
        return LOT * self.chance.randint(1, 40)

    def place(self, user: int, market: str, ms: int) -> Place:
        """An order of any type with anything that it may say."""
        chance = self.chance
        order_type: OrderType = chance.choices(list(ORDER_TYPES.values()), (60, 12, 7, 7, 7, 7))[0]
        side: Side = chance.choice(list(SIDES.values()))
        priced = order_type in PRICED
        tif = chance.choices(list(TIMES_IN_FORCE.values()), (12, 2, 1, 3))[0] if priced else IOC
        said: dict[str, object] = {}
        if order_type in CONDITIONAL:
            said = self._trigger()
        if tif == GTD:
            said["expires_ms"] = ms + chance.choice((0, 5, 2_000, 60_000, 3_600_000))
        if order_type == LIMIT and tif in (GTC, GTD) and chance.random() < 0.15:
            said["post_only"] = chance.choice(("refuse", "reprice"))
        quantity = self.quantity()
        if priced and tif in (GTC, GTD) and quantity > 3 * LOT and chance.random() < 0.25:
            said["display"] = LOT * chance.randint(1, quantity // LOT - 1)
        if chance.random() < 0.2:
            said["stp"] = chance.choice(list(SELF_TRADES.values()))
        if not priced and chance.random() < 0.3:
            said["slippage_bps"] = chance.choice((50, 300, 9_000))
        amount = 0
        if order_type == MARKET and chance.random() < 0.4:
            quantity, amount = 0, chance.randint(100, 50_000)
        instructions = Instructions(**said) if said else PLAIN  # type: ignore[arg-type]
        price = self.price() if priced else 0
        return Place(user, market, side, order_type, tif, price, quantity, amount, self._name("o"), instructions)

    def _trigger(self) -> dict[str, object]:
        chance = self.chance
        said: dict[str, object] = {}
        if chance.random() < 0.7:
            said["stop_price"] = self.price()
        if chance.random() < 0.3 or not said:
            if chance.random() < 0.5:
                said["trailing_bps"] = chance.choice((50, 200, 500))
            else:
                said["trailing_amount"] = TICK * chance.randint(1, 8)
        return said

    def _name(self, prefix: str) -> str:
        if self.chance.random() < 0.6:
            return ""
        return f"{prefix}{self.chance.randint(0, 300)}"

    def place_list(self, user: int, market: str, ms: int) -> PlaceList:
        """A list whose legs mostly fit."""
        chance = self.chance
        kind = chance.choice(list(LIST_KINDS.values()))
        legs: list[Place] = []
        if kind != "oco":
            working = self.place(user, market, ms)
            price = self.price()
            legs.append(
                Place(user, market, working.side, LIMIT, GTC, price, self.quantity(), 0, self._name("o"), PLAIN)
            )
        if kind == "oto":
            pending = self.place(user, market, ms)
            while pending.quote_amount:
                pending = self.place(user, market, ms)
            legs.append(pending)
        else:
            legs += self._pair(user, market)
        return PlaceList(user, market, kind, self._name("l"), legs)

    def _pair(self, user: int, market: str) -> list[Place]:
        chance = self.chance
        side: Side = chance.choice(list(SIDES.values()))
        sign = 1 if side == "sell" else -1
        quantity = self.quantity()
        near, far = (TICK * (200 + sign * away * chance.randint(1, 14)) for away in (1, -1))
        stp = chance.choice((None, *SELF_TRADES.values()))
        above = Place(user, market, side, LIMIT, GTC, near, quantity, 0, "", Instructions(post_only="refuse", stp=stp))
        if chance.random() < 0.4:
            priced = chance.random() < 0.5
            above = Place(
                user,
                market,
                side,
                "take_profit_limit" if priced else "take_profit",
                GTC if priced else IOC,
                near if priced else 0,
                quantity,
                0,
                "",
                Instructions(stop_price=near),
            )
        priced = chance.random() < 0.6
        below = Place(
            user,
            market,
            side,
            "stop_loss_limit" if priced else "stop_loss",
            GTC if priced else IOC,
            far - sign * TICK if priced else 0,
            quantity,
            0,
            "",
            Instructions(stop_price=far),
        )
        return [above, below]

    def _change(self, state: State, user: int, ms: int) -> Command:
        chance = self.chance
        known = [id for id, order in state.orders.items() if order.account == user] or [1]
        roll = chance.random()
        if roll < 0.3:
            return Cancel(user, chance.choice(known), "")
        if roll < 0.6:
            return self._amend(state, user, known)
        if roll < 0.72:
            cancel = Cancel(user, chance.choice(known), "")
            market = chance.choice(MARKETS)
            if cancel.order in state.orders and chance.random() < 0.8:
                market = state.orders[cancel.order].market.name
            return CancelReplace(cancel, self.place(user, market, ms), chance.random() < 0.5)
        if roll < 0.88:
            return Batch(user, [self._item(state, user, known, ms) for _ in range(chance.randint(1, 6))])
        if roll < 0.95:
            lists = [id for id, opened in state.lists.items() if opened.account == user] or [1]
            return CancelList(user, chance.choice(lists), "")
        return CancelAll(user, chance.choice(("", *MARKETS)))

    def _amend(self, state: State, user: int, known: list[int]) -> Amend:
        id = self.chance.choice(known)
        order = state.orders.get(id)
        return Amend(user, id, LOT * self.chance.randint(1, 40 if order is None else order.lots))

    def _item(self, state: State, user: int, known: list[int], ms: int) -> Command:
        roll = self.chance.random()
        if roll < 0.6:
            return self.place(user, self.chance.choice(MARKETS), ms)
        return Cancel(user, self.chance.choice(known), "") if roll < 0.8 else self._amend(state, user, known)

    def _setting(self, user: int) -> Command:
        chance = self.chance
        return chance.choice(
            (
                SetStp(user, chance.choice(list(SELF_TRADES.values()))),
                SetTradeGroup(user, chance.randint(0, 2)),
                SetSwitch(user, chance.choice((0, 500, 30_000))),
                SetAccountStatus(user, chance.choices(list(ACCOUNT_STATUSES.values()), (4, 1))[0]),
                SetAccountStatus(user, "open"),
                Record(chance.choice(PEOPLE), "key.revoked", f"k{user}"),
            )
        )

    def _market(self, state: State) -> Command:
        chance = self.chance
        name = chance.choice(MARKETS)
        if state.markets[name].status == "auction":
            return Uncross(name, chance.choices(("open", "post_only"), (5, 1))[0])
        roll = chance.random()
        if roll < 0.3:
            return SetMarketStatus(name, "auction")
        if roll < 0.6:
            return SetMarketStatus(name, chance.choices(list(MARKET_STATUSES.values()), (8, 1, 4, 1, 1))[0])
        if roll < 0.7:
            return SetMarketFees(name, chance.choice((-500, 0, 1500)), 2500, chance.random() < 0.7)
        if roll < 0.75:
            return SetFeeTiers("INR", chance.choice(([], [Tier(0, 900, 1900), Tier(10**5, -100, 1400)])))
        if roll < 0.85:
            return SetMarketStatus(name, "open")
        bands = [chance.choice((0, 10_300, 11_000)), chance.choice((0, 9_000, 9_700))]
        return SetMarketLimits(
            name,
            Limits(
                reference=chance.choice((0, 200 * TICK)),
                bid_up=bands[0],
                bid_down=bands[1],
                ask_up=bands[0],
                ask_down=bands[1],
                slippage_bps=chance.choice((0, 100)),
                max_orders=chance.choice((0, 60)),
                max_conditional=chance.choice((0, 20)),
                max_parts=chance.choice((0, 10)),
                max_position=chance.choice((0, 2 * 10**9)),
                max_fills=chance.choice((0, 3)),
            ),
        )

    def _money(self, state: State, user: int) -> Command:
        chance = self.chance
        pending = list(state.withdrawals) or [1]
        self._number += 1
        group = state.accounts[user].group
        mates = [id for id in USERS if id != user and state.accounts[id].group == group] or [user]
        return chance.choice(
            (
                Transfer(user, chance.choice(mates), "INR", chance.randint(1, 1000), f"t{self._number}"),
                Deposit(user, "INR", chance.randint(1, 10**6), f"m{self._number}"),
                Withdraw(user, "INR", chance.randint(1, 1000), f"w{self._number}"),
                SettleWithdrawal(chance.choice(pending)),
                ReleaseWithdrawal(chance.choice(pending)),
            )
        )
