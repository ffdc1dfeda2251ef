"""What an operation sends to a worker: every value that is certainly pickled for it.

Knows which arguments of which method belong to the task, and which containers and iterators hand their elements on.
Must never know a rule, or which values can be pickled.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.facts import Argument, Operation, Value
from poolaudit.survey.families import MAP_METHODS

APPLY = frozenset({"apply", "apply_async"})
ELEMENTS = frozenset({"builtins.zip", "builtins.enumerate", "itertools.product", "itertools.chain"})
"""Calls whose elements are, or are made of, the elements of their arguments."""

HOLDERS = frozenset({
    "builtins.zip", "builtins.enumerate", "builtins.map", "builtins.filter", "functools.partial", "collections.defaultdict",
})  # fmt: skip
"""Calls whose result is picklable if all arguments are: pickling it pickles them."""

DISPLAYS = ("tuple", "list", "set", "dict")
COMPREHENSIONS = ("comprehension", "generator")


def payload(operation: Operation) -> Iterator[Value]:
    """Every value that is pickled with the task of `operation`, containers and then their elements, the task itself left out.

    Only what is certain: the elements of displays, of zip, repeat and their like; nothing behind an unknown call.
    """
    task = operation.task
    for bound in task.bound if task else ():
        yield from opened(bound.value)
    if operation.method in APPLY:
        for name, position in (("args", 1), ("kwds", 2)):
            argument = operation.argument(name, position)
            if argument is not None and not argument.star and argument.value.kind in DISPLAYS:
                for item in argument.value.items:
                    yield from opened(item)
    elif operation.method in ("submit", "run_in_executor"):
        for argument in _after_task(operation):
            if not argument.star:
                yield from opened(argument.value)
    elif operation.method in MAP_METHODS:
        for iterable in _iterables(operation):
            for element in elements(iterable):
                yield from opened(element)


def opened(value: Value) -> Iterator[Value]:
    """The value and all that is pickled with it, where it is a display, a defaultdict or an iterator such as map(..)."""
    yield value
    if value.kind in DISPLAYS or (value.kind in ("call", "partial") and value.api in HOLDERS):
        for item in value.items:
            yield from opened(item)


def elements(iterable: Value) -> Iterator[Value]:
    """What iterating `iterable` certainly gives, or gives as a part of an element."""
    if iterable.kind == "call" and iterable.api == "itertools.repeat":
        yield from iterable.items[:1]
    elif iterable.kind == "call" and iterable.api in ELEMENTS:
        for item in iterable.items:
            yield from elements(item)
    elif iterable.kind in COMPREHENSIONS or (iterable.kind in DISPLAYS and iterable.kind != "dict"):
        yield from iterable.items


def _after_task(operation: Operation) -> tuple[Argument, ...]:
    """The arguments after the callable: what submit and run_in_executor pass on to it."""
    task = operation.task
    return tuple(argument for argument in operation.arguments if task and argument.span.start > task.span.start)


def _iterables(operation: Operation) -> Iterator[Value]:
    """The iterables of a map-like method; an executor's map takes several."""
    if operation.method == "map" and operation.handle.kind == "iterator":
        for argument in _after_task(operation):
            if argument.keyword is None and not argument.star:
                yield argument.value
    elif operation.iterable is not None:
        yield operation.iterable
