"""Work on many items by any concurrent.futures.Executor.

Knows batches, how many of them are under way, and what becomes of one whose worker has died. Uses nothing of an executor but
submit, shutdown and the futures that it gives, so that it runs on processes of this machine as well as on a cluster.
Must never know what the work is, a rule or the command line.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import Generic, TypeVar

from msgspec import Struct

BATCH = 60_000
"""Characters of source in one batch: about half a second of work (7 microseconds each), a millisecond to hand it over."""

AHEAD = 2
"""Batches under way for each worker: one that it works on, and one that waits for it."""

TICK = 1.0
"""Seconds. A wait that never ends is not interrupted by Ctrl-C on Windows (https://github.com/python/cpython/issues/74157)."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Crew(Struct, frozen=True):
    """Who does the work."""

    make: Callable[[], Executor]
    """Makes an executor; called again when one has broken."""
    count: int
    """How many workers it has, as far as that is known."""


class Batch(Struct, Generic[Item, Result], frozen=True):
    """Items that go to a worker together, and what becomes of them."""

    work: Callable[[Sequence[Item]], Sequence[Result]]
    """Picklable. Gives as many results as there are items, and raises nothing of its own."""
    items: tuple[Item, ...]
    done: Callable[[Item, Result], None]
    """Is told each item with its result, batch by batch as they end."""
    lost: Callable[[Item, BaseException], None]
    """Is told an item that takes its worker along, and what the executor says of that."""

    def alone(self) -> Iterator[Batch[Item, Result]]:
        """A batch for each item."""
        return (Batch(self.work, (item,), self.done, self.lost) for item in self.items)


def split(sizes: Sequence[int], workers: int) -> Iterator[tuple[int, ...]]:
    """Numbers of items in groups of about the same size, the largest items first: whoever starts late gets what is short."""
    enough = min(BATCH, sum(sizes) // (workers * 4))
    group: list[int] = []
    filled = 0
    for number in sorted(range(len(sizes)), key=lambda each: -sizes[each]):
        group.append(number)
        filled += sizes[number]
        if filled >= enough:
            yield tuple(group)
            group, filled = [], 0
    if group:
        yield tuple(group)


def run(crew: Crew, batches: Iterable[Batch[Item, Result]]) -> None:
    """Works on all batches. They are asked for as workers get free, so that they may be made meanwhile.

    A batch that is lost with its worker is tried again item by item, each alone under way: the one that is lost again is the
    culprit. What ends the run early, an interrupt too, ends the workers that it has started.
    """
    hands: _Hands[Item, Result] = _Hands(crew.make)
    try:
        suspects = [batch for batch, _ in hands.lose(batches, crew.count * AHEAD)]
        for single, error in hands.lose((single for batch in suspects for single in batch.alone()), 1):
            single.lost(single.items[0], error)
    except BaseException:
        hands.kill()
        raise
    hands.end()


class _Hands(Generic[Item, Result]):
    """An executor, made anew when it has broken, and what it has been given."""

    def __init__(self, make: Callable[[], Executor]) -> None:
        self._make = make
        self._strangers = frozenset(multiprocessing.active_children())
        self._executor = make()
        self._under_way: dict[Future[Sequence[Result]], Batch[Item, Result]] = {}

    def lose(self, batches: Iterable[Batch[Item, Result]], most: int) -> Iterator[tuple[Batch[Item, Result], BaseException]]:
        """Works on the batches, `most` of them under way, and gives those that are lost with their worker."""
        waiting = iter(batches)
        while True:
            while len(self._under_way) < most and (batch := next(waiting, None)) is not None:
                self._under_way[self._submit(batch)] = batch
            if not self._under_way:
                return
            for future in wait(self._under_way, TICK, FIRST_COMPLETED).done:
                batch = self._under_way.pop(future)
                error = future.exception()
                if error is not None:
                    yield batch, error
                    continue
                for item, result in zip(batch.items, future.result(), strict=True):
                    batch.done(item, result)

    def _submit(self, batch: Batch[Item, Result]) -> Future[Sequence[Result]]:
        try:
            return self._executor.submit(batch.work, batch.items)
        except BrokenExecutor:
            self.end()
            self._executor = self._make()
            return self._executor.submit(batch.work, batch.items)

    def end(self) -> None:
        """Ends the workers once they have nothing to do."""
        self._executor.shutdown()

    def kill(self) -> None:
        """Ends the workers at once: those of this machine by a signal, of others what waits for them is cancelled."""
        for future in self._under_way:
            future.cancel()
        self._executor.shutdown(wait=False)
        for child in multiprocessing.active_children():
            if child not in self._strangers:
                child.kill()
