"""Forms of PA301, PA302, PA303 and PA305 that their fixtures have no room for.

Knows small programs and what is said of them. Must never know more of a rule than RULE.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from poolaudit import config, edits, engine
from poolaudit.rule import Finding, Rule
from poolaudit.rules.startup.import_time_pool import RULE as IMPORT_TIME
from poolaudit.rules.startup.inherited_global import RULE as INHERITED
from poolaudit.rules.startup.missing_main_guard import RULE as GUARD
from poolaudit.rules.startup.worker_under_main_guard import RULE as UNDER_GUARD
from poolaudit.settings import Settings
from poolaudit.survey import survey_file

HEAD = """\
import multiprocessing as mp, sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool


def work(item):
    return item


"""
BELOW = 'if __name__ == "__main__":\n'
ANY = Settings()
LINUX = Settings(platforms=("linux",))
OLD = Settings(targets=((3, 9), (3, 13)), declared=True, platforms=("linux",))
OLD_ANYWHERE = Settings(targets=((3, 9), (3, 13)), declared=True)


def findings(rule: Rule, text: str, settings: Settings = ANY, path: str = "program.py") -> list[Finding]:
    facts = survey_file(path, text)
    assert rule.check is not None
    return [finding for site in facts.sites if site.is_process for finding in rule.check(site, facts, settings)]


def found(rule: Rule, body: str, settings: Settings = ANY) -> list[Finding]:
    return findings(rule, HEAD + textwrap.dedent(body).lstrip(), settings)


def fixed(rule: Rule, text: str) -> str:
    fix = next(finding.fix for finding in findings(rule, text) if finding.fix is not None)
    after = edits.apply(text, [fix.edits]).text
    compile(after, "program.py", "exec")
    assert findings(rule, after) == []
    return after


def refusal(rule: Rule, body: str) -> str:
    (finding,) = found(rule, body)
    assert finding.fix is None
    return finding.notes[-1]


# --- PA301


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("with Pool(2) as pool:\n    print(pool.map(work, [1]))", 1),
        ("print(Pool(2).map(work, [1]))", 1),
        ("for size in (1, 2):\n    with Pool(size) as pool:\n        print(pool.map(work, [1]))", 1),
        ("if len(sys.argv) > 1:\n    print(Pool(2).map(work, [1]))", 1),
        ("try:\n    print(Pool(2).map(work, [1]))\nexcept KeyboardInterrupt:\n    sys.exit(1)", 1),
        ("try:\n    print(Pool(2).map(work, [1]))\nexcept Exception:\n    sys.exit(1)", 0),
        ("def main():\n    with Pool(2) as pool:\n        print(pool.map(work, [1]))\nmain()", 1),
        ("def main():\n    run()\ndef run():\n    with Pool(2) as pool:\n        print(pool.map(work, [1]))\nmain()", 1),
        ("def main():\n    with Pool(2) as pool:\n        print(pool.map(work, [1]))\nprint(main)", 0),
        # an executor starts workers with its first task
        ("with ProcessPoolExecutor() as executor:\n    print(list(executor.map(work, [1])))", 1),
        ("executor = ProcessPoolExecutor()\nprint(executor.submit(work, 1).result())", 1),
        ("def main():\n    executor = ProcessPoolExecutor()\n    print(list(executor.map(work, [1])))\nmain()", 1),
        ("executor = ProcessPoolExecutor()\ndef main():\n    print(list(executor.map(work, [1])))\nmain()", 1),
        ("executor = ProcessPoolExecutor()\ndef main():\n    print(list(executor.map(work, [1])))\nprint(main)", 0),
        ("executor = ProcessPoolExecutor()\n" + BELOW + "    print(list(executor.map(work, [1])))", 0),
        ("with ProcessPoolExecutor() as executor:\n    print(executor)", 0),
        # the guard may be spelled in other ways
        ("if '__main__' == __name__:\n    print(Pool(2).map(work, [1]))", 0),
        ("def main():\n    if __name__ == '__main__':\n        print(Pool(2).map(work, [1]))\nmain()", 0),
        ("if mp.current_process().name == 'MainProcess':\n    print(Pool(2).map(work, [1]))", 0),
    ],
)
def test_missing_main_guard(body: str, count: int) -> None:
    assert len(found(GUARD, body)) == count


def test_severity_follows_start_methods() -> None:
    body = "print(Pool(2).map(work, [1]))"
    assert [finding.severity for finding in found(GUARD, body, ANY)] == ["error"]
    assert [finding.severity for finding in found(GUARD, body, LINUX)] == ["error"]
    assert [finding.severity for finding in found(GUARD, body, OLD_ANYWHERE)] == ["warning"]
    assert found(GUARD, body, OLD) == []
    forked = "print(mp.get_context('fork').Pool(2).map(work, [1]))"
    assert found(GUARD, forked) == []
    spawned = "print(mp.get_context('spawn').Pool(2).map(work, [1]))"
    assert [finding.severity for finding in found(GUARD, spawned, OLD)] == ["error"]


@pytest.mark.parametrize("path", ["__main__.py", "package/__main__.py", "notebook.ipynb"])
def test_what_workers_do_not_import(path: str) -> None:
    text = HEAD + "print(Pool(2).map(work, [1]))\n"
    assert findings(GUARD, text) != []
    assert findings(GUARD, text, path=path) == []


def test_main_guard_keeps_strings_and_blank_lines() -> None:
    body = 'SIZES = [\n    1,\n]\nwith Pool(2) as pool:\n\n    print(pool.map(work, """a\n b""".split()))  # all\n\n# the end\n'
    guarded = (
        'SIZES = [\n    1,\n]\nif __name__ == "__main__":\n    with Pool(2) as pool:\n\n'
        '        print(pool.map(work, """a\n b""".split()))  # all\n\n    # the end\n'
    )
    assert fixed(GUARD, HEAD + body) == HEAD + guarded


def test_main_guard_in_the_file_s_own_style() -> None:
    text = "from multiprocessing import Pool\r\nwith Pool(2) as pool:\r\n\tprint(pool.map(abs, [1]))\r\n"
    assert fixed(GUARD, text) == (
        "from multiprocessing import Pool\r\n"
        'if __name__ == "__main__":\r\n\twith Pool(2) as pool:\r\n\t\tprint(pool.map(abs, [1]))\r\n'
    )
    text = "from multiprocessing import Pool\ndef f(x):\n  if x:\n    return x\nprint(Pool(2).map(f, [1]))"
    assert fixed(GUARD, text).endswith('\nif __name__ == "__main__":\n  print(Pool(2).map(f, [1]))')


def test_main_guard_begins_with_the_first_pool() -> None:
    body = "print(1)\nfirst = Pool(2)\nprint(2)\nsecond = Pool(2)\nprint(first.map(work, [1]), second.map(work, [1]))\n"
    text = HEAD + body
    assert len(findings(GUARD, text)) == 2
    indented = body.removeprefix("print(1)\n").replace("\n", "\n    ").removesuffix("    ")
    assert fixed(GUARD, text) == HEAD + "print(1)\n" + BELOW + "    " + indented


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("print(Pool(2).map(work, [1]))\ndef later():\n    pass\n", "defined behind it"),
        ("print(Pool(2).map(work, [1]))\nclass Later:\n    pass\n", "defined behind it"),
        ("print(Pool(2).map(work, [1]))\n" + BELOW + "    print(1)", "has a main guard already"),
        ("print(1); print(Pool(2).map(work, [1]))", "shares its line"),
        (
            "def scale(x):\n    return x * FACTOR\nprint(Pool(2).map(abs, [1]))\nFACTOR = 2\nprint(Pool(2).map(scale, [1]))",
            "FACTOR",
        ),
    ],
)
def test_no_guard_can_be_put_there(body: str, reason: str) -> None:
    assert all(finding.fix is None and reason in finding.notes[-1] for finding in found(GUARD, body))
    assert found(GUARD, body)


# --- PA302


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "__init__.py").write_text("")
    return tmp_path / "module.py"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("POOL = Pool(2)", 1),
        ("class Runner:\n    pool = Pool(2)", 1),
        ("def run(items, pool=Pool(2)):\n    return pool.map(work, items)", 1),
        ("def make():\n    return Pool(2)\nPOOL = make()", 1),
        ("POOLS = {'a': Pool(2)}", 1),
        ("def make():\n    return Pool(2)\n", 0),
        ("EXECUTOR = ProcessPoolExecutor()", 0),
        ("POOL = mp.get_context('fork').Pool(2)", 0),
        ("POOL = mp.get_context('spawn').Pool(2)", 1),
        ("POOL = None\nif mp.parent_process() is None:\n    POOL = Pool(2)", 0),
        ("make = lambda: Pool(2)", 0),
        (BELOW + "    print(Pool(2).map(work, [1]))", 0),
    ],
)
def test_import_time_pool(body: str, count: int, package: Path) -> None:
    assert len(findings(IMPORT_TIME, HEAD + body, path=str(package))) == count
    assert findings(GUARD, HEAD + body, path=str(package)) == []


# --- PA303


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("    def late(x):\n        return x\n    print(Pool(2).map(late, [1]))", 1),
        ("    def late(x):\n        return x\n    print(list(ProcessPoolExecutor().map(late, [1])))", 1),
        ("    def late():\n        pass\n    print(Pool(2, late).map(work, [1]))", 1),
        ("    def late():\n        pass\n    print(Pool(2, initializer=late).map(work, [1]))", 1),
        ("    class Late:\n        def run(self, x):\n            return x\n    print(Pool(2).map(Late().run, [1]))", 1),
        ("    class Late:\n        def __init__(self, x):\n            pass\n    print(Pool(2).map(Late, [1]))", 1),
        ("    from functools import partial\n    def late(a, b):\n        return a\n    Pool(2).map(partial(late, 1), [1])", 1),
        # one and the same task twice is one fault
        ("    def late(x):\n        return x\n    pool = Pool(2)\n    pool.map(late, [1])\n    pool.map(late, [2])", 1),
        # pickle names where it comes from
        ("    from math import sqrt\n    print(Pool(2).map(sqrt, [1]))", 0),
        ("    def late(x):\n        return x\n    print(mp.get_context('fork').Pool(2).map(late, [1]))", 0),
        ("    def late(x):\n        return x\n    print(Pool(2).map_async(work, [1], callback=late).get())", 0),
        ("    def late(x):\n        return x\n    print(Pool(2).map(work, [late(1)]))", 0),
    ],
)
def test_worker_under_main_guard(body: str, count: int) -> None:
    assert len(found(UNDER_GUARD, BELOW + body)) == count


@pytest.mark.parametrize(
    ("used", "late", "count"),
    [
        ("helper(item)", "def helper(x):\n        return x", 1),
        ("Shape(item)", "class Shape:\n        pass", 1),
        ("math.sqrt(item)", "import math", 1),
        ("root(item)", "from math import sqrt as root", 1),
        ("inner(item)", "def helper(x):\n        return x", 1),
        ("len(item)", "def helper(x):\n        return x", 0),
        ("item.helper()", "def helper(x):\n        return x", 0),
        ("sys.exit()", "import sys", 0),
    ],
)
def test_definitions_that_a_worker_lacks(used: str, late: str, count: int) -> None:
    defined = f"def task(item):\n    return {used}\ndef inner(x):\n    return helper(x)\n"
    body = f"{defined}{BELOW}    {late}\n    Pool(2).map(task, [1])\n"
    assert len(found(UNDER_GUARD, body)) == count
    assert found(INHERITED, body) == []


# --- PA305


READS = "def task(item):\n    return STATE\n"
RUN = "    print(Pool(2).map(task, [1]))\n"


@pytest.mark.parametrize(
    ("before", "below", "count"),
    [
        ("", "    STATE = 1\n" + RUN, 1),
        ("STATE = None\n", "    STATE = 1\n" + RUN, 1),
        ("STATE = []\n", "    STATE.append(1)\n" + RUN, 1),
        ("STATE = {}\n", "    STATE['a'] = 1\n" + RUN, 1),
        ("STATE = None\n", "    with open('a') as STATE:\n        print(Pool(2).map(task, [1]))\n", 1),
        ("", "    for STATE in (1, 2):\n        print(Pool(2).map(task, [1]))\n", 1),
        ("STATE = 0\n", "    STATE += 1\n" + RUN, 1),
        ("STATE = None\ndef prepare():\n    global STATE\n    STATE = 1\n", "    prepare()\n" + RUN, 1),
        (
            "STATE = None\ndef prepare():\n    global STATE\n    STATE = 1\ndef inner():\n    prepare()\n",
            "    inner()\n" + RUN,
            1,
        ),
        ("STATE = None\ndef main(x):\n    global STATE\n    STATE = x\n    print(Pool(2).map(task, [1]))\n", "    main(1)\n", 1),
        ("STATE = None\ndef main(x):\n    print(Pool(2).map(task, [1]))\n", "    STATE = 1\n    main(1)\n", 1),
        # the file itself gives it the value, in every process
        ("STATE = 1\n", RUN, 0),
        ("STATE = None\ndef prepare():\n    global STATE\n    STATE = 1\nprepare()\n", RUN, 0),
        ("STATE = None\ndef prepare():\n    global STATE\n    STATE = 1\nprepare()\n", "    prepare()\n" + RUN, 0),
        ("STATE = {}\nSTATE.update(a=1)\n", "    STATE['b'] = 1\n" + RUN, 0),
        ("STATE = 1\n", "    STATE = 1\n" + RUN, 0),
        ("STATE = True\n", "    STATE = 1\n" + RUN, 1),
        # nothing calls the function that sets it
        ("STATE = None\ndef prepare():\n    global STATE\n    STATE = 1\n", RUN, 0),
        # a local name
        ("STATE = None\n", "    def other():\n        STATE = 1\n        return STATE\n    other()\n" + RUN, 0),
        # too late for any start method, or after all work
        ("STATE = None\n", "    pool = Pool(2)\n    STATE = 1\n    print(pool.map(task, [1]))\n", 0),
        ("STATE = None\n", RUN + "    STATE = 1\n", 0),
        ("STATE = None\n", "    executor = ProcessPoolExecutor()\n    STATE = 1\n    executor.submit(task, 1).result()\n", 1),
        # an initializer sets it, or may
        (
            "STATE = None\ndef setup(x):\n    global STATE\n    STATE = x\n",
            "    STATE = 1\n    Pool(2, setup, (1,)).map(task, [1])\n",
            0,
        ),
        ("STATE = None\n", "    STATE = 1\n    Pool(2, sys.setup, (1,)).map(task, [1])\n", 0),
        ("STATE = None\n", "    STATE = 1\n    Pool(**{'initializer': work}).map(task, [1])\n", 0),
        ("STATE = None\n", "    STATE = 1\n    globals()['STATE'] = 1\n" + RUN, 0),
        # shared on purpose, or not spawned
        ("STATE = None\n", "    STATE = mp.Manager().dict()\n" + RUN, 0),
        ("STATE = None\n", "    STATE = mp.Value('i', 1)\n" + RUN, 0),
        ("STATE = None\n", "    STATE = 1\n    print(mp.get_context('fork').Pool(2).map(task, [1]))\n", 0),
        ("STATE = None\n", "    mp.set_start_method('fork')\n    STATE = 1\n" + RUN, 0),
        ("STATE = None\n", "    mp.set_start_method('spawn')\n    STATE = 1\n" + RUN, 1),
        # what the parent does with results
        ("STATE = []\n", "    for each in Pool(2).map(work, [1]):\n        STATE.append(each)\n", 0),
    ],
)
def test_inherited_global(before: str, below: str, count: int) -> None:
    assert len(found(INHERITED, READS + before + BELOW + below)) == count


@pytest.mark.parametrize(
    "task",
    [
        "def task(item):\n    global STATE\n    if STATE is None:\n        STATE = load()\n    return STATE\n",
        "def cached():\n    global STATE\n    STATE = STATE or load()\n    return STATE\ndef task(item):\n    return cached()\n",
        "def task(STATE):\n    return STATE\n",
        "def task(item):\n    return sum(item)\n",
        "def task(item):\n    STATE = item\n    return STATE\n",
        "def task(item):\n    return [STATE for STATE in item]\n",
    ],
)
def test_a_worker_that_helps_itself(task: str) -> None:
    body = f"def load():\n    return 1\nSTATE = None\n{task}{BELOW}    STATE = sum = load()\n{RUN}"
    assert found(INHERITED, body) == []


def test_an_initializer_lacks_it_as_well() -> None:
    body = (
        "STATE = None\ndef setup():\n    print(ARGUMENTS)\n"
        + BELOW
        + "    ARGUMENTS = sys.argv\n    Pool(2, setup).map(work, [1])\n"
    )
    (finding,) = found(INHERITED, body)
    assert "`setup` needs `ARGUMENTS`" in finding.message
    assert "NameError" in finding.message


def test_names_are_told_together_and_once() -> None:
    body = (
        "A = B = None\ndef task(item):\n    return A, B\n" + BELOW + "    A = sys.argv\n    B = sys.argv\n"
        "    with Pool(2) as pool:\n        print(pool.map(task, [1]), pool.map(task, [2]))\n"
    )
    (finding,) = found(INHERITED, body)
    assert "`A` and `B`" in finding.message


def test_a_global_of_another_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("library.py").write_text(
        "GAIN = 1\n\ndef configure(gain):\n    global GAIN\n    GAIN = gain\n\ndef task(item):\n    return GAIN * item\n\n"
        'if __name__ == "__main__":\n    GAIN = 5\n'
    )
    main = "from multiprocessing import Pool\nimport library\n\nif __name__ == '__main__':\n{}    with Pool(2) as pool:\n"
    main += "        print(pool.map(library.task, [1]))\n"
    for line, count in (("", 0), ("    library.configure(2)\n", 1)):
        Path("main.py").write_text(main.format(line))
        report = engine.audit(["."], config.load("."))
        codes = [each.code for file in report.files for each in file.findings if each.code == "PA305"]
        assert len(codes) == count
