"""From libcst statements to a trace: blocks, bindings, functions and classes.

Walks libcst's and ast's statement lists side by side, so that every statement knows where it starts. Function bodies are read
after the module, each as its own scope. Knows libcst. Must never know an API.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Sequence

import libcst as cst

from poolaudit.survey import ir
from poolaudit.survey.places import Atlas, PlaceTable
from poolaudit.survey.read_expressions import ExpressionReader, dotted, target_names
from poolaudit.survey.read_names import Environment


def read(path: str, text: str, module: cst.Module, tree: ast.Module | None, name: str = "") -> ir.Trace:
    """Read a parsed module into a new trace. `tree` is ast's view of the same text, None where ast cannot parse it."""
    trace = ir.Trace(path, text, Atlas())
    read_more(trace, "", text, module, tree, name)
    return trace


def read_more(trace: ir.Trace, path: str, text: str, module: cst.Module, tree: ast.Module | None, name: str) -> None:
    """Read one more module of the project into the trace. `name` is its dotted name, '__init__' left out."""
    places = PlaceTable(text, module, path, trace)
    assert isinstance(trace.places, Atlas)
    trace.places.begin(places)
    reader = StatementReader(trace, places, name, is_package=os.path.basename(path or trace.path) == "__init__.py")
    trace.modules[path] = ir.ModuleTrace(name, path, text, reader.module.id)
    if name:
        trace.module_scopes[name] = reader.module.id
    reader.read_module(module, tree)


_FORMS = {cst.Expr: "expression", cst.Return: "return", cst.Assign: "assign", cst.AnnAssign: "assign"}


class StatementReader(ExpressionReader):
    """Reads a whole module."""

    def __init__(self, trace: ir.Trace, places: PlaceTable, name: str, *, is_package: bool) -> None:
        super().__init__(trace, places)
        self.package = name if is_package else name.rpartition(".")[0]
        self.top = -1
        self.loops: list[tuple[int, Environment]] = []
        self._compound: dict[type[cst.CSTNode], Callable[..., None]] = {
            cst.If: self._if,
            cst.For: self._for,
            cst.While: self._while,
            cst.With: self._with,
            cst.Try: self._try,
            cst.TryStar: self._try,
            cst.FunctionDef: self._def,
            cst.ClassDef: self._class,
            cst.Match: self._match,
        }
        self._simple: dict[type[cst.CSTNode], Callable[..., None]] = {
            cst.Expr: self._expression_statement,
            cst.Assign: self._assign,
            cst.AnnAssign: self._annotated_assign,
            cst.AugAssign: self._augmented_assign,
            cst.Return: self._return,
            cst.Raise: self._raise,
            cst.Assert: self._assert,
            cst.Del: self._delete,
            cst.Global: self._global,
            cst.Nonlocal: self._nonlocal,
            cst.Import: self._import,
            cst.ImportFrom: self._import_from,
            cst.Break: self._break,
            cst.Continue: self._continue,
        }

    def read_module(self, module: cst.Module, tree: ast.Module | None) -> None:
        self.function.first = self.order
        self._body(module.body, None if tree is None else tree.body)
        self.function.last = self.order
        # a body may queue further functions
        while self.queue:
            self.queue.pop(0)()
        # bound methods in tables are circles: without them the reader goes when it is done, collector or not
        for table in (self._visitors, self._simple, self._compound):
            table.clear()

    # -- lists of statements

    def _body(self, body: Sequence[cst.BaseStatement | cst.BaseSmallStatement], trees: Sequence[ast.stmt] | None) -> None:
        index = 0
        for line in body:
            if isinstance(line, cst.SimpleStatementLine):
                alone = len(line.body) == 1
                for small in line.body:
                    self._small(small, None if trees is None else trees[index], alone)
                    index += 1
            elif isinstance(line, cst.BaseSmallStatement):
                self._small(line, None if trees is None else trees[index], False)
                index += 1
            else:
                self._compound_statement(line, None if trees is None else trees[index])
                index += 1

    def _suite(self, suite: cst.BaseSuite, trees: Sequence[ast.stmt] | None) -> None:
        if isinstance(suite, cst.IndentedBlock):
            outer = self.indents
            self.indents = (*outer, self.trace_indent if suite.indent is None else suite.indent)
            self._body(suite.body, trees)
            self.indents = outer
        else:
            assert isinstance(suite, cst.SimpleStatementSuite)
            self._body(suite.body, trees)

    @property
    def trace_indent(self) -> str:
        return self.places.default_indent

    def _begin(self, node: cst.CSTNode, tree: ast.stmt | None, form: str, alone: bool, unit: cst.CSTNode | None = None) -> None:
        self.statement = self.places.add_statement(node, tree)
        if not self.indents:
            self.top = self.statement
        self.unit = self.places.add_unit(unit or node, tree, self.indents)
        self.tree = tree
        self.trace.statements.append(ir.StatementTrace(form, alone, "".join(self.indents), self.top))
        self.reframe()

    def _small(self, node: cst.BaseSmallStatement, tree: ast.stmt | None, alone: bool) -> None:
        form = _FORMS.get(type(node), "other")
        if form == "assign" and not _binds_one_target(node):
            form = "other"
        self._begin(node, tree, form, alone)
        handler = self._simple.get(type(node))
        if handler is not None:
            handler(node)

    def _compound_statement(self, node: cst.BaseStatement, tree: ast.stmt | None) -> None:
        outer = (self.statement, self.unit, self.tree)
        self._begin(node, tree, "header", True)
        self._compound[type(node)](node, tree)
        self.statement, self.unit, self.tree = outer
        self.reframe()

    # -- simple statements

    def _expression_statement(self, node: cst.Expr) -> None:
        value = self.visit(node.value)
        self.use("drop", value)
        if self.function.id == 0 and not self.under_guard and isinstance(self.trace.nodes[value], ir.Call):
            self.trace.visible_work = True

    def _targets(self, targets: Sequence[cst.BaseExpression]) -> None:
        names = tuple(name for target in targets for name in target_names(target))
        self.trace.statements[self.statement].assigned = names

    def _assign(self, node: cst.Assign) -> None:
        self._targets([target.target for target in node.targets])
        value = self.visit(node.value)
        for target in node.targets:
            self.assign(target.target, value, "data")

    def _annotated_assign(self, node: cst.AnnAssign) -> None:
        if node.value is None:
            return
        self._targets([node.target])
        self.assign(node.target, self.visit(node.value), "data")

    def _augmented_assign(self, node: cst.AugAssign) -> None:
        target = node.target
        if isinstance(target, cst.Name):
            before = self.visit(target)
            value = self.visit(node.value)
            joined = self.add(ir.Joined(before, value), node)
            self.bind(target.value, joined, "augmented", target)
        elif isinstance(target, (cst.Attribute, cst.Subscript)):
            base = self.visit(target.value)
            value = self.visit(node.value)
            name = target.attr.value if isinstance(target, cst.Attribute) else None
            if isinstance(target, cst.Subscript):
                for element in target.slice:
                    self._descend_all(element)
            self.trace.stores.append(ir.Stored(base, name, value, self.order, self.frame()))

    def _return(self, node: cst.Return) -> None:
        if node.value is not None:
            value = self.visit(node.value)
            self.function.returns.append(value)
            self.use("return", value)
        self._leave("return")
        self.environment.ended = True

    def _raise(self, node: cst.Raise) -> None:
        if node.exc is not None:
            value = self.visit(node.exc)
            found = self.trace.nodes[value]
            arguments = found.arguments if isinstance(found, ir.Call) else ()
            self.function.raises.append(ir.RaisedTrace(value, self.order, self.frame(), arguments))
            self.use("raise", value)
            if node.cause is not None:
                self.use("test", self.visit(node.cause.item))
        else:
            self.function.raises.append(ir.RaisedTrace(None, self.order, self.frame(), ()))
        self._leave("raise")
        self.environment.ended = True

    def _assert(self, node: cst.Assert) -> None:
        self.use("test", self.visit(node.test))
        if node.msg is not None:
            self.use("test", self.visit(node.msg))

    def _delete(self, node: cst.Del) -> None:
        targets = [element.value for element in node.target.elements] if isinstance(node.target, cst.Tuple) else [node.target]
        for target in targets:
            value = self.visit(target)
            self.use("delete", value)

    def _global(self, node: cst.Global) -> None:
        self.function.globals.update(item.name.value for item in node.names)

    def _nonlocal(self, node: cst.Nonlocal) -> None:
        self.function.nonlocals.update(item.name.value for item in node.names)

    def _import(self, node: cst.Import) -> None:
        for alias in node.names:
            full = dotted(alias.name)
            if alias.asname is not None:
                self._imported(dotted_target(alias.asname), full, node)
            else:
                # `import a.b` binds a; that a.b is loaded is a fact of its own
                self._imported(full.partition(".")[0], full.partition(".")[0], node)

    def _import_from(self, node: cst.ImportFrom) -> None:
        module = self._absolute(len(node.relative), "" if node.module is None else dotted(node.module))
        if isinstance(node.names, cst.ImportStar):
            self.function.stars.append(module)
            return
        for alias in node.names:
            name = dotted(alias.name)
            local = name if alias.asname is None else dotted_target(alias.asname)
            separator = "" if module.endswith(".") else "."
            self._imported(local, f"{module}{separator}{name}", node)

    def _absolute(self, dots: int, module: str) -> str:
        """The full name of a relative import's module; with its dots where the package is not known."""
        if not dots:
            return module
        parts = self.package.split(".") if self.package else []
        if dots > len(parts):
            return "." * dots + module
        return ".".join([*parts[: len(parts) - dots + 1], *([module] if module else [])])

    def _imported(self, name: str, api: str, node: cst.CSTNode) -> None:
        number = self.add(ir.External(api), node)
        if self.module.id == 0:
            self.trace.imports.append(ir.ImportTrace(name, api, self.frame()))
        self.bind(name, number, "import")

    def _break(self, node: cst.Break) -> None:
        self._leave_loop("break")

    def _continue(self, node: cst.Continue) -> None:
        self._leave_loop("continue")

    def _leave_loop(self, how: str) -> None:
        if self.loops:
            block, environment = self.loops[-1]
            self.trace.blocks[block].leaves.add(how)
            environment.exits.append(self.environment.flattened(environment))
        self.environment.ended = True

    def _leave(self, how: str) -> None:
        for block, _ in self.loops:
            self.trace.blocks[block].leaves.add(how)

    # -- compound statements

    def _arm(self, block: int, arm: str, suite: cst.BaseSuite, trees: Sequence[ast.stmt] | None) -> Environment:
        """Read a suite as one arm of a block, in an environment of its own, which is returned."""
        outer_environment, outer_path = self.environment, self.path
        outer = (self.statement, self.unit, self.tree)
        self.environment = inner = Environment(outer_environment)
        self._in(block, arm, outer_path)
        self._suite(suite, trees)
        self.environment, self.path = outer_environment, outer_path
        self.statement, self.unit, self.tree = outer
        self.reframe()
        return inner

    def _in(self, block: int, arm: str, outer: tuple[tuple[int, str], ...]) -> None:
        self.path = (*outer, (block, arm))
        self.reframe()

    def _condition(self, block: int, test: cst.BaseExpression) -> int:
        value = self.visit(test)
        self.use("test", value)
        self.trace.blocks[block].tests = tuple(
            node for node in ir.walk(self.trace, value) if isinstance(self.trace.nodes[node], (ir.Reference, ir.Attribute))
        )
        return value

    def _if(self, node: cst.If, tree: ast.If | None) -> None:
        block = self.open_block("if", node)
        self._condition(block, node.test)
        is_guard = self.function.is_module and not self.path and _is_main_test(node.test)
        if is_guard and self.function.id == 0 and self.trace.guard is None:
            self.trace.guard = block
        was_guarded = self.under_guard
        self.under_guard = was_guarded or is_guard
        arms = [self._arm(block, "body", node.body, None if tree is None else tree.body)]
        self.under_guard = was_guarded
        self.reframe()
        if node.orelse is None:
            arms.append(Environment(self.environment))
        elif isinstance(node.orelse, cst.Else):
            arms.append(self._arm(block, "orelse", node.orelse.body, None if tree is None else tree.orelse))
        else:
            arms.append(self._elif(block, node.orelse, tree))
        self.close_block(block)
        self.environment.merge(arms, self.choice)

    def _elif(self, block: int, node: cst.If, tree: ast.If | None) -> Environment:
        inner_tree = tree.orelse[0] if tree is not None else None
        outer_environment, outer_path = self.environment, self.path
        outer = (self.statement, self.unit, self.tree)
        self.environment = inner = Environment(outer_environment)
        self._in(block, "orelse", outer_path)
        self.statement = self.places.add_statement(node, inner_tree)
        self.unit = self.places.add_unit(node, inner_tree, self.indents, is_elif=True)
        self.tree = inner_tree
        self.trace.statements.append(ir.StatementTrace("header", True, "".join(self.indents), self.top))
        self.reframe()
        assert inner_tree is None or isinstance(inner_tree, ast.If)
        self._if(node, inner_tree)
        self.environment, self.path = outer_environment, outer_path
        self.statement, self.unit, self.tree = outer
        self.reframe()
        return inner

    def _loop_body(
        self, block: int, head: Callable[[], None], node: cst.For | cst.While, tree: ast.For | ast.AsyncFor | ast.While | None
    ) -> None:
        outer_environment, outer_path = self.environment, self.path
        self.environment = loop = Environment(outer_environment, is_loop=True)
        self.loops.append((block, loop))
        self._in(block, "body", outer_path)
        head()
        outer = (self.statement, self.unit, self.tree)
        self._suite(node.body, None if tree is None else tree.body)
        self.statement, self.unit, self.tree = outer
        self.loops.pop()
        self.environment, self.path = outer_environment, outer_path
        self.reframe()
        rounds = [*loop.exits, loop.names]
        for name, carried in loop.carried.items():
            choice = self.trace.nodes[carried]
            assert isinstance(choice, ir.Choice)
            later = (names[name] for names in rounds if name in names and names[name] != carried)
            choice.parts.extend(part for part in dict.fromkeys(later) if part not in choice.parts)
        after = [Environment(outer_environment)]
        for names in rounds:
            after.append(Environment(outer_environment))
            after[-1].names.update(names)
        outer_environment.merge(after, self.choice)
        if node.orelse is not None:
            self._arm_into(block, "orelse", node.orelse.body, None if tree is None else tree.orelse)
        self.close_block(block)

    def _arm_into(self, block: int, arm: str, suite: cst.BaseSuite, trees: Sequence[ast.stmt] | None) -> None:
        """An arm that always runs, or whose bindings may simply be taken over."""
        inner = self._arm(block, arm, suite, trees)
        self.environment.names.update(inner.names)
        self.environment.ended = self.environment.ended or inner.ended

    def _for(self, node: cst.For, tree: ast.For | ast.AsyncFor | None) -> None:
        block = self.open_block("for", node)
        record = self.trace.blocks[block]
        record.is_async = node.asynchronous is not None
        iterable = self.visit(node.iter)
        record.iterable = iterable
        record.targets = target_names(node.target)

        def head() -> None:
            element = self.add(ir.Element(iterable, lazy=False, block=block), node.iter)
            self.assign(node.target, element, "loop")

        self._loop_body(block, head, node, tree)

    def _while(self, node: cst.While, tree: ast.While | None) -> None:
        block = self.open_block("while", node)
        test = node.test
        self.trace.blocks[block].forever = isinstance(test, (cst.Name, cst.Integer)) and test.value in ("True", "1")

        def head() -> None:
            self._condition(block, test)

        self._loop_body(block, head, node, tree)

    def _with(self, node: cst.With, tree: ast.With | ast.AsyncWith | None) -> None:
        block = self.open_block("with", node)
        record = self.trace.blocks[block]
        record.is_async = node.asynchronous is not None
        items = []
        for item in node.items:
            value = self.visit(item.item)
            items.append(value)
            entered = self.add(ir.Entered(value), item.item)
            if item.asname is not None:
                self.assign(item.asname.name, entered, "with")
                record.targets = (*record.targets, *target_names(item.asname.name))
        record.items = tuple(items)
        self._arm_into(block, "body", node.body, None if tree is None else tree.body)
        self.close_block(block)

    def _try(self, node: cst.Try | cst.TryStar, tree: ast.Try | None) -> None:
        block = self.open_block("try", node)
        record = self.trace.blocks[block]
        record.has_finally = node.finalbody is not None
        body = self._arm(block, "body", node.body, None if tree is None else tree.body)
        arms = []
        handlers: Sequence[cst.ExceptHandler | cst.ExceptStarHandler] = node.handlers
        for index, handler in enumerate(handlers):
            arms.append(self._handler(block, index, handler, None if tree is None else tree.handlers[index], body))
        if node.orelse is not None:
            # the else arm goes on where the body left off
            before, self.environment = self.environment, body
            self._arm_into(block, "orelse", node.orelse.body, None if tree is None else tree.orelse)
            self.environment = before
        self.environment.merge([body, *arms], self.choice)
        if node.finalbody is not None:
            ended, self.environment.ended = self.environment.ended, False
            self._arm_into(block, "finally", node.finalbody.body, None if tree is None else tree.finalbody)
            self.environment.ended = self.environment.ended or ended
        self.close_block(block)

    def _handler(
        self,
        block: int,
        index: int,
        node: cst.ExceptHandler | cst.ExceptStarHandler,
        tree: ast.ExceptHandler | None,
        body: Environment,
    ) -> Environment:
        outer_environment, outer_path = self.environment, self.path
        outer = (self.statement, self.unit, self.tree)
        self.environment = inner = Environment(outer_environment)
        for name, value in body.names.items():
            before = outer_environment.get(name, self.choice)
            inner.names[name] = value if before is None or before == value else self.choice((before, value))
        self._in(block, f"except#{index}", outer_path)
        self.unit = self.places.add_unit(node, tree, self.indents)
        types: tuple[int, ...] = ()
        if node.type is not None:
            value = self.visit(node.type)
            self.use("test", value)
            found = self.trace.nodes[value]
            types = found.elements if isinstance(found, ir.Display) else (value,)
        alias = None
        if node.name is not None:
            alias = dotted_target(node.name)
            self.bind(alias, self.add(ir.Opaque(())), "except")
        place = self.places.add_thing(node, self.unit, tree)
        raises_before = len(self.function.raises)
        self._suite(node.body, None if tree is None else tree.body)
        reraises = len(self.function.raises) > raises_before
        self.trace.blocks[block].handlers.append(ir.HandlerTrace(types, alias, reraises, place))
        self.environment, self.path = outer_environment, outer_path
        self.statement, self.unit, self.tree = outer
        self.reframe()
        return inner

    def _match(self, node: cst.Match, tree: ast.Match | None) -> None:
        block = self.open_block("match", node)
        subject = self.visit(node.subject)
        self.use("test", subject)
        arms = [Environment(self.environment)]
        for index, case in enumerate(node.cases):
            outer_environment, outer_path, outer_unit = self.environment, self.path, self.unit
            self.environment = inner = Environment(outer_environment)
            self._in(block, f"case#{index}", outer_path)
            self.unit = self.places.add_unit(case, None, self.indents)
            self._descend_pattern(case.pattern, subject, whole=True)
            if case.guard is not None:
                self.use("test", self.visit(case.guard))
            # the case lies one level deeper than the match itself
            outer_indents = self.indents
            self.indents = (*outer_indents, self.trace_indent if node.indent is None else node.indent)
            statement, unit, tree_before = self.statement, self.unit, self.tree
            self._suite(case.body, None if tree is None else tree.cases[index].body)
            self.statement, self.unit, self.tree = statement, unit, tree_before
            self.indents = outer_indents
            self.environment, self.path, self.unit = outer_environment, outer_path, outer_unit
            self.reframe()
            arms.append(inner)
        self.close_block(block)
        self.environment.merge(arms, self.choice)

    def _descend_pattern(self, pattern: cst.CSTNode, subject: int, *, whole: bool = False) -> None:
        """Visit a pattern's values and bind its names: the `whole` subject, or any part of it."""
        if isinstance(pattern, (cst.MatchAs, cst.MatchStar)) and pattern.name is not None:
            self.bind(pattern.name.value, subject if whole else self.add(ir.Unpacked(subject, None)), "data")
        if isinstance(pattern, cst.MatchMapping) and pattern.rest is not None:
            self.bind(pattern.rest.value, self.add(ir.Unpacked(subject, None)), "data")
        for child in pattern.children:
            if isinstance(child, cst.BaseExpression) and not isinstance(
                pattern, (cst.MatchAs, cst.MatchStar, cst.MatchKeywordElement)
            ):
                self.use("test", self.visit(child))
            elif not isinstance(child, (cst.BaseParenthesizableWhitespace, cst.BaseExpression)):
                self._descend_pattern(child, subject)

    # -- definitions

    def _decorators(self, decorators: Sequence[cst.Decorator], trees: Sequence[ast.expr] | None) -> tuple[int, ...]:
        outer = self.unit
        found = []
        for index, decorator in enumerate(decorators):
            self.unit = self.places.add_unit(decorator.decorator, None if trees is None else trees[index], self.indents)
            found.append(self.visit(decorator.decorator))
        self.unit = outer
        return tuple(found)

    def _def(self, node: cst.FunctionDef, tree: ast.FunctionDef | ast.AsyncFunctionDef | None) -> None:
        decorators = self._decorators(node.decorators, None if tree is None else tree.decorator_list)
        parameters = self.parameters(node.params)
        number = self.add(ir.FunctionValue(len(self.trace.functions)), node)
        function = self.new_function(
            node.name.value, number, node, parameters, decorators, is_async=node.asynchronous is not None
        )
        if self.class_body is not None and node.name.value not in self.class_body.methods:
            self.class_body.methods[node.name.value] = function.id
        self.bind(node.name.value, number, "function")
        body_trees = None if tree is None else tree.body
        top = self.top

        def body() -> None:
            self.top = top
            self.loops = []
            self._suite(node.body, body_trees)

        self.defer(function, body)

    def _class(self, node: cst.ClassDef, tree: ast.ClassDef | None) -> None:
        decorators = self._decorators(node.decorators, None if tree is None else tree.decorator_list)
        bases = tuple(argument.value for argument in self.arguments(node.bases))
        for keyword in self.arguments(node.keywords):
            self.use("test", keyword.value)
        number = self.add(ir.ClassValue(len(self.trace.classes)), node)
        record = ir.ClassTrace(
            id=len(self.trace.classes),
            name=node.name.value,
            scope=self.function.id,
            node=number,
            bases=bases,
            under_guard=self.under_guard,
            place=self.places.add_thing(node, self.unit, tree),
            decorators=decorators,
        )
        self.trace.classes.append(record)
        block = self.open_block("class", node)
        outer_class, outer_name = self.class_body, self.qualname
        self.class_body = record
        self.qualname = f"{outer_name}.{node.name.value}" if outer_name else node.name.value
        self._arm(block, "body", node.body, None if tree is None else tree.body)
        self.class_body, self.qualname = outer_class, outer_name
        self.close_block(block)
        self.bind(node.name.value, number, "class")


def _binds_one_target(node: cst.BaseSmallStatement) -> bool:
    """`a: int` binds nothing, `a = b = 1` two targets."""
    return len(node.targets) == 1 if isinstance(node, cst.Assign) else isinstance(node, cst.AnnAssign) and node.value is not None


def dotted_target(alias: cst.AsName) -> str:
    """The name of an `as` clause."""
    return alias.name.value if isinstance(alias.name, cst.Name) else ""


def _is_main_test(test: cst.BaseExpression) -> bool:
    """`__name__ == "__main__"`, either way round."""
    if not isinstance(test, cst.Comparison) or len(test.comparisons) != 1:
        return False
    target = test.comparisons[0]
    sides = (test.left, target.comparator)
    names = [side.value for side in sides if isinstance(side, cst.Name)]
    texts = [side.evaluated_value for side in sides if isinstance(side, cst.SimpleString)]
    return isinstance(target.operator, cst.Equal) and names == ["__name__"] and texts == ["__main__"]
