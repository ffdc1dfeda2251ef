"""The trace of one file: what `read` hands to `solve`.

Every expression becomes one node; a node's number is also its evaluation order within its scope. Nodes name other nodes by
number, so the trace is flat and free of syntax trees. Knows the shapes only. Must never know libcst, an API or a rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct, field

from poolaudit.facts import Span


class External(Struct):
    """An imported module or a name of one: 'multiprocessing', 'multiprocessing.Pool'. Relative imports keep their dots."""

    name: str


class Constant(Struct):
    value: object


class FunctionValue(Struct):
    function: int


class ClassValue(Struct):
    cls: int


class ParameterValue(Struct):
    function: int
    name: str


class Reference(Struct):
    """A name that is read; `target` is the node it leads to here, None when only its scopes can tell (free, global, builtin)."""

    name: str
    target: int | None
    scope: int


class Attribute(Struct):
    base: int
    name: str


class Subscript(Struct):
    base: int
    index: int | None
    """None for a slice."""


class Element(Struct):
    """What iteration over `base` yields. `lazy`: inside a generator expression, run when somebody iterates that."""

    base: int
    lazy: bool
    block: int | None
    """The `for` or comprehension that iterates; None for `yield from`."""


class Unpacked(Struct):
    """Position of a destructured value; None behind a star."""

    base: int
    position: int | None


class Entered(Struct):
    """What `with base as x` binds."""

    base: int


class Awaited(Struct):
    base: int


class Choice(Struct):
    """One of several nodes: a conditional expression, a merge of branches, a loop's carried name."""

    parts: list[int]
    written: bool
    """It is an expression of the source (x if c else y, a or b), not a merge."""
    test: int | None = None
    """The condition of x if c else y."""


class Display(Struct):
    """A literal list, tuple, set or dict. `keys` pairs with `elements` for a dict."""

    form: str
    elements: tuple[int, ...]
    keys: tuple[int, ...]
    stars: tuple[int, ...]


class Comprehension(Struct):
    """form: list, set, dict, generator."""

    form: str
    element: int
    key: int | None
    block: int
    sources: tuple[int, ...]
    """What it iterates, and its conditions."""


class CallArgument(Struct):
    keyword: str | None
    star: str
    value: int


class Call(Struct):
    callee: int
    arguments: tuple[CallArgument, ...]


class Joined(Struct):
    """a + b: for containers the union of both, else opaque. So are a | b, a & b, a - b and a ^ b (`sets`)."""

    left: int
    right: int
    sets: bool = False


class Opaque(Struct):
    """Any other expression; its operands are looked at, never kept."""

    operands: tuple[int, ...]


Node = (
    External
    | Constant
    | FunctionValue
    | ClassValue
    | ParameterValue
    | Reference
    | Attribute
    | Subscript
    | Element
    | Unpacked
    | Entered
    | Awaited
    | Choice
    | Display
    | Comprehension
    | Call
    | Joined
    | Opaque
)


class Frame(Struct):
    """Where a node stands: scope, nesting, statement."""

    scope: int
    path: tuple[tuple[int, str], ...]
    """(block id, arm), outermost first."""
    statement: int
    under_guard: bool


class HandlerTrace(Struct):
    types: tuple[int, ...]
    """Nodes of the type expressions."""
    alias: str | None
    reraises: bool
    place: int


class BlockTrace(Struct):
    """A compound statement, comprehension or class body."""

    kind: str
    scope: int
    path: tuple[tuple[int, str], ...]
    place: int
    start: int = 0
    end: int = 0
    is_async: bool = False
    handlers: list[HandlerTrace] = field(default_factory=list)
    has_finally: bool = False
    leaves: set[str] = field(default_factory=set)
    targets: tuple[str, ...] = ()
    iterable: int | None = None
    tests: tuple[int, ...] = ()
    """Nodes of the names and attributes that an if / while test mentions."""
    forever: bool = False
    items: tuple[int, ...] = ()
    """For `with`: the context expressions."""
    body_indent: str = ""


class StatementTrace(Struct):
    form: str
    alone: bool
    indent: str
    top: int
    """Index of the module-level statement around it."""
    assigned: tuple[str, ...] = ()


class Bound(Struct):
    """`name = node` in some scope; targets that are attributes keep their dotted text."""

    name: str
    node: int
    order: int
    frame: int
    binding: str
    """data, import, function, class, loop, with, except, augmented."""
    target_place: int | None


class Stored(Struct):
    """base.name = node, or base[...] = node with name None."""

    base: int
    name: str | None
    node: int
    order: int
    frame: int
    key: int | None = None


class StatementUse(Struct):
    """What a statement does with a node: return, yield, drop, test, raise, delete, annotate."""

    how: str
    node: int
    order: int
    frame: int


class RaisedTrace(Struct):
    node: int | None
    order: int
    frame: int
    arguments: tuple[CallArgument, ...]


class ParameterTrace(Struct):
    name: str
    kind: str
    """positional, keyword, star, double_star."""
    default: int | None


class FunctionTrace(Struct):
    """A def or lambda, or the body of a module. Its id is also the id of its scope; 0 is the module that is surveyed."""

    id: int
    name: str
    qualname: str
    parent: int
    """The scope around it; a module is its own."""
    module: int
    """The id of its module's scope."""
    class_id: int | None
    is_lambda: bool
    is_async: bool
    under_guard: bool
    node: int
    parameters: tuple[ParameterTrace, ...]
    decorators: tuple[int, ...]
    place: int
    indent: str
    outer: dict[str, int] = field(default_factory=dict)
    """Names of comprehensions around a lambda: seen by it, bound in no scope."""
    is_generator: bool = False
    returns: list[int] = field(default_factory=list)
    yields: list[int] = field(default_factory=list)
    raises: list[RaisedTrace] = field(default_factory=list)
    globals: set[str] = field(default_factory=set)
    """Names declared `global`."""
    nonlocals: set[str] = field(default_factory=set)
    bindings: dict[str, list[Bound]] = field(default_factory=dict)
    first: int = 0
    last: int = 0
    """Nodes of the body: first <= node < last (nested functions lie elsewhere)."""
    loops: int = 0
    stars: list[str] = field(default_factory=list)
    """Modules star-imported in this scope."""

    @property
    def is_module(self) -> bool:
        return self.module == self.id


class ClassTrace(Struct):
    id: int
    name: str
    scope: int
    node: int
    bases: tuple[int, ...]
    under_guard: bool
    place: int
    members: dict[str, list[int]] = field(default_factory=dict)
    methods: dict[str, int] = field(default_factory=dict)
    decorators: tuple[int, ...] = ()


class ImportTrace(Struct):
    name: str
    api: str
    frame: int


class Places(Protocol):
    """Spans of what a trace numbers, computed when asked for."""

    @property
    def things(self) -> int:
        """How many things are numbered so far."""

    def node(self, node: int) -> Span:
        """An expression, own parentheses included."""

    def spelled(self, node: int) -> bool:
        """The node is an expression of the source and has a place; others are made up by reading."""

    def parenthesized(self, node: int) -> bool:
        """The expression has parentheses of its own."""

    def argument(self, call: int, index: int) -> tuple[Span, Span | None]:
        """An argument with keyword or star, and its keyword alone."""

    def argument_list(self, call: int) -> Span:
        """Between a call's parentheses."""

    def attribute_name(self, node: int) -> Span:
        """The name after the dot."""

    def statement(self, statement: int) -> Span:
        """A statement, decorators excluded."""

    def statement_top(self, statement: int) -> Span:
        """A statement, decorators included."""

    def block(self, place: int) -> tuple[Span, Span, Span]:
        """Statement, header and first body of a block."""

    def handler(self, place: int) -> tuple[Span, Span | None, Span]:
        """Header, type expression and body of an except clause."""

    def function(self, place: int) -> tuple[Span, Span | None, Span, Span]:
        """Whole with decorators, name, parameters, body."""

    def target(self, place: int) -> Span:
        """A target of an assignment."""


class ModuleTrace(Struct):
    """A module that was read."""

    name: str
    """Dotted; '' when no package says so."""
    path: str
    """'' for the file that is surveyed."""
    text: str
    scope: int


class Trace(Struct):
    """Everything read of one file, and of the modules of its project that were asked for."""

    path: str
    text: str
    places: Places
    modules: dict[str, ModuleTrace] = field(default_factory=dict)
    """By path: '' is the surveyed file."""
    module_scopes: dict[str, int] = field(default_factory=dict)
    """Dotted module name to its scope."""
    nodes: list[Node] = field(default_factory=list)
    node_frames: list[int] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    blocks: list[BlockTrace] = field(default_factory=list)
    statements: list[StatementTrace] = field(default_factory=list)
    functions: list[FunctionTrace] = field(default_factory=list)
    classes: list[ClassTrace] = field(default_factory=list)
    imports: list[ImportTrace] = field(default_factory=list)
    stores: list[Stored] = field(default_factory=list)
    uses: list[StatementUse] = field(default_factory=list)
    calls: list[tuple[int, Call]] = field(default_factory=list)
    """Every call with its number, in reading order."""
    reads: list[int] = field(default_factory=list)
    """Reference nodes without a target, in reading order."""
    guard: int | None = None
    """Block id of the main guard of module level."""
    visible_work: bool = False
    """A call stands as a statement of module level, outside the guard."""
    names: set[str] = field(default_factory=set)

    def frame(self, node: int) -> Frame:
        return self.frames[self.node_frames[node]]

    def cut(self, span: Span) -> str:
        """The text of a span, from the file that it lies in."""
        return self.modules[span.path].text[span.start : span.end]

    def own(self, scope: int) -> bool:
        """The scope lies in the surveyed file."""
        return self.functions[scope].module == 0


def walk(trace: Trace, node: int) -> Sequence[int]:
    """The node and every node that its expression is made of, names not followed."""
    found: list[int] = []
    todo = [node]
    while todo:
        current = todo.pop()
        found.append(current)
        todo.extend(operands(trace.nodes[current]))
    return found


def operands(node: Node) -> tuple[int, ...]:
    """The nodes that an expression is written with; what a name leads to is not one of them."""
    if isinstance(node, (Attribute, Element, Unpacked, Entered, Awaited)):
        return (node.base,)
    if isinstance(node, Subscript):
        return (node.base,) if node.index is None else (node.base, node.index)
    if isinstance(node, Call):
        return (node.callee, *(argument.value for argument in node.arguments))
    if isinstance(node, Choice):
        tests = () if node.test is None else (node.test,)
        return (*tests, *node.parts) if node.written else ()
    if isinstance(node, Display):
        return (*node.keys, *node.elements, *node.stars)
    if isinstance(node, Comprehension):
        return (*node.sources, node.element) if node.key is None else (*node.sources, node.key, node.element)
    if isinstance(node, Joined):
        return (node.left, node.right)
    if isinstance(node, Opaque):
        return node.operands
    return ()
