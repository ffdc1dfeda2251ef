"""The results of Executor.map, or of a Pool's imap, are never read, so that the errors of its tasks vanish.

Why it hurts: Executor.map, Pool.imap and Pool.imap_unordered hand out results, and raise the first error, only while
they are iterated. When nobody does, a failing task leaves no trace: the program ends with exit status 0 and not a line
on stderr.

When it is fine: the task catches and reports its own errors. Pool.map is another matter: it waits and raises.

Limitations: an iterator that is passed on, returned or stored where it cannot be followed is left alone.

Fix: reads the results with list, which waits for them and raises the first error: in place where nothing follows that
could run meanwhile, else where the work has ended. What has not been started when an error is raised is cancelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from poolaudit.edits import Caveat, Fix, insert
from poolaudit.evidence.guarded_task import catches_its_errors
from poolaudit.facts import FileFacts, Operation, PoolSite
from poolaudit.rewriting.collect import Place, Refusal, collect, end_of, end_of_work, read_kept
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings

_ENDS = re.compile(r"#.*|[\w.]+\.(?:close|join|shutdown)\([^()]*\)")
_WAITS = Caveat("waits-here", "what comes next runs once all results are there, and not at all when a task fails")


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    unread = [operation for operation in site.operations if _is_unread(operation, site, file)]
    for operation in unread:
        task = f"`{operation.task.name}`" if operation.task and operation.task.name else "the task"
        fix = _fix(operation, unread, site, file)
        yield Finding(
            operation.point.span,
            f"errors of {task} vanish: the results of `{operation.method}` are never read",
            label="an iterator that nobody reads",
            notes=(f"no fix: {fix.reason}",) if isinstance(fix, Refusal) else (),
            fix=fix if isinstance(fix, Fix) else None,
        )


def _is_unread(operation: Operation, site: PoolSite, file: FileFacts) -> bool:
    handle = operation.handle
    # of a pool, imap and imap_unordered give iterators: map waits and raises by itself
    if handle.kind != "iterator" or not operation.process_only or operation.sites[0] != site.index:
        return False
    seen = handle.bare or (handle.complete and all(use.how in ("drop", "test") for use in handle.uses))
    return seen and not catches_its_errors(operation.task, site, file)


_TIMEOUT = Caveat("timeout-takes-effect", "as long as nobody reads the results, `timeout` does nothing; then it raises")


def _fix(operation: Operation, unread: list[Operation], site: PoolSite, file: FileFacts) -> Fix | Refusal:
    fix = _reading(operation, unread, site, file)
    if isinstance(fix, Refusal) or operation.argument("timeout") is None:
        return fix
    return replace(fix, applicability="unsafe", caveats=(*fix.caveats, _TIMEOUT))


def _reading(operation: Operation, unread: list[Operation], site: PoolSite, file: FileFacts) -> Fix | Refusal:
    if operation.iterable is not None and operation.iterable.infinite:
        return Refusal("the input never ends")
    if operation.in_async:
        return Refusal("reading the results here would block the event loop")
    place = _place(operation, site, file)
    span, statement = operation.point.span, operation.point.statement.span
    in_place = (insert(span.start, "list("), insert(span.end, ")"))
    if not isinstance(place, Refusal):
        if len(operation.point.path) == len(place.path) and not _ENDS.sub("", file.text[statement.end : place.offset]).strip():
            return Fix("read the results", "safe", in_place)
        together = [other for other in unread if other.handle.bare and _place(other, site, file) == place]
        bare = operation.handle.bare
        edits = collect(together, place, "list", file) if bare else read_kept(operation, place, "list", file)
        if not isinstance(edits, Refusal):
            return Fix("read the results once all work is submitted", "safe", edits)
    return Fix("read the results", "unsafe", in_place, caveats=(_WAITS,))


def _place(operation: Operation, site: PoolSite, file: FileFacts) -> Place | Refusal:
    """Where the work has ended, or else where the block does: a Pool's own end would not wait."""
    place = end_of_work(operation, site, file)
    return end_of(site.with_block, file) if isinstance(place, Refusal) and site.with_block else place


RULE = Rule(code="PA502", name="unread-map", severity="warning", check=check, fix="sometimes", supersedes=("PA513",), doc=__doc__)
