"""What `poolaudit migrate` says of the pairs and makes of them.

Knows what must hold for a pair: its plan has the status and the names that were written down by hand, the rewrite of before.py is
after.py, and nothing is left to do after that. What the programs do is proven in tests/migrations.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from migrations.comparing import apart, recorded
from migrations.pair import DIRECTIONS, STATUSES, Direction, Pair, Status, pairs
from poolaudit import config
from poolaudit.migrate.blockers import BLOCKERS
from poolaudit.migrate.caveats import CAVEATS
from poolaudit.migrate.plan import Plan
from poolaudit.migration import MigrationRun, Moved
from poolaudit.transcript import METHODS
from proof.transcript import render

ALL = pairs()
BLOCKED = [pair for pair in ALL if pair.expected.status == "blocked"]
MOVED = [pair for pair in ALL if pair.expected.status != "blocked"]
RECORDED = [pair for pair in ALL if pair.recorded]

every_pair = pytest.mark.parametrize("pair", ALL, ids=lambda pair: pair.id)
every_blocked_pair = pytest.mark.parametrize("pair", BLOCKED, ids=lambda pair: pair.id)
every_moved_pair = pytest.mark.parametrize("pair", MOVED, ids=lambda pair: pair.id)
every_recorded_pair = pytest.mark.parametrize("pair", RECORDED, ids=lambda pair: pair.id)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project: what stands above the fixtures must not decide what is found."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(pair: Pair, program: Path, place: Path, *, unsafe: bool = False) -> MigrationRun:
    """A run over one program of the pair; the modules that it imports stand beside it and are no subject."""
    shutil.copyfile(program, place / "program.py")
    for companion in pair.companions:
        shutil.copyfile(companion, place / companion.name)
    requires = pair.expected.requires_python
    project = f'[project]\nname = "pair"\nrequires-python = "{requires}"\n' if requires else ""
    (place / "pyproject.toml").write_text(project + "[tool.poolaudit]\n", "utf-8")
    return MigrationRun(["program.py"], config.load("."), pair.to, unsafe=unsafe)


def planned(migration: MigrationRun) -> tuple[Plan, ...]:
    found = migration.plan()
    problems = [*found.problems, *(problem for file in found.files for problem in file.problems)]
    assert problems == []
    return tuple(plan for file in found.files for plan in file.plans)


def moved(migration: MigrationRun) -> Moved | None:
    files = list(migration.moved())
    assert [problem for file in files for problem in file.problems] == []
    return files[0] if files else None


def summary(plans: tuple[Plan, ...]) -> tuple[Status, tuple[str, ...]]:
    """The worst status of a file's pools, and the names that stand for it."""
    status = max((plan.status for plan in plans), key=STATUSES.index)
    named = [each.name for plan in plans for each in (plan.blockers if status == "blocked" else plan.caveats)]
    return status, tuple(sorted(set(named)))


@every_pair
def test_plan(pair: Pair, place: Path) -> None:
    """Status and names are those that were expected before there was a tool."""
    assert summary(planned(run(pair, pair.before, place))) == (pair.expected.status, pair.expected.names)


@every_moved_pair
def test_rewrite(pair: Pair, place: Path, updating: bool) -> None:
    """after.py, byte for byte; what has caveats is moved only on request; and a second run has nothing to do."""
    asked = moved(run(pair, pair.before, place, unsafe=True))
    assert asked is not None
    if updating:
        pair.other.write_bytes(asked.contents[1].encode("utf-8"))
    assert asked.contents[1] == pair.other.read_bytes().decode("utf-8")

    unasked = moved(run(pair, pair.before, place))
    if pair.expected.status == "ready":
        assert unasked is not None
        assert unasked.contents == asked.contents
    elif unasked is not None:  # a file may hold a pool that is ready beside one with caveats
        assert unasked.contents != asked.contents

    again = run(pair, pair.other, place, unsafe=True)
    assert planned(again) == ()
    assert moved(again) is None


@every_blocked_pair
def test_refusal(pair: Pair, place: Path) -> None:
    """Not a byte is changed, and each blocker says where it is and what would unlock it."""
    plans = planned(run(pair, pair.before, place, unsafe=True))
    text = pair.before.read_text("utf-8")
    for blocker in (blocker for plan in plans for blocker in plan.blockers):
        assert blocker.message
        assert blocker.unlock
        assert blocker.where.path or text[blocker.where.start : blocker.where.end].strip()
    assert all(plan.edits == () for plan in plans if plan.blockers)
    assert all(file.steps == () for file in run(pair, pair.before, place, unsafe=True).moved())


@every_pair
def test_pair_is_complete(pair: Pair) -> None:
    """The keys fit the status, and both programs are Python."""
    expected = pair.expected
    assert expected.names == tuple(sorted(set(expected.names)))
    assert (expected.names == ()) == (expected.status == "ready")
    assert set(expected.names) <= set(BLOCKERS if expected.status == "blocked" else CAVEATS)
    assert expected.differs is None or expected.status != "blocked"
    assert expected.same is None or expected.status == "blocked"
    assert expected.row
    kept = {"expect.toml", "before.py", pair.other.name, *(path.name for path in pair.companions)}
    kept |= {pair.transcript.name} if pair.recorded else set()
    assert {path.name for path in pair.folder.iterdir() if path.name != "__pycache__"} == kept
    for program in (pair.before, pair.other, *pair.companions):
        compile(program.read_bytes(), str(program), "exec")


@every_recorded_pair
def test_record_shows_why(pair: Pair) -> None:
    """Every blocker is justified by a cell in which the naive rewrite ends otherwise, or by a sentence where none does."""
    known = recorded(pair)
    assert pair.transcript.read_text("utf-8") == render(known)
    cells = {(version, method) for version in pair.versions for method in METHODS}
    for program in (pair.before, pair.other):
        assert {(cell.version, cell.method) for cell in known if cell.program == program.name} == cells
    assert bool(apart(pair, known)) == (pair.expected.same is None)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_status_is_shown(direction: Direction) -> None:
    assert {pair.expected.status for pair in ALL if pair.direction == direction} == set(STATUSES)


def test_every_name_has_a_pair() -> None:
    """No blocker and no caveat without two programs that run."""
    shown = {name for pair in ALL for name in pair.expected.names}
    assert set(BLOCKERS) | set(CAVEATS) == shown


TWO_POOLS_AND_ONE_NAME = """\
from multiprocessing import Pool


def main(xs):
    tasks = items = inputs = jobs = arguments = xs
    with Pool(2) as pool:
        first = pool.map(abs, reversed(xs))
    with Pool(2) as pool:
        second = pool.map(abs, reversed(xs))
    return first, second
"""


def test_what_is_planned_and_not_moved_is_told(place: Path) -> None:
    """Each pool is ready, and both need the one name that is free for a list: what is left over is a problem, not a silence."""
    (place / "program.py").write_text(TWO_POOLS_AND_ONE_NAME, "utf-8")
    (place / "pyproject.toml").write_text("[tool.poolaudit]\n", "utf-8")
    assert [plan.status for plan in planned(MigrationRun(["program.py"], config.load("."), "executor"))] == ["ready", "ready"]
    (file,) = MigrationRun(["program.py"], config.load("."), "executor").moved()
    (problem,) = file.problems
    assert len(file.steps) == 1
    assert problem.message.startswith("not migrated: ")
    assert problem.line == 8  # where the plan says it is, not where the first step has pushed it
