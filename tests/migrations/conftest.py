"""Leaves the matrix of the pairs out of a test run that does not ask for it: thousands of programs, many minutes.

Knows the marker `migrations`. Must never know a pair.
"""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Runs for the items of every folder: only those that are marked are touched."""
    if "migrations" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("migrations")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("migrations")]
