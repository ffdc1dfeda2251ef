"""Pools in asyncio code."""
