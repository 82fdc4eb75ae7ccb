"""In doubt the markets halt: asked for until they are, and no longer than some seconds."""

import orjson

from exchange.effects.ports import EffectError, LogFull, LogUnavailable
from exchange.effects.redis.log import run
from exchange.roles.halting import halt
from exchange.terms.stream import EventEntry, StreamId

DONE = b'{"v":1,"events":[{"type":"market_status_set","market":"A-B","status":"halted"}],"postings":[]}'
REFUSED = b'{"v":1,"events":[{"type":"rejected","code":"market_closed","field":"market"}],"postings":[]}'


class Log:
    """Answers each append with the next of what it was told to say: a payload, no answer, or an error."""

    def __init__(self, *says: bytes | EffectError | None) -> None:
        self._says = list(says)
        self._entries: dict[StreamId, bytes | None] = {}
        self.asked: list[str] = []
        self.slept = 0.0

    async def append(self, raw: bytes) -> StreamId:
        body = orjson.loads(raw)
        assert (body["type"], body["status"]) == ("set_market_status", "halted")
        self.asked.append(body["market"])
        says = self._says.pop(0)
        if isinstance(says, EffectError):
            raise says
        id = (len(self.asked), 0)
        self._entries[id] = says
        return id

    async def event(self, id: StreamId) -> EventEntry | None:
        payload = self._entries[id]
        return None if payload is None else EventEntry(id, payload, bytes(32))

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def now_ms(self) -> int:
        return 0


def halted(log: Log, *markets: str) -> Log:
    run(halt(log, log, markets, "the books do not add up"))  # type: ignore[arg-type]
    return log


def test_every_market_is_asked_for_once_when_all_goes_well() -> None:
    assert halted(Log(DONE, DONE), "A-B", "C-D").asked == ["A-B", "C-D"]


def test_a_market_that_cannot_be_halted_now_is_asked_for_again_and_the_others_are_not() -> None:
    assert halted(Log(REFUSED, DONE, REFUSED, DONE), "A-B", "C-D").asked == ["A-B", "C-D", "A-B", "A-B"]


def test_what_could_not_be_appended_is_asked_for_again() -> None:
    log = Log(LogUnavailable("away"), LogFull("no room"), EffectError("not allowed"), DONE)
    assert halted(log, "A-B").asked == ["A-B"] * 4


def test_a_command_that_nobody_answers_is_not_repeated_whoever_answers_it_halts_the_market() -> None:
    assert halted(Log(None), "A-B").asked == ["A-B"]


def test_it_ends_whatever_the_log_says() -> None:
    log = halted(Log(*[LogUnavailable("away")] * 100), "A-B")
    assert 3 <= len(log.asked) <= 10
    assert log.slept < 10


def test_without_markets_there_is_nothing_to_ask() -> None:
    assert halted(Log()).asked == []
