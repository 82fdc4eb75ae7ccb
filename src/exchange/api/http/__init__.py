"""HTTP as this gateway speaks it: connections, heads of requests, the web server behind them, answers, routing."""
