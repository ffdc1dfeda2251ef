"""The report for people: findings with code frames, then what the run adds up to and what to do next.

Knows wording and layout. Must never know whether there is a terminal: colour and width are told to it.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from poolaudit.report.lines import Sources, located
from poolaudit.report.summary import SEVERITIES, Readiness, Summary, active, summarize
from poolaudit.report.terminal import Paint, harmless, wrapped
from poolaudit.settings import FORKSERVER_SINCE

if TYPE_CHECKING:
    from poolaudit.report import FileReport, Problem, Report
    from poolaudit.tree import Verdict

WIDTH = 120
"""Cells of a line where no terminal says otherwise."""

HOOK = """\
# .pre-commit-config.yaml
repos:
  - repo: local
    hooks:
      - id: poolaudit
        name: poolaudit
        entry: poolaudit scan --force-exclude
        language: system
        types_or: [python, pyi, jupyter]
        require_serial: true"""
"""The pre-commit hook to paste into any project where poolaudit is installed."""

_VERDICTS: tuple[tuple[tuple[Verdict, ...], str], ...] = (
    (("keep-executor", "keep-pool"), "keep"),
    (("use-executor",), "better as executor"),
    (("use-pool",), "better as Pool"),
    (("either",), "either"),
    (("leave",), "left to their library"),
    (("undecided",), "undecided"),
)


def render(
    report: Report,
    *,
    color: bool = False,
    width: int = WIDTH,
    quiet: bool = False,
    verbose: bool = False,
    hints: bool = True,
) -> str:
    """The whole report. `quiet`: findings and problems only. `verbose`: also times, suppressed findings and the hook to paste.

    `hints`: the commands that help next.
    """
    paint = Paint(color)
    blocks = list(_findings(report, paint, width))
    totals = summarize(report)
    blocks.extend(_problem(problem, paint) for problem in totals.problems)
    if not quiet:
        blocks.append("\n".join(_summary(report, totals, paint, width, verbose)))
        if hints and (told := list(_hints(report, totals, verbose, paint, width))):
            blocks.append("\n".join(told))
    return "".join(f"{block}\n\n" for block in blocks)[:-1]


def statistics(report: Report, *, color: bool = False) -> str:
    """How often each rule reported, most frequent first."""
    paint = Paint(color)
    found = [each for file in report.files for each in active(file)]
    rows = Counter((each.code, each.name, each.severity) for each in found)
    fixable = Counter(each.code for each in found if each.fix is not None)
    if not rows:
        return ""
    from poolaudit.report.findings import COLOURS

    name_width = max(len(name) for _, name, _ in rows)
    lines = []
    for (code, name, severity), number in sorted(rows.items(), key=lambda row: (-row[1], row[0])):
        fixes = f"  {fixable[code]} fixable" if fixable[code] else ""
        lines.append(f"{number:>5}  {paint(code, 'bold')} {name:{name_width}}  {paint(severity, COLOURS[severity])}{fixes}\n")
    return "".join(lines)


def _findings(report: Report, paint: Paint, width: int) -> Iterator[str]:
    """The findings with their frames. A tree without pools has neither, and does not import what draws them."""
    if report.files:
        from poolaudit.report import findings

        yield from findings.blocks(report, paint, width)


def _problem(problem: Problem, paint: Paint) -> str:
    place = located(problem.path, problem.cell, problem.line, problem.column)
    where = f"{paint(harmless(place), 'bold')}: " if problem.path else ""
    return f"{where}{paint(problem.code, 'red', 'bold')} [{paint('error', 'red')}]  {harmless(problem.message)}"


def _summary(report: Report, totals: Summary, paint: Paint, width: int, verbose: bool) -> Iterator[str]:
    files = counted(report.files_scanned, "file")
    if report.changed:
        names = harmless(", ".join(report.changed))
        yield f"Fixed {counted(report.fixes_applied, 'finding')} in {counted(len(report.changed), 'file')}: {names}"
    if not totals.findings and not totals.problems:
        yield paint("All clean", "green", "bold") + ": " + _clean(totals, files)
        if totals.readiness["break"] or totals.readiness["change"] or _only_since(report):
            yield from _readiness(report, totals, width, verbose)
        yield from _hidden(totals)
        return
    if totals.pools:
        first = (
            f"; {totals.to_fix_first} {_verb(totals.to_fix_first, 'has', 'have')} errors to fix first"
            if totals.to_fix_first
            else ""
        )
        yield f"{files}, {totals.files_with_pools} with pools, {counted(totals.pools, 'pool')}: {verdicts_of(totals)}{first}"
    else:
        yield f"{files}, no process pools"
    if any(totals.readiness.values()):
        yield from _readiness(report, totals, width, verbose)
    if totals.findings:
        yield findings_of(totals)
    yield from _hidden(totals)
    if totals.problems:
        yield _unread(totals.problems)


def _hidden(totals: Summary) -> Iterator[str]:
    if totals.baselined:
        yield f"{counted(totals.baselined, 'finding')} hidden by the baseline"


def _clean(totals: Summary, files: str) -> str:
    if not totals.pools:
        return f"no process pools in {files}"
    return f"{counted(totals.pools, 'pool')} in {files} ({verdicts_of(totals)})"


def verdicts_of(totals: Summary) -> str:
    """How many pools should be what."""
    parts = [
        f"{number} {word}" for verdicts, word in _VERDICTS if (number := sum(totals.verdicts[verdict] for verdict in verdicts))
    ]
    return ", ".join(parts)


_STATES: dict[Readiness, str] = {"break": "break", "change": "may change", "unaffected": "unaffected"}


def _readiness(report: Report, totals: Summary, width: int, verbose: bool) -> Iterator[str]:
    """How ready the pools are, then a line for each reason; `verbose`: with its pools."""
    counts, spawn = totals.readiness, totals.spawn
    alike = "" if spawn is None else "; spawn: the same" if spawn == counts else f"; spawn: {states_of(spawn)}"
    yield f"{_verdict(report, totals)}: {states_of(counts)} (forkserver{alike})"
    for ground in totals.grounds:
        what = f"{ground.code} {ground.topic}" if ground.code else ground.topic
        only = " (spawn only)" if ground.only_spawn else ""
        yield f"  {_STATES[ground.state]:10}  {len(ground.pools):>3}  {what}{only}"
        for file, index, reason in ground.pools if verbose else ():
            yield from wrapped(f"{_pool(file, index)}: {harmless(reason.because)}", width, " " * 19, " " * 21)


def states_of(counts: dict[Readiness, int]) -> str:
    """How many pools Python 3.14 breaks."""
    return ", ".join(f"{counts[state]} {word}" for state, word in _STATES.items())


def _verdict(report: Report, totals: Summary) -> str:
    """The answer, where 3.14 is all that was asked about."""
    if totals.readiness["break"] and _only_since(report):
        return "Not ready for Python 3.14"
    ready = _only_since(report) and not totals.readiness["change"]
    return "Ready for Python 3.14" if ready else "Python 3.14"


def _only_since(report: Report) -> bool:
    """No supported Python is older."""
    return min(report.targets) >= FORKSERVER_SINCE


def _pool(file: FileReport, index: int) -> str:
    """Where a pool is made."""
    assert file.facts is not None, "a file with pools has facts"
    sources, span = Sources(file.facts, file.source), file.facts.sites[index].point.span
    return located(harmless(file.path), sources.cell(span), sources.place(span).line)


def findings_of(totals: Summary) -> str:
    """How many findings there are, how severe, and how many of them can be fixed."""
    parts = [
        counted(number, severity) if severity != "info" else f"{number} info"
        for severity, number in totals.severities.items()
        if number
    ]
    fixable = totals.safe + totals.unsafe
    if not fixable:
        tail = "none fixable"
    elif totals.safe:
        tail = f"{fixable} fixable, {totals.safe} of them safe" if totals.unsafe else f"{fixable} fixable, all safe"
    else:
        tail = f"{fixable} fixable with --unsafe-fixes"
    return f"{counted(totals.findings, 'finding')} ({', '.join(parts)}), {tail}"


def _unread(problems: tuple[Problem, ...]) -> str:
    unreadable = [problem for problem in problems if problem.code == "PA001"]
    if len(unreadable) == len(problems) == 1:
        return f"1 file could not be read: {located(unreadable[0].path, unreadable[0].cell, unreadable[0].line)}"
    if len(unreadable) == len(problems):
        return f"{len(problems)} files could not be read"
    return f"{counted(len(problems), 'problem')}: this report is not complete"


def _hints(report: Report, totals: Summary, verbose: bool, paint: Paint, width: int) -> Iterator[str]:
    """The commands that help next, and with `verbose` what else can be told of the run."""
    commands = list(_commands(report)) if report.files else []
    column = max((len(command) for command, _ in commands), default=0)
    for number, (command, why) in enumerate(commands):
        said = f"   {why}" if column + len(why) + 9 <= width else ""
        yield f"{'next:' if number == 0 else '     '} {paint(f'{command:{column}}' if said else command, 'green')}{said}"
    if verbose:
        yield f"{report.candidates} of {counted(report.files_scanned, 'file')} could hold a pool; {report.seconds:.2f} s"
        if totals.suppressed:
            yield f"{counted(totals.suppressed, 'finding')} suppressed"
        if totals.baselined:
            codes = Counter(each.code for file in report.files for each in file.findings if each.baselined)
            yield f"hidden by {harmless(report.baseline)}: " + ", ".join(f"{codes[code]} {code}" for code in sorted(codes))
        yield f"\n{HOOK}"


def _commands(report: Report) -> Iterator[tuple[str, str]]:
    """At most two: the decision of the pool with the worst finding, and the page of the worst finding's rule."""
    from poolaudit.report.findings import active_of

    found = sorted(active_of(report), key=lambda found: SEVERITIES.index(found[2].severity))
    for file, sources, each in found:
        if each.site is not None and file.facts is not None:
            span = file.facts.sites[each.site].point.span
            place = ":".join(str(number) for number in (sources.cell(span), sources.line(span)) if number is not None)
            yield f"poolaudit advise {shlex.quote(harmless(file.path))}:{place}", "which API this pool should use, and why"
            break
    if found:
        yield f"poolaudit explain {found[0][2].code}", "the rule, with programs that show the harm"


def counted(number: int, noun: str) -> str:
    """'1 file', '2 files'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _verb(number: int, one: str, many: str) -> str:
    return one if number == 1 else many
