"""Tests of what proves history."""
