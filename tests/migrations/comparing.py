"""Runs both programs of a pair and says where they differ; keeps what they did where that is the point.

Knows pairs, interpreters and start methods, and which cells are enough. Must never know pytest, nor how a plan is made.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from poolaudit.settings import Version
from poolaudit.transcript import METHODS, Cell, Method, Outcomes, Transcript, parse
from proof.interpreters import Interpreters
from proof.lanes import Lanes
from proof.running import HANGS
from proof.transcript import either, render

from .observing import observe, seen
from .pair import Pair


def cells(
    pair: Pair,
    versions: Iterable[Version] | None = None,
    methods: Iterable[Method] = METHODS,
    programs: Iterable[Path] | None = None,
) -> list[Cell]:
    """The cells of a pair: every one, or those of some Pythons, start methods and programs."""
    chosen = (pair.before, pair.other) if programs is None else tuple(programs)
    return [
        Cell(program.name, version, method)
        for version in (pair.versions if versions is None else versions)
        for method in methods
        for program in chosen
    ]


def sample(pair: Pair, interpreters: Interpreters) -> list[Cell]:
    """One Python and one start method, another one from pair to pair, so that all pairs together have every one.

    Of a pair that is recorded one where its programs end differently.
    """
    found = [cell for cell in cells(pair, programs=[pair.before]) if cell.version in interpreters]
    telling = set(apart(pair, recorded(pair)))
    choices = [cell for cell in found if cell in telling] or found
    if not choices:
        return []
    chosen = choices[zlib.crc32(pair.id.encode()) % len(choices)]
    return cells(pair, [chosen.version], [chosen.method])


class Runs:
    """Runs cells in the background, each once; whoever needs one waits for it."""

    def __init__(self, interpreters: Interpreters, lanes: Lanes, repeat: int = 1) -> None:
        """`repeat`: how often each cell is run. All its ends are kept."""
        self.interpreters = interpreters
        self._lanes = lanes
        self._repeat = repeat
        self._started: dict[tuple[Pair, Cell], Future[Outcomes]] = {}

    def start(self, pair: Pair, wanted: Iterable[Cell]) -> None:
        """Puts cells in line, unless they are already. Cells of Pythons that are not here are left out."""
        known = recorded(pair)
        for cell in wanted:
            if cell.version in self.interpreters and (pair, cell) not in self._started:
                hangs = {outcome.status for outcome in known.get(cell, ())} == {HANGS}
                work = partial(self._ends, pair, cell, known.get(cell, ()))
                self._started[pair, cell] = self._lanes.submit(work, hangs=hangs)

    def seen(self, pair: Pair, wanted: Iterable[Cell]) -> dict[Cell, Outcomes]:
        """How cells ended."""
        here = [cell for cell in wanted if cell.version in self.interpreters]
        self.start(pair, here)
        return {cell: self._started[pair, cell].result() for cell in here}

    def once_more(self, pair: Pair, wanted: Iterable[Cell]) -> dict[Cell, Outcomes]:
        """How cells end when nothing else is tried a second time beside them: a busy machine is no difference."""
        known = recorded(pair)
        return {cell: self._lanes.alone(partial(self._ends, pair, cell, known.get(cell, ()))) for cell in wanted}

    def _ends(self, pair: Pair, cell: Cell, known: Outcomes) -> Outcomes:
        program, interpreter = pair.folder / cell.program, self.interpreters[cell.version]
        hang_expected = HANGS in {outcome.status for outcome in known}
        return either(*(observe(program, pair.companions, interpreter, cell.method, hang_expected) for _ in range(self._repeat)))


def different(pair: Pair, found: Transcript) -> list[Cell]:
    """The cells, of both programs, in which the programs do not end alike."""
    return [
        each
        for cell, outcomes in found.items()
        if cell.program == pair.before.name and _seen(outcomes) != _seen(found[_other(pair, cell)])
        for each in (cell, _other(pair, cell))
    ]


def apart(pair: Pair, known: Transcript) -> list[Cell]:
    """The cells of before.py in which the other program never ends in one of its ways."""
    return [
        cell
        for cell, outcomes in known.items()
        if cell.program == pair.before.name and not set(_seen(outcomes)) & set(_seen(known.get(_other(pair, cell), outcomes)))
    ]


def unexpected(found: Transcript, known: Transcript) -> dict[Cell, Outcomes]:
    """The cells that ended in a way that the golden does not have."""
    return {cell: outcomes for cell, outcomes in found.items() if set(_seen(outcomes)) - set(_seen(known.get(cell, ())))}


def _other(pair: Pair, cell: Cell) -> Cell:
    return Cell(pair.other.name, cell.version, cell.method)


def _seen(outcomes: Outcomes) -> Outcomes:
    return either(*map(seen, outcomes))


def recorded(pair: Pair) -> dict[Cell, Outcomes]:
    """The cells of naive.txt or after.txt, none when there is no such file."""
    return parse(pair.transcript.read_text("utf-8")) if pair.transcript.is_file() else {}


def record(pair: Pair, found: Transcript) -> None:
    """Writes what was found beside what is known of other cells. A cell with several outcomes is a race: they are gathered."""
    known = recorded(pair)
    for cell, outcomes in found.items():
        old = known.get(cell, ())
        known[cell] = either(*old, *outcomes) if len(old) > 1 else outcomes
    mine = set(cells(pair))
    pair.transcript.write_text(render({cell: outcomes for cell, outcomes in known.items() if cell in mine}), "utf-8")
