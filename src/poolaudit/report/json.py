"""The JSON contract, schema version 1: what CI and editors build on.

Knows every key and its type; within one schema version they only grow. Lines and columns count from 1, columns and edit offsets
in code points; paths are as given, with forward slashes. Must never know a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from poolaudit import __version__
from poolaudit.edits import Fix
from poolaudit.facts import PoolSite
from poolaudit.migrate.plan import Plan
from poolaudit.report import FileReport, Report, Reported
from poolaudit.report.lines import Sources
from poolaudit.report.summary import Readiness, summarize
from poolaudit.rule import Confidence, Severity
from poolaudit.settings import StartMethod
from poolaudit.tree import Decision, Strength, Verdict

if TYPE_CHECKING:
    from poolaudit.readiness import Ready

SCHEMA_VERSION = 1

DOCUMENTATION: str | None = None
"""Where docs/rules is published, with a final slash. None: nowhere yet, and the url of a finding is null."""


class ToolRecord(msgspec.Struct):
    name: str
    version: str


class ProblemRecord(msgspec.Struct):
    code: str
    message: str
    line: int
    """0 where the place is not known."""
    column: int
    cell: int | None
    """Of a notebook: what lines and columns count in, and the offsets of edits. Cells of every kind count, from 1."""


class RunProblemRecord(ProblemRecord):
    path: str
    """Empty for what belongs to no file."""


class OperationRecord(msgspec.Struct):
    method: str
    line: int
    column: int
    """Of the method's name."""
    cell: int | None


class TraceRecord(msgspec.Struct):
    question: str
    answer: Literal["yes", "no", "unknown"]
    because: str
    path: str
    line: int | None
    cell: int | None


class DecisionRecord(msgspec.Struct):
    verdict: Verdict
    strength: Strength
    reason: str
    trace: list[TraceRecord]
    not_known: list[str]
    would_flip: list[str]


class NamedRecord(msgspec.Struct):
    name: str
    message: str


class BlockerRecord(msgspec.Struct):
    name: str
    path: str
    line: int
    message: str
    unlock: str


class MigrationRecord(msgspec.Struct):
    to: Literal["executor", "pool"]
    status: Literal["ready", "caveats", "blocked", "none"]
    caveats: list[NamedRecord]
    blockers: list[BlockerRecord]


class ReasonRecord(msgspec.Struct):
    state: Literal["break", "change"]
    code: str
    """The rule that reports it; empty where none does."""
    topic: str
    because: str
    methods: list[StartMethod]
    """The start methods under which it counts."""
    path: str
    line: int | None
    cell: int | None


class ReadinessRecord(msgspec.Struct):
    forkserver: Readiness
    """Under the default of Python 3.14 on Linux."""
    spawn: Readiness
    reasons: list[ReasonRecord]


class SiteRecord(msgspec.Struct):
    line: int
    column: int
    end_line: int
    end_column: int
    cell: int | None
    api: str
    family: str
    kind: Literal["pool", "executor", "unknown"]
    workers: Literal["process", "thread", "interpreter", "unknown"]
    worker_count: str | None
    """As written; null: left to the default."""
    binding: Literal["with", "name", "attribute", "returned", "argument", "chained", "stack", "other"]
    lifetime: Literal["with", "closed", "unclosed", "escapes", "unknown"]
    operations: list[OperationRecord]
    decision: DecisionRecord | None
    readiness: ReadinessRecord | None
    """None for what is no process pool of the standard library."""
    migration: MigrationRecord | None


class RelatedRecord(msgspec.Struct):
    path: str
    line: int
    column: int
    message: str
    cell: int | None


class EditRecord(msgspec.Struct):
    start: int
    end: int
    replacement: str
    cell: int | None


class FixRecord(msgspec.Struct):
    applicability: Literal["safe", "unsafe"]
    title: str
    caveats: list[NamedRecord]
    edits: list[EditRecord]


class FindingRecord(msgspec.Struct):
    code: str
    name: str
    severity: Severity
    confidence: Confidence
    message: str
    line: int
    column: int
    end_line: int
    end_column: int
    cell: int | None
    site: int | None
    url: str | None
    suppressed: bool
    """Not shown to people: a comment silences it, or the baseline records it."""
    baselined: bool
    related: list[RelatedRecord]
    fix: FixRecord | None


class FileRecord(msgspec.Struct):
    path: str
    problems: list[ProblemRecord]
    sites: list[SiteRecord]
    findings: list[FindingRecord]


class FixableRecord(msgspec.Struct):
    safe: int
    unsafe: int


class GroundsRecord(msgspec.Struct):
    state: Literal["break", "change"]
    code: str
    topic: str
    pools: int


class SummaryRecord(msgspec.Struct):
    files_scanned: int
    candidates: int
    sites: int
    findings: int
    baselined: int
    """Findings that the baseline records. They are suppressed, and not among `findings`."""
    problems: int
    seconds: float
    verdicts: dict[Verdict, int]
    readiness: dict[Readiness, int]
    readiness_spawn: dict[Readiness, int] | None
    """The same under spawn; null where no platform of the project spawns."""
    readiness_reasons: list[GroundsRecord]
    fixable: FixableRecord


class ReportRecord(msgspec.Struct):
    schema_version: int
    tool: ToolRecord
    target_versions: list[str]
    files: list[FileRecord]
    problems: list[RunProblemRecord]
    summary: SummaryRecord


def render(report: Report) -> str:
    """The report as one JSON document, indented, with a final newline."""
    return encode(record(report))


def encode(value: object) -> str:
    """Indented JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def record(report: Report) -> ReportRecord:
    """The report in the shape of the contract."""
    totals = summarize(report)
    return ReportRecord(
        schema_version=SCHEMA_VERSION,
        tool=ToolRecord("poolaudit", __version__),
        target_versions=[f"{major}.{minor}" for major, minor in report.targets],
        files=[_file(file) for file in report.files],
        problems=[
            RunProblemRecord(problem.code, problem.message, problem.line, problem.column, problem.cell, unicode(problem.path))
            for problem in report.problems
        ],
        summary=SummaryRecord(
            files_scanned=report.files_scanned,
            candidates=report.candidates,
            sites=totals.sites,
            findings=totals.findings,
            baselined=totals.baselined,
            problems=len(totals.problems),
            seconds=round(report.seconds, 3),
            verdicts=totals.verdicts,
            readiness=totals.readiness,
            readiness_spawn=totals.spawn,
            readiness_reasons=[GroundsRecord(each.state, each.code, each.topic, len(each.pools)) for each in totals.grounds],
            fixable=FixableRecord(totals.safe, totals.unsafe),
        ),
    )


def decision_record(decision: Decision, sources: Sources) -> DecisionRecord:
    """A decision with its trace; `sources` are those of the file that it is about."""
    return DecisionRecord(
        verdict=decision.verdict,
        strength=decision.strength,
        reason=decision.reason,
        trace=[
            TraceRecord(
                question=traced.question,
                answer=traced.evidence.answer,
                because=traced.evidence.because,
                path=unicode(sources.path(traced.evidence.where)),
                line=sources.line(traced.evidence.where),
                cell=sources.cell(traced.evidence.where),
            )
            for traced in decision.trace
        ],
        not_known=list(decision.not_known),
        would_flip=list(decision.would_flip),
    )


def unicode(path: str) -> str:
    """A path as JSON can hold it: bytes of a file name that are not UTF-8 become replacement characters."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _file(file: FileReport) -> FileRecord:
    sites: list[SiteRecord] = []
    findings: list[FindingRecord] = []
    if file.facts is not None:
        sources = Sources(file.facts, file.source)
        findings = [_finding(each, sources) for each in file.findings]
        decisions = file.decisions or (None,) * len(file.facts.sites)
        plans = file.plans or (None,) * len(file.facts.sites)
        readiness = file.readiness or (None,) * len(file.facts.sites)
        sites = [_site(*each, sources) for each in zip(file.facts.sites, decisions, readiness, plans, strict=True)]
    return FileRecord(
        path=unicode(file.path),
        problems=[
            ProblemRecord(problem.code, problem.message, problem.line, problem.column, problem.cell) for problem in file.problems
        ],
        sites=sites,
        findings=findings,
    )


def reasons(ready: Ready, sources: Sources) -> list[ReasonRecord]:
    """Why Python 3.14 breaks or may change a pool."""
    return [
        ReasonRecord(
            state=reason.state,
            code=reason.code,
            topic=reason.topic,
            because=reason.because,
            methods=list(reason.methods),
            path=unicode(sources.path(reason.where)),
            line=sources.line(reason.where),
            cell=sources.cell(reason.where),
        )
        for reason in ready.reasons
    ]


def _site(site: PoolSite, decision: Decision | None, ready: Ready | None, plan: Plan | None, sources: Sources) -> SiteRecord:
    lines = sources.own
    start, end = lines.place(site.point.span.start), lines.place(site.point.span.end)
    return SiteRecord(
        line=start.line,
        column=start.column,
        end_line=end.line,
        end_column=end.column,
        cell=sources.cell(site.point.span),
        api=site.api,
        family=site.family,
        kind=site.kind,
        workers=site.workers,
        worker_count=site.worker_count.text if site.worker_count is not None else None,
        binding=site.binding,
        lifetime=site.lifetime,
        operations=[
            OperationRecord(
                operation.method, *lines.place(operation.method_span.start), lines.cell_of(operation.method_span.start)
            )
            for operation in site.operations
            if not operation.method_span.path
        ],
        decision=decision_record(decision, sources) if decision is not None else None,
        readiness=ReadinessRecord(ready.state("forkserver"), ready.state("spawn"), reasons(ready, sources)) if ready else None,
        migration=_migration(plan, sources) if plan is not None else None,
    )


def _migration(plan: Plan, sources: Sources) -> MigrationRecord:
    return MigrationRecord(
        to=plan.to,
        status=plan.status,
        caveats=[NamedRecord(each.name, each.message) for each in plan.caveats],
        blockers=[
            BlockerRecord(each.name, unicode(sources.path(each.where)), sources.place(each.where).line, each.message, each.unlock)
            for each in plan.blockers
        ],
    )


def _finding(each: Reported, sources: Sources) -> FindingRecord:
    finding = each.finding
    start, end = sources.own.place(finding.where.start), sources.own.place(finding.where.end)
    return FindingRecord(
        code=each.code,
        name=each.name,
        severity=each.severity,
        confidence=each.confidence,
        message=finding.message,
        line=start.line,
        column=start.column,
        end_line=end.line,
        end_column=end.column,
        cell=sources.cell(finding.where),
        site=each.site,
        url=f"{DOCUMENTATION}{each.code}-{each.name}.html" if DOCUMENTATION else None,
        suppressed=each.suppressed,
        baselined=each.baselined,
        related=[
            RelatedRecord(
                unicode(sources.path(other.where)), *sources.place(other.where), other.message, sources.cell(other.where)
            )
            for other in finding.related
        ],
        fix=_fix(each.fix, each, sources) if each.fix is not None else None,
    )


def _fix(fix: Fix, each: Reported, sources: Sources) -> FixRecord:
    return FixRecord(
        applicability=fix.applicability,
        title=fix.title,
        caveats=[NamedRecord(caveat.name, caveat.message) for caveat in fix.caveats],
        edits=[EditRecord(edit.start, edit.end, edit.replacement, cell) for edit, cell in sources.edits(each.edits)],
    )
