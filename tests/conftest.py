"""Options of the test run.

Knows which interpreters the proofs run on and when they run at all. Must never know a rule.
"""

from __future__ import annotations

import os

import pytest

from proof.interpreters import ENVIRONMENT, Interpreters, find_interpreters


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--interpreter",
        action="append",
        default=[],
        metavar="PATH",
        help=f"an interpreter for the proofs that is not found by itself (repeatable; also {ENVIRONMENT})",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The full matrix runs when it is asked for: by `-m proof`, or by UPDATE=1, which writes it."""
    if config.option.markexpr or updating_goldens():
        return
    left_out = [item for item in items if item.get_closest_marker("proof")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("proof")]


def updating_goldens() -> bool:
    return os.environ.get("UPDATE", "") not in ("", "0")


@pytest.fixture(scope="session")
def updating() -> bool:
    """UPDATE=1: goldens are written instead of compared."""
    return updating_goldens()


@pytest.fixture(scope="session")
def interpreters(pytestconfig: pytest.Config) -> Interpreters:
    """The interpreters found on this machine, by version."""
    try:
        return find_interpreters(pytestconfig.getoption("interpreter"))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
