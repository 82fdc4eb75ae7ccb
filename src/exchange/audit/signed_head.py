"""Signing where the log stands now, once everything since the last checkpoint was verified."""

from exchange.audit import checkpoints
from exchange.audit.checkpoints import Checkpoint, Shelf
from exchange.audit.findings import CannotAudit
from exchange.audit.signing import Signer
from exchange.audit.verifying import Report, Sources, verify
from exchange.terms.stream import START


async def sign_head(sources: Sources, shelf: Shelf, signer: Signer, time_ms: int) -> tuple[Checkpoint, Report]:
    """A checkpoint of the head, verified back to the last one (or to the log's beginning) and stored.

    Raises:
        Found: the first difference on the way; nothing is signed.
        NotGenuine: the last checkpoint is not this key's.
        CannotAudit: there is nothing to sign, or no telling how many entries there are.
        OSError: it cannot be stored.
    """
    last = shelf.newest(signer.public)
    held = [(last.id, last)] if last is not None else []
    report, walk = await verify(sources, held, start=last.head.id if last is not None else START)
    if walk.machine is None or not walk.machine.state.log_id:
        raise CannotAudit("the log is not open yet: there is nothing to sign")
    if last is not None and walk.head == last.head:
        return last, report
    number = walk.number
    if number is None and last is not None:
        *_, walked = walk.seen[last.head.id]
        number = last.entries + walk.entries - walked
    if number is None:
        raise CannotAudit(
            "how many entries the log has cannot be told: it does not reach back to its beginning, and there is no "
            "checkpoint before. Name the journal as the source"
        )
    checkpoint = checkpoints.sign(signer, walk.machine.state.log_id, walk.head, number, time_ms)
    shelf.put(checkpoint)
    return checkpoint, report
