"""What programs do where: Pythons by start methods, each end in a word or two.

Knows how the end of a bad program compares with that of the good one, and which rows and columns say the same.
Must never know how programs are run or how a table is laid out.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator
from itertools import groupby
from typing import Literal

from msgspec import Struct

from poolaudit.settings import FORKSERVER_SINCE, Version
from poolaudit.transcript import METHODS, Cell, Method, Outcome, Outcomes, Transcript

Kind = Literal["fine", "hangs", "raises", "killed", "exits", "wrong", "prints", "not run"]


class End(Struct, frozen=True):
    """How a program ends in one cell, a bad one compared with what the good one does there.

    fine: like the good program. raises: exceptions, `detail` names them. killed: by a signal. exits: with a status, silently.
    wrong: as if all were well, but something else is printed; `detail` is the first such line. prints: nothing to compare with.
    """

    kind: Kind
    detail: str = ""

    def __str__(self) -> str:
        """In words, names and lines in backticks."""
        if self.kind == "raises":
            return ", ".join(f"`{name}`" for name in self.detail.split())
        if self.kind == "killed":
            return f"killed by {self.detail}"
        if self.kind == "exits":
            return f"exit {self.detail}"
        line = f"`{self.detail}`" if self.detail else "prints nothing"
        return {"wrong": f"no error, but {line}", "prints": line}.get(self.kind, self.kind)


class Row(Struct, frozen=True):
    """Pythons on which a program ends alike under every start method."""

    program: str
    """'bad.py', 'good/main.py'."""
    versions: tuple[Version, ...]
    ends: tuple[tuple[End, ...], ...]
    """One per column of the matrix; several ends where they are a matter of luck."""


class Matrix(Struct, frozen=True):
    columns: tuple[tuple[Method, ...], ...]
    """Start methods under which every row ends alike stand together."""
    rows: tuple[Row, ...]


def matrix(transcript: Transcript) -> Matrix:
    """The table of a transcript, rows and columns that say the same merged; the bad program first."""
    ends = {cell: _ends(cell, transcript) for cell in transcript}
    lines = dict.fromkeys((cell.program, cell.version) for cell in sorted(transcript))
    full = {line: tuple(ends.get(Cell(*line, method), (End("not run"),)) for method in METHODS) for line in lines}
    columns = _alike(zip(*full.values(), strict=True))
    rows: dict[tuple[str, tuple[tuple[End, ...], ...]], list[Version]] = {}
    for (program, version), cells in full.items():
        rows.setdefault((program, tuple(cells[column[0]] for column in columns)), []).append(version)
    return Matrix(
        tuple(tuple(METHODS[index] for index in column) for column in columns),
        tuple(Row(program, tuple(versions), cells) for (program, cells), versions in rows.items()),
    )


def _alike(columns: Iterable[Hashable]) -> tuple[tuple[int, ...], ...]:
    """Indexes of equal columns together, in the order of the first of them."""
    groups: dict[Hashable, list[int]] = {}
    for index, column in enumerate(columns):
        groups.setdefault(column, []).append(index)
    return tuple(map(tuple, groups.values()))


def changes(transcript: Transcript) -> tuple[tuple[tuple[Version, ...], ...], dict[str, tuple[End, ...]]]:
    """Of programs that stand alone: Pythons in a row on which all of them end alike, and for each program its ends there."""
    versions = sorted({cell.version for cell in transcript})
    ends = {(cell.program, cell.version): _alone(outcomes) for cell, outcomes in transcript.items()}
    programs = sorted({cell.program for cell in transcript})
    columns = {version: tuple(ends[program, version] for program in programs) for version in versions}
    groups = [tuple(group) for _, group in groupby(versions, key=lambda version: columns[version])]
    return tuple(groups), {program: tuple(ends[program, group[0]] for group in groups) for program in programs}


def _alone(outcomes: Outcomes) -> End:
    """The end of a program that is compared with no other; the last of them where they are a matter of luck."""
    end = _end(outcomes[-1], ())
    return End("prints", " ".join(outcomes[-1].out)) if end.kind in ("wrong", "fine") else end


def under_default(transcript: Transcript, version: Version) -> tuple[End, ...]:
    """How the bad program ends on Linux with the default start method of a Python; empty where it was not run."""
    method: Method = "forkserver" if version >= FORKSERVER_SINCE else "fork"
    found = (cell for cell in transcript if cell.program.startswith("bad") and (cell.version, cell.method) == (version, method))
    cell = next(found, None)
    return _ends(cell, transcript) if cell is not None else ()


def _ends(cell: Cell, transcript: Transcript) -> tuple[End, ...]:
    wanted = transcript.get(Cell(cell.program.replace("bad", "good", 1), cell.version, cell.method), ())
    return tuple(dict.fromkeys(_end(outcome, wanted) for outcome in transcript[cell]))


_EXCEPTION = re.compile(r"(?:[A-Za-z_][\w.]*\.)?([A-Z]\w*)(?::|$)")
_TOLD = re.compile(r"\b([A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning)|Broken\w*Pool)\b")


def _end(outcome: Outcome, wanted: Outcomes) -> End:
    if outcome.status.startswith("hangs"):
        return End("hangs")
    if outcome.status.startswith("killed by "):
        return End("killed", outcome.status.removeprefix("killed by "))
    status = outcome.status.removeprefix("exit ")
    raised = _EXCEPTION.match(outcome.err)
    if outcome in wanted:
        return End("fine") if status == "0" else End("exits", status)
    if status != "0":
        return End("raises", raised[1]) if raised else End("exits", status)
    expected = {line for other in wanted for line in other.out}
    strange = [line.strip() for line in outcome.out if line not in expected]
    if told := dict.fromkeys(_told(strange)):
        return End("raises", " ".join(told))
    if any(outcome.out == other.out for other in wanted):
        return End("raises", raised[1]) if raised else End("fine")
    return End("wrong", strange[0] if strange else next(iter(outcome.out), ""))


def _told(lines: Iterable[str]) -> Iterator[str]:
    """Exceptions that the program itself prints."""
    return (match[1] for line in lines for match in _TOLD.finditer(line))


def span(versions: Iterable[Version]) -> str:
    """'3.9 to 3.13', '3.14', '3.9, 3.11': runs of three and more as from and to."""
    parts: list[str] = []
    numbered = enumerate(sorted(versions))
    for _, run in groupby(numbered, key=lambda pair: pair[1][1] - pair[0]):
        numbers = [f"{major}.{minor}" for _, (major, minor) in run]
        parts += [f"{numbers[0]} to {numbers[-1]}"] if len(numbers) > 2 else numbers
    return ", ".join(parts)
