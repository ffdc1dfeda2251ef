"""Whether a task catches its own errors, so that none is left for its result to carry.

Knows the text of functions and what a `try` catches. Must never know a rule or a pool.
"""

from __future__ import annotations

import ast

from poolaudit.facts import FileFacts, Task

_BROAD = frozenset({"Exception", "BaseException"})


def catches_its_errors(task: Task | None, file: FileFacts) -> bool:
    """The task is a function of this file whose body is one `try` with a handler for every error, and little else."""
    function = file.functions.get(task.function) if task and task.function is not None else None
    if function is None or function.is_lambda:
        return False
    try:
        # below `if 1:`, so that an indented function need not be dedented (which would change its strings)
        tree = ast.parse(f"if 1:\n{function.indent or ' '}{file.cut(function.span)}")
    except SyntaxError:  # newer syntax than the running Python: nothing is known
        return False
    definition = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)
    return definition is not None and _is_guarded(definition.body)


def _is_guarded(body: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Try) for node in body) and all(_cannot_raise(node) for node in body)


def _cannot_raise(node: ast.stmt) -> bool:
    if isinstance(node, ast.Try):
        return not node.orelse and any(_catches_all(handler) for handler in node.handlers)
    risky = (ast.Call, ast.Raise, ast.Subscript, ast.BinOp, ast.Import, ast.ImportFrom, ast.Assert, ast.Await)
    simple = isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.Return | ast.Pass | ast.Global)
    return simple and not any(isinstance(inner, risky) for inner in ast.walk(node))


def _catches_all(handler: ast.ExceptHandler) -> bool:
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    broad = any(name is None or (isinstance(name, ast.Name) and name.id in _BROAD) for name in names)
    return broad and not any(isinstance(inner, ast.Raise) for inner in ast.walk(handler))
