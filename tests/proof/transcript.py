"""run.txt: what the programs of a fixture did, for people to read and for tests to compare.

Knows the text form of outcomes and how cells with the same outcome are gathered. Must never know how programs are run.

    bad.py  3.9 3.10 x fork spawn, 3.14 x fork: exit 1
      out | last lines of stdout
      err | the last exception line of stderr
    good.py  3.14 x forkserver: one of
      - exit 0
      - hangs (killed after 3 s)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from .fixture import Version
from .running import METHODS, Method, Outcome


@dataclass(frozen=True, order=True)
class Cell:
    """One program on one Python with one start method. `program`: 'bad.py', 'good.py', 'bad/main.py'."""

    program: str
    version: Version
    method: Method


Outcomes = tuple[Outcome, ...]
"""One outcome; several where the harm is a race, in the order of their text."""

Transcript = Mapping[Cell, Outcomes]


def render(transcript: Transcript) -> str:
    """The text of run.txt. Blocks stand in the order of their first cell, the bad program first."""
    blocks: dict[tuple[str, Outcomes], list[Cell]] = {}
    for cell in sorted(transcript, key=_place):
        blocks.setdefault((cell.program, transcript[cell]), []).append(cell)
    return "\n".join(f"{program}  {_where(cells)}: {_outcomes(outcomes)}" for (program, outcomes), cells in blocks.items())


def _place(cell: Cell) -> tuple[object, ...]:
    return cell.program, cell.version, METHODS.index(cell.method)


def _where(cells: Iterable[Cell]) -> str:
    """'3.9 3.10 x fork spawn, 3.14 x fork'."""
    methods: dict[Version, list[str]] = {}
    for cell in cells:
        methods.setdefault(cell.version, []).append(cell.method)
    versions: dict[tuple[str, ...], list[str]] = {}
    for version, names in methods.items():
        versions.setdefault(tuple(names), []).append(f"{version[0]}.{version[1]}")
    return ", ".join(f"{' '.join(numbers)} x {' '.join(names)}" for names, numbers in versions.items())


def _outcomes(outcomes: Outcomes) -> str:
    if len(outcomes) == 1:
        return _outcome(outcomes[0], "  ")
    return "one of\n" + "".join(f"  - {_outcome(outcome, '    ')}" for outcome in outcomes)


def _outcome(outcome: Outcome, indent: str) -> str:
    lines = [outcome.status]
    lines += [f"{indent}out | {line}".rstrip() for line in outcome.out]
    if outcome.err:
        lines.append(f"{indent}err | {outcome.err}")
    return "\n".join(lines) + "\n"


_HEADING = re.compile(r"(?P<program>\S+)  (?P<where>[\d. a-z,]+): (?P<status>.+)")
_DETAIL = re.compile(r" +(out|err) \|(?: (.*))?")


def parse(text: str) -> dict[Cell, Outcomes]:
    """The cells of a run.txt. Raises ValueError with the number of a line that it cannot read."""
    transcript: dict[Cell, Outcomes] = {}
    cells: list[Cell] = []
    for number, line in enumerate(text.splitlines(), 1):
        detail = _DETAIL.fullmatch(line)
        if not line.strip():
            continue
        if line.startswith("  - ") and cells:
            _extend(transcript, cells, Outcome(line[4:]))
        elif detail and cells and transcript.get(cells[0]):
            last = transcript[cells[0]][-1]
            text_ = detail[2] or ""
            changed = (
                Outcome(last.status, (*last.out, text_), last.err)
                if detail[1] == "out"
                else Outcome(last.status, last.out, text_)
            )
            for cell in cells:
                transcript[cell] = (*transcript[cell][:-1], changed)
        elif heading := _HEADING.fullmatch(line):
            cells = _cells(heading["program"], heading["where"])
            if heading["status"] != "one of":
                _extend(transcript, cells, Outcome(heading["status"]))
        else:
            raise ValueError(f"line {number} of a transcript cannot be read: {line!r}")
    return transcript


def _cells(program: str, where: str) -> list[Cell]:
    cells = []
    for part in where.split(", "):
        versions, _, methods = part.partition(" x ")
        for version in versions.split():
            major, minor = version.split(".")
            cells += [Cell(program, (int(major), int(minor)), cast(Method, method)) for method in methods.split()]
    return cells


def _extend(transcript: dict[Cell, Outcomes], cells: Iterable[Cell], outcome: Outcome) -> None:
    for cell in cells:
        transcript[cell] = (*transcript.get(cell, ()), outcome)


def either(*outcomes: Outcome) -> Outcomes:
    """The set of what was seen, in one order."""
    return tuple(sorted(set(outcomes), key=lambda outcome: (outcome.status, outcome.out, outcome.err)))


def differs(transcript: Transcript) -> bool:
    """In some cell the bad program can end in a way that the good one does not."""
    for cell, outcomes in transcript.items():
        if cell.program.startswith("bad"):
            good = transcript.get(Cell("good" + cell.program[len("bad") :], cell.version, cell.method))
            if good is not None and set(outcomes) - set(good):
                return True
    return False
