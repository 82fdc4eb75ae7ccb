"""How much one may ask for: request weight by address, new orders by account, connections, bans."""
