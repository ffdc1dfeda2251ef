"""Forms of PA203, PA204, PA206, PA209 and PA210 that their fixtures have no room for, and what pickle itself says of them.

Knows small programs, what is said of them, and how to pickle what they define. Must never know more of a rule than RULE.
"""

from __future__ import annotations

import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from multiprocessing.reduction import ForkingPickler

import pytest

from poolaudit import catalog, edits, imports, judge
from poolaudit.report import Problem
from poolaudit.rule import Finding, Rule
from poolaudit.rules.pickling.temporary_manager_proxy import RULE as PROXY
from poolaudit.rules.pickling.unimportable_task import RULE as UNIMPORTABLE
from poolaudit.rules.pickling.unpicklable_argument import RULE as ARGUMENT
from poolaudit.rules.pickling.unpicklable_initializer import RULE as INITIALIZER
from poolaudit.rules.pickling.unpicklable_self import RULE as OWN
from poolaudit.settings import Settings
from poolaudit.survey import survey_file

HEAD = """\
import collections, csv, functools, io, itertools, logging, multiprocessing, os, queue, re, socket, sqlite3, sys, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import Manager, Pool, get_context
from pathlib import Path


def work(*items):
    return items


def numbers(count):
    yield from range(count)


"""
ANY = Settings()
OLD = Settings(targets=((3, 9), (3, 13)), declared=True)
LINUX = Settings(targets=((3, 9), (3, 13)), declared=True, platforms=("linux",))


def findings(rule: Rule, text: str, settings: Settings = ANY) -> list[Finding]:
    facts = survey_file("program.py", text)
    assert rule.check is not None
    return [finding for site in facts.sites if site.is_process for finding in rule.check(site, facts, settings)]


def found(rule: Rule, body: str, settings: Settings = ANY) -> list[Finding]:
    return findings(rule, HEAD + program(body), settings)


def said(rule: Rule, body: str, settings: Settings = ANY) -> list[str]:
    """What is said, with a question mark where it is likely only."""
    return [f"{finding.message}{' ?' if finding.confidence == 'likely' else ''}" for finding in found(rule, body, settings)]


def program(text: str) -> str:
    return textwrap.dedent(text).lstrip()


def of_a_call(call: str) -> str:
    """A program whose only operation is `call`, of a Pool `pool` or an executor `executor`."""
    return (
        f"def run(path):\n    with Pool(2) as pool, ProcessPoolExecutor(2) as executor, open(path) as source:\n        {call}\n"
    )


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    """A module that pickle can import by its name."""
    made = types.ModuleType("program")
    sys.modules["program"] = made
    yield made
    del sys.modules["program"]


def can_be_sent(module: types.ModuleType, definitions: str, expression: str) -> bool:
    """The object goes to a worker and arrives there."""
    exec(compile(HEAD + program(definitions), "program.py", "exec"), module.__dict__)
    try:
        ForkingPickler.loads(ForkingPickler.dumps(eval(expression, module.__dict__)))
    except Exception:  # noqa: BLE001 - pickle raises whatever it likes
        return False
    return True


# PA203

DECORATORS = """\
    def bare(function):
        def wrapper(*items):
            return function(*items)
        return wrapper

    def wrapped(function):
        @functools.wraps(function)
        def wrapper(*items):
            return function(*items)
        return wrapper

    def same(function):
        return function

    def configured(count):
        def decorate(function):
            def wrapper(*items):
                return function(*items)
            return wrapper
        return decorate

    class Object:
        def __init__(self, function):
            self.function = function
        def __call__(self, *items):
            return self.function(*items)

    class Reducing(Object):
        def __reduce__(self):
            return self.function.__qualname__

    class Configured:
        def __init__(self, count):
            self.count = count
        def __call__(self, function):
            def wrapper(*items):
                return function(*items)
            return wrapper
"""


@pytest.mark.parametrize(
    ("decorators", "sent"),
    [
        ("@bare", False),
        ("@wrapped", True),
        ("@same", True),
        ("@configured(3)", False),
        ("@Object", False),
        ("@Reducing", True),
        ("@Configured(3)", False),
        ("@functools.lru_cache(None)", True),
        ("@functools.lru_cache", True),
        ("@wrapped\n@bare", False),
        ("@bare\n@wrapped", False),
        ("@same\n@bare", False),
        ("@same\n@wrapped", True),
        ("@functools.lru_cache\n@wrapped", True),
        ("@functools.lru_cache\n@bare", False),
        ("@Object\n@wrapped", False),
        ("@same\n@Object", False),
        ("@Object\n@Object", False),
    ],
)
def test_a_decorated_function_is_reported_where_pickle_does_not_find_it(
    decorators: str, sent: bool, module: types.ModuleType
) -> None:
    definitions = f"{program(DECORATORS)}\n{decorators}\ndef task(*items):\n    return items\n"
    assert can_be_sent(module, definitions, "task") == sent
    for call in (
        "pool.map(task, [1])",
        "executor.submit(task, 1)",
        "pool.apply(work, (task,))",
        "pool.map(functools.partial(task, 1), [1])",
    ):
        assert bool(found(UNIMPORTABLE, definitions + of_a_call(call))) != sent, call


@pytest.mark.parametrize(
    ("decorators", "task", "sent"),
    [
        ("@bare", "Model().task", False),
        ("@wrapped", "Model().task", True),
        ("@configured(2)", "Model().task", False),
        ("@bare", "Model.task", False),
        ("@classmethod\n    @bare", "Model.task", False),
        ("@staticmethod\n    @bare", "Model.task", False),
        ("@staticmethod\n    @wrapped", "Model().task", True),
        ("@classmethod", "Model().task", True),
        ("@staticmethod", "Model().task", True),
        ("@functools.lru_cache(None)", "Model.task", True),
    ],
)
def test_a_decorated_method_is_reported_where_a_worker_does_not_find_it(
    decorators: str, task: str, sent: bool, module: types.ModuleType
) -> None:
    definitions = f"{program(DECORATORS)}\nclass Model:\n    {decorators}\n    def task(*items):\n        return items\n"
    assert can_be_sent(module, definitions, task) == sent
    assert bool(found(UNIMPORTABLE, definitions + of_a_call(f"executor.submit({task}, 1)"))) != sent


@pytest.mark.parametrize(
    ("made", "sent"),
    [
        ("wrapped(work)", False),
        ("functools.lru_cache(None)(work)", False),
        ("functools.lru_cache(work)", False),
        ("same(work)", True),
        ("Object(work)", True),
        ("functools.partial(work, 1)", True),
    ],
)
def test_another_name_for_a_decorated_function(made: str, sent: bool, module: types.ModuleType) -> None:
    definitions = f"{program(DECORATORS)}\nother = {made}\n"
    assert can_be_sent(module, definitions, "other") == sent
    assert bool(found(UNIMPORTABLE, definitions + of_a_call("pool.map(other, [1])"))) != sent


def test_a_name_that_is_bound_again_may_lead_to_the_decorated_function() -> None:
    definitions = program(DECORATORS) + "\nother = wrapped(work)\nwork = other\n"
    assert found(UNIMPORTABLE, definitions + of_a_call("pool.map(other, [1])")) == []


def test_the_harm_of_a_method_is_the_workers_death() -> None:
    definitions = program(DECORATORS) + "\nclass Model:\n    @bare\n    def task(self, item):\n        return item\n"
    (finding,) = found(UNIMPORTABLE, definitions + of_a_call("pool.map(Model().task, [1])"))
    assert finding.message.endswith("a worker that gets it looks for `wrapper`, dies, and the Pool waits for ever")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_fix_names_the_wrapper(newline: str) -> None:
    text = HEAD + program(DECORATORS) + "\n@bare\ndef task(item):\n    return item\n\n\n" + of_a_call("pool.map(task, [1])")
    text = text.replace("\n", newline)
    (finding,) = findings(UNIMPORTABLE, text)
    assert finding.fix is not None
    facts = survey_file("program.py", text)
    assert imports.place(facts, finding.fix.imports) == ()
    fixed = edits.apply(text, [finding.fix.edits]).text
    assert fixed.count(f"    @functools.wraps(function){newline}    def wrapper(*items):") == text.count("@functools.wraps") + 1
    assert findings(UNIMPORTABLE, fixed) == []


# PA204


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("threading.Lock()", False),
        ("threading.Event()", False),
        ("open(os.devnull)", False),
        ("sqlite3.connect(':memory:')", False),
        ("(n for n in [1])", False),
        ("numbers(3)", False),
        ("lambda: 1", False),
        ("threading.Thread(target=print)", False),
        ("ThreadPoolExecutor(2)", False),
        ("ProcessPoolExecutor(2)", False),
        ("multiprocessing.Lock()", False),
        ("multiprocessing.Queue()", False),
        ("queue.Queue()", False),
        ("{'lock': threading.Lock()}", False),
        ("[1, (2, threading.RLock())]", False),
        ("collections.defaultdict(lambda: 1)", False),
        ("re.match('a', 'a')", False),
        ("csv.reader([])", False),
        ("socket.socket()", True),
        ("logging.getLogger('a')", True),
        ("multiprocessing.Pipe()", True),
        ("io.BytesIO()", True),
        ("re.compile('a')", True),
        ("map(len, ['a'])", True),
        ("Path('a')", True),
        ("work", True),
        ("collections.defaultdict(list)", True),
    ],
)
def test_an_attribute_is_reported_where_pickle_refuses_it(value: str, sent: bool, module: types.ModuleType) -> None:
    definitions = program(f"""
        class Job:
            def __init__(self):
                self.name = "job"
                self.thing = {value}
            def run(self, item):
                return item
            def __call__(self, item):
                return item
    """)
    assert can_be_sent(module, definitions, "Job().run") == sent
    for call in ("pool.map(Job().run, [1])", "executor.submit(Job(), 1)", "pool.apply_async(functools.partial(Job().run, 1))"):
        assert [finding.confidence for finding in found(OWN, definitions + of_a_call(call))] == ([] if sent else [None]), call
    for call in ("executor.submit(work, Job())", "pool.apply(work, (Job().run,))"):
        assert [finding.confidence for finding in found(ARGUMENT, definitions + of_a_call(call))] == ([] if sent else [None]), (
            call
        )


JOB = """\
    class Job:
        def __init__(self, path):
            self.path = path
            {init}
        {more}
        def work(self, item):
            return item
        def run(self, items):
            {run}
            with Pool(2) as pool:
                return pool.map(self.work, items)
"""


@pytest.mark.parametrize(
    ("init", "more", "run", "answer"),
    [
        ("self.lock = threading.Lock()", "", "", "certain"),
        ("self.lock: object = threading.Lock()", "", "", "certain"),
        ("with open(path) as self.file: pass", "", "", "certain"),
        ("self.lock, self.other = threading.Lock(), 1", "", "", "certain"),
        ("if path: self.lock = threading.Lock()", "", "", "likely"),
        ("self.lock = None", "", "self.lock = threading.Lock()", "certain"),
        ("self.lock = None", "", "if items: self.lock = threading.Lock()", None),
        ("self.lock = threading.Lock()", "", "self.lock = None", None),
        ("self.lock = threading.Lock()", "", "del self.lock", None),
        ("self.lock = threading.Lock() if path else None", "", "", None),
        ("self.lock = path or threading.Lock()", "", "", None),
        ("", "def start(self): self.lock = threading.Lock()", "", "likely"),
        ("self.lock = None", "def start(self): self.lock = threading.Lock()", "", None),
        ("", "def helper(self): self.file = open(self.path)", "self.helper()", "likely"),
        ("self.lock = threading.Lock(); self.run([])", "", "", "likely"),
        ("self.lock = threading.Lock()", "def __getstate__(self): return {}", "", None),
        ("self.lock = threading.Lock()", "def __reduce__(self): return Job, (1,)", "", None),
        ("self.lock = threading.Lock()", "def __getattr__(self, name): return self.__dict__[name]", "", None),
        ("self.lock = threading.Lock()", "@property\n        def lock(self): return 1", "", None),
        ("lock = threading.Lock()", "", "", None),
    ],
)
def test_when_the_attribute_is_there(init: str, more: str, run: str, answer: str | None) -> None:
    text = HEAD + program(JOB).format(init=init or "pass", more=more.replace("\n        ", "\n    "), run=run or "pass")
    compile(text, "program.py", "exec")
    answers = [finding.confidence or "certain" for finding in findings(OWN, text)]
    assert answers == ([] if answer is None else [answer])


def test_a_dataclass_makes_its_objects_by_post_init() -> None:
    body = """
        from dataclasses import dataclass
        @dataclass
        class Job:
            name: str
            def __post_init__(self):
                self.lock = threading.Lock()
            def work(self, item):
                return item
        def run(items):
            with Pool(2) as pool:
                return pool.map(Job("a").work, items)
    """
    assert [finding.confidence for finding in found(OWN, body)] == [None]


def test_what_only_the_worker_stores_is_not_there() -> None:
    body = """
        class Job:
            def run(self, items):
                with Pool(2) as pool:
                    return pool.map(self.work, items)
            def work(self, item):
                self.file = open(item)
                return self.read()
            def read(self):
                self.rows = csv.reader(self.file)
                return list(self.rows)
    """
    assert found(OWN, body) == []


def test_the_pool_that_runs_the_method_is_there() -> None:
    body = """
        class Runner:
            def __init__(self):
                self.pool = None
            def start(self):
                self.pool = Pool(2)
            def work(self, item):
                return item
            def run(self, items):
                return self.pool.map(self.work, items)
    """
    assert said(OWN, body) == ["`self.work` is pickled with `self`, which holds a process pool in `pool`: that cannot be pickled"]


@pytest.mark.parametrize(
    ("head", "count"),
    [
        ("class Job(Base):", 1),
        ("class Job(Base, object):", 1),
        ("class Job(threading.Thread):", 1),
        ("class Job(multiprocessing.Process):", 1),
        ("class Job(Quiet):", 0),
        ("class Job(io.StringIO):", 0),
        ("class Job(unknown):", 0),
        ("@unknown\nclass Job(Base):", 0),
        ("@functools.total_ordering\nclass Job(Base):", 1),
    ],
)
def test_what_a_class_inherits(head: str, count: int) -> None:
    body = f"""
import abc
class Base(abc.ABC):
    def __init__(self):
        self.lock = threading.Lock()
class Quiet(Base):
    def __init__(self):
        self.name = "no super().__init__() here"
{head}
    def run(self, item):
        return item
"""
    assert len(found(OWN, body + of_a_call("pool.map(Job().run, [1])"))) == count


def test_pickling_that_is_taught_more() -> None:
    job = "class Job:\n    def __init__(self):\n        self.lock = threading.Lock()\n    def run(self, item): pass\n"
    body = f"import copyreg\n{job}"
    assert found(OWN, body + of_a_call("pool.map(Job().run, [1])")) == []
    assert found(ARGUMENT, body + of_a_call("pool.apply(work, (threading.Lock(),))")) == []


# PA206


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("(n for n in [1])", False),
        ("numbers(3)", False),
        ("open(os.devnull)", False),
        ("Path(os.devnull).open()", False),
        ("io.open(os.devnull)", False),
        ("sqlite3.connect(':memory:')", False),
        ("sqlite3.connect(':memory:').cursor()", False),
        ("threading.Lock()", False),
        ("queue.Queue()", False),
        ("os.scandir('.')", False),
        ("os.environ", False),
        ("Path('.').rglob('*')", False),
        ("csv.DictReader([])", False),
        ("re.search('a', 'a')", False),
        ("re.finditer('a', 'a')", False),
        ("[threading.Event()]", False),
        ("{'file': open(os.devnull)}", False),
        ("memoryview(b'a')", False),
        ("work()", True),
        ("list(numbers(3))", True),
        ("[n for n in numbers(3)]", True),
        ("open(os.devnull).read()", True),
        ("dict(os.environ)", True),
        ("list({1: 2}.keys())", True),
        ("zip([1], [2])", True),
        ("iter([1])", True),
        ("enumerate('ab')", True),
        ("io.StringIO('a')", True),
        ("socket.socket()", True),
        ("multiprocessing.Pipe()[0]", True),
        ("logging.getLogger()", True),
        ("re.compile('a')", True),
        ("len", True),
        ("int", True),
    ],
)
def test_an_argument_is_reported_where_pickle_refuses_it(value: str, sent: bool, module: types.ModuleType) -> None:
    assert can_be_sent(module, "", value) == sent
    for call in (
        f"executor.submit(work, {value})",
        f"executor.submit(work, item={value})",
        f"pool.apply_async(work, (1, {value}))",
        f"pool.apply_async(work, kwds={{'item': {value}}})",
        f"pool.map(functools.partial(work, {value}), [1])",
        f"pool.starmap(work, [(1, {value})])",
        f"list(executor.map(work, [{value}]))",
        f"list(executor.map(work, range(3), itertools.repeat({value})))",
        f"pool.starmap(work, zip([1], itertools.repeat({value})))",
        f"pool.map(work, [(n, {value}) for n in range(3)])",
    ):
        assert bool(found(ARGUMENT, of_a_call(call))) != sent, call


@pytest.mark.parametrize(
    ("call", "said_of_it"),
    [
        ("executor.submit(work, executor.submit(work, 1))", ["`executor.submit(work, 1)` is a future"]),
        ("executor.submit(work, pool)", ["`pool` is a process pool"]),
        ("executor.submit(work, executor)", []),
        ("pool.apply(work, (pool.map_async(work, [1]),))", ["`pool.map_async(work, [1])` is an AsyncResult"]),
        ("pool.apply(work, (ThreadPoolExecutor(2),))", ["`ThreadPoolExecutor(2)` is a thread pool"]),
        ("executor.submit(work, executor.submit(work, 1).result())", []),
        ("pool.map(work, pool.imap(work, [1]))", []),
        ("executor.submit(work, executor if path else None)", []),
    ],
)
def test_pools_and_results_as_arguments(call: str, said_of_it: list[str]) -> None:
    assert [each.partition(":")[0] for each in said(ARGUMENT, of_a_call(call))] == said_of_it


def test_itertools_fail_from_3_14_on() -> None:
    call = of_a_call("executor.submit(work, itertools.count(), itertools.chain([1], [2]))")
    assert [each.partition(" is ")[2] for each in said(ARGUMENT, call)] == [
        "an itertools.count: it cannot be sent to a worker with a task under Python 3.14",
        "an itertools.chain: it cannot be sent to a worker with a task under Python 3.14",
    ]
    assert said(ARGUMENT, call, OLD) == []


def test_views_of_a_dict_are_likely_only() -> None:
    call = of_a_call("d = {1: 2}; executor.submit(work, d.keys(), d.values(), dict(a=1).items(), path.keys())")
    assert [each[-1] for each in said(ARGUMENT, call)] == ["?", "?", "?"]


@pytest.mark.parametrize(
    "call",
    [
        "pool.map(work, source)",
        "pool.map(work, (n for n in [1]))",
        "list(executor.map(work, numbers(3), source))",
        "[executor.submit(work, key) for key in {1: 2}.keys()]",
        "[executor.submit(work, pair) for pair in {1: 2}.items()]",
        "executor.submit(work, os.environ['X'], os.environ.get('X'), os.environ.copy())",
        "x = os.environ['X']; executor.submit(work, x)",
        "pairs = list({1: 2}.items()); executor.submit(work, pairs, pairs[0])",
        "pool.apply_async(work, callback=threading.Lock().release)",
        "pool.apply_async(work, (1,), {}, lambda item: threading.Lock())",
        "executor.submit(work, *numbers(3))",
        "pool.apply_async(work, numbers(3))",
        "executor.submit(work, max(n for n in [1]))",
        "ThreadPoolExecutor(2).submit(work, threading.Lock())",
    ],
)
def test_what_is_not_pickled(call: str) -> None:
    assert found(ARGUMENT, of_a_call(call)) == []


# PA209


@pytest.mark.parametrize(
    ("made", "count"),
    [
        ("Pool(2, lambda: 1)", 1),
        ("Pool(initializer=lambda *items: 1, initargs=(1,))", 1),
        ("ProcessPoolExecutor(2, None, lambda: 1)", 1),
        ("ProcessPoolExecutor(initializer=local)", 1),
        ("ProcessPoolExecutor(initializer=functools.partial(local, 1))", 1),
        ("ProcessPoolExecutor(initializer=functools.partial(work, threading.Lock()))", 1),
        ("Pool(2, work, (threading.Lock(), lambda: 1, numbers(3), open(path)))", 4),
        ("Pool(2, work, [Job()])", 1),
        ("Pool(2, Job().start)", 1),
        ("get_context('spawn').Pool(2, lambda: 1)", 1),
        ("get_context('forkserver').Pool(2, lambda: 1)", 1),
        ("ProcessPoolExecutor(mp_context=get_context('spawn'), initializer=lambda: 1)", 1),
        ("get_context('fork').Pool(2, lambda: 1)", 0),
        ("ProcessPoolExecutor(mp_context=get_context('fork'), initializer=lambda: 1)", 0),
        ("get_context(path).Pool(2, lambda: 1)", 0),
        ("Pool(2, work, (multiprocessing.Lock(), multiprocessing.Queue(), Manager().Lock()))", 0),
        ("Pool(2, functools.partial(work, 1))", 0),
        ("Pool(2, None)", 0),
        ("Pool(2, path)", 0),
        ("Pool(2, Job.of_class)", 0),
        ("ThreadPoolExecutor(2, initializer=lambda: 1)", 0),
    ],
)
def test_initializers(made: str, count: int) -> None:
    body = f"""
        class Job:
            def __init__(self):
                self.lock = threading.Lock()
            def start(self):
                pass
            @classmethod
            def of_class(cls):
                pass

        def run(path):
            def local(*items):
                pass
            with {made} as pool:
                return list(pool.map(work, [1]))
    """
    assert len(found(INITIALIZER, body)) == count


@pytest.mark.parametrize(
    ("first", "then", "count"),
    [
        ("self.lock = threading.Lock()", "", 1),
        ("", "self.lock = threading.Lock()", 0),
        ("self.lock = multiprocessing.Lock()", "", 0),
        ("self.process = multiprocessing.Process()", "", 0),
        ("self.manager = Manager()", "", 1),
    ],
)
def test_an_initializer_takes_along_what_is_there_by_then(first: str, then: str, count: int) -> None:
    body = f"""
        class Job:
            def __init__(self):
                {first or "pass"}
                self.pool = Pool(2, self.start)
                {then or "pass"}
            def start(self):
                self.seen = threading.Event()
            def stop(self):
                self.pool.close()
    """
    assert len(found(INITIALIZER, body)) == count


def test_an_executor_starts_with_its_first_task() -> None:
    body = """
        class Job:
            def __init__(self):
                self.executor = ProcessPoolExecutor(2, initializer=self.start)
            def start(self):
                pass
            def run(self, items):
                return list(self.executor.map(work, items))
    """
    assert [each.partition(":")[0] for each in said(INITIALIZER, body)] == [
        "the initializer `self.start` is pickled with an object that holds a process pool in `executor`"
    ]


def test_an_initializer_is_as_severe_as_the_start_methods_say() -> None:
    body = "def run():\n    return Pool(2, lambda: 1)\n"
    assert [finding.severity for finding in found(INITIALIZER, body)] == ["error"]
    assert [finding.severity for finding in found(INITIALIZER, body, OLD)] == ["warning"]
    assert found(INITIALIZER, body, LINUX) == []
    spawned = "multiprocessing.set_start_method('spawn')\n" + body
    assert [finding.severity for finding in found(INITIALIZER, spawned, LINUX)] == ["error"]
    assert found(INITIALIZER, "multiprocessing.set_start_method('fork')\n" + body) == []


# PA210


@pytest.mark.parametrize(
    ("call", "count"),
    [
        ("pool.apply_async(work, (manager.Queue(), 1))", 1),
        ("pool.apply_async(work, args=(1, Manager().dict()))", 1),
        ("pool.apply_async(work, kwds={'lock': manager.Lock()})", 1),
        ("pool.map_async(work, [(manager.Queue(), n) for n in range(3)])", 1),
        ("pool.starmap_async(work, [(manager.list(), 1), (manager.list(), 2)])", 2),
        ("list(pool.imap_unordered(functools.partial(work, manager.Queue()), [1]))", 1),
        ("pool.starmap(work, ((manager.Queue(), n) for n in range(3)))", 1),
        ("pool.starmap(work, [(manager.Queue(), n) for n in range(3)])", 0),
        ("pool.apply(work, (manager.Queue(), 1))", 0),
        ("pool.apply_async(work, (path.Queue(), 1))", 0),
        ("pool.apply_async(work, (manager.dict().copy(),))", 0),
        ("queue = manager.Queue(); pool.apply_async(work, (queue,))", 0),
        ("executor.submit(work, manager.Queue())", 0),
    ],
)
def test_proxies_that_nobody_holds(call: str, count: int) -> None:
    assert len(found(PROXY, of_a_call(f"manager = Manager(); {call}"))) == count


# What was measured before any rule was written: one program or more for each row, for Pool and executor.

SQUARE = "def sq(x):\n    return x * x\n"


def by_a_pool(definitions: str, task: str, argument: str = "1") -> str:
    main = f"    with Pool(2) as pool:\n        print(pool.apply({task}, ({argument},)))\n"
    return f"{definitions}\nif __name__ == '__main__':\n{main}"


def by_an_executor(definitions: str, task: str, argument: str = "1") -> str:
    call = f"        print(executor.submit({task}, {argument}).result())\n"
    main = f"def main():\n    with ProcessPoolExecutor(max_workers=2) as executor:\n{call}"
    return f"{definitions}\n\n{main}\n\nif __name__ == '__main__':\n    main()\n"


def with_attribute(value: str) -> str:
    init = f"    def __init__(self):\n        self.x = {value}\n"
    return f"class Holder:\n{init}\n    def run(self, item):\n        return item\n"


BARE = program("""
    def deco(f):
        def wrapper(*a, **k):
            return f(*a, **k)
        return wrapper


""")
WRAPS = BARE.replace("    def wrapper", "    @functools.wraps(f)\n    def wrapper")
CLASS = program("""
    class Deco:
        def __init__(self, f):
            self.f = f

        def __call__(self, *a):
            return self.f(*a)


""")
KINDS = program("""
    class A:
        @staticmethod
        def s(x):
            return x

        @classmethod
        def c(cls, x):
            return x

        def m(self, x):
            return x

        def __call__(self, x):
            return x

        class B:
            def n(self, x):
                return x
""")

CAUGHT = [
    ("decorator-nowraps", "PA203", f"{BARE}@deco\n{SQUARE}", "sq"),
    ("decorator-wraps-alias", "PA203", f"{WRAPS}{SQUARE}\nfast = deco(sq)\n", "fast"),
    ("decorator-class-nowraps", "PA203", f"{CLASS}@Deco\n{SQUARE}", "sq"),
    ("bound-method-lock", "PA204", with_attribute("threading.Lock()"), "Holder().run"),
    ("bound-method-file", "PA204", with_attribute("open(os.devnull)"), "Holder().run"),
    ("bound-method-generator", "PA204", with_attribute("(n for n in range(3))"), "Holder().run"),
    ("bound-method-sqlite", "PA204", with_attribute("sqlite3.connect(':memory:')"), "Holder().run"),
    ("bound-method-lambda", "PA204", with_attribute("lambda y: y"), "Holder().run"),
    ("bound-method-thread", "PA204", with_attribute("threading.Thread(target=print)"), "Holder().run"),
    ("bound-method-executor", "PA204", with_attribute("ThreadPoolExecutor()"), "Holder().run"),
    ("bound-method-executor", "PA204", with_attribute("ProcessPoolExecutor()"), "Holder().run"),
    ("bound-method-pool", "PA204", with_attribute("Pool(1)"), "Holder().run"),
    ("bound-method-mplock", "PA204", with_attribute("multiprocessing.Lock()"), "Holder().run"),
    ("bound-method-mpqueue", "PA204", with_attribute("multiprocessing.Queue()"), "Holder().run"),
]
"""(row, rule, definitions, task): reported with a Pool and with an executor."""

CAUGHT_ARGUMENTS = [
    ("generator-arg", "PA206", "", "(n for n in range(3))"),
    ("generator-arg", "PA206", "def gen():\n    yield 1\n", "gen()"),
    ("local-class-arg", "PA202", "", "Local()"),
    ("picklability", "PA206", "", "threading.Event()"),
    ("picklability", "PA206", "", "threading.Condition()"),
    ("picklability", "PA206", "", "queue.Queue()"),
    ("picklability", "PA206", "", "ThreadPoolExecutor()"),
    ("picklability", "PA206", "import ssl\n", "ssl.create_default_context()"),
    ("picklability", "PA206", "", "logging.StreamHandler()"),
    ("picklability", "PA206", "import tempfile\n", "tempfile.TemporaryFile()"),
    ("picklability", "PA206", "", "re.match('a', 'a')"),
    ("picklability", "PA206", "import hashlib\n", "hashlib.sha256()"),
    ("picklability", "PA206", "import struct\n", "struct.Struct('i')"),
    ("picklability", "PA206", "import contextvars\n", "contextvars.ContextVar('v')"),
    ("picklability", "PA206", "D = {1: 2}\n", "D.keys()"),
    ("picklability", "PA206", "import types\n", "types.MappingProxyType({})"),
    ("picklability", "PA206", "", "itertools.count()"),
]
"""(row, rule, definitions, argument). argparse.ArgumentParser is missing: Python 3.14 can pickle one."""

SILENT = [
    ("bound-method-socket", with_attribute("socket.socket()"), "Holder().run", "1"),
    ("bound-method-logger", with_attribute("logging.getLogger('x')"), "Holder().run", "1"),
    ("callable-kinds-ok", KINDS, "A.s", "1"),
    ("callable-kinds-ok", KINDS, "A.c", "1"),
    ("callable-kinds-ok", KINDS, "A().m", "1"),
    ("callable-kinds-ok", KINDS, "A()", "1"),
    ("callable-kinds-ok", KINDS, "A.B().n", "1"),
    ("callable-kinds-ok", SQUARE, "functools.partial(sq)", "1"),
    ("callable-kinds-ok", "", "abs", "1"),
    ("decorator-lru-cache", f"@functools.lru_cache(maxsize=None)\n{SQUARE}", "sq", "1"),
    ("decorator-lru-cache", f"@functools.lru_cache\n{SQUARE}", "sq", "1"),
    ("decorator-lru-cache", f"@functools.cache\n{SQUARE}", "sq", "1"),
    ("decorator-wraps", f"{WRAPS}@deco\n{SQUARE}", "sq", "1"),
    ("picklability", "", "print", "socket.socket()"),
    ("picklability", "", "print", "multiprocessing.Pipe()[0]"),
    ("picklability", "", "print", "logging.getLogger()"),
    ("picklability", "", "print", "zip([1], [2])"),
    ("picklability", "", "print", "map(abs, [1])"),
    ("picklability", "", "print", "filter(None, [1])"),
    ("picklability", "", "print", "io.BytesIO(b'')"),
    ("picklability", "", "print", "io.StringIO('')"),
    ("picklability", "", "print", "re.compile('a')"),
    ("manager-queue-arg", "", "print", "Manager().Queue()"),
]
"""(row, definitions, task, argument): it works, and nothing is said."""

LOCAL_CLASS = """\
def main():
    class Local:
        pass

    with Pool(2) as pool:
        print(pool.apply(print, (Local(),)))
    with ProcessPoolExecutor(max_workers=2) as executor:
        print(executor.submit(print, Local()).result())


if __name__ == "__main__":
    main()
"""


def codes(text: str, settings: Settings = ANY) -> set[str]:
    """Every rule that is sure of something but the advice; likely findings with a question mark."""
    facts = survey_file("program.py", text)
    crashes: list[Problem] = []
    rules = [rule for rule in catalog.rules() if rule.default and not rule.code.startswith("PA1")]
    asked = judge.ask(rules, facts, settings, crashes)
    assert crashes == []
    return {f"{each.code}{'?' if each.confidence == 'likely' else ''}" for each in asked}


@pytest.mark.parametrize("shape", [by_a_pool, by_an_executor])
@pytest.mark.parametrize(("row", "code", "definitions", "task"), CAUGHT)
def test_a_row_of_tasks_is_caught(row: str, code: str, definitions: str, task: str, shape: Callable[[str, str], str]) -> None:
    assert code in codes(HEAD + shape(definitions, task))


@pytest.mark.parametrize("shape", [by_a_pool, by_an_executor])
@pytest.mark.parametrize(("row", "code", "definitions", "argument"), CAUGHT_ARGUMENTS)
def test_a_row_of_arguments_is_caught(
    row: str, code: str, definitions: str, argument: str, shape: Callable[[str, str, str], str]
) -> None:
    text = LOCAL_CLASS if argument == "Local()" else shape(definitions, "print", argument)
    assert {code, f"{code}?"} & codes(HEAD + text)


@pytest.mark.parametrize("shape", [by_a_pool, by_an_executor])
@pytest.mark.parametrize(("row", "definitions", "task", "argument"), SILENT)
def test_a_row_that_works_is_not_reported(
    row: str, definitions: str, task: str, argument: str, shape: Callable[[str, str, str], str]
) -> None:
    assert codes(HEAD + shape(definitions, task, argument)) == set()


@pytest.mark.parametrize("made", ["Pool(2, initializer=lambda: None)", "ProcessPoolExecutor(2, initializer=lambda: None)"])
def test_the_row_of_initializers(made: str) -> None:
    text = f"{HEAD}{SQUARE}\n\nif __name__ == '__main__':\n    with {made} as pool:\n        print(list(pool.map(sq, [1])))\n"
    assert codes(text) == {"PA209"}
    assert codes(text, LINUX) == set()
