"""A self-hosted spot exchange: one deterministic engine between two streams, replayable byte for byte."""

__version__ = "0.1.0"
