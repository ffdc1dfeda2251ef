"""What comes out of an object without calling it: attributes, elements, what `with` and `await` give.

Must never know what a call gives.
"""

from __future__ import annotations

import sys

from poolaudit.survey import ir
from poolaudit.survey.families import APIS
from poolaudit.survey.objects import (
    DICTS,
    BoundObject,
    CalledObject,
    ClassObject,
    ContainerObject,
    ContextObject,
    CoroutineObject,
    ExternalObject,
    FunctionObject,
    HandleObject,
    InstanceObject,
    ManagedObject,
    Object,
    PartialObject,
    ResultObject,
    SiteObject,
    SuperObject,
)
from poolaudit.survey.scopes import Scopes

_MANAGED = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})
_PROPERTIES = frozenset({"builtins.property", "functools.cached_property", "django.utils.functional.cached_property"})

_WAITED = ("done", "not_done")
"""Names of the two sets that concurrent.futures.wait gives."""

_LIBRARY = sys.stdlib_module_names - {"builtins"}

_LONGEST_NAME = 7
"""Dots in a canonical name beyond which nothing is followed: the longest API of interest has four."""


class Members(Scopes):
    """What attributes, elements, entered and awaited objects are."""

    def __init__(self, trace: ir.Trace) -> None:
        super().__init__(trace)
        self.attribute_sources: dict[tuple[int, str], set[int]] = {}
        self.inherited: set[int] = set()
        """Attribute nodes that may be a method that a class of the project has from a class of the standard library."""
        self._stored_names: set[tuple[int | None, str | None]] = {(self._stored_on(store), store.name) for store in trace.stores}

    def stored_in(self, cls: int, name: str) -> set[int]:
        """The nodes that any method of the class's family stores in the attribute."""
        return self.attribute_sources.get((self._family[cls], name), set())

    def _add_external(self, cell: int, name: str, depth: int = 0) -> None:
        """A name of another module: what that module binds, where it is one of the project and was read."""
        module, rest = self._split(name)
        if module is None or not rest or depth > _LONGEST_NAME:
            self._add(cell, ExternalObject(name))
            return
        record = self.trace.functions[module]
        bounds = record.bindings.get(rest[0])
        if bounds is None:
            for star in record.stars:
                inner, _ = self._split(f"{star}.{rest[0]}")
                if inner is not None and inner != module:
                    self._add_external(cell, ".".join((star, *rest)), depth + 1)
                    return
            self._add(cell, ExternalObject(name))
            return
        if len(rest) == 1:
            for bound in bounds:
                self._edge(bound.node, cell)
            return
        first = self._cell("named", module, rest[0])
        for bound in bounds:
            self._edge(bound.node, first)
        for index, part in enumerate(rest[1:], start=1):
            last = cell if index == len(rest) - 1 else self._cell("named", module, *rest[: index + 1])
            self._watch(first, lambda value, last=last, part=part: self._attribute(last, part, value))  # type: ignore[misc]
            first = last

    def _iterate(self, source: int, target: int) -> None:
        """What iterating `source` yields flows into `target`."""

        def iterated(value: Object) -> None:
            if isinstance(value, ContainerObject):
                self._edge(self._cell("key" if value.form in DICTS else "element", value.key), target)
            elif isinstance(value, HandleObject) and value.kind == "iterator":
                self._add(target, ResultObject(value.call))
            elif isinstance(value, ResultObject):
                self._add(target, value)

        self._watch(source, iterated)

    def _attribute(self, number: int, name: str, value: Object) -> None:
        if isinstance(value, (ExternalObject, CalledObject)):
            # `while x: x = x.next` would grow a name for ever
            if value.name.count(".") < _LONGEST_NAME:
                if isinstance(value, CalledObject):
                    self._add(number, ExternalObject(f"{value.name}().{name}"))
                else:
                    self._add_external(number, f"{value.name}.{name}")
        elif isinstance(value, (InstanceObject, ClassObject)):
            self._member(number, name, value)
        elif isinstance(value, SuperObject):
            for base in self.class_bases[value.cls]:
                method = self.find_method(base, name)
                if method is not None:
                    self._add(number, FunctionObject(method, value.cls))
        elif isinstance(value, ContainerObject) and name in _WAITED and value.form == "waited":
            self._edge(self._cell("at", value.key, _WAITED.index(name)), number)
        elif isinstance(value, (SiteObject, HandleObject, ContainerObject, ContextObject, PartialObject, ResultObject)):
            self._add(number, BoundObject(value, name))

    def _member(self, number: int, name: str, value: InstanceObject | ClassObject) -> None:
        self._edge(self._cell("attribute", self._family[value.cls], name), number)
        for cls in self.mro(value.cls):
            record = self.trace.classes[cls]
            method = record.methods.get(name)
            if method is not None:
                if _PROPERTIES & set(self._decorator_names[method]):
                    self._edge(self._cell("return", method), number)
                elif isinstance(value, InstanceObject) or "builtins.classmethod" in self._decorator_names[method]:
                    static = "builtins.staticmethod" in self._decorator_names[method]
                    self._add(number, FunctionObject(method, None if static else value.cls))
                else:
                    self._add(number, FunctionObject(method))
                return
            if name in record.members:
                for member in record.members[name]:
                    self._edge(member, number)
                return
        # what only subclasses define is found through any of them
        inherits = True
        for other, family in enumerate(self._family):
            if family != self._family[value.cls]:
                continue
            record = self.trace.classes[other]
            inherits = inherits and name not in record.methods and name not in record.members
            if name in record.methods:
                if isinstance(value, InstanceObject):
                    self._add(number, FunctionObject(record.methods[name], value.cls))
            elif name in record.members:
                for member in record.members[name]:
                    self._edge(member, number)
        if inherits and self._stored_names.isdisjoint({(None, name), (self._family[value.cls], name)}):
            self._inherit(number, name, value)

    def _inherit(self, number: int, name: str, value: InstanceObject | ClassObject) -> None:
        """What nothing in the project defines or stores belongs to the base class of the standard library.

        Other libraries' classes are not known well enough, those of other files are read; a pool's own methods are operations.
        """
        for base in self.external_bases(value.cls):
            if base not in APIS and base.partition(".")[0] in _LIBRARY:
                self.inherited.add(number)
                self._add(number, ExternalObject(f"{base}{'()' if isinstance(value, InstanceObject) else ''}.{name}"))

    def _stored_on(self, store: ir.Stored) -> int | None:
        """The family of classes to which `self.x = ..` belongs; None for an object that is not plainly the own one."""
        base = self.trace.nodes[store.base]
        target = self.trace.nodes[base.target] if isinstance(base, ir.Reference) and base.target is not None else base
        if isinstance(target, ir.ParameterValue) and self._is_receiver(target.function, target.name):
            cls = self.trace.functions[target.function].class_id
            return None if cls is None else self._family[cls]
        return None

    def _subscript(
        self, number: int, position: int | None, value: Object, *, whole: bool = False, unpacking: bool = False
    ) -> None:
        if isinstance(value, ContainerObject):
            if whole:
                self._add(number, value)
            elif value.form in ("tuple at", "waited") and position is not None:
                self._edge(self._cell("at", value.key, position), number)
            elif unpacking and value.form in DICTS:
                self._edge(self._cell("key", value.key), number)
            else:
                self._edge(self._cell("element", value.key), number)
        elif isinstance(value, ResultObject):
            self._add(number, value)
        elif isinstance(value, HandleObject) and value.kind == "iterator" and unpacking:
            self._add(number, ResultObject(value.call))
        elif isinstance(value, ClassObject) or (isinstance(value, ExternalObject) and _is_generic(value.name)):
            # Generic[T] is the class itself
            self._add(number, value)
        elif isinstance(value, ExternalObject) and value.name.count(".") < _LONGEST_NAME and not value.name.endswith("[]"):
            self._add(number, ExternalObject(f"{value.name}[]"))

    def _enter(self, number: int, value: Object) -> None:
        if isinstance(value, ManagedObject):
            self._edge(self._cell("element", ("generator", value.function)), number)
        elif isinstance(value, InstanceObject) and (method := self.find_method(value.cls, "__enter__")) is not None:
            self._edge(self._cell("return", method), number)
        else:
            self._add(number, value)

    def _await(self, number: int, value: Object) -> None:
        if isinstance(value, CoroutineObject):
            self._edge(self._cell("return", value.function), number)
        elif isinstance(value, HandleObject):
            self._add(number, ResultObject(value.call))
        elif isinstance(value, (ResultObject, CalledObject)):
            self._add(number, value)


def _is_generic(name: str) -> bool:
    """It is spelled like a class, or is one of the builtins: list[int]() makes a list."""
    leaf = name.rpartition(".")[2]
    return name in APIS or name.startswith("builtins.") or (leaf[:1].isupper() and not leaf.isupper())
