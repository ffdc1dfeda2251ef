"""Programs side by side, as many as the machine bears.

Knows how many may run at once, and that a program which hangs needs time but hardly a processor. Must never know what is run.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

_T = TypeVar("_T")

AT_ONCE = 2
"""Programs per core: a program with two workers waits about half of its time."""


class Lanes:
    """Threads that wait for programs: those that end, those that hang, and one at a time where it must be quiet."""

    def __init__(self, cores: float) -> None:
        """`cores` is what may be used of the machine: a share of it where several test processes run."""
        width = max(1, round(cores * AT_ONCE))
        self._ending = ThreadPoolExecutor(width)
        self._hanging = ThreadPoolExecutor(width)
        self._quiet = ThreadPoolExecutor(1)

    def submit(self, work: Callable[[], _T], *, hangs: bool) -> Future[_T]:
        """Runs `work` when its lane is free, in the order of submission."""
        return (self._hanging if hangs else self._ending).submit(work)

    def alone(self, work: Callable[[], _T]) -> _T:
        """Runs `work` now, beside what runs already but next to no other one that asks for this."""
        return self._quiet.submit(work).result()

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for lane in (self._ending, self._hanging, self._quiet):
            lane.shutdown(wait=True, cancel_futures=True)
