"""Design mistakes, planted one at a time: a simulator that does not find them proves nothing.

Each is a way in which a pipeline like this one has been built somewhere, patched over the roles or the simulated world,
never into the product's code. Compiled classes cannot be patched, so what a mistake changes of the engine's state it
changes from outside.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exchange.events.replies import ReplyWaiter
from exchange.events.tail import EventTail
from exchange.projections.journal import trimming
from exchange.roles import engine, keeper, replica, snapshots, standby
from exchange.roles import memory as role_memory
from tests.simulation import aside, clients, disk, gateway, journal, mistakes, projector, server
from tests.simulation import log as log_client

Patch = tuple[object, str, object]


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake: its name, what is done wrong, and the attributes it replaces."""

    name: str
    what: str
    patches: tuple[Patch, ...]


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Have a bug, or none for the empty name, while the block runs."""
    patches = BUGS[name].patches if name else ()
    before = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in patches]
    try:
        for owner, attribute, wrong in patches:
            setattr(owner, attribute, wrong)
        yield
    finally:
        for owner, attribute, right in before:
            setattr(owner, attribute, right)


BUGS: dict[str, Bug] = {
    bug.name: bug
    for bug in (
        Bug(
            "publish-without-compare",
            "results are pipelined one by one; only ids at or below the top are refused",
            ((server.Server, "publish", mistakes.pipeline),),
        ),
        Bug(
            "compare-id-only",
            "a batch is taken if the top id is the expected one, whatever the chain; memory outlives restarts",
            ((server.Server, "accepts", mistakes.same_top), (role_memory.Memory, "doubt", mistakes.no_doubt)),
        ),
        Bug(
            "sent-counts-as-published",
            "an engine publishes the next batch unheard of the one before, and goes on when that was refused",
            ((engine.Engine, "_hear", mistakes.taken_as_heard),),
        ),
        Bug(
            "successor-of-a-refused-batch",
            "when a batch is refused, the one computed meanwhile is published in its place",
            ((engine.Engine, "_hear", mistakes.drop_refused),),
        ),
        Bug(
            "ahead-is-all",
            "that nothing was there when the log read ahead counts as the stream's end",
            ((log_client.SimLog, "commands", mistakes.ahead_is_all),),
        ),
        Bug(
            "memory-outlives-restart",
            "a role goes on with its memory when the server was restarted",
            ((role_memory.Memory, "doubt", mistakes.no_doubt),),
        ),
        Bug(
            "reconnects-unseen",
            "the log's client opens a lost connection again and repeats the request",
            ((log_client.SimLog, "_ask", mistakes.reconnect_unseen),),
        ),
        Bug(
            "offset-stored-apart",
            "the engine's position is a key of its own, stored before the results are published",
            ((engine.Engine, "turn", mistakes.offset_first),),
        ),
        Bug(
            "engine-starts-at-end",
            "a starting engine takes the commands that it missed as done",
            ((role_memory, "recover", mistakes.start_at_end),),
        ),
        Bug(
            "poison-without-result",
            "what cannot be decoded is skipped, without an entry",
            ((log_client.SimLog, "commands", mistakes.skip_poison),),
        ),
        Bug(
            "visible-before-durable",
            "under `always` replies leave before the fsync",
            ((server.Server, "_make_durable", mistakes.fsync_later),),
        ),
        Bug(
            "tail-from-end",
            "each request of the gateway's tail begins at the stream's end",
            ((EventTail, "turn", mistakes.turn_from_end),),
        ),
        Bug(
            "requests-before-tail",
            "a gateway takes requests before its tail has a position",
            ((gateway.GatewayActor, "_serve", mistakes.serve_first),),
        ),
        Bug(
            "waiter-without-ring",
            "a waiter looks only at what comes after it began to wait",
            ((ReplyWaiter, "expect", mistakes.expect_without_ring),),
        ),
        Bug(
            "waiter-outlives-restart",
            "a gateway matches ids of one incarnation of the server with entries of the next",
            (
                (gateway.GatewayActor, "same", mistakes.always_same),
                (gateway.GatewayActor, "session", mistakes.any_life),
            ),
        ),
        Bug(
            "answer-before-result",
            "a gateway answers when the command is appended",
            ((gateway.GatewayActor, "result", mistakes.guess_acceptance),),
        ),
        Bug(
            "lost-reply-taken-for-refusal",
            "a gateway answers that nothing happened when the append's reply is lost",
            ((gateway.GatewayActor, "result", mistakes.guess_failure),),
        ),
        Bug(
            "snapshot-anchor-unchecked",
            "a whole snapshot is used without looking for its last entry in the log",
            ((snapshots, "anchored", mistakes.believe),),
        ),
        Bug(
            "snapshot-of-unpublished-state",
            "snapshots are taken of results not yet published, and used without looking for them in the log",
            ((standby.Standby, "turn", mistakes.run_ahead), (snapshots, "anchored", mistakes.believe)),
        ),
        Bug(
            "snapshot-written-in-place",
            "a snapshot has its name before it is whole",
            ((disk.Disk, "put", mistakes.write_in_place),),
        ),
        Bug(
            "snapshot-checksum-ignored",
            "a snapshot's bytes are not checked",
            ((snapshots, "verify", mistakes.verify_nothing),),
        ),
        Bug(
            "memory-left-out-of-snapshot",
            "the remembered client order ids are not in the snapshot",
            ((snapshots, "rows", mistakes.rows_without_memory),),
        ),
        Bug(
            "trim-past-snapshots",
            "the streams are trimmed as far as the readers have come, whatever the snapshots hold",
            ((journal.JournalActor, "needs", mistakes.need_no_snapshots),),
        ),
        Bug(
            "trim-at-newest-snapshot",
            "the streams are trimmed at the newest snapshot, which may turn out damaged",
            ((trimming, "SNAPSHOTS", 1),),
        ),
        Bug(
            "trim-past-a-projection",
            "the streams are trimmed without asking how far the projections have come",
            ((journal.JournalActor, "projections", mistakes.ask_no_projection),),
        ),
        Bug(
            "trim-past-the-journal",
            "the streams are trimmed as far as the snapshots allow, archived or not",
            ((journal.JournalActor, "needs", mistakes.need_no_archive),),
        ),
        Bug(
            "standby-outlives-restart",
            "the standby goes on with its memory when the server was restarted",
            ((standby, "Memory", mistakes.Undoubting),),
        ),
        Bug(
            "standby-never-takes-over",
            "the standby waits for entries, and so for ever when nobody publishes",
            ((standby.Standby, "_shadow", mistakes.only_follow),),
        ),
        Bug(
            "standby-lets-time-stand",
            "the standby takes over for a command, but not for what falls due by itself",
            (
                (standby.Standby, "_owed", mistakes.owed_if_asked),
                (engine.Engine, "is_due", mistakes.due_to_engines),
            ),
        ),
        Bug(
            "standby-publishes-without-compare",
            "the standby appends its results whatever the event stream ends on",
            ((log_client.SimLog, "publish", mistakes.publish_unasked),),
        ),
        Bug(
            "outrun-takes-over-the-head",
            "who is refused goes on from the log's head without comparing what the other published",
            ((engine.Engine, "_hear", mistakes.drop_when_outrun),),
        ),
        Bug(
            "trim-taken-for-divergence",
            "a role that was paused while the streams were trimmed past it stops, instead of recovering",
            ((role_memory.Memory, "trimmed", mistakes.no_trim),),
        ),
        Bug(
            "followed-without-compare",
            "what is published is computed along, not compared: nobody sees what a trim left out",
            ((replica.Replica, "catch_up", mistakes.follow_unseen),),
        ),
        Bug(
            "pruned-before-success",
            "room is made for a snapshot before it is known to be whole",
            ((keeper.Keeper, "_begin", mistakes.make_room_first),),
        ),
        Bug(
            "snapshot-of-moving-memory",
            "a snapshot is written by a thread, while the role goes on",
            (
                (aside.SimAside, "begin", mistakes.begin_in_a_thread),
                (aside.SimAside, "ended", mistakes.end_of_a_thread),
            ),
        ),
        Bug(
            "rejections-not-remembered",
            "only accepted commands are de-duplicated",
            ((replica.Replica, "compute", mistakes.forget_rejections),),
        ),
        Bug(
            "transfers-not-remembered",
            "a transfer between accounts has no memory of its reference: a repetition moves the money again",
            ((replica.Replica, "compute", mistakes.forget_transfers),),
        ),
        Bug(
            "retry-without-client-id",
            "a client asks again for an order that has no client order id",
            ((clients.Client, "_order", mistakes.nameless),),
        ),
        Bug(
            "retry-with-new-client-id",
            "a client asks again with a fresh client order id",
            ((clients.Client, "_again", mistakes.renamed),),
        ),
        Bug(
            "position-committed-apart",
            "a projector commits its rows, then its position",
            ((projector.Projector, "_commit", mistakes.commit_apart),),
        ),
        Bug(
            "projector-trusts-its-position",
            "a projector goes on from its position without looking for it in the log",
            ((projector.Projector, "_anchored", mistakes.trust_position),),
        ),
        Bug(
            "projector-trusts-the-group",
            "a projector folds what the consumer group gives it, and acknowledges before it commits",
            ((projector.Projector, "_follow", mistakes.follow_group),),
        ),
    )
}
