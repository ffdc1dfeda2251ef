"""Where the import of a new class goes that takes the place of an old one: into the same function, or the same `try`.

What is imported late, or may be missing, was imported so on purpose. Knows import statements and the edits of a plan.
Must never know a fact or an operation.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from poolaudit.edits import Edit, ImportRequest
from poolaudit.facts import Span
from poolaudit.migrate.surroundings import Surroundings

Import: TypeAlias = "ast.Import | ast.ImportFrom"
ROOTS = ("multiprocessing", "concurrent")


class Home(Struct, frozen=True):
    """The statement beside which, or in whose place, new imports stand, and what they import."""

    statement: Import
    taken: tuple[ImportRequest, ...]
    """Requests that are met here."""
    requests: tuple[ImportRequest, ...]
    """Those of them that nothing beside the statement meets already."""

    @property
    def lines(self) -> tuple[str, ...]:
        """One line for each module."""
        names: dict[str, list[str]] = defaultdict(list)
        for request in sorted(set(self.requests)):
            names[request.module].append(request.name)
        modules = [f"import {module}" for module, found in names.items() if "" in found]
        return *modules, *(f"from {module} import {', '.join(filter(None, each))}" for module, each in names.items() if any(each))


def home(code: Surroundings, callee: Span, edits: Sequence[Edit], requests: Sequence[ImportRequest]) -> Home | None:
    """The home of those requests that only the code behind a late import needs; None where there is no such import."""
    call = next((each for each in code.calls_in(Span(callee.start, len(code.text))) if code.span(each.func) == callee), None)
    statement = _served_by(code, call) if call is not None else None
    if statement is None or not _has_its_line(code, statement):
        return None
    near = tuple(each for each in requests if each.module.partition(".")[0] in ROOTS and _is_near(code, statement, each, edits))
    known = {request for each in code.block(statement) for request in _requests(each)}
    return Home(statement, near, tuple(each for each in near if each not in known)) if near else None


def is_of_pools(statement: Import) -> bool:
    """All that it imports is of the modules that pools come from."""
    if isinstance(statement, ast.ImportFrom):
        return not statement.level and (statement.module or "").partition(".")[0] in ROOTS
    return all(alias.name.partition(".")[0] in ROOTS for alias in statement.names)


def local_name(alias: ast.alias) -> str:
    """The name that an import binds."""
    return alias.asname or alias.name.partition(".")[0]


def _served_by(code: Surroundings, call: ast.Call) -> Import | None:
    """The import that the callee's name comes from, or of a context's method any one, where it is in a function or in a `try`."""
    imports = [each for each in ast.walk(code.tree) if isinstance(each, (ast.Import, ast.ImportFrom)) and is_of_pools(each)]
    root = call.func
    while isinstance(root, (ast.Attribute, ast.Call)):
        root = root.value if isinstance(root, ast.Attribute) else root.func
    named = [each for each in imports if isinstance(root, ast.Name) and root.id in map(local_name, each.names)]
    around = [code.tree, *code.parents(call)]
    reaching = [each for each in named or imports if code.scope(each) in around]
    plain = any(each in code.tree.body for each in reaching)
    late = [each for each in reaching if code.scope(each) is not code.tree or _is_tried(code, each)]
    before = [each for each in late if code.scope(each) is code.tree or code.span(each).end < code.span(call).start]
    if named:
        return before[0] if len(reaching) == 1 and before else None
    return before[-1] if before and not plain else None


def _is_tried(code: Surroundings, statement: Import) -> bool:
    """It stands in a `try` at the top of the file."""
    above = next(iter(code.parents(statement)), None)
    return isinstance(above, ast.Try) and above in code.tree.body and statement in above.body


def _has_its_line(code: Surroundings, statement: Import) -> bool:
    span, text = code.span(statement), code.text
    behind = text[span.end :].partition("\n")[0].strip()
    return not text[text.rfind("\n", 0, span.start) + 1 : span.start].strip() and (not behind or behind.startswith("#"))


def _is_near(code: Surroundings, statement: Import, request: ImportRequest, edits: Sequence[Edit]) -> bool:
    """Every edit that writes the name stands where the statement has been run."""
    name = request.name or request.module.partition(".")[0]
    scope, start = code.scope(statement), code.span(statement).end
    written = [edit for edit in edits if re.search(rf"(?<![\w.]){re.escape(name)}\b", edit.replacement)]
    if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return all(start < edit.start < code.span(scope).end for edit in written)
    return all(start < edit.start for edit in written)


def _requests(statement: ast.stmt) -> Iterator[ImportRequest]:
    """What a statement imports, where it imports something under its own name."""
    match statement:
        case ast.Import(names=aliases):
            yield from (ImportRequest(alias.name) for alias in aliases if not alias.asname)
        case ast.ImportFrom(module=str(module), names=aliases, level=0):
            yield from (ImportRequest(module, alias.name) for alias in aliases if not alias.asname)
