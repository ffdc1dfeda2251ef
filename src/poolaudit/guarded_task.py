"""Whether a task catches its own errors, so that none is left for its result to carry.

Knows the text of functions and what a `try` catches. Must never know a rule or a pool.
"""

from __future__ import annotations

import ast

from poolaudit.facts import MODULE_SCOPE, FileFacts, PoolSite, Task

_BROAD = frozenset({"Exception", "BaseException"})
_PLAIN = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Pass, ast.Global, ast.Break, ast.Continue)
"""Statements around the `try` that prepare or report: that they fail is possible, but not what the work is about."""


def catches_its_errors(task: Task | None, site: PoolSite, file: FileFacts) -> bool:
    """The task is a function of this file that does its work below a `try` with a handler for every error."""
    function = file.functions.get(task.function) if task and task.function is not None else None
    if function is None or function.is_lambda:
        return False
    try:
        # below `if 1:`, so that an indented function need not be dedented (which would change its strings)
        tree = ast.parse(f"if 1:\n{function.indent or ' '}{file.text[function.span.start : function.span.end]}")
    except SyntaxError:  # newer syntax than the running Python: nothing is known
        return False
    definition = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)
    return definition is not None and _is_guarded(definition.body) and not _needs_the_parent(definition, site, file)


def _needs_the_parent(definition: ast.FunctionDef, site: PoolSite, file: FileFacts) -> bool:
    """A handler reads a global that a function of the parent sets: the worker may not have it, and the handler itself fails."""
    in_worker = {MODULE_SCOPE, *(each.id for each in file.reachable(site.initializer.function if site.initializer else None))}
    handlers = [node for node in ast.walk(definition) if isinstance(node, ast.ExceptHandler)]
    names = {node.id for handler in handlers for node in ast.walk(handler) if isinstance(node, ast.Name)}
    return any(use.how == "assign" and use.function not in in_worker for name in names for use in file.globals.get(name, ()))


def _is_guarded(body: list[ast.stmt]) -> bool:
    """Some `try` catches every error, what stands beside it is plain or guarded as well, and nothing is called after it."""
    tries = [position for position, node in enumerate(body) if _holds(node, ast.Try)]
    return bool(tries) and all(map(_is_harmless, body)) and not any(_holds(node, ast.Call) for node in body[tries[-1] + 1 :])


def _holds(node: ast.stmt, kind: type[ast.AST]) -> bool:
    return any(isinstance(inner, kind) for inner in ast.walk(node))


def _is_harmless(node: ast.stmt) -> bool:
    if isinstance(node, ast.Try):
        return any(_catches_all(handler) for handler in node.handlers)
    if isinstance(node, ast.If | ast.For | ast.While | ast.With):
        return all(map(_is_harmless, [*node.body, *getattr(node, "orelse", ())]))
    return isinstance(node, _PLAIN)


def _catches_all(handler: ast.ExceptHandler) -> bool:
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    broad = any(name is None or (isinstance(name, ast.Name) and name.id in _BROAD) for name in names)
    return broad and not any(isinstance(inner, ast.Raise) for inner in ast.walk(handler))
