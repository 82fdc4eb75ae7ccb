"""Everything that touches the world, behind one small interface: the log, the snapshot store, the clock.

`ports` says what the roles may rely on; `redis`, `files`, `aside` and `clock` are the real ones; the simulated ones
live with the simulator. The interface is `async` so that the simulator can suspend a role at every effect. An engine's
process has nothing else to do while it waits, so its real log simply blocks.
"""
