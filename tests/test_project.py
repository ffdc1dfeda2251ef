"""Across files: the worker, the factory, the base class or the exception lies in another module of the project."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from poolaudit import engine
from poolaudit.config import load
from poolaudit.facts import FileFacts, Operation
from poolaudit.layout import Layout
from poolaudit.survey import survey_file
from poolaudit.survey.project import Project

Files = dict[str, str]


Survey = Callable[..., FileFacts]


@pytest.fixture
def survey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Survey:
    monkeypatch.chdir(tmp_path)

    def run(files: Files, main: str = "main.py") -> FileFacts:
        for name, source in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(source))
        return survey_file(main, textwrap.dedent(files[main]), project=Project(Layout(str(tmp_path))))

    return run


def only_operation(facts: FileFacts) -> Operation:
    (operation,) = [operation for _, operation in facts.operations()]
    return operation


WORKER = """\
    CACHE = {}
    class Broken(Exception):
        def __init__(self, a, b):
            super().__init__(a)
    def enrich(x):
        if x:
            raise Broken(1, 2)
        return CACHE[x]
    def fill():
        CACHE.update(a=1)
    def rows():
        yield 1
    """


@pytest.mark.parametrize(
    ("files", "main"),
    [
        ({"main.py": "from work import enrich\n", "work.py": WORKER}, "main.py"),
        ({"main.py": "from pkg.work import enrich\n", "pkg/__init__.py": "", "pkg/work.py": WORKER}, "main.py"),
        (
            {"main.py": "from pkg import enrich\n", "pkg/__init__.py": "from .work import enrich\n", "pkg/work.py": WORKER},
            "main.py",
        ),
        ({"main.py": "from pkg import enrich\n", "pkg/__init__.py": "from .work import *\n", "pkg/work.py": WORKER}, "main.py"),
        ({"main.py": "from work import *\n", "work.py": WORKER}, "main.py"),
        ({"pkg/main.py": "from .work import enrich\n", "pkg/__init__.py": "", "pkg/work.py": WORKER}, "pkg/main.py"),
        (
            {
                "one/setup.py": "",
                "one/tests/sub/main.py": "from app.work import enrich\n",
                "one/src/app/__init__.py": "",
                "one/src/app/work.py": WORKER,
                "two/src/app/work.py": "",
            },
            "one/tests/sub/main.py",
        ),
        (
            {
                "src/app/sub/main.py": "from ..work import enrich\n",
                "src/app/__init__.py": "",
                "src/app/sub/__init__.py": "",
                "src/app/work.py": WORKER,
            },
            "src/app/sub/main.py",
        ),
        (
            {"scripts/main.py": "from app.work import enrich\n", "src/app/__init__.py": "", "src/app/work.py": WORKER},
            "scripts/main.py",
        ),
        ({"main.py": "from spaces.work import enrich\n", "spaces/work.py": WORKER}, "main.py"),
    ],
    ids=[
        "beside",
        "package",
        "re-export",
        "star re-export",
        "star",
        "project of several",
        "relative",
        "src",
        "script",
        "namespace",
    ],
)
def test_worker_of_another_file(survey: Survey, files: Files, main: str) -> None:
    files[main] += "from multiprocessing import Pool\ndef main(xs):\n    with Pool() as pool:\n        pool.map(enrich, xs)\n"
    facts = survey(files, main)
    task = only_operation(facts).task
    assert task is not None
    assert task.kind == "function"
    assert task.function is not None
    function = facts.functions[task.function]
    assert function.name == "enrich"
    assert function.span.path == next(path for path in files if path.endswith("work.py"))
    (raised,) = function.raises
    assert raised.exception is not None
    assert raised.exception.class_id is not None
    assert facts.classes[raised.exception.class_id].super_init is not None
    assert {use.name.rpartition(".")[2] for use in function.globals if use.how == "read"} >= {"CACHE"}


def test_module_import_and_attribute(survey: Survey) -> None:
    facts = survey(
        {
            "main.py": "import pkg.work as w\nfrom multiprocessing import Pool\nPool().map(w.enrich, w.rows())\n",
            "pkg/__init__.py": "",
            "pkg/work.py": WORKER,
        }
    )
    operation = only_operation(facts)
    assert operation.task is not None
    assert operation.task.kind == "function"
    assert operation.iterable is not None


FACTORIES = {
    "return": "def make():\n    return Pool(2)\n",
    "yield": "from contextlib import contextmanager\n@contextmanager\ndef make():\n    with Pool(2) as p:\n        yield p\n",
    "conditional": "def make(n=None):\n    return Pool(n) if n else Pool()\n",
}


@pytest.mark.parametrize("kind", FACTORIES)
def test_factory_of_another_file(survey: Survey, kind: str) -> None:
    call = "with make() as pool:\n        return pool.map(lambda x: x, xs)"
    facts = survey(
        {
            "main.py": f"from pools import make\ndef main(xs):\n    {call}\n",
            "pools.py": "from multiprocessing import Pool\n" + FACTORIES[kind],
        }
    )
    assert facts.sites
    assert all(site.foreign for site in facts.sites)
    operation = only_operation(facts)
    assert operation.process_only
    assert operation.task is not None
    assert operation.task.kind == "lambda"


def test_pool_given_to_another_file(survey: Survey) -> None:
    facts = survey(
        {
            "main.py": """
                from multiprocessing import Pool
                from run import run_all
                def main(xs):
                    pool = Pool()
                    run_all(pool, xs)
                """,
            "run.py": "def run_all(pool, xs):\n    rs = pool.map(len, xs)\n    pool.close()\n    return rs\n",
        }
    )
    (site,) = facts.sites
    assert site.complete
    assert site.lifetime == "closed"
    (operation,) = site.operations
    assert operation.point.span.path == "run.py"
    assert not operation.process_only


def test_pool_attribute_of_a_base_class(survey: Survey) -> None:
    facts = survey(
        {
            "main.py": """
                from base import Runner
                class Mine(Runner):
                    def run(self, xs):
                        return self.pool.map(lambda x: x, xs)
                """,
            "base.py": """
                import multiprocessing as mp
                class Runner:
                    def __init__(self):
                        self.pool = mp.Pool()
                    def close(self):
                        self.pool.close()
                """,
        }
    )
    (site,) = facts.sites
    assert site.foreign
    assert [operation.process_only for operation in site.operations] == [True]


def test_mutual_imports_and_recursion(survey: Survey) -> None:
    facts = survey(
        {
            "main.py": "from multiprocessing import Pool\nfrom other import walk\ndef go(pool):\n    walk(pool)\ngo(Pool())\n",
            "other.py": "import main\ndef walk(pool):\n    main.go(pool)\n    walk(pool)\n    pool.map(len, [])\n",
        }
    )
    assert [operation.method for operation in facts.sites[0].operations] == ["map"]


def test_a_file_that_borrows_a_pool_is_found_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "pkg/__init__.py": "from .pools import make\n",
        "pkg/pools.py": "from multiprocessing import Pool\ndef make():\n    return Pool(2)\n",
        "use.py": "from pkg import make\nwith make() as pool:\n"
        "    pool.imap(lambda x: x, [1])\n    pool.apply_async(lambda x: x, (1,)).get()\n",
        "other.py": "from pkg import make\nclient.submit(1)\n",
        "far.py": "import json\nclient.submit(1)\n",
    }
    for name, source in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    monkeypatch.chdir(tmp_path)
    config = load(tmp_path, isolated=True)

    def codes(*paths: str) -> list[tuple[str, str]]:
        report = engine.audit(paths, config)
        assert not report.problems
        return [(file.path, found.code) for file in report.files for found in file.findings if file.path.endswith("use.py")]

    assert [code for _, code in codes("use.py")].count("PA201") == 2
    assert codes("use.py") == codes(".")
    assert engine.audit(["."], config).candidates == 3


def test_start_method_of_the_program_that_starts_it(survey: Survey) -> None:
    files = {
        "app/work.py": "from multiprocessing import Pool\ndef main():\n    Pool().map(len, [])\n",
        "app/__init__.py": "",
        "run.py": "import multiprocessing as mp\nfrom app import work\nmp.set_start_method('spawn')\nwork.main()\n",
        "other.py": "import multiprocessing as mp\nmp.set_start_method('fork')\n",
    }
    assert survey(files, "app/work.py").start_method == "spawn"
    files["app/__main__.py"] = "from multiprocessing import set_start_method\nset_start_method('forkserver')\n"
    assert survey(files, "app/work.py").start_method == "unknown"


def test_what_is_not_there_is_unknown(survey: Survey) -> None:
    facts = survey(
        {
            "main.py": "from multiprocessing import Pool\nfrom gone import f\nfrom broken import g\n"
            "Pool().map(f, [])\nPool().map(g, [])\n",
            "broken.py": "def g(:\n",
        }
    )
    assert [operation.task.kind for _, operation in facts.operations() if operation.task] == ["imported", "imported"]


def test_nothing_outside_the_root_is_read(survey: Survey, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside_of_the_root.py"
    outside.write_text("def f(x):\n    return x\n")
    (tmp_path / "outside_of_the_root.py").symlink_to(outside)
    facts = survey({"main.py": "from multiprocessing import Pool\nfrom outside_of_the_root import f\nPool().map(f, [])\n"})
    task = only_operation(facts).task
    assert task is not None
    assert task.kind == "imported"


def test_global_of_another_module_goes_by_its_full_name(survey: Survey) -> None:
    facts = survey(
        {
            "main.py": "from multiprocessing import Pool\nfrom pkg import work\nwork.fill()\nPool().map(work.enrich, [])\n",
            "pkg/__init__.py": "",
            "pkg/work.py": WORKER,
        }
    )
    assert [use.how for use in facts.globals["pkg.work.CACHE"]] == ["assign", "mutate"]
    assert all(use.span.path == "pkg/work.py" for use in facts.globals["pkg.work.CACHE"])


def test_a_worker_of_another_file_is_judged_by_its_own_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = "def tiny(x):\n    return x + 1 + 2\n"
    (tmp_path / "main.py").write_text(
        f"{tiny}from concurrent.futures import ProcessPoolExecutor\nfrom other import work\n"
        "with ProcessPoolExecutor() as executor:\n    print(sum(executor.map(work, range(100000))))\n"
    )
    (tmp_path / "other.py").write_text("def work(x):\n    return x.go() * 7\n")
    monkeypatch.chdir(tmp_path)
    report = engine.audit(["main.py"], load(tmp_path, isolated=True))
    assert not report.problems
    assert "PA801" not in [found.code for file in report.files for found in file.findings]


def test_pools_that_workers_of_another_file_make(survey: Survey) -> None:
    facts = survey(
        {
            "main.py": """\
                from multiprocessing import Pool
                from other import first, second
                with Pool(2) as pool:
                    pool.map(first, [1])
                    pool.map(second, [1])
                """,
            "other.py": """\
                import multiprocessing
                from concurrent.futures import ProcessPoolExecutor
                def first(x):
                    return ProcessPoolExecutor()
                def second(x):
                    return multiprocessing.get_context("fork").Pool(2)
                """,
        }
    )
    made = {function.name: [(name.api, facts.cut(name.span)) for name in function.makes] for function in facts.functions.values()}
    assert made == {
        "first": [("concurrent.futures.ProcessPoolExecutor", "ProcessPoolExecutor")],
        "second": [("multiprocessing.Pool", 'multiprocessing.get_context("fork").Pool')],
    }
