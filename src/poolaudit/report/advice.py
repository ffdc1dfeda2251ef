"""The decision of each pool with its reasons: what was asked, what answered, what is not known, what would flip it.

Knows wording and layout for people (text), for reviews (markdown) and for programs (json). Must never know how a
decision is made.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from poolaudit.facts import Answer, PoolSite, Span
from poolaudit.report import FileReport, Report, Reported
from poolaudit.report.lines import Lines, Sources
from poolaudit.report.summary import Readiness, active
from poolaudit.report.terminal import Paint, harmless, width_of, wrapped
from poolaudit.tree import Decision, Traced, Verdict

if TYPE_CHECKING:
    from poolaudit.readiness import Ready

WIDTH = 120
"""Cells of a line where no terminal says otherwise."""

VERDICTS: dict[Verdict, str] = {
    "keep-executor": "keep ProcessPoolExecutor",
    "use-executor": "move to ProcessPoolExecutor",
    "keep-pool": "keep Pool",
    "use-pool": "move to Pool",
    "either": "either will do",
    "leave": "leave it to its library",
    "undecided": "undecided",
}
"""What each verdict asks the reader to do."""

READINESS: dict[Readiness, str] = {
    "break": "Python 3.14: breaks under its default start method",
    "change": "Python 3.14: may change under its default start method",
    "unaffected": "Python 3.14: unaffected",
}


class Advised(Struct, frozen=True):
    """One pool with everything that is said of it."""

    path: str
    sources: Sources
    site: PoolSite
    decision: Decision
    readiness: Ready | None
    findings: tuple[Reported, ...]
    pool: str
    """The construction on one line: 'mp.Pool(8)'."""
    function: str
    """The qualified name of the function that builds it; '' at module level."""

    @property
    def line(self) -> int:
        """Of the whole text: a notebook's lines count on from cell to cell."""
        return self.sources.own.row(self.site.point.span.start)

    @property
    def place(self) -> str:
        """The line as people count it, behind the cell in a notebook: '12', '3:12'."""
        numbers = self.sources.cell(self.site.point.span), self.sources.line(self.site.point.span)
        return ":".join(str(number) for number in numbers if number is not None)

    @property
    def title(self) -> str:
        return f"{self.pool} in {self.function}()" if self.function else f"{self.pool} at module level"


class NoPoolError(Exception):
    """There is no pool with a decision at the place that was asked for. The message says where there are some."""


def advised(report: Report) -> tuple[Advised, ...]:
    """Every pool of the report that has a decision: thread pools and interpreter pools have none."""
    return tuple(each for file in report.files for each in _of_file(file))


def at_line(pools: Sequence[Advised], path: str, line: int, cell: int | None = None) -> tuple[Advised, ...]:
    """Those of one file's pools that a line speaks of: built there, used there, or around it. Raises NoPoolError, with `path`.

    `cell`: of a notebook, that the line counts in.
    """
    rows = [each.sources.own.find(line, cell) for each in pools]
    for covers in (_built_on, _used_on, _around):
        found = tuple(each for each, row in zip(pools, rows, strict=True) if row is not None and covers(each, row))
        if found:
            return found
    known = ", ".join(each.place for each in pools)
    where = "in cell:line" if any(":" in each.place for each in pools) else "on line"
    place = ":".join(str(part) for part in (path, cell, line) if part is not None)
    raise NoPoolError(f"no process pool at {place}" + (f" (there are pools {where} {known})" if known else ""))


def _of_file(file: FileReport) -> Iterator[Advised]:
    facts = file.facts
    if facts is None:
        return
    sources = Sources(facts, file.source)
    for index, (site, decision) in enumerate(zip(facts.sites, file.decisions, strict=False)):
        if decision is None:
            continue
        span = site.point.span
        function = facts.functions.get(site.function)
        yield Advised(
            path=file.path,
            sources=sources,
            site=site,
            decision=decision,
            readiness=file.readiness[index] if file.readiness else None,
            findings=tuple(each for each in active(file) if each.site == index),
            pool=harmless(textwrap.shorten(facts.cut(span), 60, placeholder="...")),
            function=function.qualname if function is not None else "",
        )


def _built_on(each: Advised, line: int) -> bool:
    span = each.site.point.span
    return each.line <= line <= each.sources.own.row(span.end)


def _used_on(each: Advised, line: int) -> bool:
    spans = (operation.point.span for operation in each.site.operations if not operation.point.span.path)
    return any(_covers(each.sources.own, span, line) for span in spans)


def _around(each: Advised, line: int) -> bool:
    block = each.site.with_block
    span = block.span if block is not None else each.site.point.statement.span
    return _covers(each.sources.own, span, line)


def _covers(lines: Lines, span: Span, line: int) -> bool:
    return lines.row(span.start) <= line <= lines.row(span.end)


# --- text


def text(pools: Iterable[Advised], *, color: bool = False, width: int = WIDTH, verbose: bool = False) -> str:
    """For people. `verbose` adds the branches that were not taken and would lead to the same verdict."""
    paint = Paint(color)
    return "\n".join("".join(f"{line}\n" for line in _text(each, paint, width, verbose)) for each in pools)


def _text(each: Advised, paint: Paint, width: int, verbose: bool) -> Iterator[str]:
    decision = each.decision
    yield from _heading(each, paint, width)
    yield from _trace(each, paint, width, verbose)
    yield from _item(f"-> {VERDICTS[decision.verdict]}: {decision.reason}", width, "     ")
    for sentence in decision.not_known:
        yield from _item(f"open: {sentence}", width)
    for sentence in decision.would_flip:
        yield from _item(f"would flip: {sentence}", width)
    for sentence in _not_taken(decision, verbose):
        yield from _item(f"not taken: {sentence}", width)
    if each.readiness is not None:
        yield from _item(_readiness(each.readiness), width)
    for found in each.findings:
        place = each.sources.said(found.finding.where)
        yield from _item(f"{found.code} {found.name} [{found.severity}] {place}: {found.finding.message}", width)
    for number, command in enumerate(_commands(each)):
        yield f"  {'next:' if number == 0 else '     '} {paint(command, 'green')}"


def _heading(each: Advised, paint: Paint, width: int) -> Iterator[str]:
    """Place and pool, with the verdict at the right edge, or below where there is no room."""
    place = f"{harmless(each.path)}:{each.place}"
    verdict = f"{VERDICTS[each.decision.verdict]} ({each.decision.strength})"
    title = f"{paint(place, 'bold')}: {each.title}"
    room = width - width_of(f"{place}: {each.title}") - len(verdict)
    shown = paint(verdict, "green", "bold")
    yield from [f"{title}{' ' * room}{shown}"] if room >= 2 else [title, f"  {shown}"]


def _readiness(ready: Ready) -> str:
    """What Python 3.14 does to the pool. Why: the rules that say so, whose findings are told; else in words."""
    state = ready.state()
    reasons = [reason for reason in ready.reasons if reason.state == state and "forkserver" in reason.methods]
    codes = ", ".join(dict.fromkeys(reason.code for reason in reasons if reason.code))
    why = codes or "; ".join(reason.because for reason in reasons)
    return READINESS[state] + (f": {why}" if why and state != "unaffected" else "")


def _trace(each: Advised, paint: Paint, width: int, verbose: bool) -> Iterator[str]:
    """Question, answer and evidence as columns. Where the line is too short the evidence stands below, and is left out for a
    "no" that no line proves.
    """
    trace = each.decision.trace
    column = min(max((len(traced.question) for traced in trace), default=0), width - 12)
    for traced in trace:
        answer = traced.evidence.answer
        *above, question = textwrap.wrap(traced.question, column)
        yield from (f"  {line}" for line in above)
        row = f"  {question:{column}}  {paint(f'{answer:7}', *_ANSWERS[answer])}"
        because = harmless(_because(each, traced))
        if column + 13 + width_of(because) <= width:
            yield f"{row}  {paint(because, 'dim')}".rstrip()
        else:
            yield row.rstrip()
            if answer != "no" or traced.evidence.where is not None or verbose:
                yield from (f"      {paint(line.strip(), 'dim')}" for line in wrapped(because, width, "      ", "      "))


_ANSWERS: dict[Answer, tuple[str, ...]] = {"yes": ("yellow",), "unknown": ("cyan",), "no": ("dim",)}


def _because(each: Advised, traced: Traced) -> str:
    where = traced.evidence.where
    if where is None:
        return traced.evidence.because
    place = f"{where.path}:{each.sources.line(where)}" if where.path else each.sources.said(where)
    return ": ".join(part for part in (place, traced.evidence.because) if part)


def _item(sentence: str, width: int, rest: str = "    ") -> list[str]:
    return wrapped(harmless(sentence), width, "  ", rest)


def _not_taken(decision: Decision, verbose: bool) -> tuple[str, ...]:
    """The branches to another place; what would flip the verdict has been said."""
    return tuple(sentence for sentence in decision.not_taken if sentence not in decision.would_flip) if verbose else ()


def _commands(each: Advised) -> tuple[str, ...]:
    """What to do next: read the worst finding's rule, see its fix; else the whole tree."""
    if not each.findings:
        return ("poolaudit explain --tree",)
    worst = min(each.findings, key=lambda found: ("error", "warning", "info").index(found.severity))
    commands = [f"poolaudit explain {worst.code}"]
    if fixes := {found.fix.applicability for found in each.findings if found.fix is not None}:
        unsafe = "" if "safe" in fixes else " --unsafe-fixes"
        commands.append(f"poolaudit scan --diff{unsafe} {shlex.quote(harmless(each.path))}")
    return tuple(commands)


# --- markdown


def markdown(pools: Iterable[Advised]) -> str:
    """For a review or an issue: a section per pool, the trace as a table."""
    return "\n".join("".join(f"{line}\n" for line in _markdown(each)) for each in pools)


def _markdown(each: Advised) -> Iterator[str]:
    decision = each.decision
    yield f"### {_cell(each.path)}:{each.place}: `{each.title.replace('`', '')}`"
    yield f"\n**{VERDICTS[decision.verdict]}** ({decision.strength}): {_cell(decision.reason)}\n"
    yield "| question | answer | because |"
    yield "|---|---|---|"
    for traced in decision.trace:
        yield f"| {_cell(traced.question)} | {traced.evidence.answer} | {_cell(_because(each, traced))} |"
    yield ""
    sections = (("Open", decision.not_known), ("Would flip", decision.would_flip), ("Not taken", _not_taken(decision, True)))
    for heading, sentences in sections:
        if sentences:
            yield f"{heading}:\n"
            yield from (f"- {_cell(sentence)}" for sentence in sentences)
            yield ""
    if each.readiness is not None:
        yield f"{_cell(_readiness(each.readiness))}.\n"
    for found in each.findings:
        place = each.sources.said(found.finding.where)
        yield f"- **{found.code}** {found.name} [{found.severity}], {place}: {_cell(found.finding.message)}"
    yield f"\nNext: {', '.join(f'`{command}`' for command in _commands(each))}"


def _cell(text: str) -> str:
    """Text that stays text in a markdown table, outside code spans."""
    return harmless(text).replace("|", "\\|").replace("<", "&lt;")


# --- json


def json(pools: Iterable[Advised]) -> str:
    """For programs: {"schema_version", "tool", "pools"}; the decision as in `scan --output-format json`, with `not_taken`."""
    from poolaudit import __version__
    from poolaudit.report import json as contract

    records = [
        {
            "path": contract.unicode(each.path),
            "line": each.sources.line(each.site.point.span),
            "cell": each.sources.cell(each.site.point.span),
            "column": each.sources.place(each.site.point.span).column,
            "pool": each.pool,
            "function": each.function or None,
            "api": each.site.api,
            "kind": each.site.kind,
            "decision": contract.decision_record(each.decision, each.sources),
            "not_taken": each.decision.not_taken,
            "readiness": each.readiness.state() if each.readiness is not None else None,
            "readiness_reasons": contract.reasons(each.readiness, each.sources) if each.readiness is not None else [],
            "findings": [
                {
                    "code": found.code,
                    "name": found.name,
                    "severity": found.severity,
                    "line": each.sources.line(found.finding.where),
                    "cell": each.sources.cell(found.finding.where),
                    "message": found.finding.message,
                }
                for found in each.findings
            ],
            "next": _commands(each),
        }
        for each in pools
    ]
    tool = contract.ToolRecord("poolaudit", __version__)
    return contract.encode({"schema_version": contract.SCHEMA_VERSION, "tool": tool, "pools": records})
