"""Benchmarks: what is measured, how, and on which machine, as code. `python -m benchmarks --help`.

Nothing here asserts a time. Figures that are compared with each other (peers, ratios) come from one run.
"""
