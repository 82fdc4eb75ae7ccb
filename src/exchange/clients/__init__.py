"""Programs that use the exchange from outside, like anybody else: the market maker and the driver of recorded flow.

They know the two vocabularies and the public API, and nothing of the engine's state.
"""
