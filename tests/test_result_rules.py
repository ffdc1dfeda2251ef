"""Forms of PA404, PA405, PA501, PA502, PA503, PA505 and PA506 that their fixtures have no room for.

Knows small programs and what is said of them. Must never know more of a rule than RULE.
"""

from __future__ import annotations

import textwrap

import pytest

from poolaudit import edits, imports
from poolaudit.rule import Finding, Rule
from poolaudit.rules.lifetime.lazy_result_after_exit import RULE as LAZY
from poolaudit.rules.lifetime.work_lost_at_exit import RULE as LOST
from poolaudit.rules.results.discarded_result import RULE as DISCARDED
from poolaudit.rules.results.ineffective_cancel import RULE as CANCEL
from poolaudit.rules.results.serial_submit import RULE as SERIAL
from poolaudit.rules.results.unread_map import RULE as UNREAD
from poolaudit.rules.results.wrong_timeout_class import RULE as TIMEOUT
from poolaudit.settings import Settings
from poolaudit.survey import survey_file

HEAD = """\
import asyncio, concurrent.futures, itertools, logging, multiprocessing
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool


def work(item):
    return item


"""
ANY = Settings()


def findings(rule: Rule, text: str, settings: Settings = ANY) -> list[Finding]:
    facts = survey_file("program.py", text)
    assert rule.check is not None
    return [finding for site in facts.sites if site.is_process for finding in rule.check(site, facts, settings)]


def found(rule: Rule, body: str, settings: Settings = ANY) -> list[Finding]:
    return findings(rule, HEAD + program(body), settings)


def fixed(rule: Rule, body: str, settings: Settings = ANY) -> str:
    """`body` after all fixes that are offered."""
    text = HEAD + program(body)
    while fixes := [finding.fix for finding in findings(rule, text, settings) if finding.fix is not None]:
        facts = survey_file("program.py", text)
        assert all(imports.place(facts, fix.imports) == () for fix in fixes)
        text = edits.apply(text, [fix.edits for fix in fixes]).text
    compile(text, "program.py", "exec")
    assert text.startswith(HEAD)
    return text[len(HEAD) :]


def program(text: str) -> str:
    return textwrap.dedent(text).lstrip()


@pytest.mark.parametrize(
    ("body", "count"),
    [
        # nothing comes behind the submission but what returns at once
        ("with Pool() as pool:\n    pool.map_async(work, [1])\n    print('started')", 1),
        ("with Pool() as pool:\n    pool.map_async(work, [1])\n    logging.info('%s', len('started'))", 1),
        ("with Pool() as pool:\n    pool.map_async(work, [1])\n    anything()", 0),
        ("with Pool() as pool:\n    pool.map_async(work, [1])\n    with open('x') as file: pass", 0),
        ("with Pool() as pool, ProcessPoolExecutor() as executor:\n    executor.submit(work, 1)", 0),
        ("def f():\n    with Pool() as pool:\n        return pool.map_async(work, [1])", 1),
        ("def f():\n    with Pool() as pool:\n        return [pool.apply_async(work, (x,)) for x in 'ab']", 0),
        ("with Pool() as pool:\n    results = (pool.apply_async(work, (x,)) for x in 'ab')", 0),
        ("with Pool() as pool:\n    pool.map_async(work, [1], callback=print)", 1),
        ("with Pool() as pool:\n    while True:\n        pool.apply_async(work, (1,))", 0),
        ("with Pool() as pool:\n    pool.close()\n    pool.apply_async(work, (1,))\n    pool.join()", 0),
        ("with Pool() as pool:\n    result = pool.map_async(work, [1])\nresult.get()", 1),
        ("with Pool() as pool:\n    for x in 'ab':\n        result = pool.apply_async(work, (x,))\n    print(result)", 1),
    ],
)
def test_work_lost_at_exit(body: str, count: int) -> None:
    assert len(found(LOST, body)) == count


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (
            "with Pool() as pool:\n    result = pool.map_async(work, [1])\nprint(result.get())\n",
            "with Pool() as pool:\n    result = pool.map_async(work, [1])\n    pool.close()\n    pool.join()\n"
            "print(result.get())\n",
        ),
        (
            "with Pool() as pool:\n    pool.map_async(work, [1])  # all\n    # the end\n",
            "with Pool() as pool:\n    result = pool.map_async(work, [1])  # all\n    result.get()\n    # the end\n",
        ),
        (
            "with Pool() as pool:\n\tkept = [pool.apply_async(work, (x,)) for x in 'ab']\n",
            "with Pool() as pool:\n\tkept = [pool.apply_async(work, (x,)) for x in 'ab']\n"
            "\tfor result in kept:\n\t\tresult.get()\n",
        ),
        (
            "with Pool() as pool:\n  if input():\n    for x in 'ab':\n      pool.apply_async(work, (x,))",
            "with Pool() as pool:\n  results = []\n  if input():\n    for x in 'ab':\n"
            "      results.append(pool.apply_async(work, (x,)))\n  for result in results:\n    result.get()",
        ),
        ("with Pool() as pool: pool.map_async(work, [1])\n", None),
        ("with Pool() as pool:\n    pool.map_async(work, [1]); print()\n", None),
        ("with Pool() as pool:\n    result = pool.map_async(work, [1])\nprint(result.get(timeout=3))\n", None),
        ("with Pool() as pool:\n    pool.imap(work, 'ab')\n    r = pool.map_async(work, [1])\nprint(r.get())\n", None),
        ("def f():\n    with Pool() as pool:\n        return pool.map_async(work, [1])\n", None),
        ("async def f():\n    with Pool() as pool:\n        pool.map_async(work, [1])\n", None),
    ],
)
def test_work_lost_at_exit_is_waited_for(body: str, after: str | None) -> None:
    assert found(LOST, body)
    assert fixed(LOST, body) == (body if after is None else after)


def test_line_ends_are_kept() -> None:
    text = (HEAD + "with Pool() as pool:\n    pool.map_async(work, [1])\n").replace("\n", "\r\n")
    (finding,) = findings(LOST, text)
    assert finding.fix is not None
    after = edits.apply(text, [finding.fix.edits]).text
    assert after.endswith("    result = pool.map_async(work, [1])\r\n    result.get()\r\n")
    assert after.count("\n") == after.count("\r\n")


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("def f():\n    with Pool() as pool:\n        return pool.imap(work, 'ab')", 1),
        ("def f():\n    with Pool() as pool:\n        return (x + 1 for x in pool.imap(work, 'ab'))", 1),
        ("def f():\n    with Pool() as pool:\n        return map(work, pool.imap_unordered(work, 'ab'))", 1),
        (
            "def f():\n    with Pool() as pool:\n        it = pool.imap(work, 'ab')\n        print()\n        return it",
            1,
        ),
        (
            """
            def f(lazy):
                with Pool() as pool:
                    if lazy:
                        return pool.imap(work, "ab")
                    else:
                        raise anything("strange")
            """,
            1,
        ),
        (
            """
            def f():
                with Pool() as pool:
                    try:
                        return pool.imap(work, "ab")
                    finally:
                        anything()
            """,
            0,
        ),
        ("def f():\n    with Pool() as pool:\n        return dict(pool.imap(work, 'ab'))", 0),
        ("def f():\n    with Pool() as pool:\n        return {x: 1 for x in pool.imap(work, 'ab')}", 0),
        ("with Pool() as pool:\n    results = pool.imap(work, 'ab')\nfor x in results: pass", 1),
        ("with Pool() as pool:\n    results = pool.imap(work, 'ab')\n    input()\nfor x in results: pass", 0),
        ("with Pool() as pool:\n    results = pool.imap(work, 'ab')\nunknown(results)", 0),
    ],
)
def test_lazy_result_after_exit(body: str, count: int) -> None:
    assert len(found(LAZY, body)) == count


def test_an_iterator_that_cannot_become_a_list() -> None:
    for call, read in (("imap(work, itertools.count())", "for x in xs: pass"), ("imap(work, 'ab')", "next(xs)")):
        (finding,) = found(LAZY, f"with Pool() as pool:\n    xs = pool.{call}\n{read}\n")
        assert finding.fix is None


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (
            """
            with ProcessPoolExecutor() as executor:
                executor.submit(work, 1)
                for x in "ab":
                    executor.submit(work, x)
            """,
            """
            with ProcessPoolExecutor() as executor:
                futures = []
                futures.append(executor.submit(work, 1))
                for x in "ab":
                    futures.append(executor.submit(work, x))
                for future in futures:
                    future.result()
            """,
        ),
        (
            """
            executor = ProcessPoolExecutor()
            [executor.submit(work, x) for x in "ab"]
            executor.shutdown(wait=True)
            """,
            """
            executor = ProcessPoolExecutor()
            futures = [executor.submit(work, x) for x in "ab"]
            executor.shutdown(wait=True)
            for future in futures:
                future.result()
            """,
        ),
        (
            """
            futures = future = 3
            with ProcessPoolExecutor() as executor:
                kept = executor.submit(work, 1)
                [executor.submit(work, x) for x in "ab"]
            """,
            """
            futures = future = 3
            with ProcessPoolExecutor() as executor:
                kept = executor.submit(work, 1)
                pending = [executor.submit(work, x) for x in "ab"]
                kept.result()
                for each in pending:
                    each.result()
            """,
        ),
        (
            """
            with Pool() as pool:
                results = [pool.apply_async(work, (x,), callback=print) for x in "ab"]
                for result in results:
                    result.wait()
            """,
            """
            with Pool() as pool:
                results = [pool.apply_async(work, (x,), callback=print) for x in "ab"]
                for result in results:
                    result.get()
            """,
        ),
    ],
)
def test_discarded_results_are_collected(body: str, after: str) -> None:
    assert fixed(DISCARDED, body) == program(after)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("with ProcessPoolExecutor() as e:\n    while input():\n        e.submit(work, 1)", "grow without bound"),
        ("with ProcessPoolExecutor() as e:\n    for x in itertools.count():\n        e.submit(work, x)", "grow without bound"),
        ("def f():\n    with ProcessPoolExecutor() as e:\n        e.submit(work, 1)\n        return 3", "may leave"),
        ("with ProcessPoolExecutor() as e:\n    kept = e.submit(work, 1)\n    print(kept)", "used for other things"),
        ("async def f():\n    with ProcessPoolExecutor() as e:\n        e.submit(work, 1)", "event loop"),
        ("e = ProcessPoolExecutor()\ne.submit(work, 1)", "nothing here waits"),
        ("e = ProcessPoolExecutor()\ne.submit(work, 1)\ne.shutdown(wait=False)", "nothing here waits"),
        ("p = Pool()\nr = p.map_async(work, 'ab')\nr.wait(3)", "in another way"),
        ("p = Pool()\nif input():\n    p.map_async(work, 'ab')\nif input():\n    p.close()\n    p.join()", "another block"),
    ],
)
def test_why_a_discarded_result_has_no_fix(body: str, reason: str) -> None:
    (finding,) = found(DISCARDED, body)
    assert finding.fix is None
    assert reason in finding.notes[0]


@pytest.mark.parametrize(
    ("worker", "count"),
    [
        ("try:\n        item()\n    except Exception:\n        logging.exception('no')", 0),
        ("'''Runs it.'''\n    logging.info('run')\n    try:\n        item()\n    except:\n        pass\n    return None", 0),
        (
            "for each in item:\n        try:\n            each()\n        except (OSError, BaseException):\n            pass",
            0,
        ),
        ("try:\n        item()\n    except Exception:\n        logging.exception('no')\n        raise", 1),
        ("try:\n        item()\n    except OSError:\n        pass", 1),
        ("try:\n        import json\n    except Exception:\n        json = None\n    return json.loads(item)", 1),
        ("return item()", 1),
    ],
)
def test_a_task_that_catches_its_own_errors(worker: str, count: int) -> None:
    use = "with ProcessPoolExecutor() as e:\n    e.submit(guarded, 1)\n    e.map(guarded, 'ab')\n"
    body = f"def guarded(item):\n    {worker}\n\n\n{use}"
    assert len(found(DISCARDED, body)) == len(found(UNREAD, body)) == count


def test_a_handler_that_needs_the_parent() -> None:
    """The worker has no `errors`, unless the initializer brings it: the handler itself would fail."""
    body = """
        errors = None

        def prepare(queue):
            global errors
            errors = queue

        def guarded(item):
            try:
                item()
            except Exception as error:
                errors.put(error)

        def main(queue):
            {setup}
            with ProcessPoolExecutor({options}) as executor:
                executor.map(guarded, "ab")
        """
    assert len(found(UNREAD, body.format(setup="prepare(queue)", options=""))) == 1
    assert found(UNREAD, body.format(setup="pass", options="initializer=prepare, initargs=(queue,)")) == []


def test_an_unread_map_without_a_fix() -> None:
    for body in (
        "with ProcessPoolExecutor() as e:\n    e.map(work, itertools.count())",
        "async def f():\n    with ProcessPoolExecutor() as e:\n        e.map(work, 'ab')",
    ):
        (finding,) = found(UNREAD, body)
        assert finding.fix is None


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("results = e.map(work, 'ab')\n", "results = list(e.map(work, 'ab'))\n"),
        ("e.map(work, 'ab')  # all of them\n", "list(e.map(work, 'ab'))  # all of them\n"),
        ("e.map(work, 'ab')\n    e.shutdown()\n", "list(e.map(work, 'ab'))\n    e.shutdown()\n"),
        ("e.map(work, 'ab')\n    print(1)\n", "results = e.map(work, 'ab')\n    print(1)\n    list(results)\n"),
        ("kept = e.map(work, 'ab')\n    print(1)\n", "kept = e.map(work, 'ab')\n    print(1)\n    list(kept)\n"),
        (
            "for x in 'ab':\n        e.map(work, x)\n",
            "maps = []\n    for x in 'ab':\n        maps.append(e.map(work, x))\n"
            "    for results in maps:\n        list(results)\n",
        ),
    ],
)
def test_unread_maps_are_read_once_all_work_is_submitted(body: str, after: str) -> None:
    head = "with ProcessPoolExecutor() as e:\n    "
    (finding,) = found(UNREAD, head + body)
    assert finding.fix is not None
    assert finding.fix.applicability == "safe"
    assert fixed(UNREAD, head + body) == head + after


def test_a_map_that_the_rest_of_the_program_may_need_running() -> None:
    (finding,) = found(UNREAD, "e = ProcessPoolExecutor()\ne.map(work, 'ab')\nprint(input())\n")
    assert finding.fix is not None
    assert finding.fix.applicability == "unsafe"
    assert [caveat.name for caveat in finding.fix.caveats] == ["waits-here"]


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("sum(e.submit(work, x).result() for x in xs)", "sum(future.result() for future in [e.submit(work, x) for x in xs])"),
        (
            "print({e.submit(work, x).result() for x in xs if x})",
            "print({future.result() for future in [e.submit(work, x) for x in xs if x]})",
        ),
        ("out = {x: e.submit(work, x).result() for x in xs}", None),
        (
            "for x in xs:\n    out.append(e.submit(work, x).result())",
            "for future in [e.submit(work, x) for x in xs]:\n    out.append(future.result())",
        ),
        (
            "for x, y in xs:\n    e.submit(work, x, y).result()",
            "for future in [e.submit(work, x, y) for x, y in xs]:\n    future.result()",
        ),
        ("for x in xs:\n    print(x, e.submit(work, x).result())", None),
        ("for x in 1, 2:\n    print(e.submit(work, x).result())", None),
        ("for x in xs:\n    try:\n        out.append(e.submit(work, x).result(3))\n    except TimeoutError: pass", None),
        ("for x in xs:\n    future = e.submit(work, x)\n    out.append(future.result())", None),
        ("for x in xs:\n    item = str(x)\n    out.append(e.submit(work, item).result())", None),
        ("a = e.submit(work, 1).result()\nb = e.submit(work, 2).result()\nc = e.submit(work, 3).result()", None),
    ],
)
def test_serial_submit(body: str, after: str | None) -> None:
    head = "e = ProcessPoolExecutor()\nxs = out = []\n"
    (finding,) = found(SERIAL, head + body)
    assert (finding.fix is None) == (after is None)
    assert finding.fix is None or finding.fix.applicability == "unsafe"
    assert fixed(SERIAL, head + body) == head + (body if after is None else after)


@pytest.mark.parametrize(
    "body",
    [
        "a = e.submit(work, 1).result()\nb = e.submit(work, a).result()",
        "a = e.submit(work, 1).result()\nprint()\nb = e.submit(work, 2).result()",
        "a = e.submit(work, 1).result()\nb = e.submit(work, 2)",
        "for x in xs:\n    out = e.submit(work, x, out).result()",
        "for x in xs:\n    if e.submit(work, x).result(): print(x)",
        "for x in xs:\n    e.submit(work).result()",
        "for x in xs:\n    print([e.submit(work, y) for y in x][0].result())",
    ],
)
def test_not_serial(body: str) -> None:
    assert found(SERIAL, "e = ProcessPoolExecutor()\nxs = out = []\n" + body) == []


OLD = Settings(targets=((3, 9), (3, 10), (3, 12)), declared=True)
NEW = Settings(targets=((3, 11), (3, 14)), declared=True)


@pytest.mark.parametrize(
    ("call", "handler", "settings", "after"),
    [
        ("p.apply_async(work, (1,)).get(3)", "TimeoutError", ANY, "multiprocessing.TimeoutError"),
        ("p.apply_async(print, (1,)).get(3)", "TimeoutError", ANY, "(TimeoutError, multiprocessing.TimeoutError)"),
        (
            "p.apply_async(print, (1,)).get(3)",
            "(OSError, TimeoutError)",
            ANY,
            "(OSError, TimeoutError, multiprocessing.TimeoutError)",
        ),
        ("p.apply_async(work, (1,)).get(3)", "asyncio.TimeoutError", NEW, "multiprocessing.TimeoutError"),
        (
            "p.apply_async(work, (1,)).get(3)",
            "concurrent.futures.TimeoutError as error",
            NEW,
            "multiprocessing.TimeoutError as error",
        ),
        ("p.imap(work, 'ab').next(3)", "TimeoutError", ANY, "multiprocessing.TimeoutError"),
        ("e.submit(work, 1).result(3)", "multiprocessing.TimeoutError", NEW, "concurrent.futures.TimeoutError"),
        ("e.submit(work, 1).result(3)", "TimeoutError", OLD, "concurrent.futures.TimeoutError"),
        ("e.submit(work, 1).result(3)", "asyncio.TimeoutError", OLD, "concurrent.futures.TimeoutError"),
        ("list(e.map(work, 'ab', timeout=3))", "multiprocessing.TimeoutError", ANY, "concurrent.futures.TimeoutError"),
        ("list(e.map(work, 'ab', timeout=None))", "multiprocessing.TimeoutError", ANY, None),
        ("list(e.map(work, 'ab'))", "multiprocessing.TimeoutError", ANY, None),
        ("p.imap(work, 'ab').next()", "TimeoutError", ANY, None),
        ("next(e.map(work, 'ab', timeout=3))", "multiprocessing.TimeoutError", ANY, "concurrent.futures.TimeoutError"),
        ("e.submit(work, 1).result(3)", "TimeoutError", NEW, None),
        ("e.submit(work, 1).result(3)", "TimeoutError", ANY, None),
        ("e.submit(work, 1).result()", "multiprocessing.TimeoutError", ANY, None),
        ("p.apply_async(work, (1,)).wait(3)", "TimeoutError", ANY, None),
        ("p.apply_async(work, (1,)).get(None)", "TimeoutError", ANY, None),
        ("p.apply_async(work, (1,)).get(3)", "(TimeoutError, unknown)", ANY, None),
        ("p.apply_async(work, (1,)).get(3)", "ValueError", ANY, None),
        ("p.apply_async(work, (1,)).get(3), other()", "TimeoutError", ANY, None),
    ],
)
def test_wrong_timeout_class(call: str, handler: str, settings: Settings, after: str | None) -> None:
    body = f"p = Pool()\ne = ProcessPoolExecutor()\ntry:\n    {call}\nexcept %s:\n    pass\n"
    assert len(found(TIMEOUT, body % handler, settings)) == (after is not None)
    assert fixed(TIMEOUT, body % handler, settings) == body % (after or handler)


def test_the_right_class_is_imported() -> None:
    body = "p = Pool()\ntry:\n    p.apply_async(len, ('ab',)).get(3)\nexcept TimeoutError:\n    pass\n"
    text = "from multiprocessing import Pool\n" + body
    (finding,) = findings(TIMEOUT, text)
    assert finding.fix is not None
    assert [request.module for request in finding.fix.imports] == ["multiprocessing"]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("try:\n        f.result(timeout=1)\n    except concurrent.futures.TimeoutError:\n        pass", 1),
        ("try:\n        f.result(timeout=1)\n    except TimeoutError:\n        logging.warning('slow')\n        f.cancel()", 1),
        ("for f in fs:\n        try:\n            f.result(timeout=1)\n        except TimeoutError:\n            continue", 1),
        ("for f in fs:\n        try:\n            f.result(timeout=1)\n        except TimeoutError:\n            f.cancel()", 0),
        ("for _ in '123':\n        try:\n            f.result(timeout=1)\n        except TimeoutError:\n            pass", 0),
        ("try:\n        f.result(timeout=1)\n    except TimeoutError:\n        pass\n    f.result()", 0),
        ("try:\n        f.result(timeout=1)\n    except TimeoutError:\n        x = results.Failed('slow')", 1),
        ("try:\n        f.result(timeout=1)\n    except TimeoutError:\n        stop(f)", 0),
        ("try:\n        for x in e.map(work, 'ab', timeout=1): print(x)\n    except TimeoutError:\n        print('slow')", 1),
        ("try:\n        list(e.map(work, 'ab', timeout=None))\n    except TimeoutError:\n        print('slow')", 0),
        ("try:\n        f.result(timeout=1)\n    except TimeoutError:\n        stop.set()", 0),
        ("try:\n        f.result(timeout=1)\n    except TimeoutError:\n        raise ValueError from None", 0),
        ("try:\n        f.result(timeout=1)\n    except TimeoutError:\n        e.terminate_workers()", 0),
    ],
)
def test_ineffective_cancel(body: str, count: int) -> None:
    made = "fs = [e.submit(work, x) for x in 'ab']" if "fs" in body else "f = e.submit(work, 1)"
    assert len(found(CANCEL, f"with ProcessPoolExecutor() as e:\n    {made}\n    {body}\n")) == count


def test_what_ends_running_tasks_depends_on_the_targets() -> None:
    handled = "    try:\n        e.submit(work, 1).result(1)\n    except TimeoutError:\n        pass\n"
    body = "with ProcessPoolExecutor() as e:\n" + handled
    for settings, count in ((ANY, 2), (OLD, 1)):
        (finding,) = found(CANCEL, body, settings)
        assert len(finding.notes) == count
