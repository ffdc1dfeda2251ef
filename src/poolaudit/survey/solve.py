"""From a trace to what every node may be: a points-to analysis.

Each node is a cell that holds abstract objects. This room states one constraint per node and answers questions about the outcome;
worklist, scopes, members and calls lie below it. Must never know a rule, a span or libcst.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Hashable, Iterable, Set
from typing import Any

from poolaudit.survey import ir
from poolaudit.survey.calls import Calls
from poolaudit.survey.families import APIS, canonical
from poolaudit.survey.objects import (
    ClassObject,
    ContainerObject,
    ExternalObject,
    FunctionObject,
    HandleObject,
    InstanceObject,
    Object,
    SiteObject,
)


class Solution(Calls):
    """What a solved trace says. Ask `points(node)`; `sure(node)` tells whether that is all it can be."""

    def __init__(self, trace: ir.Trace) -> None:
        super().__init__(trace)
        self._seed()
        self._run()
        for number in [number for number, sites in self.operations.items() if "run_in_executor" in sites.values()]:
            if self._is_own_method(number):
                del self.operations[number]

    def _is_own_method(self, call: int) -> bool:
        """The call is one of the project's functions: no event loop's method of that name."""
        node = self.trace.nodes[call]
        points = self._points[node.callee] if isinstance(node, ir.Call) else {}
        return bool(points) and all(isinstance(point, FunctionObject) for point in points)

    def points(self, node: int) -> Set[Object]:
        """What the node may be. See `sure` for whether it may be anything else."""
        return self._points[node].keys()

    def external(self, node: int) -> str | None:
        """The canonical name, when the node is one external and nothing else."""
        found = self._points[node]
        if len(found) == 1:
            only = next(iter(found))
            if isinstance(only, ExternalObject):
                return canonical(only.name)
        return None

    def cell_points(self, *key: Hashable) -> Set[Object]:
        """What a named cell holds: ("element", container key), ("key", ..), ("at", .., position)."""
        cell = self._cells.get(key)
        return set() if cell is None else self._points[cell].keys()

    def containers(self) -> set[ContainerObject]:
        """Every container that some cell may hold."""
        return {value for points in self._points for value in points if isinstance(value, ContainerObject)}

    def held(self, container: ContainerObject) -> Set[Object]:
        """What a container's elements and keys may be."""
        return self.cell_points("element", container.key) | self.cell_points("key", container.key)

    def sure(self, node: int, seen: set[int] | None = None) -> bool:
        """The node can be nothing but what `points` says (None and other constants aside)."""
        seen = set() if seen is None else seen
        if node in seen:
            return True
        if self._same[node] in self._crowded:
            return False
        seen.add(node)
        value = self.trace.nodes[node]
        if isinstance(value, (ir.Constant, ir.External, ir.FunctionValue, ir.ClassValue, ir.Display, ir.Comprehension)):
            return True
        if isinstance(value, ir.Reference):
            if value.target is not None:
                return self.sure(value.target, seen)
            found = self.bindings(value.name, value.scope)
            return bool(self._points[node]) if found is None else all(self.sure(bound.node, seen) for bound in found[1])
        if isinstance(value, ir.Choice):
            return all(self.sure(part, seen) for part in value.parts)
        if isinstance(value, ir.ParameterValue):
            if self._is_receiver(value.function, value.name):
                return True
            sources = self.parameter_sources.get((value.function, value.name), set())
            return bool(sources) and all(self.sure(source, seen) for source in sources)
        if isinstance(value, ir.Attribute):
            return self._sure_attribute(node, value, seen)
        if isinstance(value, ir.Call):
            functions = self.callees.get(node, set())
            returns = [result for function in functions for result in self.trace.functions[function].returns]
            known = bool(self._points[node]) and self._same[value.callee] not in self._crowded
            return known and all(self.sure(result, seen) for result in returns)
        if isinstance(value, (ir.Entered, ir.Awaited)):
            return bool(self._points[node]) and self.sure(value.base, seen)
        return bool(self._points[node]) and not isinstance(value, (ir.Joined, ir.Opaque))

    def may_be_constant(self, node: int, seen: set[int] | None = None) -> bool:
        """A constant (None, a number) is among what the node may be."""
        seen = set() if seen is None else seen
        if node in seen:
            return False
        seen.add(node)
        value = self.trace.nodes[node]
        sources: Iterable[int] = ()
        if isinstance(value, ir.Constant):
            return True
        if isinstance(value, ir.Reference):
            found = None if value.target is not None else self.bindings(value.name, value.scope)
            sources = [value.target] if value.target is not None else [] if found is None else [b.node for b in found[1]]
        elif isinstance(value, ir.Choice):
            sources = value.parts
        elif isinstance(value, ir.ParameterValue):
            parameters = self.trace.functions[value.function].parameters
            defaults = [p.default for p in parameters if p.name == value.name and p.default is not None]
            sources = [*defaults, *self.parameter_sources.get((value.function, value.name), ())]
        elif isinstance(value, ir.Attribute):
            owners = [p for p in self._points[value.base] if isinstance(p, (InstanceObject, ClassObject))]
            sources = {source for owner in owners for source in self.stored_in(owner.cls, value.name)}
        elif isinstance(value, ir.Call):
            sources = [r for f in self.callees.get(node, ()) for r in self.trace.functions[f].returns]
        elif isinstance(value, (ir.Entered, ir.Awaited)):
            sources = [value.base]
        return any(self.may_be_constant(source, seen) for source in sources)

    def _sure_attribute(self, node: int, value: ir.Attribute, seen: set[int]) -> bool:
        if not self._points[node] or self._same[value.base] in self._crowded:
            return False
        for base in self._points[value.base]:
            if isinstance(base, (InstanceObject, ClassObject)):
                sources = self.attribute_sources.get((self._family[base.cls], value.name), set())
                if not all(self.sure(source, seen) for source in sources):
                    return False
        return True

    def _seed(self) -> None:
        for number, node in enumerate(self.trace.nodes):
            seeder = _SEEDERS.get(type(node))
            if seeder is not None:
                seeder(self, number, node)
        for store in self.trace.stores:
            self._seed_store(store)
        for function in self.trace.functions:
            returned = self._cell("return", function.id)
            for result in function.returns:
                self._edge(result, returned)
            yielded = self._cell("element", ("generator", function.id))
            for result in function.yields:
                self._edge(result, yielded)

    def _seed_external(self, number: int, node: ir.External) -> None:
        self._add_external(number, node.name)

    def _seed_function(self, number: int, node: ir.FunctionValue) -> None:
        self._add(number, FunctionObject(node.function))

    def _seed_class(self, number: int, node: ir.ClassValue) -> None:
        self._add(number, ClassObject(node.cls))

    def _seed_attribute(self, number: int, node: ir.Attribute) -> None:
        name = node.name
        self._watch(node.base, lambda value: self._attribute(number, name, value))

    def _seed_subscript(self, number: int, node: ir.Subscript) -> None:
        index = None if node.index is None else self.trace.nodes[node.index]
        position = index.value if isinstance(index, ir.Constant) and isinstance(index.value, int) else None
        whole = node.index is None
        self._watch(node.base, lambda value: self._subscript(number, position, value, whole=whole))

    def _seed_element(self, number: int, node: ir.Element) -> None:
        self._iterate(node.base, number)

    def _seed_unpacked(self, number: int, node: ir.Unpacked) -> None:
        part = node.position
        self._watch(node.base, lambda value: self._subscript(number, part, value, unpacking=True))

    def _seed_entered(self, number: int, node: ir.Entered) -> None:
        self._watch(node.base, lambda value: self._enter(number, value))

    def _seed_awaited(self, number: int, node: ir.Awaited) -> None:
        self._watch(node.base, lambda value: self._await(number, value))

    def _seed_choice(self, number: int, node: ir.Choice) -> None:
        for part in node.parts:
            self._edge(part, number)

    def _seed_comprehension(self, number: int, node: ir.Comprehension) -> None:
        self._edge(node.element, self._cell("element", number))
        if node.key is not None:
            self._edge(node.key, self._cell("key", number))
        self._add(number, ContainerObject(number, "view" if node.form == "generator" else node.form))

    def _seed_joined(self, number: int, node: ir.Joined) -> None:
        for side in (node.left, node.right):
            if node.sets:
                self._watch(side, lambda value: self._contain(number, value))
            else:
                self._edge(side, number)

    def _seed_call(self, number: int, node: ir.Call) -> None:
        self._watch(node.callee, lambda value: self._call(number, node, value))
        self._seed_by_name(number, node)

    def _contain(self, number: int, value: Object) -> None:
        """Numbers are subtracted as well: of those nothing is followed."""
        if isinstance(value, ContainerObject):
            self._add(number, value)

    def _seed_parameter(self, number: int, node: ir.ParameterValue) -> None:
        function = self.trace.functions[node.function]
        self._edge(self._cell("parameter", node.function, node.name), number)
        parameter = next(p for p in function.parameters if p.name == node.name)
        if parameter.default is not None:
            self._edge(parameter.default, number)
        if parameter.kind == "star":
            self._add(number, ContainerObject(("star", node.function), "tuple"))
        if self._is_receiver(node.function, node.name) and function.class_id is not None:
            if "builtins.classmethod" in self._decorator_names[node.function]:
                self._add(number, ClassObject(function.class_id))
            else:
                self._add(number, InstanceObject(function.class_id))

    def _seed_reference(self, number: int, node: ir.Reference) -> None:
        if node.target is not None:
            return
        found = self.bindings(node.name, node.scope)
        if found is not None:
            for bound in found[1]:
                self._edge(bound.node, number)
            return
        for star in self.trace.functions[self.trace.functions[node.scope].module].stars:
            module, rest = self._split(f"{star}.{node.name}")
            known = module is not None and rest and rest[0] in self.trace.functions[module].bindings
            if known or canonical(f"{star}.{node.name}") in APIS:
                self._add_external(number, f"{star}.{node.name}")
                return
        if hasattr(builtins, node.name):
            self._add(number, ExternalObject(f"builtins.{node.name}"))

    def _seed_display(self, number: int, node: ir.Display) -> None:
        elements = self._cell("element", number)
        for position, element in enumerate(node.elements):
            self._edge(element, elements)
            if node.form == "tuple" and not node.stars:
                self._edge(element, self._cell("at", number, position))
        for key in node.keys:
            self._edge(key, self._cell("key", number))
        for star in node.stars:
            self._iterate(star, elements)
        form = "tuple at" if node.form == "tuple" and not node.stars else node.form
        self._add(number, ContainerObject(number, form))

    def _seed_store(self, store: ir.Stored) -> None:
        def stored(value: Object) -> None:
            if isinstance(value, (InstanceObject, ClassObject)) and store.name is not None:
                key = (self._family[value.cls], store.name)
                self.attribute_sources.setdefault(key, set()).add(store.node)
                self._edge(store.node, self._cell("attribute", *key))
            elif isinstance(value, ContainerObject) and store.name is None:
                self._edge(store.node, self._cell("element", value.key))
                if store.key is not None:
                    self._edge(store.key, self._cell("key", value.key))

        self._watch(store.base, stored)

    def _seed_by_name(self, number: int, node: ir.Call) -> None:
        """loop.run_in_executor(executor, ..): the loop is hardly ever known, its method's name is enough."""
        callee = self.trace.nodes[node.callee]
        if isinstance(callee, ir.Attribute) and callee.name == "run_in_executor":
            executor = next((a.value for a in node.arguments if a.keyword == "executor"), None)
            if executor is None and node.arguments and not node.arguments[0].star and node.arguments[0].keyword is None:
                executor = node.arguments[0].value
            if executor is not None:
                self._watch(executor, lambda value: self._run_in_executor(number, value))

    def _run_in_executor(self, number: int, value: Object) -> None:
        if isinstance(value, SiteObject):
            self.operations.setdefault(number, {})[value.call] = "run_in_executor"
            self._add(number, HandleObject(number, "aio_future"))


_SEEDERS: dict[type[ir.Node], Callable[[Solution, int, Any], None]] = {
    ir.External: Solution._seed_external,
    ir.FunctionValue: Solution._seed_function,
    ir.ClassValue: Solution._seed_class,
    ir.ParameterValue: Solution._seed_parameter,
    ir.Reference: Solution._seed_reference,
    ir.Attribute: Solution._seed_attribute,
    ir.Subscript: Solution._seed_subscript,
    ir.Element: Solution._seed_element,
    ir.Unpacked: Solution._seed_unpacked,
    ir.Entered: Solution._seed_entered,
    ir.Awaited: Solution._seed_awaited,
    ir.Choice: Solution._seed_choice,
    ir.Display: Solution._seed_display,
    ir.Comprehension: Solution._seed_comprehension,
    ir.Joined: Solution._seed_joined,
    ir.Call: Solution._seed_call,
}
"""Node types to their constraints. Plain functions: bound methods in a table would be circles that keep a survey's memory."""
