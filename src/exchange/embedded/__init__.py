"""Servers of one's own: a Redis-compatible server and PostgreSQL, started from their plain binaries.

`process` spawns a child that cannot outlive its parent, `folder` holds a data folder for exactly one living server and
finds room for sockets, `valkey` and `postgres` know how each server is configured, started and stopped. Servers listen
on unix sockets in folders that only their owner may enter, so there are no ports to clash and no passwords to keep.
"""
