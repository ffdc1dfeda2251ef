"""Other files of the project: where a module lies, and which modules a file's facts need.

Looks things up on disk, read-only, by the project's own layout; nothing is imported or run, each file is parsed at most once.
What cannot be found stays unknown. Knows module names and paths. Must never know a rule.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

from msgspec import Struct, field

from poolaudit.layout import Layout
from poolaudit.source import Unreadable, decode
from poolaudit.survey import Unparsable, ir
from poolaudit.survey.objects import (
    CalledObject,
    ContainerObject,
    ExternalObject,
    FunctionObject,
    HandleObject,
    Object,
    PartialObject,
    SiteObject,
)
from poolaudit.survey.read_text import parse, parse_places
from poolaudit.survey.solve import Solution
from poolaudit.survey.tasks import task_argument

if TYPE_CHECKING:
    import libcst as cst

ROUNDS = 4
"""How often newly read modules may name further ones: worker, what it imports, re-exports on the way."""

MODULES = 12
"""How many other modules one file may draw in."""

WORKER_ROUNDS = 2
"""Rounds in which what workers call is followed: the worker's own module, and those that it calls into."""

_NEVER = sys.stdlib_module_names | {"builtins", ""}

_LARGEST = 400_000
"""Characters of a module beyond which it is not drawn in: generated tables, not workers."""

_POOL_METHODS = frozenset(
    {
        "map",
        "imap",
        "imap_unordered",
        "starmap",
        "apply",
        "apply_async",
        "map_async",
        "starmap_async",
        "submit",
        "run_in_executor",
    }
)


_KEPT = 48
"""Parsed modules that are kept for the next files: a tree of syntax takes megabytes."""


class _Unknown:
    """Not looked for yet; None is a module that cannot be read."""


_UNKNOWN = _Unknown()


class Module(Struct, frozen=True):
    """A module found on disk and parsed."""

    name: str
    path: str
    text: str
    module: cst.Module
    tree: ast.Module | None


class Project(Struct):
    """Finds and parses modules. One object serves a whole run and remembers what it has parsed last."""

    layout: Layout
    _parsed: dict[str, Module | None] = field(default_factory=dict)

    def module_name(self, path: str) -> str:
        """The dotted name of a file by the packages around it."""
        return self.layout.module_name(path)

    def find(self, name: str, importer: str) -> Module | None:
        """The module that holds `name` ('pkg.work.enrich'), looked for from the file that imports it."""
        found = self.layout.locate(name, importer)
        if found is None:
            return None
        path, module = found
        known = self._parsed.pop(path, _UNKNOWN)
        if isinstance(known, _Unknown):
            parsed = self._parse(path, module)
        else:
            parsed = known
            self.layout.disk.note_content(path)
        # the most recent one last: files near each other import the same few modules
        self._parsed[path] = parsed
        if len(self._parsed) > _KEPT:
            del self._parsed[next(iter(self._parsed))]
        return parsed

    def start_method(self, path: str) -> str | None:
        """What the programs that start with this file's package name in set_start_method(..); 'unknown' when they differ."""
        top = self.module_name(path).partition(".")[0]
        entries = self.layout.entries(path, "set_start_method")
        methods = {method for entry in entries for method in self._set_in(entry, top)}
        return None if not methods else methods.pop() if len(methods) == 1 else "unknown"

    def _set_in(self, entry: str, top: str) -> Iterator[str]:
        try:
            tree = parse_places(self._read(entry))
        except Unreadable:
            # reported when it is scanned itself
            return
        if tree is None or not (os.path.basename(entry) == "__main__.py" or _imports(tree, top)):
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and _last_name(node.func) == "set_start_method":
                method = node.args[0]
                yield method.value if isinstance(method, ast.Constant) and isinstance(method.value, str) else "unknown"

    def _read(self, path: str) -> str:
        return decode(self.layout.disk.read(path), path, path).text

    def _parse(self, path: str, name: str) -> Module | None:
        try:
            text = self._read(path)
            # ast refuses the nesting at which libcst's parser would overflow the stack, so it goes first
            tree = None if len(text) > _LARGEST else parse_places(text)
            return None if tree is None else Module(name, path, text, parse(text), tree)
        except (Unreadable, Unparsable, RecursionError):
            # such a file is reported when it is scanned itself; here it is unknown
            return None


def _imports(tree: ast.Module, top: str) -> bool:
    """Some import names the package (or module) `top`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name.partition(".")[0] == top for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] == top:
            return True
    return False


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def wanted(solution: Solution, *, workers: bool) -> set[str]:
    """Names of other modules that the facts of the surveyed file depend on. `workers`: also what workers call and raise.

    Five needs: a task and what it runs, a callee that is given a pool or a handle, a constructor or factory behind a pool-like
    call, a base class, an exception class that a worker raises.
    """
    trace = solution.trace
    names: set[str] = set()
    for number, node in trace.calls:
        names.update(_factories(solution, node))
        if number in solution.operations:
            names.update(_tasks(solution, node, solution.operations[number]))
        elif _gives_away(solution, node):
            names.update(p.name for p in solution.points(node.callee) if isinstance(p, ExternalObject))
    names.update(_bases(solution))
    if workers:
        names.update(_reached(solution))
    if solution.site_apis:
        # a star import hides where a name comes from
        names.update(f"{star}.*" for function in trace.functions if function.is_module for star in function.stars)
    # the standard library's modules are known or unknown by name: their source says nothing of the project
    return {name.partition("()")[0] for name in names if name.partition(".")[0] not in _NEVER}


def _factories(solution: Solution, node: ir.Call) -> Iterator[str]:
    callee = solution.trace.nodes[node.callee]
    if isinstance(callee, ir.Attribute) and callee.name in _POOL_METHODS:
        receiver = callee.base
        if callee.name == "run_in_executor" and node.arguments:
            receiver = node.arguments[0].value
        for point in solution.points(receiver):
            if isinstance(point, (CalledObject, ExternalObject)):
                yield point.name


def _tasks(solution: Solution, node: ir.Call, sites: dict[int, str]) -> Iterator[str]:
    task = task_argument(node, next(iter(sites.values())))
    if task is not None:
        yield from _external_names(solution, solution.points(task))


def _external_names(solution: Solution, points: Set[Object]) -> Iterator[str]:
    for point in points:
        if isinstance(point, (ExternalObject, CalledObject)):
            yield point.name
        elif isinstance(point, PartialObject):
            made = solution.trace.nodes[point.call]
            if isinstance(made, ir.Call) and made.arguments:
                yield from _external_names(solution, solution.points(made.arguments[0].value) - points)


def _gives_away(solution: Solution, node: ir.Call) -> bool:
    """An argument is a pool, a handle or a container of such."""
    return any(_tracked(solution, point) for argument in node.arguments for point in solution.points(argument.value))


def _tracked(solution: Solution, point: Object) -> bool:
    if isinstance(point, ContainerObject):
        inner = solution.cell_points("element", point.key)
        return any(isinstance(p, (SiteObject, HandleObject)) for p in inner)
    return isinstance(point, (SiteObject, HandleObject))


def _bases(solution: Solution) -> Iterator[str]:
    """Base classes of classes that hold or use a pool."""
    users = {
        solution.trace.functions[solution.trace.frame(call).scope].class_id
        for call in (*solution.operations, *solution.site_apis)
    }
    for _, node in solution.trace.calls:
        # self.pool.map(..) where nothing here stores self.pool
        callee = solution.trace.nodes[node.callee]
        if isinstance(callee, ir.Attribute) and callee.name in _POOL_METHODS and not solution.points(callee.base):
            users.add(solution.trace.functions[solution.trace.frame(node.callee).scope].class_id)
    for cls in users - {None}:
        assert cls is not None
        yield from solution.external_bases(cls)


def _reached(solution: Solution) -> Iterator[str]:
    """What the functions that workers run call or raise, within what has been read."""
    todo: list[int] = []
    for call, sites in solution.operations.items():
        node = solution.trace.nodes[call]
        task = task_argument(node, next(iter(sites.values()))) if isinstance(node, ir.Call) else None
        if task is not None:
            todo.extend(_functions(solution, solution.points(task)))
    seen: set[int] = set()
    while todo:
        function = todo.pop()
        if function in seen:
            continue
        seen.add(function)
        record = solution.trace.functions[function]
        for number in range(record.first, record.last):
            node = solution.trace.nodes[number]
            if isinstance(node, ir.Call):
                points = solution.points(node.callee)
                yield from (p.name for p in points if isinstance(p, ExternalObject))
                todo.extend(_functions(solution, points))


def _functions(solution: Solution, points: Set[Object]) -> Iterator[int]:
    for point in points:
        if isinstance(point, FunctionObject):
            yield point.function
        elif isinstance(point, PartialObject):
            made = solution.trace.nodes[point.call]
            if isinstance(made, ir.Call) and made.arguments:
                yield from _functions(solution, solution.points(made.arguments[0].value) - points)
