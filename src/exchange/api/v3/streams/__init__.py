"""Streams of market data as the venue's clients know them (Binance: web-socket-streams.md).

    names       what a stream's name asks for
    shapes      messages as the venue writes them
    feeds       what of a market's changes becomes which messages, and when
    klines      the same for candles
    hub         who listens to what; the follower's audience and the clock
    requests    what clients send: SUBSCRIBE and the others
    door        the connection

A stream that nobody listens to does not exist. A message is written once for all its listeners.
"""
