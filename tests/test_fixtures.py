"""Every rule is proven by the programs of its fixture folder.

Knows what must hold for a fixture: poolaudit says of bad.py what report.txt holds, makes good.py of it where the rule has a fix,
says nothing of good.py and silent.py; and the programs end as run.txt says. Must never know what a single rule does.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from poolaudit import catalog, config, engine
from poolaudit.report import Report
from poolaudit.report import text as text_report
from poolaudit.rewrite import rewrite as rewrite_files
from poolaudit.source import read
from poolaudit.transcript import Cell
from proof.fixture import CHANGES, ON_REQUEST, Fixture, Version, fixtures
from proof.interpreters import Interpreters
from proof.lanes import Lanes
from proof.matrix import Proofs, cells, record, recorded, sample, unexpected
from proof.transcript import differs, render

ALL = fixtures()
RUN = [fixture for fixture in ALL if fixture.runs]

every_fixture = pytest.mark.parametrize("fixture", ALL, ids=lambda fixture: fixture.id)
every_program = pytest.mark.parametrize("fixture", RUN, ids=lambda fixture: fixture.id)
every_transcript = pytest.mark.parametrize("fixture", [*RUN, CHANGES], ids=lambda fixture: fixture.id)

ADVICE = ("PA101", "PA102")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project: what stands above the fixtures must not decide what is found."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stage(fixture: Fixture, stem: str, place: Path) -> None:
    """Puts `bad.py` (or the folder `bad`), and the fixture's pyproject.toml, into the empty project.

    A folder with a pyproject.toml of its own is the whole project.
    """
    source = fixture.source(stem)
    assert source is not None, f"{fixture.id} has neither {stem}.py nor {stem}/"
    if (source / "pyproject.toml").is_file():
        shutil.copytree(source, place, dirs_exist_ok=True)
        return
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, place / source.name)
    project = fixture.folder / "pyproject.toml"
    if project.is_file():
        shutil.copyfile(project, place / project.name)


def settings_of(fixture: Fixture) -> config.Config:
    """The default rules and the fixture's own; advice only where it is the subject."""
    ignored = tuple(code for code in ADVICE if code != fixture.code)
    return config.override(config.load("."), extend_select=(fixture.code,), ignore=ignored, confidence="likely")


def only(fixture: Fixture) -> config.Config:
    return config.override(config.load("."), select=(fixture.code,), confidence="likely")


def said(report: Report) -> list[str]:
    """What a report holds against a program, one line each."""
    found = [f"{each.code} {each.finding.message}" for file in report.files for each in file.findings if not each.suppressed]
    problems = [*report.problems, *(problem for file in report.files for problem in file.problems)]
    return found + [f"{problem.code} {problem.path}:{problem.line} {problem.message}" for problem in problems]


def texts(folder: Path) -> dict[str, str]:
    """The Python files of a folder, or one file."""
    if folder.is_file():
        return {"": read(str(folder)).text}
    return {path.relative_to(folder).as_posix(): read(str(path)).text for path in sorted(folder.rglob("*.py"))}


@every_fixture
def test_report(fixture: Fixture, place: Path, updating: bool) -> None:
    """What `poolaudit scan --quiet bad.py` prints: the sums of a run have tests of their own."""
    stage(fixture, "bad", place)
    report = engine.audit(["."], settings_of(fixture))
    printed = text_report.render(report, quiet=True)
    assert any(line.startswith(fixture.code) for line in said(report)), f"{fixture.code} does not report bad.py:\n{printed}"
    if updating:
        fixture.report.write_text(printed, "utf-8")
    assert printed == fixture.report.read_text("utf-8")


@every_fixture
@pytest.mark.parametrize("stem", ["good", "silent"])
def test_silence(fixture: Fixture, stem: str, place: Path) -> None:
    """No rule says a word of the repaired program, nor of the near misses."""
    stage(fixture, stem, place)
    assert said(engine.audit(["."], settings_of(fixture))) == []
    for path in place.rglob("*.py"):
        compile(path.read_bytes(), path.name, "exec")


@every_fixture
def test_fix(fixture: Fixture, place: Path) -> None:
    """The rule's own fixes make the good program of the bad one, and have nothing to do after that."""
    stage(fixture, "bad", place)
    rule = catalog.find(fixture.code)
    before = engine.audit(["."], only(fixture))
    offered = any(each.fix for file in before.files for each in file.findings if each.code == fixture.code)
    assert offered == (rule.fix != "none")
    if not offered:
        return
    rewrite = rewrite_files(["."], only(fixture), unsafe=True, write=True)
    assert said(rewrite.report) == []
    bad, good = fixture.source("bad"), fixture.source("good")
    assert bad is not None
    assert good is not None
    assert texts(place / bad.name) == texts(good)
    assert rewrite_files(["."], only(fixture), unsafe=True).patches == ()


def test_every_rule_has_a_fixture_and_every_fixture_a_rule() -> None:
    assert {(rule.code, rule.name) for rule in catalog.rules()} == {(fixture.code, fixture.name) for fixture in ALL}


# --- running


@pytest.fixture(scope="session")
def proofs(request: pytest.FixtureRequest, interpreters: Interpreters, updating: bool) -> Iterator[Proofs]:
    """The programs of this test run, all in line from the beginning, so that a hang costs no more than its place in the line.

    The processes of xdist learn of their tests one by one: there only the programs of one test run side by side.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with Lanes(cores() / processes) as lanes:
        proofs = Proofs(interpreters, lanes)
        for item in request.session.items if processes == 1 else ():
            if isinstance(item, pytest.Function) and "proofs" in item.fixturenames:
                fixture, version = item.callspec.params["fixture"], item.callspec.params.get("version")
                with suppress(FileNotFoundError):  # the test itself tells which program is missing
                    proofs.start(fixture, share(fixture, version, updating))
        yield proofs


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(fixture: Fixture, version: Version | None, updating: bool) -> list[Cell]:
    """What one test runs: one Python's part of the matrix, whole where it is written or with EVERY_CELL=1, else a sample.

    Without a version: the running interpreter under fork and spawn, which every test run can afford, unless all of it is written.
    """
    if version is None:
        mine = cells(fixture, {sys.version_info[:2]} & set(fixture.versions))
        return [cell for cell in mine if cell.method != "forkserver" and not updating]
    whole = updating or os.environ.get("EVERY_CELL", "0") != "0"
    return [cell for cell in (cells(fixture) if whole else sample(fixture, recorded(fixture))) if cell.version == version]


@every_transcript
def test_programs_end_as_recorded_here(fixture: Fixture, proofs: Proofs, updating: bool) -> None:
    if updating:
        pytest.skip("UPDATE=1 runs the whole matrix")
    wanted = share(fixture, None, updating)
    if not wanted:
        pytest.skip(f"{fixture.id} is not for Python {sys.version_info[0]}.{sys.version_info[1]}")
    prove(fixture, wanted, proofs, updating)


@pytest.mark.proof
@pytest.mark.parametrize("version", ON_REQUEST, ids=lambda version: f"{version[0]}.{version[1]}")
@every_transcript
def test_programs_end_as_recorded(fixture: Fixture, version: Version, proofs: Proofs, updating: bool) -> None:
    """The matrix: every Python that is found x every start method; of cells that are recorded to end alike a sample."""
    number = f"{version[0]}.{version[1]}"
    if version not in fixture.versions:
        pytest.skip(f"{fixture.id} is not for Python {number}")
    if version not in proofs.interpreters:
        pytest.skip(f"no Python {number} was found: name one by --interpreter or POOLAUDIT_INTERPRETERS")
    prove(fixture, share(fixture, version, updating), proofs, updating)


def prove(fixture: Fixture, wanted: list[Cell], proofs: Proofs, updating: bool) -> None:
    """The cells end as run.txt says. One that does not has a second chance: a busy machine can change how a program ends."""
    seen = proofs.seen(fixture, wanted)
    if updating:
        record(fixture, seen)
        return
    known = proofs.known(fixture)
    first = unexpected(seen, known)
    again = proofs.once_more(fixture, first.keys() & known.keys())
    strange = unexpected({**first, **again}, known)
    assert not strange, f"ends otherwise than {fixture.id}/run.txt says:\n{render(strange)}"
    if first:
        warnings.warn(f"{fixture.id} ended otherwise at first, and then as recorded:\n{render(first)}", stacklevel=2)


@every_program
def test_transcript_shows_the_harm(fixture: Fixture) -> None:
    """No visible harm, no rule."""
    assert differs(recorded(fixture)), f"{fixture.id}/run.txt shows no difference between the bad and the good program"


def test_every_program_of_python_3_14_ends_otherwise_there() -> None:
    known = recorded(CHANGES)
    for stem in CHANGES.stems:
        before, since = (known[Cell(f"{stem}.py", version, "default")] for version in ((3, 13), (3, 14)))
        assert before != since


@every_transcript
def test_transcript_is_as_written_by_the_harness(fixture: Fixture) -> None:
    """Nobody edits run.txt by hand, and it covers every Python that the fixture is for."""
    known = recorded(fixture)
    assert fixture.transcript.read_text("utf-8") == render(known)
    # 3.8 is recorded where it is found: few machines have it
    assert {cell for cell in cells(fixture) if cell.version >= (3, 9)} <= known.keys() <= set(cells(fixture))
