"""Facts about functions, classes and module globals: what a worker runs, reads and raises.

Built only for what a pool's tasks reach. Knows a solved trace. Must never know an API of pools.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Literal, cast

from poolaudit.facts import (
    MODULE_SCOPE,
    Argument,
    AttributeStore,
    Capture,
    ClassFact,
    Function,
    GlobalUse,
    LibraryCall,
    Name,
    Parameters,
    Raised,
)
from poolaudit.survey import consumers, ir
from poolaudit.survey.objects import (
    CalledObject,
    ClassObject,
    ExternalObject,
    FunctionObject,
    InstanceObject,
)
from poolaudit.survey.values import Describer

_PICKLE_METHODS = frozenset({"__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "__getnewargs_ex__"})
_EXCEPTIONS = frozenset(
    name for name, value in vars(__import__("builtins")).items() if isinstance(value, type) and issubclass(value, BaseException)
)
_NOTABLE = ("multiprocessing", "threading", "signal", "concurrent", "asyncio", "os", "sys", "atexit", "subprocess", "random")
_NOTABLE_PREFIXES = (
    *(f"{root}." for root in _NOTABLE),
    "numpy.random.",
    "logging.basicConfig",
    "torch.",
    "tensorflow.",
    "ctypes.",
    "faulthandler.",
    "functools.wraps",
    "functools.update_wrapper",
)
_STANDARD = sys.stdlib_module_names | {"builtins"}
_LOOP_WEIGHT = 30
_CALL_WEIGHT = 8


class FunctionTable:
    """Builds facts about functions and classes on demand."""

    def __init__(self, describer: Describer) -> None:
        self.describer = describer
        self.solution = describer.solution
        self.trace = describer.trace
        self.functions: dict[int, Function] = {}
        self.classes: dict[int, ClassFact] = {}
        self._definitions: dict[tuple[str, int], bool] = {}
        self._mutations: dict[int, list[tuple[int, str, int]]] | None = None

    # -- functions

    def need(self, *functions: int | None) -> None:
        """Make sure that the functions, and all that they reach, are among the facts."""
        todo = [function for function in functions if function is not None and not self.trace.functions[function].is_module]
        while todo:
            number = todo.pop()
            if number not in self.functions:
                found = self.functions[number] = self._function(number)
                todo.extend(found.calls)
                todo.extend(value.function for value in found.decorator_values if value.function is not None)
                for cls in [value.class_id for value in found.decorator_values if value.class_id is not None]:
                    self.need_class(cls)
                    call = self.solution.find_method(cls, "__call__")
                    todo.extend([] if call is None else [call])

    def reached(self, *functions: int | None) -> list[Function]:
        """The functions among the facts, and all that they reach."""
        seen: set[int] = set()
        todo = [function for function in functions if function is not None]
        while todo:
            function = todo.pop()
            if function not in seen and function in self.functions:
                seen.add(function)
                todo.extend(self.functions[function].calls)
        return [self.functions[function] for function in sorted(seen)]

    def body(self, function: int) -> range:
        record = self.trace.functions[function]
        return range(record.first, record.last)

    def _function(self, number: int) -> Function:
        record = self.trace.functions[number]
        describe = self.describer
        span, name_span, parameters_span, body = self.trace.places.function(record.place)
        calls, library_calls, complete, call_count, libraries = self._calls(number)
        return Function(
            id=number,
            name=record.name,
            qualname=record.qualname,
            span=span,
            name_span=name_span,
            parameters_span=parameters_span,
            body=body,
            indent=record.indent,
            parent=MODULE_SCOPE if self._of_module(record) else record.parent,
            class_id=record.class_id,
            is_lambda=record.is_lambda,
            is_async=record.is_async,
            is_generator=record.is_generator,
            under_guard=record.under_guard,
            nested=not self._of_module(record),
            parameters=self._parameters(record),
            decorators=tuple(self._decorator(node) for node in record.decorators),
            decorator_values=tuple(describe.value(node) for node in record.decorators),
            captures=tuple(self._captures(record)),
            globals=tuple(self._globals(number)),
            raises=tuple(self._raised(item) for item in record.raises),
            returns=tuple(describe.value(node) for node in record.returns),
            calls=calls,
            library_calls=library_calls,
            pools=tuple(index for call, index in describe.site_index.items() if self.trace.frame(call).scope == number),
            weight=record.last - record.first + _LOOP_WEIGHT * record.loops + _CALL_WEIGHT * call_count,
            makes=tuple(self._makes(number)),
            complete=complete,
            libraries=libraries,
            mutates=self._mutates(record),
            has_loop=record.loops > 0,
            endless=describe.runs_forever(number),
        )

    def _makes(self, number: int) -> Iterator[Name]:
        for call, apis in self.solution.site_apis.items():
            node = self.trace.nodes[call]
            if self.trace.frame(call).scope == number and isinstance(node, ir.Call):
                span = self.describer.span(node.callee)
                yield Name(span, " | ".join(sorted(apis)), self.trace.cut(span))

    def _decorator(self, node: int) -> Name:
        """A decorator goes by the name of what is called for it: @lru_cache(None) by that of lru_cache."""
        value = self.trace.nodes[node]
        return self.describer.name(value.callee if isinstance(value, ir.Call) else node)

    def _of_module(self, record: ir.FunctionTrace) -> bool:
        """Defined at module level, of whichever module."""
        return record.parent == record.module

    def _parameters(self, record: ir.FunctionTrace) -> Parameters:
        parameters = record.parameters
        static = "builtins.staticmethod" in self.solution.decorators(record.id)
        if record.class_id is not None and not static and not record.is_lambda and parameters:
            parameters = parameters[1:] if parameters[0].kind == "positional" else parameters
        positional = [p for p in parameters if p.kind == "positional"]
        keyword = [p for p in parameters if p.kind == "keyword"]
        return Parameters(
            names=tuple(p.name for p in positional),
            required=sum(p.default is None for p in positional),
            keyword_only=tuple(p.name for p in keyword),
            keyword_only_required=tuple(p.name for p in keyword if p.default is None),
            star=any(p.kind == "star" for p in parameters),
            double_star=any(p.kind == "double_star" for p in parameters),
        )

    def _raised(self, item: ir.RaisedTrace) -> Raised:
        describe = self.describer
        point = describe.point_at(item.order, item.frame)
        if item.node is None:
            return Raised(None, point, ())
        node = self.trace.nodes[item.node]
        if isinstance(node, ir.Call):
            return Raised(describe.name(node.callee), point, describe.arguments(item.node))
        name = describe.name(item.node)
        return Raised(None if name.api is None and name.class_id is None else name, point, ())

    def _calls(self, number: int) -> tuple[tuple[int, ...], tuple[LibraryCall, ...], bool, int, frozenset[str]]:
        """Functions that it runs or passes on, notable library calls, whether all callees are known, a count, libraries."""
        reached: set[int] = set()
        notable: list[LibraryCall] = []
        libraries: set[str] = set()
        complete = True
        count = 0
        for node_number in self.body(number):
            node = self.trace.nodes[node_number]
            if isinstance(node, ir.Call):
                points = self.solution.points(node.callee)
                complete = complete and bool(points) and node.callee not in self.solution.inherited
                count += not any(isinstance(p, ExternalObject) and p.name.startswith("builtins.") for p in points)
                libraries.update(p.name.partition(".")[0] for p in points if isinstance(p, (ExternalObject, CalledObject)))
                reached |= self.solution.callees.get(node_number, set())
                notable.extend(self._library_call(node_number, node))
            elif isinstance(node, (ir.Reference, ir.Attribute, ir.FunctionValue)):
                for point in self.solution.points(node_number):
                    if isinstance(point, FunctionObject):
                        reached.add(point.function)
                    elif isinstance(point, ClassObject) and isinstance(node, ir.Reference):
                        reached.update(self._class_functions(point.cls))
        reached.discard(number)
        return tuple(sorted(reached)), tuple(notable), complete, count, frozenset(libraries - _STANDARD)

    def _class_functions(self, cls: int) -> Iterator[int]:
        for name in ("__init__", "__post_init__", "__new__"):
            method = self.solution.find_method(cls, name)
            if method is not None:
                yield method

    def _library_call(self, number: int, node: ir.Call) -> Iterator[LibraryCall]:
        api = self.solution.external(node.callee)
        if (
            api is None
            or api.startswith("os.path.")
            or not (api.startswith(_NOTABLE_PREFIXES) or api in ("builtins.exit", "builtins.quit", "builtins.open"))
        ):
            return
        frame = self.trace.frame(number)
        callee = self.trace.nodes[node.callee]
        receiver = callee.base if isinstance(callee, ir.Attribute) and "()" in api else None
        yield LibraryCall(
            api=api,
            function=frame.scope,
            point=self.describer.point(number),
            arguments=self.describer.arguments(number),
            under_guard=frame.under_guard,
            awaited=self.describer.is_awaited(number),
            receiver=None if receiver is None else self.describer.value(receiver),
            made_at=None if receiver is None else self._made_at(receiver),
        )

    def _made_at(self, receiver: int) -> int | None:
        """The one call that makes an object."""
        points = self.solution.points(receiver)
        if len(points) == 1 and self.solution.sure(receiver):
            (only,) = points
            return only.call if isinstance(only, CalledObject) else None
        return None

    def library_calls(self) -> tuple[LibraryCall, ...]:
        """Every notable library call of the file."""
        found: list[LibraryCall] = []
        for number, node in self.trace.calls:
            if self.trace.own(self.trace.frame(number).scope):
                found.extend(self._library_call(number, node))
        return tuple(found)

    def _captures(self, record: ir.FunctionTrace) -> Iterator[Capture]:
        if self._of_module(record) and not record.is_lambda:
            return
        seen: set[str] = set()
        for number in self.body(record.id):
            node = self.trace.nodes[number]
            if not isinstance(node, ir.Reference) or node.name in seen:
                continue
            if node.target is not None:
                # a comprehension's own name around a lambda
                if self.trace.frame(node.target).scope != record.id or node.target < record.first:
                    seen.add(node.name)
                    yield Capture(node.name, self.describer.value(number), rebound=False)
                continue
            found = self.solution.bindings(node.name, node.scope)
            if found is None or found[0] in (record.module, record.id):
                continue
            seen.add(node.name)
            bounds = found[1]
            rebound = len(bounds) > 1 or bounds[0].order > record.node
            yield Capture(node.name, self.describer.value(number), rebound)

    def _mutates(self, record: ir.FunctionTrace) -> tuple[str, ...]:
        parameters = {parameter.name for parameter in record.parameters}
        found = {name for name, _, _ in self._mutated_names(record.id) if name in parameters}
        return tuple(sorted(found))

    # -- module globals

    def _mutated_names(self, scope: int) -> list[tuple[str, int, int]]:
        """(name, reference node, order) of names whose object code of this scope changes."""
        if self._mutations is None:
            self._mutations = {}
            for number, call in self.trace.calls:
                callee = self.trace.nodes[call.callee]
                if isinstance(callee, ir.Attribute) and callee.name in consumers.MUTATORS:
                    self._mutation(callee.base, number)
            for store in self.trace.stores:
                self._mutation(store.base, store.order)
            for use in self.trace.uses:
                node = self.trace.nodes[use.node]
                if use.how == "delete" and isinstance(node, (ir.Subscript, ir.Attribute)):
                    self._mutation(node.base, use.order)
        return [(name, node, order) for node, name, order in self._mutations.get(scope, [])]

    def _mutation(self, base: int, order: int) -> None:
        node = self.trace.nodes[base]
        # d[k].append(x) changes what d holds
        while isinstance(node, (ir.Subscript, ir.Attribute)):
            base = node.base
            node = self.trace.nodes[base]
        if isinstance(node, ir.Reference):
            assert self._mutations is not None
            self._mutations.setdefault(self.trace.frame(base).scope, []).append((base, node.name, order))

    def _is_global(self, node: ir.Reference, scope: int) -> bool:
        if node.target is not None and not self.trace.functions[scope].is_module:
            return False
        found = self.solution.bindings(node.name, scope)
        return found is not None and self.trace.functions[found[0]].is_module

    def _global_name(self, name: str, scope: int) -> str:
        """A global of another module goes by its full name."""
        module = self.trace.functions[scope].module
        if module == MODULE_SCOPE:
            return name
        return f"{next(m.name for m in self.trace.modules.values() if m.scope == module)}.{name}"

    def _globals(self, number: int) -> Iterator[GlobalUse]:
        """What a function does to module-level names."""
        mutated = {node: order for _, node, order in self._mutated_names(number)}
        for node_number in self.body(number):
            node = self.trace.nodes[node_number]
            if isinstance(node, ir.Reference) and self._is_global(node, number):
                yield self._use(node.name, "read", node_number, node_number)
                if node_number in mutated:
                    yield self._use(node.name, "mutate", node_number, mutated[node_number])
        for name in sorted(self.trace.functions[number].globals):
            for bound in self.trace.functions[self.trace.functions[number].module].bindings.get(name, ()):
                if self.trace.frames[bound.frame].scope == number:
                    yield self._assignment(bound)

    def _use(self, name: str, how: Literal["read", "mutate"], node: int, order: int) -> GlobalUse:
        frame = self.trace.frame(node)
        defined = how == "read" and self._is_plain_definition(name, self.trace.functions[frame.scope].module)
        return GlobalUse(
            name=self._global_name(name, frame.scope),
            how=how,
            function=self._scope(frame),
            under_guard=frame.under_guard and self.trace.functions[frame.scope].is_module,
            span=self.describer.statement(frame.statement).span if defined else self.describer.span(node),
            order=order,
            in_try=self._within(frame, "try"),
            conditional=self._within(frame, "if", "match", "for", "while"),
            point=self.describer.point_at(order, self.trace.node_frames[node]) if how == "mutate" else None,
        )

    def _is_plain_definition(self, name: str, module: int) -> bool:
        """Only imports, functions and classes of module level go by that name."""
        found = self._definitions.get((name, module))
        if found is None:
            bounds = self.trace.functions[module].bindings.get(name, ())
            found = self._definitions[name, module] = all(
                bound.binding in ("import", "function", "class") and not self.trace.frames[bound.frame].under_guard
                for bound in bounds
            )
        return found

    def _scope(self, frame: ir.Frame) -> int:
        """The scope's id; every module's own level is MODULE_SCOPE."""
        return MODULE_SCOPE if self.trace.functions[frame.scope].is_module else frame.scope

    def _within(self, frame: ir.Frame, *kinds: str) -> bool:
        return any(self.trace.blocks[block].kind in kinds and block != self.trace.guard for block, _ in frame.path)

    def _assignment(self, bound: ir.Bound) -> GlobalUse:
        frame = self.trace.frames[bound.frame]
        binding = {"augmented": "data", "with": "data", "except": "data", "parameter": "data"}.get(bound.binding, bound.binding)
        described = bound.binding == "data"
        if bound.target_place is not None:
            span = self.trace.places.target(bound.target_place)
        else:
            span = self.describer.statement(frame.statement).span
        return GlobalUse(
            name=self._global_name(bound.name, frame.scope),
            how="assign",
            function=self._scope(frame),
            under_guard=frame.under_guard and self.trace.functions[frame.scope].is_module,
            span=span,
            order=bound.order,
            value=self.describer.value(bound.node) if described and self.trace.places.spelled(bound.node) else None,
            binding=cast(Literal["data", "import", "function", "class", "loop"], binding),
            in_try=self._within(frame, "try"),
            conditional=self._within(frame, "if", "match", "for", "while"),
            point=self.describer.point_at(bound.order, bound.frame),
        )

    def module_globals(self, names: frozenset[str]) -> dict[str, tuple[GlobalUse, ...]]:
        """Assignments and mutations, anywhere in the file, of the module-level names given."""
        found: dict[str, list[GlobalUse]] = {}
        for module in self.trace.modules.values():
            bindings = self.trace.functions[module.scope].bindings
            prefix = self._global_name("", module.scope)
            for name in self._with_sources(module.scope, {full[len(prefix) :] for full in names if full.startswith(prefix)}):
                if name in bindings:
                    found[prefix + name] = [self._assignment(bound) for bound in bindings[name]]
        for function in self.trace.functions:
            for name, node, order in self._mutated_names(function.id):
                reference = self.trace.nodes[node]
                full = self._global_name(name, function.id)
                if full in found and isinstance(reference, ir.Reference) and self._is_global(reference, function.id):
                    found[full].append(self._use(name, "mutate", node, order))
        return {name: tuple(sorted(uses, key=lambda use: use.span)) for name, uses in found.items()}

    def _with_sources(self, scope: int, names: set[str]) -> list[str]:
        """The names of a module, and those that statements of module level which bind or change them read."""
        statements: dict[int, set[str]] = {}
        for number in self.body(scope):
            node = self.trace.nodes[number]
            if isinstance(node, ir.Reference):
                statements.setdefault(self.trace.frame(number).statement, set()).add(node.name)
        makers: dict[str, set[int]] = {}
        for name, bounds in self.trace.functions[scope].bindings.items():
            frames = [self.trace.frames[bound.frame] for bound in bounds if bound.binding == "data"]
            makers[name] = {frame.statement for frame in frames if frame.scope == scope}
        for name, changed, _ in self._mutated_names(scope):
            makers.setdefault(name, set()).add(self.trace.frame(changed).statement)
        seen: set[str] = set()
        todo = sorted(names)
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo.extend(read for statement in makers.get(name, ()) for read in sorted(statements.get(statement, ())))
        return sorted(seen)

    # -- classes

    def need_class(self, *classes: int | None) -> None:
        """Make sure that the classes, their bases and the classes of their attributes are among the facts."""
        todo = [cls for cls in classes if cls is not None]
        while todo:
            for number in self.solution.mro(todo.pop()):
                if number not in self.classes:
                    found = self.classes[number] = self._class(number)
                    self.need(found.methods.get("__init__"))
                    values = (store.value for store in found.stores)
                    todo.extend(v.class_id for v in values if v is not None and v.kind == "instance" and v.class_id is not None)

    def _class(self, number: int) -> ClassFact:
        record = self.trace.classes[number]
        super_init, unclear = self._super_init(record.methods.get("__init__"))
        external = self.solution.external_bases(number)
        return ClassFact(
            id=number,
            name=record.name,
            span=self.trace.places.target(record.place),
            parent=MODULE_SCOPE if self.trace.functions[record.scope].is_module else record.scope,
            under_guard=record.under_guard,
            bases=tuple(self.describer.name(base) for base in record.bases),
            is_exception=any(base.removeprefix("builtins.") in _EXCEPTIONS for base in external),
            methods=dict(record.methods),
            decorators=tuple(self._decorator(node) for node in record.decorators),
            stores=tuple(sorted(self._stores(number), key=lambda store: (store.point.scope, store.point.order))),
            super_init=super_init,
            super_init_unclear=unclear,
            custom_pickle=any(self._pickles(c) for c in self.solution.mro(number)),
            custom_pickle_below=any(self._pickles(c.id) for c in self.trace.classes if number in self.solution.mro(c.id)),
        )

    def _pickles(self, cls: int) -> bool:
        return not _PICKLE_METHODS.isdisjoint(self.trace.classes[cls].methods)

    def _stores(self, number: int) -> Iterator[AttributeStore]:
        for store in self.trace.stores:
            if store.name is not None and self._on_self(number, store.base, store.frame):
                value = self.describer.value(store.node)
                yield AttributeStore(store.name, value, self.describer.point_at(store.order, store.frame))
        for use in self.trace.uses:
            node = self.trace.nodes[use.node]
            if use.how == "delete" and isinstance(node, ir.Attribute) and self._on_self(number, node.base, use.frame):
                yield AttributeStore(node.name, None, self.describer.point_at(use.order, use.frame))

    def _on_self(self, cls: int, base: int, frame: int) -> bool:
        """An attribute of an object of the project, in a method of the class."""
        if self.trace.functions[self.trace.frames[frame].scope].class_id != cls:
            return False
        return any(isinstance(p, InstanceObject) for p in self.solution.points(base))

    def _super_init(self, init: int | None) -> tuple[tuple[Argument, ...] | None, bool]:
        """The arguments of the one super().__init__(..) or Base.__init__(self, ..) call; None when there is none."""
        if init is None:
            return None, False
        found = []
        for number in self.body(init):
            node = self.trace.nodes[number]
            if not isinstance(node, ir.Call):
                continue
            callee = self.trace.nodes[node.callee]
            if isinstance(callee, ir.Attribute) and callee.name == "__init__":
                base = self.trace.nodes[callee.base]
                by_super = isinstance(base, ir.Call) and self.solution.external(base.callee) == "builtins.super"
                arguments = self.describer.arguments(number)
                found.append(arguments if by_super else arguments[1:])
        if not found:
            return None, False
        return found[0], len(found) > 1
