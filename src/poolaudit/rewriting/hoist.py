"""Moves a lambda or a nested function to module level, where a worker can import it, as a fix.

Knows what the names that a function uses mean in its file, and how those of the function around it become keyword-only
parameters that functools.partial binds. What cannot be proven to mean the same is refused, with the reason.
Must never know a rule or libcst.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable

from poolaudit import imports
from poolaudit.edits import Caveat, Edit, Fix, ImportRequest, insert, replace
from poolaudit.facts import MODULE_SCOPE, FileFacts, Function, GlobalUse, Operation, Span, Value
from poolaudit.rewriting.freestanding import (
    Refused,
    bindings,
    dedented,
    free_names,
    has_plain_defaults,
    is_alone,
    outer_names,
    parsed,
    with_keywords,
)

__all__ = ["Refused", "hoist"]

FRAME_DEPENDENT = frozenset({"super", "__class__", "locals", "vars", "dir", "eval", "exec"})
"""Names whose meaning is the place where the function stands."""

PLAIN_CALLS = frozenset(
    f"builtins.{name}" for name in ("bool", "bytes", "complex", "float", "int", "len", "range", "repr", "str")
)
"""Calls that give plain data whatever they are given."""


def hoist(file: FileFacts, function: Function, operation: Operation) -> Fix:
    """A fix that moves `function`, which `operation` sends to a worker, to module level.

    A lambda that is bound at module level becomes a def on the spot. Else a def is inserted before the statement of module level
    that holds the operation, and before one that makes the pool while the file is imported. Raises Refused.
    """
    if function.span.path:
        raise Refused("it is defined in another file")
    if not function.is_lambda:
        return _hoist_def(file, function, operation)
    name = _module_level_name(file, function)
    return _in_place(file, function, name) if name else _hoist_lambda(file, function, operation)


def _module_level_name(file: FileFacts, function: Function) -> str | None:
    """The name in `name = lambda ..`, alone on lines of module level."""
    start, end = _line_start(file.text, function.span.start), _line_end(file.text, function.span.end)
    before = re.fullmatch(r"(\w+)[ \t]*=[ \t]*", file.text[start : function.span.start])
    after = file.text[function.span.end : end].strip()
    return before[1] if before and (not after or after.startswith("#")) else None


def _in_place(file: FileFacts, function: Function, name: str) -> Fix:
    """`name = lambda n: n + 1` becomes a def, with two blank lines around it."""
    start, end = _line_start(file.text, function.span.start), _line_end(file.text, function.span.end)
    top, newline = _above_comments(file.text, start, ""), _newline(file.text)
    above, below = file.text[:top].splitlines(), file.text[end:].splitlines()[1:]
    edits = [
        replace(Span(start, function.span.end), _lambda_as_def(file, function, name, _slice(file, function.parameters_span)))
    ]
    if above:
        edits.append(insert(top, newline * (2 - _blank(reversed(above)))))
    if below:
        edits.append(insert(end, newline * (2 - _blank(below))))
    caveats = _changes(file, function)
    made = tuple(edit for edit in edits if edit.replacement)
    return Fix(f"make `{name}` a def", "unsafe" if caveats else "safe", made, caveats=caveats)


def _hoist_lambda(file: FileFacts, function: Function, operation: Operation) -> Fix:
    place = _place(file, function, operation)
    statement = parsed(f"({_slice(file, function.span)})")
    node = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(node, ast.Lambda):
        raise Refused("its text is not a lambda by itself")
    if outer_names(node) or not has_plain_defaults(node):
        raise Refused("its defaults are made where it stands")
    bound, caveats = _surroundings(file, function, operation, free_names(node), function.span in operation.point.span)
    name = _new_name(file, function)
    moved = _lambda_as_def(file, function, name, with_keywords(_slice(file, function.parameters_span), node.args, bound))
    reference, requests = _reference(file, name, bound)
    return Fix(
        f"move the lambda to a module-level function, `{name}`",
        "unsafe" if caveats else "safe",
        (insert(place, moved + _newline(file.text) * 3), replace(function.span, reference)),
        requests,
        caveats,
    )


def _lambda_as_def(file: FileFacts, function: Function, name: str, parameters: str) -> str:
    """The lambda as a def, without a newline at its end."""
    if function.is_generator:
        raise Refused("it is a generator")
    head = f"def {name}({parameters.strip()}):{_newline(file.text)}{_indentation(file.text)}return "
    body = _slice(file, function.body)
    try:
        parsed(head + body)
    except Refused:  # a body of several lines, which the parentheses of the call held together
        body = f"({body})"
    parsed(head + body)
    return head + body


def _hoist_def(file: FileFacts, function: Function, operation: Operation) -> Fix:
    place = _place(file, function, operation)
    node = _plain_def(file, function)
    used = free_names(node)
    bound, caveats = _surroundings(file, function, operation, [name for name in used if name != function.name], early=False)
    stays = not bound and _is_free_at_module_level(file, function.name, operation.point.statement.top)
    if function.name in used and not stays:
        raise Refused("it calls itself by a name that it cannot keep")
    name = function.name if stays else _new_name(file, function)
    region = _region(file, function)
    moved = insert(place, _moved_def(file, function, region, name, node.args, bound) + _newline(file.text) * 3)
    reference, requests = _reference(file, name, bound)
    if stays:
        left = Edit(region.start, _next_code(file.text, region.end), "")
    else:
        left = replace(region, f"{function.indent}{function.name} = {reference}")
    title = f"move `{function.name}` to module level" + ("" if stays else f", as `{name}`")
    return Fix(title, "unsafe" if caveats else "safe", (moved, left), requests, caveats)


def _plain_def(file: FileFacts, function: Function) -> ast.FunctionDef:
    """The def, when moving it changes nothing but its place. Raises Refused."""
    node = parsed(dedented(_slice(file, function.span), function.indent))
    if function.is_generator or not isinstance(node, ast.FunctionDef):
        raise Refused("it is a coroutine or a generator")
    if node.decorator_list or getattr(node, "type_params", None):
        raise Refused("it is decorated or generic")
    if not has_plain_defaults(node) or not all(_is_known_everywhere(file, name) for name in outer_names(node)):
        raise Refused("its defaults or annotations are made where it stands")
    parent = file.functions.get(function.parent)
    outer = parsed(dedented(_slice(file, parent.span), parent.indent)) if parent and not parent.is_lambda else None
    if not isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef)):
        raise Refused("it does not stand directly in a function")
    if function.class_id is not None or is_alone(outer, function.name):
        raise Refused("nothing would be left where it stands")
    if bindings(outer, function.name) != 1:
        raise Refused(f"`{function.name}` is bound in several places")
    return node


def _moved_def(
    file: FileFacts, function: Function, region: Span, name: str, arguments: ast.arguments, bound: tuple[str, ...]
) -> str:
    """The def with its comments, as it stands at module level."""
    assert function.name_span is not None
    parts = (
        file.text[region.start : function.name_span.start],
        name,
        file.text[function.name_span.end : function.parameters_span.start],
        with_keywords(_slice(file, function.parameters_span), arguments, bound)
        if bound
        else _slice(file, function.parameters_span),
        file.text[function.parameters_span.end : region.end],
    )
    moved = dedented("".join(parts), function.indent)
    parsed(moved)
    return moved


def _region(file: FileFacts, function: Function) -> Span:
    """Whole lines, without the last newline: comments right above the def, the def, comments that belong to its end."""
    text, indent = file.text, function.indent
    start, end = _line_start(text, function.span.start), _line_end(text, function.span.end)
    after = text[function.span.end : end].strip()
    if text[start : function.span.start] != indent or (after and not after.startswith("#")):
        raise Refused("it shares a line with another statement")
    deeper = re.compile(rf"\r?\n{re.escape(indent)}[ \t]+#[^\n\r]*")
    while found := deeper.match(text, end):
        end = found.end()
    return Span(_above_comments(text, start, indent), end)


def _surroundings(
    file: FileFacts, function: Function, operation: Operation, names: Iterable[str], early: bool
) -> tuple[tuple[str, ...], tuple[Caveat, ...]]:
    """The names that must be bound, in order, and what is not proven of them; no caveat: all are plain data that no one rebinds.

    `early`: the function is handed over where it stands, so that a name which changes later is meant as it is at that moment.
    Raises Refused.
    """
    captures = {capture.name: capture for capture in function.captures}
    targets = {target for step in operation.point.path for target in step.block.targets} if early else set()
    bound: list[str] = []
    caveats: list[Caveat] = []
    for name in names:
        if name in FRAME_DEPENDENT or name in ("self", "cls") or (name.startswith("__") and not name.endswith("__")):
            raise Refused(f"it uses `{name}`")
        capture = captures.get(name)
        if capture is None and name not in targets and _is_known_everywhere(file, name):
            _check_order(file, name, operation)
            continue
        varies = name in targets or (capture is not None and capture.rebound)
        if varies and not early:
            raise Refused(f"`{name}` is bound again after it")
        value = capture.value if capture else _only_value(file, name)
        if value is None and not varies:
            raise Refused(f"`{name}` is not known at module level")
        if value is not None and value.kind in ("api", "module"):
            raise Refused(f"it uses `{name}`, which is imported where it stands")
        plain = _is_plain(file, value) if value and not varies else None
        if plain is False:
            raise Refused(f"it uses `{name}`, which cannot be pickled either")
        if plain is None:
            told = f"every task gets a copy of `{name}` as it is then: it must be picklable, and changes stay in the worker"
            caveats.append(Caveat("captured-value", told))
        bound.append(name)
    return tuple(bound), (*caveats, *_changes(file, function))


def _changes(file: FileFacts, function: Function) -> tuple[Caveat, ...]:
    """What it changes at module level, itself or through others, which nobody sees who asked for its result."""
    uses = (use for reached in file.reachable(function.id) for use in reached.globals)
    names = dict.fromkeys(use.name for use in uses if use.how != "read")
    return tuple(Caveat("changes-global", f"it changes `{name}`, and that change stays in the worker") for name in names)


def _is_plain(file: FileFacts, value: Value) -> bool | None:
    """True: constant data or a function of module level. False: it cannot be pickled. None: not known, or it may change."""
    if value.kind in ("lambda", "pool", "handle", "generator"):
        return False
    if value.kind == "function" and value.function is not None:
        function = file.functions.get(value.function)
        return not function.nested if function else None
    if value.kind == "const" or (value.kind == "call" and value.api in PLAIN_CALLS):
        return True
    if value.kind == "tuple" and value.length is not None:
        answers = {_is_plain(file, item) for item in value.items}
        return False if False in answers else None if None in answers else True
    return None


def _assignments(file: FileFacts, name: str) -> list[GlobalUse]:
    return [use for use in file.globals.get(name, ()) if use.how == "assign"]


def _only_value(file: FileFacts, name: str) -> Value | None:
    """What the only assignment of a name of module level gives it."""
    assigned = _assignments(file, name)
    return assigned[0].value if len(assigned) == 1 and assigned[0].function == MODULE_SCOPE else None


def _is_known_everywhere(file: FileFacts, name: str) -> bool:
    """Importing the file binds the name, or it is a builtin: a worker that imports the file has it."""
    assigned = _assignments(file, name)
    if any(found.name == name and found.module_level and not found.under_guard for found in file.imports):
        return True
    if any(not use.under_guard and use.function == MODULE_SCOPE and use.binding != "loop" for use in assigned):
        return True
    return not assigned and hasattr(builtins, name)


def _check_order(file: FileFacts, name: str, operation: Operation) -> None:
    """A pool made while the file is imported forks its workers then: what they use must be bound before. Raises Refused."""
    made = [site.at_import.span.start for site in map(file.sites.__getitem__, operation.sites) if site.at_import]
    assigned = [use.span.start for use in _assignments(file, name)]
    if made and assigned and min(assigned) > min(made):
        raise Refused(f"it uses `{name}`, which is bound after the pool is made")


def _is_free_at_module_level(file: FileFacts, name: str, top: Span) -> bool:
    """Nothing outside of the statement of module level `top` spells the name, and it is no builtin."""
    outside = file.text[: top.start] + "\n" + file.text[top.end :]
    return not hasattr(builtins, name) and re.search(rf"\b{re.escape(name)}\b", outside) is None


def _new_name(file: FileFacts, function: Function) -> str:
    """A name for the moved function that the file does not hold, another one for each function of the same origin."""
    origin = _origin(file, function)
    movable = (each for each in file.functions.values() if not each.span.path and (each.is_lambda or each.nested))
    rank = sorted(each.span.start for each in movable if _origin(file, each) == origin).index(function.span.start)
    stem = f"{origin}_task" if origin else "task"
    numbered = (f"{stem}_{number}" if number > 1 else stem for number in range(1, len(file.names) + rank + 2))
    return [name for name in numbered if name not in file.names][rank]


def _origin(file: FileFacts, function: Function) -> str:
    """What a moved function is called after: itself, or for a lambda the function around it."""
    around: Function | None = function
    while around and around.is_lambda:
        around = file.functions.get(around.parent)
    return around.name.strip("_") if around else ""


def _reference(file: FileFacts, name: str, bound: tuple[str, ...]) -> tuple[str, tuple[ImportRequest, ...]]:
    """The expression that stands for the moved function. Raises Refused."""
    if not bound:
        return name, ()
    partial = imports.spell(file, "functools", "partial")
    if isinstance(partial, imports.Refusal):
        raise Refused(f"functools.partial cannot be imported: {partial.message}")
    return f"{partial.text}({name}, {', '.join(f'{each}={each}' for each in bound)})", partial.requests


def _place(file: FileFacts, function: Function, operation: Operation) -> int:
    """Where the def goes: before the statement of module level, with its comments, that holds the operation or makes the pool.

    Raises Refused.
    """
    top = operation.point.statement.top
    if function.span not in top:
        raise Refused("it is defined elsewhere")
    sites = map(file.sites.__getitem__, operation.sites)
    offset = min([top.start, *(site.at_import.statement.top.start for site in sites if site.at_import)])
    if offset != _line_start(file.text, offset):
        raise Refused("the statement that holds it shares its line with another one")
    start = _above_comments(file.text, offset, "")
    return start or offset  # comments at the top of a file speak of the file


def _above_comments(text: str, start: int, indent: str) -> int:
    """The start of the comment lines of the same indentation right above `start`, or `start`."""
    while start and text.startswith(f"{indent}#", above := _line_start(text, start - 1)):
        start = above
    return start


def _slice(file: FileFacts, span: Span) -> str:
    return file.cut(span)


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _line_end(text: str, offset: int) -> int:
    """Where the line of `offset` ends, before its newline."""
    end = text.find("\n", offset)
    end = len(text) if end < 0 else end
    return end - text.startswith("\r", end - 1)


def _next_code(text: str, offset: int) -> int:
    """The start of the next line that is not blank."""
    found = re.compile(r"(?:[ \t\r]*\n)*").match(text, offset)
    return found.end() if found else offset


def _blank(lines: Iterable[str]) -> int:
    """How many of the lines are blank before the first that is not, two at most."""
    count = 0
    for line in lines:
        if line.strip() or count == 2:
            break
        count += 1
    return count


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _indentation(text: str) -> str:
    """The indentation of the file's first block; four spaces when there is none."""
    found = re.search(r":[ \t]*(?:#[^\n]*)?\r?\n(?:[ \t]*\r?\n)*([ \t]+)\S", text)
    return found[1] if found else "    "
