"""A worklist over cells that hold sets of objects. Sets only grow, and work is done in a fixed order.

Knows the nodes of a trace by number, and library values from others. Must never know what an object means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable

from poolaudit.survey import ir
from poolaudit.survey.families import APIS
from poolaudit.survey.objects import CalledObject, ExternalObject, Object

_CROWD = 12
"""Library values that one cell keeps: a name that may be more than so many things tells nothing."""

_LIMIT = 400_000
"""Propagations after which a file is given up as unknown: more than ten times what the largest real file needed."""


class Worklist:
    """Cells, copies between them, and watchers that are told of every object that reaches a cell."""

    def __init__(self, trace: ir.Trace) -> None:
        self.trace = trace
        # a dict is a set that keeps its order: the outcome must not depend on hashes
        self._points: list[dict[Object, None]] = [{} for _ in trace.nodes]
        self._same = list(range(len(trace.nodes)))
        """Cell to the one that stands for it: a name that is read here and plainly leads to a node is that node."""
        for number, node in enumerate(trace.nodes):
            if type(node) is ir.Reference and node.target is not None:
                self._same[number] = self._same[node.target]
                self._points[number] = self._points[node.target]
        self._crowded: set[int] = set()
        """Cells with more library values than are worth following: what else they may be is unknown."""
        self._library_values: list[int] = [0] * len(trace.nodes)
        self._edges: list[list[int]] = [[] for _ in trace.nodes]
        self._edge_set: set[tuple[int, int]] = set()
        self._watchers: list[list[Callable[[Object], None]]] = [[] for _ in trace.nodes]
        self._cells: dict[Hashable, int] = {}
        self._pending: deque[tuple[int, Object]] = deque()
        self.exhausted = False

    def _cell(self, *key: Hashable) -> int:
        found = self._cells.get(key)
        if found is None:
            found = self._cells[key] = len(self._points)
            self._points.append({})
            self._same.append(found)
            self._library_values.append(0)
            self._edges.append([])
            self._watchers.append([])
        return found

    def _add(self, cell: int, value: Object) -> None:
        points = self._points[cell]
        if value in points:
            return
        kind = type(value)
        if (kind is CalledObject or kind is ExternalObject) and value.name not in APIS:  # type: ignore[union-attr]
            if self._library_values[cell] >= _CROWD:
                self._crowded.add(cell)
                return
            self._library_values[cell] += 1
        points[value] = None
        self._pending.append((cell, value))

    def _edge(self, source: int, target: int) -> None:
        source = self._same[source]
        if source != target and (source, target) not in self._edge_set:
            self._edge_set.add((source, target))
            self._edges[source].append(target)
            for value in tuple(self._points[source]):
                self._add(target, value)

    def _watch(self, cell: int, watcher: Callable[[Object], None]) -> None:
        self._watchers[self._same[cell]].append(watcher)
        for value in tuple(self._points[cell]):
            watcher(value)

    def _run(self) -> None:
        """Work until nothing changes. What only the work needs is dropped then: its closures would keep everything alive."""
        self._work()
        self._edges.clear()
        self._edge_set.clear()
        self._watchers.clear()

    def _work(self) -> None:
        work = 0
        while self._pending:
            cell, value = self._pending.popleft()
            work += 1
            if work > _LIMIT:
                self.exhausted = True
                return
            for target in self._edges[cell]:
                self._add(target, value)
            # a watcher may add watchers to the same cell: those have seen the value already
            for watcher in tuple(self._watchers[cell]):
                watcher(value)
