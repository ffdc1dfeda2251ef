"""Futures and results that nobody asks how their task went.

Knows which uses of a handle tell whether its task failed. Must never know a rule or an edit.
"""

from __future__ import annotations

from poolaudit.facts import Handle, Use

_SILENT = frozenset({
    "wait", "wait_futures", "as_completed", "ready", "done", "running", "cancel", "cancelled", "drop", "len", "test",
})  # fmt: skip
"""Uses after which nobody knows whether the task failed."""

_LOOKS = frozenset({"iterate", "consume", "index", "zip", "next"})
"""Uses of what holds the handles, a list or as_completed(..): what happens to each of them is a use of its own."""


def unasked(handle: Handle) -> bool:
    """Every use of the handle is seen, and none tells whether its task failed."""
    return handle.complete and all(map(_tells_nothing, handle.uses))


def _tells_nothing(use: Use) -> bool:
    return use.how in _SILENT or (use.via in ("collection", "view") and use.how in _LOOKS)
