"""How markets, orders and accounts are shown at this door."""
