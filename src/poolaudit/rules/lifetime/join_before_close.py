"""A Pool is joined while it still runs.

Why it hurts: join waits for workers to end, and those of a running Pool never do: Python raises "Pool is still running".

When it is fine: close or terminate comes first, whichever function calls it; so does leaving a `with Pool` block.

Limitations: where any other function, branch or earlier statement ends the Pool, nothing is said.

Fix: closes the Pool before the join, where no work is submitted behind it. Unsafe: nothing can be submitted from there on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from poolaudit.edits import Caveat, Fix, insert
from poolaudit.facts import LOOPS, End, FileFacts, PoolSite, before
from poolaudit.rewriting.indent import newline
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings
from poolaudit.survey.families import SUBMITTING_METHODS

_ASSIGNED = re.compile(r"[\w.]+[ \t]*(?::[^=\n]+)?=[ \t]*")
"""All that may stand before the construction in its statement."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind != "pool" or not site.complete or not _alone(site, file):
        return
    for join in site.ends:
        if join.how == "join" and _runs_still(site, join):
            yield Finding(
                join.point.span,
                'the pool still runs here, and `join` raises "Pool is still running"',
                related=(Related(site.point.span, "made here"),),
                fix=_fix(site, join, file),
            )


def _alone(site: PoolSite, file: FileFacts) -> bool:
    """Its name holds no other pool: the construction is all that is assigned."""
    if site.conditional or any(not operation.certain for operation in site.operations):
        return False
    statement, call = site.point.statement.span, site.point.span
    assigned = _ASSIGNED.fullmatch(file.cut(replace(statement, end=call.start)))
    return site.binding == "with" or (assigned is not None and statement.end == call.end)


def _runs_still(site: PoolSite, join: End) -> bool:
    """Nothing that could run before the join ends the pool."""
    if join.handler or any(use.how != "test" for use in site.uses):
        return False
    inner = [step.block for step in join.point.path if step.block.kind in LOOPS]
    around = {step.block.id for step in site.point.path} if site.point.scope == join.point.scope else set()
    if any(block.id not in around for block in inner):
        return False  # an earlier round may have ended it
    ending = [end for end in site.ends if end.how != "join"]
    return all(end.point.span.path == join.point.span.path and before(join.point, end.point) for end in ending)


def _fix(site: PoolSite, join: End, file: FileFacts) -> Fix | None:
    statement, span = join.point.statement, join.point.span
    call = file.cut(span)
    later = any(op.method in SUBMITTING_METHODS and not before(op.point, join.point) for op in site.operations)
    if later or statement.form != "expression" or not statement.alone or not call.endswith(".join()"):
        return None
    closing = f"{call.removesuffix('join()')}close()"
    return Fix(
        "close it first",
        "unsafe",
        (insert(statement.span.start, f"{closing}{newline(file.text)}{statement.indent}"),),
        caveats=(Caveat("nothing-more", "no work can be submitted from there on"),),
    )


RULE = Rule(code="PA402", name="join-before-close", severity="error", check=check, fix="unsafe", doc=__doc__)
