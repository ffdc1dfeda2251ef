"""Functions that do nothing but compute a little: what is sent to a worker costs far more than running them.

Knows Python's syntax through `ast`, and facts. Must never know a rule, an edit or what the answer is used for.
"""

from __future__ import annotations

import ast

from poolaudit.facts import FileFacts, Function

_PLAIN = (
    ast.Return, ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.If, ast.Pass, ast.IfExp, ast.BinOp, ast.UnaryOp,
    ast.BoolOp, ast.Compare, ast.Constant, ast.Name, ast.Tuple, ast.Call, ast.JoinedStr, ast.FormattedValue,
    ast.expr_context, ast.boolop, ast.unaryop, ast.cmpop, ast.operator,
)  # fmt: skip
"""Syntax that takes no longer than it is written. No loop, comprehension or await, no attribute or item of an unknown object."""

_CHEAP = frozenset(
    [f"builtins.{name}" for name in ("abs", "bool", "divmod", "float", "int", "len", "max", "min", "round", "str")]
    + [
        f"math.{name}"
        for name in ("ceil", "cos", "exp", "fabs", "floor", "hypot", "isqrt", "log", "log2", "log10", "sin", "sqrt", "tan")
    ]
)


def is_brief(function: Function, file: FileFacts) -> bool:
    """Given numbers, a function of module level computes well below 0.1 ms: straight-line arithmetic on them and on constants."""
    if function.indent or function.nested or function.decorators or function.is_async or function.is_lambda:
        return False
    try:
        definition = ast.parse(file.cut(function.span)).body[0]
    except SyntaxError:
        return False
    nodes = [node for statement in getattr(definition, "body", ()) for node in ast.walk(statement)]
    callees = [node.func for node in nodes if isinstance(node, ast.Call)]
    within = {id(node) for callee in callees for node in ast.walk(callee)}
    imported = {each.name: each.api for each in file.imports}
    return (
        all(id(node) in within or (isinstance(node, _PLAIN) and not _grows(node)) for node in nodes)
        and all(_api(callee, imported, function, file) in _CHEAP for callee in callees)
        and all(use.name in imported or _is_number(use.name, file) for use in function.globals)
    )


def _grows(node: ast.AST) -> bool:
    """x ** y and x << y may be as large as they like; x ** 2 is not."""
    if not isinstance(node, (ast.BinOp, ast.AugAssign)) or not isinstance(node.op, (ast.Pow, ast.LShift)):
        return False
    right = node.right if isinstance(node, ast.BinOp) else node.value
    return not (isinstance(right, ast.Constant) and isinstance(right.value, (int, float)) and right.value <= 10)


def _api(callee: ast.expr, imported: dict[str, str], function: Function, file: FileFacts) -> str:
    """The canonical name of what is called, '' when that is not an imported or builtin function."""
    if isinstance(callee, ast.Attribute) and isinstance(callee.value, ast.Name):
        return f"{imported.get(callee.value.id, '')}.{callee.attr}"
    if not isinstance(callee, ast.Name) or callee.id in function.parameters.names or callee.id in file.globals:
        return ""
    return imported.get(callee.id, f"builtins.{callee.id}")


def _is_number(name: str, file: FileFacts) -> bool:
    bindings = file.globals.get(name, ())
    return bool(bindings) and all(use.value is not None and isinstance(use.value.const, (int, float)) for use in bindings)
