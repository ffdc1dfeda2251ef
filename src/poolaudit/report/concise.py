"""One line per finding: `path:line:col: CODE name [severity] message`.

Knows the line that editors and grep expect. Must never know a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from poolaudit.report.lines import Sources
from poolaudit.report.lines import located as place_of
from poolaudit.report.summary import active
from poolaudit.report.terminal import harmless

if TYPE_CHECKING:
    from poolaudit.report import FileReport, Problem, Report


def render(report: Report) -> str:
    """The lines of every finding and problem; empty when there is none."""
    lines = [line for file in report.files for line in _file(file)]
    lines.extend(located(problem) for problem in report.problems)
    return "".join(f"{line}\n" for line in lines)


def located(problem: Problem) -> str:
    """A problem with its place, as far as it is known."""
    place = place_of(problem.path, problem.cell, problem.line, problem.column)
    return harmless(
        f"{place}: {problem.code} [error] {problem.message}" if problem.path else f"{problem.code} [error] {problem.message}"
    )


def _file(file: FileReport) -> Iterator[str]:
    yield from map(located, file.problems)
    if file.facts is None:
        return
    sources = Sources(file.facts, file.source)
    for each in active(file):
        where = each.finding.where
        place = place_of(file.path, sources.cell(where), *sources.place(where))
        yield harmless(f"{place}: {each.code} {each.name} [{each.severity}] {each.finding.message}")
