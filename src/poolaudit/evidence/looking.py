"""What a mention of a name does with the object behind it: looks at it, or may change it; and whether that is one object.

Knows Python's syntax through `ast`. What is not plainly a look may be a change. Must never know a rule, a pool or an edit.
"""

from __future__ import annotations

import ast

from poolaudit.facts import FileFacts, Span

_LOOKING_CALLS = frozenset({
    "all", "any", "bool", "dict", "enumerate", "frozenset", "iter", "len", "list", "max", "min", "print", "repr", "reversed",
    "set", "sorted", "str", "sum", "tuple", "zip",
})  # fmt: skip
_LOOKING_METHODS = frozenset({
    "copy", "count", "get", "index", "items", "keys", "max", "mean", "min", "most_common", "std", "sum", "tolist", "values",
})  # fmt: skip
_LOOKING_NODES = (
    ast.Return, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.If, ast.While, ast.IfExp, ast.Assert, ast.FormattedValue,
)  # fmt: skip
_DISPLAYS = (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Starred, ast.JoinedStr)


def looks(file: FileFacts, around: Span, indent: str, name: Span, *, attribute: bool = False) -> bool:
    """The mention at `name`, in the statement or function `around`, only looks at the object.

    `attribute`: what counts is the object's first attribute, not the object itself.
    """
    text = file.cut(around)
    offset = name.start - around.start
    tree = _parsed(text, indent)
    if tree is None:
        return False
    line_start = text.rfind("\n", 0, offset) + 1
    margin = len(indent) if line_start == 0 else 0
    place = (text.count("\n", 0, offset) + 2, margin + len(text[line_start:offset].encode()))
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    nodes = (node for node in parents if isinstance(node, ast.Name) and (node.lineno, node.col_offset) == place)
    found: ast.expr | None = next(nodes, None)
    if found is not None and attribute:
        outer = parents[found]
        found = outer if isinstance(outer, ast.Attribute) else None
    return found is not None and _is_look(found, parents)


def rebound(file: FileFacts, scope: int, name: str) -> bool:
    """A scope binds the name more than once: what it stands for may change."""
    function = file.functions.get(scope)
    tree = _parsed(file.cut(function.span), function.indent) if function is not None else _parsed(file.text, "")
    stores = (node for node in ast.walk(tree) if isinstance(node, ast.Name)) if tree is not None else ()
    return tree is None or sum(node.id == name and not isinstance(node.ctx, ast.Load) for node in stores) > 1


def _parsed(text: str, indent: str) -> ast.Module | None:
    """From line 2 on, below `if 1:` where it is indented; None for what the running Python does not parse."""
    try:
        return ast.parse(f"if 1:\n{indent}{text}" if indent else f"\n{text}")
    except SyntaxError:
        return None


def _is_look(node: ast.expr, parents: dict[ast.AST, ast.AST]) -> bool:
    parent = parents[node]
    inner: ast.AST = node
    while isinstance(parent, _DISPLAYS):
        inner, parent = parent, parents[parent]
    match parent:
        case ast.Subscript(value=value, ctx=ast.Load()):
            return value is inner
        case ast.Attribute(attr=method):
            return method in _LOOKING_METHODS and isinstance(parents[parent], ast.Call)
        case ast.Call(func=ast.Name(id=function)):
            return function in _LOOKING_CALLS and parent.func is not inner
        case ast.For(iter=iterable) | ast.comprehension(iter=iterable):
            return iterable is inner
        case ast.keyword(arg=None):
            return True
    return isinstance(parent, _LOOKING_NODES)
