"""What happens to a pool or to what its operations give back, wherever it goes in this file.

Knows a solved trace: an object is looked for in every node that may hold it, directly, in a container, behind a lazy view or as a
result, and each consumer of such a node is one use. A consumer that is not known is an escape. Must never know a rule.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, cast

from msgspec import Struct
from msgspec.structs import replace

from poolaudit.facts import ESCAPES, Span, Use, UseHow, Value
from poolaudit.survey import consumers, ir
from poolaudit.survey.families import canonical
from poolaudit.survey.objects import (
    BoundObject,
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
from poolaudit.survey.values import Describer

Leaf = SiteObject | HandleObject
Via = Literal["direct", "view", "collection", "item"]


_ATOMS = (ir.Reference, ir.Constant, ir.External, ir.FunctionValue, ir.ClassValue, ir.ParameterValue)
_IN_ORDER = ("list", "tuple", "deque")
_PAIRING = ("builtins.zip", "builtins.enumerate")
_WRAPPERS = 8
"""How many lazy wrappers around one another are named."""


_TRACKED = (SiteObject, HandleObject, ResultObject, ContainerObject, BoundObject)


class Consumer(NamedTuple):
    """Something that takes a node: kind and number of the taker, and which operand it is."""

    kind: str
    taker: int
    position: int


class Holder(Struct):
    """A node that holds an object, and how. `method`: it holds the object's bound method of that name."""

    node: int
    via: Via
    method: str = ""


class UseTable:
    """Finds the uses of every pool and handle of a file."""

    def __init__(self, describer: Describer) -> None:
        self.describer = describer
        self.solution = describer.solution
        self.trace = describer.trace
        self._views: dict[object, list[int]] = {}
        """Container key of a lazy view to the nodes it reads."""
        self._contents: dict[ContainerObject, dict[Leaf, Via]] = {}
        self.holders: dict[Leaf, list[Holder]] = {}
        self.consumers: dict[int, list[Consumer]] = {}
        self._handle_kinds: dict[int, set[str]] = {}
        self.holding: set[int] = set()
        """Nodes that hold a pool or a handle."""
        self._keepers: dict[int, str] | None = None
        self._global_keepers: set[int] = set()
        if self.solution.site_apis:
            self._find_views()
            self._find_holders()
            self._find_consumers()

    # -- who holds what

    def _find_views(self) -> None:
        for number, node in enumerate(self.trace.nodes):
            if isinstance(node, ir.Comprehension) and node.form == "generator":
                block = self.trace.blocks[node.block]
                if block.iterable is not None:
                    self._views[number] = [block.iterable]
        for number, call in self.trace.calls:
            names = {canonical(p.name) for p in self.solution.points(call.callee) if isinstance(p, ExternalObject)}
            if names & consumers.LAZY or "builtins.map" in names:
                sources = [argument.value for argument in call.arguments]
                self._views[number] = sources
                self._views["pairs", number] = sources

    def _find_holders(self) -> None:
        tracked = [
            (number, value)
            for number in range(len(self.trace.nodes))
            for value in self.solution.points(number)
            if type(value) in _TRACKED
        ]
        for _, value in tracked:
            if isinstance(value, HandleObject):
                self._handle_kinds.setdefault(value.call, set()).add(value.kind)
        self._find_contents()
        for number, value in tracked:
            method = ""
            leaves: dict[Leaf, Via]
            if isinstance(value, BoundObject):
                if not isinstance(value.owner, (SiteObject, HandleObject)):
                    continue
                leaves, method = {value.owner: "direct"}, value.name
            else:
                leaves = self.leaves(value)
            for leaf, via in leaves.items():
                self.holders.setdefault(leaf, []).append(Holder(number, via, method))

    def leaves(self, value: Object) -> dict[Leaf, Via]:
        """The pools and handles that an object is or contains."""
        if isinstance(value, (SiteObject, HandleObject)):
            return {value: "direct"}
        if isinstance(value, ResultObject):
            return {HandleObject(value.call, kind): "item" for kind in self._handle_kinds.get(value.call, ())}
        return self._contents.get(value, {}) if isinstance(value, ContainerObject) else {}

    def _find_contents(self) -> None:
        """What each container holds, at any depth: from the pools and handles outwards."""
        outer: dict[ContainerObject, list[ContainerObject]] = {}
        readers: dict[ContainerObject, list[ContainerObject]] = {}
        found: deque[tuple[ContainerObject, Leaf, Via]] = deque()
        for container in self.solution.containers():
            lazy = container.form == "view"
            for inner in self.solution.held(container):
                if isinstance(inner, ContainerObject):
                    outer.setdefault(inner, []).append(container)
                for leaf, via in self.leaves(inner).items():
                    found.append((container, leaf, "item" if via == "item" else "view" if lazy else "collection"))
            for source in self._views.get(container.key, ()) if lazy else ():
                for inner in self.solution.points(source):
                    if isinstance(inner, ContainerObject):
                        readers.setdefault(inner, []).append(container)
                    elif isinstance(inner, HandleObject) and inner.kind == "iterator":
                        # a view over an iterator stands for the iterator itself
                        found.append((container, inner, "view"))
        while found:
            container, leaf, via = found.popleft()
            contents = self._contents.setdefault(container, {})
            if contents.get(leaf) not in (None, "item") or contents.get(leaf) == via:
                continue
            contents[leaf] = via
            for other in outer.get(container, ()):
                found.append((other, leaf, "item" if via == "item" else "view" if other.form == "view" else "collection"))
            if via == "view" and isinstance(leaf, HandleObject) and leaf.kind == "iterator":
                found.extend((other, leaf, "view") for other in readers.get(container, ()))

    def _find_consumers(self) -> None:
        self.holding.update(holder.node for holders in self.holders.values() for holder in holders)
        interesting = self.holding | self.solution.site_apis.keys()

        def note(node: int, kind: str, taker: int, index: int = 0) -> None:
            if node in interesting:
                self.consumers.setdefault(node, []).append(Consumer(kind, taker, index))

        for number, node in enumerate(self.trace.nodes):
            if type(node) in _ATOMS:
                continue
            if isinstance(node, ir.Call):
                note(node.callee, "callee", number)
                for index, argument in enumerate(node.arguments):
                    note(argument.value, "argument", number, index)
            elif isinstance(node, ir.Subscript):
                # a key looks an entry up: nothing happens to it
                note(node.base, "subscript", number)
            elif isinstance(node, ir.Choice):
                if node.written:
                    for part in node.parts:
                        note(part, "choice", number)
            elif isinstance(node, ir.Display):
                for element in (*node.keys, *node.elements):
                    note(element, "display", number)
                for star in node.stars:
                    note(star, "star", number)
            else:
                kind = type(node).__name__.lower()
                for operand in ir.operands(node):
                    note(operand, kind, number)
        for index, use in enumerate(self.trace.uses):
            note(use.node, "statement", index)
        for index, store in enumerate(self.trace.stores):
            note(store.node, "stored", index)

    # -- uses

    def uses(self, leaf: Leaf) -> list[Use]:
        """Every use of the object, in source order, once each."""
        found: dict[tuple[str, int, str, str], Use] = {}
        for holder in self.holders.get(leaf, ()):
            name = self._kept_for_others(leaf, holder.node)
            if name is not None:
                use = self._at(holder.node, "store", holder, name=name)
                found.setdefault((use.how, use.point.order, use.via, use.name), use)
            for consumer in self.consumers.get(holder.node, ()):
                for use in self._classify(leaf, holder, consumer):
                    found.setdefault((use.how, use.point.order, use.via, use.name), use)
        return sorted(found.values(), key=lambda use: (use.point.scope, use.point.order, use.how))

    def _kept_for_others(self, leaf: Leaf, node: int) -> str | None:
        """The public attribute or global that keeps a handle, or the container that it is in, and that nobody here reads.

        What a script keeps below its guard, or runs at module level, is for nobody else.
        """
        if not isinstance(leaf, HandleObject):
            return None
        if self._keepers is None:
            self._keepers = self._find_keepers()
        name = self._keepers.get(node)
        if name is None or (node in self._global_keepers and self.trace.functions[self.trace.frame(leaf.call).scope].is_module):
            return None
        return name

    def _find_keepers(self) -> dict[int, str]:
        found = {
            node: name for (_, name), nodes in self.solution.attribute_sources.items() for node in nodes if node in self.holding
        }
        for module in self.trace.modules.values():
            for name, bounds in self.trace.functions[module.scope].bindings.items():
                for bound in bounds:
                    if bound.node in self.holding and not self.trace.frames[bound.frame].under_guard:
                        found[bound.node] = name
                        self._global_keepers.add(bound.node)
        found = {node: name for node, name in found.items() if not name.startswith("_")}
        read = self._read_names() if found else set()
        return {node: name for node, name in found.items() if name not in read}

    def _read_names(self) -> set[str]:
        """Names and attributes that are read, other than to put something into what they hold."""
        filled = {store.base for store in self.trace.stores if store.name is None}
        for node in self.trace.nodes:
            if isinstance(node, ir.Attribute) and (node.name in consumers.ADDERS or node.name in consumers.EXTENDERS):
                filled.add(node.base)
        return {
            node.name
            for number, node in enumerate(self.trace.nodes)
            if isinstance(node, (ir.Attribute, ir.Reference)) and number not in filled
        }

    def _use(self, how: str, order: int, frame: int, holder: Holder, node: int | None = None, **more: object) -> Use:
        point = self.describer.point(node) if node is not None else self.describer.point_at(order, frame)
        if node is not None and order != node:
            point = self.describer.point_at(order, frame, point.span)
        return Use(
            how=cast(UseHow, how),
            point=point,
            via=holder.via,
            views=self._wrappers(holder),
            certain=len(self.solution.points(holder.node)) == 1 and self.solution.sure(holder.node),
            stored=point.statement.assigned,
            in_async=self.trace.functions[point.scope].is_async,
            **more,  # type: ignore[arg-type]
        )

    def _wrappers(self, holder: Holder) -> tuple[str, ...]:
        """The lazy wrappers between a holder and what it holds, innermost first."""
        found: list[str] = []
        node: int | None = holder.node if holder.via == "view" else None
        while node is not None and len(found) < _WRAPPERS:
            keys = [p.key for p in self.solution.points(node) if isinstance(p, ContainerObject) and p.form == "view"]
            key = keys[0] if len(keys) == 1 else None
            # zip and enumerate make two containers: the view, and the pairs that it yields
            number = key[1] if isinstance(key, tuple) and key[0] == "pairs" else key
            if not isinstance(number, int):
                break
            maker = self.trace.nodes[number]
            name = self.solution.external(maker.callee) if isinstance(maker, ir.Call) else "generator"
            found.insert(0, name or "")
            sources = [source for source in self._views.get(number, ()) if any(map(self.leaves, self.solution.points(source)))]
            node = sources[0] if len(sources) == 1 else None
        return tuple(found)

    def _at(self, node: int, how: str, holder: Holder, **more: object) -> Use:
        return self._use(how, node, self.trace.node_frames[node], holder, node, **more)

    def _classify(self, leaf: Leaf, holder: Holder, consumer: Consumer) -> Iterator[Use]:
        kind, taker = consumer.kind, consumer.taker
        if holder.via == "item":
            if kind == "attribute":
                yield from self._item_method(holder, taker)
            elif kind == "argument":
                yield from self._paired_items(holder, taker, consumer.position)
            return
        if kind == "argument":
            yield from self._argument(leaf, holder, taker, consumer.position)
        elif kind == "attribute":
            if holder.via == "direct" and not holder.method:
                yield from self._method(leaf, holder, taker)
        elif holder.method:
            # a bound method as a value: where it goes, and who calls it by another name
            if kind == "callee" and not isinstance(self.trace.nodes[holder.node], ir.Attribute):
                if isinstance(leaf, HandleObject):
                    yield self._called_method(holder, taker, holder.method)
            elif kind == "statement":
                yield from self._statement(holder, taker, name=holder.method)
            elif kind == "stored":
                yield from self._stored(holder, taker, name=holder.method)
        elif kind == "element":
            yield from self._element(leaf, holder, taker)
        elif kind == "subscript" and holder.via == "direct":
            yield self._at(taker, "index", holder)
        elif kind == "unpacked" and holder.via in ("direct", "view"):
            if isinstance(leaf, HandleObject) and leaf.kind == "iterator":
                # once for all targets of one unpacking
                yield self._use("consume", holder.node, self.trace.node_frames[taker], holder)
        elif kind == "star" and holder.via in ("direct", "view"):
            if isinstance(leaf, HandleObject) and leaf.kind == "iterator":
                yield self._at(taker, "consume", holder)
        elif kind == "awaited" and holder.via == "direct":
            yield self._at(taker, "await", holder)
        elif kind == "statement":
            yield from self._statement(holder, taker)
        elif kind == "stored":
            yield from self._stored(holder, taker)

    def _paired_items(self, holder: Holder, call: int, index: int) -> Iterator[Use]:
        """zip(xs, results): a list of results keeps the order in which they came."""
        node = self.trace.nodes[call]
        assert isinstance(node, ir.Call)
        lists = [p for p in self.solution.points(holder.node) if isinstance(p, ContainerObject) and p.form in _IN_ORDER]
        if lists and (api := self.solution.external(node.callee)) in _PAIRING:
            partners = tuple(self._partners(node, index))
            yield replace(self._at(call, "zip", holder, api=api, partners=partners), views=("builtins.list",))

    def _item_method(self, holder: Holder, attribute: int) -> Iterator[Use]:
        node = self.trace.nodes[attribute]
        assert isinstance(node, ir.Attribute)
        how = node.name if node.name in consumers.HANDLE_METHODS else "method"
        if how != "method":
            yield self._at(attribute, how.strip("_"), holder, name=node.name)

    def _method(self, leaf: Leaf, holder: Holder, attribute: int) -> Iterator[Use]:
        node = self.trace.nodes[attribute]
        assert isinstance(node, ir.Attribute)
        if isinstance(leaf, SiteObject):
            # calls are operations; a private attribute is a use of its own
            if node.name.startswith("_") and not node.name.startswith("__"):
                yield self._at(attribute, "method", holder, name=node.name)
            return
        call = self._called_by(attribute)
        name_span = self.trace.places.attribute_name(attribute)
        if call is None:
            yield self._at(attribute, "method", holder, name=node.name, name_span=name_span)
            return
        yield self._called_method(holder, call, node.name, name_span)

    def _called_method(self, holder: Holder, call: int, name: str, name_span: Span | None = None) -> Use:
        how = name.strip("_") if name in consumers.HANDLE_METHODS else "method"
        arguments = self.describer.arguments(call)
        timeout = next((a.value for a in arguments if a.keyword == "timeout"), None)
        if (
            timeout is None
            and how in ("get", "result", "wait", "next", "exception")
            and arguments
            and arguments[0].keyword is None
        ):
            timeout = arguments[0].value
        return self._at(
            call,
            how,
            holder,
            name=name,
            name_span=name_span,
            arguments=arguments,
            timeout=timeout,
            awaited=self.describer.is_awaited(call),
        )

    def _called_by(self, attribute: int) -> int | None:
        return next((c.taker for c in self.consumers.get(attribute, ()) if c.kind == "callee"), None)

    def _element(self, leaf: Leaf, holder: Holder, element: int) -> Iterator[Use]:
        node = self.trace.nodes[element]
        assert isinstance(node, ir.Element)
        if node.lazy and isinstance(leaf, HandleObject) and leaf.kind == "iterator":
            # the generator expression is a view: what happens to it counts
            return
        loop = None if node.block is None else self.describer.block(node.block)
        yield self._use("iterate", element, self.trace.node_frames[element], holder, node.base, loop=loop)
        scope = self.trace.frame(element).scope
        if node.block is None and not (isinstance(leaf, HandleObject) and leaf.kind == "iterator") and self._public(scope):
            # `yield from` a list of futures hands them out, from an iterator only results
            yield self._use("yield", element, self.trace.node_frames[element], holder, node.base)

    def _statement(self, holder: Holder, index: int, name: str = "") -> Iterator[Use]:
        use = self.trace.uses[index]
        how = {"raise": "pass", "delete": "test"}.get(use.how, use.how)
        scope = self.trace.frames[use.frame].scope
        if how in ("return", "yield") and not self._public(scope):
            return
        if how == "drop" and holder.via != "direct":
            return
        yield self._use(how, use.order, use.frame, holder, name=name)

    def _public(self, scope: int) -> bool:
        """The function may be called from where the survey does not look."""
        function = self.trace.functions[scope]
        # who has no call node is called by something known: the builtin map, a done callback
        called = scope in self.solution.callers
        if (
            function.is_lambda
            or function.parent != function.module
            or (function.name.startswith("_") and function.name[1:2] != "_")
        ):
            return not called
        return True

    def _stored(self, holder: Holder, index: int, name: str = "") -> Iterator[Use]:
        store = self.trace.stores[index]
        bases = self.solution.points(store.base)
        followed = (
            all(isinstance(base, (InstanceObject, ClassObject)) for base in bases)
            if store.name is not None
            else all(isinstance(base, ContainerObject) for base in bases)
        )
        if not bases or not followed:
            yield self._use("store", store.order, store.frame, holder, name=name)

    # -- arguments

    def _argument(self, leaf: Leaf, holder: Holder, call: int, index: int) -> Iterator[Use]:
        node = self.trace.nodes[call]
        assert isinstance(node, ir.Call)
        argument = node.arguments[index]
        callees = self.solution.points(node.callee)
        draining = isinstance(leaf, HandleObject) and leaf.kind == "iterator" and holder.via in ("direct", "view")
        if argument.star == "*" and draining:
            yield self._at(call, "consume", holder)
            return
        if not callees:
            callee = self.trace.nodes[node.callee]
            adding = isinstance(callee, ir.Attribute) and (callee.name in consumers.ADDERS or callee.name in consumers.EXTENDERS)
            if isinstance(callee, ir.Attribute) and callee.name == "run_in_executor" and isinstance(leaf, SiteObject):
                return
            how = "put" if adding else "pass"
            yield self._at(call, how, holder, name=holder.method, name_span=self._callee_span(node.callee))
            return
        for value in callees:
            how = self._how(leaf, holder, node, index, value, draining)
            if not how:
                continue
            api = canonical(value.name) if isinstance(value, ExternalObject) else ""
            yield self._at(
                call,
                how,
                holder,
                name=holder.method,
                name_span=self._callee_span(node.callee) if how == "pass" else None,
                api=api,
                partners=tuple(self._partners(node, index)) if how == "zip" else (),
                timeout=self._timeout(node, api),
                awaited=self.describer.is_awaited(call),
            )

    def _callee_span(self, callee: int) -> Span:
        """The last part of the callee's name."""
        is_attribute = isinstance(self.trace.nodes[callee], ir.Attribute)
        return self.trace.places.attribute_name(callee) if is_attribute else self.describer.span(callee)

    def _partners(self, node: ir.Call, index: int) -> Iterator[Value]:
        for other, argument in enumerate(node.arguments):
            if other != index:
                yield self.describer.value(argument.value)

    def _timeout(self, node: ir.Call, api: str) -> Value | None:
        found = next((a.value for a in node.arguments if a.keyword == "timeout"), None)
        plain = [a.value for a in node.arguments if a.keyword is None and not a.star]
        if found is None and api in consumers.TIMEOUT_SECOND and len(plain) > 1:
            found = plain[1]
        return None if found is None else self.describer.value(found)

    def _how(self, leaf: Leaf, holder: Holder, node: ir.Call, index: int, callee: Object, draining: bool) -> str:
        """How a callee treats the argument; '' when the object is followed into it."""
        if self.solution.gathers(callee, node.arguments[index]):
            return "pass"
        if isinstance(callee, FunctionObject):
            return ""
        if isinstance(callee, ClassObject):
            return "" if self.solution.find_method(callee.cls, "__init__") is not None else "put"
        if isinstance(callee, InstanceObject):
            return "" if self.solution.find_method(callee.cls, "__call__") is not None else "pass"
        if isinstance(callee, PartialObject):
            return self._how_partial(leaf, holder, node, index, callee, draining)
        if isinstance(callee, BoundObject):
            return self._how_bound(leaf, callee, draining)
        if isinstance(callee, ExternalObject):
            return self._how_external(leaf, holder, node, index, canonical(callee.name), draining)
        return "pass"

    def _how_partial(self, leaf: Leaf, holder: Holder, node: ir.Call, index: int, callee: PartialObject, draining: bool) -> str:
        """As what it was made of treats it: one that lets the object out of sight counts most."""
        made = self.trace.nodes[callee.call]
        assert isinstance(made, ir.Call)
        wrapped, *given = made.arguments
        whole = ir.Call(wrapped.value, (*given, *node.arguments))
        inner = [each for each in self.solution.points(wrapped.value) if not isinstance(each, PartialObject)]
        found = [self._how(leaf, holder, whole, len(given) + index, each, draining) for each in inner] or ["pass"]
        return max(found, key=lambda how: (how in ESCAPES, how))

    def _how_bound(self, leaf: Leaf, callee: BoundObject, draining: bool) -> str:
        if isinstance(callee.owner, ContainerObject):
            if callee.name in consumers.ADDERS or callee.name in consumers.COMBINERS or callee.name == "setdefault":
                return ""
            if callee.name in consumers.EXTENDERS:
                return "consume" if draining else ""
            return "test"
        if isinstance(callee.owner, SiteObject) and isinstance(leaf, SiteObject):
            return "pass"
        return "pass"

    def _how_external(self, leaf: Leaf, holder: Holder, node: ir.Call, index: int, name: str, draining: bool) -> str:
        if name == "builtins.len":
            return "len"
        if name in consumers.HARMLESS:
            return "test"
        if name == "builtins.next":
            return "next"
        if name in ("builtins.zip", "builtins.enumerate"):
            return "zip"
        if name == "builtins.getattr":
            return "" if isinstance(self.trace.nodes[node.arguments[1].value], ir.Constant) else "pass"
        if name in consumers.WAITS:
            return consumers.WAITS[name]
        if name in consumers.SAME or name in consumers.REGISTRARS:
            return ""
        if name == "functools.partial":
            return "put" if index else ""
        if name in consumers.LAZY:
            return ""
        if name == "builtins.map":
            return self._how_mapped(node, draining)
        if name in consumers.EAGER:
            return "consume" if draining else ""
        if name in consumers.DRAIN:
            return "consume"
        if name.endswith(".run_in_executor"):
            # the executor itself is an operation's receiver
            return "" if isinstance(leaf, SiteObject) and index == 0 else "pass"
        return "pass"

    def _how_mapped(self, node: ir.Call, draining: bool) -> str:
        functions = self.solution.points(node.arguments[0].value)
        known = functions and all(isinstance(f, (FunctionObject, ExternalObject)) for f in functions)
        if known and (draining or all(isinstance(f, FunctionObject) for f in functions)):
            return ""
        return "pass"


def escapes(uses: Iterable[Use]) -> bool:
    """Some use takes the object out of sight."""
    return any(use.how in ESCAPES for use in uses)
