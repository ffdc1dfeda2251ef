"""Every pair run on every Python and start method: `pytest -m migrations` (`-k map-basic`, `-n 2`).

Knows what must hold: before.py and after.py are told apart by nothing that is seen from outside, save where expect.toml says so;
and what is recorded of the others is what happens. Must never know how programs are run, nor what a plan says.
"""

from __future__ import annotations

import pytest

from migrations.comparing import differences, record, recorded, run_pair, unexpected
from migrations.pair import VERSIONS, Pair, pairs
from proof.fixture import Version
from proof.interpreters import Interpreters
from proof.transcript import render

ALL = pairs()

pytestmark = [
    pytest.mark.migrations,
    pytest.mark.parametrize("version", VERSIONS, ids=lambda version: f"{version[0]}.{version[1]}"),
]


@pytest.mark.parametrize("pair", [pair for pair in ALL if not pair.recorded], ids=lambda pair: pair.id)
def test_programs_are_alike(pair: Pair, version: Version, interpreters: Interpreters) -> None:
    """before.py and after.py: stdout, exit status and the files left are the same under fork, spawn and forkserver."""
    _skip_unless(pair, version, interpreters)
    found = differences(pair, version, interpreters[version])
    assert not found, f"the programs of {pair.id} differ:\n{render(found)}"


@pytest.mark.parametrize("pair", [pair for pair in ALL if pair.recorded], ids=lambda pair: pair.id)
def test_programs_end_as_recorded(pair: Pair, version: Version, interpreters: Interpreters, updating: bool) -> None:
    """What a refusal spares the user, or a caveat or an improvement brings: naive.txt and after.txt."""
    _skip_unless(pair, version, interpreters)
    found = run_pair(pair, version, interpreters[version])
    if updating:
        record(pair, found)
        return
    strange = unexpected(found, recorded(pair))
    assert not strange, f"ends otherwise than {pair.transcript.name} of {pair.id} says:\n{render(strange)}"


def _skip_unless(pair: Pair, version: Version, interpreters: Interpreters) -> None:
    number = f"{version[0]}.{version[1]}"
    if version not in pair.versions:
        pytest.skip(f"{pair.id} is not for Python {number}")
    if version not in interpreters:
        pytest.skip(f"no Python {number} was found: name one by --interpreter or POOLAUDIT_INTERPRETERS")
