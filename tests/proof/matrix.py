"""The matrix of a fixture: which cells there are, which of them are enough, running them, and what is written into run.txt.

Knows how fixture, interpreter and start method make a cell, and how new outcomes meet recorded ones. Must never know pytest.
"""

from __future__ import annotations

import fcntl
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from poolaudit.settings import NEWEST
from poolaudit.transcript import Cell, Method, Outcomes, Transcript, parse

from .fixture import Fixture, Version
from .interpreters import Interpreters
from .lanes import Lanes
from .running import HANGS, run
from .transcript import either, place, render


def recorded(fixture: Fixture) -> dict[Cell, Outcomes]:
    """The cells of the fixture's run.txt, none when there is no such file."""
    return parse(fixture.transcript.read_text("utf-8")) if fixture.transcript.is_file() else {}


def cells(
    fixture: Fixture,
    versions: Iterable[Version] | None = None,
    methods: Iterable[Method] | None = None,
    stems: Iterable[str] | None = None,
) -> list[Cell]:
    """Every cell of a fixture, or those of some Pythons, start methods and programs ('bad', 'good')."""
    return [
        Cell(fixture.program(stem).as_posix(), version, method)
        for version in (fixture.versions if versions is None else versions)
        for stem in (fixture.stems if stems is None else stems)
        for method in (fixture.methods if methods is None else methods)
    ]


def sample(fixture: Fixture, known: Transcript) -> list[Cell]:
    """Of cells that run.txt has end alike so many that each Python and each start method occurs, the newest Python with all.

    Its default start method is the news.

    Which start method an older Python gets differs from fixture to fixture, so that all of them together have every pair.
    """
    alike: dict[object, list[Cell]] = defaultdict(list)
    for cell in cells(fixture):
        alike[(cell.program, known[cell]) if cell in known else cell].append(cell)
    return sorted((cell for group in alike.values() for cell in _few(group, fixture.turn)), key=place)


def _few(group: list[Cell], turn: int) -> set[Cell]:
    by_version: dict[Version, list[Cell]] = defaultdict(list)
    for cell in group:
        by_version[cell.version].append(cell)
    chosen = set(by_version.pop(NEWEST, []))
    for number, choices in enumerate(by_version.values()):
        chosen.add(choices[(turn + number) % len(choices)])
    for cell in group:
        if cell.method not in {other.method for other in chosen}:
            chosen.add(cell)
    return chosen


class Proofs:
    """Runs cells in the background, each once; whoever needs one waits for it."""

    def __init__(self, interpreters: Interpreters, lanes: Lanes, repeat: int = 1) -> None:
        """`repeat`: how often each cell is run. All its ends are kept."""
        self.interpreters = interpreters
        self._lanes = lanes
        self._repeat = repeat
        self._started: dict[tuple[Fixture, Cell], Future[Outcomes]] = {}
        self._known: dict[Fixture, Transcript] = {}

    def known(self, fixture: Fixture) -> Transcript:
        """What was recorded when the fixture was first asked for."""
        if fixture not in self._known:
            self._known[fixture] = recorded(fixture)
        return self._known[fixture]

    def start(self, fixture: Fixture, wanted: Iterable[Cell]) -> None:
        """Puts cells in line, unless they are already. Cells of Pythons that are not here are left out."""
        for cell in wanted:
            if cell.version in self.interpreters and (fixture, cell) not in self._started:
                # a hang that is expected is waited for once; another one may be a busy machine's
                hangs = {outcome.status for outcome in self.known(fixture).get(cell, ())} == {HANGS}
                work = partial(self._ends, fixture, cell, self._repeat)
                self._started[fixture, cell] = self._lanes.submit(work, hangs=hangs)

    def seen(self, fixture: Fixture, wanted: Iterable[Cell]) -> dict[Cell, Outcomes]:
        """How cells ended."""
        here = [cell for cell in wanted if cell.version in self.interpreters]
        self.start(fixture, here)
        return {cell: self._started[fixture, cell].result() for cell in here}

    def once_more(self, fixture: Fixture, wanted: Iterable[Cell]) -> dict[Cell, Outcomes]:
        """How cells end when nothing else is tried a second time beside them."""
        return {cell: self._lanes.alone(partial(self._ends, fixture, cell, 1)) for cell in wanted}

    def _ends(self, fixture: Fixture, cell: Cell, times: int) -> Outcomes:
        outcomes: Outcomes = ()
        for _ in range(times):
            expected = (*self.known(fixture).get(cell, ()), *outcomes)
            interpreter = self.interpreters[cell.version]
            outcomes = either(*outcomes, run(fixture.folder, Path(cell.program), interpreter, cell.method, expected))
        return outcomes


def unexpected(seen: Transcript, known: Transcript) -> dict[Cell, Outcomes]:
    """The cells that ended in a way that run.txt does not have."""
    return {cell: outcomes for cell, outcomes in seen.items() if set(outcomes) - set(known.get(cell, ()))}


def record(fixture: Fixture, seen: Mapping[Cell, Outcomes]) -> None:
    """Writes the cells seen into run.txt and keeps the others.

    A cell with several recorded outcomes is a race: what is seen joins them. Cells of programs or Pythons that the fixture no
    longer has are dropped.
    """
    mine = set(cells(fixture))
    with _alone(fixture.folder):
        found = recorded(fixture)
        for cell, outcomes in seen.items():
            old = found.get(cell, ())
            found[cell] = either(*old, *outcomes) if len(old) > 1 else outcomes
        new = fixture.transcript.with_name(f".{fixture.transcript.name}")
        new.write_text(render({cell: outcomes for cell, outcomes in found.items() if cell in mine}), "utf-8")
        new.replace(fixture.transcript)  # whoever reads meanwhile sees the old one or the new one


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Several test processes may update one run.txt: one at a time."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
