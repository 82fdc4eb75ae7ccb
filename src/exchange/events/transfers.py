"""Money that came in, went out, or went from one account to another."""

from exchange.events.base import Act, Event


class Deposited(Act):
    """Money came in."""

    def __init__(self, account: int, asset: str, amount: int, ref: str, by: str = "") -> None:
        super().__init__(by)
        self.account = account
        self.asset = asset
        self.amount = amount
        self.ref = ref

    def json(self) -> str:
        return (
            f'{{"type":"deposited","account":{self.account},"asset":"{self.asset}",'
            f'"amount":"{self.amount}","ref":"{self.ref}"{self.by_json()}}}'
        )


class WithdrawalReserved(Event):
    """Money that is to leave has been locked, under the number `withdrawal`."""

    def __init__(self, withdrawal: int, account: int, asset: str, amount: int, ref: str) -> None:
        self.withdrawal = withdrawal
        self.account = account
        self.asset = asset
        self.amount = amount
        self.ref = ref

    def json(self) -> str:
        return (
            f'{{"type":"withdrawal_reserved","withdrawal":{self.withdrawal},"account":{self.account},'
            f'"asset":"{self.asset}","amount":"{self.amount}","ref":"{self.ref}"}}'
        )


class WithdrawalSettled(Act):
    """The reserved money has left."""

    def __init__(self, withdrawal: int, account: int, asset: str, amount: int, by: str = "") -> None:
        super().__init__(by)
        self.withdrawal = withdrawal
        self.account = account
        self.asset = asset
        self.amount = amount

    def json(self) -> str:
        return (
            f'{{"type":"withdrawal_settled","withdrawal":{self.withdrawal},"account":{self.account},'
            f'"asset":"{self.asset}","amount":"{self.amount}"{self.by_json()}}}'
        )


class WithdrawalReleased(Act):
    """The reserved money is available again."""

    def __init__(self, withdrawal: int, account: int, asset: str, amount: int, by: str = "") -> None:
        super().__init__(by)
        self.withdrawal = withdrawal
        self.account = account
        self.asset = asset
        self.amount = amount

    def json(self) -> str:
        return (
            f'{{"type":"withdrawal_released","withdrawal":{self.withdrawal},"account":{self.account},'
            f'"asset":"{self.asset}","amount":"{self.amount}"{self.by_json()}}}'
        )


class Transferred(Event):
    """Money went from an account to another of its trade group."""

    def __init__(self, account: int, to: int, asset: str, amount: int, ref: str) -> None:
        self.account = account
        self.to = to
        self.asset = asset
        self.amount = amount
        self.ref = ref

    def json(self) -> str:
        return (
            f'{{"type":"transferred","account":{self.account},"to":{self.to},"asset":"{self.asset}",'
            f'"amount":"{self.amount}","ref":"{self.ref}"}}'
        )
