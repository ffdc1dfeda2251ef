"""The life of a pool."""
