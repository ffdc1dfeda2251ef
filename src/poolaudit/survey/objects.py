"""The abstract objects that an expression may evaluate to.

Knows their shapes only. Must never know how they come about (solve) or what is made of them (sites, uses, tasks).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExternalObject:
    """A module, class or function of another module, by canonical name."""

    name: str


@dataclass(frozen=True, slots=True)
class CalledObject:
    """What calling an external gave: an instance or a value."""

    name: str
    call: int


@dataclass(frozen=True, slots=True)
class FunctionObject:
    """A function of this file; `bound` is the class whose instance (or which itself) it is bound to."""

    function: int
    bound: int | None = None


@dataclass(frozen=True, slots=True)
class ClassObject:
    cls: int


@dataclass(frozen=True, slots=True)
class InstanceObject:
    """Any instance of a class of this file."""

    cls: int


@dataclass(frozen=True, slots=True)
class SuperObject:
    cls: int


@dataclass(frozen=True, slots=True)
class SiteObject:
    """The pool constructed by a call."""

    call: int


@dataclass(frozen=True, slots=True)
class ContextObject:
    """A multiprocessing context: family and start method ('' default, 'unknown')."""

    family: str
    method: str


@dataclass(frozen=True, slots=True)
class HandleObject:
    """What an operation gave back: async_result, future, iterator, aio_future."""

    call: int
    kind: str


@dataclass(frozen=True, slots=True)
class ResultObject:
    """A value that a worker returned, or a container of such values."""

    call: int


@dataclass(frozen=True, slots=True)
class ContainerObject:
    """A list, tuple, set, dict, generator or lazy view, by what makes it. form 'view': lazy, passes its source's elements on."""

    key: Hashable
    form: str


@dataclass(frozen=True, slots=True)
class PartialObject:
    call: int


@dataclass(frozen=True, slots=True)
class BoundObject:
    """owner.name, where the owner is a site, handle, container, context or partial."""

    owner: SiteObject | HandleObject | ContainerObject | ContextObject | PartialObject | ResultObject
    name: str


@dataclass(frozen=True, slots=True)
class CoroutineObject:
    function: int


@dataclass(frozen=True, slots=True)
class ManagedObject:
    """A call of a function under @contextmanager."""

    function: int


DICTS = ("dict", "OrderedDict", "Counter")
"""Forms of containers that are iterated by their keys."""

Object = (
    ExternalObject
    | CalledObject
    | FunctionObject
    | ClassObject
    | InstanceObject
    | SuperObject
    | SiteObject
    | ContextObject
    | HandleObject
    | ResultObject
    | ContainerObject
    | PartialObject
    | BoundObject
    | CoroutineObject
    | ManagedObject
)
