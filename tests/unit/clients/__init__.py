"""Tests of the programs that use the exchange from outside."""
