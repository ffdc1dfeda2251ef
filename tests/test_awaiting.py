"""Calls that block the event loop and what they become.

Knows one coroutine with a process pool. Must never know a rule's message.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from poolaudit import edits
from poolaudit.edits import Fix
from poolaudit.rules.coroutines.blocking_call_in_coroutine import RULE
from poolaudit.settings import Settings
from poolaudit.survey import survey_file

HEAD = """\
import asyncio, concurrent.futures as cf
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool

def work(number):
    return number

async def main(pool=None):
    executor, pool = ProcessPoolExecutor(2), Pool(2)
    future, result = executor.submit(work, 1), pool.apply_async(work, (1,))
    futures = [executor.submit(work, number) for number in range(3)]
"""


def found(line: str, settings: Settings) -> Iterator[Fix | None]:
    assert RULE.check
    file = survey_file("program.py", f"{HEAD}    {line}\n")
    for site in file.sites:
        for finding in RULE.check(site, file, settings):
            yield finding.fix


def after(line: str, settings: Settings = Settings()) -> str | None:  # noqa: B008
    (fix,) = found(line, settings)
    if fix is None:
        return None
    text = edits.apply(f"{HEAD}    {line}\n", [fix.edits]).text
    ast.parse(text)
    return text.removeprefix(HEAD).strip()


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ("future.result()", "await asyncio.wrap_future(future)"),
        ("x = 2 ** future.result()", "x = 2 ** await asyncio.wrap_future(future)"),
        ("x = future.result() .real", "x = (await asyncio.wrap_future(future)) .real"),
        ("x = future.result()[0]", "x = (await asyncio.wrap_future(future))[0]"),
        ("future.result(timeout=3)", "await asyncio.to_thread(future.result, timeout=3)"),
        ("future.exception()", "await asyncio.to_thread(future.exception)"),
        ("executor.submit(work, 2).result()", "await asyncio.wrap_future(executor.submit(work, 2))"),
        ("xs = [f.result() for f in futures]", "xs = [await asyncio.wrap_future(f) for f in futures]"),
        ("result.get()", "await asyncio.to_thread(result.get)"),
        ("result.wait(3)", "await asyncio.to_thread(result.wait, 3)"),
        ("xs = pool.map(work, [1, 2])", "xs = await asyncio.to_thread(pool.map, work, [1, 2])"),
        ("xs = pool.starmap(work, [(1,)], chunksize=2)", "xs = await asyncio.to_thread(pool.starmap, work, [(1,)], chunksize=2)"),
        ("x = pool.apply(work, (1,)).real", "x = (await asyncio.to_thread(pool.apply, work, (1,))).real"),
        ("xs = list(executor.map(work, [1]))", "xs = await asyncio.to_thread(list, executor.map(work, [1]))"),
        ("xs = sorted(pool.imap_unordered(work, [1]))", "xs = await asyncio.to_thread(sorted, pool.imap_unordered(work, [1]))"),
        ("cf.wait(futures, timeout=3)", "await asyncio.to_thread(cf.wait, futures, timeout=3)"),
        ("executor.shutdown()", "await asyncio.to_thread(executor.shutdown)"),
        ("executor.shutdown(wait=True)", "await asyncio.to_thread(executor.shutdown, wait=True)"),
    ],
)
def test_is_awaited(line: str, fixed: str) -> None:
    assert after(line) == fixed


@pytest.mark.parametrize(
    "line",
    [
        "x = sum(f.result() for f in futures)",
        "xs = [[f.result() for f in futures] for _ in range(2)]",
        "xs = list(map(str, executor.map(work, [1])))",
        "for x in executor.map(work, [1]): print(x)",
        "for f in cf.as_completed(futures): print(f.result())",
        "x, y = executor.map(work, [1, 2])",
        "print(*executor.map(work, [1]))",
        "x = next(executor.map(work, [1]))",
    ],
)
def test_is_left_to_the_author(line: str) -> None:
    assert after(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "future.result(timeout=0)",
        "future.result() if future.done() else None",
        "await asyncio.wrap_future(future); future.result()",
        "await asyncio.to_thread(future.result); future.result()",
        "await asyncio.gather(*map(asyncio.wrap_future, futures)); [f.result() for f in futures]",
        "done = cf.wait(futures, timeout=0); [f.result() for f in done.done]",
        "executor.shutdown(wait=False)",
        "executor.map(work, [1])",
        "pool.map_async(work, [1])",
        "pool.close()",
        "pool.terminate(); pool.join()",
        "f = lambda: future.result()",
    ],
)
def test_does_not_wait(line: str) -> None:
    assert list(found(line, Settings())) == []


def test_a_thread_needs_python_3_9() -> None:
    old = Settings(targets=((3, 8), (3, 9)), declared=True)
    assert after("result.get()", old) is None
    assert after("future.result()", old) == "await asyncio.wrap_future(future)"
