"""PA304, PA306, PA307, PA308, PA310, PA311 and PA312 beyond their fixtures, and programs for measured failures of start-up.

Knows small programs and what is said of them. Must never know more of a rule than RULE.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from poolaudit import catalog, config, edits, engine
from poolaudit.facts import FileFacts
from poolaudit.judge import ask
from poolaudit.report import Problem
from poolaudit.rule import Finding, Rule
from poolaudit.rules.startup.duplicated_random_state import RULE as RANDOM
from poolaudit.rules.startup.fork_with_threads import RULE as THREADS
from poolaudit.rules.startup.global_after_pool import RULE as LATE_GLOBAL
from poolaudit.rules.startup.inherited_signal_handler import RULE as SIGNAL
from poolaudit.rules.startup.mixed_start_methods import RULE as MIXED
from poolaudit.rules.startup.start_method_at_import import RULE as AT_IMPORT
from poolaudit.rules.startup.worker_after_pool import RULE as LATE_WORKER
from poolaudit.settings import Settings
from poolaudit.survey import survey_file

HEAD = """\
import asyncio, contextlib, multiprocessing.pool, os, random, signal, sys, threading, time
import multiprocessing as mp
import numpy as np
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import Pool, get_context, set_start_method


def first(number):
    return number


"""
MAIN = '\n\nif __name__ == "__main__":\n    main()\n'
ANY = Settings()
OLD = Settings(targets=((3, 9), (3, 13)), declared=True, platforms=("linux",))
NEW = Settings(targets=((3, 14),), declared=True, platforms=("linux",))
WINDOWS = Settings(platforms=("windows",))


def surveyed(body: str, path: str = "program.py", head: str = HEAD) -> FileFacts:
    text = head + textwrap.dedent(body).strip("\n")
    compile(text, path, "exec")
    return survey_file(path, text + "\n")


def of_file(rule: Rule, file: FileFacts, settings: Settings = ANY) -> list[Finding]:
    crashes: list[Problem] = []
    found = [each.finding for each in ask([rule], file, settings, crashes)]
    assert crashes == []
    return found


def found(rule: Rule, body: str, settings: Settings = ANY, path: str = "program.py") -> list[Finding]:
    return of_file(rule, surveyed(body, path), settings)


def lines(rule: Rule, body: str, settings: Settings = ANY) -> list[str]:
    """The source lines that are reported."""
    file = surveyed(body)
    texts = file.text.split("\n")
    return [texts[file.text.count("\n", 0, each.where.start)].strip() for each in of_file(rule, file, settings)]


# --- PA304


def guarded(*parts: str) -> str:
    """Statements of module level: what starts with a space goes below a main guard of its own."""
    return "\n".join(f'if __name__ == "__main__":\n   {part}' if part.startswith(" ") else part for part in parts)


WORK = "def work(number):\n    return number\n"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (guarded(" pool = Pool(2)", WORK, " print(pool.map(work, [1]))"), "`work`"),
        (guarded(" pool = Pool(2)", WORK, "def main():\n    print(pool.map(work, [1]))", " main()"), "`work`"),
        (guarded(" pool = Pool(2)", "class Box:\n    def work(self, n): pass", " pool.map(Box().work, [1])"), "`Box`"),
        (guarded(" pool = Pool(2)", "class Box:\n    def __call__(self, n): pass", " pool.map(Box(), [1])"), "`Box`"),
        (f"def make():\n    return Pool(2)\npool = make()\n{WORK}pool.map(work, [1])", "`work`"),
        # a name that the task uses
        (
            "def work(number):\n    return helper(number)\n"
            + guarded(" pool = Pool(2)", "def helper(number): return number", " print(pool.map(work, [1]))"),
            "`helper`",
        ),
        # an executor forks its workers with the first task
        (guarded(" e = ProcessPoolExecutor(); e.submit(first, 1)", WORK, " e.submit(work, 1)"), None),
        (f"e = ProcessPoolExecutor()\ne.submit(first, 1)\n{WORK}e.submit(work, 1)", "`work`"),
        (f"e = ProcessPoolExecutor()\n{WORK}e.submit(work, 1)", None),
        (f"e = ProcessPoolExecutor()\nif len(sys.argv) > 1:\n    e.submit(first, 1)\n{WORK}e.submit(work, 1)", None),
        # what is there in time
        (guarded(" pool = Pool(2)", WORK, " print(pool.map(first, [1]))"), None),
        (WORK + guarded(" pool = Pool(2)", " print(pool.map(work, [1]))"), None),
        (f"def make():\n    return Pool(2)\n{WORK}pool = make()\npool.map(work, [1])", None),
        (guarded(" pool = mp.get_context('spawn').Pool(2)", WORK, " print(pool.map(work, [1]))"), None),
        (guarded(" pool = Pool(2)", " print(pool.map(abs, [1]))"), None),
        (guarded(" pool = multiprocessing.pool.ThreadPool(2)", WORK, " print(pool.map(work, [1]))"), None),
    ],
)
def test_worker_after_pool(body: str, said: str | None) -> None:
    messages = [each.message for each in found(LATE_WORKER, body)]
    assert len(messages) == (said is not None)
    assert said is None or said in messages[0]


def test_worker_after_pool_needs_fork() -> None:
    body = guarded(" pool = Pool(2)", WORK, " print(pool.map(work, [1]))")
    assert [each.severity for each in found(LATE_WORKER, body, OLD)] == ["error"]
    assert found(LATE_WORKER, body, NEW) == []
    assert found(LATE_WORKER, body, WINDOWS) == []


# --- PA306

TABLE = """
LIMIT = SAME = 1
TABLE = {}
DAY = time.strftime('%A')
def work(number):
    return number * LIMIT * SAME + len(TABLE) + len(DAY)
def load():
    TABLE.update(one=1)
def limit():
    global LIMIT
    LIMIT = 3
"""


@pytest.mark.parametrize(
    ("main", "names"),
    [
        ("with Pool(2) as pool:\n    LIMIT = 2\n    pool.map(work, [1])", "`LIMIT`"),
        ("pool = Pool(2)\nTABLE['one'] = 1\npool.map(work, [1])", "`TABLE`"),
        ("pool = Pool(2)\nTABLE['one'] = LIMIT = 2\npool.map(work, [1])", "`LIMIT` and `TABLE`"),
        ("pool = Pool(2)\nload()\npool.map(work, [1])", "`TABLE`"),
        ("pool = Pool(2)\nlimit()\npool.map(work, [1])", "`LIMIT`"),
        ("pool = Pool(2)\nLIMIT += 1\npool.map(work, [1])", "`LIMIT`"),
        ("pool = get_context('spawn').Pool(2)\nLIMIT = 2\npool.map(work, [1])", "`LIMIT`"),
        ("pool = Pool(2)\nfor step in range(3):\n    pool.map(work, [1])\n    TABLE[step] = 1", "`TABLE`"),
        ("e = ProcessPoolExecutor(2)\ne.submit(first, 1)\nLIMIT = 2\ne.submit(work, 1)", "`LIMIT`"),
        # in time
        ("LIMIT = 2\nTABLE['one'] = 1\nwith Pool(2) as pool:\n    pool.map(work, [1])", None),
        ("with Pool(2) as pool:\n    pool.map(work, [1])\n    LIMIT = 2", None),
        ("e = ProcessPoolExecutor(2)\nLIMIT = 2\ne.submit(work, 1)", None),
        ("for step in range(3):\n    with Pool(2) as pool:\n        pool.map(work, [1])\n    TABLE[step] = 1", None),
        # no difference, or not for the workers
        ("with Pool(2) as pool:\n    SAME = 1\n    pool.map(work, [1])", None),
        ("with Pool(2) as pool:\n    DAY = time.strftime('%A')\n    pool.map(work, [1])", None),
        ("with Pool(2) as pool:\n    LIMIT = 2\n    pool.map(first, [1])", None),
        ("with Pool(2, maxtasksperchild=1) as pool:\n    LIMIT = 2\n    pool.map(work, [1])", None),
        ("with Pool(2, limit) as pool:\n    LIMIT = 2\n    pool.map(work, [1])", None),
        ("with Pool(2, print) as pool:\n    LIMIT = 2\n    pool.map(work, [1])", None),
        (
            "with Pool(2) as pool:\n    if LIMIT:\n        LIMIT = 2\n        work(1)\n    else:\n        pool.map(work, [1])",
            None,
        ),
    ],
)
def test_global_after_pool(main: str, names: str | None) -> None:
    for body in (
        f'{TABLE}\nif __name__ == "__main__":\n{textwrap.indent(main, "    ")}',
        f"{TABLE}\ndef main():\n    global LIMIT, SAME, DAY\n{textwrap.indent(main, '    ')}{MAIN}",
    ):
        messages = [each.message for each in found(LATE_GLOBAL, body)]
        assert [f"reads {names}, " in message for message in messages] == ([True] if names else [])


def test_a_condition_of_its_own_is_likely() -> None:
    main = "with Pool(2) as pool:\n    if LIMIT:\n        TABLE['one'] = 1\n    pool.map(work, [1])"
    body = f"{TABLE}\ndef main():\n{textwrap.indent(main, '    ')}{MAIN}"
    assert [each.confidence for each in found(LATE_GLOBAL, body)] == ["likely"]


@pytest.mark.parametrize(
    "value",
    ["mp.Array('i', 3)", "mp.Manager().dict()", "np.memmap('x')", "np.frombuffer(mp.RawArray('i', 3))", "[mp.RawArray('i', 3)]"],
)
def test_what_processes_share_may_be_filled_later(value: str) -> None:
    body = f"""
    SHARED = {value}
    def work(number): return SHARED[number]
    def main():
        with Pool(2) as pool:
            SHARED[0] = 1
            pool.map(work, [0])
    """
    assert found(LATE_GLOBAL, textwrap.dedent(body) + MAIN) == []


def test_what_importing_gives_is_missed_by_forked_workers_only() -> None:
    body = guarded(" pool = Pool(2)", "LIMIT = 2", "def work(number):\n    return LIMIT", " pool.map(work, [1])")
    assert [each.severity for each in found(LATE_GLOBAL, body, OLD)] == ["error"]
    assert found(LATE_GLOBAL, body, NEW) == []


def test_a_pool_that_another_method_uses() -> None:
    body = """
    LIMIT = 1
    def work(number): return LIMIT
    class Runner:
        def __init__(self):
            self.pool = Pool(2)
        def run(self):
            return self.pool.map(work, [1])
    def main():
        global LIMIT
        runner = Runner()
        LIMIT = 2
        runner.run()
    """
    assert len(found(LATE_GLOBAL, textwrap.dedent(body) + MAIN)) == 1
    assert (
        found(
            LATE_GLOBAL,
            textwrap.dedent(body).replace("runner = Runner()\n    LIMIT = 2", "LIMIT = 2\n    runner = Runner()") + MAIN,
        )
        == []
    )


# --- PA307

USES_POOL = "\ndef main():\n    with Pool(2) as pool:\n        print(pool.map(first, [1]))" + MAIN


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        ("set_start_method('spawn')", "error"),
        ("mp.set_start_method(method='forkserver')", "error"),
        ("METHOD = 'spawn'\nset_start_method(METHOD)", "error"),
        ("set_start_method('spawn', force=False)", "error"),
        ("def choose():\n    set_start_method('spawn')\nchoose()", "error"),
        ("if sys.platform == 'darwin':\n    set_start_method('spawn')", "warning"),
        ("set_start_method('fork')", None),
        ("set_start_method(os.environ['METHOD'])", None),
        ("set_start_method('spawn', True)", None),
        ("set_start_method('spawn', force=bool(sys.argv))", None),
        ("try:\n    set_start_method('spawn')\nexcept RuntimeError:\n    pass", None),
        ("with contextlib.suppress(RuntimeError):\n    set_start_method('spawn')", None),
        ("if mp.get_start_method(allow_none=True) is None:\n    set_start_method('spawn')", None),
        ("if mp.current_process().name == 'MainProcess':\n    set_start_method('spawn')", None),
        ("if __name__ == '__main__':\n    set_start_method('spawn')", None),
        ("def choose():\n    set_start_method('spawn')", None),
    ],
)
def test_start_method_at_import(body: str, severity: str | None) -> None:
    said = [each.severity or AT_IMPORT.severity for each in found(AT_IMPORT, body + USES_POOL)]
    assert said == ([severity] if severity else [])


def test_the_fork_server_of_new_pythons_imports_the_program_first() -> None:
    assert found(AT_IMPORT, "set_start_method('forkserver')" + USES_POOL, NEW) == []
    assert len(found(AT_IMPORT, "set_start_method('spawn')" + USES_POOL, NEW)) == 1


def test_what_workers_do_not_import_may_set_the_start_method() -> None:
    body = "set_start_method('spawn')" + USES_POOL
    assert found(AT_IMPORT, body, path="package/__main__.py") == []
    elsewhere = (
        "set_start_method('spawn')\ndef run(pool_size, tasks):\n    with Pool(pool_size) as pool:\n        pool.map(abs, tasks)"
    )
    assert found(AT_IMPORT, elsewhere) == []
    assert len(found(AT_IMPORT, elsewhere.replace("abs", "first"))) == 1
    own = "set_start_method('spawn')\ndef main():\n    with get_context('fork').Pool(2) as pool:\n        pool.map(first, [1])"
    assert found(AT_IMPORT, own + MAIN) == []


@pytest.mark.parametrize(
    ("before", "count"),
    [
        ("set_start_method('fork')", 1),
        ("set_start_method('spawn', force=True)", 1),
        ("pool = Pool(2); pool.map(first, [1])", 1),
        ("executor = ProcessPoolExecutor()", 1),
        ("lock = mp.Lock()", 1),
        ("queue = mp.Queue()", 1),
        ("if sys.argv:\n        lock = mp.Lock()", 0),
        ("buffer = mp.RawArray('i', 2); pipe = mp.Pipe()", 0),
        ("executor = ProcessPoolExecutor(mp_context=get_context('spawn'))", 0),
        ("lock = get_context('spawn').Lock()", 0),
        ("lock = threading.Lock()", 0),
    ],
)
def test_settled_before(before: str, count: int) -> None:
    body = f"def main():\n    {before}\n    set_start_method('spawn')\n    with Pool(2) as pool:\n        pool.map(first, [1])"
    assert lines(AT_IMPORT, body + MAIN) == ["set_start_method('spawn')"] * count


def test_what_import_makes_settles_the_method() -> None:
    body = "LOCK = mp.Lock()\ndef main():\n    set_start_method('spawn')\n    with Pool(2) as pool:\n        pool.map(first, [1])"
    (finding,) = found(AT_IMPORT, body + MAIN)
    assert "the Lock is made before" in finding.message
    called = "def prepare():\n    mp.Lock()\ndef main():\n    prepare()\n    set_start_method('spawn')\n    Pool(2)"
    assert len(found(AT_IMPORT, called + MAIN)) == 1
    swapped = called.replace("prepare()\n    set_start_method('spawn')", "set_start_method('spawn')\n    prepare()")
    assert found(AT_IMPORT, swapped + MAIN) == []


@pytest.mark.parametrize("call", ["set_start_method('spawn')", "set_start_method(\n    'spawn',\n)  # why"])
def test_the_fix_of_start_method_at_import(call: str) -> None:
    file = surveyed(call + USES_POOL)
    (finding,) = of_file(AT_IMPORT, file)
    assert finding.fix is not None
    after = edits.apply(file.text, [finding.fix.edits]).text
    assert textwrap.indent(call, "    ").replace("\n", "\n") in after
    assert of_file(AT_IMPORT, survey_file("program.py", after)) == []


@pytest.mark.parametrize(
    "body",
    [
        "if sys.platform == 'darwin':\n    set_start_method('spawn')" + USES_POOL,
        "import gc; set_start_method('spawn')" + USES_POOL,
        # the pool itself starts at import: below one guard both belong
        "set_start_method('spawn')\nprint(Pool(2).map(first, [1]))",
        # a library
        "set_start_method('spawn')\ndef run():\n    with Pool(2) as pool:\n        pool.map(first, [1])",
    ],
)
def test_no_fix_of_start_method_at_import(body: str) -> None:
    (finding,) = found(AT_IMPORT, body)
    assert finding.fix is None
    assert "get_context" in finding.notes[-1]


# --- PA308

THREAD = "thread = threading.Thread(target=watch, daemon=True)\n"
POOL = "with Pool(2) as pool:\n    pool.map(first, [1])\n"


def threads(main: str, more: str = "", settings: Settings = ANY) -> list[Finding]:
    body = f"def watch():\n    time.sleep(1)\n{more}\ndef main():\n{textwrap.indent(main, '    ')}"
    return found(THREADS, body + MAIN, settings)


@pytest.mark.parametrize(
    ("main", "count"),
    [
        (f"{THREAD}thread.start()\n{POOL}", 1),
        (f"threading.Timer(5, watch).start()\n{POOL}", 1),
        (f"{THREAD}thread.start()\n{POOL}thread.join()", 1),
        (f"{THREAD}thread.start()\ntry:\n{textwrap.indent(POOL, '    ')}finally:\n    thread.join()", 1),
        (f"{THREAD}thread.start()\nexecutor = ProcessPoolExecutor()\nexecutor.submit(first, 1)", 1),
        (f"executor = ProcessPoolExecutor()\n{THREAD}thread.start()\nexecutor.submit(first, 1)", 1),
        (f"with ThreadPoolExecutor() as threads:\n    threads.submit(watch)\n{textwrap.indent(POOL, '    ')}", 1),
        (f"begin()\n{POOL}", 1),
        (f"Ticker().start()\n{POOL}", 1),
        (f"one = {THREAD[9:]}other = {THREAD[9:]}one.start()\nother.start()\none.join()\n{POOL}", 1),
        # not alive, or not yet
        (f"{THREAD}{POOL}thread.start()", 0),
        (f"{THREAD}thread.start()\nthread.join()\n{POOL}", 0),
        (f"{THREAD}if sys.argv:\n    thread.start()\n{POOL}", 0),
        (f"with ThreadPoolExecutor() as threads:\n    threads.submit(watch)\n{POOL}", 0),
        (f"with ThreadPoolExecutor() as threads:\n{textwrap.indent(POOL, '    ')}", 0),
        ("executor = ProcessPoolExecutor()\nexecutor.submit(first, 1)\nbegin()\nexecutor.submit(first, 2)", 0),
        ("begin()\nwith get_context('spawn').Pool(2) as pool:\n    pool.map(first, [1])", 0),
    ],
)
def test_fork_with_threads(main: str, count: int) -> None:
    more = "def begin():\n    threading.Thread(target=watch).start()\nclass Ticker(threading.Thread):\n    def run(self): pass\n"
    assert [each.confidence for each in threads(main, more)] == ["likely"] * count


def test_a_lock_of_both_makes_it_certain() -> None:
    shared = "LOCK = threading.Lock()\ndef both():\n    with LOCK: pass\n"
    main = f"threading.Thread(target=both).start()\n{POOL.replace('first', 'both')}"
    (finding,) = threads(main, shared)
    assert finding.confidence == "certain"
    assert "`LOCK`" in finding.message
    assert threads(main, shared, NEW) == []
    assert threads(main, f"{shared}os.register_at_fork(after_in_child=print)\n") == []
    renewed = "LOCK = threading.Lock()\ndef both():\n    global LOCK\n    LOCK = threading.Lock()\n    with LOCK: pass\n"
    assert [each.confidence for each in threads(main, renewed)] == ["likely"]


# --- PA310


@pytest.mark.parametrize(
    ("context", "made", "count"),
    [
        ("get_context('spawn')", "mp.Lock()", 1),
        ("get_context('forkserver')", "mp.Queue()", 1),
        ("get_context('spawn')", "get_context('fork').Event()", 1),
        ("mp", "get_context('fork').Value('i', 0)", 1),
        ("get_context('spawn')", "[mp.Lock(), 1]", 1),
        ("get_context('spawn')", "get_context('spawn').Lock()", 0),
        ("get_context('spawn')", "mp.Manager().Lock()", 0),
        ("get_context('spawn')", "mp.RawArray('i', 2)", 0),
        ("get_context('spawn')", "threading.Lock", 0),
        ("get_context('fork')", "get_context('spawn').Lock()", 0),
        ("get_context(sys.argv[1])", "mp.Lock()", 0),
        ("mp", "mp.Lock()", 0),
    ],
)
def test_mixed_start_methods(context: str, made: str, count: int) -> None:
    main = f"shared = {made}\nwith {context}.Pool(2, initializer=print, initargs=(shared,)) as pool:\n    pool.map(first, [1])"
    body = f"def main():\n{textwrap.indent(main, '    ')}"
    assert len(found(MIXED, body + MAIN)) == count


def test_mixed_start_methods_follow_the_default() -> None:
    body = "def main():\n    with get_context('spawn').Pool(2, print, (mp.Lock(),)) as pool:\n        pool.map(first, [1])" + MAIN
    assert [each.severity for each in found(MIXED, body, OLD)] == ["error"]
    assert found(MIXED, body, NEW) == []
    assert found(MIXED, body, WINDOWS) == []
    assert found(MIXED, body.replace("def main():", "def main():\n    set_start_method('spawn')"), OLD) == []
    explicit = body.replace("get_context('spawn').Pool", "mp.Pool").replace("mp.Lock", "get_context('fork').Lock")
    assert [each.severity for each in found(MIXED, explicit, NEW)] == ["error"]
    assert found(MIXED, explicit, OLD) == []
    macos = Settings(targets=((3, 12),), declared=True, platforms=("macos",))
    assert [each.severity for each in found(MIXED, explicit, macos)] == ["warning"]


# --- PA311

HANDLERS = """
STOP = []
def note(*_): STOP.append(1)
def leave(*_): sys.exit(1)
def log(*_): STOP[0].logger.info("stopping")
def reset(): signal.signal(signal.SIGTERM, signal.SIG_DFL)
def install(): signal.signal(signal.SIGTERM, note)
class Service:
    def __init__(self): self.running = True
    def stop(self, *_): self.running = False
"""


def handlers(main: str, settings: Settings = ANY, top: str = "") -> list[Finding]:
    return found(SIGNAL, f"{HANDLERS}{top}\ndef main():\n{textwrap.indent(main, '    ')}{MAIN}", settings)


NOTE = "signal.signal(signal.SIGTERM, note)\n"


@pytest.mark.parametrize(
    ("main", "confidence"),
    [
        (NOTE + POOL, "certain"),
        (f"signal.signal(signal.SIGTERM, lambda *_: None)\n{POOL}", "certain"),
        (f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{POOL}", "certain"),
        (f"signal.signal(signal.SIGTERM, Service().stop)\n{POOL}", "certain"),
        (f"signal.signal(signal.SIGTERM, log)\n{POOL}", "likely"),
        (f"install()\n{POOL}", "certain"),
        (f"for number in (signal.SIGINT, signal.SIGTERM):\n    signal.signal(number, note)\n{POOL}", "certain"),
        (f"{NOTE}pool = Pool(2)\npool.map(first, [1])\npool.terminate()", "certain"),
        (f"{NOTE}pool = Pool(2)\npool.map(first, [1])\npool.close()\npool.join()", None),
        (f"{NOTE}with Pool(2) as pool:\n    pool.map(first, [1])\n    pool.close()\n    pool.join()", None),
        (f"{NOTE}{POOL.replace('Pool(2)', 'ProcessPoolExecutor(2)')}", None),
        (f"{NOTE}{POOL.replace('Pool(2)', 'Pool(2, reset)')}", None),
        (f"{NOTE}{POOL.replace('Pool(2)', 'Pool(2, print)')}", None),
        (f"{NOTE}reset()\n{POOL}", None),
        (f"{POOL}{NOTE}", None),
        (f"signal.signal(signal.SIGTERM, leave)\n{POOL}", None),
        (f"signal.signal(signal.SIGINT, note)\n{POOL}", None),
        (f"signal.signal(signal.SIGTERM, STOP[0])\n{POOL}", None),
    ],
)
def test_inherited_signal_handler(main: str, confidence: str | None) -> None:
    assert [each.confidence for each in handlers(main)] == ([confidence] if confidence else [])


def test_a_pool_that_is_killed_after_a_failure_only() -> None:
    work = "pool = Pool(2)\ntry:\n    pool.map(first, [1])\n    pool.close()\nexcept OSError:\n    pool.terminate()\npool.join()"
    assert [each.severity for each in handlers(NOTE + work)] == ["warning"]
    assert [each.severity for each in handlers(NOTE + POOL)] == ["error"]


def test_asyncio_handles_signals_in_the_parent() -> None:
    body = """
    async def serve():
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, loop.stop)
        with Pool(2) as pool:
            pool.map(first, [1])
    def main():
        asyncio.run(serve())
    """
    assert len(found(SIGNAL, textwrap.dedent(body) + MAIN)) == 1


def test_which_handlers_reach_workers_that_are_not_forked() -> None:
    assert handlers(NOTE + POOL, NEW) == []
    assert len(handlers(POOL, NEW, top=NOTE)) == 1
    assert len(handlers(f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{POOL}", NEW)) == 1


# --- PA312


@pytest.mark.parametrize(
    ("top", "draw", "main", "count"),
    [
        ("RNG = random.Random()", "RNG.random()", "", 1),
        ("RNG = np.random.default_rng(7)", "RNG.normal()", "", 1),
        ("RNG = np.random.RandomState()", "np.sum(RNG.rand(3))", "", 1),
        ("RNG = random.Random()", "helper()", "", 1),
        ("np.random.seed(1)", "np.random.rand()", "", 1),
        ("", "np.random.rand()", "np.random.seed(1)", 1),
        ("random.seed(42)", "random.random()", "", 1),
        # numpy.random may not be loaded before the fork; a forked worker seeds `random` anew
        ("", "np.random.rand()", "", 0),
        ("", "random.random()", "random.seed(42)", 0),
        ("random.seed()", "random.random()", "", 0),
        ("RNG = random.SystemRandom()", "RNG.random()", "", 0),
        ("RNG = random.Random()", "random.Random(number).random()", "", 0),
        ("RNG = random.Random()", "RNG.seed(number) or RNG.random()", "", 0),
        ("RNG = None", "random.Random(number).random()", "global RNG; RNG = random.Random()", 0),
        ("np.random.seed(1)", "np.random.default_rng(number).normal()", "", 0),
    ],
)
def test_duplicated_random_state(top: str, draw: str, main: str, count: int) -> None:
    body = f"{top}\ndef helper():\n    return RNG.random()\ndef work(number):\n    return {draw}\n"
    if count == 0:
        body = body.replace("RNG.random()\ndef work", "0\ndef work")
    body += f"def main():\n    {main or 'pass'}\n    with Pool(2) as pool:\n        pool.map(work, range(4))"
    assert len(found(RANDOM, body + MAIN)) == count


def test_a_generator_of_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("draws.py").write_text("import random\n\nRNG = random.Random()\n\n\ndef draw(number):\n    return RNG.random()\n")
    Path("main.py").write_text(
        "from multiprocessing import Pool\n\nfrom draws import draw\n\n"
        'if __name__ == "__main__":\n    with Pool(2) as pool:\n        print(pool.map(draw, range(4)))\n'
    )
    report = engine.audit(["main.py"], config.override(config.load("."), select=("PA312",)))
    (finding,) = [each.finding for file in report.files for each in file.findings]
    assert finding.related[0].where.path == "draws.py"


def test_one_worker_repeats_nothing() -> None:
    main = "def main():\n    with Pool(1) as pool:\n        pool.map(work, [1])"
    body = "RNG = random.Random()\ndef work(number):\n    return RNG.random()\n" + main
    assert found(RANDOM, body + MAIN) == []
    assert len(found(RANDOM, body.replace("Pool(1)", "Pool(2)") + MAIN)) == 1


def test_random_state_follows_the_start_method() -> None:
    main = "def main():\n    with {context}.Pool(2) as pool:\n        pool.map(work, range(4))"
    body = "{top}\ndef work(number):\n    return {draw}\n" + main + MAIN

    def severities(top: str, draw: str, context: str, settings: Settings) -> list[str | None]:
        return [each.severity for each in found(RANDOM, body.format(top=top, draw=draw, context=context), settings)]

    own = ("RNG = random.Random()", "RNG.random()")
    assert severities(*own, "mp", OLD) == ["error"]
    assert severities(*own, "mp", NEW) == ["error"], "the fork server of 3.14 imports the program, and forks it"
    assert severities(*own, "get_context('forkserver')", OLD) == []
    assert severities(*own, "get_context('spawn')", ANY) == []
    assert severities(*own, "mp", WINDOWS) == []
    fixed = ("RNG = random.Random(42)", "RNG.random()")
    assert severities(*fixed, "get_context('forkserver')", OLD) == ["error"]
    assert severities(*fixed, "get_context('spawn')", ANY) == ["error"]
    assert severities(*fixed, "mp", WINDOWS) == ["warning"]
    seeded = ("random.seed(42)", "random.random()")
    assert severities(*seeded, "mp", OLD) == []
    assert severities(*seeded, "mp", ANY) == ["warning"]
    assert severities(*seeded, "get_context('spawn')", OLD) == ["error"]
    numpy = ("np.random.seed(42)", "np.random.rand()")
    assert severities(*numpy, "mp", OLD) == ["error"]
    assert severities(*numpy, "get_context('spawn')", OLD) == ["error"]


@pytest.mark.parametrize(
    ("call", "count"),
    [
        ("pool.map(partial(draw, rng), range(4))", 1),
        ("pool.starmap(draw, [(rng, number) for number in range(4)])", 1),
        ("[pool.apply_async(draw, (rng, number)) for number in range(4)]", 1),
        ("pool.apply_async(draw, (rng, 1))", 0),
        ("[pool.apply_async(draw, (random.Random(number), number)) for number in range(4)]", 0),
        ("[pool.apply_async(draw, (rng, rng.random())) for number in range(4)]", 0),
        ("pool.starmap(draw, [(rng.getrandbits(9), number) for number in range(4)])", 0),
        ("pool.map(partial(seeded, rng), range(4))", 0),
    ],
)
def test_a_generator_that_is_handed_over(call: str, count: int) -> None:
    body = f"""
    def draw(rng, number):
        return rng.random() * number
    def seeded(rng, number):
        rng.seed(number)
        return rng.random()
    def main():
        rng = random.Random(1)
        with Pool(2) as pool:
            {call}
    """
    assert len(found(RANDOM, textwrap.dedent(body) + MAIN)) == count


# --- measured failures of start-up: one row, one program

STARTUP = tuple(rule for rule in catalog.rules() if rule.code.startswith("PA3"))
SCRIPT = """\
import asyncio, logging, random, signal, threading, time
import multiprocessing as mp
import numpy as np
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import Pool


"""

MEASURED = """
=== no-main-guard with a Pool: PA301
def sq(x):
    return x * x
with Pool(2) as p:
    print(p.map(sq, [1, 2]))

=== no-main-guard with an executor: PA301
def sq(x):
    return x * x
with ProcessPoolExecutor(2) as p:
    print(list(p.map(sq, [1, 2])))

=== module-level-pool: PA301
def sq(x):
    return x * x
pool = Pool(2)
if __name__ == "__main__":
    print(pool.map(sq, [1, 2]))

=== import-time-pool: PA302
def sq(x):
    return x * x
POOL = Pool(2)
def squares(xs):
    return POOL.map(sq, xs)

=== module-level executor that is only constructed: silence
def sq(x):
    return x * x
pool = ProcessPoolExecutor(2)
if __name__ == "__main__":
    print(list(pool.map(sq, [1])))

=== worker-defined-after-pool with a Pool: PA304
if __name__ == "__main__":
    pool = Pool(2)
def sq(x):
    return x * x
if __name__ == "__main__":
    print(pool.map(sq, [1, 2]))

=== module-level-pool before the def: PA304
pool = Pool(2)
def sq(x):
    return x * x
print(pool.map(sq, [1, 2]))

=== worker-defined-after-pool with an executor that had a task before the def: PA304
if __name__ == "__main__":
    pool = ProcessPoolExecutor(2)
    pool.submit(abs, 1).result()
    def sq(x):
        return x * x
    print(pool.submit(sq, 1).result())

=== worker-defined-after-pool with an executor that was only constructed: silence
if __name__ == "__main__":
    pool = ProcessPoolExecutor(2)
def sq(x):
    return x * x
if __name__ == "__main__":
    print(pool.submit(sq, 1).result())

=== worker-under-main-guard with a Pool: PA303
if __name__ == "__main__":
    def sq(x):
        return x * x
    with Pool(2) as p:
        print(p.map(sq, [1]))

=== worker-under-main-guard with an executor: PA303
if __name__ == "__main__":
    def sq(x):
        return x * x
    with ProcessPoolExecutor(2) as p:
        print(list(p.map(sq, [1])))

=== import-only-in-main-guard: PA303
def root(x):
    return math.sqrt(x)
if __name__ == "__main__":
    import math
    with Pool(2) as p:
        print(p.map(root, [1, 2]))

=== global-set-under-main-guard: PA305
N = None
def times(x):
    return x * N
if __name__ == "__main__":
    N = 3
    with Pool(2) as p:
        print(p.map(times, [1]))

=== global-set-in-function: PA305
N = None
def times(x):
    return (x, N)
def setup():
    global N
    N = 3
def main():
    setup()
    with ProcessPoolExecutor(2) as p:
        print(list(p.map(times, [1])))
if __name__ == "__main__":
    main()

=== global-set-in-function, for an initializer: silence
N = None
def times(x):
    return (x, N)
def setup(n):
    global N
    N = n
if __name__ == "__main__":
    with ProcessPoolExecutor(2, initializer=setup, initargs=(3,)) as p:
        print(list(p.map(times, [1])))

=== global-set-after-pool with a Pool: PA306
N = 1
def times(x):
    return x * N
def main():
    global N
    p = Pool(2)
    N = 3
    print(p.map(times, [1]))
    p.close()
    p.join()
if __name__ == "__main__":
    main()

=== global-set-after-pool with an executor that had a task before: PA306
N = 1
def times(x):
    return x * N
def main():
    global N
    with ProcessPoolExecutor(2) as p:
        print(p.submit(times, 1).result())
        N = 3
        print(p.submit(times, 1).result())
if __name__ == "__main__":
    main()

=== global-set-after-pool with an executor, before its first task: PA305
N = 1
def times(x):
    return x * N
def main():
    global N
    with ProcessPoolExecutor(2) as p:
        N = 3
        print(p.submit(times, 1).result())
if __name__ == "__main__":
    main()

=== set-start-method twice: PA307
def sq(x):
    return x * x
if __name__ == "__main__":
    mp.set_start_method("spawn")
    mp.set_start_method("spawn")
    with Pool(2) as p:
        print(p.map(sq, [1]))

=== set-start-method after the first pool: PA307
def sq(x):
    return x * x
if __name__ == "__main__":
    with Pool(2) as p:
        print(p.map(sq, [1]))
    mp.set_start_method("spawn")

=== set-start-method at import level with a Pool: PA307
mp.set_start_method("spawn")
def sq(x):
    return x * x
if __name__ == "__main__":
    with Pool(2) as p:
        print(p.map(sq, [1]))

=== set-start-method at import level with an executor: PA307
mp.set_start_method("forkserver")
def sq(x):
    return x * x
if __name__ == "__main__":
    with ProcessPoolExecutor(2) as p:
        print(list(p.map(sq, [1])))

=== set-start-method, contexts mixed: PA310
def sq(x):
    return x * x
def init(lock):
    pass
if __name__ == "__main__":
    lock = mp.get_context("fork").Lock()
    with mp.get_context("spawn").Pool(2, initializer=init, initargs=(lock,)) as p:
        print(p.map(sq, [1]))

=== fork-with-threads, a lock that a thread holds: PA308
LOCK = threading.Lock()
def hold():
    with LOCK:
        time.sleep(2)
def sq(x):
    with LOCK:
        return x * x
if __name__ == "__main__":
    threading.Thread(target=hold).start()
    with Pool(2) as p:
        print(p.map(sq, [1]))

=== fork-with-threads, a lock that a thread holds, and an executor: PA308
LOCK = threading.Lock()
def hold():
    with LOCK:
        time.sleep(2)
def sq(x):
    with LOCK:
        return x * x
if __name__ == "__main__":
    threading.Thread(target=hold).start()
    with ProcessPoolExecutor(2) as p:
        print(list(p.map(sq, [1])))

=== fork-with-threads, threads that log to a file while pools are made: PA308
def chatter():
    while True:
        logging.info("x")
def sq(x):
    return x * x
if __name__ == "__main__":
    for _ in range(2):
        threading.Thread(target=chatter, daemon=True).start()
    with Pool(2) as p:
        print(p.map(sq, [1]))

=== fork-with-threads, a thread pool: PA308
def sq(x):
    return x * x
if __name__ == "__main__":
    with ThreadPoolExecutor(2) as threads:
        threads.submit(print, 1)
        with Pool(2) as p:
            print(p.map(sq, [1]))

=== random-duplicated, random.Random: PA312
RNG = random.Random()
def draw(x):
    return RNG.random()
if __name__ == "__main__":
    with Pool(3) as p:
        print(p.map(draw, [1, 2, 3]))

=== random-duplicated, numpy default_rng: PA312
RNG = np.random.default_rng()
def draw(x):
    return RNG.random()
if __name__ == "__main__":
    with ProcessPoolExecutor(3) as p:
        print(list(p.map(draw, [1, 2, 3])))

=== random-duplicated, random.random is seeded anew: silence
def draw(x):
    return random.random()
if __name__ == "__main__":
    with Pool(3) as p:
        print(p.map(draw, [1, 2, 3]))

=== random-duplicated, random.seed at import: PA312
random.seed(42)
def draw(x):
    return random.random()
if __name__ == "__main__":
    with Pool(3) as p:
        print(p.map(draw, [1, 2, 3]))

=== random-duplicated, numpy.random is loaded lazily: silence
def draw(x):
    return np.random.rand()
if __name__ == "__main__":
    with Pool(3) as p:
        print(p.map(draw, [1, 2, 3]))

=== random-duplicated, numpy.random is in use before: PA312
def draw(x):
    return np.random.rand()
if __name__ == "__main__":
    np.random.seed(1)
    with Pool(3) as p:
        print(p.map(draw, [1, 2, 3]))

=== random-duplicated, one generator as an argument: PA312
def draw(rng):
    return rng.random()
if __name__ == "__main__":
    rng = random.Random(1)
    with Pool(3) as p:
        print([r.get() for r in [p.apply_async(draw, (rng,)) for _ in range(3)]])

=== sigterm-handler-inherited, a busy worker: PA311
def handler(signum, frame):
    print("got", signum)
if __name__ == "__main__":
    signal.signal(signal.SIGTERM, handler)
    with Pool(2) as p:
        p.apply_async(time.sleep, (60,)).wait(1)

=== sigterm-handler-inherited, idle workers: PA311
def handler(signum, frame):
    print("got", signum)
def sq(x):
    return x * x
signal.signal(signal.SIGTERM, handler)
if __name__ == "__main__":
    with Pool(2) as p:
        print(p.map(sq, [1, 2]))

=== sigterm-handler-inherited, an initializer resets it: silence
def handler(signum, frame):
    print("got", signum)
def init():
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
def sq(x):
    return x * x
if __name__ == "__main__":
    signal.signal(signal.SIGTERM, handler)
    with Pool(2, initializer=init) as p:
        print(p.map(sq, [1, 2]))

=== asyncio-signal-fork: PA311
def sq(x):
    return x * x
async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)
    with Pool(2) as p:
        print(await asyncio.to_thread(p.map, sq, [1, 2]))
if __name__ == "__main__":
    asyncio.run(main())
"""
"""Programs as the measurements describe them, and the rule that names the failure."""

ROWS = [row.partition("\n") for row in MEASURED.split("\n=== ")[1:]]


@pytest.mark.parametrize(("title", "program"), [(title, program) for title, _, program in ROWS])
def test_measured_failures_are_named(title: str, program: str) -> None:
    code = title.rpartition(": ")[2]
    crashes: list[Problem] = []
    said = {each.code for each in ask(STARTUP, surveyed(program, head=SCRIPT), ANY, crashes)}
    assert crashes == []
    assert said == set() if code == "silence" else code in said
