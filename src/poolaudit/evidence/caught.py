"""Whether an exception that is raised at a point is caught by the function around it.

Knows try statements and the names of exceptions. Must never know a pool, a rule or libcst.
"""

from __future__ import annotations

from poolaudit.facts import Point

_ALL = ("builtins.Exception", "builtins.BaseException")


def caught(point: Point, exception: str) -> bool:
    """An except clause around the point names `exception` ('builtins.ValueError'), or catches every error."""
    return any(
        not handler.types or any(name.api in (exception, *_ALL) for name in handler.types)
        for step in point.path
        if step.block.kind == "try" and step.arm == "body"
        for handler in step.block.handlers
    )
