"""Who reads and changes what a pool's workers get: names of a scope, and attributes of the objects that they stand for.

Knows a solved trace and which names matter. Must never know whether a change is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Literal

from poolaudit.facts import Access
from poolaudit.survey import consumers, ir
from poolaudit.survey.values import Describer


class AccessTable:
    """Finds the uses of names, scope by scope."""

    def __init__(self, describer: Describer) -> None:
        self.describer = describer
        self.trace = describer.trace
        self._stores: dict[int, ir.Stored] = {store.base: store for store in self.trace.stores}
        self._deleted = {use.node: use for use in self.trace.uses if use.how == "delete"}

    def of(self, scope: int, names: Set[str], *, writes_only: bool = False) -> tuple[Access, ...]:
        """What the body of a scope does with the names, in evaluation order."""
        record = self.trace.functions[scope]
        outer: dict[int, int] = {}
        called: set[int] = set()
        found: list[tuple[int, str]] = []
        for number in range(record.first, record.last):
            node = self.trace.nodes[number]
            if isinstance(node, (ir.Attribute, ir.Subscript)):
                outer[node.base] = number
            elif isinstance(node, ir.Call):
                called.add(node.callee)
            elif isinstance(node, ir.Reference) and node.name in names:
                found.append((number, node.name))
        accesses = []
        for number, name in found:
            how, order, attribute = self._what(number, outer, called)
            if how != "read" or not writes_only:
                point = self.describer.point_at(order, self.trace.node_frames[number], self.describer.span(number))
                accesses.append(Access(name, attribute, how, point))
        return tuple(sorted(accesses, key=lambda access: access.point.order))

    def _what(
        self, reference: int, outer: dict[int, int], called: set[int]
    ) -> tuple[Literal["read", "assign", "mutate"], int, str]:
        """How, when, and which attribute: the first one behind the name."""
        chain = list(self._chain(reference, outer))
        attributes = [node.name for number in chain if isinstance(node := self.trace.nodes[number], ir.Attribute)]
        first = attributes[0] if attributes else ""
        last = chain[-1] if chain else reference
        store, deleted = self._stores.get(last), self._deleted.get(last)
        if store is not None:
            direct = last == reference and store.name is not None
            return "assign" if direct else "mutate", store.order, store.name or first if direct else first
        if deleted is not None and chain:
            return "mutate", deleted.order, first
        if (
            last in called
            and attributes
            and attributes[-1] in consumers.MUTATORS
            and isinstance(self.trace.nodes[last], ir.Attribute)
        ):
            return "mutate", last, first if len(attributes) > 1 else ""
        return "read", reference, first

    def _chain(self, node: int, outer: dict[int, int]) -> Iterator[int]:
        """x.a[0].b: the attributes and items behind a name, from inside out."""
        while (following := outer.get(node)) is not None:
            yield following
            node = following
