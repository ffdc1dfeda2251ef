"""run.txt: what the programs of a rule did, on each Python and with each start method.

Knows the text form of such a record and what a cell and an outcome are. Must never know how programs are run, nor what an outcome
means.

    bad.py  3.9 3.10 x fork spawn, 3.14 x fork: exit 1
      out | the last lines of stdout
      err | the last exception line of stderr
    good.py  3.14 x forkserver: one of
      - exit 0
      - hangs (killed after 3 s)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, cast

from msgspec import Struct

from poolaudit.settings import Version

Method = Literal["fork", "spawn", "forkserver", "default"]
"""A start method that was made the default, or 'default': the one that the Python has by itself."""

METHODS: tuple[Method, ...] = ("fork", "spawn", "forkserver")


class Outcome(Struct, frozen=True):
    """How a program ended: its status, the last lines of stdout, the last exception line of stderr ('' when it was silent)."""

    status: str
    """'exit 0', 'exit 1', 'killed by SIGTERM', 'hangs (killed after 3 s)'."""
    out: tuple[str, ...] = ()
    err: str = ""


class Cell(Struct, frozen=True, order=True):
    """One program on one Python with one start method. `program`: 'bad.py', 'good.py', 'bad/main.py'."""

    program: str
    version: Version
    method: Method


Outcomes = tuple[Outcome, ...]
"""One outcome; several where the harm is a race, in the order of their text."""

Transcript = Mapping[Cell, Outcomes]

_HEADING = re.compile(r"(?P<program>\S+)  (?P<where>[\d. a-z,]+): (?P<status>.+)")
_DETAIL = re.compile(r" +(out|err) \|(?: (.*))?")


def parse(text: str) -> dict[Cell, Outcomes]:
    """The cells of a run.txt. Raises ValueError with the number of a line that it cannot read."""
    transcript: dict[Cell, Outcomes] = {}
    cells: list[Cell] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if line.startswith("  - ") and cells:
            _add(transcript, cells, Outcome(line[4:]))
        elif (detail := _DETAIL.fullmatch(line)) and cells and transcript.get(cells[0]):
            _replace_last(transcript, cells, _detailed(transcript[cells[0]][-1], detail[1], detail[2] or ""))
        elif heading := _HEADING.fullmatch(line):
            cells = list(_cells(heading["program"], heading["where"]))
            if heading["status"] != "one of":
                _add(transcript, cells, Outcome(heading["status"]))
        else:
            raise ValueError(f"line {number} of a transcript cannot be read: {line!r}")
    return transcript


def _cells(program: str, where: str) -> Iterable[Cell]:
    for part in where.split(", "):
        versions, _, methods = part.partition(" x ")
        for version in versions.split():
            major, minor = version.split(".")
            yield from (Cell(program, (int(major), int(minor)), cast("Method", method)) for method in methods.split())


def _add(transcript: dict[Cell, Outcomes], cells: Iterable[Cell], outcome: Outcome) -> None:
    for cell in cells:
        transcript[cell] = (*transcript.get(cell, ()), outcome)


def _replace_last(transcript: dict[Cell, Outcomes], cells: Iterable[Cell], outcome: Outcome) -> None:
    for cell in cells:
        transcript[cell] = (*transcript[cell][:-1], outcome)


def _detailed(outcome: Outcome, stream: str, line: str) -> Outcome:
    if stream == "out":
        return Outcome(outcome.status, (*outcome.out, line), outcome.err)
    return Outcome(outcome.status, outcome.out, line)
