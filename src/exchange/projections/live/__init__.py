"""The live view: what the log says *now*, in memory, for the gateway's reads and feeds.

`book` holds price levels and open orders, `tape` the trades and their 24 hours, `view` folds an outcome into all of it,
`load` begins it from an engine snapshot, `shapes` writes what is in it as the API's JSON and `feeds` as the WebSocket's
messages. All of it is pure: whoever owns a view reads the log and calls `apply`.
"""
