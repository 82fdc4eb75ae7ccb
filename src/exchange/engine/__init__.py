"""The deterministic core: `(state, command id, command) → (state', events)`.

Standard library and the two vocabularies, nothing else: no clock, no randomness, no floats, no input or output. Time is
the millisecond part of the command's id. It is plain typed Python, compiled with mypyc where it is installed, and runs
interpreted just the same.

As a library:

    machine = Machine()
    entry = machine.step(CommandEntry((1, 0), [b"c", encode(OpenLog(...))]))
    machine.outcome.events, machine.state.markets["BTC-USDT"].bids
"""

from exchange.engine.machine import BrokenInvariant, Machine

__all__ = ["BrokenInvariant", "Machine"]
