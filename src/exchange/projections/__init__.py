"""Folds of the event stream: each keeps its position with its data and can be dropped and made again from the log.

`timescale` is the history in SQL, `live` the gateway's view of now, `journal` the archive of both streams, from which
the others can be made again; `turns` is the loop of those that write.
"""
