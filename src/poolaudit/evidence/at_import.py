"""What importing a file starts.

Knows that a worker which is not forked imports the file that it comes from, and runs its module level again.
Must never know a rule or libcst.
"""

from __future__ import annotations

from poolaudit.evidence.caught import caught
from poolaudit.facts import MODULE_SCOPE, FileFacts, Operation, Point, PoolSite, inside

_IDENTITY = ("__name__", "current_process", "parent_process")
"""Last parts of the names by which a program asks whether it runs in a worker."""


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
