"""Every rule is proven by the programs of its fixture folder.

Knows what must hold for a fixture: its programs end as run.txt says. Must never know what a single rule does.
"""

from __future__ import annotations

import sys

import pytest

from proof.fixture import ON_REQUEST, Fixture, Version, fixtures
from proof.interpreters import Interpreters
from proof.matrix import observe, record, recorded, unexpected
from proof.running import METHODS, Method
from proof.transcript import differs, render

ALL = fixtures()
RUN = [fixture for fixture in ALL if fixture.runs]

every_fixture = pytest.mark.parametrize("fixture", ALL, ids=lambda fixture: fixture.id)
every_program = pytest.mark.parametrize("fixture", RUN, ids=lambda fixture: fixture.id)


@every_program
def test_programs_end_as_recorded_here(fixture: Fixture, interpreters: Interpreters, updating: bool) -> None:
    """The running interpreter under fork and spawn: the part of the matrix that every test run can afford."""
    if updating:
        pytest.skip("UPDATE=1 runs the full matrix")
    _prove(fixture, sys.version_info[:2], interpreters, ("fork", "spawn"), updating)


@pytest.mark.proof
@pytest.mark.parametrize("version", ON_REQUEST, ids=lambda version: f"{version[0]}.{version[1]}")
@every_program
def test_programs_end_as_recorded(fixture: Fixture, version: Version, interpreters: Interpreters, updating: bool) -> None:
    """The full matrix: every Python from 3.9 to 3.14 that is found, under every start method."""
    _prove(fixture, version, interpreters, METHODS, updating)


def _prove(fixture: Fixture, version: Version, interpreters: Interpreters, methods: tuple[Method, ...], updating: bool) -> None:
    number = f"{version[0]}.{version[1]}"
    if version not in fixture.versions:
        pytest.skip(f"{fixture.id} is not for Python {number}")
    if version not in interpreters:
        pytest.skip(f"no Python {number} was found: name one by --interpreter or POOLAUDIT_INTERPRETERS")
    known = recorded(fixture)
    seen = observe(fixture, version, interpreters[version], methods, known=known)
    if updating:
        record(fixture, seen)
        return
    strange = unexpected(seen, known)
    assert not strange, f"ends otherwise than {fixture.id}/run.txt says:\n{render(strange)}"


@every_program
def test_transcript_shows_the_harm(fixture: Fixture) -> None:
    """No visible harm, no rule."""
    assert differs(recorded(fixture)), f"{fixture.id}/run.txt shows no difference between the bad and the good program"


@every_program
def test_transcript_is_as_written_by_the_harness(fixture: Fixture) -> None:
    """Nobody edits run.txt by hand, and it covers every Python that the fixture is for."""
    known = recorded(fixture)
    assert fixture.transcript.read_text("utf-8") == render(known)
    expected = {(version, method) for version in fixture.versions for method in METHODS if version in _required(fixture)}
    for stem in ("bad", "good"):
        program = fixture.program(stem).as_posix()
        assert expected <= {(cell.version, cell.method) for cell in known if cell.program == program}


def _required(fixture: Fixture) -> tuple[Version, ...]:
    """3.8 is recorded where it is found: few machines have it."""
    return tuple(version for version in fixture.versions if version >= (3, 9))
