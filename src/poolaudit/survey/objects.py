"""The abstract objects that an expression may evaluate to.

Knows their shapes only. Must never know how they come about (solve) or what is made of them (sites, uses, tasks).
"""

from __future__ import annotations

from collections.abc import Hashable

from msgspec import Struct


class ExternalObject(Struct, frozen=True):
    """A module, class or function of another module, by canonical name."""

    name: str


class CalledObject(Struct, frozen=True):
    """What calling an external gave: an instance or a value."""

    name: str
    call: int


class FunctionObject(Struct, frozen=True):
    """A function of this file; `bound` is the class whose instance (or which itself) it is bound to."""

    function: int
    bound: int | None = None


class ClassObject(Struct, frozen=True):
    cls: int


class InstanceObject(Struct, frozen=True):
    """Any instance of a class of this file."""

    cls: int


class SuperObject(Struct, frozen=True):
    cls: int


class SiteObject(Struct, frozen=True):
    """The pool constructed by a call."""

    call: int


class ContextObject(Struct, frozen=True):
    """A multiprocessing context: family and start method ('' default, 'unknown')."""

    family: str
    method: str


class HandleObject(Struct, frozen=True):
    """What an operation gave back: async_result, future, iterator, aio_future."""

    call: int
    kind: str


class ResultObject(Struct, frozen=True):
    """A value that a worker returned, or a container of such values."""

    call: int


class ContainerObject(Struct, frozen=True):
    """A list, tuple, set, dict, generator or lazy view, by what makes it. form 'view': lazy, passes its source's elements on."""

    key: Hashable
    form: str


class PartialObject(Struct, frozen=True):
    call: int


class BoundObject(Struct, frozen=True):
    """owner.name, where the owner is a site, handle, container, context or partial."""

    owner: SiteObject | HandleObject | ContainerObject | ContextObject | PartialObject | ResultObject
    name: str


class CoroutineObject(Struct, frozen=True):
    function: int


class ManagedObject(Struct, frozen=True):
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
