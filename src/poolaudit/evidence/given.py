"""Which value each parameter of a task gets.

Knows how the methods of a pool hand arguments on, and what functools.partial binds. Must never know a rule, or what is done with
a parameter.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.payload import APPLY, COMPREHENSIONS
from poolaudit.facts import Function, Operation, Task, Value


def given(operation: Operation, task: Task, function: Function) -> Iterator[tuple[str, Value]]:
    """Parameters by name, with what they get in each call of the task, where that is plain and the same for all of them."""
    unbound = task.kind == "method" and task.class_id is None
    behind = [argument for argument in operation.arguments if argument.span.start > task.span.start]
    if unbound or function.decorators or any(argument.star for argument in (*behind, *task.bound)):
        return
    names = function.parameters.names
    bound = [argument.value for argument in task.bound if argument.keyword is None]
    yield from zip(names, bound, strict=False)
    yield from ((argument.keyword, argument.value) for argument in task.bound if argument.keyword)
    plain = [argument.value for argument in behind if argument.keyword is None]
    yield from zip(names[len(bound) :], _handed_on(operation, plain), strict=False)


def _handed_on(operation: Operation, plain: list[Value]) -> Iterator[Value]:
    """What the task gets by position; iterables stand for what they repeat."""
    if operation.method in ("submit", "run_in_executor"):
        yield from plain
    elif operation.method in APPLY:
        yield from plain[0].items if plain else ()
    elif operation.method.startswith("starmap") and plain and plain[0].api == "builtins.zip":
        yield from map(_repeated, plain[0].items)
    elif operation.method.startswith("starmap") and plain and plain[0].items:
        same = plain[0].kind in COMPREHENSIONS or len({item.text for item in plain[0].items}) == 1
        yield from plain[0].items[0].items if same else ()
    elif operation.method == "map" and operation.handle.kind == "iterator":
        yield from map(_repeated, plain)


def _repeated(iterable: Value) -> Value:
    return iterable.items[0] if iterable.api == "itertools.repeat" and iterable.items else iterable
