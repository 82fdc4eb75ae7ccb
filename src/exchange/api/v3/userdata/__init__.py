"""What happens to an account's orders and balances, told as it happens (Binance: user-data-stream.md).

stories    an order's states within one entry, from before it to after it
reports    what an entry means for an account, as the venue's events
feed       who listens to which account
listening  listen keys: who may listen without a signature, and for how long
"""
