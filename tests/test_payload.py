"""What an operation certainly pickles, and what it does not.

Knows calls on pools as text. Must never know a rule.
"""

from __future__ import annotations

import pytest

from poolaudit.evidence.payload import payload
from poolaudit.survey import survey_file

HEAD = """
import itertools, multiprocessing as mp
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial

lock = mp.Lock()

def work(*args, **kwargs):
    return None

def make():
    return lock

def run(numbers, loop, pool=None):
    pool, executor = mp.Pool(2), ProcessPoolExecutor(2)
    {call}
"""

SENT = [
    "pool.apply(work, (lock,))",
    "pool.apply_async(work, args=(1, [lock]))",
    "pool.apply_async(work, (), {'a': lock})",
    "pool.apply_async(work, kwds={'a': (lock,)})",
    "pool.map(work, [lock])",
    "pool.map(work, (1, lock), 3)",
    "pool.map(partial(work, lock), numbers)",
    "pool.map(partial(work, a=lock), numbers)",
    "pool.map(func=work, iterable=[lock])",
    "pool.starmap(work, [(lock, 1)])",
    "pool.starmap(work, [(lock, n) for n in numbers])",
    "pool.imap_unordered(work, ((n, lock) for n in numbers))",
    "pool.starmap(work, zip(numbers, itertools.repeat(lock)))",
    "pool.map(work, enumerate([lock]))",
    "pool.map(work, itertools.chain(numbers, [lock]))",
    "pool.map(work, [defaultdict(lock.acquire, {}), zip([lock])])",
    "executor.map(work, numbers, itertools.repeat(lock), chunksize=2)",
    "executor.map(work, [lock], numbers)",
    "executor.submit(work, lock)",
    "executor.submit(work, 1, a=lock)",
    "executor.submit(work, *numbers, [lock])",
    "executor.submit(work, {'a': lock})",
    "executor.submit(work, map(work, [lock]))",
    "loop.run_in_executor(executor, work, lock)",
    "loop.run_in_executor(executor, partial(work, lock))",
]

KEPT = [
    "pool.map(work, [lock.acquire(False)])",
    "pool.map(work, lock)",
    "pool.map(work, map(lock.acquire, numbers))",
    "pool.map(work, filter(None, [lock]))",
    "pool.map(work, [n for n in numbers if lock])",
    "pool.map(work, [str(lock)])",
    "pool.map(work, {lock: 1})",
    "pool.map(work, numbers, chunksize=lock)",
    "pool.apply_async(work, callback=lock, error_callback=lock)",
    "pool.apply(work, [str(lock)])",
    "pool.apply(work, make())",
    "executor.map(work, numbers, timeout=lock)",
    "executor.submit(work, *make())",
    "executor.submit(work, work(lock))",
    "executor.submit(work, sorted(numbers, key=lock))",
    "executor.submit(work, repr([lock]))",
    "loop.run_in_executor(executor, work, work(lock))",
]


def sends_the_lock(call: str) -> bool:
    file = survey_file("program.py", HEAD.format(call=call))
    (operation,) = (operation for _, operation in file.operations())
    return any(value.kind == "call" and value.api == "multiprocessing.Lock" for value in payload(operation))


@pytest.mark.parametrize("call", SENT)
def test_sent(call: str) -> None:
    assert sends_the_lock(call)


@pytest.mark.parametrize("call", KEPT)
def test_not_sent(call: str) -> None:
    assert not sends_the_lock(call)
