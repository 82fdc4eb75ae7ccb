"""Who may do what on the stream server: one user for each kind of role, and nothing that nobody needs.

Whoever can append commands can act as anyone, and whoever can delete a stream makes its ids repeat. So the default user
is off, and each role logs in as a user that may do what the role does: only `engine` appends results, only `journal`
has XTRIM, and no user has a command that deletes, flushes, renames, configures, debugs or shuts down. A script runs
under its caller's rules, so EVAL gives nobody more than they have.

    all         read both streams; ask about the server; call attention to a stream (PUBLISH: nothing is stored)
    gateway     appends commands; counts what addresses and accounts ask for, under keys of its own
    engine      appends commands (ticks, halts) and results; standbys are engines too
    projector   moves its consumer group
    journal     trims both streams
    operator    appends commands, sees who is connected and how the server is set

The rules tell keys to read (`%R~`) from keys to write, and let SET at a sandbox's clock and at counters only
(selectors: SET would replace a stream, PEXPIRE end one); both take Redis 7.0 or Valkey. Redis 6.2 can do neither: there
a gateway could also append results, which compare-and-append and the chain then show, there is no sandbox's clock, and
gateways count each for itself.

What no rule can forbid: XADD takes MAXLEN and MINID, and so who may append may also trim what they append to. Nothing
here appends that way; `exchange doctor` notices it when somebody does.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

Version = tuple[int, int]

KEY_PERMISSIONS: Final[Version] = (7, 0)
"""The first version that tells reading a key from writing it."""

NEWEST: Final[Version] = (7, 2)
"""From this version on the rules are the same."""

_SINCE: Final[Mapping[str, Version]] = {"waitaof": (7, 2), "client|setinfo": (7, 2)}
"""Commands that an older server does not know, and refuses to read rules about."""

_ALL_MAY: Final = (
    *("ping", "select", "info", "time", "wait", "waitaof", "exists", "multi", "exec", "discard"),
    *("client|id", "client|getname", "client|setname", "client|setinfo", "publish"),
    *("xread", "xrange", "xrevrange", "xlen", "xinfo|stream", "xinfo|groups"),
)
_SCRIPTS: Final = ("eval", "evalsha", "script|load")
_GROUPS: Final = ("xgroup|create", "xgroup|setid")

COMMANDS: Final = "commands"
EVENTS: Final = "events"
CLOCK: Final = "clock"
LIMITS: Final = "limits"
"""Counters stand under `<prefix>:limits:`."""

_COUNTERS: Final = ("get", "set", "incrby", "pexpire")


class User(NamedTuple):
    """A user of the stream server, besides what all may do."""

    name: str
    writes: Sequence[str]
    """The streams that it may write to."""
    may: Sequence[str]
    """Commands, with `|` before a sub-command."""
    winds: bool = False
    """Whether it may set a sandbox's clock."""
    counts: bool = False
    """Whether it may change counters."""


USERS: Final = (
    User("gateway", (COMMANDS,), ("xadd",), winds=True, counts=True),
    User("engine", (COMMANDS, EVENTS), ("xadd", *_SCRIPTS)),
    User("projector", (EVENTS,), _GROUPS),
    User("journal", (COMMANDS, EVENTS), ("xtrim", *_GROUPS)),
    User("operator", (COMMANDS,), ("xadd", "client|list", "config|get", "memory|usage"), winds=True),
)
"""All users; whoever is not named here cannot log in."""

NAMES: Final = tuple(user.name for user in USERS)

_OFF: Final = "user default off resetpass resetkeys resetchannels -@all"


def acl_file(
    passwords: Mapping[str, str], prefix: str, *, version: Version = NEWEST, sandbox: bool = False
) -> list[str]:
    """The lines of an ACL file (`aclfile` in the server's configuration): the default user off, and every user.

    Args:
        passwords: for each user; only their SHA-256 stands in the file.
        prefix: of the keys, as EXCHANGE_STREAMS.
        version: of the server.
        sandbox: whether there is a sandbox's clock.
    """
    lines = [_OFF]
    for user in USERS:
        digest = sha256(passwords[user.name].encode()).hexdigest()
        rules = " ".join(user_rules(user, prefix, version=version, sandbox=sandbox))
        lines.append(f"user {user.name} on #{digest} {rules}")
    return lines


def user_rules(user: User, prefix: str, *, version: Version = NEWEST, sandbox: bool = False) -> list[str]:
    """What a user may do, as ACL rules."""
    modern = version >= KEY_PERMISSIONS
    channels = [f"&{prefix}:{stream}" for stream in (COMMANDS, EVENTS)]
    keys = [
        f"%R~{prefix}:{stream}" if modern and stream not in user.writes else f"~{prefix}:{stream}"
        for stream in (COMMANDS, EVENTS)
    ]
    may = [*_ALL_MAY, *user.may]
    if sandbox and "xadd" in user.may:
        # Commands are dated by a script that reads the clock; a script counts as writing every key handed to it.
        keys.append(f"~{prefix}:{CLOCK}")
        may += [command for command in ("get", *_SCRIPTS) if command not in may]
    known = [f"+{command}" for command in may if version >= _SINCE.get(command, (0, 0))]
    clock = [f"(~{prefix}:{CLOCK} +set)"] if sandbox and user.winds and modern else []
    counters = [f"(~{prefix}:{LIMITS}:* {' '.join(f'+{one}' for one in _COUNTERS)})"] if user.counts and modern else []
    return ["resetchannels", *channels, *keys, "-@all", *known, *clock, *counters]
