"""One pool on its way to the other API: what every mapped operation may ask.

Knows the pool, its file, the supported Pythons and the text around an expression. Must never know a mapped operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from msgspec import Struct

from poolaudit.facts import FileFacts, Function, Handler, Operation, Point, PoolSite, Span, Task, Value
from poolaudit.imports import Refusal, spell
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.plan import Piece
from poolaudit.migrate.surroundings import Surroundings
from poolaudit.settings import Settings


class Move(Struct, frozen=True, dict=True):
    """What is moved, and what is around it."""

    site: PoolSite
    file: FileFacts
    settings: Settings
    code: Surroundings

    @property
    def is_thread(self) -> bool:
        return self.site.workers == "thread"

    @property
    def name(self) -> str:
        """What the pool is called, for messages."""
        return self.site.name or "the pool"

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        return tuple(operation.task for operation in self.site.operations if operation.task is not None)

    @cached_property
    def worker_code(self) -> tuple[Function, ...]:
        """Functions that the workers are seen to run, of this file and of others."""
        return self.file.reachable(*(task.function for task in self.tasks))

    def is_given(self, value: Value) -> bool:
        """What the value is depends on callers, of this file or of another: a parameter, or an attribute of who knows what."""
        names = {name.partition(".")[0] for name in value.names} or {value.text.partition(".")[0]}
        attribute = not value.literal and "." in value.text
        return attribute or bool(names & self.code.parameters_around(value.span))

    def is_as_written(self, value: Value) -> bool:
        """It still is what is written: a list, dict or set under a name may have grown since."""
        if value.kind == "comprehension" or (value.kind == "call" and value.api != "builtins.range"):
            return False  # what it reads may have grown
        fixed = value.kind == "tuple" or value.api == "builtins.range" or self.is_read_once(value)
        return value.literal or (not self.is_given(value) and fixed)

    def is_read_once(self, value: Value) -> bool:
        """A local name of what is written elsewhere in its function, and nothing else speaks of it: nobody has changed it."""
        return value.origin is not None and not value.origin.path and self.code.is_read_once(value.span, value.origin)

    def spelled(self, module: str, name: str, where: Span) -> tuple[str, tuple[Piece, ...]]:
        """How the file writes a name, and what that takes: imports, or a blocker when the name means something else."""
        found = spell(self.file, module, name)
        if isinstance(found, Refusal):
            return name, (blocked("code-shape", where, found.message),)
        return found.text, found.requests

    def free(self, *wanted: str) -> str | None:
        """The first of the names that the file does not use yet."""
        return next((name for name in wanted if name not in self.code.names), None)

    def handlers(self, *points: Point) -> Iterator[Handler]:
        """Except clauses around the points, each once."""
        seen: set[Span] = set()
        for point in points:
            for step in point.path:
                if step.block.kind == "try" and step.arm == "body":
                    for handler in step.block.handlers:
                        if handler.header not in seen:
                            seen.add(handler.header)
                            yield handler

    def points(self, operation: Operation) -> tuple[Point, ...]:
        """Where an operation and what is done with its result can raise."""
        return operation.point, *(use.point for use in operation.handle.uses)
