"""The proof harness itself: start methods, hangs, leftovers, normalised words, and run.txt read back.

Knows small programs with known ends. Must never know a rule's fixture.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from proof.fixture import ON_REQUEST, USUAL, Fixture, Version, find, fixtures
from proof.interpreters import Interpreters, find_interpreters
from proof.lanes import Lanes
from proof.matrix import NEWEST, Proofs, cells, record, recorded, sample, unexpected
from proof.running import HANGS, METHODS, Method, Outcome, run
from proof.transcript import Cell, differs, either, parse, render

HERE = Path(sys.executable)


def run_text(folder: Path, text: str, method: Method = "fork", interpreter: Path = HERE, limit: float = 3.0) -> Outcome:
    (folder / "bad.py").write_text(text, "utf-8")
    hang = Outcome(HANGS)
    return run(folder, Path("bad.py"), interpreter, method, expected=[hang], limit=limit)


WORKER = """\
import multiprocessing as mp
import multiprocessing.pool
{setup}

def seen():
    return mp.get_start_method(), mp.current_process().name.split("Process")[0].split("PoolWorker")[0]

if __name__ == "__main__":
    {guarded}
    print("set", mp.get_start_method(allow_none=True))
    with {context}.Pool(1) as pool:
        print("child", *pool.apply(seen))
    print("parent", mp.get_start_method(), mp.get_all_start_methods()[0])
"""

KIND = {"fork": "Fork", "spawn": "Spawn", "forkserver": "ForkServer"}


def _on(version: Version) -> object:
    """The running interpreter in every test run, the others with the full matrix."""
    marks = () if version == sys.version_info[:2] else (pytest.mark.proof,)
    return pytest.param(version, marks=marks, id=f"{version[0]}.{version[1]}")


each_interpreter = pytest.mark.parametrize("version", [_on(version) for version in ON_REQUEST])


@pytest.fixture
def interpreter(version: Version, interpreters: Interpreters) -> Path:
    if version not in interpreters:
        pytest.skip(f"no Python {version[0]}.{version[1]} was found")
    return interpreters[version]


@each_interpreter
@pytest.mark.parametrize("method", METHODS)
def test_default_start_method_is_the_chosen_one(tmp_path: Path, interpreter: Path, method: Method) -> None:
    outcome = run_text(tmp_path, WORKER.format(setup="", guarded="", context="mp"), method, interpreter)
    assert outcome.err == ""
    assert outcome.out[0] == "set None"
    assert outcome.out[1] == f"child {method} {KIND[method]}"
    assert outcome.out[2].startswith(f"parent {method}")


@each_interpreter
@pytest.mark.parametrize(
    ("guarded", "context"),
    [
        ("mp.set_start_method('{m}')", "mp"),
        ("mp.set_start_method('{m}', force=True)", "mp"),
        ("context = mp.get_context('{m}')", "context"),
        ("mp.set_start_method('{m}'); context = mp.get_context()", "context"),
    ],
    ids=["set", "force", "context", "default-context"],
)
def test_a_program_that_chooses_behaves_as_alone(tmp_path: Path, interpreter: Path, guarded: str, context: str) -> None:
    """With the interpreter's own default as the chosen one, nothing of what a program sees may change, in its workers either."""
    alone = run_text(tmp_path, "import multiprocessing as mp; print(mp.get_start_method())", "default", interpreter)
    default = next(method for method in METHODS if alone.out == (method,))
    for chosen in METHODS:
        text = WORKER.format(setup="", guarded=guarded.format(m=chosen), context=context)
        assert run_text(tmp_path, text, default, interpreter) == run_text(tmp_path, text, "default", interpreter)


def test_setting_twice_still_fails(tmp_path: Path) -> None:
    outcome = run_text(
        tmp_path, "import multiprocessing as mp\nmp.set_start_method('fork')\nmp.set_start_method('spawn')\n", "spawn"
    )
    assert outcome == Outcome("exit 1", (), "RuntimeError: context has already been set")


def test_executors_follow(tmp_path: Path) -> None:
    text = (
        "from concurrent.futures import ProcessPoolExecutor\nimport multiprocessing\n"
        "if __name__ == '__main__':\n    with ProcessPoolExecutor(1) as executor:\n"
        "        print(executor.submit(multiprocessing.get_start_method).result())\n"
    )
    for method in ("fork", "spawn"):
        outcome = run_text(tmp_path, text, method)
        assert outcome == Outcome("exit 0", (method,))


SLEEPERS = """\
import multiprocessing, os, time
def sleep(_):
    open(os.environ["TMPDIR"] + "/../" + "{name}", "a").write(str(os.getpid()) + "\\n")
    time.sleep(60)
if __name__ == "__main__":
    pool = multiprocessing.Pool(2)
    result = pool.map_async(sleep, [1, 2])
    time.sleep({wait})
    print("leaving", flush=True)
    os._exit(0)
"""


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
@pytest.mark.parametrize(("wait", "status"), [(60, HANGS), (0.8, "exit 0")])
@pytest.mark.parametrize("method", METHODS)
def test_nothing_survives(tmp_path: Path, wait: float, status: str, method: Method) -> None:
    name = f"pids-{os.getpid()}-{tmp_path.name}-{method}"
    pids = Path(os.environ.get("TMPDIR", "/tmp")) / name
    try:
        outcome = run_text(tmp_path, SLEEPERS.format(name=name, wait=wait), method, limit=1.5)
        assert outcome.status == status
        started = [int(line) for line in pids.read_text().split()]
        assert len(started) == 2
        assert all(gone(pid) for pid in started)
    finally:
        pids.unlink(missing_ok=True)


def test_an_unexpected_hang_is_given_more_time(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import time; time.sleep(1); print('slow machine')")
    ended = Outcome("exit 0", ("slow machine",))
    assert run(tmp_path, Path("bad.py"), HERE, "fork", limit=0.5) == ended
    assert run(tmp_path, Path("bad.py"), HERE, "fork", [Outcome(HANGS)], limit=0.5).status == HANGS
    assert run(tmp_path, Path("bad.py"), HERE, "fork", [Outcome(HANGS, ("so far",))], limit=0.5) == ended


def test_what_varies_is_taken_out(tmp_path: Path) -> None:
    text = (
        "import os, sys, tempfile, json, multiprocessing as mp\n"
        "print(object(), os.path.abspath('x.txt'), json.__file__, 'pid', os.getpid())\n"
        "print(tempfile.mkstemp()[1], mp.get_context('fork').Process().name, 'https://docs.python.org/3/library')\n"
        "print('1/2 is a/b', os.path.basename(sys.executable) and 'python3.9')\n"
    )
    outcome = run_text(tmp_path, text)
    assert outcome.out == (
        "<object object at 0x...> x.txt __init__.py pid N",
        "TEMPORARY Process-N https://docs.python.org/3/library",
        "1/2 is a/b python3",
    )


def test_the_last_exception_counts(tmp_path: Path) -> None:
    text = (
        "import sys\ntry:\n    1 / 0\nexcept ZeroDivisionError as error:\n"
        "    print('first', file=sys.stderr)\n    raise ValueError('two\\nlines') from error\n"
    )
    assert run_text(tmp_path, text) == Outcome("exit 1", (), "ValueError: two")
    assert run_text(tmp_path, "import sys; print('only a word', file=sys.stderr)").err == "only a word"


def test_the_environment_is_scrubbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("COLOUR", "red")
    text = "import os; print([os.environ.get(k) for k in ('COLOUR', 'PYTHONWARNINGS', 'PYTHONHASHSEED')], os.listdir())"
    assert run_text(tmp_path, text).out == ("[None, None, '0'] ['bad.py']",)


def test_signals_are_named(tmp_path: Path) -> None:
    assert run_text(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGTERM)").status == "killed by SIGTERM"


def some(program: str, *versions: Version, methods: tuple[Method, ...] = METHODS) -> list[Cell]:
    return [Cell(program, version, method) for version in versions for method in methods]


FAILS = Outcome("exit 1", ("1 of 2", "", "2 of 2: done"), "ValueError: no: exit 0")
WORKS = Outcome("exit 0")

EXAMPLE = {
    **dict.fromkeys(some("bad.py", (3, 9), (3, 10)), (FAILS,)),
    **dict.fromkeys(some("bad.py", (3, 14), methods=("fork",)), (FAILS,)),
    **dict.fromkeys(some("bad.py", (3, 14), methods=("spawn", "forkserver")), either(Outcome(HANGS), FAILS, WORKS)),
    **dict.fromkeys(some("good.py", (3, 9), (3, 10), (3, 14)), (WORKS,)),
}


def test_a_transcript_is_short_and_read_back() -> None:
    text = render(EXAMPLE)
    assert text == (
        "bad.py  3.9 3.10 x fork spawn forkserver, 3.14 x fork: exit 1\n"
        "  out | 1 of 2\n  out |\n  out | 2 of 2: done\n  err | ValueError: no: exit 0\n\n"
        "bad.py  3.14 x spawn forkserver: one of\n"
        "  - exit 0\n"
        "  - exit 1\n    out | 1 of 2\n    out |\n    out | 2 of 2: done\n    err | ValueError: no: exit 0\n"
        "  - hangs (killed after 3 s)\n\n"
        "good.py  3.9 3.10 3.14 x fork spawn forkserver: exit 0\n"
    )
    assert parse(text) == EXAMPLE
    assert render(parse(text)) == text


@pytest.mark.parametrize("line", ["what is this", "  out | without a heading", "bad.py 3.9 x fork: one space"])
def test_a_line_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 1 of a transcript"):
        parse(line)


def test_difference_is_seen_per_cell() -> None:
    assert differs(EXAMPLE)
    same = dict.fromkeys([*some("bad.py", (3, 9)), *some("good.py", (3, 9))], (WORKS,))
    assert not differs(same)
    assert not differs({})
    # a race whose ends the good program shares all is no proof
    assert not differs(same | dict.fromkeys(some("good.py", (3, 9)), either(WORKS, FAILS)))


@pytest.fixture
def small(tmp_path: Path) -> Fixture:
    folder = tmp_path / "PA999-example"
    folder.mkdir()
    (folder / "bad.py").write_text("raise SystemExit(3)")
    (folder / "good").mkdir()
    (folder / "good" / "main.py").write_text("import other")
    (folder / "good" / "other.py").write_text("print('fine')")
    return fixtures(tmp_path)[0]


def test_a_fixture_is_run_and_recorded(small: Fixture) -> None:
    version = sys.version_info[:2]
    with Lanes(1) as lanes:
        proofs = Proofs({version: HERE}, lanes)
        seen = proofs.seen(small, cells(small, methods=["fork"]))
        assert seen == {
            Cell("bad.py", version, "fork"): (Outcome("exit 3"),),
            Cell("good/main.py", version, "fork"): (Outcome("exit 0", ("fine",)),),
        }
        (small.folder / "bad.py").write_text("raise SystemExit(4)")
        assert proofs.seen(small, seen) == seen, "each cell is run once"
        bad = Cell("bad.py", version, "fork")
        assert proofs.once_more(small, [bad]) == {bad: (Outcome("exit 4"),)}
    assert unexpected(seen, recorded(small)) == seen
    other = {Cell("bad.py", (3, 9), "spawn"): either(WORKS, FAILS), Cell("gone.py", (3, 9), "spawn"): (WORKS,)}
    record(small, other)
    record(small, seen)
    assert recorded(small) == {**seen, Cell("bad.py", (3, 9), "spawn"): either(WORKS, FAILS)}
    assert not unexpected(seen, recorded(small))
    # one more outcome of a race joins the others; a plain cell is replaced
    record(small, {Cell("bad.py", (3, 9), "spawn"): (Outcome("exit 9"),), Cell("bad.py", version, "fork"): (WORKS,)})
    assert recorded(small)[Cell("bad.py", (3, 9), "spawn")] == either(WORKS, FAILS, Outcome("exit 9"))
    assert recorded(small)[Cell("bad.py", version, "fork")] == (WORKS,)


def test_every_end_of_a_race_is_kept(small: Fixture) -> None:
    count = small.folder.parent / "count"
    count.write_text("")
    (small.folder / "bad.py").write_text(
        f"f = open({str(count)!r}, 'a+'); f.write('.'); f.flush(); raise SystemExit(f.tell() % 2)"
    )
    version = sys.version_info[:2]
    with Lanes(1) as lanes:
        seen = Proofs({version: HERE}, lanes, repeat=2).seen(small, cells(small, methods=["fork"], stems=["bad"]))
    assert list(seen.values()) == [(Outcome("exit 0"), Outcome("exit 1"))]


def test_hangs_do_not_wait_for_each_other(small: Fixture) -> None:
    """Four hangs of 3 s each on one core cost two times 3 s, and the programs that end do not wait for them."""
    (small.folder / "bad.py").write_text("import time; time.sleep(60)")
    versions = [(3, minor) for minor in (9, 10, 11, 12)]
    bad = cells(small, versions, ["fork"], ["bad"])
    record(small, dict.fromkeys(bad, (Outcome(HANGS),)))
    with Lanes(1) as lanes:
        proofs = Proofs(dict.fromkeys(versions, HERE), lanes)
        begun = time.monotonic()
        proofs.start(small, bad)
        good = proofs.seen(small, cells(small, versions, ["fork"], ["good"]))
        assert time.monotonic() - begun < 3
        assert set(good.values()) == {(Outcome("exit 0", ("fine",)),)}
        assert set(proofs.seen(small, bad).values()) == {(Outcome(HANGS),)}
        assert time.monotonic() - begun < 9


def test_what_is_left_is_not_run_when_a_test_run_is_stopped(small: Fixture) -> None:
    (small.folder / "bad.py").write_text("import time; time.sleep(1)")
    versions = [(3, minor) for minor in range(9, 14)]
    begun = time.monotonic()
    with Lanes(0.1) as lanes:
        Proofs(dict.fromkeys(versions, HERE), lanes).start(small, cells(small, versions, stems=["bad"]))
    assert time.monotonic() - begun < 5


def test_a_sample_has_each_python_and_each_start_method(small: Fixture) -> None:
    alike = dict.fromkeys(cells(small), (WORKS,))
    chosen = sample(small, alike)
    for program in ("bad.py", "good/main.py"):
        mine = [cell for cell in chosen if cell.program == program]
        assert {cell.version for cell in mine} == set(USUAL)
        assert {cell.method for cell in mine if cell.version == NEWEST} == set(METHODS)
        assert len(mine) == len(USUAL) + 2
    assert len(sample(small, {})) == len(cells(small)), "what is not recorded is run"


def test_a_sample_has_everything_that_differs(small: Fixture) -> None:
    known = dict.fromkeys(cells(small), (WORKS,))
    odd = Cell("bad.py", (3, 10), "spawn")
    forked = [cell for cell in known if cell.method == "fork" and cell.program == "bad.py"]
    chosen = set(sample(small, known | {odd: (FAILS,)} | dict.fromkeys(forked, (Outcome("exit 2"),))))
    assert odd in chosen
    assert set(forked) <= chosen, "each Python ends in this way, too"
    assert {cell.version for cell in chosen - set(forked) - {odd} if cell.program == "bad.py"} >= set(USUAL) - {(3, 10)}


def test_samples_of_all_fixtures_together_have_every_pair() -> None:
    chosen = {
        (cell.version, cell.method) for fixture in fixtures() if fixture.runs for cell in sample(fixture, recorded(fixture))
    }
    assert {(version, method) for version in USUAL for method in METHODS} <= chosen


def test_a_fixture_names_its_pythons(small: Fixture) -> None:
    assert small.versions == USUAL
    (small.folder / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.8,<3.11"\n')
    assert small.versions == ((3, 8), (3, 9), (3, 10))
    (small.folder / "pyproject.toml").write_text("[tool.poolaudit]\n")
    assert small.versions == USUAL
    assert find("example", small.folder.parent) == find("PA999", small.folder.parent) == small
    with pytest.raises(LookupError, match="nothing"):
        find("nothing", small.folder.parent)


def test_interpreters_are_found_or_refused(tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapped"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    wrapper.chmod(0o755)
    assert find_interpreters([str(wrapper)])[sys.version_info[:2]] == wrapper
    assert sys.version_info[:2] in find_interpreters()
    with pytest.raises(ValueError, match="not a CPython that starts"):
        find_interpreters([str(tmp_path / "absent")])
