"""Forms of PA401, PA402, PA403 and PA406 that their fixtures have no room for.

Knows small programs and what is said of them. Must never know more of a rule than RULE.
"""

from __future__ import annotations

import textwrap

import pytest

from poolaudit import edits
from poolaudit.rule import Finding, Rule
from poolaudit.rules.lifetime.join_before_close import RULE as JOIN
from poolaudit.rules.lifetime.pool_in_loop import RULE as LOOP
from poolaudit.rules.lifetime.pool_used_after_exit import RULE as USED
from poolaudit.rules.lifetime.unclosed_pool import RULE as UNCLOSED
from poolaudit.settings import Settings
from poolaudit.survey import survey_file

HEAD = """\
import multiprocessing as mp, os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool


def work(item):
    return item


"""


def findings(rule: Rule, text: str) -> list[Finding]:
    facts = survey_file("program.py", text)
    assert rule.check is not None
    return [finding for site in facts.sites if site.is_process for finding in rule.check(site, facts, Settings())]


def program(body: str, parameters: str = "items") -> str:
    return f"{HEAD}def run({parameters}):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n"


def found(rule: Rule, body: str) -> list[Finding]:
    return findings(rule, program(body))


def fixed(rule: Rule, body: str) -> str:
    """The body after the only fix that is offered."""
    text = program(body)
    (finding,) = findings(rule, text)
    assert finding.fix is not None, finding.notes
    after = edits.apply(text, [finding.fix.edits]).text
    compile(after, "program.py", "exec")
    assert findings(rule, after) == []
    return textwrap.dedent(after.removeprefix(f"{HEAD}def run(items):\n"))


def lines(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


# --- PA401


@pytest.mark.parametrize(
    ("body", "severities"),
    [
        ("pool = Pool()\nreturn pool.map(work, items)", ["warning"]),
        ("pool: Pool = Pool()\nreturn pool.map(work, items)", ["warning"]),
        ("return Pool().map(work, items)", ["warning"]),
        ("return list(ProcessPoolExecutor().map(work, items))", ["info"]),
        ("pool = mp.get_context('spawn').Pool()\nreturn pool.map(work, items)", ["warning"]),
        ("if items:\n    pool = Pool()\n    print(pool.map(work, items))", ["warning"]),
        ("pool = Pool()\nprint(pool.map(work, items))\npool = None", ["warning"]),
        (
            "try:\n    pool = Pool(maxtasksperchild=5)\nexcept TypeError:\n    pool = Pool()\nreturn pool.map(work, items)",
            ["warning"],
        ),
        ("pool = Pool()\nfor item in pool.imap(work, items):\n    yield item", ["warning"]),
        ("first, second = Pool(), Pool()\nfirst.close()\nreturn second.map(work, items)", ["warning"]),
        # it is not seen what becomes of them
        ("pool = Pool()\nitems.pool = pool\nreturn pool.map(work, items)", []),
        ("pool = Pool()\npool.map(work, items)\nreturn {'pool': pool}", []),
        ("pool = Pool()\nprint(pool.map(work, items))\ngetattr(pool, 'close')()", []),
        ("pool = Pool()\nend = pool.terminate\nprint(pool.map(work, items))\nend()", []),
        ("pool = Pool()\nitems.append(pool.map)\nreturn pool.map(work, items)", []),
        # joined: another rule's business
        ("pool = Pool()\nprint(pool.map(work, items))\npool.join()", []),
        # made and never used
        ("pool = Pool()\nprint(len(items))", []),
        ("pool = Pool()\nwhile True:\n    print(pool.map(work, items.get()))", []),
        ("pool = Pool()\nwhile True:\n    if pool.map(work, items.get()):\n        break", ["warning"]),
    ],
)
def test_unclosed(body: str, severities: list[str]) -> None:
    assert [finding.severity for finding in found(UNCLOSED, body)] == severities


def test_globals_live_as_long_as_the_process() -> None:
    use = "\ndef run(items):\n    return POOL.map(work, items)\n"
    assert findings(UNCLOSED, HEAD + "POOL = ProcessPoolExecutor()\n" + use) == []
    assert findings(UNCLOSED, HEAD + "POOL = mp.get_context('fork').Pool()\n" + use) == []
    made = "POOL = None\ndef make():\n    global POOL\n    POOL = Pool()\n"
    assert findings(UNCLOSED, HEAD + made + use) == []
    guarded = 'if __name__ == "__main__":\n    pool = Pool()\n    print(pool.map(work, [1]))\n'
    assert len(findings(UNCLOSED, HEAD + guarded)) == 1


ATTRIBUTE = """\
class Runner{bases}:
    def __init__(self):
        self.pool = Pool(2)

    def run(self, items):
        return self.pool.map(work, items)

"""


@pytest.mark.parametrize(
    ("bases", "more", "count"),
    [
        ("", "", 1),
        ("(object)", "", 1),
        ("(Base)", "class Base:\n    pass\n", 1),
        ("(Base, metaclass=type)", "class Base(object):\n    pass\n", 1),
        ("(Base)", "from elsewhere import Base\n", 0),
        ("(Base)", "import elsewhere\nclass Base(elsewhere.Other):\n    pass\n", 0),
        ("", "class Stopped(Runner):\n    def stop(self):\n        self.pool.close()\n", 0),
        ("", "def stop(runner):\n    runner.pool.terminate()\n", 0),
        ("", "def stop(runner):\n    with runner.pool:\n        pass\n", 0),
        ("", "def stop(runner):\n    getattr(runner, 'po' + 'ol').close()\n", 0),
        ("", "def stop(runner):\n    getattr(runner, 'pool').close()\n", 0),
        ("", "def size(runner):\n    return getattr(runner, 'size', 0), vars(runner)\n", 1),
    ],
)
def test_attributes(bases: str, more: str, count: int) -> None:
    runner = ATTRIBUTE.format(bases=bases)
    assert len(findings(UNCLOSED, HEAD + (more + runner if bases else runner + more))) == count


def test_with_reaches_to_the_last_use() -> None:
    body = lines(
        """
        pool = Pool(2)  # two
        note = '''
        kept as it is'''

        # the slow part
        if items:
            first = pool.map(work, items)
        else:
            first = []
        second = pool.starmap(
            work, items
        )
        return first, second, note
        """
    )
    after = fixed(UNCLOSED, body)
    assert after == lines(
        """
        with Pool(2) as pool:  # two
            note = '''
        kept as it is'''

            # the slow part
            if items:
                first = pool.map(work, items)
            else:
                first = []
            second = pool.starmap(
                work, items
            )
        return first, second, note
        """
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return Pool(2).map(work, items)", "with Pool(2) as pool:\n    return pool.map(work, items)\n"),
        (
            "found = ProcessPoolExecutor().submit(\n    work, items\n).result()",
            "with ProcessPoolExecutor() as executor:\n    found = executor.submit(\n        work, items\n    ).result()\n",
        ),
        (
            "pool = Pool()\nhandle = pool.apply_async(work, items)\nprint(1)\nprint(handle.get())\nprint(2)",
            "with Pool() as pool:\n    handle = pool.apply_async(work, items)\n    print(1)\n    print(handle.get())\nprint(2)\n",
        ),
        (
            "pool = Pool()\nhandles = [pool.apply_async(work, (i,)) for i in items]\nreturn [h.get() for h in handles]",
            "with Pool() as pool:\n    handles = [pool.apply_async(work, (i,)) for i in items]\n"
            "    return [h.get() for h in handles]\n",
        ),
        (
            "pool = Pool()\nfor item in pool.imap(work, items):\n    print(item)\nprint(2)",
            "with Pool() as pool:\n    for item in pool.imap(work, items):\n        print(item)\nprint(2)\n",
        ),
        (
            "executor = ProcessPoolExecutor()\nfutures = [executor.submit(work, i) for i in items]\n"
            "return [f.result() for f in futures]",
            "with ProcessPoolExecutor() as executor:\n    futures = [executor.submit(work, i) for i in items]\n"
            "    return [f.result() for f in futures]\n",
        ),
    ],
)
def test_enclosed(before: str, after: str) -> None:
    assert fixed(UNCLOSED, before) == after


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("pool = Pool()\npool.apply_async(work, items)", "may come after it"),
        ("pool = Pool()\nhandle = pool.apply_async(work, items)\nhandle.get(timeout=1)", "may come after it"),
        ("pool = Pool()\nfor item in pool.imap(work, items):\n    yield item", "a generator"),
        ("pool = Pool()\nreturn pool.imap(work, items)", "may come after it"),
        ("pool = Pool()\npool.map_async(work, items).wait()", "may come after it"),
        (
            "if items:\n    pool = Pool()\n    found = pool.imap(work, items)\nfor item in found:\n    print(item)",
            "outside of the block",
        ),
        ("pool = Pool(); print(1)\nprint(pool.map(work, items))", "plain assignment"),
        ("pool = other = Pool()\nprint(pool.map(work, items))", "plain assignment"),
        ("pool = Pool()\nprint(pool.map(work, items)); print(2)", "several statements"),
        ("pool = 1\nreturn Pool().map(work, items)", "is taken"),
        ("return [Pool().map(work, i) for i in items]", "cannot be put"),
        ("if Pool().map(work, items):\n    print(1)", "cannot be put"),
        ("found = Pool().imap(work, items)\nprint(list(found))", "behind the statement"),
    ],
)
def test_no_block(body: str, reason: str) -> None:
    (finding,) = found(UNCLOSED, body)
    assert finding.fix is None
    assert reason in finding.notes[-1]


# --- PA402


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("pool = Pool()\nprint(pool.map(work, items))\npool.join()", 1),
        ("pool = Pool()\nprint(pool.map(work, items))\npool.join()\npool.close()", 1),
        ("with Pool() as pool:\n    print(pool.map(work, items))\n    pool.join()", 1),
        ("with Pool() as pool:\n    print(pool.map(work, items))\n    pool.join()\n    pool.close()", 1),
        ("pool = Pool()\ntry:\n    print(pool.map(work, items))\nfinally:\n    pool.join()", 1),
        ("for item in items:\n    pool = Pool()\n    pool.map(work, item)\n    pool.join()", 1),
        ("pool = Pool()\nif items:\n    pool.close()\npool.join()", 0),
        ("pool = Pool()\ntry:\n    pool.map(work, items)\nexcept OSError:\n    pool.terminate()\npool.join()", 0),
        ("pool = Pool()\nwhile items:\n    if items.pop():\n        pool.join()\n    pool.close()", 0),
        ("pool = Pool() if items else None\npool.join()", 0),
        ("pool = items or Pool()\npool.join()", 0),
        ("executor = ProcessPoolExecutor()\nexecutor.submit(work, items)\nexecutor.join()", 0),
    ],
)
def test_join_before_close(body: str, count: int) -> None:
    assert len(found(JOIN, body)) == count


def test_close_goes_before_the_join() -> None:
    assert fixed(JOIN, "pool = Pool()\nprint(pool.map(work, items))\nif items:\n    pool.join()") == (
        "pool = Pool()\nprint(pool.map(work, items))\nif items:\n    pool.close()\n    pool.join()\n"
    )
    for body in ("pool = Pool()\npool.join()\nprint(pool.map(work, items))", "pool = Pool()\nprint(1); pool.join()"):
        (finding,) = found(JOIN, body)
        assert finding.fix is None


# --- PA403

MAKER = "def make():\n    return Pool(2)\n\n"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("with Pool() as pool:\n    pass\nreturn pool.map(work, items)", 1),
        ("with ProcessPoolExecutor() as executor:\n    pass\nexecutor.submit(work, 1)", 1),
        ("pool = Pool()\npool.close()\npool.apply_async(work, items)", 1),
        ("pool = Pool()\npool.terminate()\nfor item in items:\n    pool.apply(work, item)", 1),
        ("executor = ProcessPoolExecutor()\nexecutor.shutdown(wait=False)\nif items:\n    executor.map(work, items)", 1),
        ("pool = Pool()\ntry:\n    pool.map(work, items)\nfinally:\n    pool.close()\npool.map(work, items)", 1),
        ("for item in items:\n    with Pool() as pool:\n        pass\n    pool.map(work, item)", 1),
        ("pool = Pool()\nif items:\n    pool.close()\n    pool.map(work, items)", 1),
        ("pool = Pool()\nif items:\n    pool.close()\npool.map(work, items)", 0),
        ("pool = Pool()\nif items:\n    pool.close()\nelse:\n    pool.map(work, items)", 0),
        ("pool = Pool()\ntry:\n    pool.map(work, items)\nexcept OSError:\n    pool.close()\npool.map(work, items)", 0),
        ("pool = Pool()\npool.close()\npool = Pool()\npool.map(work, items)", 0),
        ("pool = Pool()\nwhile items:\n    pool.map(work, items)\n    pool.close()\n    pool = Pool()", 0),
        ("pool = Pool()\nfor item in items:\n    pool.map(work, item)\n    pool.close()", 0),
        ("with Pool() as pool:\n    handle = pool.map_async(work, items)\n    handle.wait()\nreturn handle.get()", 0),
        ("pool = Pool()\npool.close()\ntry:\n    pool.map(work, items)\nexcept ValueError:\n    pass", 0),
        ("pool = Pool()\npool.close()\ntry:\n    pool.map(work, items)\nexcept OSError:\n    pass", 1),
        ("pool = Pool()\npool.close()\nwith pytest.raises(ValueError):\n    pool.map(work, items)", 0),
        ("pool = Pool()\n\ndef end():\n    pool.close()\n\npool.map(work, items)\nend()", 0),
        ("executor = items or ProcessPoolExecutor()\nexecutor.shutdown()\nexecutor.submit(work, 1)", 0),
        (f"{MAKER}pool = make()\npool.close()\npool.map(work, items)", 1),
        (f"{MAKER}with make() as pool:\n    pass\npool.map(work, items)", 1),
        (f"{MAKER}for item in items:\n    pool = make()\n    pool.close()\n    pool.map(work, items)", 1),
        (f"{MAKER}first, second = make(), make()\nfirst.close()\nsecond.map(work, items)", 0),
        (f"{MAKER}pool = make()\npool.close()\nmake().map(work, items)", 0),
        (f"{MAKER}pool = make()\npool.close()\npool = make()\npool.map(work, items)", 0),
        (f"{MAKER}pool = make()\npool.map(work, items)\npool.close()", 0),
    ],
)
def test_used_after_exit(body: str, count: int) -> None:
    assert len(found(USED, body)) == count


# --- PA406

ROUND = "    with Pool(2) as pool:\n        print(pool.map(work, item))"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (f"for item in items:\n{ROUND}", 1),
        ("for item in items:\n    pool = Pool()\n    print(pool.map(work, item))\n    pool.close()\n    pool.join()", 1),
        ("for item in items:\n    print(Pool().map(work, item))", 1),
        (
            "for item in items:\n    with ProcessPoolExecutor(os.cpu_count()) as pool:\n"
            "        print(list(pool.map(work, item)))",
            1,
        ),
        ("while items:\n    item = items.pop()\n" + ROUND, 1),
        (
            "count = len(items)\nprint(count)\nfor item in items:\n    with Pool(count) as pool:\n"
            "        print(pool.map(work, item))",
            1,
        ),
        (
            "for item in items:\n    with Pool(2, initializer=work, initargs=(3,)) as pool:\n        print(pool.map(work, item))",
            1,
        ),
        (
            "fast = len(items) > 3\nprint(fast)\nfor item in items:\n    if fast:\n        with Pool(2) as pool:\n"
            "            print(pool.map(work, item))",
            1,
        ),
        ("for item in items:\n    if item:\n        with Pool(2) as pool:\n            print(pool.map(work, item))", 0),
        ("for item in items:\n    if items.full():\n        with Pool(2) as pool:\n            print(pool.map(work, item))", 0),
        ("for item in items:\n    with Pool(item) as pool:\n        print(pool.map(work, item))", 0),
        ("for item in items:\n    count = 2 + item\n    with Pool(count) as pool:\n        print(pool.map(work, item))", 0),
        (
            "for item in items:\n    for part in item:\n        with Pool(item) as pool:\n"
            "            print(pool.map(work, part))",
            0,
        ),
        ("for item in items:\n    with Pool(2, work, (item,)) as pool:\n        print(pool.map(work, item))", 0),
        ("for item in items:\n    with Pool(1) as pool:\n        print(pool.map(work, item))", 0),
        ("for item in items:\n    with Pool(2, maxtasksperchild=1) as pool:\n        print(pool.map(work, item))", 0),
        ("for item in items:\n    with Pool(2) as pool:\n        if all(pool.map(work, item)):\n            break", 0),
        ("for item in items:\n    with Pool(2) as pool:\n        return pool.map(work, item)", 0),
        (
            "for item in items:\n    try:\n        with Pool(2) as pool:\n            print(pool.map(work, item))\n"
            "    except OSError:\n        pass",
            0,
        ),
        ("while True:\n    item = items.get()\n" + ROUND, 0),
        ("for item in (items,):\n" + ROUND, 0),
        ("for item in items:\n    # give the memory back\n" + ROUND, 0),
        ("pools = []\nfor item in items:\n    pool = Pool(2)\n    pool.map_async(work, item)\n    pools.append(pool)", 0),
        ("for item in items:\n    def task(part):\n        return part, item\n" + ROUND.replace("work", "task"), 0),
        ("for item in items:\n    print(item)\nelse:\n" + ROUND, 0),
    ],
)
def test_pool_in_loop(body: str, count: int) -> None:
    assert len(found(LOOP, body)) == count


ONE = "def one(part, size=2):\n    with Pool({}) as pool:\n        return pool.map(work, part)\n\n"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (ONE.format(2) + "for item in items:\n    print(one(item))", 1),
        (ONE.format("") + "print([one(item) for item in items])", 1),
        (ONE.format("os.cpu_count()") + "for item in items:\n    for part in item:\n        one(part)", 1),
        (ONE.format("size") + "for item in items:\n    print(one(item))", 0),
        (ONE.format("len(part)") + "for item in items:\n    print(one(item))", 0),
        (ONE.format(1) + "for item in items:\n    print(one(item))", 0),
        (ONE.format(2) + "print(one(items))", 0),
        (ONE.format(2) + "for item in items:\n    if one(item):\n        break", 0),
        (ONE.format(2) + "for item in (items,):\n    print(one(item))", 0),
        (ONE.format(2) + "for item in items:\n    # fresh workers give the memory back\n    print(one(item))", 0),
        ("def make():\n    return Pool(2)\n\nfor item in items:\n    print(make().map(work, item))", 0),
    ],
)
def test_a_function_with_a_pool_in_a_loop_is_likely(body: str, count: int) -> None:
    reported = found(LOOP, body)
    assert [finding.confidence for finding in reported] == ["likely"] * count
