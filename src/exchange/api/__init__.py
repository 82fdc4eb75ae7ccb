"""The gateway: REST and WebSocket in front of the log.

`v1.routes` is the table of everything that can be called; a route reads its request strictly (`reading`), asks the live
view, the history or the engine (`gateway`), and answers in the shapes of `docs/api.md`. The engine is asked by
appending a command and waiting for its entry; a route never says what it has not read back.
"""
