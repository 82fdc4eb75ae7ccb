"""Money that came in and went out."""

from exchange.events.base import Event


class Deposited(Event):
    """Money came in."""

    def __init__(self, account: int, asset: str, amount: int, ref: str) -> None:
        self.account = account
        self.asset = asset
        self.amount = amount
        self.ref = ref

    def json(self) -> str:
        return (
            f'{{"type":"deposited","account":{self.account},"asset":"{self.asset}",'
            f'"amount":"{self.amount}","ref":"{self.ref}"}}'
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


class WithdrawalSettled(Event):
    """The reserved money has left."""

    def __init__(self, withdrawal: int, account: int, asset: str, amount: int) -> None:
        self.withdrawal = withdrawal
        self.account = account
        self.asset = asset
        self.amount = amount

    def json(self) -> str:
        return (
            f'{{"type":"withdrawal_settled","withdrawal":{self.withdrawal},"account":{self.account},'
            f'"asset":"{self.asset}","amount":"{self.amount}"}}'
        )


class WithdrawalReleased(Event):
    """The reserved money is available again."""

    def __init__(self, withdrawal: int, account: int, asset: str, amount: int) -> None:
        self.withdrawal = withdrawal
        self.account = account
        self.asset = asset
        self.amount = amount

    def json(self) -> str:
        return (
            f'{{"type":"withdrawal_released","withdrawal":{self.withdrawal},"account":{self.account},'
            f'"asset":"{self.asset}","amount":"{self.amount}"}}'
        )
