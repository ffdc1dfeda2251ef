"""Names while reading: what each is bound to at this point of a scope.

Knows flow within one scope: branches fork and merge, loops carry names round. Must never know what a value is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable


class Environment:
    """Names bound so far on this path, over those of the path it forked from."""

    __slots__ = ("carried", "ended", "exits", "is_comprehension", "is_loop", "names", "parent")

    def __init__(self, parent: Environment | None, *, is_loop: bool = False, is_comprehension: bool = False) -> None:
        self.parent = parent
        self.names: dict[str, int] = {}
        self.is_loop = is_loop
        self.is_comprehension = is_comprehension
        self.carried: dict[str, int] = {}
        """In a loop: names read before the body bound them, each a choice of the value before and those of earlier rounds."""
        self.exits: list[dict[str, int]] = []
        """In a loop: what was bound at each break and continue."""
        self.ended = False
        """return, raise, break or continue was met: nothing after it runs on this path."""

    def get(self, name: str, choice: Callable[[Iterable[int]], int]) -> int | None:
        """The node that `name` leads to, or None when this scope has not bound it yet."""
        found = self.names.get(name)
        if found is not None:
            return found
        if self.parent is None:
            return None
        found = self.parent.get(name, choice)
        if found is not None and self.is_loop:
            found = self.carried[name] = self.names[name] = choice((found,))
        return found

    def bind(self, name: str, node: int) -> None:
        """Bind in the nearest environment that is no comprehension."""
        target = self
        while target.is_comprehension and target.parent is not None:
            target = target.parent
        target.names[name] = node

    def flattened(self, stop: Environment) -> dict[str, int]:
        """Names bound from `stop` (included) down to here."""
        names = {} if self is stop or self.parent is None else self.parent.flattened(stop)
        names.update(self.names)
        return names

    def merge(self, arms: Iterable[Environment], choice: Callable[[Iterable[int]], int]) -> None:
        """Continue after a branch: each name is what one of the arms that did not end says, or what it was."""
        all_arms = list(arms)
        live = [arm for arm in all_arms if not arm.ended]
        if not live:
            self.ended = True
            # what follows is dead or a finally: it may see any of them
            live = all_arms
        for name in sorted({name for arm in live for name in arm.names}):
            before = self.get(name, choice)
            parts = [node for arm in live if (node := arm.names.get(name, before)) is not None]
            self.names[name] = parts[0] if len(set(parts)) == 1 else choice(dict.fromkeys(parts))
