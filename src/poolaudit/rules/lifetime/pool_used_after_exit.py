"""Work is submitted to a pool that has ended.

Why it hurts: a Pool that was closed, terminated or left by its `with` block refuses new work ("Pool not running"), and so
does an executor after shutdown ("cannot schedule new futures after shutdown").

When it is fine: join, close, terminate and reading results are legal afterwards. A pool that is made anew in between.

Limitations: only what comes before in straight-line code counts; an end in one branch and work in another say nothing.
There is no fix: move the work before the end, or into the block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.evidence.caught import caught
from poolaudit.facts import End, FileFacts, Operation, PoolSite, Span, before, dominates, exclusive
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import SUBMITTING_METHODS

_ENDING = ("close", "terminate", "shutdown", "with-exit")
_EXPECTED = re.compile(r"\braises\b|\bassertRaises|\bsuppress\b")


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if operation.method not in SUBMITTING_METHODS or not operation.process_only or operation.sites != (site.index,):
            continue
        end = next((each for each in site.ends if _ended(each, operation, site)), None)
        if end is None or _expected(operation, site, file):
            continue
        raised = (
            "ValueError: Pool not running" if site.kind == "pool" else "RuntimeError: cannot schedule new futures after shutdown"
        )
        yield Finding(
            operation.point.span,
            f"the {site.kind} has ended before `{operation.method}`: {raised}",
            related=(Related(_where(end, site), "it ends with this block" if end.how == "with-exit" else "it ends here"),),
        )


def _ended(end: End, operation: Operation, site: PoolSite) -> bool:
    """The pool is ended on every way from its construction to the operation."""
    return (
        end.how in _ENDING
        and not end.handler
        and not site.conditional
        and end.point.span.path == operation.point.span.path
        and (_of_this_one(end, operation) or (site.point.scope == end.point.scope and before(site.point, end.point)))
        and dominates(end.point, operation.point)
        and not exclusive(end.point, operation.point)
    )


def _of_this_one(end: End, operation: Operation) -> bool:
    """Both have their pool from one call: that of a function that gives a pool back."""
    return end.pool_from is not None and end.pool_from == operation.pool_from and end.point.scope == operation.point.scope


def _expected(operation: Operation, site: PoolSite, file: FileFacts) -> bool:
    """The error is caught, or a test asks for it."""
    headers = (step.block.header for step in operation.point.path if step.block.kind == "with")
    asked = any(_EXPECTED.search(file.text, header.start, header.end) for header in headers)
    return asked or caught(operation.point, "builtins.ValueError" if site.kind == "pool" else "builtins.RuntimeError")


def _where(end: End, site: PoolSite) -> Span:
    return site.with_block.header if end.how == "with-exit" and site.with_block else end.point.span


RULE = Rule(code="PA403", name="pool-used-after-exit", severity="error", check=check, doc=__doc__)
