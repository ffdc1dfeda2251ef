"""'I need name X of module Y': how to spell it in this file, and the edit that brings it into reach.

Knows import statements, read by `ast` from the file's text. Must never know a rule, libcst or a file on disk.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from poolaudit import syntax
from poolaudit.edits import Edit, ImportRequest, insert
from poolaudit.facts import FileFacts
from poolaudit.source import NEWLINE

OTHER = ""
"""The origin of a name that is no import: an assignment, a definition, a parameter, a builtin."""


class Spelling(Struct, frozen=True):
    """How to write a name here. `requests` go into Fix.imports; empty when an import that stands already reaches it."""

    text: str
    requests: tuple[ImportRequest, ...] = ()


class Refusal(Struct, frozen=True):
    """Why a name cannot be brought into reach. shadowed: it means something else here. no-place: Python cannot parse the file."""

    reason: Literal["shadowed", "no-place"]
    message: str


def spell(file: FileFacts, module: str, name: str = "") -> Spelling | Refusal:
    """How code of this file writes `name` of `module` (or the module itself), preferring imports that stand already.

    spell(file, "concurrent.futures", "TimeoutError") may give 'concurrent.futures.TimeoutError' where `import concurrent.futures`
    stands, 'futures.TimeoutError' after `from concurrent import futures`, else 'TimeoutError' with a request, or a Refusal
    when that name means something else in the file.
    """
    names = _names(file.text)
    if names is None:
        return _NO_PLACE
    if (reached := names.reach(module, name)) is not None:
        return Spelling(reached)
    for request in dict.fromkeys((ImportRequest(module, name), ImportRequest(module))):
        if names.is_free(request):
            return Spelling(name if request.name else f"{module}.{name}" if name else module, (request,))
    return _shadowed(ImportRequest(module, name))


def place(file: FileFacts, requests: Iterable[ImportRequest]) -> tuple[Edit, ...] | Refusal:
    """The edits that satisfy all requests at once: none for those that are in reach already, one insertion for the rest.

    A name is added to an import of its module that stands on top of the file; what is left becomes new lines after those imports.
    """
    names = _names(file.text)
    if names is None:
        return _NO_PLACE
    added: dict[str, list[str]] = defaultdict(list)
    bound: dict[str, str] = {}
    for request in sorted(set(requests)):
        if names.has(request):
            continue
        # two requests may want one name for different things
        if not names.is_free(request) or bound.setdefault(_local(request), _origin(request)) != _origin(request):
            return _shadowed(request)
        added[request.module].append(request.name)
    edits = []
    lines = []
    for module, wanted in added.items():
        if "" in wanted:
            lines.append(f"import {module}")
        if new := ", ".join(name for name in wanted if name):
            if module in names.extensible:
                edits.append(insert(names.extensible[module], f", {new}"))
            else:
                lines.append(f"from {module} import {new}")
    if lines:
        lines.sort(key=lambda line: line.startswith("from"))
        edits.append(_new_lines(file.text, names, lines))
    return tuple(sorted(edits))


_NO_PLACE = Refusal("no-place", "the running Python cannot parse this file, so no import can be added to it")


def _local(request: ImportRequest) -> str:
    """The name that the import binds."""
    return request.name or request.module.partition(".")[0]


def _origin(request: ImportRequest) -> str:
    """What the import binds it to."""
    return f"{request.module}.{request.name}" if request.name else _local(request)


def _shadowed(request: ImportRequest) -> Refusal:
    return Refusal("shadowed", f"`{_local(request)}` already means something else in this file")


def _new_lines(text: str, names: _Names, lines: list[str]) -> Edit:
    newline = next((match[0] for match in NEWLINE.finditer(text)), "\n")
    block = newline.join(lines)
    ends_open = names.place > 0 and text[names.place - 1] not in "\r\n"
    if names.after_docstring:
        block = newline + block
    if ends_open:
        # the file ends without a newline, and goes on doing so
        return insert(names.place, newline + block)
    if names.is_first and text[names.place : names.place + 1] not in ("", "\r", "\n"):
        block += newline
    return insert(names.place, block + newline)


class _Names(Struct, frozen=True):
    """What the names of one file mean, as far as imports go."""

    origins: dict[str, frozenset[str]]
    """Name -> what binds it anywhere in the file: canonical names of imports ('concurrent' for `import concurrent.futures`)."""
    top: dict[str, str]
    """Name -> canonical name, bound by an import at module level that always runs."""
    modules: frozenset[str]
    """Dotted modules that `import a.b` statements at module level load."""
    extensible: dict[str, int]
    """Module -> where a name can be added to a `from module import ..` on top of the file."""
    place: int
    """Where new import lines go."""
    is_first: bool
    """No import stands before `place`."""
    after_docstring: bool
    """`place` follows the module's docstring."""

    def reach(self, module: str, name: str) -> str | None:
        """The expression that reaches it by imports that stand at module level."""
        wanted = f"{module}.{name}" if name else module
        candidates = [local for local, origin in self.top.items() if origin == wanted]
        if name:
            candidates += [f"{local}.{name}" for local, origin in self.top.items() if origin == module]
        if module in self.modules:
            candidates.append(wanted)
        return next((each for each in candidates if self._is_import_only(each.partition(".")[0])), None)

    def _is_import_only(self, local: str) -> bool:
        return self.origins[local] == {self.top[local]}

    def has(self, request: ImportRequest) -> bool:
        """The name is in reach, spelled as the request says."""
        there = self.top.get(request.name) == _origin(request) if request.name else request.module in self.modules
        return there and self._is_import_only(_local(request))

    def is_free(self, request: ImportRequest) -> bool:
        """Binding the name at module level changes the meaning of nothing."""
        return self.origins.get(_local(request), frozenset()) <= {_origin(request)}


@lru_cache(maxsize=4)
def _names(text: str) -> _Names | None:
    try:
        tree = syntax.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    origins: dict[str, set[str]] = defaultdict(set)
    loaded = set()
    for node in syntax.nodes(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            loaded.add(node.id)
        elif not isinstance(node, (ast.Attribute, ast.Call, ast.Constant)):
            for name, origin in _bindings(node):
                origins[name].add(origin)
    for name in loaded - origins.keys():
        # a builtin, or a name of a star import
        origins[name].add(OTHER)
    imports = [statement for statement in tree.body if isinstance(statement, (ast.Import, ast.ImportFrom))]
    top = {name: origin for statement in imports for name, origin in _bindings(statement)}
    modules = {module for each in imports if isinstance(each, ast.Import) for module in _loaded_modules(each)}
    header = _header(tree)
    places = syntax.Places(text)
    extensible = {
        each.module: places.span(each.names[-1]).end
        for each in header
        if isinstance(each, ast.ImportFrom)
        and not each.level
        and each.module not in (None, "__future__")
        and each.names[0].name != "*"
    }
    place = _place(text, tree, header, places)
    return _Names(
        {name: frozenset(found) for name, found in origins.items()},
        top,
        frozenset(modules),
        {module: end for module, end in extensible.items() if module is not None},
        place,
        is_first=not any(places.span(each).start < place for each in header),
        after_docstring=not header and _has_docstring(tree),
    )


def _bindings(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that a node binds in its scope, with their origins."""
    match node:
        case ast.Import(names=aliases):
            for alias in aliases:
                root = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (root, root)
        case ast.ImportFrom(module=module, level=level, names=aliases):
            for alias in aliases:
                origin = f"{module}.{alias.name}" if not level else OTHER
                yield alias.asname or alias.name, origin
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name, OTHER
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
            yield name, OTHER
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name, OTHER
        case ast.MatchMapping(rest=str(name)):
            yield name, OTHER
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            for name in names:
                yield name, OTHER
        case _ if type(node).__name__ in ("TypeVar", "ParamSpec", "TypeVarTuple"):
            # parameters of generics, from Python 3.12 on
            yield getattr(node, "name"), OTHER  # noqa: B009 - typeshed for 3.10 does not know the nodes


def _loaded_modules(statement: ast.Import) -> Iterator[str]:
    for alias in statement.names:
        if not alias.asname:
            parts = alias.name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _header(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """The first run of import statements at module level, before any definition."""
    header: list[ast.Import | ast.ImportFrom] = []
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            header.append(statement)
        elif header or isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            break
    return header


def _place(text: str, tree: ast.Module, header: list[ast.Import | ast.ImportFrom], places: syntax.Places) -> int:
    """The start of the line after the header, or after the docstring, or before the first statement."""
    if header:
        before = [each for each in header if _is_of_the_library(each)] or [each for each in header if _is_future(each)]
        if not before and not all(_is_alone(each, tree) for each in header[:1]):
            before = header
        if not before:
            return places.span(header[0]).start
        last = places.span(before[-1]).end
        # `import os; x = 1`: nothing may come between statements of one line
        same_line = [places.span(each).end for each in tree.body if each.lineno == before[-1].end_lineno]
        return _next_line(text, max([last, *same_line]))
    if _has_docstring(tree):
        return _next_line(text, places.span(tree.body[0]).end)
    if tree.body:
        return places.span(tree.body[0]).start
    return len(text)


def _is_of_the_library(statement: ast.Import | ast.ImportFrom) -> bool:
    """All of it is the standard library's."""
    names = [statement.module or ""] if isinstance(statement, ast.ImportFrom) else [alias.name for alias in statement.names]
    level = statement.level if isinstance(statement, ast.ImportFrom) else 0
    return not level and not _is_future(statement) and all(name.partition(".")[0] in sys.stdlib_module_names for name in names)


def _is_future(statement: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _is_alone(statement: ast.stmt, tree: ast.Module) -> bool:
    return not any(each is not statement and each.lineno <= statement.lineno <= (each.end_lineno or 0) for each in tree.body)


def _has_docstring(tree: ast.Module) -> bool:
    return ast.get_docstring(tree, clean=False) is not None


def _next_line(text: str, offset: int) -> int:
    match = NEWLINE.search(text, offset)
    return match.end() if match else len(text)
