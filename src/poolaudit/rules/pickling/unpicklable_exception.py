"""A worker raises an exception that cannot be rebuilt in the parent.

Why it hurts: an exception comes back as its class and `args`, and is rebuilt by calling the class with them. `args` is what
reached super().__init__(..): where __init__ wants other arguments than that, the call fails in the parent. Then a Pool hangs
for ever, because the thread that reads results has died, and an executor is broken: BrokenProcessPool, and its other results
are lost.

When it is fine: __init__ passes on all that it requires, or never calls super().__init__ and is given no keywords; __reduce__
or the like is defined; the worker catches the exception.

Fix: adds __reduce__, where an attribute keeps each parameter of __init__. Unsafe (subclass-arguments): a subclass whose
__init__ takes other arguments needs a __reduce__ of its own.

Limitations: sees exception classes and workers of the same file. An exception whose __init__ takes stars, or that calls
super().__init__ in several places, is left alone, and so is one that something on its way may catch.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Caveat, Fix, insert
from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.escaping import escaping
from poolaudit.evidence.exception_class import own_init, rebuilding_fails
from poolaudit.facts import ClassFact, FileFacts, Operation, PoolSite, Raised, Span
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

WANTS = "wants other arguments than super().__init__ gets"


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for operation in site.operations:
        if operation.process_only and operation.sites[0] == site.index:
            for raised, owner in _lethal(file, operation):
                if _first_to_raise(file, owner) is operation:
                    yield _finding(site, file, operation, raised, owner)


def _lethal(file: FileFacts, operation: Operation) -> Iterator[tuple[Raised, ClassFact]]:
    """The classes that the task raises and that cannot be rebuilt, each with its first `raise`."""
    if expects_failure(file, operation):
        return
    seen: set[int] = set()
    for raised, owner in escaping(file, operation.task):
        if owner.id not in seen and rebuilding_fails(file, owner, raised.arguments):
            seen.add(owner.id)
            yield raised, owner


def _first_to_raise(file: FileFacts, owner: ClassFact) -> Operation | None:
    """A class is reported once, for the first operation whose task raises it."""
    for _, operation in file.operations():
        if operation.process_only and any(found is owner for _, found in _lethal(file, operation)):
            return operation
    return None


def _finding(site: PoolSite, file: FileFacts, operation: Operation, raised: Raised, owner: ClassFact) -> Finding:
    harm = "the executor breaks" if site.kind == "executor" else "the Pool hangs for ever"
    class_line, task = _header(file, owner), operation.task.span if operation.task else operation.point.span
    foreign = bool(owner.span.path)
    return Finding(
        task if foreign else class_line,
        f"`{owner.name}` cannot be rebuilt from its `args` when a worker raises it: {harm}",
        label="raises it" if foreign else WANTS,
        related=(
            Related(raised.point.span, "raised in the worker"),
            Related(class_line, WANTS) if foreign else Related(task, "the task"),
        ),
        fix=None if foreign else _fix(file, owner),
    )


def _header(file: FileFacts, owner: ClassFact) -> Span:
    """`def __init__(..)` where the class has one, else its first line."""
    init = own_init(file, owner)
    if init is not None:
        return Span(init.span.start, init.parameters_span.end + 1, init.span.path)
    first_line = file.cut(owner.span).partition("\n")[0]
    return Span(owner.span.start, owner.span.start + len(first_line), owner.span.path)


def _fix(file: FileFacts, owner: ClassFact) -> Fix | None:
    """A __reduce__ that gives the class all arguments of its own __init__, from the attributes that keep them."""
    init = own_init(file, owner)
    if init is None or init.parameters.star or init.parameters.keyword_only_required:
        return None
    kept = {value.api: name for name, value in owner.attributes if value.kind == "parameter"}
    names = [name for name, _ in owner.attributes]
    wanted = [kept.get(parameter) for parameter in init.parameters.names]
    if None in wanted or any(names.count(str(name)) > 1 for name in wanted):
        return None
    newline = "\r\n" if "\r\n" in file.text else "\n"
    end = file.text.find("\n", init.span.end)
    end = len(file.text) if end < 0 else end - file.text.startswith("\r", end - 1)
    body = file.text[file.text.rfind("\n", 0, init.body.start) + 1 : init.body.start]
    if body.strip():
        return None
    arguments = ", ".join(f"self.{name}" for name in wanted) + ("," if len(wanted) == 1 else "")
    lines = ("", "", f"{init.indent}def __reduce__(self):", f"{body}return type(self), ({arguments}), self.__dict__")
    caveat = Caveat("subclass-arguments", "a subclass whose `__init__` takes other arguments needs its own `__reduce__`")
    return Fix("add `__reduce__`", "unsafe", (insert(end, newline.join(lines)),), caveats=(caveat,))


RULE = Rule(code="PA208", name="unpicklable-exception", severity="error", check=check, fix="unsafe", doc=__doc__)
