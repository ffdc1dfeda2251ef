"""Findings as people read them: the line that names one, its frame, its notes and what its fix would do.

Knows wording and layout of one finding. Must never know what the run adds up to, or whether there is a terminal.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from poolaudit.report.frame import Mark, frame
from poolaudit.report.lines import Sources, located
from poolaudit.report.summary import active
from poolaudit.report.terminal import Paint, harmless, wrapped

if TYPE_CHECKING:
    from poolaudit.report import FileReport, Report, Reported
    from poolaudit.rule import Severity

COLOURS: dict[Severity, str] = {"error": "red", "warning": "yellow", "info": "cyan"}


def blocks(report: Report, paint: Paint, width: int) -> Iterator[str]:
    """Every finding that nothing suppresses, in the order of the report."""
    told: set[str] = set()
    return ("\n".join(_finding(each, file, sources, paint, width, told)) for file, sources, each in active_of(report))


def active_of(report: Report) -> Iterator[tuple[FileReport, Sources, Reported]]:
    """The findings of a run that nothing suppresses, each with its file and the lines of that."""
    for file in report.files:
        if file.facts is not None:
            sources = Sources(file.facts, file.source)
            yield from ((file, sources, each) for each in active(file))


def _finding(each: Reported, file: FileReport, sources: Sources, paint: Paint, width: int, told: set[str]) -> Iterator[str]:
    """One finding with its frame. `told` holds the commands that stand above already."""
    finding = each.finding
    style = COLOURS[each.severity]
    lines = sources.own
    place = located(file.path, sources.cell(finding.where), *sources.place(finding.where))
    likely = ", likely" if each.confidence == "likely" else ""
    yield (
        f"{paint(harmless(file.path), 'bold')}{place[len(file.path) :]}: {paint(each.code, style, 'bold')} "
        f"{paint(each.name, 'bold')} [{paint(each.severity, style)}{likely}]  {harmless(finding.message)}"
    )
    here = [related for related in finding.related if not related.where.path]
    marks = [Mark(finding.where, finding.label, primary=True), *(Mark(related.where, related.message) for related in here)]
    yield from frame(lines, marks, width=width, paint=paint, style=style)
    gutter = " " * len(str(max(lines.place(mark.span.start).line for mark in marks)))
    for related in finding.related:
        if related not in here:
            other = sources.of(related.where)
            yield f"{gutter}--> {harmless(related.where.path)}:{other.place(related.where.start).line}"
            yield from frame(other, [Mark(related.where, related.message)], width=width, paint=paint, style=style)
    for note in finding.notes:
        yield from _note(note, gutter, paint, width)
    yield from _fix(each, file.path, gutter, paint, width, told)


def _note(text: str, gutter: str, paint: Paint, width: int) -> Iterator[str]:
    first = f"{gutter} = "
    for number, line in enumerate(wrapped(harmless(text), width, first, " " * len(first))):
        yield paint(first, "blue") + line[len(first) :] if number == 0 else line


def _fix(each: Reported, path: str, gutter: str, paint: Paint, width: int, told: set[str]) -> Iterator[str]:
    fix = each.fix
    if fix is None:
        return
    caveats = "; ".join(caveat.message for caveat in fix.caveats)
    terms = f"{fix.applicability}: {caveats}" if caveats else fix.applicability
    yield from _note(f"fix: {fix.title} ({terms})", gutter, paint, width)
    unsafe = " --unsafe-fixes" if fix.applicability == "unsafe" else ""
    command = f"poolaudit scan --diff{unsafe} {shlex.quote(harmless(path))}"
    if command not in told:
        told.add(command)
        yield f"{gutter}        {paint(command, 'green')}"
