"""From libcst expressions to nodes of a trace.

Every expression is visited exactly once, in evaluation order, annotations left out: an unvisited one would be an unseen use.
Knows libcst. Must never know an API: what a call means is solve's business.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence

import libcst as cst

from poolaudit.survey import ir
from poolaudit.survey.places import PlaceTable
from poolaudit.survey.read_names import Environment

_QUOTES = "\"'"
_JOINING = (cst.Add, cst.BitOr, cst.BitAnd, cst.BitXor, cst.Subtract)


class ExpressionReader:
    """Visits expressions; the statement reader builds on it."""

    def __init__(self, trace: ir.Trace, places: PlaceTable) -> None:
        self.trace = trace
        self.places = places
        self.environment = Environment(None)
        scope = len(trace.functions)
        self.function = ir.FunctionTrace(scope, "<module>", "", scope, scope, None, False, False, False, -1, (), (), -1, "")
        self.module = self.function
        self.class_body: ir.ClassTrace | None = None
        self.path: tuple[tuple[int, str], ...] = ()
        self.statement = -1
        self.unit = -1
        self.under_guard = False
        self.lazy = False
        self.qualname = ""
        self.indents: tuple[str, ...] = ()
        self.tree: ast.AST | None = None
        self.queue: list[Callable[[], None]] = []
        trace.functions.append(self.function)
        self._frame = -1
        self._visitors: dict[type[cst.CSTNode], Callable[..., int]] = {
            cst.Name: self._name,
            cst.Attribute: self._attribute,
            cst.Call: self._call,
            cst.Subscript: self._subscript,
            cst.Tuple: self._sequence,
            cst.List: self._sequence,
            cst.Set: self._sequence,
            cst.Dict: self._dict,
            cst.Lambda: self._lambda,
            cst.IfExp: self._conditional,
            cst.BooleanOperation: self._boolean,
            cst.BinaryOperation: self._binary,
            cst.Comparison: self._comparison,
            cst.Await: self._await,
            cst.Yield: self._yield,
            cst.NamedExpr: self._walrus,
            cst.GeneratorExp: self._comprehension,
            cst.ListComp: self._comprehension,
            cst.SetComp: self._comprehension,
            cst.DictComp: self._comprehension,
            cst.UnaryOperation: self._unary,
            cst.SimpleString: self._string,
            cst.Integer: self._number,
            cst.Float: self._number,
            cst.Imaginary: self._number,
            cst.Ellipsis: self._ellipsis,
            cst.ConcatenatedString: self._concatenated,
        }

    # -- nodes and frames

    def reframe(self) -> None:
        """Something that a frame holds has changed: the next node gets a new one."""
        self._frame = -1

    def frame(self) -> int:
        if self._frame < 0:
            self.trace.frames.append(ir.Frame(self.function.id, self.path, self.statement, self.under_guard))
            self._frame = len(self.trace.frames) - 1
        return self._frame

    @property
    def order(self) -> int:
        return len(self.trace.nodes)

    def add(self, node: ir.Node, source: cst.CSTNode | None = None) -> int:
        number = len(self.trace.nodes)
        self.trace.nodes.append(node)
        self.trace.node_frames.append(self._frame if self._frame >= 0 else self.frame())
        if source is not None:
            self.places.add_node(number, source, self.unit)
        return number

    def choice(self, parts: Iterable[int]) -> int:
        return self.add(ir.Choice(list(parts), written=False))

    def use(self, how: str, node: int) -> None:
        self.trace.uses.append(ir.StatementUse(how, node, self.order, self.frame()))

    def bind(self, name: str, node: int, binding: str, target: cst.CSTNode | None = None) -> None:
        """Record that `name` now means `node` in this scope (or in the class whose body this is)."""
        self.trace.names.add(name)
        place = None if target is None else self.places.add_thing(target, self.unit, None)
        bound = ir.Bound(name, node, self.order, self.frame(), binding, place)
        if name in self.function.globals:
            self.module.bindings.setdefault(name, []).append(bound)
            return
        if name in self.function.nonlocals:
            owner = self.trace.functions[self.function.parent]
            while not owner.is_module and name not in owner.bindings:
                owner = self.trace.functions[owner.parent]
            owner.bindings.setdefault(name, []).append(bound)
            return
        self.environment.bind(name, node)
        if self.class_body is not None:
            self.class_body.members.setdefault(name, []).append(node)
        else:
            self.function.bindings.setdefault(name, []).append(bound)

    # -- expressions

    def visit(self, node: cst.BaseExpression) -> int:
        return self._visitors.get(type(node), self._other)(node)

    def _other(self, node: cst.CSTNode) -> int:
        """Any expression without a room of its own: its operands are visited, nothing is made of them."""
        operands = tuple(self._descend(node))
        for operand in operands:
            self.use("test", operand)
        return self.add(ir.Opaque(operands), node)

    def _descend(self, node: cst.CSTNode) -> Iterable[int]:
        for child in node.children:
            if isinstance(child, cst.BaseExpression):
                yield self.visit(child)
            elif not isinstance(child, (cst.BaseParenthesizableWhitespace, cst.Annotation, cst.LeftParen, cst.RightParen)):
                yield from self._descend(child)

    def _string(self, node: cst.SimpleString) -> int:
        written = node.value
        raw = written[0] in "rR" and written[1] in _QUOTES
        # evaluating costs a parse: most strings say what they are
        if raw or (written[0] in _QUOTES and "\\" not in written):
            text = written[1:] if raw else written
            quotes = 3 if len(text) >= 6 and text[:3] == text[0] * 3 else 1
            return self.add(ir.Constant(text[quotes:-quotes]), node)
        return self.add(ir.Constant(node.evaluated_value), node)

    def _concatenated(self, node: cst.ConcatenatedString) -> int:
        value = node.evaluated_value
        return self._other(node) if value is None else self.add(ir.Constant(value), node)

    def _number(self, node: cst.Integer | cst.Float | cst.Imaginary) -> int:
        written = node.value
        return self.add(ir.Constant(int(written) if written.isdecimal() else ast.literal_eval(written)), node)

    def _ellipsis(self, node: cst.Ellipsis) -> int:
        return self.add(ir.Constant(...), node)

    def _name(self, node: cst.Name) -> int:
        name = node.value
        if name in ("None", "True", "False"):
            return self.add(ir.Constant({"None": None, "True": True, "False": False}[name]), node)
        self.trace.names.add(name)
        target = None
        if name not in self.function.globals and name not in self.function.nonlocals:
            target = self.environment.get(name, self.choice)
            if target is None:
                target = self.function.outer.get(name)
        number = self.add(ir.Reference(name, target, self.function.id), node)
        if target is None:
            self.trace.reads.append(number)
        return number

    def _attribute(self, node: cst.Attribute) -> int:
        return self.add(ir.Attribute(self.visit(node.value), node.attr.value), node)

    def _call(self, node: cst.Call) -> int:
        callee = self.visit(node.func)
        arguments = self.arguments(node.args)
        call = ir.Call(callee, arguments)
        number = self.add(call, node)
        self.trace.calls.append((number, call))
        return number

    def arguments(self, args: Sequence[cst.Arg]) -> tuple[ir.CallArgument, ...]:
        return tuple(
            [
                ir.CallArgument(
                    None if argument.keyword is None else argument.keyword.value, argument.star, self.visit(argument.value)
                )
                for argument in args
            ]
        )

    def _subscript(self, node: cst.Subscript) -> int:
        base = self.visit(node.value)
        index: int | None = None
        for element in node.slice:
            if isinstance(element.slice, cst.Index):
                index = self.visit(element.slice.value)
            else:
                self._descend_all(element.slice)
        if len(node.slice) != 1 or isinstance(node.slice[0].slice, cst.Slice):
            index = None
        return self.add(ir.Subscript(base, index), node)

    def _sequence(self, node: cst.Tuple | cst.List | cst.Set) -> int:
        elements: list[int] = []
        stars: list[int] = []
        for element in node.elements:
            (stars if isinstance(element, cst.StarredElement) else elements).append(self.visit(element.value))
        form = type(node).__name__.lower()
        return self.add(ir.Display(form, tuple(elements), (), tuple(stars)), node)

    def _dict(self, node: cst.Dict) -> int:
        keys: list[int] = []
        elements: list[int] = []
        stars: list[int] = []
        for element in node.elements:
            if isinstance(element, cst.DictElement):
                keys.append(self.visit(element.key))
                elements.append(self.visit(element.value))
            elif isinstance(element, cst.StarredDictElement):
                stars.append(self.visit(element.value))
        return self.add(ir.Display("dict", tuple(elements), tuple(keys), tuple(stars)), node)

    def _conditional(self, node: cst.IfExp) -> int:
        test = self.visit(node.test)
        self.use("test", test)
        block = self.open_block("if", node)
        parts = [self._in_arm(block, "body", node.body), self._in_arm(block, "orelse", node.orelse)]
        self.close_block(block)
        return self.add(ir.Choice(parts, True, test), node)

    def _boolean(self, node: cst.BooleanOperation) -> int:
        left = self.visit(node.left)
        self.use("test", left)
        block = self.open_block("if", node)
        right = self._in_arm(block, "body", node.right)
        self.close_block(block)
        return self.add(ir.Choice([left, right], written=True), node)

    def _in_arm(self, block: int, arm: str, node: cst.BaseExpression) -> int:
        outer, self.path = self.path, (*self.path, (block, arm))
        self.reframe()
        result = self.visit(node)
        self.path = outer
        self.reframe()
        return result

    def _binary(self, node: cst.BinaryOperation) -> int:
        # a long sum is a left-deep tree: walk it without recursion, so that a thousand terms do not overflow
        spine = [node]
        while isinstance(spine[-1].left, cst.BinaryOperation):
            spine.append(spine[-1].left)
        left = self.visit(spine[-1].left)
        for operation in reversed(spine):
            right = self.visit(operation.right)
            if isinstance(operation.operator, _JOINING):
                left = self.add(ir.Joined(left, right, not isinstance(operation.operator, cst.Add)), operation)
            else:
                self.use("test", left)
                self.use("test", right)
                left = self.add(ir.Opaque((left, right)), operation)
        return left

    def _unary(self, node: cst.UnaryOperation) -> int:
        operand = self.visit(node.expression)
        value = self.trace.nodes[operand]
        if isinstance(node.operator, cst.Minus) and isinstance(value, ir.Constant) and isinstance(value.value, (int, float)):
            return self.add(ir.Constant(-value.value), node)
        self.use("test", operand)
        return self.add(ir.Opaque((operand,)), node)

    def _comparison(self, node: cst.Comparison) -> int:
        operands = [self.visit(node.left)]
        operands.extend(self.visit(target.comparator) for target in node.comparisons)
        for operand in operands:
            self.use("test", operand)
        return self.add(ir.Opaque(tuple(operands)), node)

    def _await(self, node: cst.Await) -> int:
        return self.add(ir.Awaited(self.visit(node.expression)), node)

    def _yield(self, node: cst.Yield) -> int:
        self.function.is_generator = True
        if isinstance(node.value, cst.From):
            base = self.visit(node.value.item)
            self.function.yields.append(self.add(ir.Element(base, lazy=False, block=None), node.value.item))
        elif node.value is not None:
            value = self.visit(node.value)
            self.function.yields.append(value)
            self.use("yield", value)
        return self.add(ir.Opaque(()), node)

    def _walrus(self, node: cst.NamedExpr) -> int:
        value = self.visit(node.value)
        if isinstance(node.target, cst.Name):
            self.bind(node.target.value, value, "data", node.target)
        return value

    def _lambda(self, node: cst.Lambda) -> int:
        parameters = self.parameters(node.params)
        number = self.add(ir.FunctionValue(len(self.trace.functions)), node)
        function = self.new_function("<lambda>", number, node, parameters, (), is_lambda=True)

        def body() -> None:
            result = self.visit(node.body)
            function.returns.append(result)
            self.use("return", result)

        self.defer(function, body)
        return number

    def _comprehension(self, node: cst.GeneratorExp | cst.ListComp | cst.SetComp | cst.DictComp) -> int:
        form = {cst.GeneratorExp: "generator", cst.ListComp: "list", cst.SetComp: "set", cst.DictComp: "dict"}[type(node)]
        outer_environment, outer_path, outer_lazy = self.environment, self.path, self.lazy
        self.environment = Environment(outer_environment, is_comprehension=True)
        block = self.open_block("generator" if form == "generator" else "comprehension", node)
        self.lazy = form == "generator"
        sources = tuple(self._clause(node.for_in, block, first=True))
        self.path = (*outer_path, (block, "element"))
        self.reframe()
        key = None
        if isinstance(node, cst.DictComp):
            key = self.visit(node.key)
            element = self.visit(node.value)
        else:
            element = self.visit(node.elt)
        self.environment, self.path, self.lazy = outer_environment, outer_path, outer_lazy
        self.close_block(block)
        return self.add(ir.Comprehension(form, element, key, block, sources), node)

    def _clause(self, clause: cst.CompFor, block: int, *, first: bool) -> list[int]:
        """Read one `for` with its conditions, and those behind it; gives the nodes of what is iterated and tested."""
        record = self.trace.blocks[block]
        # the first iterable is evaluated at once, outside the comprehension
        if not first:
            self.path = (*self.path[: len(record.path)], (block, "element"))
            self.reframe()
        iterable = self.visit(clause.iter)
        element = self.add(ir.Element(iterable, self.lazy, block), clause.iter)
        self.path = (*record.path, (block, "element"))
        self.reframe()
        self.assign(clause.target, element, "loop", local=True)
        if first:
            record.iterable = iterable if clause.inner_for_in is None else None
            record.is_async = clause.asynchronous is not None
        record.targets = (*record.targets, *target_names(clause.target))
        sources = [iterable]
        for condition in clause.ifs:
            test = self.visit(condition.test)
            self.use("test", test)
            sources.append(test)
        if clause.inner_for_in is not None:
            sources.extend(self._clause(clause.inner_for_in, block, first=False))
        return sources

    # -- targets

    def assign(self, target: cst.BaseExpression, value: int, binding: str, *, local: bool = False) -> None:
        """Bind `value` to a target of any form. `local`: a comprehension's own name, seen nowhere else."""
        if isinstance(target, cst.Name):
            if local:
                self.trace.names.add(target.value)
                self.environment.names[target.value] = value
            else:
                self.bind(target.value, value, binding, target)
        elif isinstance(target, cst.Attribute):
            base = self.visit(target.value)
            self.trace.stores.append(ir.Stored(base, target.attr.value, value, self.order, self.frame()))
        elif isinstance(target, cst.Subscript):
            base = self.visit(target.value)
            key = None
            for part in target.slice:
                if isinstance(part.slice, cst.Index):
                    key = self.visit(part.slice.value)
                else:
                    self._descend_all(part.slice)
            self.trace.stores.append(ir.Stored(base, None, value, self.order, self.frame(), key))
        elif isinstance(target, (cst.Tuple, cst.List)):
            starred = False
            for position, element in enumerate(target.elements):
                starred = starred or isinstance(element, cst.StarredElement)
                unpacked = self.add(ir.Unpacked(value, None if starred else position))
                self.assign(element.value, unpacked, binding, local=local)

    def _descend_all(self, node: cst.CSTNode) -> None:
        for operand in self._descend(node):
            self.use("test", operand)

    # -- blocks and functions

    def open_block(self, kind: str, node: cst.CSTNode) -> int:
        place = self.places.add_thing(node, self.unit, self.tree)
        self.trace.blocks.append(ir.BlockTrace(kind, self.function.id, self.path, place, start=self.order))
        if kind in ("for", "while", "comprehension", "generator"):
            self.function.loops += 1
        return len(self.trace.blocks) - 1

    def close_block(self, block: int) -> None:
        self.trace.blocks[block].end = self.order
        self.reframe()

    def parameters(self, node: cst.Parameters) -> tuple[ir.ParameterTrace, ...]:
        found: list[ir.ParameterTrace] = []

        def add(parameter: cst.Param, kind: str) -> None:
            default = None if parameter.default is None else self.visit(parameter.default)
            self.trace.names.add(parameter.name.value)
            found.append(ir.ParameterTrace(parameter.name.value, kind, default))

        for parameter in (*node.posonly_params, *node.params):
            add(parameter, "positional")
        if isinstance(node.star_arg, cst.Param):
            add(node.star_arg, "star")
        for parameter in node.kwonly_params:
            add(parameter, "keyword")
        if node.star_kwarg is not None:
            add(node.star_kwarg, "double_star")
        return tuple(found)

    def new_function(
        self,
        name: str,
        number: int,
        node: cst.CSTNode,
        parameters: tuple[ir.ParameterTrace, ...],
        decorators: tuple[int, ...],
        *,
        is_lambda: bool = False,
        is_async: bool = False,
    ) -> ir.FunctionTrace:
        function = ir.FunctionTrace(
            id=len(self.trace.functions),
            name=name,
            qualname=f"{self.qualname}.{name}" if self.qualname else name,
            parent=self.function.id,
            module=self.module.id,
            class_id=None if self.class_body is None else self.class_body.id,
            is_lambda=is_lambda,
            is_async=is_async,
            under_guard=self.under_guard,
            node=number,
            parameters=parameters,
            decorators=decorators,
            place=self.places.add_thing(node, self.unit, self.tree),
            indent="".join(self.indents),
        )
        function.outer.update(self.function.outer)
        environment: Environment | None = self.environment
        while environment is not None and environment.is_comprehension:
            for outer_name, target in environment.names.items():
                function.outer.setdefault(outer_name, target)
            environment = environment.parent
        self.trace.functions.append(function)
        return function

    def defer(self, function: ir.FunctionTrace, body: Callable[[], None]) -> None:
        """Read a function's body later, when its scope is the current one."""
        statement, unit, under_guard = self.statement, self.unit, self.under_guard
        indents, tree = self.indents, self.tree

        def run() -> None:
            self.function = function
            self.class_body = None
            self.environment = Environment(None)
            self.path = ()
            self.lazy = False
            self.statement, self.unit, self.under_guard = statement, unit, under_guard
            self.indents, self.tree = indents, tree
            self.qualname = function.qualname
            self.reframe()
            function.first = self.order
            for parameter in function.parameters:
                number = self.add(ir.ParameterValue(function.id, parameter.name))
                self.environment.names[parameter.name] = number
                bound = ir.Bound(parameter.name, number, self.order, self.frame(), "parameter", None)
                function.bindings.setdefault(parameter.name, []).append(bound)
            body()
            function.last = self.order

        self.queue.append(run)


def target_names(target: cst.BaseExpression) -> tuple[str, ...]:
    """The plain names that a target binds."""
    if isinstance(target, cst.Name):
        return (target.value,)
    if isinstance(target, (cst.Tuple, cst.List)):
        return tuple(name for element in target.elements for name in target_names(element.value))
    return ()


def dotted(node: cst.BaseExpression) -> str:
    """'a.b.c' of a chain of names; '' of anything else."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if not isinstance(node, cst.Name):
        return ""
    return ".".join((node.value, *reversed(parts)))
