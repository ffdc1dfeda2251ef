"""Slow use of a pool."""
