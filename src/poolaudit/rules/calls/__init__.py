"""Calls that do something else than they look like."""
