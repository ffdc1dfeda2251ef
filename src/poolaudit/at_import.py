"""What importing a file starts, and how a main guard keeps that from workers.

Knows that a worker which is not forked imports the file that it comes from, and runs its module level again.
Must never know a rule or libcst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.caught import caught
from poolaudit.edits import Caveat, Fix, insert
from poolaudit.facts import MODULE_SCOPE, FileFacts, Operation, Point, PoolSite, Span, inside
from poolaudit.indent import Unindentable, deeper, line_start, newline
from poolaudit.inherited import worker_code

_IDENTITY = ("__name__", "current_process", "parent_process")
"""Last parts of the names by which a program asks whether it runs in a worker."""

_DEFINITION = re.compile(r"^(?:def|class|async[ \t]+def|@)", re.MULTILINE)

GUARD = 'if __name__ == "__main__":'


def start(site: PoolSite, file: FileFacts) -> Point | None:
    """The point from which importing the file starts workers of `site`; None when it starts none, or only in the parent.

    Pool starts its workers when it is made, an executor with its first task.
    """
    if site.at_import is None or file.path.endswith((".ipynb", "__main__.py")):
        return None  # workers import neither a notebook nor a __main__ module
    operation = None if site.kind == "pool" else _first_submit(site, file)
    if site.kind != "pool" and operation is None:
        return None
    point = site.at_import if operation is None else _reached_from(site, operation)
    spared = any(map(_spared, (point, site.at_import, site.point)))
    return None if spared else point


def _first_submit(site: PoolSite, file: FileFacts) -> Operation | None:
    for operation in site.operations:
        scope = operation.point.scope
        reached = scope == MODULE_SCOPE or scope in file.called_at_import
        if operation.process_only and reached and not (file.guard and inside(operation.point, file.guard)):
            return operation
    return None


def _reached_from(site: PoolSite, operation: Operation) -> Point:
    """The module-level point that runs the operation where it is known, else the operation."""
    if site.at_import is not None and operation.point.scope == site.function != MODULE_SCOPE:
        return site.at_import
    return operation.point


def _spared(point: Point) -> bool:
    """A worker does not reach the point, because the code asks which process it is, or survives the error that it gets there."""
    asked = any(name.endswith(_IDENTITY) for step in point.path for name in step.block.tests)
    return asked or caught(point, "builtins.RuntimeError")


def under_main_guard(file: FileFacts) -> Fix:
    """A fix that moves module level, from the first statement that starts workers to the end, below a main guard.

    Raises Unindentable.
    """
    text, first = file.text, min(_statements(file), default=None)
    if first is None:
        raise Unindentable("the statement of module level that starts the workers is not seen")
    if file.guard is not None:
        raise Unindentable("the file has a main guard already: what starts the workers belongs below it")
    if first != line_start(text, first):
        raise Unindentable("the statement shares its line with another one")
    if _DEFINITION.search(text, first):
        raise Unindentable("functions or classes are defined behind it, where workers need them")
    missed = next(_missed(file, first), None)
    if missed:
        raise Unindentable(f"workers read `{missed}`, which is bound behind it")
    opening, *others = deeper(text, Span(first, len(text)))
    return Fix(
        f"put the rest of the script below `{GUARD}`",
        "unsafe",
        (insert(first, f"{GUARD}{newline(text)}{opening.replacement}"), *others),
        caveats=(
            Caveat("names-vanish", "a module that imports this file no longer finds the names that are bound there"),
            Caveat("workers-run-the-rest", "what stands above the guard still runs in every worker"),
        ),
    )


def _statements(file: FileFacts) -> Iterator[int]:
    """Starts of the statements of module level that start workers."""
    for site in file.sites:
        point = start(site, file) if site.is_process else None
        if point is not None and point.scope == MODULE_SCOPE and not point.span.path:
            yield point.statement.top.start


def _missed(file: FileFacts, first: int) -> Iterator[str]:
    """Names bound at module level behind `first` that workers read."""
    for site in file.sites:
        for function in worker_code(site, file):
            for read in function.globals:
                for write in file.globals.get(read.name, ()):
                    if write.function == MODULE_SCOPE and not write.span.path and write.span.start >= first:
                        yield read.name
