"""What a task changes in its worker, and the parent looks at afterwards in its own, unchanged copy.

Knows the globals, parameters and attributes that worker code changes. It speaks only of what is blank in the parent, and
of what the parent itself never changes: there a look can be meant for nothing but the worker's changes. Must never know
a rule or an edit.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from poolaudit.evidence.afterwards import afterwards, called_afterwards
from poolaudit.evidence.blank import is_blank, is_none
from poolaudit.evidence.given import given
from poolaudit.evidence.looking import looks, rebound
from poolaudit.facts import Access, ClassFact, FileFacts, Function, GlobalUse, Operation, PoolSite, Span, Task, exclusive


class Lost(Struct, frozen=True):
    """A change that stays in the worker, and where the parent looks for it."""

    name: str
    """As the parent spells it: 'COUNT', 'self.found'."""
    write: Span
    read: Span


def lost_writes(operation: Operation, site: PoolSite, file: FileFacts) -> Iterator[Lost]:
    """What the task of an operation changes in vain, each name once."""
    task = operation.task
    if task is None or task.function is None or "globals" in file.names:
        return
    code = file.reachable(task.function)
    writes = any(use.how != "read" for function in code for use in function.globals)
    if not writes and all(access.how == "read" for function in code for access in file.accesses.get(function.id, ())):
        return
    spared = _run_in_parent(code, file)
    yield from _globals(operation, task, site, file, spared)
    if task.function not in spared and not _have_hold(file):
        yield from _arguments(operation, task, file)
        yield from _attributes(operation, task, file)


def _run_in_parent(code: tuple[Function, ...], file: FileFacts) -> frozenset[int]:
    """Functions of the worker that the parent runs itself as well, in a thread perhaps, and so may change its own copy."""
    own = {function.id: function.name for function in code}
    sent = [operation.point for _, operation in file.operations() if operation.process_only]
    called = {callee for call in file.local_calls if call.function not in own for callee in call.callees}
    for _, operation in file.operations():
        if not operation.process_only and operation.task is not None and operation.task.function is not None:
            called.add(operation.task.function)
    for function in file.functions.values():
        if function.id in own:
            continue
        if all(point.scope != function.id for point in sent):
            called.update(function.calls)
        else:  # where tasks are sent, what is named in other statements
            named = {use.name for use in function.globals if not any(use.span in point.statement.span for point in sent)}
            called |= {identity for identity, name in own.items() if name in named}
    return frozenset(function.id for function in file.reachable(*(own.keys() & called)))


def _have_hold(file: FileFacts) -> bool:
    """A callback may have hold of a local object, and change it in the parent."""
    callbacks = [callback for _, operation in file.operations() for _, callback in operation.callbacks]
    return any(callback.partial or callback.kind not in ("function", "imported") for callback in callbacks)


# --- globals


def _globals(operation: Operation, task: Task, site: PoolSite, file: FileFacts, spared: frozenset[int]) -> Iterator[Lost]:
    code = file.reachable(task.function)
    initializer = site.initializer.function if site.initializer is not None else None
    prepared = {function.id for function in file.reachable(initializer)}
    in_worker = {function.id for function in code} | prepared
    written: dict[str, list[GlobalUse]] = {}
    for function in code:
        for use in function.globals:
            if use.how != "read":
                written.setdefault(use.name, []).append(use)
    for name, writes in sorted(written.items()):
        others = [use for use in file.globals.get(name, ()) if use.function not in in_worker - prepared]
        if not others or any(use.function in spared for use in writes) or any(use.function in prepared for use in others):
            continue
        if all(use.how == "assign" and is_blank(use.value) for use in others) and not _is_own(name, others, code):
            constant = all(use.value is not None and use.value.kind == "const" for use in others)
            read = _global_read(name, operation, in_worker, constant, file)
            if read is not None:
                yield Lost(name, writes[0].span, read)


def _is_own(name: str, others: list[GlobalUse], code: tuple[Function, ...]) -> bool:
    """None until a process makes its own, which it then uses."""
    read = any(use.name == name and use.how == "read" for function in code for use in function.globals)
    return read and any(is_none(use.value) for use in others)


def _global_read(name: str, operation: Operation, in_worker: set[int], constant: bool, file: FileFacts) -> Span | None:
    """Where the parent looks at it afterwards; None also where something may change it out of sight."""
    found: list[Span] = []
    for here in afterwards(file, operation.point):
        for access in file.accesses.get(here.scope, ()):
            if access.name != name:
                continue
            if not constant and not _is_look(access, file):
                return None
            if access.point.order > here.order and not exclusive(here, access.point):
                found.append(access.point.span)
    for identity in sorted(called_afterwards(file, operation.point) - in_worker):
        function = file.functions[identity]
        for use in function.globals:
            if use.name == name and use.how == "read":
                if not constant and not looks(file, function.span, function.indent, use.span):
                    return None
                found.append(use.span)
    return found[0] if found else None


def _is_look(access: Access, file: FileFacts, *, attribute: bool = False) -> bool:
    statement = access.point.statement
    return looks(file, statement.span, statement.indent, access.point.span, attribute=attribute)


# --- what the task is given


def _arguments(operation: Operation, task: Task, file: FileFacts) -> Iterator[Lost]:
    """Containers that the task gets and changes."""
    assert task.function is not None
    changed = {each.name: each for each in file.accesses.get(task.function, ()) if each.how == "mutate" and not each.attribute}
    for parameter, value in given(operation, task, file.functions[task.function]):
        if parameter in changed and value.text.isidentifier() and value.kind != "const" and is_blank(value):
            if rebound(file, operation.point.scope, value.text):
                continue
            accesses = _accesses(value.text, operation, file)
            reads = [each for each in accesses if _is_behind(each, operation)]
            if reads and all(each.how == "read" and _is_look(each, file) for each in accesses):
                yield Lost(value.text, changed[parameter].point.span, reads[0].point.span)


def _attributes(operation: Operation, task: Task, file: FileFacts) -> Iterator[Lost]:
    """Attributes of the object that the task is a method of."""
    owner = file.classes.get(task.class_id) if task.class_id is not None and task.kind == "method" else None
    name = task.receiver.text if task.receiver is not None else ""
    if owner is None or not name.isidentifier() or rebound(file, operation.point.scope, name):
        return
    code = {function.id for function in file.reachable(task.function) if function.class_id == owner.id}
    writes = [each for identity in sorted(code) for each in file.accesses.get(identity, ()) if each.name == "self"]
    done: set[str] = set()
    for write in writes:
        if (
            write.how == "read"
            or not write.attribute
            or write.attribute in done
            or not _starts_blank(write.attribute, owner, code)
        ):
            continue
        done.add(write.attribute)
        constant = all(store.value and store.value.kind == "const" for store in owner.stores if store.name == write.attribute)
        read = _attribute_read(name, write.attribute, constant, owner, operation, file)
        if read is not None:
            yield Lost(f"{name}.{write.attribute}", write.point.span, read)


def _starts_blank(attribute: str, owner: ClassFact, code: set[int]) -> bool:
    """Apart from the worker, only __init__ sets it, to something blank that is not None."""
    stores = [store for store in owner.stores if store.name == attribute and store.point.scope not in code]
    return bool(stores) and all(
        store.point.scope == owner.methods.get("__init__") and is_blank(store.value) and not is_none(store.value)
        for store in stores
    )


def _attribute_read(
    name: str, attribute: str, constant: bool, owner: ClassFact, operation: Operation, file: FileFacts
) -> Span | None:
    """Where the scope of the operation looks at it afterwards; None also where a method may change it."""
    data = {store.name for store in owner.stores}
    found: list[Span] = []
    for access in _accesses(name, operation, file):
        if access.attribute not in data:
            return None  # a method, or the object itself goes somewhere
        if access.attribute != attribute:
            continue
        if access.how != "read" or not (constant or _is_look(access, file, attribute=True)):
            return None
        if _is_behind(access, operation):
            found.append(access.point.span)
    return found[0] if found else None


def _accesses(name: str, operation: Operation, file: FileFacts) -> list[Access]:
    """What the scope of the operation does with a name, apart from handing it to workers."""
    sent = [other.point.span for _, other in file.operations() if other.point.scope == operation.point.scope]
    found = [access for access in file.accesses.get(operation.point.scope, ()) if access.name == name]
    return [access for access in found if not any(access.point.span in span for span in sent)]


def _is_behind(access: Access, operation: Operation) -> bool:
    return access.point.order > operation.point.order and not exclusive(operation.point, access.point)
