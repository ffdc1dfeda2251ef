"""Where the nodes of a trace stand in the text, computed when asked for.

Statements of libcst and ast pair one to one: a statement starts where ast says, and generating the code of that one statement
gives the offset of everything in it. Only what ast cannot place (a file that it cannot parse, a `case`) costs a pass over the
whole module. Knows libcst's code generator, which is private: pyproject.toml pins its range, tests/test_places.py holds it to
its word. Must never know what a node means.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Callable
from contextlib import AbstractContextManager

import libcst as cst
from libcst._nodes.internal import CodegenState
from msgspec import Struct

from poolaudit.facts import Span
from poolaudit.survey import ir

_LINE_END = re.compile(r"\r\n|\r|\n")
_PASS = cst.SimpleStatementSuite(body=[cst.Pass()])
_FINALLY = cst.Finally(body=cst.SimpleStatementSuite(body=[cst.Pass()]))
_CASE = cst.MatchCase(pattern=cst.MatchAs(), body=_PASS)


class Lines:
    """Offsets of the lines of a text, as Python's tokenizer counts them: a form feed ends none."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def offset(self, line: int, column: int) -> int:
        """From ast's line (from 1) and column (UTF-8 bytes) to an offset in characters."""
        start = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        content = self.text[start:end]
        if content.isascii():
            return start + column
        return start + len(content.encode()[:column].decode())


class _RecordingState(CodegenState, AbstractContextManager[None]):
    """Counts characters instead of joining tokens, and remembers where each node begins and ends."""

    def __init__(self, module: cst.Module, indents: tuple[str, ...], start: int) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.indent_tokens = list(indents)
        self.offset = start
        self.outer: dict[int, tuple[int, int]] = {}
        self.inner: dict[int, tuple[int, int]] = {}
        self._begun: list[int] = []
        self._open: list[tuple[int, int]] = []

    def add_indent_tokens(self) -> None:
        self.offset += sum(map(len, self.indent_tokens))

    def add_token(self, value: str) -> None:
        self.offset += len(value)

    def before_codegen(self, node: cst.CSTNode) -> None:
        self._begun.append(self.offset)

    def after_codegen(self, node: cst.CSTNode) -> None:
        self.outer[id(node)] = (self._begun.pop(), self.offset)

    def pop_trailing_newline(self) -> None:
        """The last newline that the generator adds is one character more or less at the very end: nothing ends there."""

    def record_syntactic_position(  # type: ignore[override]
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> AbstractContextManager[None]:
        # a generator made into a context manager takes three times as long, and there is one for every expression
        self._open.append((id(node), self.offset))
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        node, begun = self._open.pop()
        self.inner[node] = (begun, self.offset)


class Unit(Struct):
    """A piece of code whose start ast knows: a simple statement, a compound header, a decorator, an except clause."""

    node: cst.CSTNode
    start: tuple[int, int] | None
    """ast's line and column; None when only a pass over the module can tell."""
    indents: tuple[str, ...]
    is_elif: bool = False
    done: bool = False


_Suite = cst.BaseSuite


class PlaceTable:
    """The places of one module. Its numbers go on where those of the trace's earlier modules ended."""

    def __init__(self, text: str, module: cst.Module, path: str, trace: ir.Trace) -> None:
        self.first_node = len(trace.nodes)
        self.first_thing = trace.places.things
        self.first_statement = len(trace.statements)
        self._path = path
        self._lines = Lines(text)
        self._module = module
        self.default_indent = module.default_indent
        self._units: list[Unit] = []
        self._node_cst: dict[int, cst.CSTNode] = {}
        self._node_unit: dict[int, int] = {}
        self._things: list[tuple[cst.CSTNode, int, ast.AST | None]] = []
        self._statements: list[tuple[cst.CSTNode, ast.stmt | None]] = []
        self._outer: dict[int, tuple[int, int]] = {}
        self._inner: dict[int, tuple[int, int]] = {}
        self._suites: dict[int, int] = {}
        self._whole_done = False

    @property
    def end_of_things(self) -> int:
        return self.first_thing + len(self._things)

    # -- filled by the readers

    def add_unit(self, node: cst.CSTNode, tree: ast.AST | None, indents: tuple[str, ...], is_elif: bool = False) -> int:
        start = None if tree is None else (getattr(tree, "lineno"), getattr(tree, "col_offset"))  # noqa: B009 - ast.AST has none
        self._units.append(Unit(node, start, indents, is_elif))
        return len(self._units) - 1

    def add_node(self, number: int, node: cst.CSTNode, unit: int) -> None:
        self._node_cst[number] = node
        self._node_unit[number] = unit

    def add_thing(self, node: cst.CSTNode, unit: int, tree: ast.AST | None) -> int:
        self._things.append((node, unit, tree))
        return self.first_thing + len(self._things) - 1

    def add_statement(self, node: cst.CSTNode, tree: ast.stmt | None) -> int:
        self._statements.append((node, tree))
        return self.first_statement + len(self._statements) - 1

    # -- asked by solve

    def node(self, node: int) -> Span:
        return self._span(self._node_cst[node], self._node_unit[node])

    def spelled(self, node: int) -> bool:
        return node in self._node_cst

    def parenthesized(self, node: int) -> bool:
        return bool(getattr(self._node_cst[node], "lpar", ()))

    def argument(self, call: int, index: int) -> tuple[Span, Span | None]:
        node = self._call(call)
        argument = node.args[index]
        unit = self._node_unit[call]
        self._span(argument, unit)
        keyword = None if argument.keyword is None else self._span(argument.keyword, unit)
        return self._at(*self._inner[id(argument)]), keyword

    def argument_list(self, call: int) -> Span:
        node = self._call(call)
        unit = self._node_unit[call]
        self._span(node, unit)
        return self._at(self._span(node.whitespace_before_args, unit).start, self._inner[id(node)][1] - 1)

    def attribute_name(self, node: int) -> Span:
        attribute = cst.ensure_type(self._node_cst[node], cst.Attribute)
        return self._span(attribute.attr, self._node_unit[node])

    def statement(self, statement: int) -> Span:
        node, tree = self._statements[statement - self.first_statement]
        return self._statement_span(node, tree)

    def statement_top(self, statement: int) -> Span:
        node, tree = self._statements[statement - self.first_statement]
        return self._with_decorators(node, tree)

    def block(self, place: int) -> tuple[Span, Span, Span]:
        node, unit, tree = self._things[place - self.first_thing]
        if isinstance(node, cst.BaseExpression):
            whole = self._span(node, unit)
            return whole, whole, whole
        if not isinstance(tree, ast.stmt):
            return self._block_by_code(node)
        whole = self._statement_span(node, tree)
        if isinstance(tree, ast.Match):
            return whole, whole, whole
        body: list[ast.stmt] = getattr(tree, "body")  # noqa: B009 - every compound statement but match has one
        suite = self._suite_start(node, unit)
        return whole, self._at(whole.start, suite), self._at(self._start(body[0]), self._end(body[-1]))

    def handler(self, place: int) -> tuple[Span, Span | None, Span]:
        node, unit, tree = self._things[place - self.first_thing]
        clause = node if isinstance(node, cst.ExceptHandler) else cst.ensure_type(node, cst.ExceptStarHandler)
        types = None if clause.type is None else self._span(clause.type, unit)
        if not isinstance(tree, ast.ExceptHandler):
            suite = self._span_by_code(clause.body)
            return self._at(self._span_by_code(clause).start, suite.start), types, suite
        start = self._lines.offset(tree.lineno, tree.col_offset)
        header = self._at(start, self._suite_start(clause, unit))
        return header, types, self._at(self._start(tree.body[0]), self._end(tree.body[-1]))

    def function(self, place: int) -> tuple[Span, Span | None, Span, Span]:
        node, unit, tree = self._things[place - self.first_thing]
        if isinstance(node, cst.Lambda):
            body = self._span(node.body, unit)
            begin, end = self._inner[id(node)]
            return self._at(begin, end), None, self._span(node.params, unit), body
        definition = cst.ensure_type(node, cst.FunctionDef)
        name = self._span(definition.name, unit)
        parameters = self._span(definition.params, unit)
        if not isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return self._span_by_code(definition), name, parameters, self._span_by_code(definition.body)
        body = self._at(self._start(tree.body[0]), self._end(tree.body[-1]))
        return self._with_decorators(definition, tree), name, parameters, body

    def thing(self, place: int) -> Span:
        """Any other recorded thing: an assignment target, a class."""
        node, unit, tree = self._things[place - self.first_thing]
        if isinstance(node, cst.ClassDef):
            return self._with_decorators(node, tree if isinstance(tree, ast.stmt) else None)
        return self._span(node, unit)

    target = thing

    # -- inside

    def _at(self, start: int, end: int) -> Span:
        return Span(start, end, self._path)

    def _call(self, call: int) -> cst.Call:
        return cst.ensure_type(self._node_cst[call], cst.Call)

    def _span(self, node: cst.CSTNode, unit: int) -> Span:
        self._compute(self._units[unit])
        found = self._outer.get(id(node))
        if found is None:
            return self._span_by_code(node)
        return self._at(*found)

    def _compute(self, unit: Unit) -> None:
        if unit.done:
            return
        unit.done = True
        if unit.start is None:
            return
        start = self._lines.offset(*unit.start)
        node = _header_only(unit.node)
        compound = isinstance(node, (cst.BaseCompoundStatement, cst.ExceptHandler, cst.ExceptStarHandler))
        state = _RecordingState(self._module, unit.indents, start - (sum(map(len, unit.indents)) if compound else 0))
        if unit.is_elif:
            node._codegen(state, is_elif=True)
        else:
            node._codegen(state)
        self._outer.update(state.outer)
        self._inner.update(state.inner)
        # the emptied copy of a compound statement stands for the real one
        if id(node) in state.inner:
            self._inner[id(unit.node)] = state.inner[id(node)]
        if id(_PASS) in state.outer:
            self._suites[id(unit.node)] = state.outer[id(_PASS)][0]

    def _suite_start(self, node: cst.CSTNode, unit: int) -> int:
        self._compute(self._units[unit])
        found = self._suites.get(id(node))
        return self._span_by_code(getattr(node, "body")).start if found is None else found  # noqa: B009 - all compound nodes have one

    def _span_by_code(self, node: cst.CSTNode) -> Span:
        if not self._whole_done:
            self._whole_done = True
            state = _RecordingState(self._module, (), 0)
            self._module._codegen(state)
            self._outer.update(state.outer)
            self._inner.update(state.inner)
        if isinstance(node, (cst.BaseStatement, cst.ExceptHandler, cst.ExceptStarHandler)) and id(node) in self._inner:
            return self._at(*self._inner[id(node)])
        return self._at(*self._outer[id(node)])

    def _block_by_code(self, node: cst.CSTNode) -> tuple[Span, Span, Span]:
        whole = self._span_by_code(node)
        suite = getattr(node, "body", None)
        if not isinstance(suite, _Suite):
            return whole, whole, whole
        inner = self._span_by_code(suite)
        return whole, self._at(whole.start, inner.start), inner

    def _start(self, tree: ast.stmt) -> int:
        decorators: list[ast.expr] = getattr(tree, "decorator_list", [])
        if decorators:
            first = self._lines.offset(decorators[0].lineno, decorators[0].col_offset)
            return self._lines.text.rindex("@", 0, first)
        return self._lines.offset(tree.lineno, tree.col_offset)

    def _end(self, tree: ast.stmt) -> int:
        assert tree.end_lineno is not None
        assert tree.end_col_offset is not None
        return self._lines.offset(tree.end_lineno, tree.end_col_offset)

    def _statement_span(self, node: cst.CSTNode, tree: ast.stmt | None) -> Span:
        if tree is None:
            return self._span_by_code(node)
        return self._at(self._lines.offset(tree.lineno, tree.col_offset), self._end(tree))

    def _with_decorators(self, node: cst.CSTNode, tree: ast.stmt | None) -> Span:
        if tree is None:
            return self._span_by_code(node)
        return self._at(self._start(tree), self._end(tree))


class Atlas:
    """Implements `ir.Places` for all modules of a trace: each number is asked of the table that gave it."""

    def __init__(self) -> None:
        self._tables: list[PlaceTable] = []

    def begin(self, table: PlaceTable) -> None:
        self._tables.append(table)

    @property
    def things(self) -> int:
        return self._tables[-1].end_of_things if self._tables else 0

    def _of(self, number: int, first: Callable[[PlaceTable], int]) -> PlaceTable:
        return self._tables[bisect_right(self._tables, number, key=first) - 1]

    def _by_node(self, node: int) -> PlaceTable:
        return self._of(node, lambda table: table.first_node)

    def _by_thing(self, place: int) -> PlaceTable:
        return self._of(place, lambda table: table.first_thing)

    def _by_statement(self, statement: int) -> PlaceTable:
        return self._of(statement, lambda table: table.first_statement)

    def node(self, node: int) -> Span:
        return self._by_node(node).node(node)

    def spelled(self, node: int) -> bool:
        return self._by_node(node).spelled(node)

    def parenthesized(self, node: int) -> bool:
        return self._by_node(node).parenthesized(node)

    def argument(self, call: int, index: int) -> tuple[Span, Span | None]:
        return self._by_node(call).argument(call, index)

    def argument_list(self, call: int) -> Span:
        return self._by_node(call).argument_list(call)

    def attribute_name(self, node: int) -> Span:
        return self._by_node(node).attribute_name(node)

    def statement(self, statement: int) -> Span:
        return self._by_statement(statement).statement(statement)

    def statement_top(self, statement: int) -> Span:
        return self._by_statement(statement).statement_top(statement)

    def block(self, place: int) -> tuple[Span, Span, Span]:
        return self._by_thing(place).block(place)

    def handler(self, place: int) -> tuple[Span, Span | None, Span]:
        return self._by_thing(place).handler(place)

    def function(self, place: int) -> tuple[Span, Span | None, Span, Span]:
        return self._by_thing(place).function(place)

    def target(self, place: int) -> Span:
        return self._by_thing(place).target(place)


def _header_only(node: cst.CSTNode) -> cst.CSTNode:
    """A compound statement with `pass` for a body, so that generating it costs no more than its header."""
    if isinstance(node, cst.If):
        return node.with_changes(body=_PASS, orelse=None, leading_lines=())
    if isinstance(node, (cst.For, cst.While)):
        return node.with_changes(body=_PASS, orelse=None, leading_lines=())
    if isinstance(node, (cst.With, cst.ExceptHandler, cst.ExceptStarHandler)):
        return node.with_changes(body=_PASS, leading_lines=())
    if isinstance(node, (cst.Try, cst.TryStar)):
        # a try needs a handler or a finally to be valid; it has no expression of its own either way
        return cst.Try(body=_PASS, finalbody=_FINALLY, whitespace_before_colon=node.whitespace_before_colon)
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        return node.with_changes(body=_PASS, decorators=(), leading_lines=(), lines_after_decorators=())
    if isinstance(node, cst.Match):
        return node.with_changes(cases=(_CASE,), leading_lines=())
    return node
