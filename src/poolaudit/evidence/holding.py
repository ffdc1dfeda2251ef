"""What an object carries along that cannot be pickled: a lock, a file, a pool in one of its attributes.

Knows what the methods of a class store in `self`, and that pickling an object, or a method bound to it, pickles all of its
attributes. Must never know a rule. What may be replaced, left out or never set is not certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from poolaudit.evidence.payload import opened
from poolaudit.evidence.unpicklable import (
    local_code,
    pickling_is_taught,
    pool_or_result,
    shared_primitive,
    unpicklable,
    unpicklable_base,
)
from poolaudit.facts import AttributeStore, ClassFact, FileFacts, Operation, Point, Span, Task, before, dominates

_PLAIN_BASES = frozenset({"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol"})
_PLAIN_DECORATORS = frozenset({"dataclasses.dataclass", "functools.total_ordering", "typing.final"})
PROCESS = "multiprocessing.Process"
_TRICKS = re.compile(r"\b(?:delattr|setattr|vars)\(|\b__dict__\b")
"""By these a class may do to its attributes what no store tells."""


class Held(Struct, frozen=True):
    """Something that cannot be pickled, and that an object takes along."""

    attribute: str
    """'lock', or 'db.connection' one object further; '' where the object itself is such a thing."""
    what: str
    """'a threading Lock'."""
    where: Span
    """What is stored, or the base class that makes the object such a thing."""
    certain: bool

    @property
    def told(self) -> str:
        """'holds a threading Lock in `lock`', as a message says it of the object."""
        return f"holds {self.what} in `{self.attribute}`" if self.attribute else f"is {self.what}"


class Pickled(Struct, frozen=True):
    """Where and when an object is pickled."""

    name: str = ""
    """How the object is written there."""
    point: Point | None = None
    """None: some time later."""
    pool: str = ""
    """How the pool is written whose method is called there."""
    runs: int | None = None
    """The function that the worker runs with it."""
    starting: bool = False
    """It goes to a worker that is being started, and may take locks and queues of multiprocessing along."""


def with_task(file: FileFacts, operation: Operation, name: str) -> Pickled:
    """An object that is written `name`, pickled with the task of the operation or its arguments."""
    runs = operation.task.function if operation.task else None
    return Pickled(name, operation.point, file.cut(operation.receiver), runs)


def held(file: FileFacts, identity: int | None, pickled: Pickled) -> Held | None:
    """What an object of the class takes along that cannot be pickled: something that is certain, if anything is."""
    found = [] if pickling_is_taught(file) else list(_held(file, identity, pickled, frozenset()))
    return next((each for each in found if each.certain), found[0] if found else None)


def taken_along(file: FileFacts, task: Task) -> int | None:
    """The class whose object is pickled with the task: that of a callable object, or the one that a method is bound to."""
    if task.kind == "instance":
        return task.class_id
    method = file.functions.get(task.function) if task.kind == "method" and task.function is not None else None
    if method is None or any(decorator.api == "builtins.classmethod" for decorator in method.decorators):
        return None
    return task.class_id  # None for a staticmethod, and for a method of the class itself


def pickled_by_attributes(file: FileFacts, owner: ClassFact, exactly: bool = False) -> bool:
    """Pickling an object of the class pickles all of its attributes, as far as is known: nothing leaves any out.

    `exactly`: its class is this one, and none derived from it.
    """
    lineage = _lineage(file, owner)
    below = owner.custom_pickle_below and not exactly
    return lineage is not None and not below and not any(_has_pickle_of_its_own(file, each) for each in lineage)


def _held(file: FileFacts, identity: int | None, pickled: Pickled, around: frozenset[int]) -> Iterator[Held]:
    owner = file.classes.get(identity) if identity is not None and identity not in around else None
    if owner is None or not pickled_by_attributes(file, owner):
        return
    lineage = _lineage(file, owner) or []
    for base in (base for each in lineage for base in each.bases):
        what = unpicklable_base(base.api)
        if what or (base.api == PROCESS and not pickled.starting):
            yield Held("", what or "a multiprocessing Process", base.span, certain=True)
    inits = _inits(lineage)
    in_worker = {each.id for each in file.reachable(pickled.runs)}
    never = ({each.methods.get("__init__") for each in lineage} | in_worker) - inits
    stores = [store for each in lineage for store in each.stores if store.point.scope not in never]
    for name in dict.fromkeys(store.name for store in stores if not any(store.name in each.methods for each in lineage)):
        mine = [store for store in stores if store.name == name]
        parts = [(store, part) for store in mine for part in _parts(file, store, pickled, around | {owner.id})]
        if parts:
            yield from _judged(file, pickled, inits, mine, parts)


def _lineage(file: FileFacts, owner: ClassFact) -> list[ClassFact] | None:
    """The class and all its bases of the project; None where another base may decide how its objects are pickled."""
    found = [owner]
    for base in owner.bases:
        if base.class_id is not None and base.class_id in file.classes:
            above = _lineage(file, file.classes[base.class_id])
            if above is None:
                return None
            found += above
        elif base.api not in _PLAIN_BASES | {PROCESS} and not unpicklable_base(base.api):
            return None
    return found


def _has_pickle_of_its_own(file: FileFacts, owner: ClassFact) -> bool:
    if owner.custom_pickle or _TRICKS.search(file.cut(owner.span)):
        return True
    return any(decorator.api not in _PLAIN_DECORATORS for decorator in owner.decorators)


def _inits(lineage: list[ClassFact]) -> set[int]:
    """The methods that run for every new object: the first __init__ and those that it plainly calls, or a dataclass's own."""
    found = set()
    for owner in lineage:
        made = any(decorator.api == "dataclasses.dataclass" for decorator in owner.decorators)
        init = owner.methods.get("__post_init__" if made else "__init__")
        if init is not None:
            found.add(init)
            if made or owner.super_init is None:
                break
    return found


def _parts(file: FileFacts, store: AttributeStore, pickled: Pickled, around: frozenset[int]) -> Iterator[Held]:
    """What cannot be pickled in the value that is stored."""
    for value in opened(store.value) if store.value is not None else ():
        code = local_code(file, value.function, value.text) if value.kind in ("lambda", "function") else None
        shared = None if pickled.starting else shared_primitive(value)
        what = code or shared or pool_or_result(file, value) or unpicklable(file, value)
        if what:
            yield Held(store.name, what, value.span, certain=True)
        elif value.kind == "instance":
            for inner in _held(file, value.class_id, pickled, around):
                yield replace(inner, attribute=f"{store.name}.{inner.attribute}".rstrip("."))


def _judged(
    file: FileFacts, pickled: Pickled, inits: set[int], stores: list[AttributeStore], parts: list[tuple[AttributeStore, Held]]
) -> Iterator[Held]:
    """The parts that are in the attribute when the object is pickled."""
    faulty = [store for store, _ in parts]
    only = all(store in faulty for store in stores) and not _is_set_from_outside(file, stores[0].name)
    point = pickled.point
    while_made = point is not None and point.scope in {each.id for each in file.reachable(*inits)}
    for store, part in parts:
        here = point is not None and store.point.scope == point.scope
        if point is not None and here and not before(store.point, point):
            continue
        fresh = point is not None and dominates(store.point, point) and _is_last(store, stores, point)
        if fresh or (pickled.pool and pickled.pool == f"{pickled.name}.{store.name}"):
            yield part
        elif only:
            always = store.point.scope in inits and _is_unconditional(store) and not while_made
            yield replace(part, certain=part.certain and always)


def _is_last(store: AttributeStore, stores: list[AttributeStore], point: Point) -> bool:
    """No other store to the attribute comes between it and the point."""
    others = (other.point for other in stores if other is not store)
    return not any(before(store.point, other) and before(other, point) for other in others)


def _is_unconditional(store: AttributeStore) -> bool:
    return all(step.block.kind in ("with", "try") and step.arm in ("body", "finally") for step in store.point.path)


def _is_set_from_outside(file: FileFacts, name: str) -> bool:
    """Something like `worker.lock = None` stands in the file."""
    return re.search(rf"\b(?!self\b)\w+\.{re.escape(name)}[ \t]*=[^=]|\bdel\b[^\n]*\.{re.escape(name)}\b", file.text) is not None
