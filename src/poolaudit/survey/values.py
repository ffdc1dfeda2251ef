"""From nodes to the facts that describe them: values, arguments, points, blocks.

Knows a solved trace and its places. Must never know what makes a rule speak.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Set
from typing import Literal, Protocol, cast

from msgspec.structs import replace

from poolaudit.facts import Argument, Block, Handler, Name, Point, Span, StartMethod, Statement, Step, Value
from poolaudit.survey import consumers, ir
from poolaudit.survey.families import canonical
from poolaudit.survey.objects import (
    DICTS,
    BoundObject,
    CalledObject,
    ClassObject,
    ContainerObject,
    ExternalObject,
    FunctionObject,
    HandleObject,
    InstanceObject,
    Object,
    PartialObject,
    ResultObject,
    SiteObject,
)
from poolaudit.survey.solve import Solution

_ENDLESS = frozenset({"itertools.count", "itertools.cycle", "itertools.repeat"})
_BUILTINS = {
    "dict": "dict", "OrderedDict": "dict", "Counter": "dict", "list": "list", "sorted": "list",
    "set": "set", "frozenset": "frozenset", "tuple": "tuple", "tuple at": "tuple",
}  # fmt: skip
"""Forms of containers to the builtin class that their methods come from."""

_MUTABLE = frozenset({"list", "dict", "set", "sorted", "deque", *DICTS})
_DEPTH = 4
"""How deep elements of literals are described."""


class _Maker(Protocol):
    """Completes a Value with its kind, and what is particular to that kind."""

    def __call__(self, kind: str, **more: object) -> Value: ...


def _may_change(callee: Object) -> bool:
    """It is not known to leave its arguments as they are. Functions of the project are followed: they change what they change."""
    if isinstance(callee, ExternalObject):
        return not callee.name.startswith(("builtins.", "itertools.", "functools."))
    return isinstance(callee, (CalledObject, ResultObject, InstanceObject))


def start_method(contexts: Set[str]) -> StartMethod | None:
    """The one start method of some contexts ('' is the default one)."""
    if contexts <= {""}:
        return None
    if len(contexts) == 1 and contexts <= {"fork", "spawn", "forkserver"}:
        return cast(StartMethod, next(iter(contexts)))
    return "unknown"


class Describer:
    """Describes nodes of one file, each point and block once."""

    def __init__(self, solution: Solution, sites: list[int]) -> None:
        self.solution = solution
        self.trace = solution.trace
        self.places = solution.trace.places
        self.site_index = {call: index for index, call in enumerate(sites)}
        self._blocks: dict[int, Block] = {}
        self._statements: dict[int, Statement] = {}
        self._describing: set[int] = set()
        self._changed: set[Hashable] | None = None
        self._endless = {
            record.scope
            for record in self.trace.blocks
            if record.kind == "while" and record.forever and record.leaves.isdisjoint({"break", "return"})
        }
        self.mentioned: set[int] = set()
        """Functions that a point lies in or a value leads to."""

    # -- points

    def span(self, node: int) -> Span:
        """Where the node stands; for one that reading made up, its statement."""
        if self.places.spelled(node):
            return self.places.node(node)
        return self.statement(self.trace.frame(node).statement).span

    def point(self, node: int) -> Point:
        return self.point_at(node, self.trace.node_frames[node], self.span(node))

    def point_at(self, order: int, frame_number: int, span: Span | None = None) -> Point:
        """The point of something that is no node: its order, frame and span (default: its statement)."""
        frame = self.trace.frames[frame_number]
        statement = self.statement(frame.statement)
        self.mentioned.add(frame.scope)
        return Point(frame.scope, order, self.steps(frame.path), statement.span if span is None else span, statement)

    def steps(self, path: tuple[tuple[int, str], ...]) -> tuple[Step, ...]:
        return tuple(Step(self.block(block), arm) for block, arm in path)

    def statement(self, number: int) -> Statement:
        found = self._statements.get(number)
        if found is None:
            record = self.trace.statements[number]
            found = self._statements[number] = Statement(
                span=self.places.statement(number),
                indent=record.indent,
                form=cast(Literal["expression", "assign", "return", "header", "other"], record.form),
                alone=record.alone,
                top=self.places.statement_top(record.top),
                assigned=record.assigned,
            )
        return found

    def block(self, number: int) -> Block:
        found = self._blocks.get(number)
        if found is not None:
            return found
        record = self.trace.blocks[number]
        span, header, body = self.places.block(record.place)
        # a block whose iterable is described through a name bound inside itself would come back here
        nested = number in self._describing
        self._describing.add(number)
        iterable = None if record.iterable is None or nested else self.value(record.iterable)
        block = Block(
            id=number,
            kind=cast(Literal["with"], record.kind),
            scope=record.scope,
            path=self.steps(record.path),
            start=record.start,
            end=record.end,
            span=span,
            header=header,
            body=body,
            body_indent=self._line_indent(body),
            is_async=record.is_async,
            handlers=tuple(self._handler(handler) for handler in record.handlers),
            has_finally=record.has_finally,
            leaves=tuple(sorted(record.leaves)),
            targets=record.targets,
            iterable=iterable,
            tests=tuple(sorted({name for test in record.tests if (name := self.solution.external(test)) is not None})),
            rebinds=self._rebinds(record),
            forever=record.forever or (iterable is not None and iterable.infinite),
        )
        self._describing.discard(number)
        if not nested:
            self._blocks[number] = block
        return block

    def _rebinds(self, record: ir.BlockTrace) -> frozenset[str]:
        if record.kind not in ("for", "while"):
            return frozenset(record.targets)
        bindings = self.trace.functions[record.scope].bindings
        inside = {name for name, bounds in bindings.items() if any(record.start < b.order <= record.end for b in bounds)}
        return frozenset(inside | set(record.targets))

    def _line_indent(self, body: Span) -> str:
        text, offset = self.trace.modules[body.path].text, body.start
        start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
        return text[start:offset] if text[start:offset].isspace() else ""

    def _handler(self, record: ir.HandlerTrace) -> Handler:
        header, types_span, body = self.places.handler(record.place)
        return Handler(tuple(self.name(node) for node in record.types), header, types_span, body, record.alias, record.reraises)

    # -- names and values

    def name(self, node: int) -> Name:
        found = self.solution.static(node)
        span = self.span(node)
        text = self.trace.cut(span)
        if isinstance(found, int):
            return Name(span, None, text, found)
        # a relative import is a name of the project, not of a library
        api = None if found is None or found.startswith(".") else canonical(found)
        return Name(span, api, text)

    def follow(self, node: int) -> int:
        """The node that a name plainly leads to: its only binding, here or in an enclosing scope."""
        for _ in range(20):
            value = self.trace.nodes[node]
            if isinstance(value, ir.Reference):
                target = value.target
                if target is None:
                    found = self.solution.bindings(value.name, value.scope)
                    if found is None or len(found[1]) != 1:
                        return node
                    target = found[1][0].node
                node = target
            elif isinstance(value, ir.Choice) and not value.written and len(value.parts) == 1:
                node = value.parts[0]
            elif isinstance(value, ir.Attribute):
                source = self._only_attribute_source(value)
                if source is None:
                    return node
                node = source
            else:
                return node
        return node

    def _only_attribute_source(self, value: ir.Attribute) -> int | None:
        """self.x leads to the one expression that any method stores there."""
        bases = self.solution.points(value.base)
        sources: set[int] = set()
        for base in bases:
            if not isinstance(base, InstanceObject):
                return None
            sources |= self.solution.stored_in(base.cls, value.name)
        return next(iter(sources)) if len(sources) == 1 else None

    def names(self, node: int) -> frozenset[str]:
        nodes = (self.trace.nodes[number] for number in ir.walk(self.trace, node))
        return frozenset(value.name for value in nodes if isinstance(value, ir.Reference))

    def value(self, node: int, depth: int = 0) -> Value:
        """Describe an expression."""
        span = self.span(node)
        text = self.trace.cut(span)
        target = self.follow(node)
        literal = target == node and not isinstance(self.trace.nodes[node], (ir.Reference, ir.Attribute))
        names, origin = self.names(node), self._origin(node, target)
        return self._described(target, span, text, literal, self._parenthesized(node), names, origin, depth)

    def _parenthesized(self, node: int) -> bool:
        return self.places.spelled(node) and self.places.parenthesized(node)

    def _described(
        self,
        target: int,
        span: Span,
        text: str,
        literal: bool,
        parenthesized: bool,
        names: frozenset[str],
        origin: Span | None,
        depth: int,
    ) -> Value:
        node = self.trace.nodes[target]

        def make(kind: str, **more: object) -> Value:
            return Value(
                kind=cast(Literal["unknown"], kind),
                span=span,
                text=text,
                literal=literal,
                parenthesized=parenthesized,
                names=names,
                origin=origin,
                **more,  # type: ignore[arg-type]
            )

        if isinstance(node, ir.Constant):
            length = len(node.value) if isinstance(node.value, (str, bytes)) else None
            return make("const", const=node.value, length=length)
        if isinstance(node, ir.FunctionValue):
            kind = "lambda" if self.trace.functions[node.function].is_lambda else "function"
            self.mentioned.add(node.function)
            return make(kind, function=node.function)
        if isinstance(node, ir.ClassValue):
            return make("class", class_id=node.cls)
        if isinstance(node, ir.External):
            return make("api", api=canonical(node.name))
        changed = not literal and self._may_have_changed(target)
        if isinstance(node, ir.Display):
            elements = () if changed or depth >= _DEPTH else tuple(self.value(element, depth + 1) for element in node.elements)
            return make(node.form, items=elements, length=None if node.stars or changed else len(node.elements))
        if isinstance(node, ir.Comprehension):
            element = () if depth >= _DEPTH else (self.value(node.element, depth + 1),)
            kind = "generator" if node.form == "generator" else "comprehension"
            source = self.trace.blocks[node.block].iterable
            length = None if source is None or changed or depth >= _DEPTH else self.value(source, depth + 1).length
            return make(kind, items=element, length=length)
        found = self._by_points(
            target,
            node,
            make,
            lambda other: self._described(other, span, text, False, parenthesized, names, origin, depth + 1),
            depth,
        )
        return replace(found, length=None) if changed and found.length is not None else found

    def _may_have_changed(self, target: int) -> bool:
        """A list, dict or set under a name may hold more, or less, than it was made with."""
        keys = {p.key for p in self.solution.points(target) if isinstance(p, ContainerObject) and p.form in _MUTABLE}
        if not keys:
            return False
        if self._changed is None:
            self._changed = self._find_changed()
        return not keys.isdisjoint(self._changed)

    def _find_changed(self) -> set[Hashable]:
        """Containers that a method of theirs changes, that are assigned into, or that go to code which may change them."""
        found: set[Hashable] = set()
        for _, call in self.trace.calls:
            callees = self.solution.points(call.callee)
            for callee in callees:
                if (
                    isinstance(callee, BoundObject)
                    and isinstance(callee.owner, ContainerObject)
                    and callee.name in consumers.MUTATORS
                ):
                    found.add(callee.owner.key)
            anything = not callees or any(_may_change(callee) for callee in callees)
            for argument in call.arguments:
                # the entries of a dict that is given by ** are passed on, not the dict
                gathered = not argument.star and any(self.solution.gathers(callee, argument) for callee in callees)
                if anything or gathered:
                    found.update(p.key for p in self.solution.points(argument.value) if isinstance(p, ContainerObject))
        deleted = (self.trace.nodes[use.node] for use in self.trace.uses if use.how == "delete")
        bases = [node.base for node in deleted if isinstance(node, ir.Subscript)]
        bases += [store.base for store in self.trace.stores if store.name is None]
        for base in bases:
            found.update(p.key for p in self.solution.points(base) if isinstance(p, ContainerObject))
        # what lies in an attribute is at hand for everybody who has the object
        for sources in self.solution.attribute_sources.values():
            for source in sources:
                found.update(p.key for p in self.solution.points(source) if isinstance(p, ContainerObject))
        return found

    def _by_points(self, target: int, node: ir.Node, maker: _Maker, again: Callable[[int], Value], depth: int) -> Value:
        points = self.solution.points(target)
        pools = tuple(sorted(self.site_index[p.call] for p in points if isinstance(p, SiteObject) and p.call in self.site_index))
        if pools:
            return maker("pool", pools=pools, certain=self._is_only_object(target))
        kinds = {p.kind for p in points if isinstance(p, HandleObject)}
        if kinds:
            kind = next(iter(kinds)) if len(kinds) == 1 else ""
            return maker("handle", handle=kind, certain=self._is_only_object(target))
        if self._may_be_constant(target):
            return maker("unknown")
        if isinstance(node, ir.ParameterValue) and not (len(points) == 1 and self.solution.sure(target)):
            return maker("parameter", api=node.name)
        if len(points) == 1 and self.solution.sure(target):
            (only,) = points
            if isinstance(only, PartialObject):
                return maker("partial")
            if isinstance(only, InstanceObject):
                return maker("instance", class_id=only.cls)
            if isinstance(only, ClassObject):
                return maker("class", class_id=only.cls)
            if isinstance(only, FunctionObject):
                record = self.trace.functions[only.function]
                self.mentioned.add(only.function)
                kind = "method" if only.bound is not None else "lambda" if record.is_lambda else "function"
                return maker(kind, function=only.function, class_id=only.bound)
            if isinstance(only, ExternalObject):
                return maker("api", api=canonical(only.name))
            if isinstance(only, CalledObject):
                return self._call(only.call, only.name, maker, depth)
            if isinstance(only, BoundObject) and isinstance(only.owner, SiteObject) and only.owner.call in self.site_index:
                return maker("pool", pools=(self.site_index[only.owner.call],))
            if isinstance(only, ContainerObject) and isinstance(only.key, int) and only.key != target and depth < _DEPTH:
                # zip(..) and d.items() name the pairs that they yield as well
                is_pair = only.form == "tuple at" and isinstance(self.trace.nodes[only.key], ir.Call)
                return maker("unknown") if is_pair else again(only.key)
        if isinstance(node, ir.Call):
            return self._call(target, self._callee_name(node.callee), maker, depth)
        return maker("unknown")

    def _is_only_object(self, node: int) -> bool:
        """The node is one object, and nothing else, None included."""
        return len(self.solution.points(node)) == 1 and self.solution.sure(node) and not self.solution.may_be_constant(node)

    def made_by(self, node: int) -> Value | None:
        """The call that a node plainly leads to, as a call, whatever it gives."""
        target = self.follow(node)
        call = self.trace.nodes[target]
        if not isinstance(call, ir.Call):
            return None
        span = self.span(node)
        text, literal, parenthesized, names = self.trace.cut(span), target == node, self._parenthesized(node), self.names(node)

        def make(kind: str, **more: object) -> Value:
            return Value("call", span, text, literal, parenthesized, names=names, **more)  # type: ignore[arg-type]

        return self._call(target, self._callee_name(call.callee), make, 0)

    def _callee_name(self, callee: int) -> str | None:
        """The canonical name of what is called: of a library, what calling that gave, or a method of a builtin container."""
        points = self.solution.points(callee)
        if len(points) != 1:
            return None
        (only,) = points
        if isinstance(only, ExternalObject):
            return canonical(only.name)
        if isinstance(only, CalledObject):
            return f"{canonical(only.name)}()"
        if isinstance(only, BoundObject) and isinstance(only.owner, ContainerObject) and self.solution.sure(callee):
            builtin = _BUILTINS.get(only.owner.form)
            return None if builtin is None else f"builtins.{builtin}().{only.name}"
        return None

    def _may_be_constant(self, target: int) -> bool:
        """`Queue() if wanted else None`: one of several, and a constant among them."""
        node = self.trace.nodes[target]
        if not isinstance(node, ir.Choice):
            return False
        parts = [self.trace.nodes[self.follow(part)] for part in node.parts]
        return any(isinstance(part, ir.Constant) for part in parts)

    def _call(self, number: int, api: str | None, maker: _Maker, depth: int) -> Value:
        node = self.trace.nodes[number]
        if not isinstance(node, ir.Call):
            return maker("unknown")
        functions = self.solution.callees.get(number, set())
        function = next(iter(functions)) if len(functions) == 1 else None
        self.mentioned |= functions
        plain = [a.value for a in node.arguments if a.keyword is None and not a.star]
        items = () if depth >= _DEPTH else tuple(self.value(argument, depth + 1) for argument in plain)
        length = None
        infinite = False
        if api == "builtins.range":
            bounds = [item.const for item in items]
            if bounds and all(isinstance(bound, int) for bound in bounds):
                length = len(range(*cast(list[int], bounds)))
        elif api in _ENDLESS:
            infinite = api != "itertools.repeat" or len(node.arguments) == 1
        elif api in ("builtins.list", "builtins.tuple", "builtins.sorted", "builtins.enumerate", "builtins.iter") and items:
            length, infinite = items[0].length, items[0].infinite
        if function is not None and self.trace.functions[function].is_generator:
            infinite = self.runs_forever(function)
        method = start_method(self.solution.context_calls.get(number, set()))
        return maker("call", api=api, function=function, items=items, length=length, infinite=infinite, start_method=method)

    def runs_forever(self, function: int) -> bool:
        """Its body holds a `while True` that nothing leaves."""
        return function in self._endless

    def is_awaited(self, call: int) -> bool:
        """The call is the whole operand of an `await`, which reading numbers next."""
        following = self.trace.nodes[call + 1] if call + 1 < len(self.trace.nodes) else None
        return isinstance(following, ir.Awaited) and following.base == call

    def arguments(self, call: int) -> tuple[Argument, ...]:
        """The arguments of a call as written."""
        node = self.trace.nodes[call]
        assert isinstance(node, ir.Call)
        found = []
        for index, argument in enumerate(node.arguments):
            span, keyword_span = self.places.argument(call, index)
            star = cast(Literal["", "*", "**"], argument.star)
            found.append(Argument(argument.keyword, star, span, keyword_span, self.value(argument.value)))
        return tuple(found)

    def _origin(self, node: int, target: int) -> Span | None:
        # definitions and imports are no expressions: their places are facts of their own
        expression = not isinstance(self.trace.nodes[target], (ir.FunctionValue, ir.ClassValue, ir.External))
        return self.places.node(target) if target != node and expression and self.places.spelled(target) else None
