"""Counts and exit statuses."""

from __future__ import annotations

import pytest

from poolaudit.report import Problem, Report
from poolaudit.report.summary import active, exit_status, summarize
from poolaudit.rule import Severity
from sample import BREAKS, CLEAN, EMPTY, HIDDEN, INHERITED, LAMBDA, LOAD, RUN

FOUND = RUN._replace(files=(LOAD,))
ONLY_WARNING = RUN._replace(files=(LOAD._replace(findings=(INHERITED,)),))
ONLY_INFO = RUN._replace(files=(LOAD._replace(findings=(INHERITED._replace(severity="info"),)),))


@pytest.mark.parametrize(
    ("report", "fail_on", "status"),
    [
        (EMPTY, "info", 0),
        (CLEAN, "info", 0),
        (FOUND, "error", 1),
        (ONLY_WARNING, "error", 0),
        (ONLY_WARNING, "warning", 1),
        (ONLY_INFO, "warning", 0),
        (ONLY_INFO, "info", 1),
        (RUN, "warning", 2),
        (EMPTY._replace(problems=(Problem("PA001", "no such folder"),)), "error", 2),
    ],
)
def test_exit_status(report: Report, fail_on: Severity, status: int) -> None:
    assert exit_status(report, fail_on) == status


def test_exit_zero_hides_findings_and_never_problems() -> None:
    assert exit_status(FOUND, "warning", exit_zero=True) == 0
    assert exit_status(RUN, "warning", exit_zero=True) == 2


def test_pools_to_fix_first_are_those_with_errors() -> None:
    twice = RUN._replace(files=(LOAD._replace(findings=(LAMBDA, LAMBDA._replace(code="PA601"), INHERITED, HIDDEN)),))
    totals = summarize(twice)
    assert (totals.to_fix_first, totals.findings, totals.suppressed) == (1, 3, 1)


def test_thread_pools_are_sites_and_no_pools_of_ours() -> None:
    totals = summarize(RUN._replace(files=(LOAD._replace(decisions=(LOAD.decisions[0], None), readiness=(BREAKS, None)),)))
    assert (totals.sites, totals.pools, totals.readiness["unaffected"]) == (2, 1, 0)


def test_findings_come_in_the_order_of_the_text() -> None:
    assert [each.code for each in active(LOAD)] == ["PA305", "PA201"]
