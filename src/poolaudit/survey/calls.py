"""What calls give: pools, handles, containers, instances, the results of functions that were read.

Knows well-known APIs by canonical name. Must never know a rule, a span or libcst.
"""

from __future__ import annotations

from collections.abc import Iterable

from poolaudit.survey import consumers, ir
from poolaudit.survey.families import APIS, CONTEXT_FAMILIES, canonical
from poolaudit.survey.members import Members
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
_FOLLOWED = frozenset(
    {
        *APIS, *_CONTEXT_CLASSES, *consumers.SAME, *consumers.LAZY, *consumers.EAGER, *consumers.WAITS,
        "functools.partial", "builtins.getattr", "builtins.super", "builtins.map", "builtins.next",
    }
)  # fmt: skip
"""Library functions whose results are more than a value of theirs."""


class Calls(Members):
    """What calling an object gives, and what the call does to its arguments."""

    def __init__(self, trace: ir.Trace) -> None:
        super().__init__(trace)
        self.site_apis: dict[int, set[str]] = {}
        """Call node to the APIs that it constructs."""
        self.site_contexts: dict[int, set[str]] = {}
        """Call node to the start methods of its contexts."""
        self.context_calls: dict[int, set[str]] = {}
        """Call node of what a context offers (its Lock, its Queue) to the start methods of those contexts."""
        self.subclass_sites: set[int] = set()
        self.partials: dict[int, int] = {}
        """Call node of a partial object to the call that made it."""
        self.operations: dict[int, dict[int, str]] = {}
        """Call node to {site: method}."""
        self.callers: dict[int, set[int]] = {}
        """Function id to the call nodes that run it; empty where only a consumer calls it, as builtin map does."""
        self.callees: dict[int, set[int]] = {}
        """Call node to the functions of the project that it runs."""
        self.parameter_sources: dict[tuple[int, str], set[int]] = {}

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

    def gathers(self, callee: Object, argument: ir.CallArgument) -> bool:
        """A callee of the project takes the argument by **, or is given it so: where it goes from there is not followed."""
        function = self._run_by(callee)
        if function is None or not (argument.keyword or argument.star == "**"):
            return False
        parameters = self.trace.functions[function].parameters
        named = {each.name for each in parameters if each.kind in ("positional", "keyword")}
        return argument.star == "**" or argument.keyword not in named

    def _run_by(self, callee: Object) -> int | None:
        """The function of the project that calling an object runs."""
        if isinstance(callee, FunctionObject):
            return callee.function
        if isinstance(callee, (ClassObject, InstanceObject)):
            return self.find_method(callee.cls, "__init__" if isinstance(callee, ClassObject) else "__call__")
        return None

    def _first(self, node: ir.Call, position: int = 0) -> int | None:
        plain = [a.value for a in node.arguments if a.keyword is None and not a.star]
        return plain[position] if len(plain) > position else None

    def _site(self, number: int, api: str, method: str | None = None) -> None:
        self.site_apis.setdefault(number, set()).add(api)
        if method is not None:
            self.site_contexts.setdefault(number, set()).add(method)
        self._add(number, SiteObject(number))

    def _call_external(self, number: int, node: ir.Call, name: str) -> None:
        if name not in _FOLLOWED and not name.endswith("get_context"):
            # what a loop's run_in_executor gives depends on the executor
            if not (name.endswith(".run_in_executor") and name.startswith("asyncio.")):
                self._add(number, CalledObject(name, number))
            return
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
            for index, argument in enumerate(node.arguments):
                if leaf in DICTS and argument.keyword is not None:
                    self._edge(argument.value, self._cell("element", number))
                elif leaf in ("dict", "OrderedDict") and (not index or argument.star):
                    self._watch(argument.value, lambda value: self._copy_dict(number, value))
                elif not index:
                    self._iterate(argument.value, self._cell("element", number))
                    self._iterate(argument.value, self._cell("key", number))
        elif name == "builtins.next" and first is not None:
            self._iterate(first, number)
        elif consumers.WAITS.get(name) == "as_completed" and (waited := self._waited(node)) is not None:
            self._add(number, ContainerObject(number, "view"))
            self._iterate(waited, self._cell("element", number))
        elif consumers.WAITS.get(name) == "wait_futures":
            self._call_wait(number, node)
        else:
            self._add(number, CalledObject(name, number))

    def _waited(self, node: ir.Call) -> int | None:
        return next((a.value for a in node.arguments if a.keyword in (None, "fs") and not a.star), None)

    def _call_wait(self, number: int, node: ir.Call) -> None:
        waited = self._waited(node)
        self._add(number, ContainerObject(number, "waited"))
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

    def _copy_dict(self, number: int, value: Object) -> None:
        """dict(x): the keys and values of a dict, or the pairs that something yields."""
        if not isinstance(value, ContainerObject):
            return
        keys, elements = self._cell("key", number), self._cell("element", number)
        if value.form in DICTS:
            self._edge(self._cell("key", value.key), keys)
            self._edge(self._cell("element", value.key), elements)
        else:
            pairs = self._cell("element", value.key)
            self._watch(pairs, lambda pair: self._subscript(keys, 0, pair, unpacking=True))
            self._watch(pairs, lambda pair: self._subscript(elements, 1, pair, unpacking=True))

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
            for argument in node.arguments:
                if argument.keyword is not None:
                    self._edge(argument.value, elements)
        elif name in consumers.COMBINERS:
            self._add(number, owner)
            for argument in node.arguments:
                self._iterate(argument.value, elements)
        elif name in ("values", "copy", "items", "keys"):
            self._call_dict_view(number, owner, name)
        elif name in consumers.TAKERS:
            self._edge(elements, number)
            if name == "setdefault" and (default := self._first(node, 1)) is not None:
                self._edge(default, elements)
            if name == "popitem" or (name == "pop" and owner.form in DICTS):
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
            self.context_calls.setdefault(number, set()).add(owner.method)
            self._add(number, CalledObject(api, number))
