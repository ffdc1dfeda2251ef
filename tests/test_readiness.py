"""What Python 3.14 does to a pool: from facts alone, and from what rules say of it and of the Python before.

Knows small programs, and rules that speak under some start method or Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from poolaudit import catalog, config, engine
from poolaudit.evidence.alike import alike
from poolaudit.facts import FileFacts, PoolSite
from poolaudit.readiness import Ready, fork_safe, ready
from poolaudit.report import FileReport, Reported
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings, StartMethod
from poolaudit.source import from_text
from poolaudit.survey import survey_file
from poolaudit.tree import Subject

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
        "`predict` reads `MODEL`, which is computed again",
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
    "logging set up on the way to the pool": (
        """
        def set_up():
            logging.basicConfig(level="INFO")


        def main():
            set_up()
            with Pool(2) as pool:
                print(pool.map(square, range(3)))
        """,
        "change",
        "`logging.basicConfig` is called in the parent only",
    ),
    "logging set up elsewhere": (
        """
        def set_up():
            logging.basicConfig(level="INFO")


        def squares():
            with Pool(2) as pool:
                return pool.map(square, range(3))
        """,
        "unaffected",
        "arguments",
    ),
    "logging set up by a program that makes no pool": (
        """
        def squares():
            with Pool(2) as pool:
                return pool.map(square, range(3))


        if __name__ == "__main__":
            logging.basicConfig(level="INFO")
        """,
        "unaffected",
        "arguments",
    ),
    "put together from constants": (
        """
        SIZE, STEP = 2**15 - 1, 16
        TABLE = {name: [SIZE / 2] * 3 for name in ("a", "b")}
        LOG = logging.getLogger(__name__)
        TABLE["c"] = list(range(SIZE))


        def look_up(x):
            LOG.debug(x)
            return TABLE[x][STEP]


        def main():
            with Pool(2) as pool:
                print(pool.map(look_up, range(1)))
        """,
        "unaffected",
        "arguments",
    ),
    "changed in a loop": (
        """
        WORDS = ["A", "B"]
        for i in range(len(WORDS)):
            WORDS[i] = WORDS[i].lower()


        def known(x):
            return x in WORDS


        def main():
            with Pool(2) as pool:
                print(pool.map(known, "ab"))
        """,
        "unaffected",
        "arguments",
    ),
    "changed in a loop over what is computed": (
        """
        WORDS = []
        for word in crunch():
            WORDS.append(word)


        def known(x):
            return x in WORDS


        def main():
            with Pool(2) as pool:
                print(pool.map(known, "ab"))
        """,
        "change",
        "`known` reads `WORDS`, which is computed again",
    ),
    "class chosen at run time": (
        """
        def main(threads):
            Chosen = ThreadPoolExecutor if threads else ProcessPoolExecutor
            with Chosen(2) as executor:
                print(list(executor.map(square, range(3))))
        """,
        "change",
        "the class is chosen at run time",
    ),
    "added to at import": (
        """
        TABLE = {}
        TABLE["c"] = crunch()


        def look_up(x):
            return TABLE[x]


        def main():
            with Pool(2) as pool:
                print(pool.map(look_up, range(1)))
        """,
        "change",
        "`look_up` reads `TABLE`, which is computed again",
    ),
    "given a value by the worker first": (
        """
        MODEL = crunch("model")


        def predict(x):
            global MODEL
            MODEL = x
            return MODEL


        def main():
            with Pool(2) as pool:
                print(pool.map(predict, range(1)))
        """,
        "unaffected",
        "arguments",
    ),
    "lock made at import": (
        """
        lock = multiprocessing.Lock()


        def guarded(x):
            with lock:
                return x


        def main():
            with Pool(2) as pool:
                print(pool.map(guarded, range(1)))
        """,
        "break",
        "each worker makes a `lock` of its own",
    ),
    "lock handed over by the initializer": (
        """
        lock = multiprocessing.Lock()


        def set_up(given):
            global lock
            lock = given


        def guarded(x):
            with lock:
                return x


        def main():
            with Pool(2, set_up, (lock,)) as pool:
                print(pool.map(guarded, range(1)))
        """,
        "unaffected",
        "arguments",
    ),
    "lock made in the parent": (
        """
        def main():
            lock = multiprocessing.Lock()
            with lock, Pool(2) as pool:
                print(pool.map(square, range(1)))
        """,
        "unaffected",
        "arguments",
    ),
    "manager started at import": (
        """
        manager = multiprocessing.Manager()


        def main():
            with Pool(2) as pool:
                print(pool.map(square, range(1)))
        """,
        "break",
        "importing the file starts a manager's process",
    ),
    "manager started by the program": (
        """
        if __name__ == "__main__":
            manager = multiprocessing.Manager()
            with Pool(2) as pool:
                print(pool.map(square, manager.list([1])))
        """,
        "unaffected",
        "arguments",
    ),
    "lambda below the guard": (
        """
        if __name__ == "__main__":
            with Pool(2) as pool:
                print(pool.map(lambda x: x, range(1)))
        """,
        "unaffected",
        "arguments",
    ),
    "initializer that reads what only the parent sets": (
        """
        TABLE = None


        def set_up():
            print(TABLE[0])


        if __name__ == "__main__":
            TABLE = [1]
            with Pool(2, initializer=set_up) as pool:
                print(pool.map(square, range(1)))
        """,
        "break",
        "`set_up` reads `TABLE`, which only the parent",
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


def nothing(settings: Settings, codes: frozenset[str] | None) -> Sequence[Reported]:
    """Rules that say nothing."""
    return ()


@pytest.mark.parametrize(("body", "expected", "because"), CASES.values(), ids=CASES)
def test_from_facts_alone(body: str, expected: str, because: str) -> None:
    file = survey_file("app.py", program(body))
    found = ready(file.sites, file, Settings(), nothing)[0]
    assert found is not None
    assert found.state("forkserver") == found.state("spawn") == expected
    evidence = fork_safe(Subject(file.sites[0], file, Settings()))
    assert evidence.answer == {"break": "no", "change": "unknown", "unaffected": "yes"}[expected]
    assert because in evidence.because
    assert expected == "unaffected" or because in found.reasons[0].because


@pytest.mark.parametrize("body", [body for body, expected, _ in CASES.values() if expected == "break"])
def test_a_break_is_one_for_every_pool_that_takes_the_default(body: str) -> None:
    """Handing a context over mends it: the pool is unaffected then."""
    text = program(body).replace("Pool(2", "multiprocessing.get_context('fork').Pool(2")
    file = survey_file(
        "app.py", text.replace("ProcessPoolExecutor(2", "ProcessPoolExecutor(2, multiprocessing.get_context('fork')")
    )
    assert {found.state() for found in ready(file.sites, file, Settings(), nothing) if found} == {"unaffected"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", True),
        ("-1.5, 'a', None", True),
        ("{'a': [1, 2], **{}}", True),
        ("f'{LIMIT:>3}' + str(LIMIT).upper() if LIMIT > 2 else ''", True),
        ("[name.lower() for name in sorted(NAMES) if name in 'ab']", True),
        ("re.compile(r'a+', re.I)", True),
        ("pathlib.Path(__file__).resolve().parent / 'data'", True),
        ("numpy.zeros((3, 3))", True),
        ("lambda x: crunch(x)", True),
        ("square", True),
        ("square(2)", False),
        ("crunch", True),
        ("crunch('a')", False),
        ("open('a').read()", False),
        ("time.time()", False),
        ("random.random()", False),
        ("[crunch(name) for name in NAMES]", False),
        ("{'a': crunch('a')}", False),
        ("object().upper(crunch())", False),
    ],
)
def test_what_every_process_computes_alike(value: str, expected: bool) -> None:
    imports = "import numpy, pathlib, random, re, time\n"
    used = "def use(x):\n    return X, LIMIT, NAMES, square, crunch\n\n\nwith Pool(2) as pool:\n    pool.map(use, [1])\n"
    file = survey_file("app.py", f"{imports}{HEAD}\nX = {value}\n\n\n{used}")
    assert alike("X", file) == expected


def test_other_platforms_never_forked() -> None:
    file = survey_file("app.py", program("with Pool(2) as pool:\n    print(pool.map(square, range(3)))\n"))
    evidence = fork_safe(Subject(file.sites[0], file, Settings(platforms=("macos", "windows"))))
    assert (evidence.answer, evidence.because) == ("yes", "only Linux changes its default start method")


@pytest.mark.parametrize("construction", ["ThreadPoolExecutor(2)", "multiprocessing.pool.ThreadPool(2)"])
def test_threads_have_no_start_method(construction: str) -> None:
    file = survey_file("app.py", HEAD + f"pool = {construction}\nprint(pool.map(square, [3]))\n")
    assert ready(file.sites, file, Settings(), nothing) == (None,)
    assert fork_safe(Subject(file.sites[0], file, Settings())).answer == "unknown"


# --- what rules say


CONFIG = config.Config(Path().absolute())


def audited(text: str, **chosen: object) -> FileReport:
    return engine.audit_source(from_text(text, "app.py"), config.override(CONFIG, **chosen))


def judged(text: str, **chosen: object) -> Ready:
    (found,) = audited(text, **chosen).readiness
    assert found is not None
    return found


PARENT_ONLY = program(CASES["global filled by the parent"][0])
CALL = "print(pool.map(look_up, range(2)))"


@pytest.mark.parametrize("chosen", [{}, {"select": ("PA5",)}, {"ignore": ("PA305",)}, {"target_version": ("3.10",)}])
def test_a_reason_is_told_in_the_words_of_its_rule(chosen: dict[str, object]) -> None:
    """Whatever rules are chosen, and whatever Pythons are supported: it is a question about 3.14."""
    (reason,) = judged(PARENT_ONLY, **chosen).reasons
    assert (reason.state, reason.code, reason.topic, reason.methods) == (
        "break",
        "PA305",
        "inherited-global",
        ("forkserver", "spawn"),
    )
    assert "`look_up` needs `TABLE`" in reason.because


def test_comments_count() -> None:
    def said(comment: str) -> Ready:
        return judged(PARENT_ONLY.replace(CALL, f"{CALL}  # poolaudit: {comment}"))

    assert said("ignore[PA305] it is an empty table").state() == "unaffected"
    assert said("assume[fork-safe] it is an empty table").reasons == ()
    (reason,) = said("assume[no-fork-safe] see the manual").reasons
    assert (reason.state, reason.because) == ("break", "assumed: see the manual")


def test_a_reason_stands_on_its_pool() -> None:
    twice = PARENT_ONLY.replace(CALL, f"{CALL}\n        {CALL}\n    Pool(2).apply(square, (1,))")
    assert [each and each.state() for each in audited(twice).readiness] == ["break", "unaffected"]


POOL = "from multiprocessing import Pool\n\n\ndef run(xs):\n    with Pool() as pool:\n        return pool.map(abs, xs)\n"


def rule(*methods: StartMethod, since: int = 0, below: int = 0, **fields: object) -> Rule:
    """A rule that speaks of every pool under some start methods, or from or below some Python."""

    def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
        severity = settings.severity(site, file, frozenset(methods)) if methods else None
        if severity or (since and settings.has((3, since))) or (below and settings.below((3, below))):
            yield Finding(site.callee, "it fails", severity=severity)

    usual = {"code": "PA399", "name": "some-fault", "severity": "error", "check": check, "doc": "A fault."}
    return Rule(**{**usual, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "forkserver", "spawn"),
    [
        (rule("forkserver"), "break", "unaffected"),
        (rule("spawn", "forkserver"), "break", "break"),
        (rule("spawn"), "unaffected", "break"),
        (rule("fork"), "unaffected", "unaffected"),
        (rule("fork", "spawn", "forkserver"), "unaffected", "unaffected"),
        (rule(since=14), "break", "break"),
        (rule(since=14, severity="warning"), "change", "change"),
        (rule(since=13), "unaffected", "unaffected"),
        (rule(below=14), "unaffected", "unaffected"),
        (rule("forkserver", confidence="likely"), "unaffected", "unaffected"),
        (rule("forkserver", default=False), "unaffected", "unaffected"),
        (rule("forkserver", workers=frozenset({"thread"})), "unaffected", "unaffected"),
    ],
)
def test_any_rule_that_3_14_makes_speak_counts(asked: Rule, forkserver: str, spawn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "rules", lambda: (asked,))
    found = judged(POOL)
    assert (found.state("forkserver"), found.state("spawn")) == (forkserver, spawn)
    assert {reason.code for reason in found.reasons} <= {"PA399"}


def test_only_start_methods_of_the_platforms_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "rules", lambda: (rule("spawn", "forkserver"),))
    for platforms, states in ((("linux",), ("break", "unaffected")), (("macos",), ("unaffected", "break"))):
        chosen = CONFIG._replace(settings=CONFIG.settings._replace(platforms=platforms))
        (found,) = engine.audit_source(from_text(POOL, "app.py"), chosen).readiness
        assert found is not None
        assert (found.state("forkserver"), found.state("spawn")) == states


@pytest.mark.parametrize(("asked", "state"), [(rule("spawn", "forkserver"), "unaffected"), (rule(since=14), "break")])
def test_a_pool_whose_start_method_is_given_is_still_one_of_3_14(
    asked: Rule, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the start method breaks is broken already; what else 3.14 brings is news there, too."""
    monkeypatch.setattr(catalog, "rules", lambda: (asked,))
    given = POOL.replace("Pool()", "get_context('spawn').Pool()").replace("import Pool", "import get_context")
    assert judged(given).state() == state


def test_no_rule_is_asked_about_threads() -> None:
    def never(settings: Settings, codes: frozenset[str] | None) -> Sequence[Reported]:
        raise AssertionError

    file = survey_file("app.py", POOL.replace("multiprocessing import", "multiprocessing.dummy import"))
    assert ready(file.sites, file, Settings(), never) == (None,)


def test_only_rules_with_something_to_say_are_asked_again() -> None:
    file = survey_file("app.py", POOL)
    asked: list[frozenset[str] | None] = []
    found: list[Reported] = []

    def ask(settings: Settings, codes: frozenset[str] | None) -> Sequence[Reported]:
        asked.append(codes)
        return found

    assert ready(file.sites, file, Settings(), ask) == (Ready(),)
    assert asked == [None]
    found.append(Reported("PA399", "some-fault", "error", "certain", Finding(file.sites[0].callee, "it fails"), 0))
    assert ready(file.sites, file, Settings(), ask) == (Ready(),), "on 3.13 it fails as well"
    assert asked[1:] == [None, *[frozenset({"PA399"})] * 3]


def test_a_rule_that_crashes_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
        raise ValueError("a bug")
        yield

    monkeypatch.setattr(catalog, "rules", lambda: (rule(check=check),))
    report = audited(POOL)
    assert [problem.message.partition(" (")[0] for problem in report.problems] == ["rule PA399"]
    assert report.readiness == (Ready(),)


def test_the_tree_is_told_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer() -> str:
        (decision,) = audited(POOL).decisions
        assert decision is not None
        return next(each.evidence.answer for each in decision.trace if "start method" in each.question)

    assert answer() == "yes"
    monkeypatch.setattr(catalog, "rules", lambda: (rule("forkserver"),))
    assert answer() == "no"
