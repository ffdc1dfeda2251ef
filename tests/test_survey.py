"""Source in, facts out: every idiom of real code that hides a pool, and what must not be taken for one."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from poolaudit.facts import FileFacts, Operation, PoolSite, before, dominates
from poolaudit.survey import Unparsable, survey_file


def survey(source: str) -> FileFacts:
    return survey_file("program.py", textwrap.dedent(source))


def only_site(source: str) -> PoolSite:
    (site,) = survey(source).sites
    return site


def only_operation(source: str) -> Operation:
    (operation,) = only_site(source).operations
    return operation


# -- which constructions are pools


CONSTRUCTIONS = {
    "import multiprocessing\np = multiprocessing.Pool()": "multiprocessing.Pool",
    "import multiprocessing as mp\np = mp.Pool(4)": "multiprocessing.Pool",
    "from multiprocessing import Pool\np = Pool()": "multiprocessing.Pool",
    "from multiprocessing import Pool as P\np = P()": "multiprocessing.Pool",
    "from multiprocessing import pool\np = pool.Pool()": "multiprocessing.pool.Pool",
    "import multiprocessing.pool\np = multiprocessing.pool.Pool()": "multiprocessing.pool.Pool",
    "from multiprocessing import *\np = Pool()": "multiprocessing.Pool",
    "import multiprocessing as mp\np = mp.get_context('spawn').Pool()": "multiprocessing.Pool",
    "import multiprocessing as mp\nc = mp.get_context('spawn')\np = c.Pool()": "multiprocessing.Pool",
    "import concurrent.futures\np = concurrent.futures.ProcessPoolExecutor()": "concurrent.futures.ProcessPoolExecutor",
    "import concurrent.futures as cf\np = cf.ProcessPoolExecutor()": "concurrent.futures.ProcessPoolExecutor",
    "from concurrent import futures\np = futures.ProcessPoolExecutor()": "concurrent.futures.ProcessPoolExecutor",
    "from concurrent.futures import ProcessPoolExecutor as PPE\np = PPE()": "concurrent.futures.ProcessPoolExecutor",
    "from concurrent.futures.process import ProcessPoolExecutor\np = ProcessPoolExecutor()": (
        "concurrent.futures.ProcessPoolExecutor"
    ),
    "import multiprocessing\np = getattr(multiprocessing, 'Pool')()": "multiprocessing.Pool",
    "import multiprocessing\nmake = multiprocessing.Pool\np = make()": "multiprocessing.Pool",
    "try:\n    from multiprocess import Pool\nexcept ImportError:\n    from multiprocessing import Pool\np = Pool()": (
        "multiprocess.Pool | multiprocessing.Pool"
    ),
    "import multiprocessing\np = multiprocessing.Manager().Pool()": "multiprocessing.Manager().Pool",
    "from multiprocess import Pool\np = Pool()": "multiprocess.Pool",
    "from torch.multiprocessing import Pool\np = Pool()": "torch.multiprocessing.Pool",
    "import torch.multiprocessing as mp\np = mp.get_context('spawn').Pool()": "torch.multiprocessing.Pool",
    "from loky import get_reusable_executor\np = get_reusable_executor()": "loky.get_reusable_executor",
    "from mpi4py.futures import MPIPoolExecutor\np = MPIPoolExecutor()": "mpi4py.futures.MPIPoolExecutor",
    "from multiprocessing.pool import ThreadPool\np = ThreadPool()": "multiprocessing.pool.ThreadPool",
    "from multiprocessing.dummy import Pool\np = Pool()": "multiprocessing.dummy.Pool",
    "from concurrent.futures import ThreadPoolExecutor\np = ThreadPoolExecutor()": "concurrent.futures.ThreadPoolExecutor",
}


@pytest.mark.parametrize("source", CONSTRUCTIONS)
def test_construction(source: str) -> None:
    assert only_site(source).api == CONSTRUCTIONS[source]


@pytest.mark.parametrize(
    "source",
    [
        "class Pool:\n    def map(self, f, xs): ...\np = Pool()\np.map(len, [])",
        "from multiprocessing import Pool\nclass Pool: ...\np = Pool()",
        "from dynesty.pool import Pool\np = Pool()",
        "from .pools import Pool\np = Pool()",
        "from asyncpg.pool import Pool\np = Pool()",
        "import multiprocessing\ndef Pool(): ...\np = Pool()",
        "from multiprocessing import Pool\ndef f(Pool):\n    return Pool()",
        "p = Pool()",
    ],
)
def test_not_a_pool(source: str) -> None:
    assert survey(source).sites == ()


def test_thread_pools_are_told_apart() -> None:
    site = only_site("from multiprocessing.pool import ThreadPool\nwith ThreadPool() as p:\n    p.map(lambda x: x, [])\n")
    assert site.workers == "thread"
    assert not site.operations[0].process_only


def test_conditional_class() -> None:
    site = only_site(
        """
        from multiprocessing import Pool
        from multiprocessing.pool import ThreadPool
        cls = Pool if big else ThreadPool
        with cls(4) as p:
            p.map(f, xs)
        """
    )
    assert site.api == "multiprocessing.Pool | multiprocessing.pool.ThreadPool"
    assert site.workers == "unknown"
    assert not site.operations[0].process_only


def test_conditional_pool_belongs_to_both() -> None:
    facts = survey(
        """
        from multiprocessing import Pool
        from multiprocessing.pool import ThreadPool
        p = Pool() if big else ThreadPool()
        p.map(lambda x: x, xs)
        """
    )
    assert [site.workers for site in facts.sites] == ["process", "thread"]
    operation = facts.sites[0].operations[0]
    assert operation.sites == (0, 1)
    assert operation.certain
    assert not operation.process_only


def test_one_name_for_two_pools_in_turn() -> None:
    facts = survey(
        """
        from multiprocessing import Pool
        from multiprocessing.pool import ThreadPool
        p = Pool()
        p.map(f, xs)
        p = ThreadPool()
        p.map(lambda x: x, xs)
        """
    )
    process, thread = facts.sites
    assert [op.task.kind for op in process.operations if op.task] == ["unknown"]
    assert [op.task.kind for op in thread.operations if op.task] == ["lambda"]


def test_subclass_is_found_and_kept_apart() -> None:
    site = only_site(
        """
        from multiprocessing.pool import Pool
        class Mine(Pool):
            def map(self, f, xs): ...
        p = Mine(3)
        """
    )
    assert site.api == "multiprocessing.pool.Pool"
    assert not site.stdlib


def test_partial_of_a_pool_class_keeps_what_it_binds() -> None:
    site = only_site(
        """
        from functools import partial
        from multiprocessing import Pool
        def start(x): ...
        make = partial(Pool, 2, initializer=start)
        p = make(initargs=(1,))
        """
    )
    assert [argument.keyword for argument in site.arguments] == [None, "initializer", "initargs"]
    assert site.worker_count is not None
    assert site.worker_count.const == 2
    assert site.initializer is not None
    assert site.initializer.kind == "function"


def test_import_inside_a_function() -> None:
    site = only_site("def main(xs):\n    import multiprocessing as mp\n    with mp.Pool() as p:\n        return p.map(len, xs)\n")
    assert site.operations[0].certain


def test_class_returned_in_a_tuple() -> None:
    site = only_site(
        """
        from multiprocessing import Pool
        class Fitter:
            def _classes(self):
                return Pool, {"processes": 2}
            def fit(self, xs):
                Pool, options = self._classes()
                with Pool(**options) as executor:
                    return [executor.apply_async(len, (x,)).get() for x in xs]
        """
    )
    assert site.api == "multiprocessing.Pool"
    assert [argument.star for argument in site.arguments] == ["**"]
    assert [operation.method for operation in site.operations] == ["apply_async"]


def test_tuple_of_executor_classes() -> None:
    site = only_site(
        """
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        for cls in (ProcessPoolExecutor, ThreadPoolExecutor):
            with cls(max_workers=2) as executor:
                executor.submit(len, [])
        """
    )
    assert site.workers == "unknown"
    assert not site.operations[0].process_only


def test_pool_or_int_parameter() -> None:
    site = only_site(
        """
        from multiprocessing import Pool
        def metrics(xs, pool=None, n_jobs=1):
            close = False
            if isinstance(pool, int) or pool is None:
                pool = Pool(n_jobs)
                close = True
            out = pool.map(len, xs)
            if close:
                pool.close()
            return out
        """
    )
    assert [operation.certain for operation in site.operations] == [False]
    assert site.lifetime == "closed"


def test_splats_hide_keywords() -> None:
    site = only_site("from multiprocessing import Pool\ndef main(**options):\n    return Pool(**options).map(*args())\n")
    assert site.worker_count is None
    assert site.operations[0].task is None


def test_initializer_as_the_worker_loop() -> None:
    facts = survey(
        """
        from multiprocessing import Pool, Queue
        def loop(jobs):
            while True:
                handle(jobs.get())
        def stops(jobs):
            while True:
                if jobs.get() is None:
                    break
        jobs = Queue()
        a = Pool(2, loop, (jobs,))
        b = Pool(2, stops, (jobs,))
        """
    )
    endless = [facts.functions[site.initializer.function].endless for site in facts.sites if site.initializer]
    assert endless == [True, False]


@pytest.mark.parametrize(
    ("source", "pickling"),
    [
        ("from multiprocess import Pool\np = Pool()", "dill"),
        ("from pathos.multiprocessing import ProcessPool\np = ProcessPool()", "dill"),
        ("from loky import get_reusable_executor\np = get_reusable_executor()", "cloudpickle"),
        ("from ray.util.multiprocessing import Pool\np = Pool()", "cloudpickle"),
        ("from billiard import Pool\np = Pool()", "pickle"),
        ("from mpi4py.futures import MPIPoolExecutor\np = MPIPoolExecutor()", "pickle"),
    ],
)
def test_third_party_families_pickle_in_their_own_way(source: str, pickling: str) -> None:
    site = only_site(source)
    assert site.pickling == pickling
    assert not site.stdlib


# -- bindings and lifetimes


@pytest.mark.parametrize(
    ("source", "binding", "lifetime"),
    [
        ("with Pool() as p:\n    p.map(f, xs)", "with", "with"),
        ("p = Pool()\nwith p:\n    p.map(f, xs)", "name", "with"),
        ("with closing(Pool()) as p:\n    p.map(f, xs)", "with", "with"),
        ("with ExitStack() as s:\n    p = s.enter_context(Pool())\n    p.map(f, xs)", "name", "with"),
        ("p = Pool()\np.map(f, xs)\np.close()", "name", "closed"),
        ("p = Pool()\ntry:\n    p.map(f, xs)\nfinally:\n    p.terminate()", "name", "closed"),
        ("p: object = Pool()\np.map(f, xs)", "name", "unclosed"),
        ("(p := Pool()).map(f, xs)", "name", "unclosed"),
        ("Pool().map(f, xs)", "chained", "unclosed"),
        ("def make():\n    return Pool()", "returned", "escapes"),
        ("register(Pool())", "argument", "escapes"),
        ("p = Pool()\natexit.register(p.close)\np.map(f, xs)", "name", "closed"),
        ("pools = [Pool(), 1]\npools[0].map(f, xs)\nfor q in pools:\n    q.close()", "other", "closed"),
    ],
)
def test_binding_and_lifetime(source: str, binding: str, lifetime: str) -> None:
    imports = "import atexit\nfrom contextlib import ExitStack, closing\nfrom multiprocessing import Pool\n"
    site = only_site(imports + source)
    assert (site.binding, site.lifetime) == (binding, lifetime)


def test_attribute_across_methods_and_subclasses() -> None:
    site = only_site(
        """
        import multiprocessing as mp
        class Base:
            def open(self):
                self.pool = mp.Pool()
            def close(self):
                self.pool.close()
                self.pool.join()
        class Runner(Base):
            def run(self, xs):
                return self.pool.map(work, xs)
        """
    )
    assert site.binding == "attribute"
    assert site.name == "self.pool"
    assert [end.how for end in site.ends] == ["close", "join"]
    assert [operation.method for operation in site.operations] == ["map"]


def test_factory_and_parameter() -> None:
    site = only_site(
        """
        from multiprocessing import Pool
        def make(n):
            return Pool(n)
        def run(pool, xs):
            return pool.map(work, xs)
        def main():
            pool = make(2)
            run(pool, [1])
            pool.close()
        """
    )
    assert [operation.method for operation in site.operations] == ["map"]
    assert site.operations[0].certain
    assert [end.how for end in site.ends] == ["close"]


def test_context_manager_function_that_yields_a_pool() -> None:
    site = only_site(
        """
        from contextlib import contextmanager
        from multiprocessing import Pool
        @contextmanager
        def opened():
            p = Pool()
            try:
                yield p
            finally:
                p.terminate()
        with opened() as pool:
            pool.map(work, [])
        """
    )
    assert [operation.method for operation in site.operations] == ["map"]
    assert site.ends[0].in_finally


def test_module_variable_used_in_functions() -> None:
    site = only_site(
        """
        from multiprocessing import Pool
        POOL = None
        def start():
            global POOL
            POOL = Pool()
        def run(xs):
            return POOL.map(work, xs)
        """
    )
    assert site.operations[0].certain
    assert site.lifetime == "unclosed"


def test_parameter_or_own_pool_is_not_certain() -> None:
    operation = only_operation(
        """
        from multiprocessing import Pool
        def run(xs, pool=None):
            if pool is None:
                pool = Pool()
            return pool.map(work, xs)
        """
    )
    assert not operation.certain


def test_recursion_does_not_run_away() -> None:
    site = only_site(
        """
        from multiprocessing import Pool
        def walk(pool, tree):
            for child in tree:
                walk(pool, child)
            pool.apply_async(work, (tree,))
        def main(tree):
            with Pool() as p:
                walk(p, tree)
        """
    )
    assert [operation.method for operation in site.operations] == ["apply_async"]


def test_a_name_that_grows_in_a_loop_does_not_run_away() -> None:
    source = """
        import lib
        from multiprocessing import Pool
        x = lib.thing
        while x:
            x = x.next
            x = x.other.strip()
        p = Pool()
        p.map(x, [])
        """
    assert only_operation(source).task is not None


def test_pool_class_that_only_a_subclass_names() -> None:
    site = only_site(
        """
        import multiprocessing
        class Base:
            POOL_TYPE: object
            def run(self, n):
                pool = self.create(n)
                return pool.map(lambda x: x, [1])
            @classmethod
            def create(cls, n):
                return cls.POOL_TYPE(processes=n)
        class Spawning(Base):
            POOL_TYPE = multiprocessing.get_context("spawn").Pool
        """
    )
    assert site.start_method == "spawn"
    assert [operation.method for operation in site.operations] == ["map"]


# -- where the construction runs


def test_at_import_directly_through_a_call_and_guarded() -> None:
    facts = survey(
        """
        from multiprocessing import Pool
        P = Pool()
        def main():
            with Pool() as p:
                p.map(work, [])
        def other():
            Pool()
        main()
        if __name__ == "__main__":
            other()
        """
    )
    first, through, guarded = facts.sites
    assert first.at_import is not None
    assert through.at_import is not None
    assert through.at_import.span.start == facts.text.index("main()\nif")
    assert guarded.at_import is None
    assert facts.guard is not None


def test_start_methods() -> None:
    def method(source: str) -> str | None:
        return only_site(
            "import multiprocessing as mp\nfrom concurrent.futures import ProcessPoolExecutor\n" + source
        ).start_method

    assert method("mp.Pool()") is None
    assert method("mp.get_context().Pool()") is None
    assert method("mp.get_context('fork').Pool()") == "fork"
    assert method("mp.get_context(method=name()).Pool()") == "unknown"
    assert method("ProcessPoolExecutor(mp_context=mp.get_context('spawn'))") == "spawn"
    assert method("ProcessPoolExecutor(4, mp.get_context('spawn'))") == "spawn"
    assert method("def f(c):\n    ProcessPoolExecutor(mp_context=c)") == "unknown"


# -- tasks


TASKS = {
    "pool.map(work, xs)": ("function", False),
    "pool.map(lambda x: x, xs)": ("lambda", False),
    "pool.map(square, xs)": ("lambda", False),
    "pool.map(local, xs)": ("nested", False),
    "pool.map(partial(work, 1), xs)": ("function", True),
    "pool.map(partial(local, 1), xs)": ("nested", True),
    "pool.map(bound, xs)": ("function", True),
    "pool.map(Thing().run, xs)": ("method", False),
    "pool.map(Thing(), xs)": ("instance", False),
    "pool.map(Thing, xs)": ("class", False),
    "pool.map(len, xs)": ("builtin", False),
    "pool.map(os.stat, xs)": ("imported", False),
    "pool.map(given, xs)": ("parameter", False),
    "pool.map(func=work, iterable=xs)": ("function", False),
    "pool.apply_async(work(1))": ("called", False),
    "pool.map(make(), xs)": ("nested", False),
    "pool.map(unknown.thing, xs)": ("unknown", False),
}


@pytest.mark.parametrize("call", TASKS)
def test_task(call: str) -> None:
    operation = only_operation(
        f"""
        import os
        from functools import partial
        from multiprocessing import Pool
        square = lambda x: x * x
        def work(x):
            return x
        def make():
            def made(x):
                return x
            return made
        class Thing:
            def run(self, x): ...
            def __call__(self, x): ...
        def main(xs, given):
            def local(x):
                return x
            bound = partial(work, 1)
            with Pool() as pool:
                {call}
        """
    )
    assert operation.task is not None
    assert (operation.task.kind, operation.task.partial) == TASKS[call]


def test_value_that_may_be_none_is_unknown() -> None:
    operation = only_operation(
        """
        import multiprocessing as mp
        lock = mp.Lock() if wanted else None
        mp.Pool().apply(len, (lock,))
        """
    )
    assert [item.kind for item in operation.arguments[1].value.items] == ["unknown"]


def test_rebound_task_is_unknown() -> None:
    operation = only_operation(
        """
        from multiprocessing import Pool
        task = lambda x: x
        if fast:
            task = int
        Pool().map(task, [])
        """
    )
    assert operation.task is not None
    assert operation.task.kind == "unknown"


def test_captures_of_a_lambda() -> None:
    facts = survey(
        """
        from multiprocessing import Pool
        K = 1
        def main(xs, n):
            m = 3
            m2 = 1
            m2 = 2
            with Pool() as pool:
                return pool.map(lambda x: x + n + m + m2 + K, xs), [pool.apply(lambda: y) for y in xs]
        """
    )
    first, second = [operation for _, operation in facts.operations()]
    assert first.task is not None
    assert second.task is not None
    assert first.task.function is not None
    assert second.task.function is not None
    captures = {capture.name: (capture.value.kind, capture.rebound) for capture in facts.functions[first.task.function].captures}
    assert captures == {"n": ("parameter", False), "m": ("const", False), "m2": ("unknown", True)}
    assert [capture.name for capture in facts.functions[second.task.function].captures] == ["y"]


def test_globals_of_a_worker() -> None:
    facts = survey(
        """
        from multiprocessing import Pool
        CACHE = {}
        LIMIT = None
        def helper(x):
            return CACHE[x]
        def work(x):
            return helper(x) + LIMIT
        def fill():
            CACHE.update(a=1)
        if __name__ == "__main__":
            LIMIT = 3
            fill()
            Pool().map(work, [])
        """
    )
    (operation,) = facts.sites[0].operations
    assert operation.task is not None
    reads = {use.name for function in facts.reachable(operation.task.function) for use in function.globals if use.how == "read"}
    assert reads >= {"CACHE", "LIMIT"}
    assert [(use.how, use.under_guard, use.function) for use in facts.globals["LIMIT"]] == [
        ("assign", False, 0),
        ("assign", True, 0),
    ]
    assert [use.how for use in facts.globals["CACHE"]] == ["assign", "mutate"]
    assert facts.called_under_guard
    assert not facts.called_at_import


# -- handles


def uses(body: str) -> tuple[list[tuple[str, str]], bool]:
    """(how, via) of the uses of the first operation's handle, and whether they are complete."""
    source = f"""
import asyncio
from concurrent.futures import ProcessPoolExecutor, as_completed, wait
from multiprocessing import Pool
from tqdm import tqdm
def work(x):
    return x
def main(xs):
    pool = Pool()
    executor = ProcessPoolExecutor()
{textwrap.indent(textwrap.dedent(body), "    ")}
"""
    _, operation = next(survey(source).operations())
    return [(use.how, use.via) for use in operation.handle.uses], operation.handle.complete


HANDLES = {
    "r = pool.apply_async(work)\nr.get()": [("get", "direct")],
    "pool.apply_async(work).get(3)": [("get", "direct")],
    "rs = [pool.apply_async(work) for x in xs]\n[r.get() for r in rs]": [("iterate", "collection"), ("get", "direct")],
    "rs = []\nfor x in xs:\n    rs.append(pool.apply_async(work))\nfor r in rs:\n    r.wait()": [
        ("iterate", "collection"),
        ("wait", "direct"),
    ],
    "for y in pool.imap(work, xs):\n    print(y)": [("iterate", "direct")],
    "list(pool.imap(work, xs))": [("consume", "direct")],
    "list(tqdm(pool.imap(work, xs)))": [("consume", "view")],
    "for i, y in enumerate(pool.imap(work, xs)):\n    print(y)": [("zip", "direct"), ("iterate", "view")],
    "it = pool.imap(work, xs)\nnext(it)": [("next", "direct")],
    "list(y for y in pool.imap(work, xs))": [("consume", "view")],
    "[y for y in pool.imap(work, xs)]": [("iterate", "direct")],
    "d = {executor.submit(work, x): x for x in xs}\nfor f in as_completed(d):\n    d[f]\n    f.result()": [
        ("as_completed", "collection"),
        ("iterate", "view"),
        ("result", "direct"),
    ],
    "fs = {executor.submit(work, x) for x in xs}\ndone, rest = wait(fs)\nfor f in done:\n    f.exception()": [
        ("wait_futures", "collection"),
        ("iterate", "collection"),
        ("exception", "direct"),
    ],
    "a, b = executor.map(work, xs)": [("consume", "direct")],
    "executor.map(work, xs)": [],
    "rs = pool.map_async(work, xs)\nlist(map(lambda r: r.get(), [rs]))": [("get", "direct")],
}


@pytest.mark.parametrize("body", HANDLES)
def test_handle_uses(body: str) -> None:
    found, complete = uses(body)
    assert found == HANDLES[body]
    assert complete


@pytest.mark.parametrize(
    "body",
    [
        "return pool.imap(work, xs)",
        "yield executor.submit(work)",
        "keep(pool.apply_async(work))",
        "other.results = executor.submit(work)",
        "other.append(executor.submit(work))",
        "return [executor.submit(work) for x in xs]",
        "rs = []\nrs.append(executor.submit(work))\nreturn rs",
        "cache[1] = executor.submit(work)",
        "assert keep(executor.submit(work))",
    ],
)
def test_handle_escapes(body: str) -> None:
    _, complete = uses(body)
    assert not complete


TAKERS = """\
from concurrent.futures import ProcessPoolExecutor
from functools import partial
kept = {}
def wait_for(future, *, timeout=None):
    return future.result(timeout)
def keep(**settings):
    kept.update(settings)
class Keep:
    def __init__(self, **settings):
        for name, value in settings.items():
            self.set(name, value)
    def set(self, name, value):
        kept[name] = value
class Call:
    def __call__(self, future=None, **settings):
        return wait_for(future or settings["other"])
def main():
    future = ProcessPoolExecutor().submit(work)
    USE
"""


@pytest.mark.parametrize(
    ("use", "complete"),
    [
        ("keep(future=future)", False),
        ("Keep(future=future)", False),
        ("Call()(other=future)", False),
        ("partial(keep, n=1)(future=future)", False),
        ("partial(partial(wait_for))(future)", False),
        ("keep(**{'future': future})", False),
        ("keep(**dict(future=future))", False),
        ("wait_for(**{'future': future})", False),
        ("wait_for(future=future, timeout=3)", True),
        ("Call()(future=future)", True),
        ("partial(wait_for, timeout=3)(future)", True),
        ("dict(future=future)['future'].result()", True),
        ("kept.update(future=future); kept['future'].result()", True),
    ],
)
def test_what_is_taken_by_two_stars_escapes(use: str, complete: bool) -> None:
    operation = only_operation(TAKERS.replace("USE", use))
    assert operation.handle.complete == complete
    assert complete == ("result" in [use.how for use in operation.handle.uses])


def test_a_list_that_is_taken_by_two_stars_may_have_grown() -> None:
    operation = only_operation(
        """
        from multiprocessing import Pool
        def grow(**given):
            given["rows"].append(4)
        def main():
            rows = [1, 2, 3]
            grow(rows=rows)
            Pool().map(abs, rows)
        """
    )
    assert operation.arguments[1].value.length is None


def test_handle_kept_on_self_is_followed() -> None:
    operation = only_operation(
        """
        from concurrent.futures import ProcessPoolExecutor
        class A:
            def start(self, pool: ProcessPoolExecutor):
                self.future = ProcessPoolExecutor().submit(work)
            def finish(self):
                return self.future.result()
        """
    )
    assert [use.how for use in operation.handle.uses] == ["result"]
    assert operation.handle.complete


def test_run_in_executor_and_awaits() -> None:
    site = only_site(
        """
        import asyncio
        from concurrent.futures import ProcessPoolExecutor
        async def main(loop):
            with ProcessPoolExecutor() as executor:
                await loop.run_in_executor(executor, work, 1)
                fs = [asyncio.get_running_loop().run_in_executor(executor, work, x) for x in range(3)]
                await asyncio.gather(*fs)
        """
    )
    first, second = site.operations
    assert site.in_async
    assert (first.method, first.handle.kind, first.awaited) == ("run_in_executor", "aio_future", True)
    assert [use.how for use in second.handle.uses] == ["gather"]
    assert second.task is not None


def test_callbacks() -> None:
    site = only_site(
        """
        from multiprocessing import Pool
        def main():
            pool = Pool()
            pool.apply_async(work, (1,), {}, done)
            pool.apply_async(work, callback=done, error_callback=lambda e: print(e))
        def work(x): ...
        def done(x): ...
        """
    )
    assert [[name for name, _ in operation.callbacks] for operation in site.operations] == [
        ["callback"],
        ["callback", "error_callback"],
    ]


def test_bound_method_as_a_value_escapes() -> None:
    site = only_site("from multiprocessing import Pool\np = Pool()\ntoolbox.register('map', p.map)\n")
    assert [(use.how, use.name) for use in site.uses] == [("pass", "map")]
    assert not site.complete


def test_local_alias_of_a_bound_method_is_an_operation() -> None:
    site = only_site("from multiprocessing import Pool\np = Pool()\nrun = p.map\nrun(len, [])\n")
    assert [operation.method for operation in site.operations] == ["map"]
    assert site.complete


def test_partial_of_a_bound_method_keeps_its_task() -> None:
    operation = only_operation(
        """
        from functools import partial
        from multiprocessing import Pool
        def work(x): ...
        run = partial(Pool().map, work)
        run([1, 2])
        """
    )
    assert operation.task is not None
    assert operation.task.kind == "function"
    assert operation.iterable is not None
    assert operation.iterable.length == 2


def test_private_attribute_is_a_use() -> None:
    site = only_site("from multiprocessing import Pool\np = Pool()\nprint(len(p._pool))\n")
    assert ("method", "_pool") in [(use.how, use.name) for use in site.uses]


# -- blocks, order


def test_blocks_around_an_operation() -> None:
    operation = only_operation(
        """
        import sys
        from multiprocessing import Pool, TimeoutError
        def main(xs):
            with Pool() as pool:
                for x in xs:
                    try:
                        if sys.version_info >= (3, 14):
                            pool.apply_async(work, (x,)).get(timeout=1)
                    except (TimeoutError, OSError) as e:
                        break
        """
    )
    assert [step.block.kind for step in operation.point.path] == ["with", "for", "try", "if"]
    _, loop, attempt, test = (step.block for step in operation.point.path)
    assert loop.targets == ("x",)
    assert loop.leaves == ("break",)
    assert [name.api for name in attempt.handlers[0].types] == ["multiprocessing.TimeoutError", "builtins.OSError"]
    assert "sys.version_info" in test.tests
    assert operation.loop is loop


def test_unparsable_text_says_where() -> None:
    with pytest.raises(Unparsable) as caught:
        survey_file("old.py", 'import multiprocessing\nprint "x"\n')
    assert caught.value.line == 2


def test_same_source_same_facts() -> None:
    source = "from multiprocessing import Pool\nwith Pool() as p:\n    p.map(len, [1])\n"
    assert repr(survey(source).sites) == repr(survey(source).sites)


# -- on the way to a pool


def test_calls_of_own_functions_on_the_way_to_a_pool() -> None:
    facts = survey(
        """
        from multiprocessing import Pool
        def quiet(): ...
        def load(): ...
        def lines(): yield 1
        async def later(): ...
        def main(make=None):
            quiet()
            lines(), later()
            (make or quiet)()
            with Pool() as pool:
                load()
                pool.map(len, [])
        def elsewhere():
            quiet()
        if __name__ == "__main__":
            main()
        """
    )
    names = {function.id: function.name for function in facts.functions.values()}
    (site,) = facts.sites
    calls = [(names.get(c.function), [names[f] for f in c.callees], c.certain, c.under_guard) for c in facts.local_calls]
    assert calls == [
        (None, ["main"], True, True),
        ("main", ["quiet"], True, False),
        ("main", ["quiet"], False, False),
        ("main", ["load"], True, False),
    ]
    first, last = facts.local_calls[1], facts.local_calls[3]
    assert before(first.point, site.point)
    assert dominates(site.point, last.point)
    assert facts.cut(last.point.span) == "load()"


def test_place_of_a_global_that_is_written() -> None:
    facts = survey(
        """
        from multiprocessing import Pool
        TABLE = {}
        def work(x): return TABLE[x]
        def main(serial, xs):
            global TABLE
            with Pool() as pool:
                if serial:
                    TABLE = 1
                    return
                TABLE.update(xs)
                pool.map(work, xs)
        """
    )
    operation = facts.sites[0].operations[0]
    assign, mutate = facts.globals["TABLE"][1:]
    assert assign.point is not None
    assert mutate.point is not None
    assert [(step.block.kind, step.arm) for step in assign.point.path] == [("with", "body"), ("if", "body")]
    assert not dominates(assign.point, operation.point)
    assert dominates(mutate.point, operation.point)


def test_the_context_of_what_is_handed_over() -> None:
    site = only_site(
        """
        import multiprocessing as mp
        fork = mp.get_context("fork")
        Lock = mp.get_context(name).Lock
        queue = fork.Queue()
        pool = mp.get_context("spawn").Pool(2, f, (queue, fork.Lock(), Lock(), mp.Lock(), mp.get_context().Lock()))
        """
    )
    assert site.start_method == "spawn"
    items = site.arguments[2].value.items
    assert [item.start_method for item in items] == ["fork", "fork", "unknown", None, None]
    assert items[0].api == "multiprocessing.Queue"


def test_what_a_class_has_from_the_standard_library() -> None:
    facts = survey(
        """
        import threading
        from multiprocessing import Pool
        class Ticker(threading.Thread):
            def __init__(self):
                self.name = "x"
            def run(self):
                self.setDaemon(True)
        class Quiet(Ticker):
            def join(self): ...
        class Other(threading.Thread): ...
        def main():
            ticker, quiet, other, plain = Ticker(), Quiet(), Other(), threading.Thread(target=print)
            ticker.start()
            quiet.start()
            quiet.join()
            other.start()
            plain.start()
            with Pool() as pool:
                pool.map(len, [])
            ticker.join()
            plain.join()
        """
    )
    threads = [call for call in facts.library_calls if call.api.startswith("threading.")]
    calls = {(call.api, call.receiver.text if call.receiver else ""): call for call in threads}
    start, join = "threading.Thread().start", "threading.Thread().join"
    assert calls.keys() == {
        *((start, name) for name in ("ticker", "quiet", "other", "plain")),
        # a subclass of Ticker defines join: which one runs is not plain
        (join, "plain"),
        ("threading.Thread().setDaemon", "self"),
        ("threading.Thread", ""),
    }
    made = calls["threading.Thread", ""]
    assert calls[start, "plain"].made_at == calls[join, "plain"].made_at == made.point.order
    assert calls[start, "ticker"].made_at is None
    receiver = calls[start, "ticker"].receiver
    assert receiver is not None
    assert receiver.kind == "instance"
    # Thread.start runs what the class defines: not all is seen
    main = next(function for function in facts.functions.values() if function.name == "main")
    assert not main.complete


def test_a_method_of_an_object_is_not_imported() -> None:
    operation = only_operation(
        """
        import logging
        from multiprocessing import Pool
        log = logging.getLogger()
        with Pool() as pool:
            pool.map(log.info, [])
        """
    )
    assert operation.task is not None
    assert (operation.task.kind, operation.task.api) == ("unknown", "logging.getLogger().info")


# -- what leads to a task, a class, a value


def test_decorators_are_followed() -> None:
    facts = survey(
        """
        import functools
        from multiprocessing import Pool
        def deco(fn):
            @functools.wraps(fn)
            def wrapper(*a): return fn(*a)
            return wrapper
        def configured(n):
            def inner(fn):
                return fn
            return inner
        class Counted:
            def __init__(self, fn): self.fn = fn
        @deco
        def a(x): return x
        @configured(3)
        def b(x): return x
        @Counted
        def c(x): return x
        with Pool() as pool:
            pool.map(a, []), pool.map(b, []), pool.map(c, [])
        """
    )
    functions = {function.name: function for function in facts.functions.values()}
    (deco,), (inner,), (counted,) = (functions[name].decorator_values for name in "abc")
    assert (deco.kind, deco.function) == ("function", functions["deco"].id)
    assert (inner.kind, inner.function) == ("function", functions["inner"].id)
    assert counted.class_id is not None
    assert facts.classes[counted.class_id].name == "Counted"
    (wraps,) = functions["wrapper"].decorator_values
    assert (wraps.kind, wraps.api, wraps.items[0].text) == ("call", "functools.wraps", "fn")
    assert [call.api for call in functions["deco"].library_calls] == ["functools.wraps"]


def test_the_call_that_made_a_task() -> None:
    site = only_site(
        """
        import functools
        from multiprocessing import Pool
        def deco(fn):
            def wrapper(*a): return fn(*a)
            return wrapper
        def sq(x): return x
        fast = deco(sq)
        cached = functools.lru_cache(None)(sq)
        pool = Pool()
        pool.map(fast, [])
        pool.map(cached, [])
        pool.map(sq, [])
        """
    )
    fast, cached, plain = (operation.task for operation in site.operations)
    assert fast is not None
    assert fast.made_by is not None
    assert (fast.kind, fast.made_by.kind, [item.text for item in fast.made_by.items]) == ("nested", "call", ["sq"])
    assert fast.made_by.function is not None
    assert cached is not None
    assert cached.made_by is not None
    assert (cached.made_by.api, cached.made_by.items[0].kind) == ("functools.lru_cache()", "function")
    assert plain is not None
    assert plain.made_by is None


def test_what_a_class_stores_and_where() -> None:
    facts = survey(
        """
        import attr, sqlite3, threading
        from multiprocessing import Pool
        class Db:
            def __init__(self): self.conn = sqlite3.connect("x")
        @attr.s(slots=True)
        class A:
            def __init__(self, n):
                self.lock = threading.Lock()
                self.db = Db()
                if n:
                    self.maybe = threading.Event()
            def m(self, x): return x
            def drop(self): del self.lock
        class B(A):
            def __reduce__(self): ...
        with Pool() as pool:
            pool.map(A(1).m, [])
        """
    )
    classes = {cls.name: cls for cls in facts.classes.values()}
    owner = classes["A"]
    assert [name.api for name in owner.decorators] == ["attr.s"]
    stores = [(s.name, s.value and s.value.api, [step.arm for step in s.point.path]) for s in owner.stores]
    assert stores == [
        ("lock", "threading.Lock", []),
        ("db", None, []),
        ("maybe", "threading.Event", ["body"]),
        ("lock", None, []),
    ]
    assert owner.stores[-1].value is None
    assert [name for name, _ in owner.attributes] == ["lock", "db", "maybe"]
    assert classes["Db"].attributes[0][1].api == "sqlite3.connect"
    assert (owner.custom_pickle, owner.custom_pickle_below) == (False, True)


def test_where_a_name_leads() -> None:
    facts = survey(
        """
        import os
        from multiprocessing import Pool
        count = os.cpu_count() // 2
        def work(x): ...
        with Pool(count) as pool:
            pool.map(work, [1])
        """
    )
    (site,) = facts.sites
    assert site.worker_count is not None
    assert site.worker_count.origin is not None
    assert facts.cut(site.worker_count.origin) == "os.cpu_count() // 2"
    assert [argument.value.origin for argument in site.operations[0].arguments] == [None, None]


def test_methods_of_builtin_containers_have_names() -> None:
    site = only_site(
        """
        from concurrent.futures import ProcessPoolExecutor
        d = {1: 2}
        executor = ProcessPoolExecutor()
        executor.submit(work, d.keys(), dict(a=1).values(), {x: x for x in y}.items(), unknown.keys())
        """
    )
    assert [argument.value.api for argument in site.operations[0].arguments[1:]] == [
        "builtins.dict().keys",
        "builtins.dict().values",
        "builtins.dict().items",
        None,
    ]


def test_a_handle_or_pool_that_may_be_none() -> None:
    site = only_site(
        """
        from concurrent.futures import ProcessPoolExecutor
        executor = ProcessPoolExecutor()
        first = executor.submit(a, 1)
        maybe = executor.submit(a, 1) if n else None
        executor.submit(b, first, maybe, executor)
        def run(x=None):
            executor.submit(b, x)
        run(executor)
        run()
        """
    )
    *_, mixed, inner = site.operations
    assert [(a.value.kind, a.value.handle, a.value.certain) for a in mixed.arguments[1:]] == [
        ("handle", "future", True),
        ("handle", "future", False),
        ("pool", "", True),
    ]
    assert [(a.value.kind, a.value.certain) for a in inner.arguments[1:]] == [("pool", False)]


# -- how a use comes about


def test_use_names_who_takes_it_and_through_what() -> None:
    site = only_site(
        """
        from itertools import islice
        from concurrent.futures import ProcessPoolExecutor
        from tqdm import tqdm
        def main(n):
            with ProcessPoolExecutor() as ex:
                res = ex.map(work, xs)
                if n:
                    res = list(res)
                print(len(res))
                a = ex.map(work, xs)
                if any(a):
                    print(list(a))
                for r in islice(tqdm(a), 3):
                    break
                for r in (x for x in a):
                    pass
                [x for x in a]
        """
    )
    first, second = site.operations
    assert [(use.how, use.api, use.certain) for use in first.handle.uses] == [
        ("consume", "builtins.list", True),
        ("len", "builtins.len", False),
    ]
    assert [(use.how, use.api, use.views) for use in second.handle.uses] == [
        ("consume", "builtins.any", ()),
        ("consume", "builtins.list", ()),
        ("iterate", "", ("tqdm.tqdm", "itertools.islice")),
        ("iterate", "", ("generator",)),
        ("iterate", "", ()),
    ]
    loops = [use.loop for use in second.handle.uses if use.how == "iterate"]
    assert [(loop.kind, loop.leaves) for loop in loops if loop is not None] == [
        ("for", ("break",)),
        ("for", ()),
        ("comprehension", ()),
    ]


def test_use_of_an_unknown_callee_is_named_and_timed() -> None:
    site = only_site(
        """
        import asyncio
        from concurrent.futures import ProcessPoolExecutor
        async def main(loop):
            executor = ProcessPoolExecutor(2)
            loop.set_default_executor(executor)
            await asyncio.wait_for(loop.run_in_executor(executor, work, 1), 5)
        """
    )
    (given,) = site.uses
    assert given.how == "pass"
    assert given.name_span is not None
    (operation,) = site.operations
    waited = operation.handle.uses[0]
    assert waited.timeout is not None
    assert (waited.how, waited.timeout.const) == ("wait_for", 5)


ASKED = [
    "[f.result() for f in wait(fs).done]",
    "r = wait(fs)\n[f.result() for f in r.done]",
    "done = wait(fs).not_done\n[f.result() for f in done]",
    "done, rest = wait(fs)\n[f.result() for f in done | rest]",
    "done, rest = wait(fs)\n[f.result() for f in done.union(rest)]",
    "done, rest = wait(fs)\n[f.result() for f in done.difference([])]",
    "[f.result() for f in set(fs) - set()]",
    "d = dict(zip(fs, xs))\n[f.result() for f in as_completed(d)]",
    "d = dict(zip(xs, fs))\n[f.result() for f in d.values()]",
    "for f in as_completed(fs):\n    getattr(f, 'result')()",
    "get = fs[0].result\nget()",
    "[f.result() for f in tqdm(total=3, iterable=as_completed(fs=fs))]",
    "[f.result() for f in wait(fs=fs)[0]]",
    "match fs[0]:\n    case x:\n        x.result()",
]


@pytest.mark.parametrize("body", ASKED)
def test_a_future_is_found_again(body: str) -> None:
    found, complete = uses("fs = [executor.submit(work, x) for x in xs]\n" + body)
    assert ("result", "direct") in found
    assert complete


@pytest.mark.parametrize("body", ["yield from as_completed(fs)", "yield from fs"])
def test_futures_that_are_handed_out_one_by_one_escape(body: str) -> None:
    _, complete = uses("fs = [executor.submit(work, x) for x in xs]\n" + body)
    assert not complete


def test_results_that_are_handed_out_one_by_one_do_not() -> None:
    found, complete = uses("yield from pool.imap(work, xs)")
    assert (found, complete) == ([("iterate", "direct")], True)


KEPT = """
from concurrent.futures import ProcessPoolExecutor
RUNNING = []
class K:
    def __init__(self):
        self.futures = []
        self._own = []
    def go(self, ex: ProcessPoolExecutor):
        ex = ProcessPoolExecutor()
        {}
"""


@pytest.mark.parametrize(
    ("body", "complete"),
    [
        ("self.futures.append(ex.submit(work, 1))", False),
        ("self.last = ex.submit(work, 2)", False),
        ("RUNNING.append(ex.submit(work, 3))", False),
        ("self._own.append(ex.submit(work, 4))", True),
        ("futures = []\n        futures.append(ex.submit(work, 5))", True),
        ("self.last = ex.submit(work, 6)\n    def end(self):\n        self.last.result()", True),
    ],
)
def test_a_handle_kept_where_others_may_find_it(body: str, complete: bool) -> None:
    operation = only_operation(KEPT.format(body))
    assert operation.handle.complete == complete
    assert [use.name for use in operation.handle.uses if use.how == "store"] == (
        [] if complete else [body.split("=")[0].split(".append")[0].removeprefix("self.").strip()]
    )


def test_what_a_script_keeps_is_for_nobody_else() -> None:
    operation = only_operation(
        """
        from concurrent.futures import ProcessPoolExecutor
        results = []
        if __name__ == "__main__":
            with ProcessPoolExecutor() as ex:
                results.append(ex.submit(work, 1))
        """
    )
    assert operation.handle.complete


def test_a_method_of_the_project_is_no_run_in_executor() -> None:
    site = only_site(
        """
        from concurrent.futures import ProcessPoolExecutor
        class Own:
            def run_in_executor(self, executor, function, item):
                return executor.submit(function, item).result()
        with ProcessPoolExecutor() as executor:
            Own().run_in_executor(executor, work, 1)
        """
    )
    assert [operation.method for operation in site.operations] == ["submit"]


def test_classes_of_what_is_sent_are_facts() -> None:
    facts = survey(
        """
        from concurrent.futures import ProcessPoolExecutor
        class Job: ...
        class Kind: ...
        class Setup: ...
        class Other: ...
        with ProcessPoolExecutor(initializer=print, initargs=(Setup(),)) as executor:
            executor.submit(print, [(1, Job())], Kind)
        Other()
        """
    )
    assert sorted(cls.name for cls in facts.classes.values()) == ["Job", "Kind", "Setup"]


def test_who_reads_and_changes_what_workers_get() -> None:
    facts = survey(
        """
        from multiprocessing import Pool
        COUNT = 0
        class Acc:
            def __init__(self):
                self.n = 0
                self.seen = []
            def add(self, x):
                self.n += x
                self.seen.append(x)
                print(self.n)
        def work(x, d):
            global COUNT
            COUNT += 1
            d[x] = x
            del d[0]
            d.table[x].items = 1
        if __name__ == "__main__":
            acc, d, other = Acc(), {}, []
            with Pool() as pool:
                pool.map(acc.add, [1, 2])
                pool.apply(work, (1, d))
            print(COUNT, acc.n, acc.seen[0].x, d)
            acc.n = 3
            d.update(a=1)
            other.append(1)
        """
    )
    scopes = {function.name: function.id for function in facts.functions.values()}

    def of(scope: int) -> list[tuple[str, str, str]]:
        return [(access.name, access.attribute, access.how) for access in facts.accesses[scope]]

    assert of(scopes["add"]) == [("self", "n", "assign"), ("self", "seen", "mutate")]
    assert of(scopes["work"]) == [("d", "", "mutate"), ("d", "", "mutate"), ("d", "table", "mutate")]
    assert of(0) == [
        ("acc", "add", "read"),
        ("d", "", "read"),
        ("COUNT", "", "read"),
        ("acc", "n", "read"),
        ("acc", "seen", "read"),
        ("d", "", "read"),
        ("acc", "n", "assign"),
        ("d", "", "mutate"),
    ]
    last = facts.sites[0].operations[-1].point
    assert [before(last, access.point) for access in facts.accesses[0]] == [False] * 2 + [True] * 6
    assert facts.cut(facts.accesses[0][2].point.span) == "COUNT"


def test_functions_that_only_a_library_call_names() -> None:
    facts = survey(
        """
        import signal
        from multiprocessing import Pool
        def handler(number, frame): ...
        if __name__ == "__main__":
            signal.signal(signal.SIGTERM, handler)
            with Pool() as pool:
                pool.map(len, [])
        """
    )
    (given,) = [call.arguments[1].value for call in facts.library_calls if call.api == "signal.signal"]
    assert given.function is not None
    assert facts.functions[given.function].name == "handler"


def test_the_call_of_a_decorator_that_is_an_object() -> None:
    facts = survey(
        """
        from multiprocessing import Pool
        class Configured:
            def __call__(self, function):
                def wrapper(x): return function(x)
                return wrapper
        @Configured()
        def task(x): ...
        Pool(2).map(task, [1])
        """
    )
    assert "Configured.__call__" in {function.qualname for function in facts.functions.values()}


@pytest.mark.parametrize("body", ["[*results]", "return [1, *results]", "(*results, 1)", "{1, *results}"])
def test_a_star_in_a_display_reads_an_iterator(body: str) -> None:
    assert uses("results = executor.map(work, xs)\n" + body) == ([("consume", "direct")], True)


def test_globals_that_globals_are_made_of() -> None:
    facts = survey(
        """
        from multiprocessing import Pool
        STEM = "a"
        OTHER = {}
        TABLE = {}
        NAME = f"{STEM}.h5"
        UNUSED = STEM
        TABLE.update(OTHER)
        def work(x): return NAME + TABLE[x]
        with Pool() as pool:
            pool.map(work, [])
        """
    )
    assert sorted(facts.globals) == ["NAME", "OTHER", "STEM", "TABLE"]


def test_names_of_an_expression() -> None:
    operation = only_operation(
        """
        from multiprocessing import Pool
        pool = Pool()
        pool.map(f, 1 if test else 2, [y for x in xs if cond for y in x], a or b)
        """
    )
    assert [sorted(argument.value.names) for argument in operation.arguments] == [
        ["f"],
        ["test"],
        ["cond", "x", "xs", "y"],
        ["a", "b"],
    ]


@pytest.mark.parametrize(
    ("body", "complete"),
    [
        ("lib.retry(lambda: executor.submit(work))", False),
        ("f = lambda: [executor.submit(work)]\nlib.go(f)", False),
        ("f = lambda: executor.submit(work)\nf().result()", True),
        ("fs = map(lambda x: executor.submit(work, x), xs)\n[f.result() for f in fs]", True),
    ],
)
def test_what_a_lambda_gives_to_somebody_unseen_escapes(body: str, complete: bool) -> None:
    assert uses(body)[1] == complete


def test_a_pair_is_not_the_view_that_yields_it() -> None:
    site = only_site(
        """
        from concurrent.futures import ProcessPoolExecutor
        def main():
            shapes = {1: 2}
            with ProcessPoolExecutor() as ex:
                for work in shapes.items():
                    ex.submit(w, work)
                for view in {1: {2: 3}.keys()}.values():
                    ex.submit(w, view)
        """
    )
    pair, view = (operation.arguments[1].value for operation in site.operations)
    assert pair.kind == "unknown"
    assert view.api == "builtins.dict().keys"


def test_a_notebook_is_a_script(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("")
    source = "from multiprocessing import Pool\npool = Pool(2)\n"
    notebook, module = (survey_file(str(tmp_path / name), source) for name in ("a.ipynb", "a.py"))
    assert (notebook.is_script, notebook.in_package) == (True, False)
    assert (module.is_script, module.in_package) == (False, True)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("found = list(pool.imap_unordered(work, xs))\nzip(xs, found)", [("consume", "direct"), ("zip", "item")]),
        ("found = [r for r in pool.imap_unordered(work, xs)]\nzip(xs, found)", [("iterate", "direct"), ("zip", "item")]),
        ("found = sorted(pool.imap_unordered(work, xs))\nzip(xs, found)", [("consume", "direct")]),
        ("for r in pool.imap_unordered(work, xs):\n    zip(xs, r)", [("iterate", "direct")]),
    ],
)
def test_results_in_a_list_are_paired(body: str, expected: list[tuple[str, str]]) -> None:
    assert uses(body) == (expected, True)


def test_an_item_of_a_library_object_is_not_the_object() -> None:
    site = only_site(
        """
        import os, sys
        from typing import List
        from concurrent.futures import ProcessPoolExecutor
        x = os.environ["X"]
        executor = ProcessPoolExecutor()
        executor.submit(work, x, sys.argv[0], os.environ, list[int](), List[int]())
        """
    )
    assert [argument.value.api for argument in site.operations[0].arguments[1:4]] == ["os.environ[]", "sys.argv[]", "os.environ"]
    assert [argument.value.kind for argument in site.operations[0].arguments[4:]] == ["call", "call"]


@pytest.mark.parametrize("loop", ["asyncio.get_running_loop()", "unknown()"])
def test_what_run_in_executor_gives_is_certain(loop: str) -> None:
    operation = only_operation(
        f"""
        import asyncio
        from concurrent.futures import ProcessPoolExecutor
        async def main():
            loop = {loop}
            asyncio.create_task(loop.run_in_executor(ProcessPoolExecutor(), work, 1))
        """
    )
    (use,) = operation.handle.uses
    assert (use.how, use.api, use.certain) == ("wrap_future", "asyncio.create_task", True)


@pytest.mark.parametrize(
    ("body", "length"),
    [
        ("xs = [1, 2]\npool.map(f, xs)", 2),
        ("xs = [1, 2]\nprint(xs)\npool.map(f, xs)", 2),
        ("xs = list(range(3))\npool.map(f, xs)", 3),
        ("pool.map(f, [1, 2])", 2),
        ("xs = (1, 2)\nunknown(xs)\npool.map(f, xs)", 2),
        ("xs = []\nfor x in y:\n    xs.append(x)\npool.map(f, xs)", None),
        ("xs = [1, 2]\nxs += y\npool.map(f, xs)", None),
        ("xs = [1, 2]\nxs[:1] = y\npool.map(f, xs)", None),
        ("xs = [1, 2]\ndel xs[0]\npool.map(f, xs)", None),
        ("xs = [1, 2]\nunknown(xs)\npool.map(f, xs)", None),
        ("import heapq\nxs = [1, 2]\nheapq.heappush(xs, 3)\npool.map(f, xs)", None),
        ("def grow(those):\n    those.extend(y)\nxs = [x for x in range(3)]\ngrow(xs)\npool.map(f, xs)", None),
        ("xs = list(range(3))\nxs.pop()\npool.map(f, xs)", None),
        ("class A:\n    def __init__(self):\n        self.xs = []\n    def go(self):\n        pool.map(f, self.xs)", None),
    ],
)
def test_a_list_that_may_have_grown_has_no_length(body: str, length: int | None) -> None:
    operation = only_operation("from multiprocessing import Pool\npool = Pool()\n" + body)
    assert operation.iterable is not None
    assert operation.iterable.length == length
