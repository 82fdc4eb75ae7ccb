"""The page at `/` for people: where things are. No script, no style, nothing from elsewhere."""

from typing import Final

from exchange import __version__

WELCOME: Final = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>exchange</title></head>
<body>
<h1>exchange {__version__}</h1>
<p>A self-hosted spot exchange. It is running, and this is its gateway.</p>
<table>
<tr><th align="left">health</th><td><a href="/healthz">/healthz</a></td></tr>
<tr><th align="left">markets</th><td><a href="/api/v1/markets">/api/v1/markets</a></td></tr>
<tr><th align="left">tickers</th><td><a href="/api/v1/ticker">/api/v1/ticker</a></td></tr>
<tr><th align="left">try it</th><td><a href="/api/try">/api/try</a>: every call, with fields to fill in</td></tr>
<tr><th align="left">REST</th><td>/api/v1/… (signup, signin, order, orders, balances, …)</td></tr>
<tr><th align="left">WebSocket</th><td>/api/v1/ws; for clients of Binance Spot /ws and /stream</td></tr>
</table>
<p>All routes and messages are described in <code>docs/api.md</code>.</p>
</body>
</html>
"""

POLICY: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
