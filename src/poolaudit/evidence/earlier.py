"""What has happened before a point of a program, along the calls that lead to it.

Knows the order within one scope, which calls run a function, and that what importing the file does comes first. Must never know
a pool, a rule or libcst.
"""

from __future__ import annotations

from msgspec.structs import replace

from poolaudit.facts import MODULE_SCOPE, FileFacts, Point, dominates


def earlier(first: Point, second: Point, file: FileFacts) -> bool:
    """On some way through the program `first` has run, under no condition of its own, when `second` is reached."""
    if first.span.path or second.span.path:
        return False
    firsts, seconds = ran_by(first, file), reached_by(second, file)
    return any(_before(one, other, file) for one in firsts for other in seconds)


def reached_by(point: Point, file: FileFacts) -> tuple[Point, ...]:
    """The point, then the calls that lead to it, directly or through others: a moment each, in a scope of its own."""
    return _climb(point, file, certain=False)


def ran_by(point: Point, file: FileFacts) -> tuple[Point, ...]:
    """The point, then the calls that certainly run it."""
    return _climb(point, file, certain=True)


def through_loops(point: Point) -> Point:
    """The point, where the `for` loops and comprehensions around it are taken to run at least once."""
    looped = ("for", "comprehension")
    return replace(point, path=tuple(step for step in point.path if step.block.kind not in looped or step.arm == "orelse"))


def _climb(point: Point, file: FileFacts, *, certain: bool) -> tuple[Point, ...]:
    found, scopes = [point], set()
    for each in found:
        if each.scope in scopes or each.scope == MODULE_SCOPE or (certain and not _is_unconditional(each)):
            continue
        scopes.add(each.scope)
        found += [call.point for call in file.local_calls if each.scope in call.callees and (call.certain or not certain)]
    return tuple(found)


def _before(first: Point, second: Point, file: FileFacts) -> bool:
    if first.scope == second.scope:
        return dominates(first, second)
    at_import = first.scope == MODULE_SCOPE and _is_unconditional(first)
    return at_import and second.scope not in file.called_at_import


def _is_unconditional(point: Point) -> bool:
    """Nothing in its scope decides whether it runs."""
    return all(
        step.block.kind in ("with", "class") or (step.block.kind == "try" and step.arm in ("body", "finally"))
        for step in point.path
    )
