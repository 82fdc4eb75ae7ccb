"""The house's own checks, run by `make lint`: determinism of the engine, and house rules."""
