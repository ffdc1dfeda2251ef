"""What many projects add up to, as text and as one JSON document on a line.

Knows how counts are added up, and that a configuration may be of no use. Must never know a terminal, or how many projects are
still to come; it keeps nothing of a report but counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from poolaudit.report.summary import READINESS, SEVERITIES, VERDICTS, Summary, active, summarize
from poolaudit.report.terminal import Paint, harmless
from poolaudit.report.text import counted, findings_of, states_of, verdicts_of

if TYPE_CHECKING:
    from poolaudit.report import Report

_NUMBERS = ("files_with_pools", "sites", "pools", "to_fix_first", "findings", "suppressed", "baselined", "safe", "unsafe")


class Total:
    """The counts of all projects that are done."""

    def __init__(self) -> None:
        self.projects = 0
        self.failed = 0
        """Projects whose configuration cannot be used."""
        self.with_findings = 0
        self.files_scanned = 0
        self.problems = 0
        self.numbers: Counter[str] = Counter()
        """Those of a Summary, by its field."""
        self.verdicts: Counter[str] = Counter()
        self.readiness: Counter[str] = Counter()
        self.severities: Counter[str] = Counter()
        self.rules: Counter[tuple[str, str]] = Counter()
        """Findings by code and name of their rule."""

    def add(self, report: Report) -> None:
        """One more project."""
        summary = summarize(report)
        self.projects += 1
        self.with_findings += summary.findings > 0
        self.files_scanned += report.files_scanned
        self.problems += len(summary.problems)
        self.numbers.update({name: getattr(summary, name) for name in _NUMBERS})
        self.verdicts.update(summary.verdicts)
        self.readiness.update(summary.readiness)
        self.severities.update(summary.severities)
        self.rules.update((each.code, each.name) for file in report.files for each in active(file))

    def fail(self) -> None:
        """One whose configuration cannot be used."""
        self.projects += 1
        self.failed += 1

    @property
    def summary(self) -> Summary:
        """The sums in the shape of one run."""
        return Summary(
            **{name: self.numbers[name] for name in _NUMBERS},
            verdicts={each: self.verdicts[each] for each in VERDICTS},
            readiness={each: self.readiness[each] for each in READINESS},
            spawn=None,
            grounds=(),
            severities={each: self.severities[each] for each in SEVERITIES},
            problems=(),
        )


def heading(root: str, *, color: bool = False) -> str:
    """The line above the report of a project."""
    return Paint(color)(f"== {harmless(root)}", "bold") + "\n"


def text(total: Total, *, color: bool = False) -> str:
    """What all projects add up to."""
    return "".join(f"{line}\n" for line in _lines(total, Paint(color)))


def _lines(total: Total, paint: Paint) -> Iterator[str]:
    summary = total.summary
    yield paint(f"== {counted(total.projects, 'project')}", "bold")
    pools = f"{counted(summary.pools, 'pool')}: {verdicts_of(summary)}" if summary.pools else "no process pools"
    yield f"{counted(total.files_scanned, 'file')}, {summary.files_with_pools} with pools, {pools}"
    if any(summary.readiness.values()):
        yield f"Python 3.14: {states_of(summary.readiness)} (forkserver)"
    if summary.findings:
        yield f"{findings_of(summary)}, in {counted(total.with_findings, 'project')}"
    for (code, name), number in sorted(total.rules.items(), key=lambda rule: (-rule[1], rule[0])):
        yield f"{number:>5}  {paint(code, 'bold')} {name}"
    if total.problems:
        yield f"{counted(total.problems, 'problem')}: these reports are not complete"
    if total.failed:
        yield f"{counted(total.failed, 'project')} with a configuration that cannot be used"


def project_line(root: str, report: Report) -> str:
    """One project as one line of JSON: the document that `scan` makes of it."""
    from poolaudit.report import json

    return _line({"root": json.unicode(root), "error": None, "report": json.record(report)})


def failed_line(root: str, error: str) -> str:
    """One project whose configuration cannot be used."""
    from poolaudit.report import json

    return _line({"root": json.unicode(root), "error": error, "report": None})


def total_line(total: Total) -> str:
    """The last line."""
    rules = {code: number for (code, _), number in sorted(total.rules.items())}
    summary = total.summary
    sums = {
        "projects": total.projects,
        "failed": total.failed,
        "with_findings": total.with_findings,
        "files_scanned": total.files_scanned,
        "sites": summary.sites,
        "findings": summary.findings,
        "problems": total.problems,
        "verdicts": summary.verdicts,
        "readiness": summary.readiness,
        "severities": summary.severities,
        "rules": rules,
    }
    return _line({"total": sums})


def _line(document: dict[str, Any]) -> str:
    import msgspec

    return msgspec.json.encode(document).decode() + "\n"
