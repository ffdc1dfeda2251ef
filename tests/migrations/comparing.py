"""Runs both programs of a pair in every cell and says where they differ; keeps what they did where that is the point.

Knows pairs, interpreters and start methods. Must never know pytest, nor how a plan is made.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proof.fixture import Version
from proof.running import HANGS, METHODS, Method
from proof.transcript import Cell, Outcomes, Transcript, either, parse, render

from .observing import observe, seen
from .pair import Pair

TRIES = 3
"""How often two programs may be run in a cell until they end alike: a busy machine is no difference."""


def run_pair(
    pair: Pair,
    version: Version,
    interpreter: Path,
    methods: Collection[Method] = METHODS,
    programs: Iterable[Path] = (),
    repeat: int = 1,
) -> dict[Cell, Outcomes]:
    """What the programs (both, unless told) did under each start method, a few at once. Several outcomes are those of `repeat`."""
    chosen = tuple(programs) or (pair.before, pair.other)
    known = recorded(pair)

    def one(cell: Cell) -> Outcomes:
        hang_expected = HANGS in {outcome.status for outcome in known.get(cell, ())}
        run = (pair.folder / cell.program, pair.companions, interpreter, cell.method, hang_expected)
        return either(*(observe(*run) for _ in range(repeat)))

    cells = [Cell(program.name, version, method) for program in chosen for method in methods]
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        return dict(zip(cells, threads.map(one, cells), strict=True))


def differences(pair: Pair, version: Version, interpreter: Path, methods: Collection[Method] = METHODS) -> dict[Cell, Outcomes]:
    """The cells, of both programs, that end differently each time they are run."""
    left: Collection[Method] = methods
    found: dict[Cell, Outcomes] = {}
    for _ in range(TRIES):
        found = run_pair(pair, version, interpreter, left)
        left = [method for method in left if _differ(found, pair, version, method)]
        if not left:
            return {}
    return {cell: outcomes for cell, outcomes in found.items() if cell.method in left}


def _differ(found: Transcript, pair: Pair, version: Version, method: Method) -> bool:
    before, other = (found[Cell(program.name, version, method)] for program in (pair.before, pair.other))
    return _seen(before) != _seen(other)


def _seen(outcomes: Outcomes) -> Outcomes:
    return either(*map(seen, outcomes))


def recorded(pair: Pair) -> dict[Cell, Outcomes]:
    """The cells of naive.txt or after.txt, none when there is no such file."""
    return parse(pair.transcript.read_text("utf-8")) if pair.transcript.is_file() else {}


def record(pair: Pair, found: Transcript) -> None:
    """Writes what was found beside what is known of other cells. A cell with several outcomes is a race: they are gathered."""
    cells = recorded(pair)
    for cell, outcomes in found.items():
        old = cells.get(cell, ())
        cells[cell] = either(*old, *outcomes) if len(old) > 1 else outcomes
    programs = {pair.before.name, pair.other.name}
    kept = {cell: each for cell, each in cells.items() if cell.program in programs and cell.version in pair.versions}
    pair.transcript.write_text(render(kept), "utf-8")


def unexpected(found: Transcript, known: Transcript) -> dict[Cell, Outcomes]:
    """The cells that ended in a way that the golden does not have."""
    return {cell: outcomes for cell, outcomes in found.items() if set(_seen(outcomes)) - set(_seen(known.get(cell, ())))}


def apart(pair: Pair, known: Transcript) -> tuple[Cell, ...]:
    """The cells of before.py in which the other program never ends in one of its ways."""
    return tuple(
        cell
        for cell, outcomes in known.items()
        if cell.program == pair.before.name
        and not set(_seen(outcomes)) & set(_seen(known.get(Cell(pair.other.name, cell.version, cell.method), outcomes)))
    )
