"""How a program ends in a word, and the table of Pythons by start methods."""

from __future__ import annotations

import pytest

from poolaudit.matrix import End, changes, matrix, span, under_default
from poolaudit.transcript import METHODS, Cell, Outcome, parse

GOOD = Outcome("exit 0", ("start", "done"))


@pytest.mark.parametrize(
    ("bad", "good", "words"),
    [
        (GOOD, GOOD, "fine"),
        (Outcome("hangs (killed after 3 s)", (), "ValueError: no"), GOOD, "hangs"),
        (Outcome("killed by SIGKILL"), GOOD, "killed by SIGKILL"),
        (Outcome("exit 1", ("start",), "ValueError: no"), GOOD, "`ValueError`"),
        (Outcome("exit 1", (), "multiprocessing.context.TimeoutError"), GOOD, "`TimeoutError`"),
        (Outcome("exit 1", (), "concurrent.futures.process.BrokenProcessPool: A process"), GOOD, "`BrokenProcessPool`"),
        (Outcome("exit 3"), GOOD, "exit 3"),
        (Outcome("exit 1", (), "usage: program FILE"), GOOD, "exit 1"),
        # what the program itself prints of exceptions
        (Outcome("exit 0", ("PicklingError", "KeyError: no such key", "KeyError")), GOOD, "`PicklingError`, `KeyError`"),
        (Outcome("exit 0", ("start", "lost")), GOOD, "no error, but `lost`"),
        (Outcome("exit 0", ("start",)), GOOD, "no error, but `start`"),
        (Outcome("exit 0"), GOOD, "no error, but prints nothing"),
        # an exception that only stderr tells of
        (Outcome("exit 0", GOOD.out, "ValueError: in a worker"), GOOD, "`ValueError`"),
        (Outcome("exit 0", GOOD.out, "a warning"), GOOD, "fine"),
        # the repaired program may well end with an error
        (Outcome("exit 1", (), "ValueError: no"), Outcome("exit 1", (), "ValueError: no"), "exit 1"),
    ],
)  # fmt: skip
def test_an_end_in_words(bad: Outcome, good: Outcome, words: str) -> None:
    run = {Cell("bad.py", (3, 14), method): (bad,) for method in METHODS}
    run |= {Cell("good.py", (3, 14), method): (good,) for method in METHODS}
    assert [str(end) for end in matrix(run).rows[0].ends[0]] == [words]


RUN = parse(
    "bad/main.py  3.9 3.10 3.11 x fork: exit 0\n\n"
    "bad/main.py  3.9 3.10 3.11 x spawn forkserver, 3.14 x spawn: hangs (killed after 3 s)\n\n"
    "bad/main.py  3.14 x forkserver: one of\n  - exit 0\n  - exit 1\n    err | OSError: 2\n\n"
    "good/main.py  3.9 3.10 3.11 x fork spawn forkserver, 3.14 x spawn forkserver: exit 0\n"
)


def test_rows_and_columns_that_say_the_same_are_one() -> None:
    table = matrix(RUN)
    assert table.columns == (("fork",), ("spawn",), ("forkserver",))
    fine, hangs, absent = End("fine"), End("hangs"), End("not run")
    assert [(row.program, row.versions, row.ends) for row in table.rows] == [
        ("bad/main.py", ((3, 9), (3, 10), (3, 11)), ((fine,), (hangs,), (hangs,))),
        ("bad/main.py", ((3, 14),), ((absent,), (hangs,), (fine, End("raises", "OSError")))),
        ("good/main.py", ((3, 9), (3, 10), (3, 11)), ((fine,), (fine,), (fine,))),
        ("good/main.py", ((3, 14),), ((absent,), (fine,), (fine,))),
    ]
    older = {cell: outcomes for cell, outcomes in RUN.items() if cell.version < (3, 14)}
    assert matrix(older).columns == (("fork",), ("spawn", "forkserver"))
    good = {cell: outcomes for cell, outcomes in older.items() if cell.program == "good/main.py"}
    assert matrix(good).columns == (METHODS,)
    assert matrix({}).rows == ()


def test_the_default_start_method_of_a_python() -> None:
    assert under_default(RUN, (3, 11)) == (End("fine"),)
    assert under_default(RUN, (3, 14)) == (End("fine"), End("raises", "OSError"))
    assert under_default(RUN, (3, 8)) == ()


def test_changes_from_python_to_python() -> None:
    run = parse(
        "a.py  3.12 3.13 3.14 x default: exit 0\n  out | 1\n\nb.py  3.12 3.13 x default: exit 0\n\nb.py  3.14 x default: exit 2\n"
    )
    columns, programs = changes(run)
    assert columns == (((3, 12), (3, 13)), ((3, 14),))
    assert {name: [str(end) for end in ends] for name, ends in programs.items()} == {
        "a.py": ["`1`", "`1`"],
        "b.py": ["prints nothing", "exit 2"],
    }


@pytest.mark.parametrize(
    ("minors", "text"),
    [((9, 10, 11, 12), "3.9 to 3.12"), ((14,), "3.14"), ((9, 10), "3.9, 3.10"), ((9, 11, 12, 13), "3.9, 3.11 to 3.13"), ((), "")],
)
def test_pythons_in_words(minors: tuple[int, ...], text: str) -> None:
    assert span((3, minor) for minor in minors) == text
