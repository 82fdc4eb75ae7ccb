"""The Binance-Spot-compatible door: REST `/api/v3` and `/sapi/v1`, streams, the WebSocket API, user data.

The venue's published documentation is the specification: names, types, defaults, codes and wording are its own, and
docs/compatibility.md says where this exchange differs. Everything here translates: what is asked goes to the same
engine and comes from the same view and history as in `v1`.

    declared    what a request of this door is declared to take and give
    params      reading parameters, as REST and the WebSocket API send them
    security    keys, timestamps and signatures of requests
    call        a request that was let through
    door        REST requests brought to their routes, answers and faults brought into their shape
    routes      what answers, by subject; `routes.table` is the list of all
"""
