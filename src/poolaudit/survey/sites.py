"""From a solved trace to the facts of a file: pool sites with their operations, ends and uses.

Puts together what the other rooms describe. Must never know libcst, a rule or a verdict.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal, cast

from poolaudit.facts import (
    MODULE_SCOPE,
    Access,
    Argument,
    Block,
    End,
    FileFacts,
    Handle,
    Import,
    LocalCall,
    Operation,
    Point,
    PoolSite,
    Span,
    StartMethod,
    Task,
    Use,
    Value,
    innermost_loop,
)
from poolaudit.survey import consumers, ir
from poolaudit.survey.accesses import AccessTable
from poolaudit.survey.families import APIS, MAP_METHODS, Api
from poolaudit.survey.functions import FunctionTable
from poolaudit.survey.objects import (
    BoundObject,
    HandleObject,
    PartialObject,
    SiteObject,
)
from poolaudit.survey.solve import Solution
from poolaudit.survey.tasks import TaskTable, task_argument
from poolaudit.survey.uses import UseTable, escapes
from poolaudit.survey.values import Describer, start_method

_ENDS = frozenset({"close", "terminate", "shutdown", "join"})
_CALLBACKS = {"callback": 3, "error_callback": 4}
_DEFINITIONS = frozenset({"function", "lambda", "class", "api", "module"})
_NO_TASK = _ENDS | {"imap_chunks", "__exit__", "wait"}


def facts(solution: Solution, entry_start_method: str | None = None) -> FileFacts:
    """State everything about the pools of the surveyed file.

    `entry_start_method` is what the programs that import the file set, where it sets nothing itself.
    """
    return _Assembly(solution).file(entry_start_method)


def _arguments(site: PoolSite) -> Iterator[Argument]:
    """The arguments of the construction, of its operations, and what partials bind in them."""
    yield from site.arguments
    for operation in site.operations:
        yield from operation.arguments
        if operation.task is not None:
            yield from operation.task.bound


def _classes_sent(site: PoolSite) -> Iterator[int | None]:
    """Classes of objects, and classes themselves, that a pool's workers are given."""
    todo = [argument.value for argument in _arguments(site)]
    while todo:
        value = todo.pop()
        yield value.class_id
        todo.extend(value.items)


def _related_sites(solution: Solution) -> list[int]:
    """The file's own constructions, then those of other files that it works with."""
    trace = solution.trace
    own = [call for call in sorted(solution.site_apis) if trace.own(trace.frame(call).scope)]
    foreign = {
        site
        for call, sites in solution.operations.items()
        if trace.own(trace.frame(call).scope) or not sites.keys().isdisjoint(own)
        for site in sites
    }
    return [*own, *sorted(foreign.difference(own))]


class _Assembly:
    def __init__(self, solution: Solution) -> None:
        self.solution = solution
        self.trace = solution.trace
        self.places = solution.trace.places
        self.calls = _related_sites(solution)
        self.describer = Describer(solution, self.calls)
        self.functions = FunctionTable(self.describer)
        self.tasks = TaskTable(self.functions)
        self.uses = UseTable(self.describer)
        self._by_site: dict[int, list[int]] = {}
        for call, sites in solution.operations.items():
            for site in sites:
                self._by_site.setdefault(site, []).append(call)
        self._import_points = self._reached(guarded=False)
        self._guard_points = self._reached(guarded=True)
        self._operations: dict[int, Operation] = {}

    # -- the file

    def file(self, entry_start_method: str | None) -> FileFacts:
        trace = self.trace
        sites = tuple(self._site(index, call) for index, call in enumerate(self.calls))
        # whoever holds a pool, uses one or is named by one; what those only mention in passing is left out
        self.functions.need(*sorted(self.describer.mentioned))
        for function in tuple(self.functions.functions.values()):
            for item in function.raises:
                if item.exception is not None:
                    self.functions.need_class(item.exception.class_id)
        self.functions.need_class(*(cls for site in sites for cls in _classes_sent(site)))
        library_calls = self.functions.library_calls() if sites else ()
        self.functions.need(*(argument.value.function for call in library_calls for argument in call.arguments))
        names = frozenset(use.name for function in self.functions.functions.values() for use in function.globals)
        is_notebook = trace.path.endswith(".ipynb")
        in_package = not is_notebook and os.path.exists(os.path.join(os.path.dirname(trace.path), "__init__.py"))
        guard = None if trace.guard is None else self.describer.block(trace.guard)
        shebang = trace.text.startswith("#!")
        return FileFacts(
            path=trace.path,
            text=trace.text,
            sites=sites,
            functions=self.functions.functions,
            classes=self.functions.classes,
            globals=self.functions.module_globals(names),
            library_calls=library_calls,
            imports=tuple(self._imports()),
            guard=guard,
            is_script=is_notebook or shebang or guard is not None or (trace.visible_work and not in_package),
            in_package=in_package,
            start_method=self._start_method() or entry_start_method,
            called_at_import=frozenset(self._import_points),
            called_under_guard=frozenset(self._guard_points),
            local_calls=tuple(self._local_calls()) if sites else (),
            accesses=self._accesses(sites) if sites else {},
            names=frozenset(trace.names),
            other_texts={path: module.text for path, module in trace.modules.items() if path},
        )

    def _imports(self) -> Iterator[Import]:
        for item in self.trace.imports:
            frame = self.trace.frames[item.frame]
            span = self.describer.statement(frame.statement).span
            yield Import(item.name, item.api, frame.scope == MODULE_SCOPE, frame.under_guard, span)

    def _start_method(self) -> str | None:
        found: set[str] = set()
        for number, node in self.trace.calls:
            called = self.solution.external(node.callee)
            if called == "multiprocessing.set_start_method" and self.trace.own(self.trace.frame(number).scope):
                value = self.describer.value(node.arguments[0].value) if node.arguments else None
                found.add(value.const if value is not None and isinstance(value.const, str) else "unknown")
        if not found:
            return None
        return found.pop() if len(found) == 1 else "unknown"

    def _reached(self, *, guarded: bool) -> dict[int, int]:
        """Functions that module level runs (outside the guard, or below it), each with the call node that starts it."""
        reached: dict[int, int] = {}
        todo: list[tuple[int, int]] = []
        for call, functions in self.solution.callees.items():
            frame = self.trace.frame(call)
            if frame.scope == MODULE_SCOPE and frame.under_guard == guarded:
                todo.extend((function, call) for function in functions)
        todo.sort()
        by_scope: dict[int, set[int]] = {}
        for call, functions in self.solution.callees.items():
            by_scope.setdefault(self.trace.frame(call).scope, set()).update(functions)
        while todo:
            function, call = todo.pop(0)
            if function in reached:
                continue
            reached[function] = call
            todo.extend((inner, call) for inner in sorted(by_scope.get(function, ())))
        return reached

    def _local_calls(self) -> Iterator[LocalCall]:
        """Calls of the project's functions on the way to a pool."""
        ways = self._ways_to_pools()
        for call in sorted(self.solution.callees):
            frame = self.trace.frame(call)
            if frame.scope not in ways:
                continue
            run = sorted(function for function in self.solution.callees[call] if self._runs(function, call))
            if not run:
                continue
            self.functions.need(*run)
            node = self.trace.nodes[call]
            callee = node.callee if isinstance(node, ir.Call) else call
            yield LocalCall(
                function=frame.scope,
                callees=tuple(run),
                certain=len(self.solution.points(callee)) == 1 and self.solution.sure(callee),
                point=self.describer.point_at(call, self.trace.node_frames[call]),
                under_guard=frame.under_guard,
            )

    def _runs(self, function: int, call: int) -> bool:
        """Calling the function runs its body: a generator's runs when it is iterated, a coroutine's when it is awaited."""
        record = self.trace.functions[function]
        return not record.is_generator and (not record.is_async or self.describer.is_awaited(call))

    def _accesses(self, sites: tuple[PoolSite, ...]) -> dict[int, tuple[Access, ...]]:
        table = AccessTable(self.describer)
        tasks = [operation.task for site in sites for operation in site.operations if operation.task is not None]
        initializers = [site.initializer for site in sites if site.initializer is not None]
        workers = self.functions.reached(*(task.function for task in (*tasks, *initializers)))
        names = {use.name for function in workers for use in function.globals if use.how != "read"}
        for site in sites:
            values = (argument.value for argument in _arguments(site))
            names.update(name for value in values if value.kind not in _DEFINITIONS for name in value.names)
        found = {
            function.id: table.of(function.id, {p.name for p in self.trace.functions[function.id].parameters}, writes_only=True)
            for function in workers
        }
        for scope in self._ways_to_pools():
            found[scope] = (*found.get(scope, ()), *table.of(scope, names))
        return {scope: accesses for scope, accesses in sorted(found.items()) if accesses}

    def _ways_to_pools(self) -> set[int]:
        """Scopes of this file that hold or use a pool, or call what does; module level."""
        callers: dict[int, set[int]] = {}
        for call, functions in self.solution.callees.items():
            for function in functions:
                callers.setdefault(function, set()).add(self.trace.frame(call).scope)
        todo = [self.trace.frame(call).scope for call in (*self.solution.site_apis, *self.solution.operations)]
        ways = {MODULE_SCOPE}
        while todo:
            scope = todo.pop()
            if scope not in ways and self.trace.own(scope):
                ways.add(scope)
                todo.extend(callers.get(scope, ()))
        return ways

    # -- sites

    def _site(self, index: int, call: int) -> PoolSite:
        apis = sorted(self.solution.site_apis[call])
        api = APIS[apis[0]]
        frame = self.trace.frame(call)
        function = self.trace.functions[frame.scope]
        point = self.describer.point(call)
        described = tuple(self._construction(call))
        arguments = tuple(argument for argument, _ in described)
        subclassed = call in self.solution.subclass_sites
        operations = tuple(
            self._operation(number) for number in sorted(self._by_site.get(call, ())) if not self._is_end(number, call)
        )
        ends = tuple(self._ends(call))
        uses = tuple(self.uses.uses(SiteObject(call)))
        binding, name, target, with_block = self._binding(call)
        node = self.trace.nodes[call]
        assert isinstance(node, ir.Call)
        module_level = frame.scope == MODULE_SCOPE
        return PoolSite(
            index=index,
            foreign=not self.trace.own(frame.scope),
            api=" | ".join(apis),
            family=api.family,
            kind=self._same(apis, "kind"),
            workers=self._same(apis, "workers"),
            pickling=self._same(apis, "pickling"),
            stdlib=all(APIS[name].stdlib for name in apis) and not subclassed,
            worker_count=self._worker_count(api, arguments),
            point=point,
            callee=self.describer.span(node.callee),
            arguments=arguments,
            argument_list=self.places.argument_list(call),
            binding=binding,
            name=name,
            target=target,
            with_block=with_block,
            lifetime=self._lifetime(ends, uses),
            operations=operations,
            ends=ends,
            uses=uses,
            complete=not escapes(uses) and not self.solution.exhausted,
            function=frame.scope,
            class_id=function.class_id,
            in_async=function.is_async,
            module_level=module_level,
            guarded=frame.under_guard and module_level,
            at_import=self._at_import(frame, point),
            loop=innermost_loop(point),
            initializer=self._initializer(api, described),
            start_method=self._site_method(call),
            conditional=self._conditional(call),
        )

    def _same(self, apis: list[str], field: str) -> Literal["unknown"]:
        values = {getattr(APIS[name], field) for name in apis}
        return cast(Literal["unknown"], values.pop() if len(values) == 1 else "unknown")

    def _worker_count(self, api: Api, arguments: tuple[Argument, ...]) -> Value | None:
        keyword = "processes" if api.kind == "pool" else "max_workers"
        plain = [a for a in arguments if a.keyword is None and not a.star]
        found = next((a for a in arguments if a.keyword == keyword), plain[0] if plain else None)
        if found is None or (found.value.kind == "const" and found.value.const is None):
            return None
        return found.value

    def _at_import(self, frame: ir.Frame, point: Point) -> Point | None:
        if frame.scope == MODULE_SCOPE:
            return None if frame.under_guard else point
        call = self._import_points.get(frame.scope)
        return None if call is None else self.describer.point(call)

    def _site_method(self, call: int) -> StartMethod | None:
        contexts = self.solution.site_contexts.get(call)
        # a context that is given and cannot be read is one all the same
        return "unknown" if contexts == set() else start_method(contexts or set())

    def _construction(self, call: int) -> Iterator[tuple[Argument, int]]:
        """The arguments of a construction with their nodes, what a partial binds first."""
        made = self.solution.partials.get(call)
        for number, skipped in ((made, 1), (call, 0)):
            if number is not None:
                node = self.trace.nodes[number]
                assert isinstance(node, ir.Call)
                arguments = self.describer.arguments(number)
                yield from list(zip(arguments, (a.value for a in node.arguments), strict=True))[skipped:]

    def _initializer(self, api: Api, arguments: tuple[tuple[Argument, int], ...]) -> Task | None:
        plain = [pair for pair in arguments if pair[0].keyword is None and not pair[0].star]
        position = 1 if api.kind == "pool" else 2
        found = next((pair for pair in arguments if pair[0].keyword == "initializer"), None)
        if found is None and len(plain) > position and not any(argument.star for argument, _ in arguments):
            found = plain[position]
        if found is None or found[0].value.kind == "const":
            return None
        return self.tasks.task(found[1])

    def _conditional(self, call: int) -> bool:
        """Some expression that may be this pool may be something else as well."""
        for holder in self.uses.holders.get(SiteObject(call), ()):
            if holder.via != "direct" or holder.method or holder.node not in self.uses.consumers:
                continue
            if len(self.solution.points(holder.node)) > 1 or not self.solution.sure(holder.node):
                return True
        return False

    # -- binding and ends

    def _binding(self, call: int) -> tuple[Literal["with"], str | None, Span | None, Block | None]:
        """How the construction is bound, by its own surroundings only."""
        node = self._transparent(call)
        for number, block in enumerate(self.trace.blocks):
            if block.kind == "with" and (node in block.items or call in block.items):
                name = block.targets[0] if block.targets else None
                return "with", name, None, self.describer.block(number)
        with_block = self._with_block(call)
        for function in self.trace.functions:
            for bounds in function.bindings.values():
                for bound in bounds:
                    if bound.node == node and bound.binding == "data":
                        target = None if bound.target_place is None else self.places.target(bound.target_place)
                        return cast(Literal["with"], "name"), bound.name, target, with_block
        for cls in self.trace.classes:
            for name, nodes in cls.members.items():
                if node in nodes:
                    return cast(Literal["with"], "name"), name, None, with_block
        for store in self.trace.stores:
            if store.node == node:
                span = self.describer.span(store.base)
                text = self.trace.cut(span)
                if store.name is None:
                    return cast(Literal["with"], "other"), None, None, with_block
                return cast(Literal["with"], "attribute"), f"{text}.{store.name}", None, with_block
        return cast(Literal["with"], self._loose_binding(node)), None, None, with_block

    def _loose_binding(self, node: int) -> str:
        for consumer in self.uses.consumers.get(node, ()):
            if consumer.kind == "attribute":
                return "chained"
            if consumer.kind == "argument":
                called = self.trace.nodes[consumer.taker]
                assert isinstance(called, ir.Call)
                api = self.solution.external(called.callee) or ""
                return "stack" if api.endswith("enter_context") else "argument"
            if consumer.kind == "statement":
                how = self.trace.uses[consumer.taker].how
                if how in ("return", "yield"):
                    return "returned"
        if any(node in function.returns for function in self.trace.functions):
            return "returned"
        return "other"

    def _transparent(self, node: int) -> int:
        """Through conditional expressions, closing() and enter_context() to what is really bound."""
        for _ in range(8):
            outer = None
            for consumer in self.uses.consumers.get(node, ()):
                if consumer.kind == "choice":
                    outer = consumer.taker
                elif consumer.kind == "argument":
                    called = self.trace.nodes[consumer.taker]
                    assert isinstance(called, ir.Call)
                    if (self.solution.external(called.callee) or "") in consumers.SAME:
                        outer = consumer.taker
            if outer is None:
                return node
            node = outer
        return node

    def _with_block(self, call: int) -> Block | None:
        """The `with` statement that enters the pool later: `with pool:`."""
        leaf = SiteObject(call)
        for number, block in enumerate(self.trace.blocks):
            if block.kind == "with" and any(leaf in self.solution.points(item) for item in block.items):
                return self.describer.block(number)
        return None

    def _is_end(self, number: int, call: int) -> bool:
        return self.solution.operations[number].get(call) in _ENDS

    def _ends(self, call: int) -> Iterator[End]:
        leaf = SiteObject(call)
        for number, block in enumerate(self.trace.blocks):
            if block.kind != "with":
                continue
            for item in block.items:
                if leaf in self.solution.points(item):
                    described = self.describer.block(number)
                    how = "closing" if self._is_closing(item) else "with-exit"
                    yield self._end(how, self._exit_point(described), (), item)
        for number in sorted(self._by_site.get(call, ())):
            if self._is_end(number, call):
                how = self.solution.operations[number][call]
                receiver = self._receiver(number, self._whole_call(number), in_loop=False)
                yield self._end(how, self.describer.point(number), self.describer.arguments(number), receiver)
        yield from self._registered_ends(leaf)

    def _is_closing(self, item: int) -> bool:
        node = self.trace.nodes[item]
        return isinstance(node, ir.Call) and self.solution.external(node.callee) == "contextlib.closing"

    def _exit_point(self, block: Block) -> Point:
        record = self.trace.blocks[block.id]
        first = next(
            (f for f, frame in enumerate(self.trace.frames) if frame.path == record.path and frame.scope == record.scope), 0
        )
        statement = self.describer.statement(self.trace.frames[first].statement)
        return Point(block.scope, block.end, block.path, block.header, statement)

    def _end(self, how: str, point: Point, arguments: tuple[Argument, ...], receiver: int | None = None) -> End:
        return End(
            how=cast(Literal["close"], how),
            point=point,
            arguments=arguments,
            in_finally=any(step.arm == "finally" for step in point.path),
            handler=any(step.arm.startswith("except") for step in point.path),
            pool_from=None if receiver is None else self._pool_from(receiver, point.scope),
        )

    def _registered_ends(self, leaf: SiteObject) -> Iterator[End]:
        """enter_context(pool), callback(pool.close), atexit.register(pool.terminate), weakref.finalize(self, pool.close)."""
        for holder in self.uses.holders.get(leaf, ()):
            if holder.via != "direct":
                continue
            for consumer in self.uses.consumers.get(holder.node, ()):
                if consumer.kind != "argument":
                    continue
                called = self.trace.nodes[consumer.taker]
                assert isinstance(called, ir.Call)
                api = self.solution.external(called.callee) or ""
                if api.endswith("enter_context") and api in consumers.SAME:
                    yield self._end("stack", self.describer.point(consumer.taker), ())
                elif api in consumers.REGISTRARS and (holder.method in _ENDS | {"__exit__"} or api.endswith("push")):
                    yield self._end(consumers.REGISTRARS[api], self.describer.point(consumer.taker), ())

    def _lifetime(
        self, ends: tuple[End, ...], uses: tuple[Use, ...]
    ) -> Literal["with", "closed", "unclosed", "escapes", "unknown"]:
        hows = {end.how for end in ends}
        if hows & {"with-exit", "closing", "stack"}:
            return "with"
        if hows - {"join"}:
            return "closed"
        if self.solution.exhausted:
            return "unknown"
        return "escapes" if escapes(uses) else "unclosed"

    # -- operations

    def _operation(self, number: int) -> Operation:
        found = self._operations.get(number)
        if found is None:
            found = self._operations[number] = self._build_operation(number)
        return found

    def _build_operation(self, number: int) -> Operation:
        node = self._whole_call(number)
        sites = self.solution.operations[number]
        method = next(iter(sites.values()))
        point = self.describer.point(number)
        in_loop = method == "run_in_executor"
        receiver = self._receiver(number, node, in_loop)
        certain = self.solution.sure(receiver) and self._only_pools(receiver)
        indexes = tuple(sorted(self.describer.site_index[site] for site in sites))
        apis = [APIS[api] for site in sites for api in self.solution.site_apis[site]]
        stdlib = all(api.stdlib and api.workers == "process" for api in apis) and not sites.keys() & self.solution.subclass_sites
        task_node = task_argument(node, method)
        return Operation(
            method=method,
            point=point,
            receiver=self.describer.span(receiver),
            method_span=self._method_span(node),
            arguments=tuple(argument for argument, _ in self._construction(number)),
            argument_list=self.places.argument_list(number),
            task=None if task_node is None or method in _NO_TASK else self.tasks.task(task_node),
            callbacks=tuple(self._callbacks(number, node)),
            iterable=self._iterable(node, method),
            handle=self._handle(number),
            sites=indexes,
            certain=certain,
            process_only=certain and stdlib and len({api.kind for api in apis}) == 1 and self.trace.own(point.scope),
            in_async=self.trace.functions[point.scope].is_async,
            awaited=self._awaited(number),
            loop=innermost_loop(point),
            pool_from=self._pool_from(receiver, point.scope),
        )

    def _pool_from(self, receiver: int, scope: int) -> int | None:
        """The call of the same scope that the receiver plainly comes from, through `with`, closing() and enter_context()."""
        node = self.describer.follow(receiver)
        for _ in range(8):
            value = self.trace.nodes[node]
            if isinstance(value, ir.Entered):
                node = self.describer.follow(value.base)
                continue
            if not isinstance(value, ir.Call):
                return None
            position = consumers.SAME.get(self.solution.external(value.callee) or "")
            if position is None or len(value.arguments) <= position:
                return node if self.trace.frame(node).scope == scope else None
            node = self.describer.follow(value.arguments[position].value)
        return None

    def _whole_call(self, number: int) -> ir.Call:
        """The call with what a partial binds first."""
        node = self.trace.nodes[number]
        assert isinstance(node, ir.Call)
        made = self.trace.nodes[self.solution.partials[number]] if number in self.solution.partials else None
        return ir.Call(node.callee, (*made.arguments[1:], *node.arguments)) if isinstance(made, ir.Call) else node

    def _receiver(self, number: int, node: ir.Call, in_loop: bool) -> int:
        if in_loop:
            return next((a.value for a in node.arguments if a.keyword in (None, "executor")), node.callee)
        callee = self.trace.nodes[node.callee]
        return callee.base if isinstance(callee, ir.Attribute) else node.callee

    def _only_pools(self, receiver: int) -> bool:
        """The receiver is nothing but pools (or their bound methods)."""
        for value in self.solution.points(receiver):
            if isinstance(value, (BoundObject, PartialObject)):
                continue
            if not isinstance(value, SiteObject):
                return False
        return True

    def _method_span(self, node: ir.Call) -> Span:
        callee = self.trace.nodes[node.callee]
        return self.places.attribute_name(node.callee) if isinstance(callee, ir.Attribute) else self.describer.span(node.callee)

    def _callbacks(self, number: int, node: ir.Call) -> Iterator[tuple[str, Task]]:
        plain = [a.value for a in node.arguments if a.keyword is None and not a.star]
        starred = any(a.star for a in node.arguments)
        if next(iter(self.solution.operations[number].values())) in ("apply_async", "map_async", "starmap_async"):
            for keyword, position in _CALLBACKS.items():
                found = next((a.value for a in node.arguments if a.keyword == keyword), None)
                if found is None and not starred and len(plain) > position:
                    found = plain[position]
                if found is not None and not self._is_none(found):
                    yield keyword, self.tasks.task(found)
        for leaf in self._handle_leaves(number):
            for holder in self.uses.holders.get(leaf, ()):
                if holder.method != "add_done_callback":
                    continue
                for consumer in self.uses.consumers.get(holder.node, ()):
                    called = self.trace.nodes[consumer.taker]
                    if consumer.kind == "callee" and isinstance(called, ir.Call) and called.arguments:
                        yield "done_callback", self.tasks.task(called.arguments[0].value)

    def _is_none(self, node: int) -> bool:
        value = self.trace.nodes[node]
        return isinstance(value, ir.Constant) and value.value is None

    def _iterable(self, node: ir.Call, method: str) -> Value | None:
        if method not in MAP_METHODS:
            return None
        named = next((a.value for a in node.arguments if a.keyword in ("iterable", "iterables")), None)
        plain = [a.value for a in node.arguments if a.keyword is None and not a.star]
        has_task_keyword = any(a.keyword in ("func", "fn") for a in node.arguments)
        position = 0 if has_task_keyword else 1
        found = named if named is not None else plain[position] if len(plain) > position else None
        return None if found is None else self.describer.value(found)

    # -- handles

    def _handle_leaves(self, number: int) -> list[HandleObject]:
        return [leaf for leaf in self.uses.holders if isinstance(leaf, HandleObject) and leaf.call == number]

    def _handle(self, number: int) -> Handle:
        leaves = self._handle_leaves(number)
        uses: list[Use] = []
        for leaf in leaves:
            uses.extend(self.uses.uses(leaf))
        uses.sort(key=lambda use: (use.point.scope, use.point.order))
        kind = leaves[0].kind if leaves else "value"
        if len(leaves) > 1:
            # a future that was wrapped for asyncio is still the future
            kind = next((leaf.kind for leaf in leaves if leaf.kind != "aio_future"), kind)
        bare = any(c.kind == "statement" and self.trace.uses[c.taker].how == "drop" for c in self.uses.consumers.get(number, ()))
        if not leaves:
            bare = any(use.node == number and use.how == "drop" for use in self.trace.uses)
        return Handle(
            kind=cast(Literal["value"], kind),
            uses=tuple(use for use in uses if use.how != "drop"),
            complete=not escapes(uses) and not self.solution.exhausted,
            bare=bare,
            chained=self._chained(number),
        )

    def _chained(self, number: int) -> str | None:
        for consumer in self.uses.consumers.get(number, ()):
            if consumer.kind == "attribute":
                attribute = self.trace.nodes[consumer.taker]
                assert isinstance(attribute, ir.Attribute)
                return attribute.name
        return None

    def _awaited(self, number: int) -> bool:
        return any(consumer.kind == "awaited" for consumer in self.uses.consumers.get(number, ()))
