"""Forms of PA701, PA702, PA704 and PA801 that their fixtures have no room for: no fix, other methods, other fixes.

Knows small programs and what is said of them. Must never know more of a rule than RULE.
"""

from __future__ import annotations

import pytest

from poolaudit.rule import Finding, Rule
from poolaudit.rules.calls import args_not_tuple, called_not_passed, foreign_keyword
from poolaudit.rules.throughput import missing_chunksize
from poolaudit.settings import Settings
from poolaudit.survey import survey_file

PROGRAM = """\
import asyncio, multiprocessing
import multiprocessing.pool
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool

SECONDS = 3
OPTIONS = {{"first": 1}}


def half(number):
    return number / 2 if number else None


def add(first, second=0):
    return first + second


def announce():
    print("ready")


def adder(amount):
    def plus(value):
        return value + amount

    return plus if amount else lambda value: value


def half_of_sum(first, second):
    return half(add(first, second))


def numbers(stop):
    for number in range(stop):
        yield number


async def main(xs):
    loop = asyncio.get_running_loop()
    lock = multiprocessing.Lock()
    pool = Pool(4)
    executor = ProcessPoolExecutor()
    {line}
"""


def findings(rule: Rule, line: str) -> tuple[str, list[Finding]]:
    text = PROGRAM.format(line=line)
    facts = survey_file("program.py", text)
    found = [finding for site in facts.sites if rule.check for finding in rule.check(site, facts, Settings())]
    return text, found


def fixed(rule: Rule, line: str) -> tuple[str, str]:
    """The line after the one fix, and how safe that is."""
    text, (finding,) = findings(rule, line)
    assert finding.fix is not None
    for edit in sorted(finding.fix.edits, reverse=True):
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    return text.splitlines()[-1].strip(), finding.fix.applicability


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("executor.submit(half(3)).result()", "executor.submit(half, 3).result()"),
        ("executor.submit(announce()).result()", "executor.submit(announce).result()"),
        ("executor.submit(add(*xs)).result()", None),
        ("executor.submit(add(first=1, **{})).result()", None),
        ("executor.submit(half_of_sum(add(1, 2), 3)).result()", "executor.submit(half_of_sum, add(1, 2), 3).result()"),
        ("executor.submit(numbers(3)).result()", "executor.submit(numbers, 3).result()"),
        ("executor.submit(add(x for x in xs)).result()", None),
        ("executor.submit(half(3), 4).result()", None),
        ("executor.submit((half)((3))).result()", "executor.submit(half, 3).result()"),
        ('executor.submit(half("é")).result()', 'executor.submit(half, "é").result()'),
        ("executor.submit(half((yes := 3))).result()", None),
        ("executor.submit(half(sum(x for x in xs))).result()", "executor.submit(half, sum(x for x in xs)).result()"),
        ("pool.apply_async(announce()).get()", "pool.apply_async(announce).get()"),
        ("pool.apply_async(half(3)).get()", "pool.apply_async(half, (3,)).get()"),
        (
            "pool.apply_async(add(3, second=4), callback=print).get()",
            'pool.apply_async(add, (3,), {"second": 4}, callback=print).get()',
        ),
        ("pool.apply(add(second=4, first=xs))", 'pool.apply(add, (), {"second": 4, "first": xs})'),
        ("pool.apply_async(half(3), (4,)).get()", None),
        ("pool.map(half(3), xs)", None),
        ("list(executor.map(announce(), xs))", None),
        ("await loop.run_in_executor(executor, half(3))", "await loop.run_in_executor(executor, half, 3)"),
        ("await loop.run_in_executor(executor, add(3, second=4))", None),
    ],
)
def test_called_not_passed(line: str, after: str | None) -> None:
    if after is None:
        assert [finding.fix for finding in findings(called_not_passed.RULE, line)[1]] == [None]
    else:
        assert fixed(called_not_passed.RULE, line) == (after, "safe")


def test_called_not_passed_over_several_lines() -> None:
    _, (finding,) = findings(
        called_not_passed.RULE, "executor.submit(\n        add(\n            1,\n            second=2,\n        ),\n    )"
    )
    assert finding.fix is not None
    assert [edit.replacement for edit in finding.fix.edits] == ["add, 1, second=2"]


def test_called_not_passed_says_where_nobody_asks() -> None:
    _, (finding,) = findings(called_not_passed.RULE, "executor.submit(announce())")
    assert finding.message == "`announce` is called here, in the parent, and the worker is asked to call its result"
    assert finding.notes == ("nobody asks for the result: the TypeError never shows",)
    assert [related.message for related in finding.related] == ["returns None"]


@pytest.mark.parametrize(
    "line", ["executor.submit(adder(2), 3).result()", "pool.map(adder(xs), xs)", "executor.submit(xs(half)).result()"]
)
def test_a_function_that_makes_functions_is_called(line: str) -> None:
    assert findings(called_not_passed.RULE, line)[1] == []


@pytest.mark.parametrize(
    ("line", "after", "applicability"),
    [
        ("pool.apply(half, 3)", "pool.apply(half, (3,))", "safe"),
        ("pool.apply(half, None)", "pool.apply(half, (None,))", "safe"),
        ("pool.apply(half, SECONDS)", "pool.apply(half, (SECONDS,))", "safe"),
        ("pool.apply(half, (SECONDS))", "pool.apply(half, (SECONDS,))", "safe"),
        ("pool.apply(half, args=(lock))", "pool.apply(half, args=(lock,))", "safe"),
        ("pool.apply(half, 'abc')", "pool.apply(half, ('abc',))", "safe"),
        ("pool.apply(half, b'abc')", "pool.apply(half, (b'abc',))", "safe"),
        ("pool.apply(xs.f, ('abc'))", "pool.apply(xs.f, ('abc',))", "unsafe"),
        ("pool.apply(half_of_sum, 3)", None, ""),
        ("pool.apply(add, {'first': 1, 'second': 2})", "pool.apply(add, kwds={'first': 1, 'second': 2})", "unsafe"),
        ("pool.apply(add, args={'second': 2})", "pool.apply(add, kwds={'second': 2})", "unsafe"),
        ("pool.apply(half, {'colour': 2})", "pool.apply(half, ({'colour': 2},))", "unsafe"),
        ("pool.apply(half, OPTIONS)", "pool.apply(half, (OPTIONS,))", "unsafe"),
        ("pool.apply(add, OPTIONS)", None, ""),
        ("pool.apply(add, {'colour': 2})", None, ""),
        ("pool.apply(add, {'first': 2}, {'second': 3})", None, ""),
        ("Pool(2, half, (lock))", "Pool(2, half, (lock,))", "safe"),
        ("Pool(2, initializer=half, initargs=3)", "Pool(2, initializer=half, initargs=(3,))", "safe"),
        ("ProcessPoolExecutor(2, None, half, 3)", "ProcessPoolExecutor(2, None, half, (3,))", "safe"),
    ],
)
def test_args_not_tuple(line: str, after: str | None, applicability: str) -> None:
    if after is None:
        assert [finding.fix for finding in findings(args_not_tuple.RULE, line)[1]] == [None]
    else:
        assert fixed(args_not_tuple.RULE, line) == (after, applicability)


@pytest.mark.parametrize(
    ("line", "after"),
    [
        (
            "print(xs['id'], xs['body']); pool.apply_async(half, args=xs)",
            "print(xs['id'], xs['body']); pool.apply_async(half, args=(xs,))",
        ),
        ("print(xs['id'], xs['id']); pool.apply_async(half, xs)", ""),
        ("print(xs['id'], xs['body']); pool.apply_async(add, xs)", ""),
        ("print(xs[0], xs[1]); pool.apply_async(half, xs)", ""),
        ("print(xs['id'], xs['body']); pool.apply_async(print, xs)", ""),
        (
            "print(xs['id'], xs['body']); pool.apply_async(half, (xs))",
            "print(xs['id'], xs['body']); pool.apply_async(half, (xs,))",
        ),
    ],
)
def test_keys_that_are_read_count_the_arguments(line: str, after: str) -> None:
    """A loop variable, say: nothing is known of it but that it has these keys."""
    if after:
        assert fixed(args_not_tuple.RULE, line) == (after, "unsafe")
    else:
        assert findings(args_not_tuple.RULE, line)[1] == []


@pytest.mark.parametrize("line", ["pool.apply(add, 'a', {'second': 1})", "pool.apply(half_of_sum, 'a', kwds={'second': 1})"])
def test_keywords_fill_up_what_the_text_leaves(line: str) -> None:
    assert findings(args_not_tuple.RULE, line)[1] == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("executor.starmap(add, [(1, 2)])", "ProcessPoolExecutor has no method `starmap`: AttributeError"),
        ("executor.imap(half, xs)", "ProcessPoolExecutor has no method `imap`: AttributeError"),
        ("executor.apply_async(half, (1,))", "ProcessPoolExecutor has no method `apply_async`: AttributeError"),
        ("executor.close()", "ProcessPoolExecutor has no method `close`: AttributeError"),
        ("executor.join()", "ProcessPoolExecutor has no method `join`: AttributeError"),
        ("executor.terminate()", "ProcessPoolExecutor has no method `terminate`: AttributeError"),
        ("pool.submit(half, 1)", "Pool has no method `submit`: AttributeError"),
        ("pool.shutdown()", "Pool has no method `shutdown`: AttributeError"),
        ("pool.map(half, xs, timeout=3)", "`map` of Pool has no keyword `timeout`: TypeError"),
        ("list(executor.map(half, xs, callback=print))", "`map` of ProcessPoolExecutor has no keyword `callback`: TypeError"),
        ("ProcessPoolExecutor(maxtasksperchild=3)", "ProcessPoolExecutor has no keyword `maxtasksperchild`: TypeError"),
        ("ProcessPoolExecutor(thread_name_prefix='x')", "ProcessPoolExecutor has no keyword `thread_name_prefix`: TypeError"),
        ("ProcessPoolExecutor(max_workers=2, processes=2)", "ProcessPoolExecutor has no keyword `processes`: TypeError"),
        ("Pool(2, mp_context=lock)", "Pool has no keyword `mp_context`: TypeError"),
        (
            "ProcessPoolExecutor(2, 'spawn')",
            "the `mp_context` of ProcessPoolExecutor is a constant, no multiprocessing context: AttributeError",
        ),
        (
            "ProcessPoolExecutor(2, half, (1,), 5)",
            "the `mp_context` of ProcessPoolExecutor is a function, no multiprocessing context: AttributeError",
        ),
    ],
)
def test_foreign_keyword_without_a_fix(line: str, message: str) -> None:
    _, found = findings(foreign_keyword.RULE, line)
    assert [(finding.message, finding.fix) for finding in found] == [(message, None)]


@pytest.mark.parametrize(
    "line",
    [
        "multiprocessing.pool.Pool(context=multiprocessing.get_context('fork'))",
        "ProcessPoolExecutor(2, multiprocessing.get_context('fork'))",
        "pool.apply_async(add, (1,), {'timeout': 3}).get(timeout=3)",
        "executor.submit(add, 1, callback=print, timeout=3)",
        "none = None; ProcessPoolExecutor(2, none)",
        "either = xs or executor; either.close(); either.starmap(add, xs)",
        "either = pool if xs else executor; either.close(); either.shutdown()",
        "executor.close = executor.shutdown; executor.close()",
    ],
)
def test_foreign_keyword_is_silent(line: str) -> None:
    assert findings(foreign_keyword.RULE, line)[1] == []


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("list(pool.imap(half, range(100_000)))", "list(pool.imap(half, range(100_000), chunksize=1000))"),
        ("sum(pool.imap_unordered(half, list(range(1600))))", "sum(pool.imap_unordered(half, list(range(1600)), chunksize=100))"),
        ("list(executor.map(half, range(6400)))", "list(executor.map(half, range(6400), chunksize=100))"),
        (
            "list(executor.map(add, range(6400), range(9999), timeout=9))",
            "list(executor.map(add, range(6400), range(9999), timeout=9, chunksize=100))",
        ),
        # in chunks, imap gives a generator, which has no next(timeout)
        ("results = pool.imap(half, range(5000)); results.next(timeout=3)", None),
    ],
)
def test_missing_chunksize(line: str, after: str | None) -> None:
    if after is None:
        assert [finding.fix for finding in findings(missing_chunksize.RULE, line)[1]] == [None]
    else:
        assert fixed(missing_chunksize.RULE, line) == (after, "unsafe")
