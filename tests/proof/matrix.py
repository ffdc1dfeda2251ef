"""Runs the cells of one fixture and writes what was seen into its run.txt.

Knows how fixture, interpreter and start method make a cell, and how new outcomes meet recorded ones. Must never know pytest.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from .fixture import Fixture, Version
from .running import METHODS, Method, run
from .transcript import Cell, Outcomes, Transcript, either, parse, render

PROGRAMS = ("bad", "good")


def recorded(fixture: Fixture) -> dict[Cell, Outcomes]:
    """The cells of the fixture's run.txt, none when there is no such file."""
    return parse(fixture.transcript.read_text("utf-8")) if fixture.transcript.is_file() else {}


def observe(
    fixture: Fixture,
    version: Version,
    interpreter: Path,
    methods: Collection[Method] = METHODS,
    programs: Iterable[str] = PROGRAMS,
    known: Transcript | None = None,
    repeat: int = 1,
) -> dict[Cell, Outcomes]:
    """Runs the programs `repeat` times, a few at once. `known` outcomes tell an expected hang from a busy machine."""
    known = known or {}
    cells = [Cell(fixture.program(stem).as_posix(), version, method) for stem in programs for method in methods]

    def one(cell: Cell) -> Outcomes:
        outcomes: Outcomes = ()
        for _ in range(repeat):
            expected = (*known.get(cell, ()), *outcomes)
            outcomes = either(*outcomes, run(fixture.folder, Path(cell.program), interpreter, cell.method, expected))
        return outcomes

    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        return dict(zip(cells, threads.map(one, cells), strict=True))


def unexpected(seen: Transcript, known: Transcript) -> dict[Cell, Outcomes]:
    """The cells that ended in a way that run.txt does not have."""
    return {cell: outcomes for cell, outcomes in seen.items() if set(outcomes) - set(known.get(cell, ()))}


def record(fixture: Fixture, seen: Mapping[Cell, Outcomes]) -> None:
    """Writes the cells seen into run.txt and keeps the others.

    A cell with several recorded outcomes is a race: what is seen joins them. Cells of programs or Pythons that the fixture no
    longer has are dropped.
    """
    programs = {fixture.program(stem).as_posix() for stem in PROGRAMS}
    with _alone(fixture.folder):
        cells = recorded(fixture)
        for cell, outcomes in seen.items():
            old = cells.get(cell, ())
            cells[cell] = either(*old, *outcomes) if len(old) > 1 else outcomes
        kept = {
            cell: outcomes for cell, outcomes in cells.items() if cell.program in programs and cell.version in fixture.versions
        }
        new = fixture.transcript.with_name(f".{fixture.transcript.name}")
        new.write_text(render(kept), "utf-8")
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
