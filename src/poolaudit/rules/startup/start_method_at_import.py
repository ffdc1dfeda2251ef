"""The start method is set where setting it fails: while a file is imported, a second time, or after its first use.

Why it hurts: set_start_method works once in a process, and not after a pool, a lock or a queue has settled the method:
then it raises a RuntimeError. A worker that is not forked starts with the method settled, and imports the file that it
comes from: at module level the call fails in every worker. A Pool starts new workers for ever, an executor fails with a
BrokenProcessPool.

When it is fine: below the main guard, before anything else of multiprocessing. With force=True. Where the RuntimeError
is caught. `fork` at module level: forked workers import nothing. `forkserver` at module level from Python 3.14, whose
fork server imports the program first.

Limitations: only files that work with process pools are looked at, and only methods that are written out.

Fix: puts the call at module level below a main guard of its own. Unsafe: a program that imports the file no longer gets
the start method from it. There is none in a file that is not a script: give the pool a context by get_context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.edits import Caveat, Fix, insert
from poolaudit.evidence.at_import import start
from poolaudit.evidence.caught import caught
from poolaudit.evidence.earlier import earlier
from poolaudit.facts import MODULE_SCOPE, FileFacts, LibraryCall, Point, PoolSite, find_argument
from poolaudit.rewriting.indent import Unindentable, deeper, newline
from poolaudit.rewriting.main_guard import GUARD
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import FORKSERVER_SINCE, Settings

_SETTERS = ("multiprocessing.set_start_method", "torch.multiprocessing.set_start_method")
_ASKS = ("__name__", "current_process", "parent_process", "get_start_method", "get_context")
"""Last parts of the names by which a program asks whether the method is settled, or it runs in a worker."""

_SETTLING = frozenset(
    f"multiprocessing.{name}"
    for name in (
        "Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier", "Queue", "JoinableQueue",
        "SimpleQueue", "Value", "Array", "Manager",
    )
)  # fmt: skip
"""Making one settles the start method (measured; Pipe, RawValue and RawArray do not)."""


_SUPPRESSES = re.compile(r"\b(?:suppress|raises|assertRaises\w*)\s*\(")


def check_file(file: FileFacts, settings: Settings) -> Iterator[Finding]:
    calls = [call for call in file.library_calls if call.api in _SETTERS]
    for call in calls:
        if _is_spared(call, file):
            continue
        settled = next(_settled_before(call, calls, file), None)
        if settled is not None:
            point, why = settled
            yield Finding(
                call.point.span,
                f"the start method is settled already: {why}, and set_start_method raises a RuntimeError",
                related=(Related(point.span, why),),
                notes=("set it once, below the main guard, before anything else of multiprocessing",),
            )
        elif _fails_in_workers(call, file, settings):
            yield _at_import(call, file)


def _is_spared(call: LibraryCall, file: FileFacts) -> bool:
    """It may be repeated, its error is caught, or the code asks before."""
    force = find_argument(call.arguments, "force", 1)
    if force is not None and not (force.value.kind == "const" and not force.value.const):
        return True
    blocks = [step.block for step in call.point.path]
    asked = any(name.endswith(_ASKS) for block in blocks if block is not file.guard for name in block.tests)
    suppressed = any(block.kind == "with" and _SUPPRESSES.search(file.cut(block.header)) for block in blocks)
    return asked or suppressed or caught(call.point, "builtins.RuntimeError")


def _settled_before(call: LibraryCall, setters: list[LibraryCall], file: FileFacts) -> Iterator[tuple[Point, str]]:
    """What settles the method in this process before the call."""
    for other in setters:
        if other is not call and earlier(other.point, call.point, file):
            yield other.point, "it has been set before"
    for site in file.sites:
        if _is_default(site) and earlier(site.point, call.point, file):
            yield site.point, f"the {'Pool' if site.kind == 'pool' else 'executor'} is made before"
    for made in file.library_calls:
        if made.api in _SETTLING and earlier(made.point, call.point, file):
            yield made.point, f"the {made.api.rpartition('.')[2]} is made before"


def _is_default(site: PoolSite) -> bool:
    """A process pool whose start method is not its own."""
    return site.is_process and not site.foreign and site.start_method is None


def _fails_in_workers(call: LibraryCall, file: FileFacts, settings: Settings) -> bool:
    """Workers of a pool of this file import the file, and with it the call."""
    at_import = call.function in file.called_at_import or (call.function == MODULE_SCOPE and not call.under_guard)
    method = find_argument(call.arguments, "method", 0)
    fresh = method is not None and method.value.const in ("spawn", "forkserver")
    if not (at_import and fresh) or file.path.endswith((".ipynb", "__main__.py")):
        return False
    if method is not None and method.value.const == "forkserver" and min(settings.targets) >= FORKSERVER_SINCE:
        return False
    return any(_is_default(site) and (_is_program(file) or _finds_tasks_here(site, file)) for site in file.sites)


def _is_program(file: FileFacts) -> bool:
    """It is run, not imported: the call itself, which is visible work of module level, does not tell."""
    return file.guard is not None or file.text.startswith("#!")


def _finds_tasks_here(site: PoolSite, file: FileFacts) -> bool:
    tasks = [site.initializer, *(operation.task for operation in site.operations if operation.process_only)]
    functions = [file.functions.get(task.function) for task in tasks if task is not None and task.function is not None]
    return any(function is not None and not function.span.path for function in functions)


def _at_import(call: LibraryCall, file: FileFacts) -> Finding:
    try:
        fix = _guarded(call, file)
    except Unindentable:
        fix = None
    return Finding(
        call.point.span,
        "every worker imports this file and sets the start method again, which raises a RuntimeError: no worker can start",
        label="runs again in every worker",
        # mostly a question of the platform
        severity="warning" if any(step.block.kind == "if" for step in call.point.path) else None,
        notes=() if fix else ("set it below the main guard, or give the pool a context: `get_context(..).Pool(..)`",),
        fix=fix,
    )


def _guarded(call: LibraryCall, file: FileFacts) -> Fix | None:
    """The call below a main guard, where it is a statement of module level of a script whose pools wait for the guard."""
    statement = call.point.statement
    plain = call.function == MODULE_SCOPE and not call.point.path and statement.form == "expression" and statement.alone
    if not (plain and _is_program(file)) or any(start(site, file) for site in file.sites if site.is_process):
        return None
    opening, *others = deeper(file.text, statement.span)
    head = insert(opening.start, f"{GUARD}{newline(file.text)}{opening.replacement}")
    return Fix(
        f"set it below `{GUARD}`",
        "unsafe",
        (head, *others),
        caveats=(Caveat("importers-keep-theirs", "a program that imports this file no longer gets the start method from it"),),
    )


RULE = Rule(
    code="PA307",
    name="start-method-at-import",
    severity="error",
    check_file=check_file,
    fix="unsafe",
    doc=__doc__,
)
