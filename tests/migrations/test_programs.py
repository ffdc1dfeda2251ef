"""Every pair run: a handful in each test run, one cell of each by `-m proof`, all cells by EVERY_CELL=1 pytest -m migrations.

Knows what must hold: before.py and after.py are told apart by nothing that is seen from outside, save where expect.toml says so;
and what is recorded of the others is what happens. Must never know how programs are run, nor what a plan says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import cast

import pytest

from migrations.comparing import Runs, cells, different, record, recorded, sample, unexpected
from migrations.pair import Pair, pairs
from poolaudit.transcript import Cell
from proof.interpreters import Interpreters
from proof.lanes import Lanes
from proof.transcript import render

ALL = pairs()
HANDFUL = [pair for pair in ALL if not pair.recorded][::40]

every_pair = pytest.mark.parametrize("pair", ALL, ids=lambda pair: pair.id)


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, interpreters: Interpreters, updating: bool) -> Iterator[Runs]:
    """The programs of this test run, all in line from the beginning, so that a hang costs no more than its place in the line."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with Lanes((os.cpu_count() or 1) / processes) as lanes:
        runs = Runs(interpreters, lanes)
        for item in request.session.items if processes == 1 else ():
            if isinstance(item, pytest.Function) and item.function is test_programs:
                pair = cast(Pair, item.callspec.params["pair"])
                runs.start(pair, share(pair, interpreters, updating))
        yield runs


def share(pair: Pair, interpreters: Interpreters, updating: bool) -> list[Cell]:
    """One cell of each program, or all of them: UPDATE=1, EVERY_CELL=1."""
    whole = updating or os.environ.get("EVERY_CELL", "0") != "0"
    return cells(pair, [version for version in pair.versions if version in interpreters]) if whole else sample(pair, interpreters)


@pytest.mark.parametrize("pair", HANDFUL, ids=lambda pair: pair.id)
def test_programs_here(pair: Pair, runs: Runs) -> None:
    """The part that every test run can afford."""
    prove_alike(pair, cells(pair, [sys.version_info[:2]], ["spawn"]), runs)


@pytest.mark.proof
@pytest.mark.migrations
@every_pair
def test_programs(pair: Pair, runs: Runs, interpreters: Interpreters, updating: bool) -> None:
    """Alike where nothing else is promised; else as recorded in naive.txt or after.txt."""
    wanted = share(pair, interpreters, updating)
    if not wanted:
        pytest.skip(f"no Python that {pair.id} is for was found: name one by --interpreter or POOLAUDIT_INTERPRETERS")
    if not pair.recorded:
        prove_alike(pair, wanted, runs)
    elif updating:
        record(pair, runs.seen(pair, wanted))
    else:
        prove_recorded(pair, wanted, runs)


def prove_alike(pair: Pair, wanted: list[Cell], runs: Runs) -> None:
    """stdout, exit status and the files that are left are the same."""
    found = runs.seen(pair, wanted)
    doubtful = different(pair, found)
    found = runs.once_more(pair, doubtful)
    strange = {cell: found[cell] for cell in different(pair, found)}
    assert not strange, f"the programs of {pair.id} differ:\n{render(strange)}"


def prove_recorded(pair: Pair, wanted: list[Cell], runs: Runs) -> None:
    """What a refusal spares the user, and what a caveat or an improvement brings."""
    known = recorded(pair)
    doubtful = unexpected(runs.seen(pair, wanted), known)
    strange = unexpected(runs.once_more(pair, doubtful), known)
    assert not strange, f"ends otherwise than {pair.transcript.name} of {pair.id} says:\n{render(strange)}"
