"""What the routes work with: the view, the way to the engine, the past, identities and tokens, in one hand."""

import asyncio
from typing import Final

import structlog

from exchange.api.auth.api_key import ApiKey
from exchange.api.auth.attempts import Attempts
from exchange.api.auth.identity import Identity, User
from exchange.api.auth.keys import KeyStore
from exchange.api.auth.people import People
from exchange.api.auth.sub_accounts import owner_of
from exchange.api.auth.tokens import OPERATOR, Claims, InvalidToken, Tokens
from exchange.api.commanding import CommandPath
from exchange.api.errors import ApiError, GatewayCode, refusal
from exchange.api.following import Follower
from exchange.api.http.addresses import Addresses
from exchange.api.limits.limiter import Limiter, Unlimited
from exchange.api.past.reads import Past
from exchange.api.symbols import Symbols
from exchange.api.v3.depth import DepthAnswers
from exchange.api.v3.userdata.listening import ListenKeys
from exchange.commands.types import OpenAccount
from exchange.effects import role_states
from exchange.effects.ports import Clock, Counters, EffectError, Log
from exchange.effects.redis.clock import SandboxClock
from exchange.events.types import AccountOpened, Rejected
from exchange.projections.live.records import LiveAccount, LiveMarket
from exchange.projections.live.shapes import Json
from exchange.projections.live.view import LiveView
from exchange.settings import Settings
from exchange.terms.codes import Code
from exchange.terms.stream import START, StreamId, format_id

_logger = structlog.get_logger(__name__)

SILENT_MS: Final = 3000
"""A command that has waited so long for its entry means that the engine, or the way to it, stands still."""


HEALTH_S: Final = 1.0
"""How long a health check waits for each of log and database."""

CATCH_UP_S: Final = 2.0
"""How long a request waits for the view to come to a position."""


class Principal:
    """Who asks: a user with an account of the engine, or the operator, who has none; `key` is what they ask with, where
    it is not a token."""

    __slots__ = ("account", "expires_ms", "key", "operator", "session", "subject")

    def __init__(self, claims: Claims, account: LiveAccount | None, key: ApiKey | None = None) -> None:
        self.subject = claims.subject
        self.session = claims.session
        self.expires_ms = claims.expires_ms
        self.operator = claims.subject == OPERATOR
        self.account = account
        self.key = key


class Gateway:
    """The parts, and the few questions that several routes ask. `log` is for short questions only."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        clock: Clock,
        follower: Follower,
        commands: CommandPath,
        past: Past,
        people: People | None,
        tokens: Tokens,
        sandbox: SandboxClock | None = None,
        keys: KeyStore | None = None,
        limiter: Limiter | None = None,
        counters: Counters | None = None,
    ) -> None:
        self.settings = settings
        self.log = log
        self.clock = clock
        self.sandbox = sandbox
        """The clock of a sandbox; None outside one."""
        self.time: Clock = sandbox or clock
        """The market's time, which commands are dated by; `clock` is the wall's, for tokens and patience."""
        self._waiting: tuple[StreamId, int] = (START, 0)
        self.follower = follower
        self.commands = commands
        self.past = past
        self.tokens = tokens
        self.attempts = Attempts(counters)
        self._people = people
        self._keys = keys
        self.limiter: Limiter = limiter or Unlimited()
        self.counters = counters
        """What all gateways count together; None in a gateway that is alone."""
        self.addresses = Addresses(settings.proxy_networks)
        self.symbols = Symbols()
        self.depths = DepthAnswers()
        self.user_streams: ListenKeys | None = None
        """Listen keys; None where there are no counters to keep them in."""

    @property
    def view(self) -> LiveView:
        """The live view as of now; it may be another object after the next await."""
        return self.follower.view

    @property
    def people(self) -> People:
        """What is kept about people.

        Raises:
            ApiError: there is no database.
        """
        if self._people is None:
            raise ApiError(GatewayCode.DATABASE_UNAVAILABLE)
        return self._people

    @property
    def identity(self) -> Identity:
        """Users and passwords.

        Raises:
            ApiError: there is no database.
        """
        return self.people.identity

    @property
    def keys(self) -> KeyStore:
        """API keys.

        Raises:
            ApiError: there is no database.
        """
        if self._keys is None:
            raise ApiError(GatewayCode.DATABASE_UNAVAILABLE)
        return self._keys

    def market(self, name: str) -> LiveMarket:
        """A market.

        Raises:
            ApiError: there is none of that name.
        """
        market = self.view.markets.get(name)
        if market is None:
            raise ApiError(Code.UNKNOWN_MARKET, "market")
        return market

    def decimals(self, asset: str) -> int:
        """An asset's decimals.

        Raises:
            ApiError: there is no such asset.
        """
        decimals = self.view.assets.get(asset)
        if decimals is None:
            raise ApiError(Code.UNKNOWN_ASSET, "asset")
        return decimals

    async def catch_up(self) -> None:
        """Wait until the view has what the log has now: before saying that something another gateway may have just
        made does not exist.

        Raises:
            ApiError: `view_behind`, or the log is away.
        """
        try:
            async with asyncio.timeout(CATCH_UP_S):
                head = await self.log.head()
        except (EffectError, TimeoutError):
            raise ApiError(GatewayCode.LOG_UNAVAILABLE) from None
        await self.follower.at_least(head.id, CATCH_UP_S)

    async def principal(self, token: str) -> Principal:
        """Who holds a token.

        Raises:
            ApiError: the token is not valid, or its user has no account in this log.
        """
        try:
            claims = self.tokens.verify(token, self.clock.now_ms())
        except InvalidToken:
            raise ApiError(GatewayCode.UNAUTHORIZED) from None
        if self.session_ended(claims.session):
            raise ApiError(GatewayCode.UNAUTHORIZED, detail="This session has ended; sign in again.")
        if claims.subject == OPERATOR:
            return Principal(claims, None)
        account = self.view.account_of(claims.subject)
        if account is None:
            await self.catch_up()
            account = self.view.account_of(claims.subject)
        if account is None:
            raise ApiError(GatewayCode.UNAUTHORIZED, detail="This token's user has no account here; sign in again.")
        return Principal(claims, self.view.accounts[account])

    def session_ended(self, session: str) -> bool:
        """Whether a session (of a principal; none: empty) is known to have ended. Asks nobody."""
        return bool(session) and self._people is not None and self._people.sessions.ended(session)

    def own_account(self, subject: str, number: int) -> LiveAccount:
        """An account of a user: their first one, or a sub-account.

        Raises:
            ApiError: there is none of that number, or it is another's, which is answered alike.
        """
        account = self.view.accounts.get(number)
        if account is None or owner_of(account.ref) != subject:
            raise ApiError(Code.UNKNOWN_ACCOUNT, "account")
        return account

    def account_of(self, key: ApiKey) -> LiveAccount | None:
        """The account that a key acts for, unless this log has no such account of the key's owner."""
        account = self.view.accounts.get(key.account)
        return account if account is not None and owner_of(account.ref) == key.subject else None

    async def require_admin(self, principal: Principal) -> None:
        """See that somebody is an administrator, now; a key never is.

        Raises:
            ApiError: they are not, or the database cannot tell.
        """
        if principal.key is not None:
            raise ApiError(GatewayCode.FORBIDDEN)
        if not principal.operator and not await self.identity.is_admin(principal.subject):
            raise ApiError(GatewayCode.FORBIDDEN)

    async def account_for(self, user: User) -> int | None:
        """The engine's account of a user, opened if need be; None when the engine does not answer now."""
        account = self.view.account_of(user.subject)
        if account is None:
            try:
                account = await self.open_account(user.subject)
            except ApiError as error:
                if error.status < 500:
                    raise
                _logger.warning("account not opened", code=error.code.value)
                return None
        if account != user.account:
            await self.identity.set_account(user.subject, account)
        return account

    async def open_account(self, ref: str) -> int:
        """An account of the engine under a name of ours, opened unless it is open already.

        Raises:
            ApiError: it was not opened, or nobody knows.
        """
        answer = await self.commands.ask(OpenAccount(ref))
        for event in answer.outcome.events:
            if isinstance(event, AccountOpened):
                return event.account
            if isinstance(event, Rejected):
                if event.code == Code.ACCOUNT_EXISTS.value:
                    await self.follower.at_least(answer.id, CATCH_UP_S)
                    known = self.view.account_of(ref)
                    if known is not None:
                        return known
                raise refusal(event.code, event.field)
        raise ApiError(GatewayCode.INTERNAL)

    async def health(self) -> tuple[bool, Json]:
        """Whether trading works through this gateway, and what each check says."""
        checks = {
            "log": "ok",
            "view": self.follower.problem or "ok",
            "engine": "ok",
            "database": await self._database(),
        }
        try:
            async with asyncio.timeout(HEALTH_S):
                await self._check_log(checks)
        except EffectError as error:
            checks["log"] = checks["engine"] = f"cannot be asked: {error}"
        except TimeoutError:
            checks["log"] = checks["engine"] = f"no answer within {HEALTH_S:g} s"
        else:
            checks["log"] = self.commands.headroom.problem or "ok"
        healthy = all(checks[name] == "ok" for name in ("log", "view", "engine"))
        told: Json = {
            "status": "ok" if healthy else "unavailable",
            "position": format_id(self.view.position),
            "checks": checks,
        }
        refused = [role.name for role in role_states.read(self.settings.run_dir) if role.state == "refused"]
        return healthy, {**told, "refused": refused} if refused else told

    async def _check_log(self, checks: dict[str, str]) -> None:
        view = self.view
        position = view.position
        if not view.log_id:
            checks["engine"] = "the log has not been opened: no engine has run yet"
        waiting = await self.log.commands(position, 1)
        if not waiting or self._waited_ms(waiting[0].id) < SILENT_MS:
            return
        if await self.log.event(waiting[0].id) is None:
            checks["engine"] = f"command {format_id(waiting[0].id)} has had no result for {SILENT_MS} ms or longer"
        elif self.view.position < waiting[0].id:
            checks["view"] = f"entry {format_id(waiting[0].id)} has not been read for {SILENT_MS} ms or longer"

    def _waited_ms(self, id: StreamId) -> int:
        """How long a command has been without its entry: in a sandbox, whose ids tell nothing of it, since it was first
        looked at."""
        now_ms = self.clock.now_ms()
        if self.sandbox is None:
            return now_ms - id[0]
        if self._waiting[0] != id:
            self._waiting = id, now_ms
        return now_ms - self._waiting[1]

    async def _database(self) -> str:
        if self._people is None:
            return "there is none: set DATABASE_URL"
        try:
            async with asyncio.timeout(HEALTH_S):
                await self._people.identity.ping()
        except ApiError as error:
            return error.message
        except TimeoutError:
            return f"no answer within {HEALTH_S:g} s"
        return "ok"
