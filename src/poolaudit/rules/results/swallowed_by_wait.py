"""Futures are waited for, by wait or as_completed, and never asked for their result, so that errors of tasks vanish.

Why it hurts: wait and as_completed of concurrent.futures say that a task has ended, not how. An exception stays in
its future until somebody calls result() or exception(); when nobody does, the program goes on as if all had gone
well, with exit status 0 and not a line on stderr. That holds for a task that could not even be pickled and never ran.

When it is fine: the task catches and reports its own errors, or a done callback does.

Limitations: futures that are passed on, returned or stored where they cannot be followed are left alone.

Fix: asks each future that is done for its result. Unsafe: the first error is raised there.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Caveat, Edit, Fix, insert, replace
from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.guarded_task import catches_its_errors
from poolaudit.evidence.unasked import unasked
from poolaudit.facts import Block, FileFacts, Operation, PoolSite, Use
from poolaudit.rewriting.collect import Refusal, add_lines, after, names_for, step_of
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_WAITS = {"concurrent.futures.wait": "wait", "concurrent.futures.as_completed": "as_completed"}
_RAISES = Caveat("raises-here", "the first error of a task is raised here, and what comes next does not run")


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    swallowed = [(operation, wait) for operation in site.operations for wait in _waits(operation, site, file)]
    for wait in dict.fromkeys(wait.point.span for _, wait in swallowed):
        together = [(operation, use) for operation, use in swallowed if use.point.span == wait]
        (first, use), names = together[0], {operation.task.name for operation, _ in together if operation.task}
        fix = _fix(first, use, file)
        yield Finding(
            wait,
            f"errors of {' and '.join(f'`{name}`' for name in sorted(names))} vanish: "
            f"`{_WAITS[use.api]}` does not raise them, and nobody asks the futures for their result",
            label="says that they are done, not how",
            related=tuple(Related(operation.point.span, "submitted here") for operation, _ in together),
            notes=(f"no fix: {fix.reason}",) if isinstance(fix, Refusal) else (),
            fix=fix if isinstance(fix, Fix) else None,
        )


def _waits(operation: Operation, site: PoolSite, file: FileFacts) -> tuple[Use, ...]:
    """The calls of wait and as_completed that swallow what the operation may raise: the first of them."""
    handle = operation.handle
    if operation.method != "submit" or handle.kind != "future" or not operation.process_only:
        return ()
    if operation.sites[0] != site.index or not operation.task or not unasked(handle):
        return ()
    if catches_its_errors(operation.task, site, file) or expects_failure(file, operation):
        return ()
    return tuple(use for use in handle.uses if use.api in _WAITS and not use.point.span.path)[:1]


def _fix(operation: Operation, wait: Use, file: FileFacts) -> Fix | Refusal:
    edits = _in_loop(operation, wait, file) if wait.how == "as_completed" else _behind(wait, file)
    if isinstance(edits, Refusal):
        return edits
    return Fix("ask the futures for their results", "unsafe", edits, caveats=(_RAISES,))


def _in_loop(operation: Operation, wait: Use, file: FileFacts) -> tuple[Edit, ...] | Refusal:
    """`for future in as_completed(..):` asks at the start of its body."""
    loop = _loop_over(operation, wait)
    if loop is None or len(loop.targets) != 1 or loop.targets[0].startswith("_"):
        return Refusal("no loop gives the futures a name")
    if file.text[loop.header.end : loop.body.start].strip(" \t\r\n"):
        return Refusal("a comment stands above the loop's body")
    asked = f"{loop.targets[0]}.result()"
    if file.cut(loop.body) == "pass":
        return (replace(loop.body, asked),)
    if not loop.body_indent:
        return Refusal("the loop stands on one line")
    newline = "\r\n" if "\r\n" in file.text else "\n"
    return (insert(loop.body.start, f"{asked}{newline}{loop.body_indent}"),)


def _loop_over(operation: Operation, wait: Use) -> Block | None:
    """The `for` statement whose items are what as_completed yields: nothing but a progress display stands between."""
    for use in operation.handle.uses:
        block = use.point.path[-1].block if use.point.path else None
        if use.how == "iterate" and use.via == "view" and block and block.kind == "for" and wait.point.span in block.header:
            counted = any(other.how == "zip" and other.point.span in block.header for other in operation.handle.uses)
            return None if counted else block
    return None


def _behind(wait: Use, file: FileFacts) -> tuple[Edit, ...] | Refusal:
    """`wait(..)` as a statement, or `done, rest = wait(..)`: a loop over what is done."""
    point = wait.point
    place = after(point, file)
    names = names_for(point.scope, "result", file)
    if isinstance(place, Refusal) or names is None:
        return place if isinstance(place, Refusal) else Refusal("the usual names are taken")
    future = names[1]
    asked = f"{step_of(place, file)}{future}.result()"
    if point.statement.form == "expression" and point.statement.span == point.span:
        return (
            insert(point.span.start, f"for {future} in "),
            insert(point.span.end, ".done:"),
            add_lines(place, [asked], file),
        )
    if point.statement.form == "assign" and len(wait.stored) == 2:
        return (add_lines(place, [f"for {future} in {wait.stored[0]}:", asked], file),)
    return Refusal("what `wait` gives back is not kept in two names")


RULE = Rule(
    code="PA513", name="swallowed-by-wait", severity="warning", check=check, fix="unsafe", supersedes=("PA501",), doc=__doc__
)
