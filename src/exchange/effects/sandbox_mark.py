"""What makes a home a sandbox: the file `sandbox.json`, which says where it comes from.

The mark is for ever: nothing takes it away, so nobody's test market becomes somebody's real one. In a marked home the
gateway also draws users' ids from the log's own id and the email, so that the same sessions give the same log.
"""

import json
import uuid
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from exchange.effects.ports import EffectError

FILE = "sandbox.json"


class MarkUnreadable(EffectError):
    """The mark is there and says nothing that can be used."""


@dataclass(frozen=True)
class Mark:
    """`log_id` of the log; `id` and `chain` of the entry it was forked at (`0-0` and zeros: a new log); `source`, the
    home it was forked from, empty for a new one; `made`, the wall time, ISO 8601."""

    log_id: str
    id: str
    chain: str
    source: str
    made: str

    def write(self, home: Path) -> None:
        """Mark a home.

        Raises:
            OSError: it cannot be written.
        """
        (home / FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")

    def subject(self, email: str) -> uuid.UUID:
        """The id of who signs up with this email here."""
        return uuid.UUID(bytes=sha256(f"{self.log_id} {email}".encode()).digest()[:16])


def read(home: Path) -> Mark | None:
    """A home's mark; None: it is no sandbox.

    Raises:
        MarkUnreadable: there is a mark that cannot be read.
    """
    try:
        body = json.loads((home / FILE).read_text())
        return Mark(**{name: str(body[name]) for name in Mark.__dataclass_fields__})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MarkUnreadable(f"{home / FILE} cannot be read ({error!r}): make the sandbox anew") from error
