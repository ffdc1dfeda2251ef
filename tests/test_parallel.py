"""Batches on executors: order, windows, workers that die, interrupts; and an audit by processes that finds what one finds."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from poolaudit import catalog, config, engine, executors, parallel
from poolaudit.facts import FileFacts, Span
from poolaudit.parallel import Batch, Crew
from poolaudit.report import Report, concise, json, text
from poolaudit.rule import Finding, Rule
from poolaudit.run import CRASH, Means
from poolaudit.settings import Settings
from poolaudit.worker import Order, judge_batch

LEAKY = """\
from multiprocessing import Pool


def work(item):
    return item


def main_{number}():
    pool = Pool(2)
    pool.map_async(work, [{number}])


main_{number}()
"""


# --- work that workers do: of module level, so that it can be pickled


def double(items: Sequence[int]) -> list[int]:
    return [item * 2 for item in items]


def fatal(items: Sequence[int]) -> list[int]:
    """Takes its process along where there is a 13 in the batch."""
    if 13 in items:
        os._exit(1)
    return double(items)


def refuse(items: Sequence[int]) -> list[int]:
    if 13 in items:
        raise MemoryError("too much")
    return double(items)


def sleep(items: Sequence[int]) -> list[int]:
    time.sleep(60)
    return double(items)


class Collected:
    """Runs batches of numbers, and keeps what is told of them."""

    def __init__(self) -> None:
        self.results: dict[int, int] = {}
        self.lost: dict[int, BaseException] = {}

    def run(self, crew: Crew, work: Callable[[Sequence[int]], list[int]], *groups: Sequence[int]) -> Collected:
        parallel.run(crew, (Batch(work, tuple(group), self._done, self.lost.__setitem__) for group in groups))
        return self

    def _done(self, item: int, result: int) -> None:
        assert item not in self.results
        self.results[item] = result


def forked(count: int = 2) -> Crew:
    return Crew(partial(ProcessPoolExecutor, count, multiprocessing.get_context("fork")), count)


# --- batches


def test_groups_hold_every_number_once_the_largest_first() -> None:
    sizes = [10, 500, 20, 300, 40, 30, 20]
    groups = list(parallel.split(sizes, workers=2))
    assert sorted(number for group in groups for number in group) == list(range(7))
    assert groups[:2] == [(1,), (3,)]
    assert len(groups[2]) > 1


def test_groups_are_as_large_as_is_worth_the_way() -> None:
    groups = list(parallel.split([1000] * 1000, workers=2))
    assert {len(group) for group in groups} == {parallel.BATCH // 1000, 1000 % (parallel.BATCH // 1000)}


def test_nothing_to_do_is_no_group() -> None:
    assert list(parallel.split([], workers=2)) == []
    assert Collected().run(forked(), double).results == {}


def test_results_of_processes() -> None:
    done = Collected().run(forked(), double, [1, 2], [3], [4, 5, 6])
    assert done.results == {number: number * 2 for number in range(1, 7)}
    assert done.lost == {}


def test_batches_are_made_as_workers_get_free() -> None:
    made: list[int] = []
    ended: list[int] = []
    most: list[int] = []

    def done(item: int, result: int) -> None:
        ended.append(item)

    def batches() -> Iterator[Batch[int, int]]:
        for number in range(50):
            made.append(number)
            most.append(len(made) - len(ended))
            yield Batch(double, (number,), done, pytest.fail)

    parallel.run(Crew(partial(ThreadPoolExecutor, 3), 3), batches())
    assert max(most) == 3 * parallel.AHEAD
    assert sorted(ended) == made


# --- workers that die


def test_a_worker_that_dies_costs_the_item_that_kills_it() -> None:
    done = Collected().run(forked(), fatal, [1, 2], [12, 13, 14], *([number] for number in range(20, 40)))
    assert set(done.lost) == {13}
    assert "terminated abruptly" in str(done.lost[13])
    assert set(done.results) == {1, 2, 12, 14, *range(20, 40)}


def test_an_executor_that_reports_a_lost_batch_is_kept() -> None:
    made = []

    def make() -> Executor:
        made.append(ThreadPoolExecutor(2))
        return made[-1]

    done = Collected().run(Crew(make, 2), refuse, [1, 13], [2, 3])
    assert {item: str(error) for item, error in done.lost.items()} == {13: "too much"}
    assert done.results == {1: 2, 2: 4, 3: 6}
    assert len(made) == 1


# --- interrupts


def test_what_ends_the_run_ends_its_workers_and_no_other() -> None:
    context = multiprocessing.get_context("fork")
    stranger = context.Process(target=time.sleep, args=(60,))
    stranger.start()
    started = time.monotonic()

    def interrupt(item: int, result: int) -> None:
        raise KeyboardInterrupt

    batches = [
        Batch(double, (1,), interrupt, pytest.fail),
        *(Batch(sleep, (number,), interrupt, pytest.fail) for number in range(4)),
    ]
    with pytest.raises(KeyboardInterrupt):
        parallel.run(forked(), batches)
    while multiprocessing.active_children() != [stranger]:  # the executor's own thread may be waiting for them just now
        assert time.monotonic() - started < 20
        time.sleep(0.01)
    stranger.kill()
    stranger.join()
    assert time.monotonic() - started < 20


# --- an audit by processes


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose files need one another, in a run by processes however little there is to do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(executors, "WORTH_A_FORK", 1)
    monkeypatch.setattr(executors, "WORTH_A_SPAWN", 1)
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.10"\n[tool.poolaudit]\nconfidence = "likely"\n')
    for number in range(9):
        (tmp_path / f"leaky_{number}.py").write_text(LEAKY.format(number=number))
    (tmp_path / "tasks.py").write_text("def outer():\n    def inner(x):\n        return x\n    return inner\n\nf = lambda x: x\n")
    (tmp_path / "user.py").write_text(
        "from multiprocessing import Pool\nfrom tasks import f, outer\n\n\ndef main():\n    with Pool(2) as pool:\n"
        "        pool.map(f, [1])\n        pool.map(outer(), [1])\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    (tmp_path / "broken.py").write_text("from multiprocessing import Pool\nPool(\n")
    nested = tmp_path / "nested"
    nested.mkdir()
    (nested / "poolaudit.toml").write_text('ignore = ["PA401"]\n')
    (nested / "leaky.py").write_text(LEAKY.format(number=0))
    return tmp_path


def audit(jobs: int | None) -> Report:
    report = engine.audit(["."], config.load("."), means=Means(jobs))
    return report._replace(seconds=0)


def rendered(report: Report) -> tuple[str, ...]:
    """Everything that anybody is told of a report."""
    return json.render(report), concise.render(report), text.render(report, color=True, width=100, verbose=True)


def test_processes_find_what_one_process_finds(project: Path) -> None:
    alone = audit(1)
    assert len(alone.files) >= 12
    assert any(file.problems for file in alone.files)
    assert rendered(audit(2)) == rendered(alone)
    assert rendered(audit(3)) == rendered(alone)


def test_spawned_processes_find_the_same(project: Path) -> None:
    """A process with threads is not forked: whatever they hold stays locked."""
    alone = audit(1)
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert not executors._may_fork()
        assert rendered(audit(2)) == rendered(alone)
    finally:
        end.set()
        thread.join()


def test_little_work_is_done_here() -> None:
    assert executors.local(8, executors.WORTH_A_FORK - 1) is None
    assert executors.local(1, 10**9) is None
    many = executors.local(8, 10**9)
    assert many is not None
    assert many.count == 8


def test_a_file_that_kills_its_worker_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(file: FileFacts, settings: Settings) -> Iterator[Finding]:
        if file.path == "leaky_3.py" and multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        yield Finding(Span(0, 1), "seen")

    (project / "nested" / "poolaudit.toml").unlink()
    rule = Rule(code="PA900", name="kill", severity="warning", check_file=check)
    monkeypatch.setattr(catalog, "rules", lambda: (rule,))
    monkeypatch.setattr(executors, "_may_fork", lambda: True)
    catalog._by_identity.cache_clear()
    try:
        report = audit(2)
    finally:
        catalog._by_identity.cache_clear()
    (problem,) = report.problems
    assert (problem.code, problem.path) == (CRASH, "leaky_3.py")
    assert "worker" in problem.message
    assert {file.path for file in report.files if file.findings} >= {f"leaky_{number}.py" for number in (0, 1, 2, 4, 5, 6, 7, 8)}


def test_a_bad_configuration_further_down_is_told_as_one(project: Path) -> None:
    (project / "nested" / "poolaudit.toml").write_text('ignore = ["PA999"]\n')
    with pytest.raises(config.ConfigError, match="PA999"):
        audit(2)


def test_a_worker_with_another_version_refuses(project: Path) -> None:
    order = replace(Order(config.load("."), full=True), version="0.0.1")
    with pytest.raises(RuntimeError, match=r"needs 0\.0\.1"):
        judge_batch(order.packed(), [])


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_everything_at_once(tmp_path: Path) -> None:
    source = LEAKY.format(number=1) + "".join(f"def f{number}(x):\n    return [x, {number}]\n" for number in range(20_000))
    for number in range(4):
        (tmp_path / f"large_{number}.py").write_text(source)
    command = [sys.executable, "-m", "poolaudit", "scan", "--jobs", "2", "--no-cache", str(tmp_path)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, start_new_session=True)
    while len(members(run.pid)) < 3:
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)
    started = time.monotonic()
    out, err = run.communicate(timeout=30)
    assert time.monotonic() - started < 5
    assert (run.returncode, out, err) == (130, b"", b"\nInterrupted\n")
    assert members(run.pid) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_follow_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        "import time\nfrom poolaudit import executors, parallel\n\n\ndef work(items):\n    time.sleep(60)\n\n\n"
        "if __name__ == '__main__':\n    batches = [parallel.Batch(work, (number,), print, print) for number in range(2)]\n"
        "    parallel.run(executors.local(2, 10**9), batches)\n"
    )
    run = subprocess.Popen([sys.executable, str(script)], start_new_session=True)
    while len(members(run.pid)) < 3:
        assert run.poll() is None
        time.sleep(0.05)
    run.kill()
    run.wait()
    for _ in range(100):
        if not members(run.pid):
            break
        time.sleep(0.1)
    assert members(run.pid) == []


def members(session: int) -> list[int]:
    """The processes of a session that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, own = (folder / "stat").read_text().rpartition(") ")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(own) == session and state != "Z":
            found.append(int(folder.name))
    return found
