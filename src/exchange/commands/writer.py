"""The door into the command stream: encode a command, append it, tell its id.

The id is the command's name from then on: its result is the event entry with the same id. Who gets no id back does not
know whether the command was appended, and may only repeat it with the same client order id or reference.
"""

from exchange.commands.codec import encode
from exchange.commands.types import Command
from exchange.effects.ports import Log
from exchange.terms.stream import StreamId


class CommandWriter:
    """Appends commands to one log; callers that come together share a write."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def append(self, command: Command) -> StreamId:
        """Append a command and give its id; it is durable then, and decided by its event entry.

        Raises:
            LogUnavailable: it may or may not have been appended.
            LogFull: it was not.
        """
        return await self._log.append(encode(command))
