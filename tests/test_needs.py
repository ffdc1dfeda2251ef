"""What counts as a need, on small programs: the near misses above all.

Knows one question of the tree at a time. Must never know a verdict.
"""

from __future__ import annotations

import textwrap

import pytest

from poolaudit.facts import Evidence
from poolaudit.needs import killing, kinds, uses, workers
from poolaudit.settings import Settings, Version
from poolaudit.survey import survey_file
from poolaudit.tree import Subject

HEAD = """\
import asyncio, itertools, multiprocessing, os, signal, sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import Manager, Pool, get_context


def square(x):
    return x * x


"""


def subject(program: str, targets: tuple[Version, ...] = ()) -> Subject:
    file = survey_file("app.py", HEAD + textwrap.dedent(program))
    return Subject(file.sites[0], file, Settings(targets, declared=True) if targets else Settings())


def line(found: Evidence, about: Subject) -> str:
    assert found.where is not None
    start = about.file.text.rfind("\n", 0, found.where.start) + 1
    return about.file.text[start:].partition("\n")[0].strip()


KILL = {
    "after everything was drained": (
        """
        def run(xs):
            pool = Pool(2)
            results = list(pool.imap(square, xs))
            pool.terminate()
            return results
        """,
        "no",
    ),
    "after a loop over all results": (
        """
        def run(xs):
            pool = Pool(2)
            for result in pool.imap(square, xs):
                if result == 3:
                    continue
                print(result)
            pool.terminate()
        """,
        "no",
    ),
    "after a loop that a break ends": (
        """
        def run(xs):
            pool = Pool(2)
            for result in pool.imap(square, xs):
                if result == 3:
                    break
            pool.terminate()
        """,
        "yes",
    ),
    "after a blocking map": (
        """
        def run(xs):
            pool = Pool(2)
            results = pool.map(square, xs)
            pool.terminate()
            return results
        """,
        "no",
    ),
    "after close and join": (
        """
        def run(xs):
            pool = Pool(2)
            pool.map_async(square, xs)
            pool.close()
            pool.join()
            pool.terminate()
        """,
        "no",
    ),
    "of work that nobody waits for": (
        """
        def run(xs):
            pool = Pool(2)
            pool.map_async(square, xs)
            pool.terminate()
        """,
        "yes",
    ),
    "in a finally, as a with does it": (
        """
        def run(xs):
            pool = Pool(2)
            try:
                for result in pool.imap(square, xs):
                    print(result)
            finally:
                pool.terminate()
        """,
        "no",
    ),
    "when Ctrl-C leaves a blocking map": (
        """
        def run(xs):
            pool = Pool(2)
            try:
                pool.map(square, xs)
                pool.close()
            except KeyboardInterrupt:
                pool.terminate()
        """,
        "yes",
    ),
    "when a blocking map raises": (
        """
        def run(xs):
            pool = Pool(2)
            try:
                pool.map(square, xs)
                pool.close()
            except ValueError:
                pool.terminate()
        """,
        "no",
    ),
    "when one of many results raises": (
        """
        def run(xs):
            pool = Pool(2)
            try:
                for result in pool.imap(square, xs):
                    print(result)
                pool.close()
            except ValueError:
                pool.terminate()
        """,
        "yes",
    ),
    "in a signal handler": (
        """
        def run(xs):
            pool = Pool(2)

            def stop(number, frame):
                pool.terminate()

            signal.signal(signal.SIGTERM, stop)
            return pool.map(square, xs)
        """,
        "yes",
    ),
    "of results that are polled, from another method": (
        """
        class Monitor:
            def __init__(self):
                self.pool = Pool(2)
                self.pending = []

            def add(self, x):
                self.pending.append(self.pool.apply_async(square, (x,)))

            def poll(self):
                return [result.get() for result in self.pending if result.ready()]

            def stop(self):
                self.pool.terminate()
        """,
        "yes",
    ),
    "of results that another method waits for": (
        """
        class Runner:
            def __init__(self):
                self.pool = Pool(2)

            def run(self, xs):
                return [result.get() for result in [self.pool.apply_async(square, (x,)) for x in xs]]

            def stop(self):
                self.pool.terminate()
        """,
        "no",
    ),
    "of results that the caller reads": (
        """
        class Runner:
            def __init__(self):
                self.pool = Pool(2)

            def run(self, xs):
                return self.pool.imap(square, xs)

            def stop(self):
                self.pool.terminate()
        """,
        "unknown",
    ),
    "by the exit of a with, after a timeout": (
        """
        def run(x):
            with Pool(2) as pool:
                return pool.apply_async(square, (x,)).get(timeout=5)
        """,
        "yes",
    ),
    "not by a timeout alone": (
        """
        def run(x):
            pool = Pool(2)
            result = pool.apply_async(square, (x,)).get(5)
            pool.close()
            pool.join()
            return result
        """,
        "no",
    ),
    "not by the old way to keep Ctrl-C working": (
        """
        def run(xs):
            with Pool(2) as pool:
                return pool.map_async(square, xs).get(9999999)
        """,
        "no",
    ),
}


@pytest.mark.parametrize(("program", "answer"), KILL.values(), ids=KILL)
def test_kill(program: str, answer: str) -> None:
    about = subject(program)
    found = killing.kill(about)
    assert found.answer == answer
    if answer == "yes":
        assert "terminate()" in line(found, about) or "get(timeout" in line(found, about)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("pool.imap(square, itertools.count())", "yes"),
        ("pool.imap_unordered(square, made(3))", "yes"),
        ("list(pool.imap(square, made(3)))", "no"),
        ("pool.map(square, made(3))", "no"),
        ("pool.imap(square, range(10))", "no"),
        ("pool.imap(square, [x for x in range(10)])", "no"),
        ("pool.imap(square, xs)", "unknown"),
        ("pool.imap(square, (x for x in xs))", "unknown"),
    ],
)
def test_lazy_input_of_a_pool(call: str, answer: str) -> None:
    program = f"""
    def made(n):
        for x in range(n):
            yield x


    def run(xs):
        with Pool(2) as pool:
            for result in {call}:
                print(result)
    """
    assert uses.lazy_input(subject(program)).answer == answer


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("executor.map(square, itertools.count())", "yes"),
        ("executor.map(pow, itertools.count(), itertools.repeat(2))", "yes"),
        ("executor.map(pow, itertools.repeat(2), range(10))", "no"),
        ("executor.map(square, itertools.count(), buffersize=4)", "no"),
        ("executor.map(square, made(3))", "no"),
    ],
)
def test_lazy_input_of_an_executor_is_endless(call: str, answer: str) -> None:
    program = f"""
    def made(n):
        for x in range(n):
            yield x


    def run():
        with ProcessPoolExecutor(2) as executor:
            for result in {call}:
                print(result)
    """
    assert uses.lazy_input(subject(program)).answer == answer


NEW, OLD = ((3, 14),), ((3, 9), (3, 14))


@pytest.mark.parametrize(
    ("construction", "targets", "answer"),
    [
        ("Pool(2)", (), "no"),
        ("Pool(2, maxtasksperchild=None)", (), "no"),
        ("Pool(2, None, (), 5)", (), "yes"),
        ("Pool(2, maxtasksperchild=1)", (), "yes"),
        ("Pool(2, maxtasksperchild=1)", ((3, 11),), "yes"),
        ("get_context('spawn').Pool(2, maxtasksperchild=1)", ((3, 11),), "no"),
        ("get_context('spawn').Pool(2, maxtasksperchild=2)", ((3, 11),), "yes"),
        ("get_context('spawn').Pool(2, maxtasksperchild=1)", OLD, "yes"),
        ("Pool(2, maxtasksperchild=50)", NEW, "no"),
        ("Pool(*sys.argv)", (), "unknown"),
        ("ProcessPoolExecutor(2, max_tasks_per_child=1)", (), "unknown"),
        ("ProcessPoolExecutor(2, max_tasks_per_child=1)", ((3, 11),), "no"),
        ("ProcessPoolExecutor(2, max_tasks_per_child=2)", ((3, 11),), "yes"),
        ("ProcessPoolExecutor(2, max_tasks_per_child=2)", NEW, "no"),
        ("ProcessPoolExecutor(2, max_tasks_per_child=1)", OLD, "yes"),
    ],
)
def test_recycling(construction: str, targets: tuple[Version, ...], answer: str) -> None:
    about = subject(f"with {construction} as pool:\n    print(list(pool.map(square, [1, 2])))\n", targets)
    assert uses.recycling(about).answer == answer


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("os._exit(3)", "yes"),
        ("os.abort()", "yes"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "yes"),
        ("signal.raise_signal(signal.SIGSEGV)", "yes"),
        ("os.kill(x, signal.SIGKILL)", "no"),
        ("os.kill(os.getpid(), 0)", "no"),
        ("signal.raise_signal(signal.SIGUSR1)", "no"),
        ("sys.exit(3)", "no"),
        ("if os.fork() == 0: os._exit(0)", "no"),
        ("if os.getppid() == 1: os._exit(1)", "no"),
        ("if x: os._exit(1)", "yes"),
        ("import threading; threading.Timer(1, os._exit, (1,)).start()", "no"),
        ("signal.signal(signal.SIGTERM, lambda *_: os._exit(1))", "no"),
        ("signal.signal(signal.SIGBUS, lambda *_: None)", "yes"),
        ("import faulthandler; faulthandler.enable()", "yes"),
        ("import numpy; numpy.sum(x)", "no"),
        ("import thirdparty; thirdparty.Renderer().render(x)", "unknown"),
        ("import thirdparty; thirdparty.LIMIT", "no"),
    ],
)
def test_causes_of_a_workers_death(body: str, answer: str) -> None:
    program = f"""
    def work(x):
        {body}


    def run(xs):
        with Pool(2) as pool:
            return pool.map(work, xs)
    """
    assert workers.worker_death(subject(program)).answer == answer


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("multiprocessing.Process(target=square, args=(x,)).start()", "yes"),
        ("return Manager().list([x])", "yes"),
        ("return Pool(2).map(square, [x])", "yes"),
        ("return deeper(x)", "yes"),
        ("return multiprocessing.pool.ThreadPool(2).map(square, [x])", "no"),
        ("return os.system('true')", "no"),
        ("return unknown(x)", "unknown"),
        ("return Pool(2).map(square, [x]) if x > 1 else x", "unknown"),
        ("import thirdparty; return thirdparty.run(x)", "unknown"),
    ],
)
def test_children(body: str, answer: str) -> None:
    program = f"""
    def run(xs):
        with Pool(2) as pool:
            return pool.map(work, xs)


    def deeper(x):
        with ProcessPoolExecutor(2) as inner:
            return list(inner.map(square, [x]))


    def work(x):
        {body}
    """
    about = subject(program)
    assert workers.children(about).answer == answer


@pytest.mark.parametrize(
    ("test", "answer"),
    [
        ("if stop.is_set():\n            return None", "yes"),
        ("while not stop.is_set():\n            x += 1", "no"),
        ("stop.wait()", "no"),
    ],
)
def test_an_event_cancels_only_where_a_task_has_not_started(test: str, answer: str) -> None:
    program = f"""
    def work(x, stop):
        {test}
        return x


    def run(xs):
        with Manager() as manager, Pool(2) as pool:
            stop = manager.Event()
            return [result.get() for result in [pool.apply_async(work, (x, stop)) for x in xs]]
    """
    assert uses.cancel(subject(program)).answer == answer


@pytest.mark.parametrize(
    ("use", "answer"),
    [
        ("return await loop.run_in_executor(None, pool.map, square, [1])", "yes"),
        ("return await asyncio.to_thread(pool.map, square, [1])", "yes"),
        ("return pool.map(square, [1])", "yes"),
        ("return pool.apply_async(square, (1,)).get()", "yes"),
        ("pool.apply_async(square, (1,), callback=lambda x: loop.call_soon_threadsafe(print, x))", "yes"),
        ("pool.apply_async(square, (1,), callback=print)", "no"),
    ],
)
def test_asyncio(use: str, answer: str) -> None:
    program = f"""
    async def run():
        loop = asyncio.get_running_loop()
        pool = Pool(2)
        {use}
    """
    assert uses.asyncio(subject(program)).answer == answer


CLOSE = "def close(self):\n            self.pool.close()"
JOIN = "def join(self):\n            self.pool.join()"
MAP = "def map(self, function, xs):\n            return self.pool.map(function, xs)"
RUN = "def run(self, xs):\n            return self.pool.map(square, xs)"


@pytest.mark.parametrize(
    ("methods", "answer"),
    [
        ((MAP, CLOSE), "yes"),
        ((CLOSE, JOIN), "yes"),
        ((RUN, CLOSE), "no"),
        ((MAP,), "no"),
        (("def mapper(self):\n            return self.pool.map",), "unknown"),
        (("def share(self):\n            self.other = unknown(self.pool)",), "yes"),
    ],
)
def test_handed_out(methods: tuple[str, ...], answer: str) -> None:
    body = "\n\n        ".join(methods)
    program = f"""
    class Runner:
        def __init__(self):
            self.pool = Pool(2)

        {body}
    """
    assert uses.handed_out(subject(program)).answer == answer


def test_a_partial_of_a_bound_method_is_followed() -> None:
    program = """
    def run(xs):
        with Pool(2) as pool:
            mapper = partial(pool.map, chunksize=3)
            return mapper(square, xs)
    """
    assert uses.handed_out(subject(program)).answer == "no"


@pytest.mark.parametrize(("read", "answer"), [("pool._pool", "yes"), ("pool._processes", "yes"), ("sys._git", "no")])
def test_private(read: str, answer: str) -> None:
    about = subject(f"with Pool(2) as pool:\n    print({read}, pool.map(square, [1]))\n")
    assert uses.private(about).answer == answer


@pytest.mark.parametrize(
    ("use", "answer"),
    [
        ("executor.terminate_workers()", "yes"),
        ("for process in executor._processes.values(): process.kill()", "yes"),
        ("executor.shutdown(wait=False)", "no"),
    ],
)
def test_an_executors_workers_are_killed(use: str, answer: str) -> None:
    program = f"""
    def run(x):
        executor = ProcessPoolExecutor(2)
        executor.submit(square, x)
        {use}
    """
    assert killing.kill(subject(program)).answer == answer


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("from mpi4py.futures import MPIPoolExecutor", "yes"),
        ("import loky", "yes"),
        ("from dask.distributed import Client; executor = Client().get_executor()", "yes"),
        ("from dask.distributed import Client; client = Client()", "no"),
        ("import dask.array", "no"),
        ("from ray.util.multiprocessing import Pool as RayPool", "no"),
    ],
)
def test_a_cluster_with_the_executor_api(line: str, answer: str) -> None:
    about = subject(f"{line}\nwith Pool(2) as pool:\n    print(pool.map(square, [1]))\n")
    assert kinds.executor_ahead(about).answer == answer


def test_an_initializer_that_is_ready_for_a_crash() -> None:
    program = """
    def lost(*_):
        raise RuntimeError("a file is gone")


    def ready():
        signal.signal(signal.SIGBUS, lost)


    def run(xs):
        with Pool(2, ready) as pool:
            return pool.map(square, xs)
    """
    about = subject(program)
    found = workers.worker_death(about)
    assert (found.answer, line(found, about)) == ("yes", "signal.signal(signal.SIGBUS, lost)")


def test_a_function_that_is_only_passed_on_kills_nobody() -> None:
    program = """
    def stop(*_):
        os._exit(1)


    def work(x):
        signal.signal(signal.SIGTERM, stop)
        return x


    def run(xs):
        with Pool(2) as pool:
            return pool.map(work, xs)
    """
    assert workers.worker_death(subject(program)).answer == "no"
