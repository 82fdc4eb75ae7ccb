"""A self-hosted spot exchange: one deterministic engine between two streams, replayable byte for byte."""

import os

__version__ = "0.1.0"

if os.environ.get("EXCHANGE_INTERPRETED"):
    from exchange.compiled import use_sources, wanted_interpreted

    if wanted_interpreted():
        use_sources()
