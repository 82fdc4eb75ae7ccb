"""A sandbox's clock: a key beside the streams, read by the script that gives a command its id.

    <prefix>:clock   "at since rate"   it showed `at` (ms) when the server's own clock said `since` (µs), and went on
                                       from there at `rate` thousandths of real time; 0 is paused

The server alone knows what time it is, at the moment it appends, so all processes agree, and no entry's time is
anything but the clock's. The clock goes forward only: what it shows is never below the command stream's top, and a move
is one script that finds the present time, goes on from there and appends the `tick` that makes what fell due happen.

Only a sandbox's processes come here: who is given no key appends as ever. It must never give an id out of a clock that
is not there: a server without the key is no sandbox's, and refuses.
"""

import time
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, cast

from exchange.effects.clock import AsyncClock, BlockingClock
from exchange.effects.ports import EffectError
from exchange.effects.redis import wire
from exchange.effects.redis.address import Address
from exchange.effects.redis.link import AsyncLink, Link
from exchange.effects.redis.wire import Refusal, Request
from exchange.terms.stream import StreamId

RATE: Final = 1000
"""Real time: rates are counted in thousandths of it."""

HIGHEST_RATE: Final = 10_000 * RATE
LATEST_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999; no clock goes beyond."""

_LOOK_S: Final = 0.1

Move = Literal["show", "pause", "step", "run", "set"]
"""What to do: nothing, stand still, go on by so many milliseconds, go at a rate, go to a time."""

_NOW: Final = """\
local call = redis.call
local held = call('GET', KEYS[2])
if not held then
  return redis.error_reply('NOCLOCK ' .. KEYS[2] .. ' is not there: this server holds no sandbox')
end
local at, since, rate = string.match(held, '^(%d+) (%d+) (%d+)$')
at, since, rate = tonumber(at), tonumber(since), tonumber(rate)
local told = call('TIME')
local us = told[1] * 1000000 + told[2]
local now = at
if us > since then now = at + math.floor((us - since) * rate / 1000000) end
local latest = 253402300799999
if now > latest then now = latest end
local top, seq = 0, 0
if call('EXISTS', KEYS[1]) == 1 then
  local info = call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      top, seq = string.match(info[i + 1], '^(%d+)%-(%d+)$')
      top, seq = tonumber(top), tonumber(seq)
    end
  end
end
if now < top then now = top end
local function add(raw)
  if now > top then top, seq = now, 0 else seq = seq + 1 end
  return call('XADD', KEYS[1], string.format('%.0f-%.0f', top, seq), 'c', raw)
end
"""
"""The time now, and a way to append at it. KEYS: the command stream, the clock."""

_APPEND: Final = (
    _NOW
    + """\
local ids = {}
for i = 1, #ARGV do ids[i] = add(ARGV[i]) end
return ids
"""
)

_MOVE: Final = (
    _NOW
    + """\
local move, amount = ARGV[1], tonumber(ARGV[2])
if move == 'show' then return {now, rate, ''} end
local to = now
if move == 'pause' then rate = 0
elseif move == 'run' then rate = amount
elseif move == 'step' then to = now + amount
else to = amount end
if to < now then return redis.error_reply('BEHIND ' .. string.format('%.0f', now)) end
if to > latest then return redis.error_reply('BEYOND ' .. string.format('%.0f', now)) end
call('SET', KEYS[2], string.format('%.0f %.0f %.0f', to, us, rate))
if move == 'pause' or move == 'run' then return {to, rate, ''} end
now = to
return {to, rate, add(ARGV[3])}
"""
)


class Refused(EffectError):
    """A move that the clock does not make; the message says why."""


class Moved(NamedTuple):
    """What the clock showed in the end (ms), its rate (thousandths of real time; 0: paused), and the id of the `tick`
    that went with the move, if it was a jump."""

    now_ms: int
    rate: int
    tick: StreamId | None = None


class ClockedAppends:
    """Appending commands at the clock's time; the batch is added as one. See `wire.Appends`."""

    def __init__(self, key: str, clock_key: str) -> None:
        self._keys = key, clock_key

    def request(self, raws: Sequence[bytes]) -> Request:
        """Append these, in order."""
        return wire.request("EVAL", _APPEND, 2, *self._keys, *raws)

    def ids(self, count: int, replies: Sequence[object]) -> list[StreamId | Refusal]:
        """For each of `count` commands its id, or why it was not appended."""
        (reply,) = replies
        if isinstance(reply, Refusal):
            return [reply] * count
        return [wire.stream_id(id) for id in cast(list[object], reply)]


def appends(commands_key: str, clock_key: str) -> "wire.Appends | ClockedAppends":
    """How commands are appended: with the server's time, or, where there is a clock, with its time."""
    return ClockedAppends(commands_key, clock_key) if clock_key else wire.Appends(commands_key)


class SandboxClock:
    """The clock for an event loop: what it showed when it was asked last, gone on as it goes.

    Who moves it through this sees the move at once, others when they `refresh`. Waiting is real: `sleep` is the wall
    clock's.
    """

    def __init__(self, url: str, commands_key: str, clock_key: str, timeout: float = 5.0) -> None:
        self._link = AsyncLink(Address.of(url), timeout)
        self._keys = commands_key, clock_key
        self._seen = Moved(0, 0)
        self._seen_ns = 0
        self.sleep = AsyncClock().sleep

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as this sandbox has them."""
        gone = (time.monotonic_ns() - self._seen_ns) * self._seen.rate // (RATE * 1_000_000)
        return min(self._seen.now_ms + gone, LATEST_MS)

    async def refresh(self) -> Moved:
        """See what the clock shows.

        Raises:
            LogUnavailable, EffectError: there is no clock.
        """
        return await self.move("show")

    async def move(self, move: Move, amount: int = 0, tick: bytes = b"") -> Moved:
        """Move it: `amount` is milliseconds for `step`, a time for `set`, thousandths of real time for `run`. `tick`
        is the command to append after a jump.

        Raises:
            Refused: it would go back, or beyond `LATEST_MS`.
            LogUnavailable, LogFull, EffectError: there is no clock.
        """
        (reply,) = await self._link.call(_moving(self._keys, move, amount, tick))
        moved = _moved(reply)
        self._seen, self._seen_ns = moved, time.monotonic_ns()
        return moved

    async def follow(self) -> None:
        """Look every tenth of a second whether somebody else moved it, until cancelled."""
        while True:
            await self.sleep(_LOOK_S)
            try:
                await self.refresh()
            except EffectError:
                continue  # what it showed last goes on; whoever needs the log hears of this

    def close(self) -> None:
        """Let the connection go."""
        self._link.close()


class BlockingSandboxClock:
    """The clock for a process that blocks; it asks the server each time."""

    def __init__(self, url: str, commands_key: str, clock_key: str, timeout: float = 5.0) -> None:
        self._link = Link(Address.of(url), timeout)
        self._keys = commands_key, clock_key
        self.sleep = BlockingClock().sleep

    def now_ms(self) -> int:
        """When timers that wait for it have come to: nothing while it is paused, for then nothing falls due by
        waiting, and who moves it says so with a command.

        Raises:
            LogUnavailable, EffectError: there is no clock.
        """
        shown = self.move("show")
        return shown.now_ms if shown.rate else 0

    def move(self, move: Move, amount: int = 0, tick: bytes = b"") -> Moved:
        """See `SandboxClock.move`."""
        (answer,) = self._link.ask(_moving(self._keys, move, amount, tick))
        (reply,) = self._link.wait(answer)
        return _moved(reply)

    def begin(self, ms: int) -> None:
        """Put a clock beside a log that has none: paused, at a time that the log has not passed.

        Raises:
            LogUnavailable, EffectError: the server refuses.
        """
        (answer,) = self._link.ask(wire.request("SET", self._keys[1], f"{ms} 0 0", "NX"))
        (reply,) = self._link.wait(answer)
        if isinstance(reply, Refusal):
            raise wire.refused(str(reply))

    def close(self) -> None:
        """Let the connection go."""
        self._link.close()


def _moving(keys: tuple[str, str], move: Move, amount: int, tick: bytes) -> Request:
    return wire.request("EVAL", _MOVE, 2, *keys, move, amount, tick)


def _moved(reply: object) -> Moved:
    if isinstance(reply, Refusal):
        text = str(reply)
        for code, why in (("BEHIND", "it only goes forward"), ("BEYOND", "it ends with the year 9999")):
            if text.startswith(code):
                raise Refused(f"the clock shows {text.removeprefix(code).strip()} (ms), and {why}")
        raise wire.refused(text)
    now, rate, tick = cast(tuple[int, int, bytes], reply)
    return Moved(now, rate, wire.stream_id(tick) if tick else None)
