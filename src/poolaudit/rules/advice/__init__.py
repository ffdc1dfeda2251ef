"""The choice of API."""
