"""What stands around an expression: its parents, the statement, what is evaluated before it.

Knows the file's text as `ast` reads it. Must never know a pool, a fact, libcst or a file on disk.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from functools import cached_property, lru_cache

from msgspec import Struct

from poolaudit import syntax
from poolaudit.facts import Span

EAGER = frozenset({"list", "sorted", "sum", "set", "tuple", "dict", "frozenset", "max", "min"})
"""Builtins that read an iterator to its end at once, so that a list around it changes nothing."""

_SAME_BUILTINS = frozenset({"builtins", "six.moves", "future.builtins", "past.builtins"})

_LEAVES = (ast.Name, ast.Constant)

_MUTATORS = frozenset(
    {"append", "extend", "insert", "add", "update", "pop", "popitem", "popleft", "appendleft", "clear", "remove", "discard"}
    | {"reverse", "sort", "setdefault", "fill", "write", "put", "resize", "itemset", "seek", "truncate"}
)
"""Methods that change their object."""


class Surroundings(Struct, frozen=True, dict=True):
    """One file's tree, asked by spans. Built once per text."""

    text: str
    tree: ast.Module
    _places: syntax.Places

    @cached_property
    def _nodes(self) -> list[ast.AST]:
        return syntax.nodes(self.tree)

    @cached_property
    def _parents(self) -> dict[ast.AST, ast.AST]:
        return {child: node for node in self._nodes if not isinstance(node, _LEAVES) for child in ast.iter_child_nodes(node)}

    @cached_property
    def _calls(self) -> dict[Span, ast.Call]:
        return {self._places.span(node): node for node in self._nodes if isinstance(node, ast.Call)}

    def call(self, span: Span) -> ast.Call | None:
        """The call expression of exactly these characters."""
        return self._calls.get(span)

    def calls_in(self, span: Span) -> Iterator[ast.Call]:
        """The calls that stand wholly in some text."""
        return (call for place, call in self._calls.items() if place in span)

    def outermost(self, span: Span) -> Iterator[ast.stmt | ast.expr]:
        """The statements of a body, or the expression that some text is."""
        inside = {node for node in self._nodes if isinstance(node, (ast.stmt, ast.expr)) and self.span(node) in span}
        return (node for node in self._nodes if node in inside and not inside.intersection(self.parents(node)))

    def api(self, function: ast.expr) -> str:
        """What is called, by the name that it is imported from: 'builtins.open', 'os.path.join'; else as it is written."""
        root, dot, rest = ast.unparse(function).partition(".")
        found = self._imported.get(root, root)
        is_builtin = found == root and not dot and root not in self.bound_names and hasattr(builtins, root)
        return f"builtins.{root}" if is_builtin else f"{found}{dot}{rest}"

    @cached_property
    def _imported(self) -> dict[str, str]:
        """The canonical name of every imported one, wherever in the file that is; dots before what is relative."""
        found: dict[str, str] = {}
        for node in self._nodes:
            match node:
                case ast.Import(names=aliases):
                    found |= {each.asname: each.name for each in aliases if each.asname}
                case ast.ImportFrom(module=module, names=aliases, level=level):
                    found |= {each.asname or each.name: f"{'.' * level}{module or ''}.{each.name}" for each in aliases}
        return found

    def span(self, node: ast.stmt | ast.expr) -> Span:
        return self._places.span(node)

    def alias_span(self, alias: ast.alias) -> Span:
        return self._places.span(alias)

    def parents(self, node: ast.AST) -> Iterator[ast.AST]:
        """What holds the node, the closest first."""
        while (above := self._parents.get(node)) is not None:
            yield above
            node = above

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The closest statement around an expression."""
        return next((each for each in self.parents(node) if isinstance(each, ast.stmt)), None)

    def is_read_at_once(self, call: ast.expr) -> bool:
        """It is the only argument of what reads all of it: `sum(pool.map(f, xs))`, `", ".join(pool.map(f, xs))`."""
        match self._parents.get(call):
            case ast.Call(func=ast.Name(id=name), args=[only]):
                return only is call and name in EAGER
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="join"), args=[only]):
                return only is call
        return False

    def is_read_in_its_statement(self, call: ast.expr) -> bool:
        """Whatever wraps it, a loop or a builtin of the same statement reads it: `for x in tqdm(pool.imap(f, xs))`."""
        below: ast.expr = call
        while True:
            if self.is_read_at_once(below):
                return True
            above = self._parents.get(below)
            if isinstance(above, ast.For):
                return above.iter is below
            if isinstance(above, ast.comprehension):
                return above.iter is below and not isinstance(self._parents.get(above), ast.GeneratorExp)
            if not isinstance(above, ast.Call) or below not in above.args:
                return False
            below = above

    def comes_first(self, node: ast.expr) -> bool:
        """Nothing that could have an effect is evaluated before it in its statement, and it is always evaluated, once.

        What stands in a line before the statement then happens at the same moment.
        """
        below: ast.AST = node
        for above in self.parents(node):
            if isinstance(above, ast.stmt):
                return self._is_first_of(above, below)
            if not self._is_first_in(above, below):
                return False
            below = above
        return False

    def _is_first_of(self, statement: ast.stmt, expression: ast.AST) -> bool:
        match statement:
            case ast.Expr() | ast.Return() | ast.Assign() | ast.AnnAssign():
                return True
            case ast.For(iter=iterable):
                return iterable is expression
            case ast.With(items=items):
                return expression in (items[0], items[0].context_expr)
            case ast.AugAssign(target=ast.Name()):
                return True
        return False

    def _is_first_in(self, above: ast.AST, below: ast.AST) -> bool:
        match above:
            case ast.Call(func=function, args=arguments, keywords=keywords):
                before = [function, *arguments, *(each.value for each in keywords)]
                if isinstance(below, ast.keyword):
                    below = below.value
            case ast.keyword() | ast.Starred() | ast.Attribute() | ast.Await() | ast.UnaryOp() | ast.withitem():
                return True
            case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
                before = list(items)
            case ast.Subscript(value=value):
                before = [value]
                if below is not value:
                    return _is_quiet(value)
            case ast.BinOp(left=left, right=right):
                before = [left, right]
            case ast.Compare(left=left, comparators=[only]):
                before = [left, only]
            case _:
                return False
        return all(_is_quiet(each) for each in before[: before.index(below)]) if below in before else False

    def parameters_around(self, span: Span) -> set[str]:
        """The parameters of every function that a place stands in."""
        functions = (node for node in self._nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))
        around = (node.args for node in functions if span in self.span(node))
        return {argument.arg for each in around for argument in ast.walk(each) if isinstance(argument, ast.arg)}

    def mutations(self, path: str, scope: ast.AST) -> Iterator[ast.stmt | ast.expr]:
        """Where code of a scope may change the object that a dotted name holds, or what that holds: x.append(..), x[0].y = 1."""
        for node in ast.walk(scope):
            match node:
                case (
                    ast.Subscript(value=changed, ctx=ast.Store() | ast.Del())
                    | ast.Attribute(value=changed, ctx=ast.Store() | ast.Del())
                    | ast.AugAssign(target=ast.Name() as changed)
                ):
                    if _is_below(changed, path):
                        yield node
                case ast.Call(func=ast.Attribute(value=changed, attr=method)) if method in _MUTATORS:
                    if _is_below(changed, path):
                        yield node

    def calls_with(self, path: str, scope: ast.AST) -> Iterator[tuple[ast.Call, int]]:
        """Calls of plain names that are given the object, and its position."""
        for node in ast.walk(scope):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for position, argument in enumerate(node.args):
                    if isinstance(argument, (ast.Name, ast.Attribute)) and ast.unparse(argument) == path:
                        yield node, position

    def elements_of(self, path: str, scope: ast.AST) -> Iterator[str]:
        """Names that loops bind to the elements of what a dotted name holds."""
        for node in ast.walk(scope):
            match node:
                case (
                    ast.For(target=ast.Name(id=name), iter=iterable) | ast.comprehension(target=ast.Name(id=name), iter=iterable)
                ):
                    if isinstance(iterable, (ast.Name, ast.Attribute)) and ast.unparse(iterable) == path:
                        yield name

    def is_left_early(self, loop: ast.stmt) -> bool:
        """A break, return or raise stands in a loop."""
        return any(isinstance(node, (ast.Break, ast.Return, ast.Raise)) for node in ast.walk(loop))

    def asks_length_of(self, path: str, node: ast.AST) -> bool:
        """The function around a node calls len() of what a dotted name holds, and does not bind its root twice."""
        scope = self.scope(node)
        asked = any(
            isinstance(call.func, ast.Name)
            and call.func.id == "len"
            and len(call.args) == 1
            and ast.unparse(call.args[0]) == path
            for call in ast.walk(scope)
            if isinstance(call, ast.Call)
        )
        root = path.partition(".")[0]
        given = root in {each.arg for each in ast.walk(scope) if isinstance(each, ast.arg)}
        return asked and given + len(list(self.bindings(root, scope))) <= 1

    def leaves_between(self, start: int, end: int, call: ast.Call) -> bool:
        """A return or exit stands in between, or a jump of a loop around both."""
        scope = self.scope(call)
        for node in ast.walk(scope):
            if not isinstance(node, (ast.Return, ast.Continue, ast.Break, ast.Call)) or self.scope(node) is not scope:
                continue
            if self.span(node).start < start or self.span(node).end > end:
                continue
            if isinstance(node, ast.Call):
                if ast.unparse(node.func) in ("sys.exit", "exit", "quit", "os._exit"):
                    return True
            elif isinstance(node, ast.Return) or self._loop(node) in list(self.parents(call)):
                return True
        return False

    def _loop(self, node: ast.AST) -> ast.AST | None:
        return next((each for each in self.parents(node) if isinstance(each, (ast.For, ast.While, ast.AsyncFor))), None)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every identifier of the file itself: a new name must not be one of them."""
        return self.bound_names | {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}

    def names_in(self, scope: ast.AST) -> frozenset[str]:
        """Every identifier that a function mentions: a new local name must not be one of them. At module level: of the file."""
        if scope is self.tree:
            return self.names
        bound = (node.id for node in ast.walk(scope) if isinstance(node, ast.Name))
        given = (node.arg for node in ast.walk(scope) if isinstance(node, ast.arg))
        stated = (name for node in ast.walk(scope) if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names)
        defined = (getattr(node, "name", None) or getattr(node, "asname", None) for node in ast.walk(scope))
        return frozenset({*bound, *given, *stated, *(name for name in defined if isinstance(name, str))})

    @cached_property
    def bound_names(self) -> frozenset[str]:
        """Every name that the file binds anywhere: builtins among them mean something else there."""
        found: set[str] = set()
        for node in self._nodes:
            match node:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                    found.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    found.add(name)
                case ast.ImportFrom(module=module, names=aliases) if module not in _SAME_BUILTINS:
                    found.update(alias.asname or alias.name for alias in aliases)
                case ast.Import(names=aliases):
                    found.update(alias.asname or alias.name.partition(".")[0] for alias in aliases)
        return frozenset(found)

    def bindings(self, name: str, scope: ast.AST) -> Iterator[Span]:
        """Where code of a scope binds or deletes a plain name."""
        for node in ast.walk(scope):
            if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load):
                yield self._places.span(node)

    def is_read_once(self, place: Span, origin: Span) -> bool:
        """A local name that is mentioned at a place and bound to the expression at another one, and nowhere else."""
        read = next((node for node in self._nodes if isinstance(node, ast.Name) and self.span(node) == place), None)
        scope = self.scope(read) if read is not None else self.tree
        function = isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef))
        if read is None or not function or read.id in self.parameters_around(place):
            return False
        others = [node for node in ast.walk(scope) if isinstance(node, ast.Name) and node.id == read.id and node is not read]
        stated = any(read.id in node.names for node in ast.walk(scope) if isinstance(node, (ast.Global, ast.Nonlocal)))
        match self._parents[others[0]] if len(others) == 1 and not stated else None:
            case ast.Assign(targets=[ast.Name()], value=value) | ast.AnnAssign(target=ast.Name(), value=ast.expr() as value):
                return self.span(value) == origin
        return False

    def mentions_handler_of(self, exception: str) -> bool:
        """Some except clause of the file names the exception."""
        return exception in self._handled

    @cached_property
    def _handled(self) -> frozenset[str]:
        handlers = (node.type for node in self._nodes if isinstance(node, ast.ExceptHandler) and node.type)
        names = (name for handler in handlers for name in ast.walk(handler) if isinstance(name, (ast.Name, ast.Attribute)))
        return frozenset(name.id if isinstance(name, ast.Name) else name.attr for name in names)

    def scope(self, node: ast.AST) -> ast.AST:
        """The function around a node, or the module."""
        functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        return next((each for each in self.parents(node) if isinstance(each, functions)), self.tree)

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements among which it stands."""
        above = self._parents[statement]
        bodies = (getattr(above, name, None) for name in ("body", "orelse", "finalbody"))
        return next((body for body in bodies if isinstance(body, list) and statement in body), [statement])

    def statement_at(self, span: Span) -> ast.stmt | None:
        """The statement of exactly these characters."""
        return self._statements.get(span)

    @cached_property
    def _statements(self) -> dict[Span, ast.stmt]:
        return {self._places.span(node): node for node in self._nodes if isinstance(node, ast.stmt)}


def dotted_names(node: ast.expr) -> set[str]:
    """The longest dotted names of an expression: 'self.config' of `{"config": self.config}`."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            inner = inner.value
        if isinstance(inner, ast.Name):
            return {ast.unparse(node)}
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            found |= dotted_names(child)
        elif isinstance(child, ast.keyword):
            found |= dotted_names(child.value)
    return found


def _is_below(changed: ast.expr, path: str) -> bool:
    """The object that is changed is the one at the dotted path, or one that it holds."""
    node = changed
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if ast.unparse(node) == path:
            return True
        node = node.value
    return isinstance(node, ast.Name) and node.id == path


def _is_quiet(node: ast.AST) -> bool:
    """Evaluating it early or late makes no difference: names, constants, attributes of names."""
    return all(
        isinstance(each, (ast.Name, ast.Constant, ast.Attribute, ast.expr_context, ast.Tuple, ast.operator, ast.BinOp))
        for each in ast.walk(node)
    )


def parsed(expression: str) -> ast.expr:
    """The tree of an expression; a constant where it is none."""
    try:
        return ast.parse(f"({expression}\n)", mode="eval").body
    except SyntaxError:
        return ast.Constant(value=None)


def is_quiet(expression: str) -> bool:
    """An expression whose text may be written twice: names, attributes, constants and arithmetic of them."""
    try:
        return _is_quiet(ast.parse(f"({expression}\n)", mode="eval").body)
    except SyntaxError:
        return False


def is_simple(expression: str) -> bool:
    """A name or dotted name: it needs no parentheses anywhere."""
    return re.fullmatch(r"[A-Za-z_][\w.]*", expression) is not None


@lru_cache(maxsize=4)
def surroundings(text: str) -> Surroundings | None:
    """The tree of a text; None when the running Python cannot parse it."""
    try:
        tree = syntax.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return Surroundings(text, tree, syntax.Places(text))
