"""What Python 3.14's start method does to a pool, on small programs.

Knows that the start method is the only difference. Must never know a rule.
"""

from __future__ import annotations

import pytest

from poolaudit.readiness import readiness, why
from poolaudit.settings import Settings
from poolaudit.survey import survey_file

HEAD = """\
import logging
import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import Pool

from mypackage.work import crunch

LIMIT = 3
NAMES = {"a": 1, "b": [2, 3]}


def square(x):
    return x * x

"""

CASES = {
    "plain task": (
        """
        if __name__ == "__main__":
            with Pool(2) as pool:
                print(pool.map(square, range(3)))
        """,
        "unaffected",
        "arguments, imports, definitions and constants",
    ),
    "builtin task": (
        """
        def lengths(names):
            with ProcessPoolExecutor() as executor:
                return list(executor.map(len, names))
        """,
        "unaffected",
        "arguments",
    ),
    "constants of the module": (
        """
        def limited(x):
            return min(x, LIMIT) + NAMES["a"]


        def main():
            with Pool(2) as pool:
                print(pool.map(limited, range(3)))
        """,
        "unaffected",
        "arguments",
    ),
    "explicit fork": (
        """
        def main():
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(crunch, range(3)))
        """,
        "unaffected",
        "its start method is given: fork",
    ),
    "start method set by the file": (
        """
        if __name__ == "__main__":
            multiprocessing.set_start_method("spawn")
            with Pool(2) as pool:
                print(pool.map(crunch, range(3)))
        """,
        "unaffected",
        "its start method is given: spawn",
    ),
    "context that is not seen": (
        """
        def main(method):
            with multiprocessing.get_context(method).Pool(2) as pool:
                print(pool.map(square, range(3)))
        """,
        "change",
        "which start method",
    ),
    "no main guard": (
        """
        with Pool(2) as pool:
            print(pool.map(square, range(3)))
        """,
        "break",
        "importing the file starts workers",
    ),
    "executor only made at import": (
        """
        executor = ProcessPoolExecutor(2)

        if __name__ == "__main__":
            print(executor.submit(square, 3).result())
        """,
        "unaffected",
        "arguments",
    ),
    "executor used at import": (
        """
        executor = ProcessPoolExecutor(2)
        print(executor.submit(square, 3).result())
        """,
        "break",
        "importing the file starts workers",
    ),
    "worker below the guard": (
        """
        if __name__ == "__main__":

            def cube(x):
                return x**3

            with Pool(2) as pool:
                print(pool.map(cube, range(3)))
        """,
        "break",
        "`cube` is defined below the main guard",
    ),
    "global set below the guard": (
        """
        TABLE = None


        def look_up(x):
            return TABLE[x]


        if __name__ == "__main__":
            TABLE = {0: 1, 1: 2}
            with Pool(2) as pool:
                print(pool.map(look_up, range(2)))
        """,
        "break",
        "`look_up` reads `TABLE`, which only the parent",
    ),
    "global set by the parent": (
        """
        TABLE = None


        def look_up(x):
            return TABLE[x]


        def main():
            global TABLE
            TABLE = {0: 1, 1: 2}
            with Pool(2) as pool:
                print(pool.map(look_up, range(2)))


        if __name__ == "__main__":
            main()
        """,
        "break",
        "which only the parent",
    ),
    "global filled by the parent": (
        """
        TABLE = {}


        def look_up(x):
            return TABLE[x]


        def main():
            TABLE.update({0: 1, 1: 2})
            with Pool(2) as pool:
                print(pool.map(look_up, range(2)))


        if __name__ == "__main__":
            main()
        """,
        "break",
        "which only the parent",
    ),
    "global set by the initializer": (
        """
        TABLE = None


        def set_up(table):
            global TABLE
            TABLE = table


        def look_up(x):
            return TABLE[x]


        def main():
            with Pool(2, initializer=set_up, initargs=({0: 1},)) as pool:
                print(pool.map(look_up, range(1)))
        """,
        "unaffected",
        "arguments",
    ),
    "cache of the worker": (
        """
        CACHE = {}


        def look_up(x):
            if x not in CACHE:
                CACHE[x] = square(x)
            return CACHE[x]


        def main():
            with Pool(2) as pool:
                print(pool.map(look_up, range(1)))
        """,
        "unaffected",
        "arguments",
    ),
    "computed once more by every worker": (
        """
        MODEL = crunch("model")


        def predict(x):
            return MODEL(x)


        def main():
            with Pool(2) as pool:
                print(pool.map(predict, range(1)))
        """,
        "change",
        "`predict` reads `MODEL`, which each worker computes again",
    ),
    "lambda as initializer": (
        """
        def main():
            with Pool(2, initializer=lambda: None) as pool:
                print(pool.map(square, range(3)))
        """,
        "break",
        "must be pickled and cannot",
    ),
    "lambda in initargs": (
        """
        def main():
            with Pool(2, initializer=print, initargs=(lambda: None,)) as pool:
                print(pool.map(square, range(3)))
        """,
        "break",
        "must be pickled and cannot",
    ),
    "task of another module": (
        """
        def main():
            with Pool(2) as pool:
                print(pool.map(crunch, range(3)))
        """,
        "change",
        "`crunch` is not in this file",
    ),
    "nothing seen": (
        """
        def make():
            return Pool(2)
        """,
        "change",
        "what its workers run is not seen",
    ),
    "logging set up by the parent": (
        """
        if __name__ == "__main__":
            logging.basicConfig(level="INFO")
            with Pool(2) as pool:
                print(pool.map(square, range(3)))
        """,
        "change",
        "`logging.basicConfig` is called in the parent only",
    ),
    "logging set up at import": (
        """
        logging.basicConfig(level="INFO")

        if __name__ == "__main__":
            with Pool(2) as pool:
                print(pool.map(square, range(3)))
        """,
        "unaffected",
        "arguments",
    ),
}


def program(body: str) -> str:
    lines = body.split("\n")
    return HEAD + "\n".join(line.removeprefix(" " * 8) for line in lines)


@pytest.mark.parametrize(("body", "expected", "because"), CASES.values(), ids=CASES)
def test_readiness(body: str, expected: str, because: str) -> None:
    file = survey_file("app.py", program(body))
    (site,) = file.sites
    assert (readiness(site, file, Settings()), because in why(site, file, Settings())) == (expected, True)


def test_other_platforms_never_forked() -> None:
    file = survey_file("app.py", program("with Pool(2) as pool:\n    print(pool.map(square, range(3)))\n"))
    assert readiness(file.sites[0], file, Settings(platforms=("macos", "windows"))) == "unaffected"


@pytest.mark.parametrize("construction", ["ThreadPoolExecutor(2)", "multiprocessing.pool.ThreadPool(2)"])
def test_threads_have_no_start_method(construction: str) -> None:
    file = survey_file("app.py", HEAD + f"pool = {construction}\nprint(pool.map(square, [3]))\n")
    (site,) = file.sites
    assert readiness(site, file, Settings()) is None
    assert why(site, file, Settings()) == ""
