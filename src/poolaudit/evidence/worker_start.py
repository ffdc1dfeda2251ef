"""When the workers of a pool start.

Knows that a Pool starts its workers when it is made, and that an executor forks all of its workers with the first task.
Must never know a rule or libcst.
"""

from __future__ import annotations

from poolaudit.facts import Operation, Point, PoolSite


def first_task(site: PoolSite) -> Operation | None:
    """The first operation that hands over a task, where all of them stand in one scope of this file."""
    operations = [each for each in site.operations if each.task is not None]
    alone = all(each.process_only and each.sites == (site.index,) for each in operations)
    if not alone or len({each.point.scope for each in operations}) != 1:
        return None
    return min(operations, key=lambda each: each.point.order)


def forks(site: PoolSite) -> Point | None:
    """Where forked workers come into being; None where it is not seen."""
    if site.foreign:
        return None
    if site.kind == "pool":
        return site.point
    first = first_task(site) if site.kind == "executor" else None
    return first.point if first is not None else None
