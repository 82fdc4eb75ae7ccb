"""The WebSocket API, `/ws-api/v3`: REST's requests, many at a time over one connection (Binance: web-socket-api.md).

A request is brought into the form that REST requests have and served by the same endpoints. A connection may log on
once and then leave out key and signature. Requests run side by side and are answered as they become ready; orders are
appended in the order in which they came.

    messages    a request read, an answer written
    session     as whom a connection is logged on, and how a request is let through
    methods     every method by name
    account     methods that are about the connection itself: logging on, user data
    connection  one connection
    lobby       all of them, from handshake to shutdown
"""
