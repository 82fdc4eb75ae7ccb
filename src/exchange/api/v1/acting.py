"""The trail: who did what an administrator may do, in the log itself.

A command that an administrator sends names them (`by`); what happens outside the engine is sent as a command too
(`record`), before it happens, so that nothing is done without a trace. Both are possible from version 3 of the rules
on; in a log of an older version acts leave no name.
"""

from typing import Final, TypeVar

from exchange.api.commanding import CommandPath
from exchange.api.v1.call import Call
from exchange.commands.types import Administrative, Record
from exchange.projections.live.view import LiveView

SINCE: Final = 3
"""The version of the rules from which on the log takes names."""

_Command = TypeVar("_Command", bound=Administrative)


def signed(call: Call, command: _Command) -> _Command:
    """A command with its caller's name, where the log takes names."""
    return signed_by(call.gateway.view, call.principal.subject, command)


def signed_by(view: LiveView, by: str, command: _Command) -> _Command:
    """A command with somebody's name, where the log takes names."""
    if view.rules >= SINCE:
        command.by = by
    return command


async def record(commands: CommandPath, view: LiveView, by: str, act: str, subject: str) -> bool:
    """Put an act outside the engine into the log; False where the log takes no such thing.

    Raises:
        ApiError: it could not be recorded: then do not do it.
    """
    if view.rules < SINCE:
        return False
    await commands.carry_out(Record(by, act, subject))
    return True
