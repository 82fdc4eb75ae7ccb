"""History in SQL: orders, trades, ledger, transfers and candles in PostgreSQL, on TimescaleDB where that is there.

The path of one entry: `source` reads it by consumer group, `rows` folds it (pure), `writer` stores the rows and the
position in one transaction, `projector` is the loop around the three. `schema` names the tables, `history` reads them,
`migrations` makes them. The one rule: the position in the database is the truth; the consumer group follows it.
"""
