"""A pool is closed, but not where an exception leaves the function first.

Why it hurts: get and map raise the errors of tasks. Then close or shutdown is skipped, and the idle workers stay for as
long as anything holds the exception or the pool: a handler, a log, a test report.

When it is fine: a program that ends with the exception. A `with` block, a finally, or a handler that ends the pool.

Limitations: looks at pools that one function makes and closes. Nothing is said where all callers that are seen let the
error through to module level. Not on by default: most programs that fail there end.

Fix: a `with` block from the construction to the close. Unsafe: when an exception leaves it, a Pool kills what still
runs, and an executor waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from poolaudit.edits import Caveat, Fix
from poolaudit.evidence.caught import caught
from poolaudit.evidence.unbounded import waits
from poolaudit.facts import MODULE_SCOPE, End, FileFacts, Point, PoolSite, Use, before
from poolaudit.rewriting.enclose import enclose
from poolaudit.rewriting.indent import Unindentable
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_ENDING = ("close", "terminate", "shutdown")
_OTHERWISE = ("with-exit", "stack", "closing", "atexit", "finalize")
_GIVEN = frozenset({"return", "yield"})

_KILLED = Caveat("killed-on-error", "when an exception leaves the block, tasks that still run are killed")
_WAITED_FOR = Caveat("waits-on-error", "when an exception leaves the block, its end waits for tasks that still run")


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    end = _only_ended_plainly(site)
    if end is None or site.foreign or _ends_the_program(site.function, file):
        return
    risky = next((point for point in _risks(site, file) if before(site.point, point) and before(point, end.point)), None)
    if risky is None:
        return
    fix = _fix(site, file)
    yield Finding(
        site.point.span,
        f"`{site.name}` is ended only when nothing raises: else its workers stay",
        related=(Related(risky.span, "an error that is raised here .."), Related(end.point.span, ".. skips this")),
        notes=() if isinstance(fix, Fix) else (f"no fix: {fix}",),
        fix=fix if isinstance(fix, Fix) else None,
    )


def _ends_the_program(scope: int, file: FileFacts, seen: frozenset[int] = frozenset()) -> bool:
    """An error that leaves the function leaves all of its callers, up to module level."""
    callers = [call for call in file.local_calls if scope in call.callees]
    through = (
        call.function not in seen
        and not any(step.block.kind == "try" and step.block.handlers for step in call.point.path)
        and _ends_the_program(call.function, file, seen | {scope})
        for call in callers
    )
    return scope == MODULE_SCOPE or (bool(callers) and all(through))


def _only_ended_plainly(site: PoolSite) -> End | None:
    """The first of its ends, where all of them stand in its own function, outside of finally and handlers."""
    ending = [end for end in site.ends if end.how in _ENDING]
    if site.binding != "name" or not ending or any(end.how in _OTHERWISE for end in site.ends):
        return None
    if any(end.in_finally or end.handler or end.point.scope != site.point.scope for end in site.ends):
        return None
    if any(use.how == "store" or (use.how in _GIVEN and use.point.scope == site.point.scope) for use in site.uses):
        return None  # somebody else may end it
    return min(ending, key=lambda end: end.point.order)


def _risks(site: PoolSite, file: FileFacts) -> Iterator[Point]:
    """Where the function raises, or hands on errors of tasks or of code that gets the pool."""
    points = [point for operation in site.operations for point, _ in waits(operation)]
    points += [use.point for use in site.uses if use.how == "pass"]
    points += [raised.point for raised in file.functions[site.function].raises] if site.function in file.functions else []
    return (point for point in points if not caught(point, "builtins.Exception") and not _suppressed(point, file))


def _suppressed(point: Point, file: FileFacts) -> bool:
    return any(step.block.kind == "with" and "suppress(" in file.cut(step.block.header) for step in point.path)


def _fix(site: PoolSite, file: FileFacts) -> Fix | str:
    """A `with` block that holds its ends as well."""
    ends = tuple(Use("method", end.point, "direct", end.how) for end in site.ends)
    try:
        fix = enclose(replace(site, uses=(*site.uses, *ends)), file)
    except Unindentable as refusal:
        return str(refusal)
    return replace(fix, caveats=(_KILLED if site.kind == "pool" else _WAITED_FOR,))


RULE = Rule(code="PA411", name="leak-on-exception", severity="info", check=check, default=False, fix="unsafe", doc=__doc__)
