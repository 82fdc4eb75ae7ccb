"""The world of a flow, money, and what an operator or an account sets: bounds small enough to be met."""

from exchange.commands.types import (
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    Limits,
    OpenAccount,
    OpenLog,
    Record,
    ReleaseWithdrawal,
    SetAccountStatus,
    SetFeeTiers,
    SetMarketFees,
    SetMarketLimits,
    SetMarketStatus,
    SetRules,
    SetStp,
    SetSwitch,
    SettleWithdrawal,
    SetTradeGroup,
    Tier,
    Transfer,
    Uncross,
    Withdraw,
)
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT
from exchange.terms.words import ACCOUNT_STATUSES, FIRST_USER, MARKET_STATUSES, SELF_TRADES
from tests.property.flows.choosing import DECIMALS, GRIDS, LOG_ID, PEOPLE, WORLD, Choice

FEE_RATES = (0, 0, 1, 1000, 25_000, 100_000)
WINDOWS = (0, 3, 7, 60, 60, 1_000_000)
NAMES = (0, 0, 2, 5, 12)


class Settings:
    """Makes the commands that are not about orders."""

    def __init__(self, choice: Choice) -> None:
        self._c = choice
        self._transfers = 0

    # --- the world ---------------------------------------------------------------------------------------------------

    def world(self) -> list[Command]:
        c = self._c
        rules = c.rules
        names = 0 if rules < 2 else c.one(NAMES)
        world: list[Command] = [OpenLog(LOG_ID, 4, 5)] if c.often(0.05) else []
        world += [OpenLog(LOG_ID, rules, c.one(WINDOWS), names)]
        markets = c.dice.sample(sorted(GRIDS), k=c.one((2, 3) if c.theme == "markets" else (1, 1, 2)))
        assets = sorted({asset for name in markets for asset in name.split("-")})
        world += [CreateAsset(name, DECIMALS[name]) for name in assets]
        world += [self._market(name) for name in markets]
        world += [OpenAccount(f"user-{number}") for number in range(WORLD)]
        for account in range(FIRST_USER, FIRST_USER + WORLD):
            for asset in assets:
                if c.often(0.93):
                    amount = c.one((20, 300, 4000, 4000)) * 10 ** min(DECIMALS[asset], 16)
                    if c.theme == "poor":
                        lots = [GRIDS[name][1] for name in markets if name.split("-")[0] == asset]
                        amount = (
                            lots[0] * c.dice.randint(2, 25) if lots else c.dice.randint(10, 250) * c.one((1, 1, 20))
                        )
                    world.append(Deposit(account, asset, amount, f"first-{asset}"))
        if rules >= 2:
            world += (
                [SetTradeGroup(FIRST_USER + 1, 7), SetTradeGroup(FIRST_USER + 2, 7)]
                if c.often(0.3 * (rules - 1))
                else []
            )
            for account in range(FIRST_USER, FIRST_USER + WORLD):
                if c.often(0.8 if c.theme == "selves" else 0.15):
                    world.append(SetStp(account, c.one(tuple(SELF_TRADES.values()))))
            limited = {"bounds": 1.0, "lists": 0.6}.get(c.theme, 0.2)
            world += [self._limits(name) for name in markets if c.often(limited)]
            if c.theme == "auction":
                world += [SetMarketStatus(name, "auction") for name in markets]
                world += [self._auction_limits(name) for name in markets]
            world += [self._tiers(name.split("-")[1]) for name in markets if c.often(0.3)]
        if c.often(0.1):  # a world with holes, or one that begins in the middle
            world = [command for command in world if c.often(0.85)]
        return world

    def set_up(self) -> Command:
        """A command that sets up more, or would have to be refused."""
        return self._c.one(
            (
                OpenLog(LOG_ID, self._c.one((1, 2, 3, 4)), 5),
                CreateAsset(self._c.one(("AA", "NEW", "NEW2")), 4),
                OpenAccount(self._c.one(("user-1", "user-9", "outside", "fees"))),
                self._market(self._c.one(tuple(GRIDS))),
                self._market(self._c.one(("AA-NONE", "NONE-AA", "AA-AA", "QQ-BB", "QQ-AA"))),
                CreateMarket("AA-BB", 0, 1, 0, 0, 0),
                CreateMarket("AA-BB", 1, 0, 0, 0, 0),
                CreateMarket("BB-WEI", 10, 99, 0, 0, 0),
                CreateMarket("WEI-BB", MAX_AMOUNT, MAX_AMOUNT, 0, 0, 0),
            ),
        )

    def rules(self) -> Command:
        return SetRules(self._c.one((2, 3, 3, 3, 4, 1)), self._c.one(NAMES))

    def _market(self, name: str) -> CreateMarket:
        tick, lot = GRIDS.get(name, (1, 1))
        maker, taker = self._rates()
        return CreateMarket(name, tick, lot, self._c.one((0, 0, 1, 10)), maker, taker)

    def _rates(self) -> tuple[int, int]:
        c = self._c
        maker, taker = c.one(FEE_RATES), c.one(FEE_RATES)
        if c.rules >= 2 and c.often(0.4):
            maker = -c.one((taker, taker // 2, taker // 3))
        return maker, taker

    # --- markets -----------------------------------------------------------------------------------------------------

    def status(self) -> Command:
        """Mostly back to open, or the flow would come to rest."""
        c = self._c
        closed = [market for market in c.shadow.markets.values() if market.status != "open"]
        market = c.one(closed) if closed and c.often(0.8) else c.market()
        status = "open" if c.often(0.6) or market is None else c.one(tuple(MARKET_STATUSES))
        if c.shadow.rules >= 2 and market is not None and market.status == "open" and c.often(0.6):
            status = "auction"
        if c.theme == "auction" and c.often(0.5):
            status = "auction"
        if c.shadow.rules < 2 and status == "auction":
            status = "open"
        return SetMarketStatus(market.name if market else c.market_name(), MARKET_STATUSES[status])

    def uncross(self) -> Command | None:
        c = self._c
        in_auction = [name for name, market in c.shadow.markets.items() if market.status == "auction"]
        if not in_auction and not c.often(0.1):
            return None
        status = c.one(("open", "open", "open", "post_only", "cancel_only", "halted"))
        return Uncross(c.one(in_auction) if in_auction else c.market_name(), MARKET_STATUSES[status])

    def fees(self) -> Command:
        c = self._c
        maker, taker = self._rates()
        tiered = c.shadow.rules >= 2 and c.often(0.4)
        return SetMarketFees(c.market_name(), maker, taker, tiered)

    def tiers(self) -> Command:
        return self._tiers("NONE" if self._c.often(0.05) else self._c.one(("QQ", "QQ", "AA")))

    def _tiers(self, asset: str) -> SetFeeTiers:
        c = self._c
        volumes = [0, *sorted(c.dice.sample((1, 20, 60, 150, 500, 2_000, 10**6), k=c.dice.randint(0, 3)))]
        tiers = []
        for volume in volumes if c.often(0.9) else []:
            taker = c.one((0, 1000, 2500, 100_000))
            maker = c.one((taker, 0, -taker, -taker // 2, 40))
            tiers.append(Tier(volume, maker, taker))
        return SetFeeTiers(asset, tiers)

    def limits(self) -> Command:
        return self._limits(self._c.market_name())

    def _limits(self, name: str) -> SetMarketLimits:
        c = self._c
        market = c.shadow.markets.get(name)
        tick, lot = GRIDS.get(name, (1, 1))
        if c.often(0.1 if c.theme == "bounds" else 0.3):
            return SetMarketLimits(name, Limits())
        limits = Limits(max_fills=c.one((0, 0, 1, 2, 3, 6)), slippage_bps=c.one((0, 0, 500, 2500)))
        if c.often(0.8 if c.theme == "lists" else 0.4):
            limits.reference = tick * c.dice.randint(3, 7)
            limits.bid_up, limits.ask_up = c.one((0, 11_000, 14_000, 30_000)), c.one((0, 12_000, 15_000, 30_000))
            limits.bid_down, limits.ask_down = c.one((0, 3_000, 6_000, 9_000)), c.one((0, 3_000, 6_000, 9_000))
        if c.often(0.3):
            limits.max_orders = c.dice.randint(2, 6)
        if c.often(0.3):
            limits.max_conditional = c.dice.randint(1, 3)
        if c.often(0.4):
            limits.max_parts = c.dice.randint(2, 3)
        if c.often(0.2) and market is not None:
            held = c.shadow.total(c.account(), market.base)
            limits.max_position = max(1, held + lot * c.dice.randint(-2, 12))
        if c.often(0.05):
            limits.reference = c.one((tick + 1, tick * (MAX_COUNT + 1)))
        return SetMarketLimits(name, limits)

    def _auction_limits(self, name: str) -> SetMarketLimits:
        c = self._c
        reference = GRIDS[name][0] * c.one((0, c.dice.randint(1, 9)))
        return SetMarketLimits(name, Limits(reference=reference, max_fills=c.one((0, 1, 1, 2))))

    # --- accounts ----------------------------------------------------------------------------------------------------

    def account_status(self) -> Command:
        c = self._c
        frozen = [id for id, account in c.shadow.accounts.items() if account.status == "frozen"]
        if frozen and c.often(0.8):
            return SetAccountStatus(c.one(frozen), "open")
        return SetAccountStatus(c.account(), c.one(tuple(ACCOUNT_STATUSES.values())))

    def stp(self) -> Command:
        return SetStp(self._c.account(), self._c.one(tuple(SELF_TRADES.values())))

    def group(self) -> Command:
        return SetTradeGroup(self._c.account(), self._c.one((0, 7, 7, 8)))

    def switch(self) -> Command:
        return SetSwitch(self._c.account(), self._c.one((0, 1, 3, 10, 40)))

    # --- money -------------------------------------------------------------------------------------------------------

    def deposit(self) -> Command:
        account, asset, ref = self._transfer()
        room = MAX_AMOUNT - self._c.shadow.total(account, asset)
        return Deposit(account, asset, self._amount(room), ref)

    def withdraw(self) -> Command:
        account, asset, ref = self._transfer()
        return Withdraw(account, asset, self._amount(self._c.shadow.available(account, asset)), ref)

    def transfer(self) -> Command:
        """Mostly within a group: the other money is refused."""
        account, asset, ref = self._transfer()
        c = self._c
        accounts = c.shadow.accounts
        grouped = [id for id, account in accounts.items() if account.group]
        if grouped and c.often(0.8):
            account = c.one(grouped)
        group = accounts[account].group if account in accounts else 0
        near = [id for id in grouped if id != account and accounts[id].group == group]
        to = c.one(near) if near and c.often(0.85) else c.account()
        limit = c.shadow.available(account, asset)
        if c.often(0.2):
            limit = MAX_AMOUNT - c.shadow.total(to, asset)
        return Transfer(account, to, asset, self._amount(limit), ref)

    def record(self) -> Command:
        c = self._c
        return Record(c.one(PEOPLE), c.one(("role.granted", "key.revoked", "a")), c.one((PEOPLE[1], "k/1", "x" * 64)))

    def finish_withdrawal(self) -> Command:
        number = self._c.dice.randint(1, len(self._c.shadow.withdrawals) + 1)
        return SettleWithdrawal(number) if self._c.often(0.5) else ReleaseWithdrawal(number)

    def _transfer(self) -> tuple[int, str, str]:
        c = self._c
        self._transfers += 1
        asset = "NONE" if c.often(0.03) else c.one(tuple(c.shadow.assets) or tuple(DECIMALS))
        ref = c.one(("r1", "r2", "first-QQ")) if c.often(0.2) else f"ref-{self._transfers}"
        return c.account(), asset, ref

    def _amount(self, limit: int) -> int:
        c = self._c
        if c.often(0.15):
            return max(0, min(MAX_AMOUNT, limit + c.one((-1, 0, 0, 1, 1, 10))))
        return c.one((0, MAX_AMOUNT)) if c.often(0.05) else c.dice.randint(1, 900)
