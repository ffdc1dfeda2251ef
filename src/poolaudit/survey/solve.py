"""From a trace to what every node may be: a points-to analysis on a worklist.

Each node is a cell that holds a set of abstract objects; sets only grow, so the order of work never changes the outcome.
Knows what calls of well-known APIs give. Must never know a rule, a span or libcst.
"""

from __future__ import annotations

import builtins
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Set

from poolaudit.survey import consumers, ir
from poolaudit.survey.families import APIS, CONTEXT_FAMILIES, canonical
from poolaudit.survey.objects import (
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

_CONTEXT_CLASSES = {
    "multiprocessing.context.ForkContext": "fork",
    "multiprocessing.context.SpawnContext": "spawn",
    "multiprocessing.context.ForkServerContext": "forkserver",
}
_HANDLES = {
    ("pool", "apply_async"): "async_result",
    ("pool", "map_async"): "async_result",
    ("pool", "starmap_async"): "async_result",
    ("pool", "imap"): "iterator",
    ("pool", "imap_unordered"): "iterator",
    ("pool", "uimap"): "iterator",
    ("pool", "amap"): "async_result",
    ("pool", "apipe"): "async_result",
    ("executor", "submit"): "future",
    ("executor", "schedule"): "future",
    ("executor", "map"): "iterator",
    ("executor", "starmap"): "iterator",
}
_MANAGED = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})
_FIXTURES = frozenset({"pytest.fixture", "pytest.yield_fixture"})
_PROPERTIES = frozenset({"builtins.property", "functools.cached_property", "django.utils.functional.cached_property"})

_LONGEST_NAME = 7
"""Dots in a canonical name beyond which nothing is followed: the longest API of interest has four."""

_CROWD = 12
"""Library values that one cell keeps: a name that may be more than so many things tells nothing."""

_LIMIT = 400_000
"""Propagations after which a file is given up as unknown: more than ten times what the largest real file needed."""


class Solution:
    """What a solved trace says. Ask `points(node)`; `sure(node)` tells whether that is all it can be."""

    def __init__(self, trace: ir.Trace) -> None:
        self.trace = trace
        # a dict is a set that keeps its order: the outcome must not depend on hashes
        self._points: list[dict[Object, None]] = [{} for _ in trace.nodes]
        self._crowded: set[int] = set()
        """Cells with more library values than are worth following: what else they may be is unknown."""
        self._library_values: list[int] = [0] * len(trace.nodes)
        self._edges: list[list[int]] = [[] for _ in trace.nodes]
        self._edge_set: set[tuple[int, int]] = set()
        self._watchers: list[list[Callable[[Object], None]]] = [[] for _ in trace.nodes]
        self._cells: dict[Hashable, int] = {}
        self._pending: deque[tuple[int, Object]] = deque()
        self.exhausted = False
        self.site_apis: dict[int, set[str]] = {}
        """Call node to the APIs that it constructs."""
        self.site_contexts: dict[int, set[str]] = {}
        """Call node to the start methods of its contexts."""
        self.subclass_sites: set[int] = set()
        self.partials: dict[int, int] = {}
        """Call node of a partial object to the call that made it."""
        self.operations: dict[int, dict[int, str]] = {}
        """Call node to {site: method}."""
        self.callers: dict[int, set[int]] = {}
        """Function id to the call nodes that run it (node -1: a consumer calls it, as builtin map does)."""
        self.callees: dict[int, set[int]] = {}
        """Call node to the functions of this file that it runs."""
        self.parameter_sources: dict[tuple[int, str], set[int]] = {}
        self.attribute_sources: dict[tuple[int, str], set[int]] = {}
        self.class_bases: list[list[int]] = []
        self.class_external_bases: list[list[str]] = []
        self._family: list[int] = []
        self._mro: dict[int, list[int]] = {}
        self._decorator_names: list[tuple[str, ...]] = []
        self._prepare()
        self._seed()
        self._run()

    # -- asked by others

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

    def decorators(self, function: int) -> tuple[str, ...]:
        """Canonical names of a function's decorators; '' for those that are not external."""
        return self._decorator_names[function]

    def mro(self, cls: int) -> list[int]:
        """The class and its bases within the file, depth first."""
        known = self._mro.get(cls)
        if known is not None:
            return known
        found: list[int] = []
        todo = [cls]
        while todo:
            current = todo.pop(0)
            if current not in found:
                found.append(current)
                todo.extend(self.class_bases[current])
        self._mro[cls] = found
        return found

    def find_method(self, cls: int, name: str) -> int | None:
        return next((self.trace.classes[c].methods[name] for c in self.mro(cls) if name in self.trace.classes[c].methods), None)

    def external_bases(self, cls: int) -> tuple[str, ...]:
        return tuple(base for c in self.mro(cls) for base in self.class_external_bases[c])

    def bindings(self, name: str, scope: int) -> tuple[int, list[ir.Bound]] | None:
        """The scope that binds a free name, and its bindings there."""
        current = scope
        while True:
            function = self.trace.functions[current]
            found = None if name in function.globals and not function.is_module else function.bindings.get(name)
            if found:
                return current, found
            if function.is_module:
                return None
            current = function.module if name in function.globals else function.parent

    def stored_in(self, cls: int, name: str) -> set[int]:
        """The nodes that any method of the class's family stores in the attribute."""
        return self.attribute_sources.get((self._family[cls], name), set())

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
        if node in self._crowded:
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
            known = bool(self._points[node]) and value.callee not in self._crowded
            return known and all(self.sure(result, seen) for result in returns)
        if isinstance(value, (ir.Entered, ir.Awaited)):
            return bool(self._points[node]) and self.sure(value.base, seen)
        return bool(self._points[node]) and not isinstance(value, (ir.Joined, ir.Opaque))

    def _sure_attribute(self, node: int, value: ir.Attribute, seen: set[int]) -> bool:
        if not self._points[node] or value.base in self._crowded:
            return False
        for base in self._points[value.base]:
            if isinstance(base, (InstanceObject, ClassObject)):
                sources = self.attribute_sources.get((self._family[base.cls], value.name), set())
                if not all(self.sure(source, seen) for source in sources):
                    return False
        return True

    # -- preparation: what needs no points

    def _prepare(self) -> None:
        trace = self.trace
        for cls in trace.classes:
            bases: list[int] = []
            externals: list[str] = []
            for base in cls.bases:
                found = self.static(base)
                if isinstance(found, int):
                    bases.append(found)
                elif found:
                    externals.append(canonical(found))
            self.class_bases.append(bases)
            self.class_external_bases.append(externals)
        # classes related by inheritance share the cells of their attributes
        self._family = list(range(len(trace.classes)))

        def root(cls: int) -> int:
            while self._family[cls] != cls:
                cls = self._family[cls]
            return cls

        for cls_id, bases in enumerate(self.class_bases):
            for base in bases:
                self._family[root(cls_id)] = root(base)
        self._family = [root(cls) for cls in range(len(trace.classes))]
        for function in trace.functions:
            names = []
            for decorator in function.decorators:
                node = trace.nodes[decorator]
                found = self.static(node.callee if isinstance(node, ir.Call) else decorator)
                names.append(canonical(found) if isinstance(found, str) else "")
            self._decorator_names.append(tuple(names))

    def static(self, node: int, depth: int = 0) -> int | str | None:
        """What a name plainly leads to, by its bindings alone: a class id, or a canonical external name."""
        value = self.trace.nodes[node]
        if depth > 20:
            return None
        if isinstance(value, ir.ClassValue):
            return value.cls
        if isinstance(value, ir.External):
            return self._static_external(value.name, depth)
        if isinstance(value, ir.Attribute):
            base = self.static(value.base, depth + 1)
            return self._static_external(f"{base}.{value.name}", depth) if isinstance(base, str) else None
        if isinstance(value, ir.Reference):
            if value.target is not None:
                return self.static(value.target, depth + 1)
            found = self.bindings(value.name, value.scope)
            if found is None:
                return f"builtins.{value.name}" if hasattr(builtins, value.name) else None
            return self.static(found[1][-1].node, depth + 1)
        if isinstance(value, ir.Choice) and value.parts:
            return self.static(value.parts[0], depth + 1)
        return None

    def _static_external(self, name: str, depth: int) -> int | str | None:
        """The name, or what the project's own module binds to it where that module was read."""
        module, rest = self._split(name)
        if module is None or len(rest) != 1:
            return name
        found = self.trace.functions[module].bindings.get(rest[0])
        return name if found is None else self.static(found[-1].node, depth + 1)

    def _split(self, name: str) -> tuple[int | None, list[str]]:
        """The scope of the longest prefix of a dotted name that is a module read, and the parts behind it."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            scope = self.trace.module_scopes.get(".".join(parts[:length]))
            if scope is not None:
                return scope, parts[length:]
        return None, parts

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

    def _is_receiver(self, function: int, name: str) -> bool:
        """The parameter is the first one of a method."""
        record = self.trace.functions[function]
        if record.class_id is None or not record.parameters or record.is_lambda:
            return False
        return record.parameters[0].name == name and "builtins.staticmethod" not in self._decorator_names[function]

    # -- cells

    def _cell(self, *key: Hashable) -> int:
        found = self._cells.get(key)
        if found is None:
            found = self._cells[key] = len(self._points)
            self._points.append({})
            self._library_values.append(0)
            self._edges.append([])
            self._watchers.append([])
        return found

    def _add(self, cell: int, value: Object) -> None:
        points = self._points[cell]
        if value in points:
            return
        if isinstance(value, (CalledObject, ExternalObject)) and value.name not in APIS:
            if self._library_values[cell] >= _CROWD:
                self._crowded.add(cell)
                return
            self._library_values[cell] += 1
        points[value] = None
        self._pending.append((cell, value))

    def _edge(self, source: int, target: int) -> None:
        if source != target and (source, target) not in self._edge_set:
            self._edge_set.add((source, target))
            self._edges[source].append(target)
            for value in tuple(self._points[source]):
                self._add(target, value)

    def _watch(self, cell: int, watcher: Callable[[Object], None]) -> None:
        self._watchers[cell].append(watcher)
        for value in tuple(self._points[cell]):
            watcher(value)

    def _run(self) -> None:
        work = 0
        while self._pending:
            cell, value = self._pending.popleft()
            work += 1
            if work > _LIMIT:
                self.exhausted = True
                return
            for target in self._edges[cell]:
                self._add(target, value)
            # a watcher may add watchers to the same cell: those have seen the value already
            for watcher in tuple(self._watchers[cell]):
                watcher(value)

    # -- seeding: one constraint per node

    def _seed(self) -> None:
        for number, node in enumerate(self.trace.nodes):
            self._seed_node(number, node)
        for store in self.trace.stores:
            self._seed_store(store)
        for function in self.trace.functions:
            returned = self._cell("return", function.id)
            for result in function.returns:
                self._edge(result, returned)
            yielded = self._cell("element", ("generator", function.id))
            for result in function.yields:
                self._edge(result, yielded)

    def _seed_node(self, number: int, node: ir.Node) -> None:
        if isinstance(node, ir.External):
            self._add_external(number, node.name)
        elif isinstance(node, ir.FunctionValue):
            self._add(number, FunctionObject(node.function))
        elif isinstance(node, ir.ClassValue):
            self._add(number, ClassObject(node.cls))
        elif isinstance(node, ir.ParameterValue):
            self._seed_parameter(number, node)
        elif isinstance(node, ir.Reference):
            self._seed_reference(number, node)
        elif isinstance(node, ir.Attribute):
            name = node.name
            self._watch(node.base, lambda value: self._attribute(number, name, value))
        elif isinstance(node, ir.Subscript):
            index = None if node.index is None else self.trace.nodes[node.index]
            position = index.value if isinstance(index, ir.Constant) and isinstance(index.value, int) else None
            whole = node.index is None
            self._watch(node.base, lambda value: self._subscript(number, position, value, whole=whole))
        elif isinstance(node, ir.Element):
            self._iterate(node.base, number)
        elif isinstance(node, ir.Unpacked):
            part = node.position
            self._watch(node.base, lambda value: self._subscript(number, part, value, unpacking=True))
        elif isinstance(node, ir.Entered):
            self._watch(node.base, lambda value: self._enter(number, value))
        elif isinstance(node, ir.Awaited):
            self._watch(node.base, lambda value: self._await(number, value))
        elif isinstance(node, ir.Choice):
            for choice in node.parts:
                self._edge(choice, number)
        elif isinstance(node, ir.Display):
            self._seed_display(number, node)
        elif isinstance(node, ir.Comprehension):
            self._edge(node.element, self._cell("element", number))
            if node.key is not None:
                self._edge(node.key, self._cell("key", number))
            self._add(number, ContainerObject(number, "view" if node.form == "generator" else node.form))
        elif isinstance(node, ir.Joined):
            self._edge(node.left, number)
            self._edge(node.right, number)
        elif isinstance(node, ir.Call):
            call = node
            self._watch(node.callee, lambda value: self._call(number, call, value))
            self._seed_by_name(number, node)

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
            self._edge(node.target, number)
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

    # -- transfer

    def _iterate(self, source: int, target: int) -> None:
        """What iterating `source` yields flows into `target`."""

        def iterated(value: Object) -> None:
            if isinstance(value, ContainerObject):
                self._edge(self._cell("key" if value.form == "dict" else "element", value.key), target)
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
        for other, family in enumerate(self._family):
            if family != self._family[value.cls]:
                continue
            record = self.trace.classes[other]
            if name in record.methods:
                if isinstance(value, InstanceObject):
                    self._add(number, FunctionObject(record.methods[name], value.cls))
            elif name in record.members:
                for member in record.members[name]:
                    self._edge(member, number)

    def _subscript(
        self, number: int, position: int | None, value: Object, *, whole: bool = False, unpacking: bool = False
    ) -> None:
        if isinstance(value, ContainerObject):
            if whole:
                self._add(number, value)
            elif value.form == "tuple at" and position is not None:
                self._edge(self._cell("at", value.key, position), number)
            elif unpacking and value.form == "dict":
                self._edge(self._cell("key", value.key), number)
            else:
                self._edge(self._cell("element", value.key), number)
        elif isinstance(value, ResultObject):
            self._add(number, value)
        elif isinstance(value, HandleObject) and value.kind == "iterator" and unpacking:
            self._add(number, ResultObject(value.call))
        elif isinstance(value, (ClassObject, ExternalObject)):
            # Generic[T] is the class itself
            self._add(number, value)

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

    # -- calls

    def _call(self, number: int, node: ir.Call, value: Object) -> None:
        if isinstance(value, ExternalObject):
            self._call_external(number, node, canonical(value.name))
        elif isinstance(value, FunctionObject):
            self._call_function(number, value, node.arguments)
        elif isinstance(value, ClassObject):
            self._construct(number, node, value.cls)
        elif isinstance(value, InstanceObject):
            method = self.find_method(value.cls, "__call__")
            if method is not None:
                self._call_function(number, FunctionObject(method, value.cls), node.arguments)
        elif isinstance(value, PartialObject):
            self._call_partial(number, node, value)
        elif isinstance(value, BoundObject):
            self._call_bound(number, node, value)

    def _first(self, node: ir.Call, position: int = 0) -> int | None:
        plain = [a.value for a in node.arguments if a.keyword is None and not a.star]
        return plain[position] if len(plain) > position else None

    def _site(self, number: int, api: str, method: str | None = None) -> None:
        self.site_apis.setdefault(number, set()).add(api)
        if method is not None:
            self.site_contexts.setdefault(number, set()).add(method)
        self._add(number, SiteObject(number))

    def _call_external(self, number: int, node: ir.Call, name: str) -> None:
        family, _, leaf = name.rpartition(".")
        first = self._first(node)
        if name in APIS:
            self._site(number, name)
            for argument in node.arguments:
                if argument.keyword in ("mp_context", "context"):
                    self._watch_context(number, argument.value)
            if name.endswith("pool.Pool") and (fifth := self._first(node, 4)) is not None:
                self._watch_context(number, fifth)
            if name.endswith("ProcessPoolExecutor") and (second := self._first(node, 1)) is not None:
                self._watch_context(number, second)
        elif leaf == "get_context" and family in CONTEXT_FAMILIES:
            self._add(number, ContextObject(family, self._context_method(node)))
        elif name in _CONTEXT_CLASSES:
            self._add(number, ContextObject("multiprocessing", _CONTEXT_CLASSES[name]))
        elif name == "functools.partial":
            self._add(number, PartialObject(number))
        elif name == "builtins.getattr" and len(node.arguments) >= 2:
            attribute = self.trace.nodes[node.arguments[1].value]
            if isinstance(attribute, ir.Constant) and isinstance(attribute.value, str) and first is not None:
                text = attribute.value
                self._watch(first, lambda value: self._attribute(number, text, value))
        elif name == "builtins.super":
            function = self.trace.functions[self.trace.frame(number).scope]
            if function.class_id is not None:
                self._add(number, SuperObject(function.class_id))
        elif name == "asyncio.wrap_future" and first is not None:
            self._watch(first, lambda value: self._wrap(number, value))
        elif name == "asyncio.run" and first is not None:
            self._watch(first, lambda value: self._await(number, value))
        elif name in consumers.SAME:
            same = self._first(node, consumers.SAME[name])
            if same is not None:
                self._edge(same, number)
        elif name == "builtins.map" and first is not None:
            self._call_map(number, node, first)
        elif name == "builtins.zip":
            self._add(number, ContainerObject(("pairs", number), "view"))
            self._add(self._cell("element", ("pairs", number)), ContainerObject(number, "tuple at"))
            for position, argument in enumerate(node.arguments):
                self._iterate(argument.value, self._cell("at", number, position))
                self._iterate(argument.value, self._cell("element", number))
        elif name == "builtins.enumerate" and first is not None:
            self._add(number, ContainerObject(("pairs", number), "view"))
            self._add(self._cell("element", ("pairs", number)), ContainerObject(number, "tuple at"))
            self._iterate(first, self._cell("at", number, 1))
            self._iterate(first, self._cell("element", number))
        elif name in consumers.LAZY:
            self._add(number, ContainerObject(number, "view"))
            for argument in node.arguments:
                if argument.keyword is None or argument.keyword == "iterable":
                    self._iterate(argument.value, self._cell("element", number))
        elif name in consumers.EAGER:
            self._add(number, ContainerObject(number, leaf))
            for argument in node.arguments[:1]:
                self._iterate(argument.value, self._cell("element", number))
                self._iterate(argument.value, self._cell("key", number))
        elif name == "builtins.next" and first is not None:
            self._iterate(first, number)
        elif consumers.WAITS.get(name) == "as_completed" and first is not None:
            self._add(number, ContainerObject(number, "view"))
            self._iterate(first, self._cell("element", number))
        elif consumers.WAITS.get(name) == "wait_futures":
            self._call_wait(number, node)
        else:
            self._add(number, CalledObject(name, number))

    def _call_wait(self, number: int, node: ir.Call) -> None:
        waited = next((a.value for a in node.arguments if a.keyword in (None, "fs")), None)
        self._add(number, ContainerObject(number, "tuple at"))
        for position in range(2):
            inner = ContainerObject(("part", number, position), "set")
            self._add(self._cell("at", number, position), inner)
            self._add(self._cell("element", number), inner)
            if waited is not None:
                self._iterate(waited, self._cell("element", inner.key))

    def _call_map(self, number: int, node: ir.Call, function: int) -> None:
        """builtin map: calls its function with the elements, yields what that returns."""
        self._add(number, ContainerObject(number, "view"))
        result = self._cell("element", number)
        iterables = [a.value for a in node.arguments[1:] if a.keyword is None and not a.star]

        def called(value: Object) -> None:
            if isinstance(value, FunctionObject):
                self._run_function(value, result)
                names = [p.name for p in self.trace.functions[value.function].parameters if p.kind == "positional"]
                names = names[1:] if value.bound is not None else names
                for name, iterable in zip(names, iterables, strict=False):
                    self._iterate(iterable, self._cell("parameter", value.function, name))
                    self.parameter_sources.setdefault((value.function, name), set()).add(iterable)
            elif isinstance(value, ExternalObject) and value.name in ("builtins.list", "builtins.tuple"):
                for iterable in iterables:
                    self._iterate(iterable, result)

        self._watch(function, called)

    def _wrap(self, number: int, value: Object) -> None:
        if isinstance(value, HandleObject):
            self._add(number, HandleObject(value.call, "aio_future"))

    def _context_method(self, node: ir.Call) -> str:
        argument = next((a.value for a in node.arguments if a.keyword in (None, "method") and not a.star), None)
        if argument is None:
            return ""
        value = self.trace.nodes[argument]
        if isinstance(value, ir.Reference):
            target = value.target
            if target is None:
                found = self.bindings(value.name, value.scope)
                target = found[1][0].node if found is not None and len(found[1]) == 1 else None
            value = self.trace.nodes[target] if target is not None else value
        if isinstance(value, ir.Constant):
            return "" if value.value is None else str(value.value)
        return "unknown"

    def _watch_context(self, number: int, node: int) -> None:
        value = self.trace.nodes[node]
        if isinstance(value, ir.Constant):
            return
        contexts = self.site_contexts.setdefault(number, set())

        def found(value: Object) -> None:
            if isinstance(value, ContextObject):
                contexts.add(value.method)
            elif isinstance(value, ExternalObject) and value.name == "multiprocessing":
                contexts.add("")

        self._watch(node, found)

    def _call_function(self, number: int, value: FunctionObject, arguments: Iterable[ir.CallArgument]) -> None:
        self.callers.setdefault(value.function, set()).add(number)
        self.callees.setdefault(number, set()).add(value.function)
        self._bind_arguments(value, arguments)
        self._run_function(value, number)

    def _run_function(self, value: FunctionObject, result: int) -> None:
        """What running the function gives flows into `result`."""
        function = self.trace.functions[value.function]
        decorators = set(self._decorator_names[value.function])
        self.callers.setdefault(value.function, set())
        if function.is_generator:
            if decorators & _MANAGED:
                self._add(result, ManagedObject(value.function))
            else:
                self._add(result, ContainerObject(("generator", value.function), "view"))
        elif function.is_async:
            self._add(result, CoroutineObject(value.function))
        else:
            self._edge(self._cell("return", value.function), result)

    def _bind_arguments(self, value: FunctionObject, arguments: Iterable[ir.CallArgument]) -> None:
        function = self.trace.functions[value.function]
        parameters = list(function.parameters)
        if value.bound is not None and parameters and parameters[0].kind == "positional":
            parameters = parameters[1:]
        positional = [p.name for p in parameters if p.kind == "positional"]
        named = {p.name for p in parameters if p.kind in ("positional", "keyword")}
        position = 0
        for argument in arguments:
            if argument.star == "*":
                for name in positional[position:]:
                    self._iterate(argument.value, self._cell("parameter", value.function, name))
                    self.parameter_sources.setdefault((value.function, name), set()).add(argument.value)
                self._iterate(argument.value, self._cell("element", ("star", value.function)))
            elif argument.star == "**":
                for name in named:
                    self.parameter_sources.setdefault((value.function, name), set()).add(argument.value)
            elif argument.keyword is not None:
                if argument.keyword in named:
                    self._pass(value.function, argument.keyword, argument.value)
            else:
                if position < len(positional):
                    self._pass(value.function, positional[position], argument.value)
                else:
                    self._edge(argument.value, self._cell("element", ("star", value.function)))
                position += 1

    def _pass(self, function: int, name: str, node: int) -> None:
        self.parameter_sources.setdefault((function, name), set()).add(node)
        self._edge(node, self._cell("parameter", function, name))

    def _construct(self, number: int, node: ir.Call, cls: int) -> None:
        pool_bases = [base for base in self.external_bases(cls) if base in APIS]
        if pool_bases:
            self.subclass_sites.add(number)
            self._site(number, pool_bases[0])
        self._add(number, InstanceObject(cls))
        method = self.find_method(cls, "__init__")
        if method is not None:
            self.callers.setdefault(method, set()).add(number)
            self.callees.setdefault(number, set()).add(method)
            self._bind_arguments(FunctionObject(method, cls), node.arguments)

    def _call_partial(self, number: int, node: ir.Call, value: PartialObject) -> None:
        made = self.trace.nodes[value.call]
        assert isinstance(made, ir.Call)
        wrapped = self._first(made)
        if wrapped is None:
            return
        arguments = (*(a for a in made.arguments if a.value != wrapped), *node.arguments)
        self.partials[number] = value.call

        def called(inner: Object) -> None:
            if isinstance(inner, FunctionObject):
                self._call_function(number, inner, arguments)
            elif isinstance(inner, BoundObject):
                self._call_bound(number, ir.Call(node.callee, arguments), inner)
            elif isinstance(inner, (ExternalObject, ClassObject)):
                self._call(number, ir.Call(node.callee, arguments), inner)

        self._watch(wrapped, called)

    def _call_bound(self, number: int, node: ir.Call, value: BoundObject) -> None:
        owner, name = value.owner, value.name
        if isinstance(owner, SiteObject):
            self._operate(number, owner, name)
        elif isinstance(owner, HandleObject):
            if name in ("get", "result", "next", "__next__"):
                self._add(number, ResultObject(owner.call))
            elif name == "add_done_callback" and (callback := self._first(node)) is not None:
                self._watch(callback, lambda function: self._callback(function, owner))
        elif isinstance(owner, ContainerObject):
            self._call_container(number, node, owner, name)
        elif isinstance(owner, ContextObject):
            self._call_context(number, owner, name)
        elif isinstance(owner, ResultObject):
            self._add(number, owner)

    def _operate(self, number: int, site: SiteObject, name: str) -> None:
        if name == "__enter__":
            self._add(number, site)
            return
        self.operations.setdefault(number, {})[site.call] = name
        kinds = {APIS[api].kind for api in self.site_apis.get(site.call, ())}
        for kind in kinds:
            handle = _HANDLES.get((kind, name))
            if handle is not None:
                self._add(number, HandleObject(number, handle))
            elif name in ("map", "starmap", "apply"):
                self._add(number, ResultObject(number))

    def _callback(self, function: Object, handle: HandleObject) -> None:
        if isinstance(function, FunctionObject):
            names = [p.name for p in self.trace.functions[function.function].parameters if p.kind == "positional"]
            names = names[1:] if function.bound is not None else names
            if names:
                self._add(self._cell("parameter", function.function, names[0]), handle)
            self.callers.setdefault(function.function, set())

    def _call_container(self, number: int, node: ir.Call, owner: ContainerObject, name: str) -> None:
        elements = self._cell("element", owner.key)
        if name in consumers.ADDERS:
            added = self._first(node, consumers.ADDERS[name])
            if added is not None:
                self._edge(added, elements)
        elif name in consumers.EXTENDERS:
            extended = self._first(node)
            if extended is not None:
                self._iterate(extended, elements)
        elif name in ("values", "copy", "items", "keys"):
            self._call_dict_view(number, owner, name)
        elif name in consumers.TAKERS:
            self._edge(elements, number)
            if name == "setdefault" and (default := self._first(node, 1)) is not None:
                self._edge(default, elements)
            if name == "popitem" or (name == "pop" and owner.form == "dict"):
                self._edge(self._cell("key", owner.key), number)

    def _call_dict_view(self, number: int, owner: ContainerObject, name: str) -> None:
        elements, keys = self._cell("element", owner.key), self._cell("key", owner.key)
        if name == "copy":
            self._add(number, owner)
        elif name == "items":
            self._add(number, ContainerObject(("pairs", number), "view"))
            self._add(self._cell("element", ("pairs", number)), ContainerObject(number, "tuple at"))
            self._edge(keys, self._cell("at", number, 0))
            self._edge(elements, self._cell("at", number, 1))
        else:
            self._add(number, ContainerObject(number, "view"))
            self._edge(elements if name == "values" else keys, self._cell("element", number))

    def _call_context(self, number: int, owner: ContextObject, name: str) -> None:
        api = f"{owner.family}.{name}"
        if api in APIS:
            self._site(number, api, owner.method)
        elif name == "get_context":
            self._add(number, ContextObject(owner.family, "unknown"))
        else:
            self._add(number, CalledObject(api, number))
