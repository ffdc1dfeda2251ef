"""What is known to go wrong with results and calls is reported by some rule, and what works is not; and forms of PA508, PA509,
PA510, PA513, PA703, PA705, PA802, PA803 and PA804 that their fixtures have no room for.

Knows small programs and what is said of them. Must never know more of a rule than its code.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from poolaudit import catalog, config, edits, engine, imports
from poolaudit.judge import ask
from poolaudit.report import Problem, Reported
from poolaudit.settings import ALL_VERSIONS, Settings
from poolaudit.survey import survey_file

HEAD = """\
import asyncio, collections, concurrent.futures, functools, itertools, multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor, as_completed, wait
from functools import partial
from itertools import count, cycle, islice, repeat
from multiprocessing import Pool, get_context
from multiprocessing.pool import ThreadPool


def work(x):
    return x * x


def add(first, second):
    return first + second


def show():
    print("ready")


async def coroutine(x):
    return x


"""

ANY = Settings()
DECLARED = Settings(ALL_VERSIONS, declared=True)
ON_LINUX = Settings(platforms=("linux",))


def program(body: str) -> str:
    """A body that makes no pool of its own gets a `pool` and an `executor`, and parameters that nothing is known of."""
    text = textwrap.dedent(body).strip() + "\n"
    if "Pool(" not in text and "Executor(" not in text:
        opening = "def main(xs, ys, n):\n    with ProcessPoolExecutor(2) as executor, Pool(2) as pool:\n"
        text = opening + textwrap.indent(text, " " * 8)
    return HEAD + text


def reported(body: str, settings: Settings = ANY) -> list[Reported]:
    """Everything that any rule says, opt-in and likely."""
    crashes: list[Problem] = []
    facts = survey_file("program.py", program(body))
    compile(facts.text, "program.py", "exec")
    found = ask(catalog.rules(), facts, settings, crashes)
    assert crashes == []
    return found


def messages(code: str, body: str, settings: Settings = ANY) -> list[str]:
    return [each.finding.message for each in reported(body, settings) if each.code == code]


def fixed(code: str, body: str) -> str:
    """The lines that are new after the fixes that one rule offers; '' when it offers none."""
    text = program(body)
    fixes = [each.fix for each in reported(body) if each.code == code and each.fix is not None]
    assert all(fix.applicability == "unsafe" and fix.caveats for fix in fixes)
    assert all(imports.place(survey_file("program.py", text), fix.imports) == () for fix in fixes)
    after = edits.apply(text, [fix.edits for fix in fixes]).text
    compile(after, "program.py", "exec")
    return "\n".join(line.strip() for line in after.splitlines() if line not in text.splitlines())


# --- pitfalls that were measured, and the rule that tells of each

MEASURED = {
    # as-completed-on-map, executor-map-as-list
    "as_completed on an executor's map": ("PA508", "for f in as_completed(executor.map(work, [1])): print(f)"),
    "as_completed on a list of it": ("PA508", "for f in as_completed(list(executor.map(work, [1]))): print(f)"),
    "as_completed on a Pool's map": ("PA508", "for f in as_completed(pool.map(work, [1])): print(f)"),
    "as_completed on AsyncResults": (
        "PA508",
        "for r in as_completed([pool.apply_async(work, (x,)) for x in xs]): print(r.get())",
    ),
    "wait on an executor's map": ("PA508", "wait(executor.map(work, [1]))"),
    "result() of an item of map": ("PA508", "print([f.result() for f in executor.map(work, [1])])"),
    "len of an executor's map": ("PA508", "r = executor.map(work, [1])\nprint(len(r), *r)"),
    "index of an executor's map": ("PA508", "r = executor.map(work, [1])\nprint(r[0])"),
    "index in place": ("PA508", "print(executor.map(work, [1])[0])"),
    "a second pass": ("PA508", "r = executor.map(work, [1])\nprint(sum(r))\nprint(sum(r))"),
    "an executor's map, printed": ("PA502", "print(executor.map(work, [1]))"),
    # executor-map-unconsumed, discarded-result
    "map as a statement": ("PA502", "executor.map(work, [1])"),
    "map kept in vain": ("PA502", "r = executor.map(work, [1])"),
    "submit as a statement": ("PA501", "executor.submit(work, 1)"),
    "apply_async as a statement": ("PA501", "pool.apply_async(work, (1,))\npool.close()\npool.join()"),
    "map_async as a statement": ("PA501", "pool.map_async(work, [1])\npool.close()\npool.join()"),
    "map_async and wait": ("PA501", "pool.map_async(work, [1]).wait()"),
    "submit and wait": ("PA513", "wait([executor.submit(work, x) for x in xs])"),
    "submit and as_completed": ("PA513", "for f in as_completed([executor.submit(work, x) for x in xs]): print('done')"),
    # run-in-executor-*, waitfor-run-in-executor
    "run_in_executor without await": (
        "PA604",
        """
        async def main():
            executor = ProcessPoolExecutor()
            asyncio.get_running_loop().run_in_executor(executor, work, 1)
            await asyncio.sleep(1)
        """,
    ),
    "run_in_executor of a lambda": (
        "PA201",
        """
        async def main():
            executor = ProcessPoolExecutor()
            await asyncio.get_running_loop().run_in_executor(executor, lambda: work(1))
        """,
    ),
    "run_in_executor of a coroutine": (
        "PA603",
        """
        async def main():
            executor = ProcessPoolExecutor()
            await asyncio.get_running_loop().run_in_executor(executor, coroutine, 1)
        """,
    ),
    "run_in_executor of a Pool": (
        "PA603",
        """
        async def main():
            with Pool(2) as pool:
                await asyncio.get_running_loop().run_in_executor(pool, work, 1)
        """,
    ),
    "wait_for of run_in_executor": (
        "PA605",
        """
        async def main():
            executor = ProcessPoolExecutor()
            await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(executor, work, 1), timeout=1)
        """,
    ),
    # global-written-in-worker, arg-mutated-in-worker
    "a number counted in workers": (
        "PA509",
        """
        COUNT = 0

        def tally(x):
            global COUNT
            COUNT += 1

        if __name__ == "__main__":
            with Pool(2) as pool:
                pool.map(tally, range(10))
            print(COUNT)
        """,
    ),
    "a list filled in workers": (
        "PA509",
        """
        FOUND = []

        def find(x):
            FOUND.append(x)

        def main():
            with ProcessPoolExecutor(2) as executor:
                list(executor.map(find, range(10)))
            return FOUND
        """,
    ),
    "a dict filled in workers": (
        "PA509",
        """
        def fill(target, x):
            target[x] = x * x

        def main():
            squares = {}
            with Pool(2) as pool:
                pool.starmap(fill, [(squares, x) for x in range(10)])
            print(squares)
        """,
    ),
    "an object changed in a worker": (
        "PA509",
        """
        class Account:
            def __init__(self):
                self.n = 0

            def inc(self):
                self.n += 1

        def main():
            a = Account()
            with ProcessPoolExecutor(2) as executor:
                executor.submit(a.inc).result()
            print(a.n)
        """,
    ),
    # callback-raises
    "a callback that raises": (
        "PA510",
        """
        def check(result):
            if result > 3:
                raise ValueError(result)

        with Pool(2) as pool:
            print(pool.apply_async(work, (2,), callback=check).get())
        """,
    ),
    "a callback that waits for its own pool": (
        "PA408",
        """
        def again(result):
            pool.apply(work, (result,))

        pool = Pool(2)
        pool.apply_async(work, (2,), callback=again).get()
        """,
    ),
    # submit-called, apply-async-args-not-tuple, initargs-not-tuple, submit-args-tuple, pool-map-two-iterables
    "submit of a call": ("PA701", "print(executor.submit(work(2)).result())"),
    "apply_async of a call": ("PA701", "print(pool.apply_async(show()).get())"),
    "args that are a number": ("PA702", "print(pool.apply_async(work, (10)).get())"),
    "args that are a text": ("PA702", "print(pool.apply_async(work, ('abc')).get())"),
    "initargs of a Pool": ("PA702", "with Pool(2, work, (3)) as pool: print(pool.map(work, [1]))"),
    "initargs of an executor": (
        "PA702",
        "with ProcessPoolExecutor(2, initializer=work, initargs=(3)) as executor: print(*executor.map(work, [1]))",
    ),
    "submit of a tuple": ("PA703", "print(executor.submit(add, (1, 2)).result())"),
    "submit with args=": ("PA703", "print(executor.submit(work, args=(1,)).result())"),
    "two iterables for a Pool": ("PA703", "print(pool.map(add, [1], [2]))"),
    "two names for a Pool": ("PA703", "print(pool.map(add, xs, ys))"),
    "pairs for an executor": ("PA703", "print(*executor.map(add, [(1, 2), (3, 4)]))"),
    "a number for an executor": ("PA703", "print(*executor.map(add, [1, 2], 10))"),
    # pool-kwarg-names
    "Pool(max_workers=)": ("PA704", "Pool(max_workers=2).terminate()"),
    "Pool(max_tasks_per_child=)": ("PA704", "Pool(max_tasks_per_child=2).terminate()"),
    "ProcessPoolExecutor(processes=)": ("PA704", "ProcessPoolExecutor(processes=2).shutdown()"),
    "ProcessPoolExecutor(maxtasksperchild=)": ("PA704", "ProcessPoolExecutor(maxtasksperchild=2).shutdown()"),
    "ProcessPoolExecutor(2, init)": ("PA704", "ProcessPoolExecutor(2, work).shutdown()"),
    "Pool(0)": ("PA804", "Pool(0).terminate()"),
    # max-tasks-per-child
    "recycling with a fork context": ("PA705", "ProcessPoolExecutor(2, get_context('fork'), max_tasks_per_child=1).shutdown()"),
    "recycling where fork is set": (
        "PA705",
        """
        if __name__ == "__main__":
            multiprocessing.set_start_method("fork")
            with ProcessPoolExecutor(2, max_tasks_per_child=1) as executor:
                print(*executor.map(work, [1]))
        """,
    ),
    # timeout-class, timeout-in-with, cancel-running
    "builtin TimeoutError around a Pool": (
        "PA505",
        """
        try:
            pool.apply_async(work, (1,)).get(timeout=1)
        except TimeoutError:
            print("late")
        """,
    ),
    "concurrent.futures.TimeoutError around a Pool": (
        "PA505",
        """
        try:
            pool.apply_async(work, (1,)).get(timeout=1)
        except concurrent.futures.TimeoutError:
            print("late")
        """,
    ),
    "a handled timeout in a with": (
        "PA506",
        """
        future = executor.submit(work, 1)
        try:
            future.result(timeout=1)
        except concurrent.futures.TimeoutError:
            print("late")
        """,
    ),
    "a running task cancelled": (
        "PA506",
        """
        future = executor.submit(work, 1)
        try:
            future.result(timeout=1)
        except concurrent.futures.TimeoutError:
            future.cancel()
        """,
    ),
    # slow-submit-result-loop, slow-chunksize, slow-big-partial
    "submit().result() in a loop": ("PA503", "print([executor.submit(work, x).result() for x in range(9)])"),
    "apply_async().get() in a loop": ("PA503", "for x in range(9): print(pool.apply_async(work, (x,)).get())"),
    "thousands of tiny tasks": ("PA801", "print(*executor.map(work, range(5000)))"),
    "thousands of tiny tasks of imap": ("PA801", "print(*pool.imap(work, range(5000)))"),
    "a large partial": ("PA802", "big = bytes(10_000_000)\nprint(*executor.map(partial(add, big), range(64)))"),
    "a large partial for a Pool": ("PA802", "big = [0] * 5_000_000\nprint(pool.map(partial(add, big), range(64)))"),
    "a method of a large object": (
        "PA802",
        """
        class Model:
            def __init__(self):
                self.weights = bytes(10_000_000)

            def predict(self, x):
                return self.weights[x]

        def main():
            model = Model()
            with ProcessPoolExecutor(2) as executor:
                print(*executor.map(model.predict, range(64)))
        """,
    ),
    # map-huge-generator, max-workers-61-windows
    "count() for an executor": ("PA803", "for r in executor.map(work, itertools.count()): print(r)"),
    "cycle() for an executor": ("PA803", "for r in executor.map(work, cycle([1, 2])): print(r)"),
    "count() for Pool.map": ("PA803", "print(pool.map(work, count()))"),
    "an endless generator": (
        "PA803",
        """
        def numbers():
            while True:
                yield 1

        with ProcessPoolExecutor(2) as executor:
            for r in executor.map(work, numbers()):
                print(r)
        """,
    ),
    "62 workers": ("PA804", "ProcessPoolExecutor(62).shutdown()"),
    "64 workers of a Pool": ("PA804", "Pool(64).terminate()"),
}
"""Program by program: what a reader of the program alone knows, and the rule that says so."""

MEASURED_FOR_VERSIONS = {
    "max_tasks_per_child before 3.11": ("PA103", "ProcessPoolExecutor(2, max_tasks_per_child=1).shutdown()"),
    "two tasks per worker": ("PA705", "ProcessPoolExecutor(1, get_context('spawn'), max_tasks_per_child=2).shutdown()"),
    "builtin TimeoutError before 3.11": (
        "PA505",
        """
        try:
            executor.submit(work, 1).result(timeout=1)
        except TimeoutError:
            print("late")
        """,
    ),
    "asyncio.TimeoutError before 3.11": (
        "PA505",
        """
        try:
            executor.submit(work, 1).result(timeout=1)
        except asyncio.TimeoutError:
            print("late")
        """,
    ),
}
"""The same for what depends on the supported Pythons."""


@pytest.mark.parametrize("name", MEASURED)
def test_what_was_measured_is_reported(name: str) -> None:
    code, body = MEASURED[name]
    assert messages(code, body)


@pytest.mark.parametrize("name", MEASURED_FOR_VERSIONS)
def test_what_was_measured_on_some_versions_is_reported(name: str) -> None:
    code, body = MEASURED_FOR_VERSIONS[name]
    assert messages(code, body, DECLARED)


WORKS = {
    "a list of an executor's map": "r = list(executor.map(work, [1]))\nprint(len(r), r[0], *r)",
    "as_completed of futures": "print([f.result() for f in as_completed([executor.submit(work, 1)])])",
    "wait, then ask": "fs = [executor.submit(work, x) for x in xs]\nwait(fs)\nprint([f.result() for f in fs])",
    "map_async and get": "print(pool.map_async(work, [1]).get())",
    "Pool.map as a statement, which raises": "pool.map(work, [1])",
    "a text of one character": "print(pool.apply_async(work, ('a')).get())",
    "a tuple of one": "print(pool.apply_async(work, (10,)).get())",
    "starmap of pairs": "print(pool.starmap(add, [(1, 2)]))",
    "two iterables for an executor": "print(*executor.map(add, [1], [2]))",
    "a chunksize": "print(pool.map(work, [1], 10))",
    "one task per worker": "with ProcessPoolExecutor(2, max_tasks_per_child=1) as executor: print(*executor.map(work, xs))",
    "a Pool's tasks per worker": "with Pool(2, maxtasksperchild=3) as pool: print(pool.map(work, [1]))",
    "the class that a Pool raises": """
        try:
            pool.apply_async(work, (1,)).get(timeout=1)
        except multiprocessing.TimeoutError:
            print("late")
        """,
    "a timeout that nobody handles": "print(executor.submit(work, 1).result(timeout=1))",
    "all submitted first": "fs = [executor.submit(work, x) for x in range(9)]\nprint([f.result() for f in fs])",
    "chunks": "print(*executor.map(work, range(5000), chunksize=100))",
    "few tasks": "print(*executor.map(work, range(10)))",
    "a small partial": "print(*executor.map(partial(add, 3), range(64)))",
    "endless input for imap": "for r in pool.imap(work, count()):\n    if r > 9: break",
    "repeat beside what ends": "print(*executor.map(add, [1, 2], repeat(3)))",
    "61 workers": "ProcessPoolExecutor(min(61, os.cpu_count() or 1)).shutdown()",
    "a done callback that raises": """
        def check(future):
            raise ValueError(future.result())

        def main():
            with ProcessPoolExecutor(2) as executor:
                executor.submit(work, 1).add_done_callback(check)
        """,
    "what workers return": """
        def tally(x):
            counts = {}
            counts[x] = counts.get(x, 0) + 1
            return counts

        def main():
            with Pool(2) as pool:
                print(pool.map(tally, range(10)))
        """,
}


@pytest.mark.parametrize("name", WORKS)
def test_what_works_is_not_reported(name: str) -> None:
    body = textwrap.dedent(WORKS[name]).strip()
    if ("Pool(" in body or "Executor(" in body) and not body.startswith("def "):
        body = "def main(xs):\n" + textwrap.indent(body, "    ")
    assert [each.finding.message for each in reported(body) if not each.code.startswith("PA10")] == []


# --- PA508


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "r = pool.imap(work, xs)\nprint(list(r), list(r))",
            "the results of `imap` can be read once: nothing is left of them the second time",
        ),
        ("r = pool.imap(work, xs)\nprint(len(r), *r)", "`imap` gives an iterator, which has no length: TypeError"),
        ("r = executor.map(work, xs)\nr.sort()\nprint(*r)", "`map` gives an iterator, which has no `sort`: AttributeError"),
        (
            "r = executor.map(work, xs)\nfor y in ys:\n    for x in r: print(x, y)",
            "the results of `map` can be read once: nothing is left of them in every round after the first",
        ),
        (
            "r = executor.map(work, xs)\nprint([x for y in ys for x in r])",
            "the results of `map` can be read once: nothing is left of them in every round after the first",
        ),
        ("wait([pool.map_async(work, xs)])", "`wait` takes futures, and `map_async` gives an AsyncResult: AttributeError"),
        (
            "for f in executor.map(len, xs): f.exception()",
            "`map` yields results, not futures: an item has no `exception` (AttributeError)",
        ),
    ],
)
def test_results_of_map_are_taken_for_something_else(body: str, said: str) -> None:
    assert messages("PA508", body) == [said]


@pytest.mark.parametrize(
    "body",
    [
        "r = executor.map(work, xs)\nfor y in ys:\n    for x in r: print(x, y)\n    break",
        "r = executor.map(work, xs)\nprint([x for y in ys if y == 1 for x in r])",
        "r = executor.map(work, xs)\nfor y in [1]:\n    for x in r: print(x, y)",
        "r = executor.map(work, xs)\nwhile n:\n    n = sum(r)",
        "r = executor.map(work, xs)\nif n: print(sum(r))\nprint(sum(r))",
        "for x in xs:\n    r = executor.map(work, ys)\n    print(*r)",
        "r = executor.map(work, xs) if n else []\nif not n: print(len(r))\nprint(*r)",
        "r = executor.map(work, xs)\nprint(*islice(r, 3))\nprint(*r)",
        "with_futures = [executor.submit(work, x) for x in xs]\nprint(len(with_futures), [f.result() for f in with_futures])",
        "for r in executor.map(dict, xs): print(r.get('x'), r.copy())",
    ],
)
def test_results_of_map_are_read_as_they_are(body: str) -> None:
    assert messages("PA508", body) == []


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("print([f.result() for f in executor.map(work, xs)])", "print([f for f in executor.map(work, xs)])"),
        ("print([f.result(3) for f in executor.map(work, xs)])", ""),
        (
            "for f in as_completed(executor.map(work, xs)): print(f.result())",
            "for f in as_completed([executor.submit(work, item) for item in xs]): print(f.result())",
        ),
        ("for item in as_completed(executor.map(work, xs)): print(item)", ""),
        ("for f in as_completed(executor.map(add, xs, ys)): print(f)", ""),
        ("r = executor.map(work, xs)\nprint(r[0])", "r = list(executor.map(work, xs))"),
        ("r = executor.map(work, xs)\nprint(next(r), len(r))", ""),
        ("r = executor.map(work, xs)\nprint(len(r))\nxs.append(r)", ""),
    ],
)
def test_fixes_of_misused_results(body: str, after: str) -> None:
    assert fixed("PA508", body) == after


# --- PA509


@pytest.mark.parametrize(
    ("write", "look", "lost"),
    [
        ("SEEN.append(x)", "print(len(SEEN))", "SEEN"),
        ("SEEN.append(x)", "for seen in SEEN: print(seen)", "SEEN"),
        ("SEEN.append(x)", "report()", "SEEN"),
        ("COUNTS['a'] += 1", "print(COUNTS['a'])", "COUNTS"),
        ("global LAST\n    LAST = x", "print(LAST)", "LAST"),
        # the parent fills it, or may
        ("SEEN.append(x)", "SEEN.extend(xs)\nprint(SEEN)", ""),
        ("SEEN.append(x)", "unknown(SEEN)\nprint(SEEN)", ""),
        ("SEEN.append(x)", "task(3)\nprint(SEEN)", ""),
        ("SEEN.append(x)", "list(map(task, xs))\nprint(SEEN)", ""),
        ("SEEN.append(x)", "ThreadPool(2).map(task, xs)\nprint(SEEN)", ""),
        ("SEEN.append(x)", "threads(xs)\nprint(SEEN)", ""),
        # it is not blank, or is a setting
        ("RATES['a'] = 1", "print(RATES)", ""),
        ("global VERBOSE\n    VERBOSE = x", "print(VERBOSE)", ""),
        # each process makes its own
        ("global LAST\n    LAST = LAST or x", "print(LAST)", ""),
        # nobody looks
        ("SEEN.append(x)", "print('done')", ""),
    ],
)
def test_writes_to_globals(write: str, look: str, lost: str) -> None:
    body = (
        "SEEN = []\nLAST = None\nCOUNTS = {'a': 0}\nRATES = {'a': 2}\nVERBOSE = False\n"
        f"def task(x):\n    {write}\n"
        "def report():\n    print(SEEN)\n"
        + ("def threads(xs):\n    ThreadPool(2).map(task, xs)\n" if "threads" in look else "")
        + "def main(xs, unknown):\n    with Pool() as pool:\n        pool.map(task, xs)\n"
        + textwrap.indent(look, "    ")
    )
    said = [f"what `task` does to `{lost}` stays in the worker: the parent looks at its own copy"] if lost else []
    assert messages("PA509", body) == said


@pytest.mark.parametrize(
    ("call", "look", "lost"),
    [
        ("pool.starmap(fill, zip(repeat(d), xs))", "print(d)", True),
        ("pool.map(partial(fill, d), xs)", "return sorted(d.items())", True),
        ("[executor.submit(fill, d, x).result() for x in xs]", "return d", True),
        ("list(executor.map(fill, repeat(d), xs))", "print(f'{len(d)} found')", True),
        ("pool.apply(fill, (d, 1))", "print(d)", True),
        ("d = pool.apply(fill, (d, 1))", "print(d)", False),
        ("pool.apply(fill, (d, 1))", "keep(d)", False),
        ("pool.apply(fill, (d, 1))", "d.update(xs)\nprint(d)", False),
        ("pool.apply(look, (d, 1))", "print(d)", False),
        ("pool.apply(fill, (dict(d), 1))", "print(d)", False),
        ("pool.starmap(fill, [(d, 1), ({}, 2)])", "print(d)", False),
    ],
)
def test_writes_to_arguments(call: str, look: str, lost: bool) -> None:
    body = (
        "def fill(target, x):\n    target[x] = x\n    return target\n"
        "def look(target, x):\n    return target[x]\n"
        "def main(xs, keep):\n    d = {}\n    with Pool() as pool, ProcessPoolExecutor() as executor:\n"
        f"        {call}\n" + textwrap.indent(look, "    ")
    )
    assert bool(messages("PA509", body)) is lost


@pytest.mark.parametrize(
    ("write", "look", "lost"),
    [
        ("self.total += x", "return self.total / 2", True),
        ("self.found.append(x)", "self.pool.close()\n        return self.found", True),
        ("self.add(x)", "return self.found", True),
        ("self.found.append(x)", "self.merge()\n        return self.found", False),
        ("self.found.append(x)", "self.found.append(3)\n        return self.found", False),
        ("self.last = x", "return self.last", False),
        ("self.options['rate'] = x", "return self.options", False),
        ("self.found.append(x)", "return None", False),
        ("self.found.append(x)", "save(self)\n        return self.found", False),
    ],
)
def test_writes_to_the_own_object(write: str, look: str, lost: bool) -> None:
    body = (
        "class Search:\n    def __init__(self):\n        self.total = 0\n        self.found = []\n"
        "        self.last = None\n        self.options = {'rate': 1}\n        self.pool = Pool(2)\n"
        f"    def task(self, x):\n        {write}\n"
        "    def add(self, x):\n        self.found.append(x)\n"
        "    def merge(self):\n        self.found.append(1)\n"
        f"    def run(self, xs, save):\n        self.pool.map(self.task, xs)\n        {look}\n"
    )
    assert bool(messages("PA509", body)) is lost


# --- PA510


@pytest.mark.parametrize(
    ("callback", "raises"),
    [
        ("def note(error):\n    raise error", True),
        ("def note(error):\n    sys.exit(1)", True),
        ("def note(error):\n    try:\n        print(error)\n    except OSError:\n        raise", True),
        ("def note(error):\n    try:\n        raise error\n    except Exception:\n        print(error)", False),
        (
            "def note(error):\n    try:\n        raise KeyError(error)\n    except (KeyError, OSError):\n        print(error)",
            False,
        ),
        ("def note(error):\n    try:\n        raise KeyError(error)\n    except OSError:\n        print(error)", True),
        ("def note(error):\n    print(error)", False),
    ],
)
def test_callbacks_that_raise(callback: str, raises: bool) -> None:
    body = f"{callback}\nwith Pool(2) as pool:\n    pool.map_async(work, [1], error_callback=note).get()"
    assert len(messages("PA510", body)) == raises


# --- PA513


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (
            "fs = [executor.submit(work, x) for x in xs]\nwait(fs, timeout=3)",
            "for future in wait(fs, timeout=3).done:\nfuture.result()",
        ),
        (
            "fs = [executor.submit(work, x) for x in xs]\nwait(fs)  # all of them",
            "for future in wait(fs).done:  # all of them\nfuture.result()",
        ),
        ("done, rest = wait([executor.submit(work, 1)])\nprint(len(done))", "for future in done:\nfuture.result()"),
        ("for f in as_completed([executor.submit(work, 1)]):\n    pass", "f.result()"),
        ("for f in as_completed([executor.submit(work, 1)]):\n    print('one')", "f.result()"),
        ("for _ in as_completed([executor.submit(work, 1)]):\n    print('one')", ""),
        ("for f in as_completed([executor.submit(work, 1)]): print('one')", ""),
        ("for i, f in enumerate(as_completed([executor.submit(work, 1)])):\n    print(i)", ""),
        ("ended = wait([executor.submit(work, 1)])\nprint(len(ended))", ""),
    ],
)
def test_fixes_of_futures_that_are_waited_for(body: str, after: str) -> None:
    assert len(messages("PA513", body)) == 1
    assert fixed("PA513", body) == after


# --- PA703


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("pool.map(add, xs)", "`add` takes 2 arguments, and `map` gives it 1: TypeError"),
        ("pool.map(show, xs)", "`show` takes no argument, and `map` gives it 1: TypeError"),
        ("pool.map(partial(add, 1, 2), xs)", "`add` takes no more argument, and `map` gives it 1: TypeError"),
        ("pool.starmap(partial(add, 1), [(1, 2)])", "`add` takes 1 more argument, and `starmap` gives it 2: TypeError"),
        ("list(pool.imap(partial(add, first=1), xs))", "`add` takes other arguments, and `imap` gives it 1: TypeError"),
        ("pool.starmap(add, [(1, 2, 3)])", "`add` takes 2 arguments, and `starmap` gives it 3: TypeError"),
        ("pool.starmap(add, zip(xs, ys, xs))", "`add` takes 2 arguments, and `starmap` gives it 3: TypeError"),
        ("pool.starmap(work, enumerate(xs))", "`work` takes 1 argument, and `starmap` gives it 2: TypeError"),
        ("list(executor.map(add, xs))", "`add` takes 2 arguments, and `map` gives it 1: TypeError"),
        ("list(executor.map(work, xs, ys))", "`work` takes 1 argument, and `map` gives it 2: TypeError"),
        ("executor.submit(work).result()", "`work` takes 1 argument, and `submit` gives it none: TypeError"),
        (
            "executor.submit(add, 1, colour=2).result()",
            "`submit` hands `colour` on to `add`, which has no such parameter: TypeError",
        ),
        ("pool.map(work, 3)", "`map` iterates over each of its iterables, and `3` is none: TypeError"),
        ("list(executor.map(work, None))", "`map` iterates over each of its iterables, and `None` is none: TypeError"),
        ("list(pool.imap(add, xs, ys, xs))", "`imap` of Pool takes one iterable: `ys` is taken for its chunksize, a TypeError"),
        (
            "pool.map_async(add, xs, [1]).get()",
            "`map_async` of Pool takes one iterable: `[1]` is taken for its chunksize, a TypeError",
        ),
    ],
)
def test_arguments_that_do_not_fit(body: str, said: str) -> None:
    assert messages("PA703", body) == [said]


def test_a_method_may_be_defined_otherwise_in_a_subclass() -> None:
    body = """
        class Base:
            def task(self):
                return None

            def run(self, xs):
                with Pool() as pool:
                    return pool.map(self.task, xs)
        """
    assert [each.confidence for each in reported(body) if each.code == "PA703"] == ["likely"]


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("pool.map(add, xs, ys)", "pool.starmap(add, zip(xs, ys))"),
        ("pool.map_async(add, [1], [2]).get()", "pool.starmap_async(add, zip([1], [2])).get()"),
        ("pool.map(add, xs, 3)", ""),
        ("pool.map(work, [1], [2])", ""),
        ("list(pool.imap(add, [1], [2]))", ""),
        ("pool.map(add, [(1, 2), (3, 4)])", "pool.starmap(add, [(1, 2), (3, 4)])"),
        ("pool.map(add, [(1, 2), (3, 4, 5)])", ""),
        ("pool.map(add, zip(xs, ys))", "pool.starmap(add, zip(xs, ys))"),
        ("list(executor.map(add, zip(xs, ys)))", "list(executor.map(add, *zip(*zip(xs, ys))))"),
        ("list(executor.map(add, xs))", ""),
        ("executor.submit(add, (1, n),).result()", "executor.submit(add, 1, n,).result()"),
        ("executor.submit(add, args=[1, n]).result()", "executor.submit(add, 1, n).result()"),
        ("executor.submit(add, (1, 2, 3)).result()", ""),
    ],
)
def test_fixes_of_arguments_that_do_not_fit(body: str, after: str) -> None:
    assert len(messages("PA703", body)) == 1
    assert fixed("PA703", body) == after


# --- PA705


@pytest.mark.parametrize(
    ("body", "settings", "count"),
    [
        ("ProcessPoolExecutor(2, get_context('spawn'), max_tasks_per_child=5).shutdown()", DECLARED, 1),
        ("ProcessPoolExecutor(2, get_context('spawn'), max_tasks_per_child=5).shutdown()", ANY, 0),
        ("ProcessPoolExecutor(2, max_tasks_per_child=5).shutdown()", Settings(((3, 14),), declared=True), 0),
        ("ProcessPoolExecutor(2, max_tasks_per_child=5).shutdown()", Settings(((3, 13), (3, 14)), declared=True), 1),
        ("ProcessPoolExecutor(2, get_context('fork'), max_tasks_per_child=5).shutdown()", DECLARED, 1),
        ("list(executor.map(work, xs, chunksize=0))", ANY, 1),
        ("list(pool.imap(work, xs, 0))", ANY, 1),
        ("pool.starmap_async(add, xs, 0).get()", ANY, 1),
        ("pool.map(work, xs, chunksize=False)", ANY, 0),
        ("try:\n    executor.map(work, xs, chunksize=0)\nexcept ValueError: print('refused')", ANY, 0),
    ],
)
def test_traps_of_recycling_and_chunks(body: str, settings: Settings, count: int) -> None:
    assert len(messages("PA705", body, settings)) == count


# --- PA802


@pytest.mark.parametrize(
    ("big", "call", "said"),
    [
        ("bytes(2_000_000)", "executor.map(add, repeat(big), xs)", "2 MB, task"),
        ("b'x' * 10 ** 7", "pool.map(partial(add, big), xs)", "10 MB, chunk of tasks"),
        ("list(range(1_000_000))", "pool.starmap(add, [(big, x) for x in xs])", "2 MB, chunk of tasks"),
        ("numpy.zeros((1000, 1000))", "executor.map(partial(add, big), xs)", "8 MB, task"),
        ("numpy.zeros((2000, 1000), dtype='u1')", "executor.map(partial(add, big), xs)", "2 MB, task"),
        ("numpy.random.normal(size=1 << 20)", "executor.map(partial(add, big), xs)", "8 MB, task"),
        ("numpy.random.rand(int(1e6))", "pool.imap(partial(add, big), xs)", "8 MB, task"),
        ("bytes(2_000_000)", "[executor.submit(add, big, x) for x in xs]", "2 MB, task"),
        ("bytes(2_000_000)", "[pool.apply_async(add, (big, x)) for x in xs]", "2 MB, task"),
        ("numpy.load('table.npy')", "executor.map(partial(add, big), xs)", "from a file, task"),
        ("numpy.zeros((10, 10))", "executor.map(partial(add, big), xs)", ""),
        ("numpy.zeros(len(xs))", "executor.map(partial(add, big), xs)", ""),
        ("bytes(2_000_000)", "executor.map(partial(add, big), [1, 2])", ""),
        ("bytes(2_000_000)", "executor.submit(add, big, 1)", ""),
        ("bytes(2_000_000)", "[executor.submit(add, big, x) for big in xs for x in big]", ""),
    ],
)
def test_large_objects_that_go_with_each_task(big: str, call: str, said: str) -> None:
    size, _, unit = said.partition(", ")
    name = "`big`" if size == "from a file" else f"`big` ({size} or more)"
    body = f"import numpy\nbig = {big}\nresults = {call}"
    assert messages("PA802", body) == ([f"{name} is pickled again for each {unit}"] if said else [])


# --- PA803 and PA804


@pytest.mark.parametrize(
    ("body", "confidence"),
    [
        ("executor.map(work, count(), cycle([1]))", "certain"),
        ("pool.starmap_async(add, repeat((1, 2))).get()", "certain"),
        ("executor.map(work, enumerate(count()))", "certain"),
        ("executor.map(add, range(2_000_000), repeat(1))", None),
        ("executor.map(os.path.exists, range(2_000_000))", "likely"),
        ("executor.map(os.path.exists, range(2_000_000), chunksize=100)", None),
        ("executor.map(add, count(), xs)", None),
        ("executor.map(work, count(), buffersize=3)", None),
        ("pool.imap(work, count())", None),
    ],
)
def test_maps_over_input_that_is_taken_at_once(body: str, confidence: str | None) -> None:
    found = [each.confidence for each in reported(body) if each.code == "PA803"]
    assert found == ([confidence] if confidence else [])


@pytest.mark.parametrize(
    ("count", "said"),
    [
        ("min(64, n)", "up to 64 workers, and Windows allows 61: ValueError there"),
        ("100", "100 workers, and Windows allows 61: ValueError there"),
        ("48", "48 workers, whatever the machine has"),
        ("multiprocessing.cpu_count() - 1", "`multiprocessing.cpu_count() - 1` is 0 on a machine with one CPU"),
        ("int(os.cpu_count() // 2)", "`int(os.cpu_count() // 2)` is 0 on a machine with one CPU"),
        ("(os.cpu_count() or 1) - 2", "`(os.cpu_count() or 1) - 2` is -1 on a machine with one CPU"),
        ("n // 2", ""),
        ("min(48, n)", ""),
        ("os.cpu_count() // n", ""),
    ],
)
def test_numbers_of_workers(count: str, said: str) -> None:
    found = messages("PA804", f"def main(n):\n    ProcessPoolExecutor({count}).shutdown()")
    assert [message.removesuffix(": a pool of no worker is a ValueError") for message in found] == ([said] if said else [])


@pytest.mark.parametrize(
    "construction", ["ProcessPoolExecutor(64)", "ProcessPoolExecutor(2, get_context('fork'), max_tasks_per_child=1)"]
)
def test_a_test_of_the_error_is_no_fault(construction: str) -> None:
    body = f"def test_refused(self):\n    with self.assertRaises(ValueError):\n        {construction}.shutdown()"
    assert {each.code for each in reported(body)} & {"PA705", "PA804"} == set()


def test_a_number_of_workers_behind_a_name() -> None:
    body = "workers = os.cpu_count() - 1\nProcessPoolExecutor(workers).shutdown()"
    assert len(messages("PA804", body)) == 1


def test_linux_alone_has_no_bound_of_windows() -> None:
    assert messages("PA804", "ProcessPoolExecutor(64).shutdown()", ON_LINUX) == ["64 workers, whatever the machine has"]


# --- workers of other files


def test_workers_are_read_across_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tasks.py").write_text(
        "def add(first, second):\n    return first + second\n"
        "def fill(target, x):\n    target[x] = x\n"
        "def numbers():\n    while True:\n        yield 1\n"
        "def check(result):\n    raise ValueError(result)\n",
        encoding="utf-8",
    )
    Path("main.py").write_text(
        "from multiprocessing import Pool\nfrom tasks import add, check, fill, numbers\n"
        "def main():\n    found = {}\n    with Pool(2) as pool:\n"
        "        pool.map(add, [1])\n"
        "        pool.starmap(fill, [(found, x) for x in range(9)])\n"
        "        pool.map(abs, numbers())\n"
        "        pool.map_async(abs, [1], callback=check).get()\n"
        "    print(found)\n",
        encoding="utf-8",
    )
    chosen = config.override(config.load("."), select=("PA509", "PA510", "PA703", "PA803"))
    found = [each for file in engine.audit(["main.py"], chosen).files for each in file.findings]
    assert sorted((each.code, any(place.where.path for place in each.finding.related)) for each in found) == [
        ("PA509", True),
        ("PA510", True),
        ("PA703", True),
        ("PA803", False),
    ]
