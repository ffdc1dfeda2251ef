"""Functions that move to module level: the text that comes out, that it runs in a worker, and what is refused.

Knows small programs with one process pool. Must never know a rule.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from poolaudit import edits, imports
from poolaudit.edits import Edit, Fix
from poolaudit.facts import FileFacts, Function, Operation
from poolaudit.rewriting.freestanding import free_names, outer_names, parsed
from poolaudit.rewriting.hoist import Refused, hoist
from poolaudit.survey import survey_file

HEAD = "import multiprocessing as mp\n"


def movable(file: FileFacts) -> list[tuple[Function, Operation]]:
    """The lambdas and nested functions of a file, each with the operation that sends it."""
    found = []
    for _, operation in file.operations():
        sent = [operation.task.function if operation.task else None]
        sent += [item.function for argument in operation.arguments for item in argument.value.items]
        for identity in sent:
            function = file.functions.get(identity) if identity is not None else None
            if function and (function.is_lambda or function.nested):
                found.append((function, operation))
    return found


def fixes(text: str) -> list[Fix]:
    file = survey_file("program.py", text)
    return [hoist(file, function, operation) for function, operation in movable(file)]


def moved(text: str) -> str:
    """The text after all fixes that land at once, with their imports."""
    file = survey_file("program.py", text)
    made = fixes(text)
    assert made
    groups: list[list[Edit]] = []
    for fix in made:
        placed = imports.place(file, fix.imports)
        assert not isinstance(placed, imports.Refusal)
        groups.append([*fix.edits, *placed])
    return edits.apply(text, groups).text


@dataclass(frozen=True)
class Case:
    name: str
    before: str
    after: str
    prints: str
    safe: bool = True


CASES = (
    Case(
        "stars and keywords",
        """
        def total(rows):
            start, step = 1, 2
            with mp.Pool(2) as pool:
                return pool.starmap(lambda *row, scale=3, **more: start + step * sum(row) * scale, rows)


        if __name__ == "__main__":
            print(total([(1, 2), (3,)]))
        """,
        """
        def total_task(*row, scale=3, start, step, **more):
            return start + step * sum(row) * scale


        def total(rows):
            start, step = 1, 2
            with mp.Pool(2) as pool:
                return pool.starmap(partial(total_task, start=start, step=step), rows)


        if __name__ == "__main__":
            print(total([(1, 2), (3,)]))
        """,
        "[19, 19]",
        safe=False,
    ),
    Case(
        "a body of several lines, a name of the guard",
        """
        if __name__ == "__main__":
            shift = 5
            with mp.Pool(2) as pool:
                print(pool.map(lambda n: (n
                                          # moved
                                          + shift), [1, 2]))
        """,
        """
        def task(n, *, shift):
            return (n
                                          # moved
                                          + shift)


        if __name__ == "__main__":
            shift = 5
            with mp.Pool(2) as pool:
                print(pool.map(partial(task, shift=shift), [1, 2]))
        """,
        "[6, 7]",
    ),
    Case(
        "a method: before the class, its decorator and its comment",
        """
        import functools


        def keep(cls):
            return cls


        # Runs.
        @keep
        class Runner:
            def run(self, numbers, factor):
                with mp.Pool(2) as pool:
                    return pool.map(lambda n, /: n * factor, numbers)


        if __name__ == "__main__":
            print(Runner().run([1, 2], 2))
        """,
        """
        import functools


        def keep(cls):
            return cls


        def run_task(n, /, *, factor):
            return n * factor


        # Runs.
        @keep
        class Runner:
            def run(self, numbers, factor):
                with mp.Pool(2) as pool:
                    return pool.map(functools.partial(run_task, factor=factor), numbers)


        if __name__ == "__main__":
            print(Runner().run([1, 2], 2))
        """,
        "[2, 4]",
        safe=False,
    ),
    Case(
        "two lambdas in one loop, a name that is taken",
        """
        def run_task():
            return None


        def run():
            results = []
            with mp.Pool(2) as pool:
                for n in range(2):
                    results.append(pool.apply_async(lambda: n))
                results.append(pool.apply_async(lambda: 7))
                return [result.get() for result in results]


        if __name__ == "__main__":
            print(run())
        """,
        """
        def run_task():
            return None


        def run_task_2(*, n):
            return n


        def run_task_3():
            return 7


        def run():
            results = []
            with mp.Pool(2) as pool:
                for n in range(2):
                    results.append(pool.apply_async(partial(run_task_2, n=n)))
                results.append(pool.apply_async(run_task_3))
                return [result.get() for result in results]


        if __name__ == "__main__":
            print(run())
        """,
        "[0, 1, 7]",
        safe=False,
    ),
    Case(
        "a def with a string, a docstring, comments and a call of itself",
        '''
        def run():
            """The driver."""
            # counts
            # down
            def down(n, label="""a
                b"""):
                """Counts
                down."""
                text = f"""{n}
              is odd"""
                return down(n - 1) if n else len(text) + len(label)  # the end
                # of it

            with mp.Pool(2) as pool:
                return pool.map(down, [1, 2])


        if __name__ == "__main__":
            print(run())
        ''',
        '''
        # counts
        # down
        def down(n, label="""a
                b"""):
            """Counts
            down."""
            text = f"""{n}
              is odd"""
            return down(n - 1) if n else len(text) + len(label)  # the end
            # of it


        def run():
            """The driver."""
            with mp.Pool(2) as pool:
                return pool.map(down, [1, 2])


        if __name__ == "__main__":
            print(run())
        ''',
        "[25, 25]",
    ),
    Case(
        "a def whose name means something else outside",
        """
        def square(n):
            return n


        def run():
            def square(n: int, power: int = 2) -> int:
                return n ** power
            with mp.Pool(2) as pool:
                return pool.map(square, [1, 2]), square(3)


        if __name__ == "__main__":
            print(run(), square(3))
        """,
        """
        def square(n):
            return n


        def square_task(n: int, power: int = 2) -> int:
            return n ** power


        def run():
            square = square_task
            with mp.Pool(2) as pool:
                return pool.map(square, [1, 2]), square(3)


        if __name__ == "__main__":
            print(run(), square(3))
        """,
        "([1, 4], 9) 3",
    ),
    Case(
        "a def that is called as well, with what it uses of two functions around it",
        """
        def outer(factor):
            def run(numbers):
                offset = int("3")

                def work(
                    n,
                ):
                    return n * factor + offset

                with mp.Pool(2) as pool:
                    return pool.map(work, numbers) + [work(9)]

            return run([1, 2])


        if __name__ == "__main__":
            print(outer(2))
        """,
        """
        def work_task(
            n, *, factor, offset,
        ):
            return n * factor + offset


        def outer(factor):
            def run(numbers):
                offset = int("3")

                work = partial(work_task, factor=factor, offset=offset)

                with mp.Pool(2) as pool:
                    return pool.map(work, numbers) + [work(9)]

            return run([1, 2])


        if __name__ == "__main__":
            print(outer(2))
        """,
        "[5, 7, 21]",
        safe=False,
    ),
    Case(
        "a def in a block",
        """
        def run(numbers):
            results = []
            with mp.Pool(2) as pool:
                def double(n):
                    if n:
                        return 2 * n
                for step in (1, 2):

                    def add(n):
                        return n + step

                    results += pool.map(add, numbers)
                return results + pool.map(double, numbers)


        if __name__ == "__main__":
            print(run([1, 2]))
        """,
        """
        def add_task(n, *, step):
            return n + step


        def double(n):
            if n:
                return 2 * n


        def run(numbers):
            results = []
            with mp.Pool(2) as pool:
                for step in (1, 2):

                    add = partial(add_task, step=step)

                    results += pool.map(add, numbers)
                return results + pool.map(double, numbers)


        if __name__ == "__main__":
            print(run([1, 2]))
        """,
        "[2, 3, 3, 4, 2, 4]",
        safe=False,
    ),
    Case(
        "a lambda of module level, with comments around it",
        """
        # one more
        increment = lambda n: n + 1  # in two places
        # not its comment


        def run():
            with mp.Pool(2) as pool:
                return pool.map(increment, [1, 2]), increment(5)


        if __name__ == "__main__":
            print(run())
        """,
        """

        # one more
        def increment(n):
            return n + 1  # in two places


        # not its comment


        def run():
            with mp.Pool(2) as pool:
                return pool.map(increment, [1, 2]), increment(5)


        if __name__ == "__main__":
            print(run())
        """,
        "([2, 3], 6)",
    ),
)

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))


def program(text: str) -> str:
    return HEAD + dedent(text)


def without_partial(text: str) -> str:
    """imports.py decides where the import stands; that is tested elsewhere."""
    return text.replace("from functools import partial\n", "")


@each_case
def test_moves(case: Case) -> None:
    assert without_partial(moved(program(case.before))) == program(case.after)


@each_case
def test_safe_only_where_everything_bound_is_plain(case: Case) -> None:
    first = fixes(program(case.before))[0]
    assert first.applicability == ("safe" if case.safe else "unsafe")
    assert [caveat.name for caveat in first.caveats] == ([] if case.safe else ["captured-value"] * len(first.caveats))


@each_case
def test_runs_in_a_worker(case: Case, tmp_path: Path) -> None:
    """Under spawn, where a worker has only what importing the program gives it."""
    text = moved(program(case.before)).replace('"__main__":\n', '"__main__":\n    mp.set_start_method("spawn")\n')
    path = tmp_path / "program.py"
    path.write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": ""}
    )
    assert (done.stdout.strip(), done.stderr) == (case.prints, "")


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("lambda n: seen.append(n)", ["captured-value"]),
        ("lambda n: SEEN.append(n)", ["changes-global"]),
        ("lambda n: note(n)", ["changes-global"]),
        ("kept", ["changes-global"]),
        ("lambda n: n in SEEN or pair", []),
    ],
)
def test_changes_that_a_worker_keeps_are_told(task: str, names: list[str]) -> None:
    head = f"{HEAD}SEEN = []\nkept = lambda n: note(n)\n\ndef note(n):\n    SEEN.append(n)\n\n"
    run = "def run():\n    seen, pair = [], (1, 2)\n    with mp.Pool(2) as pool:\n"
    text = f"{head}{run}        pool.map({task}, [1])\n"
    (fix,) = fixes(text)
    assert ([caveat.name for caveat in fix.caveats], fix.applicability) == (names, "unsafe" if names else "safe")


def test_carriage_returns_stay() -> None:
    text = program(CASES[4].before).replace("\n", "\r\n")
    after = moved(text)
    assert after == program(CASES[4].after).replace("\n", "\r\n")
    assert moved(program(CASES[8].before).replace("\n", "\r\n")) == program(CASES[8].after).replace("\n", "\r\n")


def test_indentation_is_that_of_the_file() -> None:
    after = moved(HEAD + "def run():\n\twith mp.Pool(2) as pool:\n\t\treturn pool.map(lambda n: n, [1])\n")
    assert "def run_task(n):\n\treturn n\n" in after


def test_stands_before_a_pool_that_is_made_at_import() -> None:
    text = HEAD + "pool = mp.Pool(2)\nvalues = pool.map(lambda n: n + 1, [1])\n"
    assert moved(text).index("def task(n):") < moved(text).index("pool = mp.Pool(2)")


def test_a_name_bound_after_a_pool_that_is_made_at_import_is_refused() -> None:
    text = HEAD + "pool = mp.Pool(2)\ndef one():\n    return 1\nvalues = pool.map(lambda n: n + one(), [1])\n"
    with pytest.raises(Refused, match="after the pool is made"):
        fixes(text)


def refused(before: str, task: str) -> str:
    lines = [*before.splitlines(), "with mp.Pool(2) as pool:", f"    return pool.map({task}, rows)"]
    body = "".join(f"    {line}\n" for line in lines)
    with pytest.raises(Refused) as caught:
        fixes(f"{HEAD}import wrappers\n\n\ndef run(self, rows):\n{body}")
    return str(caught.value)


@pytest.mark.parametrize(
    ("before", "task", "reason"),
    [
        ("", "lambda row: self.size + row", "it uses `self`"),
        ("", "lambda row: missing(row)", "`missing` is not known at module level"),
        ("", "lambda row: locals()", "it uses `locals`"),
        ("", "lambda row, again=rows: again", "its defaults are made where it stands"),
        ("", "lambda row, again=[]: again", "its defaults are made where it stands"),
        ("", "lambda row: (yield row)", "it is a generator"),
        ("import json", "lambda row: json.dumps(row)", "it uses `json`, which is imported where it stands"),
        ("key = lambda row: row[0]", "lambda row: key(row)", "it uses `key`, which cannot be pickled either"),
        ("def key(row):\n    return row", "lambda row: key(row)", "it uses `key`, which cannot be pickled either"),
        ("rest = (row for row in rows)", "lambda row: next(rest)", "it uses `rest`, which cannot be pickled either"),
        ("def f(row):\n    return row + step\nstep = 2", "f", "`step` is bound again after it"),
        ("step = 1\ndef f(row):\n    return row + step\nstep = 2", "f", "`step` is bound again after it"),
        ("step = 1\ndef f(row):\n    nonlocal step\n    step += 1", "f", "its text does not stand alone"),
        ("if rows:\n    def f(row):\n        return row", "f", "nothing would be left where it stands"),
        ("@wrappers.wraps\ndef f(row):\n    return row", "f", "it is decorated or generic"),
        ("def f(row):\n    yield row", "f", "it is a coroutine or a generator"),
        ("def f(row, seen=[]):\n    return row", "f", "its defaults or annotations are made where it stands"),
        ("kind = type(rows)\ndef f(row: kind):\n    return row", "f", "its defaults or annotations are made where it stands"),
        ("step = len(rows)\ndef f(row):\n    return f(row - step)", "f", "it calls itself by a name that it cannot keep"),
        ("def f(row): return row; x = 1", "f", ""),
        ("def f(row):\n    return row\ndel f\ndef f(row):\n    return row", "f", "`f` is bound in several places"),
    ],
)
def test_refuses(before: str, task: str, reason: str) -> None:
    if reason:
        assert refused(before, task).startswith(reason)
    else:
        assert "x = 1" in moved(
            f"{HEAD}def run(rows):\n    {before}\n    with mp.Pool(2) as pool:\n        return pool.map({task}, rows)\n"
        )


def test_a_lambda_of_another_function_is_refused() -> None:
    text = HEAD + "def make():\n    return lambda n: n\ndef run():\n    with mp.Pool(2) as pool:\n        pool.map(make(), [1])\n"
    with pytest.raises(Refused, match="it is defined elsewhere"):
        fixes(text)


def test_partial_is_spelled_as_the_file_can() -> None:
    text = HEAD + "def run(k):\n    with mp.Pool(2) as pool:\n        pool.map(lambda n: n * k, [1])\n"
    assert "map(partial(run_task, k=k)" in moved(text)
    assert "map(functools.partial(run_task, k=k)" in moved("import functools\n" + text)
    assert "map(functools.partial(run_task, k=k)" in moved("partial = 1\n" + text)
    with pytest.raises(Refused, match=r"functools.partial cannot be imported"):
        fixes("functools = partial = 1\n" + text)


def test_free_names_are_those_of_the_body() -> None:
    node = parsed(
        "def f(a: X, b=c) -> Z:\n"
        "    z: list[a] = [i for i in h if (w := i)]\n"
        "    class K:\n"
        "        v = q\n"
        "    return lambda d=e: (a, b, d, r, f, len)\n"
    )
    assert isinstance(node, ast.FunctionDef)
    assert [name for name in free_names(node) if name != "list"] == ["h", "q", "e", "r", "f", "len"]
    assert outer_names(node) == {"X", "c", "Z"}
