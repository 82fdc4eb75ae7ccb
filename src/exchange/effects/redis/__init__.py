"""The stream server, seen from here: the only room in which Redis is spoken.

`log` is the two streams as roles see them, over `link` (connections), `wire` (the protocol, packed and read by hand),
`appends` and `reads`; `trim`, `group` and `pour` are what the journal, projections and restores do besides; `clock` is
a sandbox's time; `counters` what gateways count together; `room` what the server has left; `users` and `passwords` who
may do what; `address` where it is.
"""
