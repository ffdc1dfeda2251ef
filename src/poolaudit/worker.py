"""What a worker process does: judge a batch of files for a run that it was told of once.

Knows how a run is handed over. Must never know which executor it works for, or what becomes of its reports.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct, field

from poolaudit import __version__
from poolaudit.config import Config
from poolaudit.run import Noted, Run
from poolaudit.source import SourceFile


class Order(Struct, frozen=True):
    """What a worker must know of a run, beside the files."""

    config: Config
    full: bool
    folder: str = field(default_factory=os.getcwd)
    """The working folder: paths are relative to it."""
    version: str = __version__
    run: str = field(default_factory=lambda: os.urandom(8).hex())
    """Workers of a cluster outlive a run, and files that they have read change."""

    def packed(self) -> bytes:
        """Pickled once, for many batches."""
        import pickle

        return pickle.dumps(self, protocol=5)


@lru_cache(maxsize=4)
def _unpacked(order: bytes) -> tuple[Order, Run]:
    """Once in each worker: what has been parsed of other files serves the whole run."""
    import pickle

    found: Order = pickle.loads(order)
    if found.version != __version__:
        raise RuntimeError(f"this worker has poolaudit {__version__}, the run needs {found.version}")
    return found, Run(found.config)


_ONE_AT_A_TIME = threading.Lock()
"""A worker may have threads; the working folder and the limits of the interpreter are the process's own."""


def judge_batch(order: bytes, sources: Sequence[SourceFile]) -> list[Noted]:
    """The reports of some files, in their order. `order`: a packed Order."""
    with _ONE_AT_A_TIME:
        known, run = _unpacked(order)
        before = os.getcwd()
        os.chdir(known.folder)
        try:
            return run.each(lambda source: run.noted(source, full=known.full), sources)
        finally:
            os.chdir(before)
