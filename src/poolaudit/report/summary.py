"""What a report adds up to.

Knows how findings, verdicts and fixes are counted. Must never know how a count is worded or printed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from poolaudit.readiness import Ready, Reason
    from poolaudit.report import FileReport, Problem, Report, Reported
    from poolaudit.rule import Severity
    from poolaudit.tree import Verdict

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""Worst first."""

VERDICTS: tuple[Verdict, ...] = ("keep-executor", "keep-pool", "use-executor", "use-pool", "either", "leave", "undecided")

Readiness = Literal["break", "change", "unaffected"]
READINESS: tuple[Readiness, ...] = ("break", "change", "unaffected")


class Grounds(NamedTuple):
    """One reason why Python 3.14 breaks or may change pools, with all of them."""

    state: Literal["break", "change"]
    code: str
    """The rule that reports it; '' where none does."""
    topic: str
    only_spawn: bool
    """Not under forkserver, which is what 3.14 brings to Linux."""
    pools: tuple[tuple[FileReport, int, Reason], ...]
    """File, index of the site, and the reason in the words of this pool; in the order of the report."""


class Summary(NamedTuple):
    """The counts of one run. Suppressed findings count only as such."""

    files_with_pools: int
    sites: int
    """Every pool found, thread pools and interpreter pools too."""
    pools: int
    """Pools with a decision: those whose workers are processes."""
    verdicts: dict[Verdict, int]
    readiness: dict[Readiness, int]
    """Pools by what the default start method of Python 3.14 on Linux, forkserver, does to them."""
    spawn: dict[Readiness, int] | None
    """The same for spawn; None where no platform of the project spawns by default."""
    grounds: tuple[Grounds, ...]
    """The worst first, then those of most pools."""
    to_fix_first: int
    """Pools with an error."""
    severities: dict[Severity, int]
    findings: int
    suppressed: int
    """By comments."""
    baselined: int
    """Hidden because the baseline records them."""
    safe: int
    """Findings with a safe fix."""
    unsafe: int
    problems: tuple[Problem, ...]


def active(file: FileReport) -> tuple[Reported, ...]:
    """The findings of a file that nothing suppresses, in the order of the text."""
    return tuple(sorted((each for each in file.findings if not each.suppressed), key=lambda each: each.finding.where))


def summarize(report: Report) -> Summary:
    """Counts everything that the formats tell."""
    found = [each for file in report.files for each in active(file)]
    decisions = [decision for file in report.files for decision in file.decisions if decision is not None]
    verdicts = Counter(decision.verdict for decision in decisions)
    ready = [each for file in report.files for each in file.readiness if each is not None]
    readiness = Counter(each.state("forkserver") for each in ready)
    spawn = Counter(each.state("spawn") for each in ready)
    severities = Counter(each.severity for each in found)
    fixes = Counter(each.fix.applicability for each in found if each.fix is not None)
    return Summary(
        files_with_pools=sum(any(file.decisions) for file in report.files),
        sites=sum(len(file.facts.sites) for file in report.files if file.facts is not None),
        pools=len(decisions),
        verdicts={verdict: verdicts[verdict] for verdict in VERDICTS},
        readiness={state: readiness[state] for state in READINESS},
        spawn={state: spawn[state] for state in READINESS} if any("spawn" in each.methods for each in ready) else None,
        grounds=_grounds(report),
        to_fix_first=sum(map(_sites_with_errors, report.files)),
        severities={severity: severities[severity] for severity in SEVERITIES},
        findings=len(found),
        suppressed=sum(each.suppressed and not each.baselined for file in report.files for each in file.findings),
        baselined=sum(each.baselined for file in report.files for each in file.findings),
        safe=fixes["safe"],
        unsafe=fixes["unsafe"],
        problems=(*report.problems, *(problem for file in report.files for problem in file.problems)),
    )


def _grounds(report: Report) -> tuple[Grounds, ...]:
    found: dict[tuple[Literal["break", "change"], str, str, bool], list[tuple[FileReport, int, Reason]]] = {}
    for file in report.files:
        for index, ready in enumerate(file.readiness):
            for reason in _counted(ready) if ready is not None else ():
                key = (reason.state, reason.code, reason.topic, "forkserver" not in reason.methods)
                found.setdefault(key, []).append((file, index, reason))
    grounds = [Grounds(*key, tuple(pools)) for key, pools in found.items()]
    return tuple(sorted(grounds, key=lambda each: (each.state, each.only_spawn, -len(each.pools), each.code, each.topic)))


def _counted(ready: Ready) -> Iterator[Reason]:
    """One reason of a kind, and none for start methods that are no default of the project's platforms."""
    told: set[tuple[str, str]] = set()
    for reason in ready.reasons:
        if (reason.state, reason.topic) not in told and not set(reason.methods).isdisjoint(ready.methods):
            told.add((reason.state, reason.topic))
            yield reason


def _sites_with_errors(file: FileReport) -> int:
    return len({each.site for each in active(file) if each.severity == "error" and each.site is not None})


def exit_status(report: Report, fail_on: Severity, *, exit_zero: bool = False) -> int:
    """0 clean, 1 findings at `fail_on` or above, 2 something could not be done. `exit_zero` never hides 2."""
    summary = summarize(report)
    if summary.problems:
        return 2
    failing = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return int(not exit_zero and any(summary.severities[severity] for severity in failing))
