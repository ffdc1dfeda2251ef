"""What a worker is asked to run: from the node of a task argument to a Task.

Knows a solved trace. Must never know which tasks can be pickled: that is for rules.
"""

from __future__ import annotations

from typing import Literal, cast

from msgspec.structs import replace

from poolaudit.facts import Argument, Span, Task, Value
from poolaudit.survey import ir
from poolaudit.survey.families import canonical
from poolaudit.survey.functions import FunctionTable
from poolaudit.survey.objects import (
    CalledObject,
    ClassObject,
    ExternalObject,
    FunctionObject,
    InstanceObject,
    PartialObject,
)


def task_argument(node: ir.Call, method: str) -> int | None:
    """The node of the callable that an operation hands to its workers."""
    named = next((argument.value for argument in node.arguments if argument.keyword in ("func", "fn")), None)
    if named is not None:
        return named
    plain = []
    for argument in node.arguments:
        if argument.star:
            break
        if argument.keyword is None:
            plain.append(argument.value)
    executor_first = method == "run_in_executor" and not any(argument.keyword == "executor" for argument in node.arguments)
    position = 1 if executor_first else 0
    return plain[position] if len(plain) > position else None


class TaskTable:
    """Resolves tasks and makes sure that the functions and classes they name are among the facts."""

    def __init__(self, functions: FunctionTable) -> None:
        self.functions = functions
        self.describer = functions.describer
        self.solution = functions.solution
        self.trace = functions.trace

    def task(self, node: int) -> Task:
        span = self.trace.places.node(node)
        text = self.trace.cut(span)
        inline = not isinstance(self.trace.nodes[self.describer.follow(node)], (ir.Reference, ir.Attribute)) and (
            self.describer.follow(node) == node
        )
        task = self._resolve(node, span, text, inline, partial=False, bound=())
        return replace(task, made_by=self.describer.made_by(node))

    def _resolve(self, node: int, span: Span, text: str, inline: bool, *, partial: bool, bound: tuple[Argument, ...]) -> Task:
        def make(kind: str, **more: object) -> Task:
            return Task(
                kind=cast(Literal["unknown"], kind),
                name=text,
                span=span,
                partial=partial,
                bound=bound,
                inline=inline,
                **more,  # type: ignore[arg-type]
            )

        points = self.solution.points(node)
        if len(points) != 1 or not self.solution.sure(node):
            called = self._called(node)
            if called is not None:
                return make("called", function=called)
            is_parameter = isinstance(self.trace.nodes[self.describer.follow(node)], ir.ParameterValue) and not points
            return make("parameter" if is_parameter else "unknown")
        (only,) = points
        if isinstance(only, PartialObject) and not partial:
            return self._partial(only, span, text, inline) or make("unknown")
        if isinstance(only, FunctionObject):
            return make(
                self._function_kind(only),
                function=self._needed(only.function),
                class_id=only.bound,
                receiver=self._receiver(node),
            )
        if isinstance(only, ClassObject):
            self.functions.need_class(only.cls)
            return make("class", function=self._needed(self.solution.find_method(only.cls, "__init__")), class_id=only.cls)
        if isinstance(only, InstanceObject):
            self.functions.need_class(only.cls)
            return make("instance", function=self._needed(self.solution.find_method(only.cls, "__call__")), class_id=only.cls)
        if isinstance(only, ExternalObject):
            name = canonical(only.name)
            # a method of an object is no name that a worker could import
            return make("unknown" if "()" in name else "builtin" if name.startswith("builtins.") else "imported", api=name)
        if isinstance(only, CalledObject):
            return make("unknown", api=f"{canonical(only.name)}()")
        called = self._called(node)
        return make("unknown") if called is None else make("called", function=called)

    def _called(self, node: int) -> int | None:
        """The function of this file that `submit(f(x))` calls in place."""
        functions = self.solution.callees.get(node, set())
        if isinstance(self.trace.nodes[node], ir.Call) and len(functions) == 1:
            (function,) = functions
            if function not in {
                method for cls in self.trace.classes for name, method in cls.methods.items() if name == "__init__"
            }:
                return self._needed(function)
        return None

    def _needed(self, function: int | None) -> int | None:
        self.functions.need(function)
        return function

    def _function_kind(self, value: FunctionObject) -> str:
        record = self.trace.functions[value.function]
        if record.is_lambda:
            return "lambda"
        if record.class_id is not None:
            self.functions.need_class(record.class_id)
            return "method"
        return "function" if record.parent == record.module else "nested"

    def _receiver(self, node: int) -> Value | None:
        found = self.trace.nodes[node]
        return self.describer.value(found.base) if isinstance(found, ir.Attribute) else None

    def _partial(self, value: PartialObject, span: Span, text: str, inline: bool) -> Task | None:
        made = self.trace.nodes[value.call]
        assert isinstance(made, ir.Call)
        arguments = self.describer.arguments(value.call)
        if not arguments or arguments[0].star or arguments[0].keyword is not None:
            return None
        task = self._resolve(made.arguments[0].value, span, text, inline, partial=True, bound=arguments[1:])
        inner = self.trace.places.node(made.arguments[0].value)
        return Task(
            kind=task.kind,
            name=self.trace.cut(inner),
            span=span,
            partial=True,
            bound=arguments[1:],
            function=task.function,
            class_id=task.class_id,
            api=task.api,
            inline=inline,
            receiver=task.receiver,
        )
