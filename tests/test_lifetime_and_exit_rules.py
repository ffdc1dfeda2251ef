"""Forms of PA407 to PA411, PA504, PA507, PA511 and PA512 that their fixtures have no room for, and measured failures of pools.

Knows small programs and what is said of them. Must never know more of a rule than RULE.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from poolaudit import catalog, edits, engine
from poolaudit.config import load, override
from poolaudit.judge import ask
from poolaudit.report import Problem
from poolaudit.rule import Finding, Rule
from poolaudit.rules.lifetime.broken_executor_reused import RULE as BROKEN
from poolaudit.rules.lifetime.leak_on_exception import RULE as LEAK
from poolaudit.rules.lifetime.nested_pool import RULE as NESTED
from poolaudit.rules.lifetime.self_submission import RULE as SELF
from poolaudit.rules.lifetime.unbounded_wait import RULE as UNBOUNDED
from poolaudit.rules.results.exit_in_worker import RULE as EXIT
from poolaudit.rules.results.raising_initializer import RULE as INITIALIZER
from poolaudit.rules.results.serial_apply import RULE as APPLY
from poolaudit.rules.results.unordered_pairing import RULE as PAIRING
from poolaudit.settings import Settings
from poolaudit.survey import survey_file

HEAD = """\
import contextlib, itertools, multiprocessing, os, signal, subprocess, sys, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import Manager, Pool, Process


def square(number):
    return number * number


"""
ANY = Settings()


def lines(text: str) -> str:
    return textwrap.dedent(text).strip("\n") + "\n"


def findings(rule: Rule, text: str, settings: Settings = ANY) -> list[Finding]:
    crashes: list[Problem] = []
    found = [each.finding for each in ask([rule], survey_file("program.py", text), settings, crashes)]
    assert crashes == []
    return found


def found(rule: Rule, text: str) -> list[Finding]:
    return findings(rule, HEAD + lines(text))


def where(rule: Rule, text: str) -> list[str]:
    """The text under each finding, and how sure it is where that is not certain."""
    whole = HEAD + lines(text)
    return [
        whole[each.where.start : each.where.end] + (" (likely)" if (each.confidence or rule.confidence) == "likely" else "")
        for each in findings(rule, whole)
    ]


# --- PA407

POOLED = "def row(numbers, n_jobs=2):\n{body}\n\ndef run(rows):\n    with {pool} as pool:\n        return pool.map(row, rows)"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("with Pool(2) as pool:\n    return pool.map(square, numbers)", ["Pool"]),
        ("return Pool(2).map(square, numbers)", ["Pool"]),
        ("return multiprocessing.get_context('fork').Pool(2).map(square, numbers)", ["Pool"]),
        ("with ProcessPoolExecutor(2) as executor:\n    return list(executor.map(square, numbers))", ["Pool"]),
        ("child = Process(target=square, args=(1,))\nchild.start()", ["Pool"]),
        ("children = [Process(target=square) for _ in numbers]\nfor child in children:\n    child.start()", ["Pool"]),
        ("multiprocessing.get_context('spawn').Process(target=square).start()", ["Pool"]),
        ("with Manager() as manager:\n    return list(manager.list(numbers))", ["Pool"]),
        ("for number in numbers:\n    with Pool(2) as pool:\n        pool.map(square, number)", ["Pool"]),
        ("try:\n    return Pool(2).map(square, numbers)\nexcept ValueError:\n    return []", ["Pool"]),
        ("try:\n    return Pool(2).map(square, numbers)\nfinally:\n    print(1)", ["Pool"]),
        # a condition decides
        ("if not numbers:\n    return []\nreturn Pool(2).map(square, numbers)", ["Pool (likely)"]),
        ("if len(numbers) > 9:\n    return Pool(2).map(square, numbers)", ["Pool (likely)"]),
        ("if n_jobs > 1:\n    return Pool(n_jobs).map(square, numbers)", []),
        ("if n_jobs == 1:\n    return [square(n) for n in numbers]\nreturn Pool(n_jobs).map(square, numbers)", []),
        ("return Pool(2).map(square, numbers) if n_jobs else []", []),
        ("return n_jobs and Pool(2).map(square, numbers)", []),
        ("if multiprocessing.current_process().daemon:\n    return []\nreturn Pool(2).map(square, numbers)", []),
        # nothing starts, or nothing fails
        ("try:\n    return Pool(2).map(square, numbers)\nexcept AssertionError:\n    return []", []),
        ("with contextlib.suppress(AssertionError):\n    return Pool(2).map(square, numbers)", []),
        ("return Process(target=square)", []),
        ("ProcessPoolExecutor(2)", []),
        ("threading.Thread(target=square, args=(1,)).start()", []),
        ("subprocess.run(['true'])", []),
        ("def later():\n    return Pool(2).map(square, numbers)\nreturn later.__name__", []),
        ("return (Pool(2).map(square, each) for each in numbers)", []),
        ("yield Pool(2).map(square, numbers)", []),
    ],
)
def test_nested(body: str, expected: list[str]) -> None:
    text = POOLED.format(body=textwrap.indent(body, "    "), pool="Pool(2)")
    assert where(NESTED, text) == expected
    assert where(NESTED, POOLED.format(body=textwrap.indent(body, "    "), pool="ProcessPoolExecutor(2)")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # through other functions, methods and classes
        (
            """
            def inner(numbers):
                return Pool(2).map(square, numbers)

            def row(numbers):
                return inner(numbers)

            def run(rows):
                return Pool(2).map(row, rows)
            """,
            ["Pool"],
        ),
        (
            """
            class Rows:
                def __init__(self, numbers):
                    self.squares = Pool(2).map(square, numbers)

            def row(numbers):
                return Rows(numbers).squares

            def run(rows):
                return Pool(2).map(row, rows)
            """,
            ["Pool"],
        ),
        (
            """
            class Rows:
                def inner(self, numbers):
                    return Pool(2).map(square, numbers)

                def row(self, numbers):
                    return self.inner(numbers)

            def run(rows):
                return Pool(2).map(Rows().row, rows)
            """,
            ["Pool"],
        ),
        # in the initializer
        (
            """
            def start():
                global manager
                manager = Manager()

            def run(rows):
                return Pool(2, initializer=start).map(square, rows)
            """,
            ["Pool"],
        ),
        # what always fails is said first
        (
            """
            def maybe(numbers):
                if numbers:
                    return Pool(2).map(square, numbers)

            def always(numbers):
                return Pool(2).map(square, numbers)

            def run(rows):
                with Pool(2) as pool:
                    return pool.map(maybe, rows), pool.map(always, rows)
            """,
            ["Pool"],
        ),
        # a pool that a condition of the caller asks for
        (
            """
            def inner(numbers):
                return Pool(2).map(square, numbers)

            def row(numbers, parallel=False):
                return inner(numbers) if parallel else []

            def run(rows):
                return Pool(2).map(row, rows)
            """,
            [],
        ),
        # passed on, not called
        (
            """
            def inner(numbers):
                return Pool(2).map(square, numbers)

            def row(numbers):
                return inner, numbers

            def run(rows):
                return Pool(2).map(row, rows)
            """,
            [],
        ),
        # workers that are no daemons
        (
            """
            class Undaemonic(Process):
                @property
                def daemon(self):
                    return False

            def row(numbers):
                return Pool(2).map(square, numbers)

            def run(rows):
                return Pool(2).map(row, rows)
            """,
            [],
        ),
        (
            """
            def row(numbers):
                multiprocessing.current_process()._config["daemon"] = False
                return Pool(2).map(square, numbers)

            def run(rows):
                return Pool(2).map(row, rows)
            """,
            [],
        ),
        # a test
        (
            """
            def row(numbers):
                return Pool(2).map(square, numbers)

            def test_row(self):
                with Pool(2) as pool:
                    self.assertRaises(AssertionError, pool.map, row, [[1]])
                    with self.assertRaises(AssertionError):
                        pool.map(row, [[1]])
            """,
            [],
        ),
    ],
)
def test_nested_on_other_ways(text: str, expected: list[str]) -> None:
    assert where(NESTED, text) == expected


# --- PA408


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # by a global, a parameter of the parent's making, an attribute of a module's object
        (
            """
            def power(number):
                return executor.submit(square, number).result()

            def main():
                global executor
                with ProcessPoolExecutor(2) as executor:
                    return executor.submit(power, 2).result()
            """,
            ["executor.submit(square, number)"],
        ),
        (
            """
            def power(number):
                executor.submit(square, number)

            if __name__ == "__main__":
                executor = ProcessPoolExecutor(2)
                executor.submit(power, 2).result()
            """,
            ["executor.submit(square, number)"],
        ),
        (
            """
            def helper(number):
                return pool.apply(square, (number,))

            def power(number):
                return helper(number)

            def main():
                global pool
                with Pool(2) as pool:
                    return pool.map(power, [2])
            """,
            ["pool.apply(square, (number,))"],
        ),
        # as an argument
        (
            """
            def main():
                with ProcessPoolExecutor(2) as executor:
                    executor.submit(square, executor).result()
                    with Pool(2) as pool:
                        pool.apply_async(square, (pool, 1)).get()
                        pool.starmap(square, [(pool, n) for n in range(3)])
            """,
            ["executor", "pool", "pool"],
        ),
        # another pool, or one of the worker's own
        (
            """
            def power(number):
                with ProcessPoolExecutor(2) as executor:
                    return executor.submit(square, number).result()

            def main():
                with ProcessPoolExecutor(2) as executor:
                    return executor.submit(power, 2).result()
            """,
            [],
        ),
        (
            """
            executor = None

            def ready():
                global executor
                if executor is None:
                    executor = ProcessPoolExecutor(2)
                return executor

            def power(number):
                return ready().submit(square, number).result()

            def main():
                return ready().submit(power, 2).result()
            """,
            [],
        ),
        (
            """
            threads = ThreadPoolExecutor(2)

            def power(number):
                return threads.submit(square, number).result()

            def main():
                print(threads.submit(power, 3).result())
                with ProcessPoolExecutor(2) as executor:
                    return executor.submit(power, 2).result()
            """,
            [],
        ),
        # only in the parent
        (
            """
            def power(number):
                if multiprocessing.current_process().name == "MainProcess":
                    return executor.submit(power, number).result()
                return number * number

            def main():
                global executor
                with ProcessPoolExecutor(2) as executor:
                    return power(2)
            """,
            [],
        ),
        # what a task is, not what it runs
        (
            """
            def main():
                global executor
                with ProcessPoolExecutor(2) as executor:
                    return executor.submit(square, 2).result(), again

            def again(numbers):
                return list(executor.map(square, numbers))
            """,
            [],
        ),
    ],
)
def test_from_workers(text: str, expected: list[str]) -> None:
    assert where(SELF, text) == expected


def test_spawned_workers_make_an_executor_of_module_level_themselves() -> None:
    text = HEAD + lines(
        """
        EXECUTOR = ProcessPoolExecutor(2)

        def power(number):
            return EXECUTOR.submit(square, number).result()

        def main():
            return EXECUTOR.submit(power, 2).result()
        """
    )
    assert [each.severity for each in findings(SELF, text)] == ["error"]
    assert findings(SELF, text, Settings(targets=((3, 14),), declared=True)) == []
    assert [each.severity for each in findings(SELF, text, Settings(targets=((3, 13),), declared=True))] == ["error"]


CALLBACK = """
def main(numbers):
    with {pool} as pool:
        other = pool.{submit}(square, {one})
{callback}
        {hand}
        return other
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("print(pool.apply(square, (number,)))", ["pool.apply(square, (number,))"]),
        ("print(pool.map(square, [number]))", ["pool.map(square, [number])"]),
        ("print(pool.apply_async(square, (number,)).get())", ["pool.apply_async(square, (number,))"]),
        ("for each in pool.imap(square, [number]):\n    print(each)", ["pool.imap(square, [number])"]),
        ("print(list(pool.imap_unordered(square, [number])))", ["pool.imap_unordered(square, [number])"]),
        ("print(other.get())", ["other.get() (likely)"]),
        ("pool.apply_async(square, (number,)).wait(5)", []),
        ("pool.apply_async(square, (number,))", []),
        ("pool.apply_async(square, (number,), callback=print)", []),
        ("print(other.ready())", []),
        ("print(number)", []),
        ("print(Pool(2).apply(square, (number,)))", []),
    ],
)
def test_from_callbacks_of_a_pool(body: str, expected: list[str]) -> None:
    callback = "        def show(number):\n" + textwrap.indent(body, "            ")
    for keyword in ("callback", "error_callback"):
        hand = f"pool.apply_async(square, (1,), {keyword}=show).get()"
        text = CALLBACK.format(pool="Pool(2)", submit="apply_async", one="(1,)", callback=callback, hand=hand)
        assert where(SELF, text) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("print(pool.submit(square, 1).result())", ["pool.submit(square, 1)"]),
        ("print(list(pool.map(square, [1])))", ["pool.map(square, [1])"]),
        ("for each in pool.map(square, [1]):\n    print(each)", ["pool.map(square, [1])"]),
        ("print(future.result())", []),
        ("print(other.result())", []),
        ("pool.submit(square, future.result())", []),
        ("print(pool.submit(square, 1).result(timeout=1))", []),
    ],
)
def test_from_callbacks_of_an_executor(body: str, expected: list[str]) -> None:
    callback = "        def show(future):\n" + textwrap.indent(body, "            ")
    hand = "pool.submit(square, 1).add_done_callback(show)"
    text = CALLBACK.format(pool="ProcessPoolExecutor(2)", submit="submit", one="1", callback=callback, hand=hand)
    assert where(SELF, text) == expected


# --- PA409

RETRY = """
def run(items):
    with ProcessPoolExecutor(2) as executor:
        for item in items:
            try:
                future = executor.submit(square, item)
                print(future.result())
            except {caught}:
{handler}
        {behind}
"""


@pytest.mark.parametrize(
    ("handler", "behind", "count"),
    [
        ("print(item)", "print(1)", 1),
        ("continue", "print(1)", 1),
        ("pass", "print(1)", 1),
        ("future = executor.submit(square, item)\nprint(future.result())", "print(1)", 1),
        ("print(executor.submit(square, item).result())\nreturn", "print(1)", 1),
        ("break", "print(1)", 0),
        ("return None", "print(1)", 0),
        ("raise", "print(1)", 0),
        ("raise ValueError(item)", "print(1)", 0),
        ("sys.exit(1)", "print(1)", 0),
        ("executor = ProcessPoolExecutor(2)", "print(1)", 0),
        ("executor.shutdown()\nexecutor = make()", "print(1)", 0),
    ],
)
def test_broken_in_a_loop(handler: str, behind: str, count: int) -> None:
    for caught in ("BrokenProcessPool", "(OSError, concurrent.futures.process.BrokenProcessPool)"):
        text = RETRY.format(caught=caught, handler=textwrap.indent(handler, " " * 16), behind=behind)
        assert len(found(BROKEN, f"import concurrent.futures.process\n{lines(text)}")) == count
    text = RETRY.format(caught="Exception", handler=textwrap.indent(handler, " " * 16), behind=behind)
    assert found(BROKEN, text) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        # behind the try
        (
            """
            def run(items):
                executor = ProcessPoolExecutor(2)
                found = []
                try:
                    found = list(executor.map(square, items))
                except BrokenProcessPool:
                    print("once more")
                if not found:
                    found = list(executor.map(square, items))
                executor.shutdown()
                return found
            """,
            1,
        ),
        (
            """
            def run(items):
                executor = ProcessPoolExecutor(2)
                found = []
                try:
                    found = list(executor.map(square, items))
                except BrokenProcessPool:
                    return found
                print(executor.submit(square, 1).result())
                executor.shutdown()
                return found
            """,
            0,
        ),
        # a while loop around work that is made anew
        (
            """
            def run(items):
                with ProcessPoolExecutor(2) as executor:
                    while items:
                        futures = [executor.submit(square, item) for item in items]
                        for item, future in zip(list(items), futures):
                            try:
                                print(future.result())
                                items.remove(item)
                            except BrokenProcessPool:
                                print("again")
            """,
            1,
        ),
        # only results
        (
            """
            def run(items):
                with ProcessPoolExecutor(2) as executor:
                    futures = [executor.submit(square, item) for item in items]
                    for future in futures:
                        try:
                            print(future.result())
                        except BrokenProcessPool:
                            print("lost")
            """,
            0,
        ),
        # made in each round
        (
            """
            def run(items):
                while items:
                    with ProcessPoolExecutor(2) as executor:
                        try:
                            return list(executor.map(square, items))
                        except BrokenProcessPool:
                            print("again")
            """,
            0,
        ),
        (
            """
            def run(items):
                while items:
                    try:
                        executor = ProcessPoolExecutor(2)
                        return list(executor.map(square, items))
                    except BrokenProcessPool:
                        print("again")
            """,
            0,
        ),
    ],
)
def test_broken_elsewhere(text: str, count: int) -> None:
    assert len(found(BROKEN, text)) == count


# --- PA410


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("pool.map(die, items)", ["pool.map(die, items)"]),
        ("pool.apply(die, (1,))", ["pool.apply(die, (1,))"]),
        ("pool.apply_async(die, (1,)).get()", ["pool.apply_async(die, (1,)).get()"]),
        ("pool.apply_async(die, (1,)).wait()", ["pool.apply_async(die, (1,)).wait()"]),
        ("pool.apply_async(die, (1,)).get(timeout=9999999)", ["pool.apply_async(die, (1,)).get(timeout=9999999)"]),
        ("pool.apply_async(die, (1,)).get(timeout=None)", ["pool.apply_async(die, (1,)).get(timeout=None)"]),
        ("list(pool.imap(die, items))", ["list(pool.imap(die, items))"]),
        ("next(pool.imap_unordered(die, items))", ["next(pool.imap_unordered(die, items))"]),
        ("pool.imap(die, items).next(timeout=5)", []),
        ("pool.apply_async(die, (1,)).get(timeout=60)", []),
        ("pool.apply_async(die, (1,)).get(limit)", []),
        ("pool.apply_async(die, (1,))", []),
        ("pool.apply_async(die, (1,)).ready()", []),
        ("pool.map(square, items)", []),
    ],
)
@pytest.mark.parametrize(
    "death",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getpid(), 9)",
        "signal.raise_signal(signal.SIGTERM)",
        "signal.alarm(5)",
        "signal.setitimer(signal.ITIMER_REAL, number)",
        "os._exit(1)",
        "os.abort()",
        "sys.exit(1)",
        "raise SystemExit",
    ],
)
def test_waits(use: str, expected: list[str], death: str) -> None:
    text = f"def die(number):\n    {death}\n\ndef run(items, limit=3):\n    with Pool(2) as pool:\n        print({use})\n"
    assert where(UNBOUNDED, text) == expected
    assert where(UNBOUNDED, text.replace("Pool(2)", "ProcessPoolExecutor(2)")) == []


@pytest.mark.parametrize(
    "body",
    [
        "os.kill(number, signal.SIGKILL)",
        "os.kill(os.getppid(), signal.SIGKILL)",
        "os.kill(os.getpid(), 0)",
        "os.kill(os.getpid(), signal.SIGCHLD)",
        "signal.signal(signal.SIGALRM, square)\n    signal.alarm(5)",
        "signal.alarm(0)",
        "signal.setitimer(signal.ITIMER_PROF, 1)",
        "subprocess.Popen('true').kill()",
        "Process(target=os._exit, args=(1,)).start()",
        "if os.fork() == 0:\n        os._exit(0)",
        "if os.getppid() == 1:\n        os._exit(0)",
        "try:\n        sys.exit(1)\n    except SystemExit:\n        return 1",
        "signal.signal(signal.SIGTERM, lambda *_: os._exit(1))",
    ],
)
def test_workers_that_live(body: str) -> None:
    text = f"def work(number):\n    {body}\n\ndef run(items):\n    with Pool(2) as pool:\n        print(pool.map(work, items))\n"
    assert found(UNBOUNDED, text) == []
    assert found(EXIT, text) == []


# --- PA411


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("pool = Pool(2)\nfound = pool.map(square, items)\npool.close()\nreturn found", 1),
        ("pool = Pool(2)\nfound = pool.map(square, items)\npool.terminate()\nreturn found", 1),
        ("pool = ProcessPoolExecutor(2)\nfound = [pool.submit(square, 1).result()]\npool.shutdown()\nreturn found", 1),
        ("pool = Pool(2)\nfor each in pool.imap(square, items):\n    print(each)\npool.close()\npool.join()", 1),
        ("pool = Pool(2)\nshow(pool)\npool.close()", 1),
        ("pool = Pool(2) if items else None\nif pool:\n    print(pool.map(square, items))\n    pool.close()", 1),
        ("pool = Pool(2)\ntry:\n    print(pool.map(square, items))\nexcept OSError:\n    print(1)\npool.close()", 1),
        ("pool = Pool(2, show)\nif not items:\n    raise ValueError(items)\npool.terminate()", 1),
        ("pool = Pool(2)\noptions = {'pool': pool}\nshow(**options)\nprint(pool.map(square, items))\npool.close()", 1),
        # nothing of it is seen to raise
        ("pool = Pool(2)\npool.map_async(square, items)\npool.close()\npool.join()", 0),
        ("pool = Pool(2)\npool.close()\npool.join()", 0),
        ("pool = Pool(2)\ntry:\n    print(pool.map(square, items))\nexcept Exception:\n    print(1)\npool.close()", 0),
        ("pool = Pool(2)\nresult = pool.map_async(square, items)\npool.close()\nreturn result.get()", 0),
        # it is ended elsewhere
        ("pool = Pool(2)\ntry:\n    print(pool.map(square, items))\nfinally:\n    pool.close()", 0),
        ("pool = Pool(2)\nwith pool:\n    print(pool.map(square, items))\n    pool.close()", 0),
        ("with Pool(2) as pool:\n    print(pool.map(square, items))\n    pool.close()", 0),
        ("pool = Pool(2)\nprint(pool.map(square, items))\nif items:\n    return pool\npool.close()", 0),
        ("pool = Pool(2)\nprint(pool.map(square, items))", 0),
    ],
)
def test_leak(body: str, count: int) -> None:
    assert len(found(LEAK, "def run(items):\n" + textwrap.indent(body, "    "))) == count


def test_an_error_that_ends_the_program_leaks_nothing() -> None:
    text = HEAD + lines(
        """
        def run(items):
            pool = Pool(2)
            print(pool.map(square, items))
            pool.close()

        def main():
            {call}

        if __name__ == "__main__":
            main()
        """
    )
    assert findings(LEAK, text.format(call="run([1])")) == []
    assert len(findings(LEAK, text.format(call="try:\n        run([1])\n    except ValueError:\n        print(1)"))) == 1
    assert len(findings(LEAK, text.format(call="pass"))) == 1
    assert findings(LEAK, HEAD + "pool = Pool(2)\nprint(pool.map(square, [1]))\npool.close()\n") == []


def fixed(rule: Rule, text: str) -> str:
    """The text after the only fix that is offered."""
    whole = HEAD + lines(text)
    (finding,) = findings(rule, whole)
    assert finding.fix is not None, finding.notes
    assert finding.fix.applicability == "unsafe"
    assert finding.fix.caveats
    after = edits.apply(whole, [finding.fix.edits]).text
    compile(after, "program.py", "exec")
    assert findings(rule, after) == []
    return after.removeprefix(HEAD)


def test_the_block_reaches_to_the_close() -> None:
    before = """
        def run(items):
            pool = Pool(2)
            found = pool.map(square, items)
            if found:
                pool.close()  # no more
            pool.join()
            return found
        """
    after = """
        def run(items):
            with Pool(2) as pool:
                found = pool.map(square, items)
                if found:
                    pool.close()  # no more
                pool.join()
            return found
        """
    assert fixed(LEAK, before) == lines(after)


# --- PA504


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("found = [pool.apply(square, (x,)) for x in xs]", "found = pool.map(square, xs)"),
        ("found = [pool.apply(square, args=(x,)) for x in xs]", "found = pool.map(square, xs)"),
        ("found = [pool.apply(func=square, args=[x]) for x in range(3)]", "found = pool.map(square, range(3))"),
        ("found = [\n    pool.apply(square, (x,))\n    for x in xs\n]", "found = pool.map(square, xs)"),
        ("found = [pool.apply(square, (x,)) for x in xs if x]", "found = pool.starmap(square, [(x,) for x in xs if x])"),
        ("found = [pool.apply(pow, (x, 2)) for x in xs]", "found = pool.starmap(pow, [(x, 2) for x in xs])"),
        ("found = [pool.apply(pow, (x, y)) for x, y in xs]", "found = pool.starmap(pow, [(x, y) for x, y in xs])"),
        ("found = [pool.apply(square, (x,)) for x, in xs]", "found = pool.starmap(square, [(x,) for x, in xs])"),
        ("found = [pool.apply(square, (x + 1,)) for x in xs]", "found = pool.starmap(square, [(x + 1,) for x in xs])"),
        ("for x in xs:\n    print(pool.apply(square, (x,)))", "for result in pool.map(square, xs):\n    print(result)"),
        (
            "for x in xs:\n    found = pool.apply(square, (x,))\n    print(found)",
            "for result in pool.map(square, xs):\n    found = result\n    print(found)",
        ),
        (
            "for i, x in enumerate(xs):\n    print(pool.apply(pow, (x, i)))",
            "for result in pool.starmap(pow, [(x, i) for i, x in enumerate(xs)]):\n    print(result)",
        ),
        ("for x in xs:\n    pool.apply(square, (x,))", "pool.map(square, xs)"),
        ("for x in xs: pool.apply(pow, (x, 2))", "pool.starmap(pow, [(x, 2) for x in xs])"),
    ],
)
def test_apply_becomes_map(before: str, after: str) -> None:
    frame = "def run(xs):\n    with Pool(2) as pool:\n"
    assert fixed(APPLY, frame + textwrap.indent(before, " " * 8)) == frame + textwrap.indent(after, " " * 8) + "\n"


@pytest.mark.parametrize(
    "body",
    [
        # the item is used elsewhere, or other things go along
        "for x in xs:\n    print(x, pool.apply(square, (x,)))",
        "for x in xs:\n    print(pool.apply(square, (x,)))\nprint(x)",
        "for x in xs:\n    print('next')\n    print(pool.apply(square, (x,)))",
        "for x in xs:\n    if x:\n        print(pool.apply(square, (x,)))",
        "for x in 1, 2:\n    print(pool.apply(square, (x,)))",
        "for x in xs:\n    pool.apply(square, (x,))\nelse:\n    print(1)",
        "for x in xs:\n    pool.apply(square, (x,))\n    print(1)",
        "for x in xs:\n    print(pool.apply(square, (x,), {'a': 1}))",
        "for x in xs:  # each\n    print(pool.apply(square, (x,)))",
        "found = {pool.apply(square, (x,)) for x in xs}",
        "found = list(pool.apply(square, (x,)) for x in xs)",
        "found = [pool.apply(square, x) for x in xs]",
        "found = [pool.apply(square, (*x, 1)) for x in xs]",
        "found = [pool.apply(square, (x,)) + 1 for x in xs]",
        "found = [pool.apply(x, (1,)) for x in xs]",
    ],
)
def test_apply_is_left_alone_by_the_fix(body: str) -> None:
    (finding,) = found(APPLY, "def run(xs):\n    with Pool(2) as pool:\n" + textwrap.indent(body, " " * 8))
    assert finding.fix is None
    assert finding.notes


@pytest.mark.parametrize(
    "body",
    [
        "state = 0\nfor x in xs:\n    state = pool.apply(square, (x, state))",
        "for x in xs:\n    if pool.apply(square, (x,)):\n        break",
        "for x in xs:\n    return pool.apply(square, (x,))",
        "for _ in range(3):\n    pool.apply(square, (1,))",
        "while xs:\n    pool.apply(square, (xs.pop(),))",
        "for x in itertools.count():\n    pool.apply(square, (x,))",
        "for x in xs:\n    first = pool.apply_async(square, (x,))\n    print(pool.apply(square, (x,)), first.get())",
        "print(pool.apply(square, (xs,)))",
    ],
)
def test_apply_in_order(body: str) -> None:
    assert found(APPLY, "def run(xs):\n    with Pool(2) as pool:\n" + textwrap.indent(body, " " * 8)) == []


# --- PA507


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return dict(zip(xs, pool.imap_unordered(square, xs)))", ["zip(xs, pool.imap_unordered(square, xs))"]),
        ("return list(zip(pool.imap_unordered(square, xs), xs))", ["zip(pool.imap_unordered(square, xs), xs)"]),
        (
            "results = pool.imap_unordered(square, [x + 1 for x in xs])\nreturn list(zip(xs, results))",
            ["zip(xs, results)"],
        ),
        (
            "for i, y in enumerate(pool.imap_unordered(square, xs)):\n    print(xs[i], y)",
            ["enumerate(pool.imap_unordered(square, xs))"],
        ),
        (
            "for i, y in zip(range(9), pool.imap_unordered(square, xs)):\n    print(xs[i], y)",
            ["zip(range(9), pool.imap_unordered(square, xs))"],
        ),
        (
            "todo = [(x, 1) for x in xs]\nreturn list(zip(xs, pool.imap_unordered(pow, todo)))",
            ["zip(xs, pool.imap_unordered(pow, todo))"],
        ),
        (
            "todo = [x for x in xs if x]\nreturn list(zip(xs, pool.imap_unordered(square, todo)))",
            ["zip(xs, pool.imap_unordered(square, todo)) (likely)"],
        ),
        (
            "return {xs[i]: y for i, y in enumerate(pool.imap_unordered(square, xs))}",
            ["enumerate(pool.imap_unordered(square, xs))"],
        ),
        ("return list(zip(names, pool.imap_unordered(square, xs)))", ["zip(names, pool.imap_unordered(square, xs)) (likely)"]),
        ("for i, y in enumerate(pool.imap_unordered(square, xs), 1):\n    print(i, y)", []),
        ("for i, y in enumerate(pool.imap_unordered(square, xs)):\n    names[i] = y", []),
        ("for x, y in zip(xs, pool.imap_unordered(square, xs)):\n    print(y)", []),
        ("for y, x in zip(pool.imap_unordered(square, xs), xs):\n    print(y)", []),
        ("for y, x in zip(pool.imap_unordered(square, xs), xs):\n    print(x, y)", ["zip(pool.imap_unordered(square, xs), xs)"]),
        ("return list(zip(itertools.count(), pool.imap_unordered(square, xs)))", []),
        ("return list(zip(range(len(xs)), pool.imap_unordered(square, xs)))", []),
        ("return list(zip(itertools.cycle('|/'), pool.imap_unordered(square, xs)))", []),
        ("return list(zip(xs, pool.imap(square, xs)))", []),
        ("return list(zip(xs, pool.map(square, xs)))", []),
        ("return sorted(pool.imap_unordered(square, xs))", []),
    ],
)
def test_pairs_of_a_pool(body: str, expected: list[str]) -> None:
    frame = "def run(xs, names):\n    with POOL as pool:\n" + textwrap.indent(body, " " * 8)
    assert where(PAIRING, frame.replace("POOL", "Pool(2)")) == expected
    assert where(PAIRING, frame.replace("POOL", "Pool(processes=1)")) == []
    assert where(PAIRING, frame.replace("POOL", "multiprocessing.pool.ThreadPool(2)")) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return [(x, f.result()) for x, f in zip(xs, as_completed(futures))]", ["zip(xs, as_completed(futures))"]),
        ("for i, f in enumerate(as_completed(futures)):\n    print(xs[i], f.result())", ["enumerate(as_completed(futures))"]),
        ("for i, f in enumerate(as_completed(futures)):\n    print(i, f.result())", []),
        ("return [(x, f.result()) for x, f in zip(xs, futures)]", []),
        ("return [f.result() for f in as_completed(futures)]", []),
    ],
)
def test_pairs_of_an_executor(body: str, expected: list[str]) -> None:
    submit = "        futures = [executor.submit(square, x) for x in xs]\n"
    frame = "def run(xs):\n    with {} as executor:\n" + submit + textwrap.indent(body, " " * 8)
    assert where(PAIRING, frame.format("ProcessPoolExecutor(2)")) == expected
    assert where(PAIRING, frame.format("ThreadPoolExecutor(2)")) == []


def test_pairs_in_order() -> None:
    before = "def run(xs):\n    with Pool(2) as pool:\n        return dict(zip(xs, pool.imap_unordered(square, xs, 4)))"
    assert fixed(PAIRING, before) == lines(before.replace("imap_unordered", "imap"))


# --- PA511

EXITING = "def work(number):\n{body}\n\ndef run(items):\n    with {pool} as pool:\n        {use}\n"


@pytest.mark.parametrize(
    ("body", "severities"),
    [
        ("sys.exit(1)", ["error"]),
        ("exit()", ["error"]),
        ("quit()", ["error"]),
        ("raise SystemExit", ["error"]),
        ("raise SystemExit(1)", ["error"]),
        ("os._exit(0)", ["error"]),
        ("os.abort()", ["error"]),
        ("if number:\n    sys.exit(1)", ["warning"]),
        ("for each in number:\n    sys.exit(each)", ["error"]),
        ("with open(number) as lines:\n    sys.exit(lines.read())", ["error"]),
        ("try:\n    square(number)\nexcept ValueError:\n    sys.exit(1)", ["warning"]),
        ("try:\n    sys.exit(1)\nexcept Exception:\n    return 1", ["error"]),
        ("try:\n    sys.exit(1)\nfinally:\n    print(1)", ["error"]),
        ("if number:\n    return 1\nsys.exit(2)", ["warning"]),
        ("def helper():\n    sys.exit(1)\nhelper()", ["error"]),
        # caught, meant for another process, or never run
        ("try:\n    sys.exit(1)\nexcept SystemExit:\n    return 1", []),
        ("try:\n    sys.exit(1)\nexcept BaseException:\n    return 1", []),
        ("try:\n    sys.exit(1)\nexcept:\n    return 1", []),
        ("try:\n    os._exit(1)\nexcept SystemExit:\n    return 1", ["error"]),
        ("with contextlib.suppress(SystemExit):\n    sys.exit(1)", []),
        ("try:\n    square(number)\nexcept KeyboardInterrupt:\n    sys.exit(1)", []),
        ("try:\n    square(number)\nexcept (OSError, KeyboardInterrupt):\n    os._exit(1)", []),
        ("if not os.fork():\n    os._exit(1)", []),
        ("if multiprocessing.parent_process() is None:\n    sys.exit(1)", []),
        ("def helper():\n    sys.exit(1)\nreturn helper.__name__", []),
        ("return lambda: sys.exit(1)", []),
        ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))", []),
        ("threading.Timer(1, os._exit, (1,)).start()", []),
    ],
)
def test_exits(body: str, severities: list[str]) -> None:
    for pool in ("Pool(2)", "ProcessPoolExecutor(2)"):
        text = EXITING.format(body=textwrap.indent(body, "    "), pool=pool, use="print(list(pool.map(work, items)))")
        assert [each.severity for each in found(EXIT, text)] == severities
    text = EXITING.format(
        body=textwrap.indent(body, "    "), pool="ThreadPoolExecutor(2)", use="print(list(pool.map(work, items)))"
    )
    assert found(EXIT, text) == []


@pytest.mark.parametrize(
    ("pool", "body", "use", "count"),
    [
        # nobody asks, or somebody is ready
        ("ProcessPoolExecutor(2)", "sys.exit(1)", "pool.submit(work, 1)", 0),
        ("ProcessPoolExecutor(2)", "os._exit(1)", "pool.submit(work, 1)", 1),
        ("ProcessPoolExecutor(2)", "sys.exit(1)", "return pool.submit(work, 1)", 1),
        ("ProcessPoolExecutor(2)", "sys.exit(1)", "try: pool.submit(work, 1).result()\n        except SystemExit: pass", 0),
        ("ProcessPoolExecutor(2)", "sys.exit(1)", "try: pool.submit(work, 1).result()\n        except Exception: pass", 1),
        (
            "ProcessPoolExecutor(2)",
            "os._exit(1)",
            "try: pool.submit(work, 1).result()\n        except BrokenProcessPool: pass",
            0,
        ),
        (
            "ProcessPoolExecutor(2)",
            "sys.exit(1)",
            "try: pool.submit(work, 1).result()\n        except BrokenProcessPool: pass",
            1,
        ),
        ("Pool(2)", "sys.exit(1)", "pool.apply_async(work, (1,)).get(timeout=5)", 0),
        ("Pool(2)", "sys.exit(1)", "pool.apply_async(work, (1,)).get()", 1),
        ("Pool(2)", "sys.exit(1)", "pool.apply_async(work, (1,))", 1),
        ("Pool(2)", "sys.exit(1)", "try: pool.map(work, items)\n        except SystemExit: pass", 1),
        # the call itself
        ("Pool(2)", "pass", "pool.map(sys.exit, items)", 1),
        ("Pool(2)", "pass", "pool.apply(os._exit, (1,))", 1),
        ("Pool(2)", "pass", "pool.map(lambda number: sys.exit(number), items)", 1),
        ("Pool(2)", "pass", "pool.map(work, sys.exit(1))", 0),
    ],
)
def test_who_is_ready(pool: str, body: str, use: str, count: int) -> None:
    assert len(found(EXIT, EXITING.format(body=f"    {body}", pool=pool, use=use))) == count


def test_an_exit_of_two_pools_is_said_once_and_of_the_worse_one() -> None:
    text = """
        def work(number):
            sys.exit(number)

        def run(items):
            with ProcessPoolExecutor(2) as executor:
                print(list(executor.map(work, items)))
            with Pool(2) as pool:
                print(pool.map(work, items))
        """
    (finding,) = found(EXIT, text)
    assert "the Pool waits for ever" in finding.message
    assert len(finding.related) == 2


def test_far_exits_are_likely() -> None:
    text = """
        def last(number):
            if number: sys.exit(number)

        def second(number): last(number)
        def first(number): second(number)

        def run(items):
            with Pool(2) as pool:
                print(pool.map({}, items))
        """
    assert where(EXIT, text.format("second")) == ["sys.exit(number)"]
    assert where(EXIT, text.format("first")) == ["sys.exit(number) (likely)"]
    assert where(EXIT, text.format("first").replace("if number: ", "")) == ["sys.exit(number)"]


def test_exits_of_other_files_are_said_at_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    jobs = "import sys\nfrom multiprocessing import Pool\n\n\ndef work(number):\n    sys.exit(number)\n\n\n"
    jobs += "def row(numbers):\n    with Pool(2) as pool:\n        return pool.map(abs, numbers)\n"
    main = "from multiprocessing import Pool\n\nimport jobs\n\n\ndef run(items):\n    with Pool(2) as pool:\n"
    main += "        return pool.map(jobs.work, items), pool.map(jobs.row, items)\n"
    Path("jobs.py").write_text(jobs)
    Path("main.py").write_text(main)
    report = engine.audit(["main.py"], override(load("."), select=("PA407", "PA511")))
    (file,) = report.files
    said = [(each.code, main[each.finding.where.start : each.finding.where.end]) for each in file.findings]
    assert said == [("PA407", "Pool"), ("PA511", "jobs.work")]
    assert {related.where.path for each in file.findings for related in each.finding.related} == {"", "jobs.py"}


# --- PA512


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise ValueError('no')", ["prepare"]),
        ("sys.exit(1)", ["prepare"]),
        ("os._exit(1)", ["prepare"]),
        ("helper()", ["prepare"]),
        ("if not os.path.exists('x'):\n    raise FileNotFoundError('x')", ["prepare (likely)"]),
        ("try:\n    helper\nexcept OSError as error:\n    raise RuntimeError('x') from error", ["prepare (likely)"]),
        ("try:\n    raise ValueError('no')\nexcept ValueError:\n    pass", []),
        ("with contextlib.suppress(ValueError):\n    raise ValueError('no')", []),
        ("def check(number):\n    raise ValueError(number)", []),
        ("signal.signal(signal.SIGTERM, helper)", []),
        ("raise NotImplementedError", []),
        ("open('x')", []),
        ("pass", []),
    ],
)
def test_initializers(body: str, expected: list[str]) -> None:
    text = "def helper(*_):\n    raise OSError('x')\n\ndef prepare():\n" + textwrap.indent(body, "    ") + "\n\ndef run(items):\n"
    text += "    with {}(2, initializer=prepare) as pool:\n        return list(pool.map(square, items))\n"
    assert where(INITIALIZER, text.format("Pool")) == expected
    assert where(INITIALIZER, text.format("ProcessPoolExecutor")) == []


# --- what was measured to fail, written from the descriptions of the failures

FAILS = {
    # slug of the measurement: programs that show it, and the rule that each of them is for
    "nested-pool": [
        (
            "def inner(n):\n    with Pool(2) as p:\n        return p.map(square, [n])\n\n"
            "with Pool(2) as p:\n    p.map(inner, [1])",
            "PA407",
        ),
        (
            "def inner(n):\n    with ProcessPoolExecutor() as e:\n        return e.submit(square, n).result()\n\n"
            "with Pool(2) as p:\n    p.map(inner, [1])",
            "PA407",
        ),
    ],
    "submit-own-executor": [
        (
            "EX = None\n\ndef outer(n):\n    return EX.submit(square, n).result()\n\ndef main():\n    global EX\n"
            "    EX = ProcessPoolExecutor(2)\n    print(EX.submit(outer, 1).result())\n    EX.shutdown()\n\nmain()",
            "PA408",
        ),
        (
            "def outer(ex, n):\n    return ex.submit(square, n).result()\n\n"
            "with ProcessPoolExecutor(2) as ex:\n    print(ex.submit(outer, ex, 1).result())",
            "PA408",
        ),
        (
            "def outer(pool, n):\n    return pool.apply(square, (n,))\n\n"
            "with Pool(2) as pool:\n    print(pool.apply(outer, (pool, 1)))",
            "PA408",
        ),
        (
            "def main():\n    with Pool(2) as pool:\n        def go_on(n):\n            print(pool.apply(square, (n,)))\n"
            "        pool.apply_async(square, (2,), callback=go_on).wait()\n\nmain()",
            "PA408",
        ),
    ],
    "worker-killed-recover": [
        (
            "with ProcessPoolExecutor(2) as ex:\n    try:\n        ex.submit(square, 1).result()\n"
            "    except BrokenProcessPool:\n        print(ex.submit(square, 2).result())",
            "PA409",
        ),
    ],
    "worker-os-exit": [
        ("def die(n):\n    os._exit(1)\n\nwith Pool(2) as p:\n    p.map(die, [1])", "PA511"),
        ("def die(n):\n    os._exit(1)\n\nwith ProcessPoolExecutor() as e:\n    print(list(e.map(die, [1])))", "PA511"),
        (
            "def die(n):\n    if n == 1:\n        os._exit(1)\n    return n\n\nwith Pool(2) as p:\n    p.map(die, range(4))",
            "PA410",
        ),
    ],
    "worker-sigkill": [
        ("def die(n):\n    os.kill(os.getpid(), signal.SIGKILL)\n\nwith Pool(2) as p:\n    p.map(die, [1])", "PA410"),
    ],
    "worker-sys-exit": [
        ("def leave(n):\n    sys.exit(3)\n\nwith Pool(2) as p:\n    p.map(leave, [1])", "PA511"),
        ("def leave(n):\n    exit(3)\n\nwith Pool(2) as p:\n    print(p.apply_async(leave, (1,)).get())", "PA511"),
        ("def leave(n):\n    quit()\n\nwith Pool(2) as p:\n    print(list(p.imap(leave, [1])))", "PA511"),
        (
            "def leave(n):\n    raise SystemExit(3)\n\nwith ProcessPoolExecutor() as e:\n    print(e.submit(leave, 1).result())",
            "PA511",
        ),
        (
            "def stop():\n    sys.exit(3)\n\ndef leave(n):\n    stop()\n\n"
            "with ProcessPoolExecutor() as e:\n    print(list(e.map(leave, [1])))",
            "PA511",
        ),
    ],
    "init-raises": [
        ("def start():\n    raise ValueError('no')\n\nwith Pool(2, initializer=start) as p:\n    p.map(square, [1])", "PA512"),
        ("def start():\n    raise ValueError('no')\n\nwith Pool(2, start) as p:\n    p.map(square, [1])", "PA512"),
    ],
    "unordered-zip": [
        ("xs = [3, 1, 0]\nwith Pool(2) as p:\n    print(dict(zip(xs, p.imap_unordered(square, xs))))", "PA507"),
        (
            "xs = [3, 1, 0]\nwith ProcessPoolExecutor() as e:\n    fs = [e.submit(square, x) for x in xs]\n"
            "    print({x: f.result() for x, f in zip(xs, as_completed(fs))})",
            "PA507",
        ),
        (
            "xs = [3, 1, 0]\nwith Pool(2) as p:\n"
            "    for i, y in enumerate(p.imap_unordered(square, xs)):\n        print(xs[i], y)",
            "PA507",
        ),
    ],
    "slow-apply-in-loop": [
        ("with Pool(4) as p:\n    print([p.apply(square, (n,)) for n in range(8)])", "PA504"),
        ("with Pool(4) as p:\n    for n in range(8):\n        print(p.apply(square, (n,)))", "PA504"),
    ],
    "slow-submit-result-loop": [
        ("with ProcessPoolExecutor(4) as e:\n    print([e.submit(square, n).result() for n in range(8)])", "PA503"),
        ("with Pool(4) as p:\n    for n in range(8):\n        print(p.apply_async(square, (n,)).get())", "PA503"),
    ],
    "pool-never-closed": [
        ("def run(xs):\n    p = Pool(2)\n    return p.map(square, xs)", "PA401"),
        ("def run(xs):\n    e = ProcessPoolExecutor(2)\n    return list(e.map(square, xs))", "PA401"),
    ],
    "pool-temporary": [
        ("def run(xs):\n    return Pool(2).map(square, xs)", "PA401"),
    ],
    "with-pool-async-lost": [
        ("with Pool(2) as p:\n    r = p.apply_async(square, (1,))\nprint(r.get())", "PA404"),
        ("with Pool(2) as p:\n    r = p.map_async(square, range(6))\nprint(r.get())", "PA404"),
        ("with Pool(2) as p:\n    for n in range(6):\n        p.apply_async(square, (n,))", "PA404"),
    ],
    "imap-after-with": [
        ("with Pool(2) as p:\n    it = p.imap(square, range(6))\nprint(list(it))", "PA405"),
        ("with Pool(2) as p:\n    it = p.imap_unordered(square, range(6))\nfor each in it:\n    print(each)", "PA405"),
        ("def run(xs):\n    with Pool(2) as p:\n        return p.imap(square, xs)", "PA405"),
    ],
    "pool-used-after-with": [
        ("with Pool(2) as p:\n    p.map(square, [1])\np.map(square, [2])", "PA403"),
        (
            "with ProcessPoolExecutor() as e:\n    print(e.submit(square, 1).result())\nprint(e.submit(square, 2).result())",
            "PA403",
        ),
    ],
    "join-before-close": [
        ("p = Pool(2)\np.map(square, [1])\np.join()\np.close()", "PA402"),
    ],
    "slow-pool-in-loop": [
        ("def run(rounds):\n    for xs in rounds:\n        with Pool(2) as p:\n            p.map(square, xs)", "PA406"),
        (
            "def run(rounds):\n    for xs in rounds:\n        with ProcessPoolExecutor(2) as e:\n"
            "            print(list(e.map(square, xs)))",
            "PA406",
        ),
    ],
}

WORKS = {
    "nested-pool in an executor": (
        "def inner(n):\n    with Pool(2) as p:\n        return p.map(square, [n])\n\n"
        "with ProcessPoolExecutor() as e:\n    print(list(e.map(inner, [1])))"
    ),
    "nested executors": (
        "def inner(n):\n    with ProcessPoolExecutor() as e:\n        return e.submit(square, n).result()\n\n"
        "with ProcessPoolExecutor() as e:\n    print(list(e.map(inner, [1])))"
    ),
    "submissions from a done callback": (
        "def main():\n    with ProcessPoolExecutor(2) as e:\n        def go_on(f):\n"
        "            more.append(e.submit(square, f.result()))\n"
        "        more = []\n        f = e.submit(square, 2)\n        f.add_done_callback(go_on)\n        print(f.result())\n"
        "        print([each.result() for each in more])\n\nmain()"
    ),
    "another executor after a broken one": (
        "def run(xs):\n    try:\n        with ProcessPoolExecutor() as e:\n            return list(e.map(square, xs))\n"
        "    except BrokenProcessPool:\n        with ProcessPoolExecutor(1) as e:\n            return list(e.map(square, xs))"
    ),
    "get with a timeout": (
        "def die(n):\n    os._exit(1)\n\nwith Pool(2) as p:\n    try:\n        p.apply_async(die, (1,)).get(timeout=5)\n"
        "    except multiprocessing.TimeoutError:\n        print('lost')"
    ),
    "the executor's map after its block": "with ProcessPoolExecutor() as e:\n    it = e.map(square, range(6))\nprint(list(it))",
    "get inside the block": "with Pool(2) as p:\n    r = p.apply_async(square, (1,))\n    print(r.get())",
    "close and join inside the block": (
        "with Pool(2) as p:\n    r = p.map_async(square, range(6))\n    p.close()\n    p.join()\nprint(r.get())"
    ),
    "a dict of futures": (
        "with ProcessPoolExecutor() as e:\n    fs = {e.submit(square, x): x for x in range(3)}\n"
        "    print({fs[f]: f.result() for f in as_completed(fs)})"
    ),
    "imap in order": "xs = [3, 1, 0]\nwith Pool(2) as p:\n    print(dict(zip(xs, p.imap(square, xs))))",
    "an error kept for the task": (
        "def start():\n    global error\n    try:\n        raise ValueError('no')\n"
        "    except ValueError as reason:\n        error = reason\n\n"
        "with Pool(2, start) as p:\n    p.map(square, [1])"
    ),
    "close before join": "p = Pool(2)\np.map(square, [1])\np.close()\np.join()",
    "one pool around the loop": (
        "def run(rounds):\n    with Pool(2) as p:\n        for xs in rounds:\n            p.map(square, xs)"
    ),
}
"""What was measured to work in the same rows."""


def codes(program: str) -> set[str]:
    """What any rule about pools says of a program, advice apart. What comes last runs under the main guard."""
    definitions, _, statements = program.rpartition("\n\n")
    if statements.startswith("def "):
        text = program + "\n"
    else:
        text = f'{definitions}\n\nif __name__ == "__main__":\n{textwrap.indent(statements, "    ")}\n'
    rules = [rule for rule in catalog.rules() if rule.code[:3] not in ("PA0", "PA1")]
    crashes: list[Problem] = []
    facts = survey_file("program.py", HEAD + text)
    found = ask(rules, facts, ANY, crashes)
    assert crashes == []
    assert facts.sites
    return {each.code for each in found}


@pytest.mark.parametrize(("program", "code"), [each for programs in FAILS.values() for each in programs])
def test_what_fails_is_reported(program: str, code: str) -> None:
    assert code in codes(program)


@pytest.mark.parametrize("program", WORKS.values(), ids=WORKS)
def test_what_works_is_not(program: str) -> None:
    assert codes(program) == set()
