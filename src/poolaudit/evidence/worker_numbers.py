"""How large a number of workers can become, and how small, as far as its expression tells.

Knows literals, min, max, arithmetic and the functions that count CPUs. Must never know a rule or a pool.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from poolaudit.evidence.expressions import parse
from poolaudit.facts import FileFacts, Value

_CPU_COUNTS = frozenset({
    "os.cpu_count", "os.process_cpu_count", "multiprocessing.cpu_count", "multiprocessing.context.cpu_count", "psutil.cpu_count",
})  # fmt: skip


def most(value: Value, file: FileFacts) -> int | None:
    """The number itself, or the literal bound of min(64, n); None where nothing bounds it."""
    if value.kind == "const":
        return value.const if type(value.const) is int else None
    node = _node(value, file)
    return _most(node) if node is not None else None


def least_on_one_cpu(value: Value, file: FileFacts) -> int | None:
    """What the expression gives on a machine with one CPU; None where it depends on anything else."""
    if value.kind == "const":
        return value.const if type(value.const) is int else None
    node = _node(value, file)
    return _on_one_cpu(node, {name.name: name.api for name in file.imports}) if node is not None else None


def _node(value: Value, file: FileFacts) -> ast.expr | None:
    """The expression that makes the number, here or where a name leads to."""
    return parse(value.text if value.origin is None else file.cut(value.origin))


def _most(node: ast.expr) -> int | None:
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "min" and not node.keywords:
        return min(_numbers(map(_most, node.args)), default=None)
    return None


def _numbers(values: Iterable[int | None]) -> list[int]:
    return [value for value in values if value is not None]


def _on_one_cpu(node: ast.expr, imports: dict[str, str]) -> int | None:
    """0 // 2 and 1 // 2 are 0, 1 - 1 is 0; what is not plain is None."""
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Call(func=function, args=[]) if _api(function, imports) in _CPU_COUNTS:
            return 1
        case ast.Call(func=ast.Name(id="int"), args=[inner]):
            return _on_one_cpu(inner, imports)
        case ast.Call(func=ast.Name(id="max" | "min" as name), args=arguments):
            numbers = [_on_one_cpu(argument, imports) for argument in arguments]
            known = _numbers(numbers)
            if len(known) < len(numbers):
                return None
            return max(known) if name == "max" else min(known)
        case ast.BoolOp(op=ast.Or(), values=[first, second]):
            taken = _on_one_cpu(first, imports)
            return _on_one_cpu(second, imports) if taken == 0 else taken
        case ast.BinOp(left=left, op=operator, right=right):
            return _computed(_on_one_cpu(left, imports), operator, _on_one_cpu(right, imports))
    return None


def _computed(left: int | None, operator: ast.operator, right: int | None) -> int | None:
    if left is None or right is None:
        return None
    match operator:
        case ast.Sub():
            return left - right
        case ast.FloorDiv() if right > 0:
            return left // right
        case ast.Add():
            return left + right
        case ast.Mult():
            return left * right
    return None


def _api(function: ast.expr, imports: dict[str, str]) -> str:
    """The canonical name of what is called, by the file's imports."""
    if isinstance(function, ast.Name):
        return imports.get(function.id, "")
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return f"{imports.get(function.value.id, function.value.id)}.{function.attr}"
    return ""
