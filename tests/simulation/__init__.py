"""The deterministic fault simulator: the whole pipeline in one seeded process, against a world that keeps failing.

The real engine loop, recovery, standby and reply waiter run here as coroutines that a small scheduler drives; the log
server, disk, clock, network and database behind them are simulated, and every choice (who runs next, which request
arrives, what breaks and when) comes from one seed. So a failure is a number, and the number replays it.

    scheduler   coroutines, virtual time, processes that can be killed at any effect
    server      the two streams as one append-only file with a durable prefix
    log         a process's connection to it: the port `Log`
    disk        the snapshot store: atomic, or killed in mid-write, or rotten
    aside       the child that writes a snapshot: it dies alone, or with its parent
    gateway     appends, waits with the real reply waiter, answers
    clients     ask, time out, ask again with the same client order id
    projector   rows and position in one transaction, fed by a consumer group
    journal     archives, and trims the streams by the real rule
    world       wires one run from a seed and breaks it: a safety phase, then a liveness phase
    checks      what must hold, recomputed independently of the code under test
    actors      the processes, each started again whenever it dies
    bugs        design mistakes planted on purpose, which the checks must go on finding; their code is in `mistakes`
    runner      many runs, many workers, one verdict

It must never touch a socket, a file, a thread or the wall clock.
"""
