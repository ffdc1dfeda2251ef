"""What names, classes and decorators plainly lead to, by their bindings alone.

Knows scopes, inheritance within the project and the modules that were read. Must never know an API.
"""

from __future__ import annotations

import builtins

from poolaudit.survey import ir
from poolaudit.survey.families import canonical
from poolaudit.survey.worklist import Worklist


class Scopes(Worklist):
    """Scopes, classes and decorators: what names plainly lead to, before anything is solved."""

    def __init__(self, trace: ir.Trace) -> None:
        super().__init__(trace)
        self.class_bases: list[list[int]] = []
        self.class_external_bases: list[list[str]] = []
        self._family: list[int] = []
        self._mro: dict[int, list[int]] = {}
        self._decorator_names: list[tuple[str, ...]] = []
        self._prepare()

    def decorators(self, function: int) -> tuple[str, ...]:
        """Canonical names of a function's decorators; '' for those that are not external."""
        return self._decorator_names[function]

    def mro(self, cls: int) -> list[int]:
        """The class and its bases within the file, depth first."""
        known = self._mro.get(cls)
        if known is not None:
            return known
        found: list[int] = []
        todo = [cls]
        while todo:
            current = todo.pop(0)
            if current not in found:
                found.append(current)
                todo.extend(self.class_bases[current])
        self._mro[cls] = found
        return found

    def find_method(self, cls: int, name: str) -> int | None:
        return next((self.trace.classes[c].methods[name] for c in self.mro(cls) if name in self.trace.classes[c].methods), None)

    def external_bases(self, cls: int) -> tuple[str, ...]:
        return tuple(base for c in self.mro(cls) for base in self.class_external_bases[c])

    def bindings(self, name: str, scope: int) -> tuple[int, list[ir.Bound]] | None:
        """The scope that binds a free name, and its bindings there."""
        current = scope
        while True:
            function = self.trace.functions[current]
            found = None if name in function.globals and not function.is_module else function.bindings.get(name)
            if found:
                return current, found
            if function.is_module:
                return None
            current = function.module if name in function.globals else function.parent

    def _prepare(self) -> None:
        trace = self.trace
        for cls in trace.classes:
            bases: list[int] = []
            externals: list[str] = []
            for base in cls.bases:
                found = self.static(base)
                if isinstance(found, int):
                    bases.append(found)
                elif found:
                    externals.append(canonical(found))
            self.class_bases.append(bases)
            self.class_external_bases.append(externals)
        # classes related by inheritance share the cells of their attributes
        self._family = list(range(len(trace.classes)))

        def root(cls: int) -> int:
            while self._family[cls] != cls:
                cls = self._family[cls]
            return cls

        for cls_id, bases in enumerate(self.class_bases):
            for base in bases:
                self._family[root(cls_id)] = root(base)
        self._family = [root(cls) for cls in range(len(trace.classes))]
        for function in trace.functions:
            names = []
            for decorator in function.decorators:
                node = trace.nodes[decorator]
                found = self.static(node.callee if isinstance(node, ir.Call) else decorator)
                names.append(canonical(found) if isinstance(found, str) else "")
            self._decorator_names.append(tuple(names))

    def static(self, node: int, depth: int = 0) -> int | str | None:
        """What a name plainly leads to, by its bindings alone: a class id, or a canonical external name."""
        value = self.trace.nodes[node]
        if depth > 20:
            return None
        if isinstance(value, ir.ClassValue):
            return value.cls
        if isinstance(value, ir.External):
            return self._static_external(value.name, depth)
        if isinstance(value, ir.Attribute):
            base = self.static(value.base, depth + 1)
            return self._static_external(f"{base}.{value.name}", depth) if isinstance(base, str) else None
        if isinstance(value, ir.Reference):
            if value.target is not None:
                return self.static(value.target, depth + 1)
            found = self.bindings(value.name, value.scope)
            if found is None:
                return f"builtins.{value.name}" if hasattr(builtins, value.name) else None
            return self.static(found[1][-1].node, depth + 1)
        if isinstance(value, ir.Choice) and value.parts:
            return self.static(value.parts[0], depth + 1)
        return None

    def _static_external(self, name: str, depth: int) -> int | str | None:
        """The name, or what the project's own module binds to it where that module was read."""
        module, rest = self._split(name)
        if module is None or len(rest) != 1:
            return name
        found = self.trace.functions[module].bindings.get(rest[0])
        return name if found is None else self.static(found[-1].node, depth + 1)

    def _split(self, name: str) -> tuple[int | None, list[str]]:
        """The scope of the longest prefix of a dotted name that is a module read, and the parts behind it."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            scope = self.trace.module_scopes.get(".".join(parts[:length]))
            if scope is not None:
                return scope, parts[length:]
        return None, parts

    def _is_receiver(self, function: int, name: str) -> bool:
        """The parameter is the first one of a method."""
        record = self.trace.functions[function]
        if record.class_id is None or not record.parameters or record.is_lambda:
            return False
        return record.parameters[0].name == name and "builtins.staticmethod" not in self._decorator_names[function]
