"""Writes run.txt, for people to read and for tests to compare; poolaudit.transcript reads it.

Knows how cells with the same outcome are gathered, and when two programs differ. Must never know how programs are run.
"""

from __future__ import annotations

from collections.abc import Iterable

from poolaudit.transcript import METHODS, Cell, Outcome, Outcomes, Transcript, parse

__all__ = ["Cell", "Outcome", "Outcomes", "Transcript", "differs", "either", "parse", "render"]

_ORDER = ("default", *METHODS)


def render(transcript: Transcript) -> str:
    """The text of run.txt. Blocks stand in the order of their first cell, the bad program first."""
    blocks: dict[tuple[str, Outcomes], list[Cell]] = {}
    for cell in sorted(transcript, key=place):
        blocks.setdefault((cell.program, transcript[cell]), []).append(cell)
    return "\n".join(f"{program}  {_where(cells)}: {_outcomes(outcomes)}" for (program, outcomes), cells in blocks.items())


def place(cell: Cell) -> tuple[object, ...]:
    """The order of cells: by program, by Python, by start method."""
    return cell.program, cell.version, _ORDER.index(cell.method)


def _where(cells: Iterable[Cell]) -> str:
    """'3.9 3.10 x fork spawn, 3.14 x fork'."""
    methods: dict[tuple[int, int], list[str]] = {}
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
